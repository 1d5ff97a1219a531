use serde::{Deserialize, Serialize};

use super::{Reading, Scheme, Tagged, Targets, TokenStore};
use crate::error::{Error, Result};
use crate::head::{ProblemName, Target};
use crate::input::text::{Encoded, Text, Tokenizer};

/// A text or pair with its label, as the user has it.
///
/// Several labels are joined by "|"; a number is written as one; the tags of a sentence's words are
/// separated by spaces, as the words are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What is read.
    #[serde(flatten)]
    pub text: Text,
    /// What it should be answered with.
    #[serde(default)]
    pub label: Option<String>,
}

/// Checked rows: their tokens and targets. The rows themselves are not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    scheme: Scheme,
    tokens: TokenStore,
    targets: Targets,
    /// The number of each among the rows it was made of.
    numbers: Vec<u32>,
    pair: Option<bool>,
}

impl Dataset {
    /// Rows to learn from, each with one label; see [`read`](Self::read).
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn for_training(place: &str, rows: &[Row], tokenizer: &Tokenizer) -> Result<Self> {
        Self::read(place, rows, tokenizer, &Reading::default())
    }

    /// Rows to learn from. The labels are those that occur, in alphabetical order.
    ///
    /// `place` names the rows in errors.
    ///
    /// # Errors
    /// Those of [`Scheme::found_in`] and [`Targets::read`]; [`Error::TextEmpty`].
    pub fn read(
        place: &str,
        rows: &[Row],
        tokenizer: &Tokenizer,
        reading: &Reading,
    ) -> Result<Self> {
        let scheme = Scheme::found_in(place, rows, reading)?;
        Self::with_scheme(place, rows, tokenizer, &scheme)
    }

    /// Rows to be judged on, by an adapter that knows these labels and answers one of them.
    ///
    /// # Errors
    /// Those of [`with_scheme`](Self::with_scheme).
    pub fn with_labels(
        place: &str,
        rows: &[Row],
        tokenizer: &Tokenizer,
        labels: &[String],
    ) -> Result<Self> {
        let scheme = Scheme {
            problem: ProblemName::SingleLabel,
            labels: labels.to_vec(),
            reject: None,
        };
        Self::with_scheme(place, rows, tokenizer, &scheme)
    }

    /// Rows to be judged on, by an adapter that answers in this way.
    ///
    /// # Errors
    /// Those of [`Targets::read`]; [`Error::TextEmpty`].
    pub fn with_scheme(
        place: &str,
        rows: &[Row],
        tokenizer: &Tokenizer,
        scheme: &Scheme,
    ) -> Result<Self> {
        Self::within(place, rows, tokenizer, scheme, tokenizer.max_tokens())
    }

    /// [`with_scheme`](Self::with_scheme), of which rows have at most `limit` tokens; with `usize::MAX`
    /// all of them, for answers that are given in windows.
    ///
    /// # Errors
    /// Those of [`with_scheme`](Self::with_scheme).
    pub fn within(
        place: &str,
        rows: &[Row],
        tokenizer: &Tokenizer,
        scheme: &Scheme,
        limit: usize,
    ) -> Result<Self> {
        let targets = Targets::within(place, rows, scheme, tokenizer, limit)?;
        let mut tokens = TokenStore::default();
        for (index, row) in rows.iter().enumerate() {
            let encoded = tokenizer.encode_within(&row.text, limit);
            let encoded = encoded.map_err(|error| match error {
                Error::TextEmpty { .. } => Error::TextEmpty { index },
                other => other,
            });
            tokens.push(&encoded?);
        }
        let pairs = rows.iter().filter(|row| row.text.second.is_some()).count();
        Ok(Self {
            pair: match pairs {
                0 => Some(false),
                all if all == rows.len() => Some(true),
                _ => None,
            },
            ..Self::from_parts(scheme.clone(), tokens, targets)
        })
    }

    /// Tokens and their targets.
    ///
    /// # Panics
    /// If there is not one target a text, once it is asked for.
    #[must_use]
    pub fn from_parts(scheme: Scheme, tokens: TokenStore, targets: Targets) -> Self {
        Self {
            numbers: (0u32..).take(tokens.len()).collect(),
            scheme,
            tokens,
            targets,
            pair: None,
        }
    }

    /// Whether the rows are pairs of texts, `false` for single texts; `None` if there are both, or
    /// nobody knows.
    #[must_use]
    pub fn pair(&self) -> Option<bool> {
        self.pair
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// What the labels can be.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The labels, in the order of a head's logits.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.scheme.labels
    }

    /// The targets of all rows.
    #[must_use]
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Number of rows that were too long and cut.
    #[must_use]
    pub fn truncated(&self) -> usize {
        self.tokens.truncated()
    }

    /// Number of tokens of a row.
    ///
    /// # Panics
    /// If there is no such row, as all that follow.
    #[must_use]
    pub fn length(&self, row: usize) -> usize {
        self.tokens.length(row)
    }

    /// The tokens of a row.
    #[must_use]
    pub fn tokens(&self, row: usize) -> Encoded {
        self.tokens.get(row)
    }

    /// What a row should be answered with.
    #[must_use]
    pub fn target(&self, row: usize) -> Target {
        self.targets.get(row, self.labels().len(), self.length(row))
    }

    /// The tagged tokens of a row; none where rows have labels of texts.
    #[must_use]
    pub fn tagged(&self, row: usize) -> &[Tagged] {
        self.targets.tagged(row)
    }

    /// How many vectors of logits rows have: one each, or one for each scored word.
    #[must_use]
    pub fn vectors_of(&self, rows: std::ops::Range<usize>) -> usize {
        let words = |row| {
            self.tagged(row)
                .iter()
                .filter(|tagged| tagged.begins)
                .count()
        };
        match self.targets {
            Targets::Tags { .. } => rows.map(words).sum(),
            _ => rows.len(),
        }
    }

    /// The zero-based number of a row among those that the set, or the one it is part of, was made of.
    #[must_use]
    pub fn number(&self, row: usize) -> usize {
        self.numbers[row] as usize
    }

    /// The same rows, numbered as they stand here.
    #[must_use]
    pub fn renumbered(mut self) -> Self {
        self.numbers = (0u32..).take(self.len()).collect();
        self
    }

    /// Some of the rows, in the order given.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            scheme: self.scheme.clone(),
            tokens: self.tokens.select(rows),
            targets: self.targets.select(rows, self.labels().len()),
            numbers: rows.iter().map(|&row| self.numbers[row]).collect(),
            pair: self.pair,
        }
    }
}
