//! The settings of a head.

use crate::head::{Pairs, Problem};
use std::borrow::Cow;

use super::dense::Dense;
use super::pooling::Pooling;
use crate::error::{Error, Result};
use crate::model::Shape;

/// Settings of a head.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadConfig {
    /// What it answers.
    pub problem: Problem,
    /// What it reads.
    pub pooling: Pooling,
    /// How it reads the two texts of a pair.
    pub pairs: Pairs,
    /// The layer before the last one, if there is one.
    pub dense: Option<Dense>,
    /// One label per logit.
    pub labels: Vec<String>,
}

impl HeadConfig {
    /// Whether it reads what the checkpoint's pooler gives.
    #[must_use]
    pub fn reads_pooler(&self, shape: &Shape) -> bool {
        let of_tokens = self.problem.kind.reads_tokens();
        self.pooling == Pooling::Pooler && (!of_tokens || shape.anatomy.pooler.of_tokens)
    }

    /// Whether its logits are those of a pair of vectors, one for each text: of their
    /// [features](crate::ops::pair_features).
    #[must_use]
    pub fn compares(&self) -> bool {
        self.problem.kind.compares(self.pairs)
    }

    /// Number of elements that its first layer reads, for an encoder of this shape.
    #[must_use]
    pub fn width(&self, shape: &Shape) -> usize {
        let read = match self.problem.kind.reads_tokens() && !self.reads_pooler(shape) {
            true => shape.hidden_size,
            false => self.pooling.width(shape),
        };
        match self.compares() {
            true => 4 * read + 1,
            false => read,
        }
    }

    /// How it reads pairs, where its problem does not say it.
    #[must_use]
    pub fn said_pairs(&self) -> Option<Pairs> {
        (self.pairs != self.problem.kind.pairs()).then_some(self.pairs)
    }

    /// Whether a fresh head answers the cosine of the two vectors: a number grows with it in most data sets.
    pub(super) fn starts_as_cosine(&self) -> bool {
        self.compares() && self.problem.kind.about().one_output && self.dense.is_none()
    }

    pub(super) fn check(&self) -> Result<()> {
        let labels = self.labels.len();
        let invalid = |value: String, reason: String| {
            let option = "problem";
            Err(Error::OptionInvalid {
                option,
                value,
                reason,
            })
        };
        let Problem { kind, thresholds } = &self.problem;
        kind.check_pairs(self.pairs)?;
        if labels == 0 {
            return invalid("without labels".into(), "name at least one".into());
        }
        if kind.about().one_output && labels != 1 {
            return invalid(
                format!("{} with {labels} labels", kind.name()),
                "it has one output, and one label that names it".into(),
            );
        }
        let fits = thresholds.is_empty() || thresholds.len() == labels;
        if fits && thresholds.iter().all(|t| (0.0..=1.0).contains(t)) {
            return Ok(());
        }
        invalid(
            format!("{} with thresholds {thresholds:?}", kind.name()),
            format!("there must be one of 0 to 1 for each of the {labels} labels"),
        )
    }

    /// The labels of its answers: its own, unless the problem has others.
    #[must_use]
    pub fn answers(&self) -> Cow<'_, [String]> {
        let answers = self.problem.kind.about().answers;
        match answers.is_empty() {
            true => Cow::Borrowed(&self.labels),
            false => answers.iter().map(|&label| label.to_owned()).collect(),
        }
    }
}
