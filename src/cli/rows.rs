//! Labelled rows on disk, read by `graftlet-rows`: what was guessed and what was left out is said on standard error.

use std::path::Path;

use clap::Args;
use graftlet_rows::{
    Choice, Columns, Encoding, FindingKind, Options, Problem, Severity, Source, Table,
};
use serde::Serialize;

use super::folders;
use super::output::errln;
use crate::error::{Error, Result};
use crate::head::{PROBLEMS, ProblemName};
use crate::input::Input;
use crate::input::text::Text;
use crate::train::{Reading, Row, Scheme};

/// How a file is to be read, where looking is not enough.
#[derive(Args, Clone, Debug, Default)]
pub struct RowOptions {
    /// Column of the text: its name, its number from 1, or a path such as meta.body.
    #[arg(long, value_name = "COLUMN")]
    text_column: Option<String>,
    /// Column of the second text of a pair.
    #[arg(long, value_name = "COLUMN")]
    text2_column: Option<String>,
    /// Column of the label, or several columns of zeros and ones with commas between them. In a CoNLL file the number
    /// of the column of tags.
    #[arg(long, value_name = "COLUMN")]
    label_column: Option<String>,
    /// Character between cells; "tab" for a tab.
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<char>,
    /// The first row is an example and does not name the columns.
    #[arg(long)]
    no_header: bool,
    /// Reads labels that differ only in case or spaces as one: the form that most rows use.
    #[arg(long)]
    merge_labels: bool,
}

fn delimiter(value: &str) -> std::result::Result<char, String> {
    let mut characters = value.chars();
    match (value, characters.next(), characters.next()) {
        ("tab" | "\\t", ..) => Ok('\t'),
        (_, Some(character), None) => Ok(character),
        _ => Err("it must be one character, or \"tab\"".into()),
    }
}

/// A file whose rows were found.
pub struct File {
    place: String,
    table: Table,
    merge: bool,
}

/// Rows of a file, and what was left out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Found {
    /// The rows.
    #[serde(skip)]
    pub rows: Vec<Row>,
    /// The one-based line in which each begins.
    #[serde(skip)]
    pub lines: Vec<usize>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
    /// What was found, in sentences.
    #[serde(skip)]
    sentences: Vec<String>,
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
    #[serde(skip)]
    kind: Option<FindingKind>,
}

/// Labels that are not known and that are named one by one.
const NAMED: usize = 10;

/// Reads rows to judge on, with every guess.
///
/// # Errors
/// Those of [`File::open`] and [`File::rows`].
pub fn read(path: &Path) -> Result<Found> {
    let file = File::open(path, folders::read(path)?, &RowOptions::default())?;
    let reading = Reading {
        problem: file.problem(),
        ..Reading::default()
    };
    file.rows(&reading, true)
}

impl File {
    /// Finds the rows of a file and the columns of texts and labels.
    ///
    /// # Errors
    /// [`Error::FileInvalid`] if it holds no rows, or if it is not plain which column holds what.
    pub fn open(path: &Path, bytes: Vec<u8>, options: &RowOptions) -> Result<Self> {
        let place = path.display().to_string();
        let invalid = |reason: String| Error::FileInvalid {
            place: place.clone(),
            reason,
        };
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let asked = Options {
            name,
            delimiter: options.delimiter,
            header: options.no_header.then_some(false),
            text_column: options.text_column.clone(),
            text2_column: options.text2_column.clone(),
            label_column: options.label_column.clone(),
        };
        let table =
            graftlet_rows::open(bytes, &asked).map_err(|refusal| invalid(refusal.message))?;
        let source = table.source();
        let columns = &source.guess;
        let remedy = || {
            format!(
                "name the columns with --text-column and --label-column; they are {}",
                table.column_names()
            )
        };
        if let Some(unclear) = &source.unclear {
            return Err(invalid(format!("{unclear} Please {}", remedy())));
        }
        if columns.label.is_none() && columns.label_columns.is_empty() {
            return Err(invalid(format!("no column holds labels: {}", remedy())));
        }
        Ok(Self {
            place,
            table,
            merge: options.merge_labels,
        })
    }

    /// What the labels seem to say.
    #[must_use]
    pub fn problem(&self) -> ProblemName {
        let proposed = self.table.propose(&self.table.source().guess).problem;
        let is_it = |problem: &&ProblemName| problem.about().rows == proposed.name();
        PROBLEMS.iter().find(is_it).copied().unwrap_or_default()
    }

    /// Says on standard error what the file is, and what its columns are read as.
    pub fn announce(&self, problem: ProblemName) {
        let source = self.table.source();
        errln!("{}: {}", self.place, described(source, problem));
        for note in &source.notes {
            errln!("{}: {note}", self.place);
        }
    }

