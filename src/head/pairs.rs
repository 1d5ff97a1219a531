//! How a head reads the two texts of a pair.

use serde::{Deserialize, Serialize};

/// How a head reads the two texts of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairs {
    /// As one sequence. Every token of one text attends to those of the other. Sentence-transformers calls this a
    /// cross-encoder.
    #[default]
    #[serde(alias = "cross_encoder")]
    Joint,
    /// Each as a sequence of its own. The texts meet only in the head, so each has a vector of its own.
    /// Sentence-transformers calls this a bi-encoder.
    #[serde(alias = "bi_encoder")]
    Apart,
}

impl Pairs {
    /// Number of sequences that a pair has.
    #[must_use]
    pub fn sequences(self) -> usize {
        match self {
            Self::Joint => 1,
            Self::Apart => 2,
        }
    }

    /// As settings and files write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Joint => "joint",
            Self::Apart => "apart",
        }
    }
}
