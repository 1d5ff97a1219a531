//! The classes of labels.

use serde::{Deserialize, Serialize};

/// A class, or a kind of span, and how many rows or spans it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCount {
    /// Its name.
    pub label: String,
    /// Rows of the class; of tags, spans of the kind.
    pub rows: usize,
}
