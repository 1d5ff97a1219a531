//! One label a text: softmax over the labels, cross-entropy (Bridle 1990).

use super::calibration::{Calibration, tempered};
use super::{LossSettings, Prediction, Target};
use crate::ops::{Aim, smoothed_cross_entropy};
use crate::tensor::Tensor;

/// Weighted mean cross-entropy of logits `[texts, labels]`.
pub(super) fn loss(logits: &Tensor, targets: &[&Target], settings: &LossSettings) -> Tensor {
    let aims: Vec<Aim> = targets
        .iter()
        .filter_map(|target| match target {
            Target::Label(label) => Some(settings.aim(*label)),
            Target::Outside => Some(LossSettings::aim_outside()),
            _ => None,
        })
        .collect();
    smoothed_cross_entropy(logits, &aims)
}

pub(super) fn prediction(logits: &[f32], calibration: Option<&Calibration>) -> Prediction {
    let scores = softmax(&tempered(logits, calibration));
    let best = argmax(logits);
    let reject = calibration.and_then(|calibration| calibration.reject.as_ref());
    match reject {
        Some(reject) if scores[best] < reject.threshold => Prediction::Rejected {
            label: reject.label.clone(),
            scores,
        },
        _ => Prediction::Label { best, scores },
    }
}

/// Softmax of one row of logits.
#[must_use]
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - max).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials
        .into_iter()
        .map(|exponential| exponential / sum)
        .collect()
}

/// Index of the largest, the first of equals.
#[must_use]
pub fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_is_stable() {
        assert_eq!(softmax(&[1e30, 1e30]), [0.5, 0.5]);
        assert_eq!(argmax(&[0.0, 2.0, 2.0]), 1);
    }
}
