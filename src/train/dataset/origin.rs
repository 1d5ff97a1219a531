//! Rows that stand beside those that a run is for, so that an adapter does not forget what it knows.

use super::{Dataset, at};
use crate::error::{Error, Result};
use crate::head::Targets;
use crate::input::text::{Text, Tokenizer};
use crate::train::{Scheme, TokenStore};

/// Why a row is in a set to learn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is what the run is for.
    New,
    /// An earlier run had it, and it is replayed so that it is not forgotten.
    Old,
    /// It has no label: the adapter that is trained further says what it should still be answered with.
    Unlabelled,
}

impl Dataset {
    /// Texts without labels, for a run that keeps what an adapter says of them. `place` names them in errors.
    ///
    /// # Errors
    /// [`Error::TextEmpty`]; [`Error::OptionInvalid`] if rows of the problem are not answered as a whole.
    pub fn of_texts(
        place: &str,
        texts: &[Text],
        tokenizer: &Tokenizer,
        scheme: &Scheme,
    ) -> Result<Self> {
        let problem = scheme.problem;
        let words = problem.words(scheme.labels.len());
        let Some(words) = words.filter(|_| scheme.pairs.sequences() == 1) else {
            return Err(Error::OptionInvalid {
                option: "replay",
                value: format!("texts without labels in {place}"),
                reason: format!(
                    "rows of the problem {} must have labels; label them, or leave them out",
                    problem.name()
                ),
            });
        };
        let mut tokens = TokenStore::default();
        let mut targets = Targets::empty(problem, scheme.labels.len());
        for (index, text) in texts.iter().enumerate() {
            tokens.push(&tokenizer.encode(text).map_err(|error| at(error, index))?);
            // nobody looks at it
            targets.push(std::iter::repeat_n(0, words));
        }
        let mut own = Self::from_parts(scheme.clone(), tokens, targets);
        own.origins.fill(Origin::Unlabelled);
        Ok(own)
    }

    /// Puts other rows of the same scheme beside these, so that they are not forgotten. Those that are new there are old
    /// here.
    #[must_use]
    pub fn beside(mut self, others: &Self) -> Self {
        let before = self.numbers.iter().max().map_or(0, |last| last + 1);
        for row in 0..others.len() {
            others
                .tokens(row)
                .for_each(|tokens| self.tokens.push(&tokens));
            self.targets.push(others.target(row).iter().copied());
            self.numbers.push(before + others.numbers[row]);
            self.origins.push(match others.origins[row] {
                Origin::Unlabelled => Origin::Unlabelled,
                Origin::New | Origin::Old => Origin::Old,
            });
        }
        self
    }

    /// Why a row is here.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn origin(&self, row: usize) -> Origin {
        self.origins[row]
    }

    /// The rows that are here for this reason.
    #[must_use]
    pub fn of_origin(&self, origin: Origin) -> Vec<usize> {
        let rows = 0..self.len();
        rows.filter(|&row| self.origins[row] == origin).collect()
    }

    /// The rows that have labels.
    pub(in crate::train) fn labelled(&self) -> Self {
        let is_labelled = |&row: &usize| self.origins[row] != Origin::Unlabelled;
        let rows: Vec<usize> = (0..self.len()).filter(is_labelled).collect();
        self.select(&rows)
    }
}
