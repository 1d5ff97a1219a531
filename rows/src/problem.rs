//! What the labels of a column say, guessed from how they look.

mod counts;
mod form;
mod lists;
mod sides;

use serde::{Deserialize, Serialize};

pub(crate) use form::Form;
pub(crate) use sides::says_which;

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
    /// Which of two texts is better.
    Ranking,
}

impl Problem {
    const ALL: [(Self, &'static str); 5] = [
        (Self::SingleLabel, "single_label"),
        (Self::MultiLabel, "multi_label"),
        (Self::Regression, "regression"),
        (Self::TokenClassification, "token_classification"),
        (Self::Ranking, "ranking"),
    ];

    /// As choices and proposals write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let own = Self::ALL.iter().find(|(problem, _)| *problem == self);
        own.map_or("", |(_, name)| name)
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let own = Self::ALL.iter().find(|(_, own)| *own == name);
        own.map(|(problem, _)| *problem)
    }
}

/// What labels seem to say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The problem.
    pub problem: Problem,
    /// The label that stands for none of the others, if there seems to be one.
    pub reject: Option<String>,
}
