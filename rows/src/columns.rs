//! Which column is which.

use serde::{Deserialize, Serialize};

/// Indices into a table's columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Columns {
    /// The text, or the first of a pair.
    pub text: usize,
    /// The second text of a pair.
    #[serde(default)]
    pub text2: Option<usize>,
    /// The label.
    #[serde(default)]
    pub label: Option<usize>,
    /// Columns of zeros and ones, one a label, in place of `label`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub label_columns: Vec<usize>,
}
