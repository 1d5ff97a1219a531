//! A file of rows.

use serde::{Deserialize, Serialize};

use crate::columns::Columns;
use crate::encoding::Encoding;
use crate::inspect::{Choice, Looked};
use crate::options::{Options, Refusal};
use crate::problem::Proposal;
use crate::rows::Rows;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Format {
    #[serde(rename = "CSV")]
    Csv,
    #[serde(rename = "TSV")]
    Tsv,
    /// One text a line.
    #[serde(rename = "lines")]
    Lines,
    #[serde(rename = "JSONL")]
    Jsonl,
    #[serde(rename = "JSON")]
    Json,
    #[serde(rename = "CoNLL")]
    Conll,
}

/// What was found out about a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// What it is.
    pub format: Format,
    /// How its characters are written.
    pub encoding: Encoding,
    /// What stands between cells, where something does.
    pub delimiter: Option<char>,
    /// Whether the first row names the columns; true of JSON and CoNLL, which have names of their own.
    pub header: bool,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows, also those that cannot be read.
    pub rows: usize,
    /// The columns as most owners would choose them, or as the options say.
    pub guess: Columns,
    /// Why the guess may be wrong, in a sentence; nothing where one reading is plain.
    pub unclear: Option<String>,
    /// What else is worth saying, in sentences.
    pub notes: Vec<String>,
}

/// A file whose rows were found.
#[derive(Debug)]
pub struct Table {
    source: Source,
}

/// Finds the rows of a file.
///
/// # Errors
/// [`Refusal`] where there are none: it says what the file is, and what to do.
pub fn open(_bytes: Vec<u8>, _options: &Options) -> Result<Table, Refusal> {
    Err(Refusal::new("not_rows", "not yet"))
}

impl Table {
    /// What was found out about the file.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What the labels of these columns seem to say.
    #[must_use]
    pub fn propose(&self, _columns: &Columns) -> Proposal {
        Proposal::default()
    }

    /// The rows to train on, and what was found.
    #[must_use]
    pub fn inspect(&self, _choice: &Choice) -> Looked {
        unimplemented!()
    }

    /// Texts to classify (their labels are empty), and the index of each among the table's rows. Rows without a text,
    /// or without the second text of a pair, are left out.
    #[must_use]
    pub fn texts(&self, _columns: &Columns) -> (Rows, Vec<u32>) {
        unimplemented!()
    }

    /// The table as CSV that spreadsheets open as it is, with further cells beside the rows of these indices.
    #[must_use]
    pub fn answered(&self, _rows: &[u32], _header: &[String], _cells: &[Vec<String>]) -> String {
        unimplemented!()
    }
}
