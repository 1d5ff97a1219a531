use serde::{Deserialize, Serialize};

use super::DEFAULT_THRESHOLD;

/// What a head answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Problem {
    /// One label a text.
    #[default]
    SingleLabel,
    /// Any number of labels a text.
    MultiLabel {
        /// What a label's score, 0 to 1, must reach: one a label, or none for
        /// [`DEFAULT_THRESHOLD`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        thresholds: Vec<f32>,
    },
    /// One number a text; its only label is the number's name.
    Regression,
    /// One label a token; such a head pools nothing.
    TokenClassification,
}

impl Problem {
    /// What it answers, in words.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self {
            Self::SingleLabel => "one label",
            Self::MultiLabel { .. } => "any number of labels",
            Self::Regression => "a number",
            Self::TokenClassification => "labels of tokens",
        }
    }

    /// What the score of each of so many labels must reach, 0 to 1, where a text may have several.
    #[must_use]
    pub fn thresholds(&self, labels: usize) -> Option<Vec<f32>> {
        match self {
            Self::MultiLabel { thresholds } if thresholds.is_empty() => {
                Some(vec![DEFAULT_THRESHOLD; labels])
            }
            Self::MultiLabel { thresholds } => Some(thresholds.clone()),
            _ => None,
        }
    }
}

/// The name of a [`Problem`], without what belongs to a particular head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemName {
    /// [`Problem::SingleLabel`].
    #[default]
    #[serde(alias = "single_label_classification")]
    SingleLabel,
    /// [`Problem::MultiLabel`].
    #[serde(alias = "multi_label_classification")]
    MultiLabel,
    /// [`Problem::Regression`].
    Regression,
    /// [`Problem::TokenClassification`].
    TokenClassification,
}

impl ProblemName {
    /// As settings and files write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SingleLabel => "single_label",
            Self::MultiLabel => "multi_label",
            Self::Regression => "regression",
            Self::TokenClassification => "token_classification",
        }
    }

    /// The problem of a head that is trained for it.
    #[must_use]
    pub fn fresh(self) -> Problem {
        match self {
            Self::SingleLabel => Problem::SingleLabel,
            Self::MultiLabel => Problem::MultiLabel {
                thresholds: Vec::new(),
            },
            Self::Regression => Problem::Regression,
            Self::TokenClassification => Problem::TokenClassification,
        }
    }
}

impl From<&Problem> for ProblemName {
    fn from(problem: &Problem) -> Self {
        match problem {
            Problem::SingleLabel => Self::SingleLabel,
            Problem::MultiLabel { .. } => Self::MultiLabel,
            Problem::Regression => Self::Regression,
            Problem::TokenClassification => Self::TokenClassification,
        }
    }
}
