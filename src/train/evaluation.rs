use std::collections::BTreeMap;

use serde::Serialize;

use super::decision::{over, row_loss};
use super::metrics::{Confusion, Entity, LabelCounts, LabelScore, entities, pearson, spearman};
use super::{Dataset, Decision, Outcomes, Targets};
use crate::error::{Error, Result};
use crate::folder::Metric;
use crate::head::{ProblemName, argmax, sigmoid, softmax};

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

/// What a problem is judged by where nothing is said.
#[must_use]
pub fn default_metric(problem: ProblemName) -> Metric {
    match problem {
        ProblemName::SingleLabel => Metric::Accuracy,
        ProblemName::MultiLabel => Metric::MacroF1,
        ProblemName::Regression => Metric::Spearman,
        ProblemName::TokenClassification => Metric::EntityF1,
    }
}

impl Evaluation {
    /// Judges the logits of all rows of a data set.
    ///
    /// # Panics
    /// If the logits are not those of the rows.
    #[must_use]
    pub fn of(data: &Dataset, outcomes: &Outcomes, decision: &Decision) -> Self {
        let mut evaluation = match data.targets() {
            Targets::Labels(truths) => one_label(data, truths, outcomes, decision),
            Targets::Sets(truths) => several_labels(data, truths, outcomes, decision),
            Targets::Numbers(truths) => numbers(truths, outcomes),
            Targets::Tags { .. } => tags(data, outcomes),
        };
        evaluation.rows = data.len();
        evaluation
    }

