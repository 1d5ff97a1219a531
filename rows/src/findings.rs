//! What is odd about rows, in words.

use serde::{Deserialize, Serialize};

/// What was found. The order is the order in which findings are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // `WORDS` says each in a sentence
pub enum FindingKind {
    Misquoted,
    TooWide,
    NotJson,
    NotTagged,
    Damaged,
    TextMissing,
    TextObject,
    Text2Missing,
    LabelMissing,
    LabelObject,
    LabelHasBar,
    SeveralLabels,
    NotANumber,
    TagsUnlikeWords,
    TagsAreNumbers,
    SpanOutside,
    Contradiction,
    Duplicate,
    ClassOfOne,
    TakenOut,
    NoLabels,
    WordSplit,
    SpansOverlap,
    ClassEmpty,
    ClassSmall,
    LabelsAlike,
    VectorNames,
}

/// Whether rows are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The rows are not trained on.
    LeftOut,
    /// It only says what is odd.
    Notice,
}

/// Something odd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// Whether the rows are left out.
    pub severity: Severity,
    /// Numbers of the rows, ascending; empty of what is said of all rows, or of a class.
    pub rows: Vec<u32>,
    /// It in words.
    pub sentence: String,
}

/// “Row 4”, “Rows 4 and 9”, “31 rows (4, 9, 12, 13, 20, …)”.
#[must_use]
pub fn name_rows(_rows: &[u32]) -> String {
    String::new()
}

/// “a”, “a” and “b”; of many the first few.
#[must_use]
pub fn name_labels(_labels: &[&str]) -> String {
    String::new()
}
