//! What rows should be answered with.

use std::collections::BTreeMap;

use super::ProblemName;
use crate::error::{Error, Result};
use crate::input::Input;
use crate::input::text::Word;
use crate::order::Sorted;

/// Rows with their labels, as a problem reads them.
pub struct Labelled<'a> {
    /// Names the rows in errors.
    pub place: &'a str,
    /// Each input with its label, without spaces around it.
    pub rows: Vec<(&'a Input, &'a str)>,
    /// The problem that the labels are of.
    pub problem: ProblemName,
    /// The labels of the head.
    pub labels: &'a [String],
    /// The label of texts that have none of them.
    pub reject: Option<&'a str>,
    /// The words of a row's text with their tokens. A problem of tokens asks once for each row, in their
    /// order: the tokens are kept then.
    pub words: &'a dyn Fn(usize) -> Result<Vec<Word>>,
}

impl Labelled<'_> {
    /// The labels with their places.
    #[must_use]
    pub fn index(&self) -> BTreeMap<&str, u32> {
        self.labels.iter().map(String::as_str).zip(0..).into_map()
    }

    /// An error for a label that is none of the head's.
    #[must_use]
    pub fn unknown(&self, row: usize, label: &str) -> Error {
        Error::LabelUnknown {
            place: self.place.to_owned(),
            row: row + 1,
            label: label.to_owned(),
            known: self.labels.join(", "),
        }
    }

    /// An error for a row that does not fit the problem; `reason` follows "row 3 of train.csv".
    #[must_use]
    pub fn unlike(&self, row: usize, reason: &str) -> Error {
        Error::OptionInvalid {
            option: "problem",
            value: self.problem.name().to_owned(),
            reason: format!("row {} of {} {reason}", row + 1, self.place),
        }
    }
}

/// The targets of rows, without an allocation a row: what their words mean, the problem says.
#[derive(Clone, Debug, PartialEq)]
pub struct Targets {
    words: Vec<u32>,
    /// Words of each row, where all have as many.
    width: Option<usize>,
    /// Where each row's words end, else.
    ends: Vec<usize>,
}

impl Targets {
    /// Of no rows.
    #[must_use]
    pub fn empty(problem: ProblemName, labels: usize) -> Self {
        Self {
            words: Vec::new(),
            width: problem.words(labels),
            ends: Vec::new(),
        }
    }

    /// Reads the labels of rows.
    ///
    /// # Errors
    /// Those of [`ProblemKind::read`](super::ProblemKind::read).
    pub fn read(rows: &Labelled<'_>) -> Result<Self> {
        let mut targets = Self::empty(rows.problem, rows.labels.len());
        rows.problem.read(rows, &mut targets)?;
        Ok(targets)
    }

    /// Adds a row.
    pub fn push(&mut self, words: impl IntoIterator<Item = u32>) {
        self.words.extend(words);
        if self.width.is_none() {
            self.ends.push(self.words.len());
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.width {
            Some(width) => self.words.len() / width.max(1),
            None => self.ends.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The words of a row.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn get(&self, row: usize) -> &[u32] {
        let (start, end) = match self.width {
            Some(width) => (row * width, (row + 1) * width),
            None => (
                row.checked_sub(1).map_or(0, |before| self.ends[before]),
                self.ends[row],
            ),
        };
        &self.words[start..end]
    }

    /// The words of each row.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Where each row's words end, where rows have any number of them.
    #[must_use]
    pub fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// Adds rows of the same problem.
    pub fn append(&mut self, other: &Self) {
        for row in other.rows() {
            self.push(row.iter().copied());
        }
    }

    /// Those of some of the rows.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut selected = Self {
            words: Vec::new(),
            width: self.width,
            ends: Vec::new(),
        };
        for &row in rows {
            selected.push(self.get(row).iter().copied());
        }
        selected
    }
}
