//! A file of rows: its text, and where each row begins.

mod cell;
mod delimited;
mod find;
mod format;

use serde::{Deserialize, Serialize};

use crate::columns::{self, Columns};
use crate::conll::Shape;
use crate::delimited::{Dialect, Habits, Pieces, Scanner};
use crate::encoding::{self, Encoding};
use crate::findings::{RowFindings, name_labels};
use crate::inspect::{self, Choice, Looked};
use crate::json_rows::{LineCounter, Tree};
use crate::options::{Options, Refusal};
use crate::problem::{Form, Proposal};
use crate::rows::Rows;
use crate::{magic, writer};

pub(crate) use cell::{Cell, Cursor};
pub use format::Format;

/// What was found out about a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// What it is.
    pub format: Format,
    /// How its characters are written.
    pub encoding: Encoding,
    /// The delimiter between cells, for formats that have one.
    pub delimiter: Option<char>,
    /// Whether the first row names the columns; true for JSON and CoNLL, whose columns always have names.
    pub header: bool,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Number of rows, including those that cannot be read.
    pub rows: usize,
    /// The most likely choice of columns, or the choice that the options give.
    pub guess: Columns,
    /// Why the guess may be wrong, in a sentence; `None` if there is only one plausible reading.
    pub unclear: Option<String>,
    /// Further remarks, in sentences.
    pub notes: Vec<String>,
}

/// A file whose rows were found.
#[derive(Debug)]
pub struct Table {
    text: String,
    layout: Layout,
    /// Where each row begins, in bytes.
    starts: Vec<u32>,
    /// The number of each row in the file.
    numbers: Vec<u32>,
    /// Findings about rows that cannot be read.
    faults: RowFindings,
    source: Source,
}

/// How rows are written.
#[derive(Debug)]
enum Layout {
    Delimited {
        dialect: Dialect,
        habits: Option<Habits>,
        /// Where the first record begins.
        base: usize,
    },
    Json(Tree),
    Conll(Shape),
}

/// Longest file, decoded.
const MOST_BYTES: usize = 1_000_000_000;

/// Finds the rows of a file.
///
/// # Errors
/// [`Refusal`] if there are none: it says what the file is, and what to do.
pub fn open(bytes: Vec<u8>, options: &Options) -> Result<Table, Refusal> {
    let too_large = || {
        Refusal::new(
            "file_too_large",
            "This file is larger than 1 GB: split it, or take a part of its rows.",
        )
    };
    if bytes.len() > MOST_BYTES {
        return Err(too_large());
    }
    magic::refuse_bytes(&bytes)?;
    let (text, encoding) = encoding::decode(bytes);
    if text.len() > MOST_BYTES {
        return Err(too_large());
    }
    let text = encoding::without_few_zeros(text);
    magic::refuse_text(&text)?;
    let mut table = Table::find(text, encoding, options)?;
    let (guess, unclear) = columns::guess(&table, options)?;
    table.source.guess = guess;
    table.source.unclear = unclear;
    let more = table.same_names().chain(table.turned_down());
    let more: Vec<String> = more.collect();
    table.source.notes.extend(more);
    if encoding == Encoding::Windows1252 {
        table.source.notes.insert(0, WINDOWS.to_owned());
    }
    Ok(table)
}

/// The note about files whose encoding was guessed.
const WINDOWS: &str = "The file is not UTF-8: it was read as Windows-1252. Look whether letters with accents are right; \
     if not, save it as UTF-8.";

impl Table {
    /// What was found out about the file.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Number of rows that can be read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// What the labels of these columns seem to say.
    #[must_use]
    pub fn propose(&self, columns: &Columns) -> Proposal {
        self.form(columns).proposal()
    }

    /// The rows to train on, and what was found.
    #[must_use]
    pub fn inspect(&self, choice: &Choice) -> Looked {
        inspect::inspect(self, choice)
    }

    /// Texts to classify (their labels are empty), and the index of each among the table's rows. Rows without a text,
    /// or without the second text of a pair, are left out.
    #[must_use]
    pub fn texts(&self, columns: &Columns) -> (Rows, Vec<u32>) {
        inspect::texts(self, columns)
    }

    /// The table as spreadsheets open it, with further cells beside the rows of these indices. Cells are separated as in the
    /// file, or by commas where the file has no cells.
    #[must_use]
    pub fn answered(&self, rows: &[u32], header: &[String], cells: &[Vec<String>]) -> String {
        writer::answered(self, rows, header, cells)
    }

    /// The lines of the file, from 1, in which rows of these numbers begin.
    #[must_use]
    pub fn lines(&self, numbers: &[u32]) -> Vec<u32> {
        let (base, dialect, habits) = match &self.layout {
            Layout::Delimited {
                base,
                dialect,
                habits,
            } => (*base, *dialect, habits.as_ref()),
            _ if self.source.format == Format::Json => return self.lines_of_list(numbers),
            _ => return numbers.to_vec(),
        };
        let mut wanted: Vec<(u32, usize)> = numbers.iter().copied().zip(0..).collect();
        wanted.sort_unstable();
        let mut wanted = wanted.into_iter().peekable();
        let mut lines = numbers.to_vec();
        let mut pieces = Pieces::keeping(0);
        let mut counter = LineCounter::default();
        let mut scanner = Scanner::new(&self.text, base, dialect, habits);
        while wanted.peek().is_some()
            && let Some(found) = scanner.next(&mut pieces)
        {
            while let Some((_, place)) = wanted.next_if(|(number, _)| *number == found.number) {
                lines[place] = counter.line(&self.text, found.start);
            }
        }
        lines
    }

