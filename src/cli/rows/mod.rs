//! Labelled rows on disk: CSV, TSV or JSONL with `text[,text2],label`, or CoNLL with a word and its tag a
//! line. What can be read is read, and the rest is named.

mod clean;
mod decode;
mod parse;

use std::path::Path;

use serde::Serialize;

use super::folders;
use super::output::errln;
use crate::error::{Error, Result};
use crate::head::ProblemName;
use crate::train::Row;

/// Rows of a file, and what was left out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Found {
    /// The rows.
    #[serde(skip)]
    pub rows: Vec<Row>,
    /// The one-based line in which each begins.
    #[serde(skip)]
    pub lines: Vec<usize>,
    /// What was left out, in the order in which it was noticed.
    pub skipped: Vec<Skipped>,
    /// What the file was read as, if that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<&'static str>,
}

/// A row that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The one-based line in which it begins, or that cannot be read.
    pub line: usize,
    /// Why.
    pub reason: String,
}

/// Left-out rows that are named one by one.
const NAMED: usize = 10;

/// Reads rows; the format is told by the file's ending.
///
/// # Errors
/// [`Error::Io`] and those of [`parse`].
pub fn read(path: &Path) -> Result<Found> {
    parse(path, &folders::read(path)?)
}

/// The rows in a file's content.
///
/// # Errors
/// [`Error::FileInvalid`] if nothing in it can be read: it says why.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Found> {
    let place = path.display().to_string();
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let (text, encoding) = decode::decode(bytes);
    let mut found = match ending.as_deref() {
        Some("csv") => parse::delimited(&place, &text, b',')?,
        Some("tsv" | "tab") => parse::delimited(&place, &text, b'\t')?,
        Some("jsonl" | "ndjson") => parse::json_lines(&text),
        Some("conll") => parse::sentences(&text),
        _ => {
            return Err(Error::FileInvalid {
                place,
                reason: "its name must end in .csv, .tsv, .jsonl or .conll".into(),
            });
        }
    };
    found.encoding = encoding;
    match found.skipped.first() {
        Some(first) if found.rows.is_empty() => Err(Error::FileInvalid {
            place: format!("{place}, line {}", first.line),
            reason: first.reason.clone(),
        }),
        _ => Ok(found),
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

impl Found {
    /// Says on standard error what was left out; nothing if nothing was.
    pub fn warn(&self, path: &Path) {
        let place = path.display();
        if let Some(encoding) = self.encoding {
            errln!("{place}: not UTF-8, read as {encoding}");
        }
        if self.skipped.is_empty() {
            return;
        }
        let (rows, skipped) = (self.rows.len(), self.skipped.len());
        errln!("{place}: {rows} rows, {skipped} left out:");
        for Skipped { line, reason } in self.skipped.iter().take(NAMED) {
            errln!("  line {line}: {reason}");
        }
        if skipped > NAMED {
            errln!("  and {} more", skipped - NAMED);
        }
    }

    /// Refuses rows of which some were left out.
    ///
    /// # Errors
    /// [`Error::FileInvalid`] that names the first.
    pub fn refuse_skipped(&self, path: &Path) -> Result<()> {
        match self.skipped.first() {
            None => Ok(()),
            Some(first) => Err(Error::FileInvalid {
                place: format!("{}, line {}", path.display(), first.line),
                reason: format!(
                    "{} ({} row(s) in all cannot be used; without --strict they are left out)",
                    first.reason,
                    self.skipped.len()
                ),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
