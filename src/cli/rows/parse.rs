//! One function a format: every row that can be read, and every one that cannot with the reason.

use serde_json::{Map, Value};

use super::{Found, Skipped};
use crate::error::{Error, Result};
use crate::text::Text;
use crate::train::{LABEL_SEPARATOR, Row};

/// What a damaged character became when the file was decoded.
const DAMAGED: char = '\u{fffd}';

pub(super) fn delimited(place: &str, text: &str, delimiter: u8) -> Result<Found> {
    let invalid = |reason: String| Error::FileInvalid {
        place: place.to_owned(),
        reason,
    };
    let reader = |text| {
        csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .has_headers(false)
            .from_reader(text)
    };
    let mut found = Found::default();
    let mut columns: Option<Columns> = None;
    // where the reader began, in bytes and lines
    let (mut start, mut line) = (0, 1);
    let mut records = reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    loop {
        let position = records.position().clone();
        let at = start + offset(position.byte());
        if !records
            .read_record(&mut record)
            .map_err(|error| invalid(error.to_string()))?
        {
            break;
        }
        let own = &text[at.min(text.len())..];
        // the record's own first line: blank ones before it are passed over
        let blank = own.len() - own.trim_start_matches(['\r', '\n']).len();
        let breaks = own[..blank].matches('\n').count();
        let number = line + offset(position.line()) - 1 + breaks;
        let end = start + offset(records.position().byte());
        let is_open = end >= text.len() && own.matches('"').count() % 2 == 1;
        if is_open && own[blank..].trim_end().contains('\n') {
            found.skip(number, "it opens a quote that is never closed");
            let end = own[blank..]
                .find('\n')
                .map_or(own.len(), |end| blank + end + 1);
            start = at + end;
            line = number + 1;
            records = reader(&text.as_bytes()[start..]);
            continue;
        }
        let Some(columns) = &columns else {
            columns = Some(Columns::of(&record).map_err(invalid)?);
            continue;
        };
        match columns.row(&record) {
            Ok(row) => found.push(number, row),
            Err(reason) => found.skip(number, &reason),
        }
    }
    if columns.is_none() {
        return Err(invalid("it is empty".into()));
    }
    Ok(found)
}

/// A place in a file that is in memory, so it fits.
fn offset(place: u64) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// Which columns of a file are read.
struct Columns {
    count: usize,
    first: usize,
    second: Option<usize>,
    label: Option<usize>,
}

impl Columns {
    fn of(header: &csv::StringRecord) -> std::result::Result<Self, String> {
        let column = |name: &str| {
            let is = |found: &str| found.trim().eq_ignore_ascii_case(name);
            header.iter().position(is)
        };
        let first = column("text").ok_or_else(|| {
            let found: Vec<_> = header.iter().collect();
            format!(
                "its first line must name a column \"text\" (and \"label\", perhaps \"text2\"); it is: {}",
                found.join(", ")
            )
        })?;
        Ok(Self {
            count: header.len(),
            first,
            second: column("text2"),
            label: column("label"),
        })
    }

    fn row(&self, record: &csv::StringRecord) -> std::result::Result<Row, String> {
        if record.len() != self.count {
            return Err(format!("it has {} of {} columns", record.len(), self.count));
        }
        let cell = |column: usize| record.get(column).unwrap_or_default().to_owned();
        Ok(Row {
            text: Text {
                first: cell(self.first),
                second: self.second.map(cell),
            },
            label: self.label.map(cell),
        })
    }
}

pub(super) fn json_lines(text: &str) -> Found {
    let mut found = Found::default();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        match json_row(line) {
            Ok(row) => found.push(index + 1, row),
            Err(reason) => found.skip(index + 1, &reason),
        }
    }
    found
}

fn json_row(line: &str) -> std::result::Result<Row, String> {
    let map: Map<String, Value> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let string = |field: &str| match map.get(field) {
        None | Some(Value::Null) => None,
        Some(value) => Some(plain(value)),
    };
    Ok(Row {
        text: Text {
            first: string("text").ok_or("it has no \"text\"")?,
            second: string("text2"),
        },
        label: string("label"),
    })
}

/// A string without its quotes, the labels of a list joined, anything else as JSON has it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(labels) => {
            let labels: Vec<String> = labels.iter().map(plain).collect();
            labels.join(&LABEL_SEPARATOR.to_string())
        }
        other => other.to_string(),
    }
}

/// A word, a tab and its tag a line, perhaps with other columns between; a line that is blank ends a
/// sentence. The words are joined by spaces, and so are the tags. A sentence with a line that cannot be
/// read is left out as a whole.
pub(super) fn sentences(text: &str) -> Found {
    let mut found = Found::default();
    let (mut words, mut tags): (Vec<&str>, Vec<&str>) = Default::default();
    let (mut first, mut broken) = (1, None);
    let lines = text.lines().chain([""]);
    for (index, line) in lines.enumerate() {
        if line.trim().is_empty() || line.starts_with("-DOCSTART-") {
            if let Some(line) = broken.take() {
                found.skip(
                    line,
                    "it must be a word without spaces, a tab and the word's tag",
                );
            } else if !words.is_empty() {
                let row = Row {
                    text: words.join(" ").as_str().into(),
                    label: Some(tags.join(" ")),
                };
                found.push(first, row);
            }
            words.clear();
            tags.clear();
            first = index + 2;
            continue;
        }
        match line.trim_end().split_once('\t') {
            Some((word, rest)) if !word.is_empty() && !word.contains(char::is_whitespace) => {
                words.push(word);
                tags.push(rest.rsplit('\t').next().unwrap_or(rest).trim());
            }
            _ => broken = broken.or(Some(index + 1)),
        }
    }
    found
}

impl Found {
    fn push(&mut self, line: usize, row: Row) {
        let has = |text: &str| text.contains(DAMAGED);
        if has(&row.text.first) || row.text.second.as_deref().is_some_and(has) {
            self.skip(line, "it has characters that are not UTF-8");
            return;
        }
        self.rows.push(row);
        self.lines.push(line);
    }

    fn skip(&mut self, line: usize, reason: &str) {
        self.skipped.push(Skipped {
            line,
            reason: reason.to_owned(),
        });
    }
}