    /// The rows, to learn from or to judge on.
    ///
    /// # Errors
    /// [`Error::FileInvalid`] if none can be used.
    pub fn rows(&self, reading: &Reading, judged: bool) -> Result<Found> {
        let source = self.table.source();
        let choice = Choice {
            columns: source.guess.clone(),
            problem: Problem::named(reading.problem.about().rows).unwrap_or_default(),
            reject: reading.reject.clone(),
            merge: self.merge,
            judged,
            ..Choice::default()
        };
        let looked = self.table.inspect(&choice);
        let guessed = self.problem();
        if looked.rows.is_empty() && guessed != reading.problem {
            return Err(Error::OptionInvalid {
                option: "problem",
                value: reading.problem.name().to_owned(),
                reason: format!(
                    "the labels in {} look like those of the problem {}",
                    self.place,
                    guessed.name()
                ),
            });
        }
        if looked.rows.is_empty() {
            let blocked = looked.inspection.blocked;
            let first = looked.inspection.findings.into_iter().next();
            let mut reason = blocked.unwrap_or_else(|| "There are no rows here.".into());
            if let Some(first) = first {
                reason = format!("{reason} {}", first.sentence);
            }
            return Err(Error::FileInvalid {
                place: self.place.clone(),
                reason,
            });
        }
        let wide = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let rows = looked.rows.iter().map(|row| Row {
            input: Input::Text(Text {
                first: row.text.to_owned(),
                second: row.text2.map(str::to_owned),
            }),
            label: Some(row.label.to_owned()),
        });
        let mut skipped = Vec::new();
        let mut sentences = Vec::new();
        for finding in &looked.inspection.findings {
            sentences.push(finding.sentence.clone());
            if finding.severity == Severity::LeftOut {
                let lines = self.table.lines(&finding.rows);
                skipped.extend(lines.into_iter().map(|line| Skipped {
                    line: wide(line),
                    reason: format!("it {}", finding.kind.words().0),
                    kind: Some(finding.kind),
                }));
            }
        }
        if choice.merge {
            sentences.retain(|sentence| !sentence.is_empty());
        } else if !looked.inspection.mergeable.is_empty() {
            sentences.push("--merge-labels reads such labels as one.".into());
        }
        Ok(Found {
            rows: rows.collect(),
            lines: self
                .table
                .lines(&looked.numbers)
                .into_iter()
                .map(wide)
                .collect(),
            skipped,
            sentences,
            encoding: Some(source.encoding.name()).filter(|name| *name != "UTF-8"),
        })
    }
}

/// “CSV with ";", text “text”, label “label”, 20 rows”.
fn described(source: &Source, problem: ProblemName) -> String {
    let name = |column: usize| {
        let name = source.columns.get(column).map_or("", String::as_str);
        format!("“{name}”")
    };
    let Columns {
        text,
        text2,
        label,
        label_columns,
    } = &source.guess;
    let mut said = source.format.name().to_owned();
    match source.delimiter {
        Some('\t' | ',') | None => {}
        Some(delimiter) => said.push_str(&format!(" with {delimiter:?}")),
    }
    if !source.header {
        said.push_str(" without a header");
    }
    // of Windows-1252, which is a guess, there is a note
    if source.encoding == Encoding::Utf16 {
        said.push_str(&format!(", read as {}", source.encoding.name()));
    }
    said.push_str(&format!("; text in {}", name(*text)));
    if let Some(second) = text2 {
        said.push_str(&format!(", second text in {}", name(*second)));
    }
    match label {
        Some(label) => said.push_str(&format!(", labels in {}", name(*label))),
        None => {
            let names: Vec<String> = label_columns.iter().map(|&column| name(column)).collect();
            said.push_str(&format!(", a label in each of {}", names.join(", ")));
        }
    }
    if problem != ProblemName::default() {
        said.push_str(&format!("; read as {}", problem.name()));
    }
    said
}

impl Found {
    /// Puts the rows with these numbers in place of all, each as often as it is named.
    pub(super) fn repeat(&mut self, rows: &[usize]) {
        self.rows = rows.iter().map(|&row| self.rows[row].clone()).collect();
        self.lines = rows.iter().map(|&row| self.lines[row]).collect();
    }

    /// Leaves out rows with labels that the rows to learn from do not have.
    pub fn keep_known(&mut self, scheme: &Scheme) {
        let rows = std::mem::take(&mut self.rows);
        let lines = std::mem::take(&mut self.lines);
        let mut unknown = 0;
        for (row, line) in rows.into_iter().zip(lines) {
            let label = row.label.as_deref().and_then(|label| scheme.unknown(label));
            let Some(label) = label else {
                self.rows.push(row);
                self.lines.push(line);
                continue;
            };
            let reason = format!("no row to learn from is labelled \"{label}\"");
            unknown += 1;
            if unknown <= NAMED {
                self.sentences.push(format!("line {line}: {reason}"));
            }
            self.skipped.push(Skipped {
                line,
                reason,
                kind: None,
            });
        }
        if unknown > NAMED {
            self.sentences.push(format!("and {} more", unknown - NAMED));
        }
    }

    /// Says on standard error what was found, and what was left out; nothing if nothing was.
    pub fn warn(&self, path: &Path) {
        if self.sentences.is_empty() {
            return;
        }
        let (rows, skipped) = (self.rows.len(), self.skipped.len());
        errln!("{}: {rows} rows, {skipped} left out:", path.display());
        for sentence in &self.sentences {
            errln!("  {sentence}");
        }
    }

    /// Refuses rows of which some were left out.
    ///
    /// # Errors
    /// [`Error::FileInvalid`] that names the first.
    pub fn refuse_skipped(&self, path: &Path) -> Result<()> {
        match self.skipped.iter().min_by_key(|skipped| skipped.line) {
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

    /// Refuses pairs of which some have no second text.
    ///
    /// # Errors
    /// [`Error::FileInvalid`] that names the first.
    pub fn refuse_half_pairs(&self, path: &Path) -> Result<()> {
        let is_half = |skipped: &&Skipped| skipped.kind == Some(FindingKind::Text2Missing);
        let mut halves = self.skipped.iter().filter(is_half);
        let Some(first) = halves.next() else {
            return Ok(());
        };
        Err(Error::FileInvalid {
            place: format!("{}, line {}", path.display(), first.line),
            reason: format!(
                "{} ({} row(s) in all): fill it in, or take the row out",
                first.reason,
                1 + halves.count()
            ),
        })
    }
}

#[cfg(test)]
mod tests;
