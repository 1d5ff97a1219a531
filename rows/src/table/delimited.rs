//! Finds the rows of delimited text.

use std::borrow::Cow;

use super::format::Format;
use super::{Layout, Source, Table};
use crate::columns::Columns;
use crate::delimited::{Dialect, Habits, Pieces, Scanner};
use crate::encoding::Encoding;
use crate::findings::{FindingKind, RowFindings};
use crate::options::{Options, Refusal};
use crate::sniff;

/// The largest number of columns that are kept.
const MOST_COLUMNS: usize = 500;

/// The largest number of characters of a column's name that are kept.
const MOST_NAME: usize = 200;

/// A column's name as it is in the file, truncated if it is too long for a name.
fn column_name(cell: &str) -> String {
    let name = cell.trim();
    match name.char_indices().nth(MOST_NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

impl Table {
    /// `quoted` is whether cells may stand between quotes.
    pub(super) fn delimited(
        text: String,
        encoding: Encoding,
        options: &Options,
        quoted: bool,
    ) -> Result<Self, Refusal> {
        let mut notes = Vec::new();
        let (said, base) = match sniff::sep_line(&text) {
            Some((delimiter, next)) => (Some(delimiter), next),
            None => (None, 0),
        };
        let body = &text[base..];
        let delimiter = match options.delimiter {
            Some(delimiter) if sniff::is_delimiter(delimiter) => u8::try_from(delimiter).ok(),
            Some(other) => {
                return Err(Refusal::new(
                    "option_invalid",
                    format!(
                        "{other:?} cannot stand between cells: the delimiter is one character such as , ; | or a tab."
                    ),
                ));
            }
            None => said.or_else(|| sniff::delimiter(body, options.name.as_deref())),
        };
        let mut dialect = Dialect {
            quoted,
            ..Dialect::of(delimiter)
        };
        let mut habits = None;
        if let Some(delimiter) = delimiter.filter(|_| quoted) {
            let width = sniff::usual_width(body, dialect);
            habits = Habits::of(body, delimiter, width);
            dialect = sniff::dialect(body, delimiter, width, habits.as_ref());
            if dialect.escaped {
                notes.push("Backslashes stand before quotes in this file.".to_owned());
            }
            if dialect.quote == b'\'' {
                notes.push("Cells of this file stand between single quotes.".to_owned());
            }
            if !dialect.quoted {
                notes.push(
                    "Quotes in this file are characters like others: its cells are not quoted."
                        .to_owned(),
                );
            }
        }
        let first = sniff::first_records(body, dialect, habits.as_ref());
        let usual = sniff::usual_width(body, dialect);
        let mut above = match options.header {
            Some(false) => 0,
            _ => sniff::lines_above(&first, usual),
        };
        let header = options
            .header
            .unwrap_or_else(|| above > 0 || sniff::is_header(&first));
        // R writes no name above the names of the rows
        let unnamed = first.get(above).is_some_and(|names| {
            let rows = &first[(above + 1).min(first.len())..];
            let is_full = |row: &&Vec<Cow<'_, str>>| {
                row.len() == usual && row.last().is_some_and(|cell| !cell.trim().is_empty())
            };
            let full = rows.iter().filter(is_full).count();
            header && names.len() + 1 == usual && full > 0 && full * 10 >= rows.len() * 9
        });
        drop(first);
        if above > 0 {
            notes.push(match above {
                1 => "A line above the names of the columns was passed over.".to_owned(),
                _ => format!("{above} lines above the names of the columns were passed over."),
            });
        }

        let mut end = None;
        let filled = memchr::memchr2_iter(b'\n', b'\r', body.as_bytes()).filter(|&at| {
            let before = end.replace(at);
            before.is_none_or(|before| before + 1 < at)
        });
        let lines = filled.count();
        let (mut starts, mut numbers) = (Vec::new(), Vec::new());
        starts.reserve_exact(lines + 1);
        numbers.reserve_exact(lines + 1);
        let mut faults = RowFindings::default();
        let mut names: Option<Vec<String>> = (!header).then(Vec::new);
        let mut width = usual;
        let mut pieces = Pieces::keeping(MOST_COLUMNS);
        let mut scanner = Scanner::new(&text, base, dialect, habits.as_ref());
        while let Some(found) = scanner.next(&mut pieces) {
            if found.misquoted {
                faults.add(FindingKind::Misquoted, found.number);
                continue;
            }
            let filled = pieces.width(&text);
            if filled == 0 {
                continue;
            }
            if above > 0 {
                above -= 1;
                continue;
            }
            if delimiter == Some(b'|') && sniff::is_rule(&text, found.start) {
                continue;
            }
            if names.is_none() {
                let cells = pieces.as_slice().iter();
                names = Some(cells.map(|cell| column_name(&cell.text(&text))).collect());
                width = pieces.count;
                if let Some(names) = names.as_mut().filter(|_| unnamed) {
                    names.insert(0, String::new());
                    width += 1;
                }
                continue;
            }
            // a delimiter inside a text that is not quoted: which cell is which can no longer be told
            if filled > width {
                faults.add(FindingKind::TooWide, found.number);
                continue;
            }
            starts.push(u32::try_from(found.start).unwrap_or(u32::MAX));
            numbers.push(found.number);
        }
        starts.shrink_to_fit();
        numbers.shrink_to_fit();
        if width > MOST_COLUMNS {
            notes.push(format!(
                "Only the first {MOST_COLUMNS} of {width} columns are read."
            ));
        }
        let mut names = names.unwrap_or_default();
        names.resize(width.min(MOST_COLUMNS), String::new());
        for (index, name) in names
            .iter_mut()
            .enumerate()
            .filter(|(_, name)| name.is_empty())
        {
            *name = format!("Column {}", index + 1);
        }
        let bad = faults.count(FindingKind::Misquoted) + faults.count(FindingKind::TooWide);
        let source = Source {
            format: match delimiter {
                None => Format::Lines,
                Some(b'\t') => Format::Tsv,
                Some(_) => Format::Csv,
            },
            encoding,
            delimiter: delimiter.map(char::from),
            header,
            columns: names,
            rows: starts.len() + bad,
            guess: Columns::default(),
            unclear: None,
            notes,
        };
        Ok(Self {
            text,
            layout: Layout::Delimited {
                dialect,
                habits,
                base,
            },
            starts,
            numbers,
            faults,
            source,
        })
    }
}
