//! Labelled rows on disk: CSV, TSV or JSONL with `text[,text2],label`, or CoNLL with a word and its tag a
//! line.

use std::path::Path;

use serde_json::{Map, Value};

use super::folders;
use crate::error::{Error, Result};
use crate::head::ProblemName;
use crate::text::Text;
use crate::train::Row;

/// Reads rows; the format is told by the file's ending.
///
/// # Errors
/// [`Error::Io`] and those of [`parse`].
pub fn read(path: &Path) -> Result<Vec<Row>> {
    parse(path, folders::read(path)?)
}

/// The rows in a file's content.
///
/// # Errors
/// [`Error::FileInvalid`] that says what cannot be read, and where.
pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<Vec<Row>> {
    let place = path.display().to_string();
    let text = String::from_utf8(bytes).map_err(|error| Error::FileInvalid {
        place: place.clone(),
        reason: format!(
            "it is not UTF-8 at byte {}: convert it",
            error.utf8_error().valid_up_to()
        ),
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("csv") => delimited(&place, text, b','),
        Some("tsv" | "tab") => delimited(&place, text, b'\t'),
        Some("jsonl" | "ndjson") => json_lines(&place, text),
        Some("conll") => sentences(&place, text),
        _ => Err(Error::FileInvalid {
            place,
            reason: "its name must end in .csv, .tsv, .jsonl or .conll".into(),
        }),
    }
}

/// What the labels of a file say, by its ending, where nobody says otherwise.
#[must_use]
pub fn problem(path: &Path) -> ProblemName {
    match path.extension() {
        Some(ending) if ending.eq_ignore_ascii_case("conll") => ProblemName::TokenClassification,
        _ => ProblemName::SingleLabel,
    }
}

/// A word, a tab and its tag a line; a line that is blank ends a sentence. The words are joined by
/// spaces, and so are the tags.
fn sentences(place: &str, text: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let (mut words, mut tags): (Vec<&str>, Vec<&str>) = Default::default();
    let mut end = |words: &mut Vec<&str>, tags: &mut Vec<&str>| {
        if !words.is_empty() {
            rows.push(Row {
                text: words.join(" ").as_str().into(),
                label: Some(tags.join(" ")),
            });
        }
        words.clear();
        tags.clear();
    };
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with("-DOCSTART-") {
            end(&mut words, &mut tags);
            continue;
        }
        let (word, tag) = match line.trim_end().rsplit_once('\t') {
            Some((word, tag)) if !word.trim().is_empty() && !word.contains(' ') => (word, tag),
            _ => {
                return Err(Error::FileInvalid {
                    place: format!("{place}, line {}", index + 1),
                    reason: "it must be a word without spaces, a tab and the word's tag".into(),
                });
            }
        };
        // columns between the word and its tag are other annotations
        words.push(word.split('\t').next().unwrap_or(word));
        tags.push(tag);
    }
    end(&mut words, &mut tags);
    Ok(rows)
}

fn delimited(place: &str, text: &str, delimiter: u8) -> Result<Vec<Row>> {
    let invalid = |reason: String| Error::FileInvalid {
        place: place.to_owned(),
        reason,
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = reader
        .headers()
        .map_err(|error| invalid(error.to_string()))?
        .clone();
    let column = |name: &str| header.iter().position(|found| found.trim() == name);
    let Some(first) = column("text") else {
        let found: Vec<_> = header.iter().collect();
        return Err(invalid(format!(
            "its first line must name a column \"text\" (and \"label\", perhaps \"text2\"); it is: {}",
            found.join(", ")
        )));
    };
    let (second, label) = (column("text2"), column("label"));
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| invalid(error.to_string()))?;
        let cell = |column: Option<usize>| column.and_then(|c| record.get(c)).map(str::to_owned);
        rows.push(Row {
            text: Text {
                first: cell(Some(first)).unwrap_or_default(),
                second: cell(second),
            },
            label: cell(label),
        });
    }
    Ok(rows)
}

fn json_lines(place: &str, text: &str) -> Result<Vec<Row>> {
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let invalid = |reason: String| Error::FileInvalid {
                place: format!("{place}, line {}", index + 1),
                reason,
            };
            let map: Map<String, Value> =
                serde_json::from_str(line).map_err(|error| invalid(error.to_string()))?;
            let string = |field: &str| match map.get(field) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(other) => Some(other.to_string()),
            };
            let first = string("text").ok_or_else(|| invalid("it has no \"text\"".into()))?;
            Ok(Row {
                text: Text {
                    first,
                    second: string("text2"),
                },
                label: string("label"),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(name: &str, content: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        (folder, path)
    }

    #[test]
    fn one_content_in_every_format() {
        let files: [(&str, &[u8]); 3] = [
            ("a.csv", b"\xef\xbb\xbflabel,text\r\nyes,\"a, \"\"b\"\"\"\r\nno,c\r\n"),
            ("a.tsv", b"text\tlabel\n\"a, \"\"b\"\"\"\tyes\nc\tno\n"),
            ("a.jsonl", b"{\"text\":\"a, \\\"b\\\"\",\"label\":\"yes\"}\n\n{\"text\":\"c\",\"label\":\"no\"}\n"),
        ];
        for (name, content) in files {
            let (_folder, path) = write(name, content);
            let rows = read(&path).unwrap();
            let found: Vec<_> = rows
                .iter()
                .map(|r| (r.text.first.as_str(), r.label.as_deref()))
                .collect();
            assert_eq!(
                found,
                [("a, \"b\"", Some("yes")), ("c", Some("no"))],
                "{name}"
            );
        }
    }

    #[test]
    fn sentences_end_at_blank_lines() {
        let content = b"Ada\tB-PER\nLovelace\tI-PER\n \t\n\nwas\tVB\tO\r\n\tO\n";
        let (_folder, path) = write("a.conll", &content[..content.len() - 3]);
        let rows = read(&path).unwrap();
        let found: Vec<_> = rows
            .iter()
            .map(|r| (r.text.first.as_str(), r.label.as_deref()))
            .collect();
        assert_eq!(
            found,
            [("Ada Lovelace", Some("B-PER I-PER")), ("was", Some("O"))]
        );
        assert_eq!(problem(&path), ProblemName::TokenClassification);
        for content in [&b"a b\tO\n"[..], b"word\n", b"\tO\n"] {
            let (_folder, path) = write("a.conll", content);
            assert_eq!(read(&path).unwrap_err().code(), "file_invalid");
        }
    }

    #[test]
    fn pairs_and_missing_labels_survive() {
        let (_folder, path) = write("p.csv", b"text,text2,label\na,b,\nc,d,x\ne\n");
        let rows = read(&path).unwrap();
        assert_eq!(rows[0].text, Text::pair("a", "b"));
        assert_eq!(rows[0].label.as_deref(), Some(""));
        assert_eq!(rows[2].label, None);
    }

    #[test]
    fn bad_files_say_what_is_wrong() {
        for (name, content) in [
            ("a.csv", &b"sentence,label\nx,y\n"[..]),
            ("a.csv", b"text,label\n\xff\xfe,y\n"),
            ("a.jsonl", b"{\"text\":\"a\"}\n{oops\n"),
            ("a.jsonl", b"{\"label\":\"a\"}\n"),
            ("a.xlsx", b"PK"),
        ] {
            let (_folder, path) = write(name, content);
            assert_eq!(read(&path).unwrap_err().code(), "file_invalid", "{name}");
        }
    }
}
