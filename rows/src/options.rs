//! What a reader may be told, and how it refuses.

use serde::{Deserialize, Serialize};

/// What the caller knows about a file. Everything that is not said is found by looking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// The file's name: a hint where its content could be two things.
    pub name: Option<String>,
    /// What stands between cells.
    pub delimiter: Option<char>,
    /// Whether the first row names the columns.
    pub header: Option<bool>,
    /// The column of the text: its name, a path into JSON objects (`meta.body`), or its number from 1.
    pub text_column: Option<String>,
    /// The column of a pair's second text.
    pub text2_column: Option<String>,
    /// The column of the label. In CoNLL files the number of the column of tags.
    pub label_column: Option<String>,
}

/// Why a file gives no rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// `not_rows`, `file_empty`, `file_too_large` or `columns_unclear`.
    pub code: &'static str,
    /// What is wrong and what to do, in a sentence.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}
