//! Finds out what a file is, and where its rows are.

use super::format::Format;
use super::{Layout, Source, Table};
use crate::columns::Columns;
use crate::conll::{self, Look, Shape};
use crate::encoding::Encoding;
use crate::findings::{FindingKind, RowFindings};
use crate::json_rows;
use crate::options::{Options, Refusal};
use crate::{fast_text, magic};

impl Table {
    pub(super) fn find(
        text: String,
        encoding: Encoding,
        options: &Options,
    ) -> Result<Self, Refusal> {
        let name = options.name.as_deref().unwrap_or_default().to_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if options.delimiter.is_none() && options.header.is_none() {
            if let Some(text) = fast_text::rewritten(&text) {
                return Self::fast_text(text, encoding, options);
            }
            if json_rows::looks_like_json(&text, ends(&[".json", ".jsonl", ".ndjson"])) {
                return Self::json(text, encoding, options);
            }
            let called_so = ends(&[".conll", ".conllu", ".iob", ".iob2", ".bio", ".bioes"]);
            let tag = options
                .label_column
                .as_ref()
                .and_then(|column| column.parse().ok());
            match conll::look(&text, called_so, tag) {
                Look::Tagged(shape) => {
                    let mut table = Self::conll(text, encoding, shape);
                    let found = shape.tag_column().filter(|_| tag.is_none());
                    table.source.notes.extend(found.map(|column| {
                        format!(
                            "The tags are those of column {column}; the number of another can be given as the label's column."
                        )
                    }));
                    return Ok(table);
                }
                Look::Untagged => {
                    return Err(magic::is(
                        "CoNLL-U without tags such as “B-PER”",
                        "add a last column with the tag of each word",
                    ));
                }
                Look::Other => {}
            }
        }
        Self::delimited(text, encoding, options, true)
    }

    fn fast_text(text: String, encoding: Encoding, options: &Options) -> Result<Self, Refusal> {
        let options = Options {
            delimiter: Some('\t'),
            header: Some(false),
            ..options.clone()
        };
        let mut table = Self::delimited(text, encoding, &options, false)?;
        let columns = &mut table.source.columns;
        for (column, name) in columns.iter_mut().zip(fast_text::COLUMNS) {
            *column = name.to_owned();
        }
        table.source.notes = vec![
            "This is a file of fastText: words that begin with “__label__” are its labels.".into(),
        ];
        Ok(table)
    }

    fn json(text: String, encoding: Encoding, options: &Options) -> Result<Self, Refusal> {
        let mut rows = json_rows::read(&text)?;
        let chosen = options.text_column.is_some();
        let names_text = |name: &String| crate::names::text_rank(name).is_some();
        if rows.is_one_object && !chosen && !rows.tree.names.iter().any(names_text) {
            return Err(magic::is(
                "one JSON object",
                "rows are objects, one a line, such as {\"text\": \"…\", \"label\": \"…\"}",
            ));
        }
        let faults = std::mem::take(&mut rows.faults);
        let mut notes = std::mem::take(&mut rows.notes);
        if rows.tree.is_full {
            notes.push(
                "Not every field is a column: there are too many, or their names are too long."
                    .into(),
            );
        }
        let source = Source {
            format: if rows.is_lines {
                Format::Jsonl
            } else {
                Format::Json
            },
            encoding,
            delimiter: None,
            header: true,
            columns: std::mem::take(&mut rows.tree.names),
            rows: rows.starts.len() + faults.count(FindingKind::NotJson),
            guess: Columns::default(),
            unclear: None,
            notes,
        };
        Ok(Self {
            text,
            layout: Layout::Json(rows.tree),
            starts: rows.starts,
            numbers: rows.numbers,
            faults,
            source,
        })
    }

    fn conll(text: String, encoding: Encoding, shape: Shape) -> Self {
        let (mut starts, mut numbers) = (Vec::new(), Vec::new());
        let mut faults = RowFindings::default();
        for (start, number, sound) in shape.sentences(&text) {
            if sound {
                starts.push(u32::try_from(start).unwrap_or(u32::MAX));
                numbers.push(number);
            } else {
                faults.add(FindingKind::NotTagged, number);
            }
        }
        let source = Source {
            format: Format::Conll,
            encoding,
            delimiter: None,
            header: true,
            columns: vec!["words".into(), "tags".into()],
            rows: starts.len() + faults.count(FindingKind::NotTagged),
            guess: Columns::default(),
            unclear: None,
            notes: Vec::new(),
        };
        Self {
            text,
            layout: Layout::Conll(shape),
            starts,
            numbers,
            faults,
            source,
        }
    }
}
