//! One label a text: softmax over the labels, cross-entropy (Bridle 1990).
//!
//! Target: one word, the index of the label, or [`OUTSIDE`] for a text outside all labels.

use std::collections::BTreeMap;

use super::about::{About, Form, Measure, Reads};
use super::judged::share;
use super::metrics::Confusion;
use super::problem::{Group, Likeness, ProblemKind, Term};
use super::scores::{argmax, over, softmax};
use super::{
    Evaluation, How, Judged, Labelled, LossSettings, PROBLEMS, Prediction, SINGLE_LABEL, Targets,
};
use crate::error::{Error, Result};
use crate::ops::{Aim, smoothed_cross_entropy};
use crate::order::sorted_by;
use crate::tensor::Tensor;

pub(super) struct SingleLabel;

/// The target of a text that has none of the labels.
pub const OUTSIDE: u32 = u32::MAX;

/// Where held-out rows have no text outside all labels to choose by: the share of right answers that a
/// threshold for rejection may cost.
const REJECTED_SHARE: f64 = 0.05;

static ABOUT: About = About {
    name: "single_label",
    aliases: &["single_label_classification"],
    title: "one label",
    label: "one of several labels",
    nouns: ["class", "classes"],
    rows: "single_label",
    reads: Reads::Texts,
    forms: &[Form::Label],
    answers: &[],
    one_output: false,
    thresholds: false,
    rejects: true,
    classes: true,
    calibrated: true,
    may_be_empty: false,
    measures: &[
        Measure::ACCURACY,
        Measure::MACRO_F1,
        Measure::MICRO_F1,
        Measure::metric("matthews", "Matthews correlation", Some(0.0)),
        Measure::reported("accuracy_in_scope", "accuracy in scope"),
        Measure::reported("accuracy_of_all", "accuracy of all"),
        Measure::reported("recall_out_of_scope", "recall out of scope"),
    ],
    baseline: "by always answering the commonest label",
    peft: "SEQ_CLS",
    adapterhub: "classification",
};

impl ProblemKind for SingleLabel {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn parts<'a>(&self, label: &'a str, take: &mut dyn FnMut(&'a str)) {
        take(label.trim());
    }

