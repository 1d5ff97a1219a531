//! What a table holds once it is said how to read it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::classes::ClassCount;
use crate::columns::Columns;
use crate::findings::Finding;
use crate::merge::Mergeable;
use crate::problem::Problem;
use crate::rows::Rows;

/// How a table is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    /// Which column is which.
    pub columns: Columns,
    /// What the labels say.
    pub problem: Problem,
    /// The label of texts that have none of the others; of one label a text only.
    #[serde(default)]
    pub reject: Option<String>,
    /// Labels that were put right by hand, by row number; null takes the row out.
    #[serde(default)]
    pub corrections: BTreeMap<u32, Option<String>>,
    /// Whether labels that differ only in case or spaces become one.
    #[serde(default)]
    pub merge: bool,
}

/// A row as the preview shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewRow {
    /// Its number in the file.
    pub number: u32,
    /// The start of its text.
    pub text: String,
    /// The start of its second text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text2: Option<String>,
    /// Its label as the file has it.
    pub label: String,
    /// What was found at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The range of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

/// What is in a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// What the labels are read as.
    pub problem: Problem,
    /// Rows that would be trained on.
    pub usable: usize,
    /// Classes among them (of tags the kinds of spans), largest first; empty of numbers.
    pub classes: Vec<ClassCount>,
    /// The range of numbers.
    pub range: Option<Range>,
    /// What is odd, with row numbers.
    pub findings: Vec<Finding>,
    /// Why training cannot start.
    pub blocked: Option<String>,
    /// The first rows, and after them the first rows that something was found at.
    pub preview: Vec<PreviewRow>,
    /// Labels that differ only in case or spaces, also those that were merged.
    pub mergeable: Vec<Mergeable>,
}

/// An inspection and the rows to train on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Looked {
    /// What was found.
    pub inspection: Inspection,
    /// The rows.
    pub rows: Rows,
    /// The number of each of `rows` in the file.
    pub numbers: Vec<u32>,
}
