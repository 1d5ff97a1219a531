//! What the labels of a column say, guessed from how they look.

use serde::{Deserialize, Serialize};

/// Between the labels of a text that has several.
pub const LABEL_SEPARATOR: char = '|';

/// What labels say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// One of several classes.
    #[default]
    SingleLabel,
    /// Any number of several classes.
    MultiLabel,
    /// A number.
    Regression,
    /// A tag for each word.
    TokenClassification,
}

/// What labels seem to say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The problem.
    pub problem: Problem,
    /// The label that stands for none of the others, if there seems to be one.
    pub reject: Option<String>,
}
