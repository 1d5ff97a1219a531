mod origin;

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use super::scheme::labelled;
use super::{Reading, Scheme, SequenceStore};
use crate::error::{Error, Result};
use crate::head::{Labelled, Pairs, ProblemName, Tagged, Targets, tagged};
use crate::input::{Input, Reader, Sequence};

pub use origin::Origin;

/// An input with its label, as the user has it.
///
/// Several labels are joined by "|"; a number is written as one; the tags of a sentence's words are
/// separated by spaces, as the words are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What is read.
    #[serde(flatten)]
    pub input: Input,
    /// What it should be answered with.
    #[serde(default)]
    pub label: Option<String>,
}

/// Checked rows: their sequences and targets. The rows themselves are not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    scheme: Scheme,
    sequences: SequenceStore,
    targets: Targets,
    /// The number of each among the rows it was made of.
    numbers: Vec<u32>,
    origins: Vec<Origin>,
    /// Rows of one group are made of one thing: they are held out together.
    groups: Vec<u32>,
    /// Whether the rows are learnt from as well, so that nothing can be fitted on them.
    learnt: bool,
    pair: Option<bool>,
}

impl Dataset {
    /// Rows to learn from, each with one label; see [`read`](Self::read).
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn for_training(place: &str, rows: &[Row], reader: &Reader) -> Result<Self> {
        Self::read(place, rows, reader, &Reading::default())
    }

    /// Rows to learn from. The labels are those that occur, in alphabetical order.
    ///
    /// `place` names the rows in errors.
    ///
    /// # Errors
    /// Those of [`Scheme::found_in`] and [`Targets::read`]; [`Error::TextEmpty`].
    pub fn read(place: &str, rows: &[Row], reader: &Reader, reading: &Reading) -> Result<Self> {
        let scheme = Scheme::found_in(place, rows, reading)?;
        Self::with_scheme(place, rows, reader, &scheme)
    }

    /// Rows to be judged on, by an adapter that knows these labels and answers one of them.
    ///
    /// # Errors
    /// Those of [`with_scheme`](Self::with_scheme).
    pub fn with_labels(
        place: &str,
        rows: &[Row],
        reader: &Reader,
        labels: &[String],
    ) -> Result<Self> {
        let scheme = Scheme {
            problem: ProblemName::default(),
            labels: labels.to_vec(),
            reject: None,
            pairs: Pairs::Joint,
        };
        Self::with_scheme(place, rows, reader, &scheme)
    }

    /// Rows to be judged on, by an adapter that answers in this way.
    ///
    /// # Errors
    /// Those of [`Targets::read`]; [`Error::TextEmpty`]; [`Error::RowUnpaired`] for a row with one text, where a head compares
    /// two.
    pub fn with_scheme(
        place: &str,
        rows: &[Row],
        reader: &Reader,
        scheme: &Scheme,
    ) -> Result<Self> {
        Self::within(place, rows, reader, scheme, reader.max_steps())
    }

    /// [`with_scheme`](Self::with_scheme), of which rows have at most `limit` tokens; with `usize::MAX`
    /// all of them, for answers that are given in windows.
    ///
    /// # Errors
    /// Those of [`with_scheme`](Self::with_scheme).
    pub fn within(
        place: &str,
        rows: &[Row],
        reader: &Reader,
        scheme: &Scheme,
        limit: usize,
    ) -> Result<Self> {
        let of_words = RefCell::new(SequenceStore::default());
        let targets = Targets::read(&Labelled {
            place,
            rows: labelled(place, rows, scheme.problem)?,
            problem: scheme.problem,
            labels: &scheme.labels,
            reject: scheme.reject.as_deref(),
            words: &|row| {
                let read = reader.read_with_words(&rows[row].input, limit);
                let (sequence, words) = read.map_err(|error| at(error, row))?;
                of_words.borrow_mut().push(sequence);
                Ok(words)
            },
        })?;
        let mut sequences = of_words.into_inner();
        for (index, row) in rows.iter().enumerate().skip(sequences.len()) {
            if scheme.compares() && !row.input.is_pair() {
                return Err(Error::RowUnpaired {
                    place: place.to_owned(),
                    row: index + 1,
                });
            }
            let mut add = |input: &Input| -> Result<()> {
                let read = reader.read(input, limit);
                sequences.push(read.map_err(|error| at(error, index))?);
                Ok(())
            };
            match scheme.pairs {
                Pairs::Apart => row.input.apart().iter().try_for_each(&mut add)?,
                Pairs::Joint => add(&row.input)?,
            }
        }
        let pairs = rows.iter().filter(|row| row.input.is_pair()).count();
        Ok(Self {
            pair: match pairs {
                0 => Some(false),
                all if all == rows.len() => Some(true),
                _ => None,
            },
            ..Self::from_parts(scheme.clone(), sequences, targets)
        })
    }

    /// Sequences and their targets. Where the texts of a pair are read apart, each text is a sequence.
    ///
    /// # Panics
    /// If there is not one target a row, once it is asked for.
    #[must_use]
    pub fn from_parts(
        scheme: Scheme,
        sequences: impl Into<SequenceStore>,
        targets: Targets,
    ) -> Self {
        Self {
            numbers: (0u32..).take(targets.len()).collect(),
            origins: vec![Origin::New; targets.len()],
            groups: (0u32..).take(targets.len()).collect(),
            learnt: false,
            scheme,
            sequences: sequences.into(),
            targets,
            pair: None,
        }
    }