    /// The score by a metric.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if the problem has no such metric, or it names a label that is not there.
    pub fn score(&self, metric: &Metric) -> Result<f64> {
        let (score, value, known) = match metric {
            Metric::F1 { positive } => {
                let labels = || self.per_label.iter();
                let found = labels().find(|score| score.label == *positive);
                let labels: Vec<&str> = labels().map(|score| score.label.as_str()).collect();
                (
                    found.map(|score| score.f1),
                    format!("f1 of \"{positive}\""),
                    format!("the labels are {}", labels.join(", ")),
                )
            }
            other => {
                let known: Vec<&str> = self.scores.keys().copied().collect();
                (
                    self.scores.get(other.name()).copied(),
                    other.name().to_owned(),
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

/// Shares of a sum; 0 of nothing.
#[allow(clippy::cast_precision_loss)]
fn mean(sum: f64, count: usize) -> f64 {
    sum / count.max(1) as f64
}

fn one_label(
    data: &Dataset,
    truths: &[Option<u32>],
    outcomes: &Outcomes,
    decision: &Decision,
) -> Evaluation {
    let mut labels = data.labels().to_vec();
    let outside = labels.len();
    let temperature = decision.temperature.unwrap_or(1.0);
    // without a threshold a text outside all labels has no answer that could be right
    let threshold = decision.reject.filter(|_| data.scheme().reject.is_some());
    if threshold.is_some() {
        labels.extend(data.scheme().reject.clone());
    }
    let mut confusion = Confusion::new(labels.len());
    let (mut loss, mut inside) = (0.0, 0);
    for (z, truth) in outcomes.vectors().zip(truths) {
        let best = argmax(z);
        let rejected =
            threshold.is_some_and(|threshold| softmax(&over(z, temperature))[best] < threshold);
        let answer = if rejected { outside } else { best };
        if let Some(truth) = truth {
            inside += 1;
            loss += row_loss(z, *truth as usize, 1.0);
            confusion.add(*truth as usize, answer);
        } else if threshold.is_some() {
            confusion.add(outside, answer);
        }
    }
    let counts = confusion.label_counts();
    let accuracy = mean(counts.hits[..outside].iter().sum::<usize>() as f64, inside);
    let mut scores = BTreeMap::from([
        ("accuracy", accuracy),
        ("macro_f1", counts.macro_f1()),
        ("matthews", confusion.matthews()),
        ("micro_f1", counts.micro_f1()),
    ]);
    if threshold.is_some() {
        scores.insert("accuracy_in_scope", accuracy);
        scores.insert("accuracy_of_all", confusion.accuracy());
        let recall = mean(counts.hits[outside] as f64, counts.truths[outside]);
        scores.insert("recall_out_of_scope", recall);
    }
    Evaluation {
        loss: mean(loss, inside),
        scores,
        per_label: counts.per_label(&labels),
        confusion: confusion.counts,
        ..Evaluation::default()
    }
}

fn several_labels(
    data: &Dataset,
    truths: &[bool],
    outcomes: &Outcomes,
    decision: &Decision,
) -> Evaluation {
    let width = data.labels().len();
    let temperature = decision.temperature.unwrap_or(1.0);
    let mut counts = LabelCounts::new(width);
    let (mut loss, mut exact) = (0.0, 0);
    for (z, truths) in outcomes.vectors().zip(truths.chunks_exact(width.max(1))) {
        let mut right = true;
        for (label, (&z, &truth)) in z.iter().zip(truths).enumerate() {
            let answer = sigmoid(z / temperature) >= decision.threshold(label);
            counts.add(label, truth, answer);
            right &= answer == truth;
            let z = f64::from(z);
            loss += z.max(0.0) - if truth { z } else { 0.0 } + (-z.abs()).exp().ln_1p();
        }
        exact += usize::from(right);
    }
    Evaluation {
        loss: mean(loss, truths.len()),
        scores: BTreeMap::from([
            ("accuracy", mean(exact as f64, data.len())),
            ("macro_f1", counts.macro_f1()),
            ("micro_f1", counts.micro_f1()),
        ]),
        per_label: counts.per_label(data.labels()),
        ..Evaluation::default()
    }
}

fn numbers(truths: &[f32], outcomes: &Outcomes) -> Evaluation {
    let wide = |values: &[f32]| -> Vec<f64> { values.iter().copied().map(f64::from).collect() };
    let (answers, truths) = (wide(&outcomes.logits), wide(truths));
    let squares = answers.iter().zip(&truths).map(|(a, t)| (a - t) * (a - t));
    let loss = mean(squares.sum(), truths.len());
    Evaluation {
        loss,
        scores: BTreeMap::from([
            ("pearson", pearson(&answers, &truths)),
            ("rmse", loss.sqrt()),
            ("spearman", spearman(&answers, &truths)),
        ]),
        ..Evaluation::default()
    }
}

fn tags(data: &Dataset, outcomes: &Outcomes) -> Evaluation {
    let labels = data.labels();
    let (mut vectors, mut loss, mut words, mut right) = (outcomes.vectors(), 0.0, 0, 0);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for label in labels {
        for Entity { label, .. } in entities(&[label]) {
            let next = kinds.len();
            kinds.entry(label.to_owned()).or_insert(next);
        }
    }
    let mut counts = LabelCounts::new(kinds.len());
    for row in 0..data.len() {
        let truths: Vec<usize> = data
            .tagged(row)
            .iter()
            .filter(|tagged| tagged.begins)
            .map(|tagged| tagged.label as usize)
            .collect();
        let mut answers = Vec::with_capacity(truths.len());
        for (&truth, z) in truths.iter().zip(&mut vectors) {
            answers.push(argmax(z));
            loss += row_loss(z, truth, 1.0);
        }
        words += truths.len();
        right += truths.iter().zip(&answers).filter(|(a, b)| a == b).count();
        let names = |tags: &[usize]| tags.iter().map(|&tag| labels[tag].as_str()).collect();
        let (truths, answers): (Vec<&str>, Vec<&str>) = (names(&truths), names(&answers));
        let (truths, answers) = (entities(&truths), entities(&answers));
        for truth in &truths {
            let hit = answers.contains(truth);
            counts.add(kinds[truth.label], true, hit);
        }
        for answer in answers.iter().filter(|answer| !truths.contains(answer)) {
            counts.add(kinds[answer.label], false, true);
        }
    }
    let mut names = vec![String::new(); kinds.len()];
    for (kind, index) in kinds {
        names[index] = kind;
    }
    let f1 = counts.micro_f1();
    Evaluation {
        loss: mean(loss, words),
        scores: BTreeMap::from([
            ("accuracy", mean(right as f64, words)),
            ("entity_f1", f1),
            ("macro_f1", counts.macro_f1()),
            ("micro_f1", f1),
        ]),
        per_label: counts.per_label(&names),
        ..Evaluation::default()
    }
}
