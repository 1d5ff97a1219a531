//! Any number of labels a text: a sigmoid a label, binary cross-entropy, a threshold a label.

use super::{Prediction, Target};
use crate::ops::binary_cross_entropy;
use crate::order::sorted_by;
use crate::tensor::Tensor;

/// What a label's score must reach where no threshold was chosen for it.
pub const DEFAULT_THRESHOLD: f32 = 0.5;

/// Mean binary cross-entropy of logits `[texts, labels]`.
pub(super) fn loss(logits: &Tensor, targets: &[&Target]) -> Tensor {
    let targets: Vec<bool> = targets
        .iter()
        .filter_map(|target| match target {
            Target::Labels(labels) => Some(labels),
            _ => None,
        })
        .flatten()
        .copied()
        .collect();
    binary_cross_entropy(logits, &targets)
}

/// `thresholds` has one a label, or none at all.
pub(super) fn prediction(logits: &[f32], thresholds: &[f32]) -> Prediction {
    let scores: Vec<f32> = logits.iter().copied().map(sigmoid).collect();
    let threshold = |label| thresholds.get(label).copied().unwrap_or(DEFAULT_THRESHOLD);
    let chosen = (0..scores.len()).filter(|&label| scores[label] >= threshold(label));
    Prediction::Labels {
        chosen: chosen.collect(),
        scores,
    }
}

/// Sigmoid of a logit.
#[must_use]
pub fn sigmoid(logit: f32) -> f32 {
    let small = (-logit.abs()).exp();
    let numerator = if logit < 0.0 { small } else { 1.0 };
    numerator / (1.0 + small)
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

    #[test]
    fn a_label_is_chosen_from_its_threshold_on() {
        let chosen = |thresholds: &[f32]| match prediction(&[0.0, -2.0, 3.0], thresholds) {
            Prediction::Labels { chosen, .. } => chosen,
            other => panic!("{other:?}"),
        };
        assert_eq!(chosen(&[]), [0, 2]);
        assert_eq!(chosen(&[0.6, 0.1, 0.9]), [1, 2]);
        assert_eq!((sigmoid(-200.0), sigmoid(200.0)), (0.0, 1.0));
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