    /// Whether the rows are learnt from as well, so that nothing can be fitted on them.
    #[must_use]
    pub fn is_learnt(&self) -> bool {
        self.learnt
    }

    /// The same rows, for a run that learns from them and is judged by them.
    #[must_use]
    pub(super) fn as_learnt(&self) -> Self {
        Self {
            learnt: true,
            ..self.clone()
        }
    }

    /// Whether the rows are pairs of texts, `false` for single texts; `None` if there are both, or
    /// nobody knows.
    #[must_use]
    pub fn pair(&self) -> Option<bool> {
        self.pair
    }

    /// Whether the rows are texts.
    #[must_use]
    pub fn is_of_texts(&self) -> bool {
        matches!(self.sequences, SequenceStore::Texts(_))
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Number of vectors that a head reads of a row.
    #[must_use]
    pub fn vectors_read(&self, row: usize) -> usize {
        match self.scheme.problem.reads_tokens() {
            true => self.length(row),
            false => self.answers_per_row(),
        }
    }

    /// Number of vectors of logits that a row of whole texts has: one where a head compares its texts.
    pub(super) fn answers_per_row(&self) -> usize {
        match self.scheme.compares() {
            true => 1,
            false => self.sequences_per_row(),
        }
    }

    /// Number of sequences that each row has.
    #[must_use]
    pub fn sequences_per_row(&self) -> usize {
        self.scheme.pairs.sequences()
    }

    fn sequences_of(&self, row: usize) -> std::ops::Range<usize> {
        let each = self.sequences_per_row();
        row * each..(row + 1) * each
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
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
        self.sequences.truncated()
    }

    /// Number of steps of a row: tokens of a text.
    ///
    /// # Panics
    /// If there is no such row, as all that follow.
    #[must_use]
    pub fn length(&self, row: usize) -> usize {
        let own = self.sequences_of(row);
        own.map(|sequence| self.sequences.length(sequence)).sum()
    }

    /// The sequences of a row.
    pub fn sequences(&self, row: usize) -> impl Iterator<Item = Sequence> {
        self.sequences_of(row)
            .map(|sequence| self.sequences.get(sequence))
    }

    /// What a row should be answered with, in the words of its problem.
    #[must_use]
    pub fn target(&self, row: usize) -> &[u32] {
        self.targets.get(row)
    }

    /// The tagged tokens of a row of tagged words.
    pub fn tagged(&self, row: usize) -> impl ExactSizeIterator<Item = Tagged> {
        tagged(self.target(row))
    }

    /// How many vectors of logits rows are judged by.
    #[must_use]
    pub fn vectors_of(&self, rows: &[usize]) -> usize {
        let vectors = |&row: &usize| self.scheme.problem.vectors(self.target(row));
        rows.iter().map(vectors).sum()
    }

    /// The zero-based number of a row among those that the set, or the one it is part of, was made of.
    #[must_use]
    pub fn number(&self, row: usize) -> usize {
        self.numbers[row] as usize
    }

    /// The same rows, of which those with the same number in `groups` are held out together.
    ///
    /// # Panics
    /// If there is not one group a row.
    #[must_use]
    pub fn grouped(self, groups: Vec<u32>) -> Self {
        assert_eq!(groups.len(), self.len(), "there must be one group a row");
        Self { groups, ..self }
    }

    /// The same rows with other numbers.
    ///
    /// # Panics
    /// If there is not one number a row.
    #[must_use]
    pub fn numbered(mut self, numbers: &[usize]) -> Self {
        assert_eq!(numbers.len(), self.len(), "there must be one number a row");
        let narrow = |&number: &usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.numbers = numbers.iter().map(narrow).collect();
        self
    }

    /// The group of a row: those of one are held out together.
    pub(super) fn group(&self, row: usize) -> u32 {
        self.groups[row]
    }

    /// A number that no group has.
    fn next_group(&self) -> u32 {
        self.groups.iter().max().map_or(0, |last| last + 1)
    }

    /// The same rows, numbered as they stand here.
    #[must_use]
    pub fn renumbered(mut self) -> Self {
        self.numbers = (0u32..).take(self.len()).collect();
        self
    }

    /// The rows of both, in their order. They must have the same scheme.
    #[must_use]
    pub fn join(mut self, other: &Self) -> Self {
        self.sequences.append(&other.sequences);
        self.targets.append(&other.targets);
        self.numbers.extend_from_slice(&other.numbers);
        self.origins.extend_from_slice(&other.origins);
        let before = self.next_group();
        self.groups
            .extend(other.groups.iter().map(|own| before + own));
        if !other.is_empty() && self.pair != other.pair {
            self.pair = None;
        }
        self
    }

    /// Some of the rows, in the order given.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            scheme: self.scheme.clone(),
            sequences: {
                let own = rows.iter().flat_map(|&row| self.sequences_of(row));
                self.sequences.select(&own.collect::<Vec<_>>())
            },
            targets: self.targets.select(rows),
            numbers: rows.iter().map(|&row| self.numbers[row]).collect(),
            origins: rows.iter().map(|&row| self.origins[row]).collect(),
            groups: rows.iter().map(|&row| self.groups[row]).collect(),
            learnt: self.learnt,
            pair: self.pair,
        }
    }
}

/// An error of a text that says which row it is of.
fn at(error: Error, index: usize) -> Error {
    match error {
        Error::TextEmpty { .. } => Error::TextEmpty { index },
        other => other,
    }
}
