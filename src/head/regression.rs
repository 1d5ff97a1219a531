//! One number a text, squared error.

use super::{Prediction, Target};
use crate::ops::mean_squared_error;
use crate::tensor::Tensor;

/// Mean squared error of outputs `[texts, 1]`.
pub(super) fn loss(outputs: &Tensor, targets: &[&Target]) -> Tensor {
    let numbers: Vec<f32> = targets
        .iter()
        .filter_map(|target| match target {
            Target::Number(number) => Some(*number),
            _ => None,
        })
        .collect();
    mean_squared_error(outputs, &numbers)
}

pub(super) fn prediction(outputs: &[f32]) -> Prediction {
    Prediction::Number(outputs.first().copied().unwrap_or_default())
}