    /// Notes about chosen columns whose name another column has as well.
    fn same_names(&self) -> impl Iterator<Item = String> {
        let Columns {
            text, text2, label, ..
        } = self.source.guess;
        let chosen = [Some(text), text2, label].into_iter().flatten();
        chosen.filter_map(|column| {
            let names = &self.source.columns;
            let name = names.get(column)?;
            let other = names.iter().position(|other| other == name);
            let others = names.iter().filter(|other| *other == name).count();
            (other.is_some() && others > 1).then(|| {
                format!(
                    "{others} columns are called “{name}”: column {} is read. A column can be chosen by its number.",
                    column + 1
                )
            })
        })
    }

    /// The note about Prodigy annotations that were not accepted.
    fn turned_down(&self) -> Option<String> {
        let names = &self.source.columns;
        let column = names.iter().position(|name| name == "answer")?;
        let annotated = names
            .iter()
            .any(|name| matches!(&**name, "spans" | "accept" | "_task_hash" | "_input_hash"));
        if !annotated || self.source.guess.label == Some(column) {
            return None;
        }
        let mut cursor = self.cursor();
        let refused = (0..self.len()).filter(|&row| {
            let cell = cursor.row(row).get(column);
            cell.is_some_and(|cell| matches!(&*cell.shown(), "reject" | "ignore"))
        });
        let count = refused.count();
        (count > 0).then(|| {
            format!(
                "“answer” says “reject” or “ignore” in {count} rows, which are read like the others: take them out if their labels are wrong."
            )
        })
    }

    fn lines_of_list(&self, numbers: &[u32]) -> Vec<u32> {
        let line = |&number: &u32| {
            let row = self.row_of(number)?;
            let start = self.starts[row] as usize;
            Some(LineCounter::default().line(&self.text, start))
        };
        numbers
            .iter()
            .map(|number| line(number).unwrap_or(*number))
            .collect()
    }

    /// The index of the row with a number.
    pub(crate) fn row_of(&self, number: u32) -> Option<usize> {
        self.numbers.binary_search(&number).ok()
    }

    pub(crate) fn number(&self, row: usize) -> u32 {
        self.numbers.get(row).copied().unwrap_or_default()
    }

    /// Whether the file contains bytes that are not valid characters.
    pub(crate) fn has_damage(&self) -> bool {
        // a JSON file may write the character that stands for them as an escape
        let is_json = matches!(self.layout, Layout::Json(_));
        is_json || memchr::memmem::find(self.text.as_bytes(), "\u{fffd}".as_bytes()).is_some()
    }

    pub(crate) fn faults(&self) -> &RowFindings {
        &self.faults
    }

    pub(crate) fn is_conll(&self) -> bool {
        matches!(self.layout, Layout::Conll(_))
    }

    pub(crate) fn form(&self, columns: &Columns) -> Form {
        match &self.layout {
            Layout::Conll(shape) if columns.label == Some(1) => {
                Form::of_tags(shape.has_span_tags())
            }
            _ => Form::of(self, columns),
        }
    }

    pub(crate) fn cursor(&self) -> Cursor<'_> {
        Cursor {
            table: self,
            pieces: Pieces::keeping(self.source.columns.len()),
            values: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Whether any row has something in a column.
    pub(crate) fn any_filled(&self, column: usize) -> bool {
        let mut cursor = self.cursor();
        (0..self.len()).any(|row| {
            let cell = cursor.row(row).get(column);
            cell.is_some_and(|cell| !cell.shown().trim().is_empty())
        })
    }

    /// At most `most` rows, spread over the whole file, because the first rows may all have the same class.
    pub(crate) fn sample(&self, most: usize) -> impl Iterator<Item = usize> {
        let count = self.len();
        let taken = count.min(most);
        (0..taken).map(move |index| index * count / taken)
    }

    /// The column of this name, path or number from 1.
    pub(crate) fn column(&self, wanted: &str, option: &str) -> Result<usize, Refusal> {
        let names = &self.source.columns;
        let same = |name: &String| name.trim().eq_ignore_ascii_case(wanted.trim());
        let number = || wanted.trim().parse::<usize>().ok()?.checked_sub(1);
        let found = names.iter().position(|name| name == wanted);
        let found = found.or_else(|| names.iter().position(same));
        found
            .or_else(number)
            .filter(|&column| column < names.len())
            .ok_or_else(|| {
                Refusal::new(
                    "columns_unclear",
                    format!(
                        "There is no column “{wanted}” ({option}): the columns are {}.",
                        self.column_names()
                    ),
                )
            })
    }

    /// The names of the columns, for a sentence.
    #[must_use]
    pub fn column_names(&self) -> String {
        let names: Vec<&str> = self.source.columns.iter().map(String::as_str).collect();
        name_labels(&names)
    }

    /// The label column. Several names separated by commas are several columns, one for each label.
    pub(crate) fn label_columns(&self, wanted: &str) -> Result<Vec<usize>, Refusal> {
        let option = "--label-column";
        match self.column(wanted, option) {
            Ok(column) => Ok(vec![column]),
            Err(refusal) if !wanted.contains(',') => Err(refusal),
            Err(_) => wanted
                .split(',')
                .map(|name| self.column(name, option))
                .collect(),
        }
    }
}
