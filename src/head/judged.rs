//! Rows that were answered, and how well.

use std::collections::BTreeMap;

use serde::Serialize;

use super::metrics::LabelScore;
use super::{Decision, Metric, ProblemName, Targets, Term};
use crate::error::{Error, Result};

/// What answers are made of logits by.
#[derive(Clone, Copy, Debug)]
pub struct How<'a> {
    /// The labels of the head.
    pub labels: &'a [String],
    /// What texts that have none of them are answered with.
    pub reject: Option<&'a str>,
    /// What was fitted on held-out rows.
    pub decision: &'a Decision,
}

impl How<'_> {
    /// What logits are divided by.
    #[must_use]
    pub fn temperature(&self) -> f32 {
        self.decision.temperature.unwrap_or(1.0)
    }

    /// The score that the best label must reach, and the answer where it does not.
    #[must_use]
    pub fn rejection(&self) -> Option<(f32, &str)> {
        self.decision.reject.zip(self.reject)
    }
}

/// Rows with their targets, and the logits that they were answered with.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// What the head answers.
    pub problem: ProblemName,
    /// Its labels.
    pub labels: &'a [String],
    /// The label of texts that have none of them.
    pub reject: Option<&'a str>,
    /// One a row.
    pub targets: &'a Targets,
    /// `[vectors, labels]`, the vectors of each row in the rows' order.
    pub logits: &'a [f32],
}

impl<'a> Judged<'a> {
    /// Each row's target with its logits.
    pub fn rows(&self) -> impl Iterator<Item = (&'a [u32], &'a [f32])> + use<'a> {
        let (problem, mut rest) = (self.problem, self.logits);
        let width = self.labels.len();
        self.targets.rows().map(move |target| {
            let (own, others) = rest.split_at(problem.vectors(target) * width);
            rest = others;
            (target, own)
        })
    }

    /// Calls with each term of each row.
    pub fn terms(&self, visit: &mut dyn FnMut(Term<'_>)) {
        for (target, z) in self.rows() {
            self.problem.terms(target, z, self.labels.len(), visit);
        }
    }

    /// Sum of the terms' losses at a temperature, and how many there are.
    #[must_use]
    pub fn loss(&self, temperature: f64) -> (f64, usize) {
        let (mut sum, mut count) = (0.0, 0);
        self.terms(&mut |term| {
            sum += term.loss(temperature);
            count += 1;
        });
        (sum, count)
    }

    /// How well the rows are answered.
    #[must_use]
    pub fn evaluation(&self, decision: &Decision) -> Evaluation {
        let how = How {
            labels: self.labels,
            reject: self.reject,
            decision,
        };
        let (loss, terms) = self.loss(1.0);
        let mut evaluation = Evaluation {
            rows: self.targets.len(),
            loss: mean(loss, terms),
            ..Evaluation::default()
        };
        self.problem.judge(self, &how, &mut evaluation);
        evaluation
    }
}

/// A mean; 0 of nothing.
#[allow(clippy::cast_precision_loss)]
pub(super) fn mean(sum: f64, count: usize) -> f64 {
    sum / count.max(1) as f64
}

/// A share; 0 of nothing.
#[allow(clippy::cast_precision_loss)]
pub(super) fn share(part: usize, whole: usize) -> f64 {
    mean(part as f64, whole)
}

/// How well answers fit.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    /// Number of rows.
    pub rows: usize,
    /// Mean loss: cross-entropy of labels, squared error of numbers.
    pub loss: f64,
    /// Every measure of the problem, by name.
    pub scores: BTreeMap<&'static str, f64>,
    /// Precision, recall and F1 of each label, or of each kind of span.
    pub per_label: Vec<LabelScore>,
    /// `confusion[truth][answer]` counts rows in the order of `per_label`; empty where a row may have
    /// more than one label.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub confusion: Vec<Vec<usize>>,
}

impl Evaluation {
    /// The score by a metric.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if the problem has no such metric, or it names a label that is not there.
    pub fn score(&self, metric: &Metric) -> Result<f64> {
        let (score, value, known) = match metric.positive() {
            Some(positive) => {
                let labels = || self.per_label.iter();
                let found = labels().find(|score| score.label == *positive);
                let labels: Vec<&str> = labels().map(|score| score.label.as_str()).collect();
                (
                    found.map(|score| score.f1),
                    format!("f1 of \"{positive}\""),
                    format!("the labels are {}", labels.join(", ")),
                )
            }
            None => {
                let known: Vec<&str> = self.scores.keys().copied().collect();
                (
                    self.scores.get(metric.name()).copied(),
                    metric.name().to_owned(),
                    format!("these rows have {}", known.join(", ")),
                )
            }
        };
        score.ok_or(Error::OptionInvalid {
            option: "metric",
            value,
            reason: known,
        })
    }
}