    /// At least two labels, each of at least two rows.
    fn find(&self, place: &str, found: &[&str], reject: Option<&str>) -> Result<Vec<String>> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let labels = found.iter().filter(|label| Some(**label) != reject);
        labels.for_each(|label| *counts.entry(label).or_default() += 1);
        if counts.len() < 2 {
            return Err(Error::ClassesTooFew {
                place: place.to_owned(),
                label: counts.into_keys().next().unwrap_or_default().to_owned(),
            });
        }
        let Some((&label, &count)) = counts.iter().find(|(_, count)| **count < 2) else {
            return Ok(counts.into_keys().map(str::to_owned).collect());
        };
        let names: Vec<&str> = counts.keys().copied().collect();
        let mut others = PROBLEMS.iter().rev();
        let alike = others.find(|other| other.looks_like(&names));
        Err(match alike {
            None => Error::ClassTooSmall {
                place: place.to_owned(),
                label: label.to_owned(),
                count,
            },
            Some(problem) => Error::OptionInvalid {
                option: "problem",
                value: SINGLE_LABEL.name().to_owned(),
                reason: format!(
                    "the labels in {place}, {label:?} for one, look like those of the problem {}",
                    problem.name()
                ),
            },
        })
    }

    fn read(&self, rows: &Labelled<'_>, targets: &mut Targets) -> Result<()> {
        let index = rows.index();
        for (row, &(_, label)) in rows.rows.iter().enumerate() {
            let word = match index.get(label) {
                _ if rows.reject == Some(label) => OUTSIDE,
                Some(&index) => index,
                None => return Err(rows.unknown(row, label)),
            };
            targets.push([word]);
        }
        Ok(())
    }

    fn written(&self, target: &[u32], labels: &[String], reject: Option<&str>) -> String {
        let label = labels.get(target[0] as usize);
        label
            .map_or(reject.unwrap_or_default(), String::as_str)
            .to_owned()
    }

    fn hash(&self, targets: &Targets, _labels: usize, take: &mut dyn FnMut(&[u8])) {
        for &label in targets.rows().flatten() {
            let wide = if label == OUTSIDE {
                u64::MAX
            } else {
                label.into()
            };
            take(&wide.to_le_bytes());
        }
    }

    fn group(&self, target: &[u32], _labels: &[String]) -> Group {
        Group::Label(self.class(target))
    }

    fn likeness(&self) -> Option<Likeness> {
        Some(Likeness::Labels)
    }

    /// Texts outside all labels have nothing in common.
    fn alike(&self, a: &[u32], b: &[u32], _settings: &LossSettings) -> f32 {
        f32::from(u8::from(self.class(a).is_some() && a == b))
    }

    fn class(&self, target: &[u32]) -> Option<usize> {
        (target[0] != OUTSIDE).then_some(target[0] as usize)
    }

    /// The label gets the highest logit, and the label that had it gets that one's.
    fn correct(&self, target: &[u32], z: &mut [f32], _width: usize, _settings: &LossSettings) {
        if let Some(label) = self.class(target).filter(|&label| label < z.len()) {
            z.swap(label, argmax(z));
        }
    }

    /// All labels together count alike: `rows / (labels · rows of the label)`.
    #[allow(clippy::cast_precision_loss)]
    fn balanced(&self, targets: &Targets, labels: usize) -> Option<Vec<f32>> {
        let mut counts = vec![0usize; labels];
        let own = targets.rows().filter_map(|target| self.class(target));
        own.for_each(|label| counts[label] += 1);
        let rows: usize = counts.iter().sum();
        let weight = |&count: &usize| rows as f32 / (labels * count.max(1)) as f32;
        Some(counts.iter().map(weight).collect())
    }

    fn weight(&self, target: &[u32], _labels: usize, settings: &LossSettings) -> f64 {
        self.class(target)
            .map_or(1.0, |label| f64::from(settings.class_weight(label)))
    }

    fn loss(
        &self,
        logits: &Tensor,
        _starts: &[usize],
        targets: &[&[u32]],
        settings: &LossSettings,
    ) -> Tensor {
        let aims = targets.iter().map(|target| match self.class(target) {
            Some(label) => settings.aim(label),
            // that they prefer no label (Hendrycks et al. 2019)
            None => Aim {
                label: 0,
                weight: 1.0,
                smoothing: 1.0,
            },
        });
        smoothed_cross_entropy(logits, &aims.collect::<Vec<_>>())
    }

    fn terms(&self, target: &[u32], z: &[f32], _labels: usize, visit: &mut dyn FnMut(Term<'_>)) {
        if let Some(label) = self.class(target) {
            visit(Term::Choice(z, label));
        }
    }

    fn predict(&self, z: &[f32], how: &How<'_>) -> Prediction {
        let scores = softmax(&over(z, how.temperature()));
        let best = argmax(z);
        match how.rejection() {
            Some((threshold, label)) if scores[best] < threshold => Prediction::Rejected {
                label: label.to_owned(),
                scores,
            },
            _ => Prediction::Label { best, scores },
        }
    }

    fn judge(&self, rows: &Judged<'_>, how: &How<'_>, evaluation: &mut Evaluation) {
        let mut labels = rows.labels.to_vec();
        let outside = labels.len();
        // without a threshold a text outside all labels has no answer that could be right
        let rejects = how.rejection();
        labels.extend(rejects.map(|(_, label)| label.to_owned()));
        let mut confusion = Confusion::new(labels.len());
        let mut inside = 0;
        for (target, z) in rows.rows() {
            let answer = match self.predict(z, how) {
                Prediction::Label { best, .. } => best,
                _ => outside,
            };
            if let Some(truth) = self.class(target) {
                inside += 1;
                confusion.add(truth, answer);
            } else if rejects.is_some() {
                confusion.add(outside, answer);
            }
        }
        let counts = confusion.label_counts();
        let accuracy = share(counts.hits[..outside].iter().sum(), inside);
        let scores = &mut evaluation.scores;
        scores.extend([
            ("accuracy", accuracy),
            ("macro_f1", counts.macro_f1()),
            ("matthews", confusion.matthews()),
            ("micro_f1", counts.micro_f1()),
        ]);
        if rejects.is_some() {
            scores.insert("accuracy_in_scope", accuracy);
            scores.insert("accuracy_of_all", confusion.accuracy());
            let recall = share(counts.hits[outside], counts.truths[outside]);
            scores.insert("recall_out_of_scope", recall);
        }
        evaluation.per_label = counts.per_label(&labels);
        evaluation.confusion = confusion.counts;
    }

    /// The score for the best label at which the mean of two shares is highest: of the texts with a label
    /// those that are answered right, of the others those that are rejected.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    fn rejection(&self, rows: &Judged<'_>, temperature: f32) -> Option<f32> {
        let scored = rows.rows().map(|(target, z)| {
            let best = argmax(z);
            let right = self.class(target).map(|truth| truth == best);
            (softmax(&over(z, temperature))[best], right)
        });
        let rows: Vec<(f32, Option<bool>)> = sorted_by(scored.collect(), |row| f64::from(row.0));
        let outside = rows.iter().filter(|(_, right)| right.is_none()).count();
        let inside = rows.len() - outside;
        let right = rows.iter().filter(|(_, right)| *right == Some(true));
        if outside == 0 {
            let place = (right.clone().count() as f64 * REJECTED_SHARE) as usize;
            return Some(right.clone().nth(place).map_or(0.0, |row| row.0));
        }
        // from the lowest score on: those below the threshold are rejected
        let (mut kept, mut rejected) = (right.count(), 0usize);
        let (mut best, mut threshold) = (share(kept, inside), 0.0);
        for (index, &(score, row)) in rows.iter().enumerate() {
            kept -= usize::from(row == Some(true));
            rejected += usize::from(row.is_none());
            let next = rows.get(index + 1).map_or(1.0, |(next, _)| *next);
            let balanced = share(kept, inside) + share(rejected, outside);
            if next > score && balanced > best {
                best = balanced;
                threshold = score + (next - score) / 2.0;
            }
        }
        Some(threshold)
    }
}
