//! The settings of a head.

use crate::head::Problem;
use std::borrow::Cow;

use super::pooling::Pooling;
use crate::error::{Error, Result};
use crate::model::Shape;
use crate::ops::Activation;

/// Settings of a head.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadConfig {
    /// What it answers.
    pub problem: Problem,
    /// What it reads.
    pub pooling: Pooling,
    /// Nonlinearity after a dense layer of hidden size, if there is one before the last layer.
    pub dense: Option<Activation>,
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
