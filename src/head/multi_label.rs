//! Any number of labels a text: a sigmoid a label, binary cross-entropy, a threshold a label.
//!
//! Target: a bit a label, from the lowest of the first word on.

use super::about::{About, Form, Measure, Reads};
use super::judged::share;
use super::metrics::LabelCounts;
use super::problem::{Group, Likeness, ProblemKind, Term};
use super::{Evaluation, How, Judged, Labelled, LossSettings, Prediction, Targets, sigmoid};
use crate::error::Result;
use crate::ops::{Said, binary_cross_entropy};
use crate::order::sorted_by;
use crate::tensor::Tensor;

pub(super) struct MultiLabel;

/// Between the labels of a text that has several.
pub const LABEL_SEPARATOR: char = '|';

/// Most that a label which a text has counts by [balance](ProblemKind::balanced).
const MOST_WEIGHT: f32 = 10.0;

/// What a label's score must reach where no threshold was chosen for it.
pub const DEFAULT_THRESHOLD: f32 = 0.5;

static ABOUT: About = About {
    name: "multi_label",
    aliases: &["multi_label_classification"],
    title: "any number of labels",
    label: "any number of labels",
    nouns: ["label", "labels"],
    rows: "multi_label",
    reads: Reads::Texts,
    forms: &[Form::Labels],
    answers: &[],
    one_output: false,
    thresholds: true,
    rejects: false,
    classes: false,
    calibrated: true,
    may_be_empty: true,
    measures: &[
        Measure {
            chance: Some(0.0),
            ..Measure::MACRO_F1
        },
        Measure {
            chance: Some(0.0),
            ..Measure::MICRO_F1
        },
        Measure::ACCURACY,
    ],
    baseline: "by answering no label",
    peft: "SEQ_CLS",
    adapterhub: "multilabel_classification",
};

/// Whether the label is in the set.
fn has(target: &[u32], label: usize) -> bool {
    target[label / 32] >> (label % 32) & 1 == 1
}

impl ProblemKind for MultiLabel {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn parts<'a>(&self, label: &'a str, take: &mut dyn FnMut(&'a str)) {
        let parts = label.split(LABEL_SEPARATOR).map(str::trim);
        parts.filter(|part| !part.is_empty()).for_each(take);
    }

    fn looks_like(&self, labels: &[&str]) -> bool {
        labels.iter().any(|label| label.contains(LABEL_SEPARATOR))
    }

    fn words(&self, labels: usize) -> Option<usize> {
        Some(labels.div_ceil(32))
    }

    fn read(&self, rows: &Labelled<'_>, targets: &mut Targets) -> Result<()> {
        let index = rows.index();
        let mut set = vec![0; rows.labels.len().div_ceil(32)];
        for (row, &(_, label)) in rows.rows.iter().enumerate() {
            set.fill(0);
            let mut unknown = None;
            self.parts(label, &mut |part| match index.get(part) {
                Some(&label) => set[label as usize / 32] |= 1 << (label % 32),
                None => unknown = unknown.or(Some(part)),
            });
            if let Some(part) = unknown {
                return Err(rows.unknown(row, part));
            }
            targets.push(set.iter().copied());
        }
        Ok(())
    }

    fn written(&self, target: &[u32], labels: &[String], _reject: Option<&str>) -> String {
        let own = labels.iter().enumerate();
        let own = own.filter(|(label, _)| has(target, *label));
        let own: Vec<&str> = own.map(|(_, label)| label.as_str()).collect();
        own.join("|")
    }

    fn hash(&self, targets: &Targets, labels: usize, take: &mut dyn FnMut(&[u8])) {
        for target in targets.rows() {
            (0..labels).for_each(|label| take(&[u8::from(has(target, label))]));
        }
    }

    fn group(&self, target: &[u32], labels: &[String]) -> Group {
        let own = (0..labels.len()).filter(|&label| has(target, label));
        Group::Rarest(own.collect())
    }

    fn likeness(&self) -> Option<Likeness> {
        Some(Likeness::Labels)
    }

    /// The labels that both have, over those that one of them has (Jaccard 1912). Texts without labels have nothing in common.
    #[allow(clippy::cast_precision_loss)]
    fn alike(&self, a: &[u32], b: &[u32], _settings: &LossSettings) -> f32 {
        let words = || a.iter().zip(b);
        let both: u32 = words().map(|(a, b)| (a & b).count_ones()).sum();
        let all: u32 = words().map(|(a, b)| (a | b).count_ones()).sum();
        both as f32 / all.max(1) as f32
    }

    #[allow(clippy::cast_precision_loss)]
    fn weight(&self, _target: &[u32], labels: usize, _settings: &LossSettings) -> f64 {
        labels as f64
    }

    fn said(&self) -> Said {
        Said::Each
    }

    /// A logit of the wrong sign gets the other one.
    fn correct(&self, target: &[u32], z: &mut [f32], _width: usize, _settings: &LossSettings) {
        for (label, z) in z.iter_mut().enumerate() {
            *z = if has(target, label) {
                z.abs()
            } else {
                -z.abs()
            };
        }
    }

    /// For each label the square root of the rows without it over those with it, at most [`MOST_WEIGHT`].
    #[allow(clippy::cast_precision_loss)]
    fn balanced(&self, targets: &Targets, labels: usize) -> Option<Vec<f32>> {
        let weight = |label: usize| {
            let positives = targets.rows().filter(|target| has(target, label)).count();
            let negatives = targets.len() - positives;
            let ratio = negatives.max(1) as f32 / positives.max(1) as f32;
            ratio.sqrt().min(MOST_WEIGHT)
        };
        Some((0..labels).map(weight).collect())
    }

