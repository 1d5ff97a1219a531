//! The formats of files.

use serde::{Deserialize, Serialize};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// Cells between commas, semicolons, bars or other characters.
    #[serde(rename = "CSV")]
    Csv,
    /// Cells between tabs.
    #[serde(rename = "TSV")]
    Tsv,
    /// One text per line.
    #[serde(rename = "lines")]
    Lines,
    /// One JSON object after the other.
    #[serde(rename = "JSONL")]
    Jsonl,
    /// A list of JSON objects.
    #[serde(rename = "JSON")]
    Json,
    /// A word and its tag per line.
    #[serde(rename = "CoNLL")]
    Conll,
}

impl Format {
    /// Its usual name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::Lines => "lines",
            Self::Jsonl => "JSONL",
            Self::Json => "JSON",
            Self::Conll => "CoNLL",
        }
    }
}
