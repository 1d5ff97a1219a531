//! Labels that differ only in case or spaces.

use serde::{Deserialize, Serialize};

/// Labels that are most likely one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mergeable {
    /// The form that most rows use.
    pub label: String,
    /// All forms, most used first.
    pub variants: Vec<String>,
    /// Rows that have one of them.
    pub rows: usize,
}