    /// Mean binary cross-entropy of logits `[texts, labels]`, in which class weights weigh the labels that a text has.
    fn loss(
        &self,
        logits: &Tensor,
        _starts: &[usize],
        targets: &[&[u32]],
        settings: &LossSettings,
    ) -> Tensor {
        let (_, labels) = logits.dims2();
        let sets = targets.iter().flat_map(|target| {
            (0..labels).map(move |label| f32::from(u8::from(has(target, label))))
        });
        binary_cross_entropy(logits, &sets.collect::<Vec<_>>(), &settings.class_weights)
    }

    fn terms(&self, target: &[u32], z: &[f32], _labels: usize, visit: &mut dyn FnMut(Term<'_>)) {
        for (label, &z) in z.iter().enumerate() {
            visit(Term::Binary(z, f32::from(u8::from(has(target, label)))));
        }
    }

    fn predict(&self, z: &[f32], how: &How<'_>) -> Prediction {
        let temperature = how.temperature();
        let scores: Vec<f32> = z.iter().map(|z| sigmoid(z / temperature)).collect();
        let chosen =
            (0..scores.len()).filter(|&label| scores[label] >= how.decision.threshold(label));
        Prediction::Labels {
            chosen: chosen.collect(),
            scores,
        }
    }

    fn judge(&self, rows: &Judged<'_>, how: &How<'_>, evaluation: &mut Evaluation) {
        let mut counts = LabelCounts::new(rows.labels.len());
        let mut exact = 0;
        for (target, z) in rows.rows() {
            let Prediction::Labels { chosen, .. } = self.predict(z, how) else {
                continue;
            };
            let mut right = true;
            for label in 0..rows.labels.len() {
                let (truth, answer) = (has(target, label), chosen.binary_search(&label).is_ok());
                counts.add(label, truth, answer);
                right &= answer == truth;
            }
            exact += usize::from(right);
        }
        evaluation.scores.extend([
            ("accuracy", share(exact, evaluation.rows)),
            ("macro_f1", counts.macro_f1()),
            ("micro_f1", counts.micro_f1()),
        ]);
        evaluation.per_label = counts.per_label(rows.labels);
    }

    fn thresholds(&self, rows: &Judged<'_>) -> Vec<f32> {
        let (mut scores, mut truths) = (Vec::new(), Vec::new());
        for (target, z) in rows.rows() {
            scores.push(z.iter().copied().map(sigmoid).collect());
            truths.push((0..z.len()).map(|label| has(target, label)).collect());
        }
        best_thresholds(&scores, &truths)
    }
}

/// For each label the threshold with the highest F1 on held-out rows, the highest of equals; halfway
/// between the scores that it parts. [`DEFAULT_THRESHOLD`] for a label that no row has.
///
/// `scores` and `truths` have one entry a row, each with one a label.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn best_thresholds(scores: &[Vec<f32>], truths: &[Vec<bool>]) -> Vec<f32> {
    let labels = scores.first().map_or(0, Vec::len);
    let best = |label: usize| {
        let rows: Vec<(f32, bool)> = scores
            .iter()
            .zip(truths)
            .map(|(scores, truths)| (scores[label], truths[label]))
            .collect();
        let rows = sorted_by(rows, |row| -f64::from(row.0));
        let positives = rows.iter().filter(|(_, truth)| *truth).count();
        let (mut threshold, mut best, mut hits) = (DEFAULT_THRESHOLD, 0.0, 0);
        for (index, &(score, truth)) in rows.iter().enumerate() {
            hits += usize::from(truth);
            let next = rows.get(index + 1).map(|(next, _)| *next);
            if next.is_some_and(|next| next >= score) {
                continue;
            }
            let f1 = 2.0 * hits as f64 / (index + 1 + positives) as f64;
            if f1 > best {
                best = f1;
                threshold = next.map_or(score, |next| next + (score - next) / 2.0);
            }
        }
        threshold
    };
    (0..labels).map(best).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Decision;

    #[test]
    fn a_label_is_chosen_from_its_threshold_on() {
        let chosen = |thresholds: &[f32]| {
            let how = How {
                labels: &[],
                reject: None,
                decision: &Decision {
                    thresholds: thresholds.to_vec(),
                    ..Decision::default()
                },
            };
            match MultiLabel.predict(&[0.0, -2.0, 3.0], &how) {
                Prediction::Labels { chosen, .. } => chosen,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(chosen(&[]), [0, 2]);
        assert_eq!(chosen(&[0.6, 0.1, 0.9]), [1, 2]);
    }

    #[test]
    fn a_set_of_many_labels_has_a_bit_for_each() {
        let mut set = [0u32; 3];
        set[1] = 1 << 31;
        let own: Vec<usize> = (0..96).filter(|&label| has(&set, label)).collect();
        assert_eq!(own, [63]);
    }

    #[test]
    fn thresholds_part_the_scores_best() {
        let scores = [[0.9, 0.4, 0.2], [0.3, 0.4, 0.1], [0.2, 0.3, 0.3]].map(Vec::from);
        let truths = [
            [true, true, false],
            [true, false, false],
            [false, false, false],
        ]
        .map(Vec::from);
        let thresholds = best_thresholds(&scores, &truths);
        let expected = [0.25, 0.35, DEFAULT_THRESHOLD];
        for (found, expected) in thresholds.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{thresholds:?}");
        }
        assert!(best_thresholds(&[], &[]).is_empty());
    }
}
