//! One label a text: softmax over the labels, cross-entropy (Bridle 1990).

use super::{Prediction, Target};
use crate::ops::cross_entropy;
use crate::tensor::Tensor;

/// Mean cross-entropy of logits `[texts, labels]`.
pub(super) fn loss(logits: &Tensor, targets: &[&Target]) -> Tensor {
    let labels: Vec<usize> = targets
        .iter()
        .filter_map(|target| match target {
            Target::Label(label) => Some(*label),
            _ => None,
        })
        .collect();
    cross_entropy(logits, &labels)
}

pub(super) fn prediction(logits: &[f32]) -> Prediction {
    Prediction::Label {
        best: argmax(logits),
        scores: softmax(logits),
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
