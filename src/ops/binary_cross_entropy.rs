use crate::tensor::{Buffer, Inputs, Tensor};

/// Cross-entropy of `sigmoid(z)` with a target `t` from 0 to 1: `max(z, 0) - z·t + ln(1 + e^-|z|)`.
#[must_use]
pub fn logistic_loss(z: f64, target: f64) -> f64 {
    z.max(0.0) - z * target + (-z.abs()).exp().ln_1p()
}

/// Mean binary cross-entropy of all elements, a scalar, of logits `[rows, labels]` and targets `t` of the same shape.
///
/// `positive` has a weight `p` for the positive term of each label, or is empty for 1 each, as the `pos_weight` of
/// PyTorch's `BCEWithLogitsLoss`: `p t ln(1 + e^-z) + (1 - t) ln(1 + e^z)`.
/// `dz = ((1 - t) sigmoid(z) - p t sigmoid(-z)) / elements`.
///
/// # Panics
/// If there is not one target a logit, or `positive` has neither no weights nor one a label.
#[must_use]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub fn binary_cross_entropy(logits: &Tensor, targets: &[f32], positive: &[f32]) -> Tensor {
    assert_eq!(logits.len(), targets.len());
    assert!(positive.is_empty() || logits.dims2().1 == positive.len());
    // 1 for every element where there are no weights
    let weights = positive.iter().copied().cycle().map(f64::from);
    let weights = weights.chain(std::iter::repeat(1.0));
    let share = 1.0 / targets.len().max(1) as f64;
    let mut slopes = Buffer::uninitialised(targets.len());
    let mut loss = 0.0;
    let elements = slopes.iter_mut().zip(logits.data()).zip(targets);
    for (((slope, &z), &target), weight) in elements.zip(weights) {
        let (z, target) = (f64::from(z), f64::from(target));
        let small = (-z.abs()).exp();
        // what the target's own part counts more
        let more = (weight - 1.0) * target;
        loss += logistic_loss(z, target) + more * logistic_loss(z, 1.0);
        let sigmoid = if z < 0.0 { small } else { 1.0 } / (1.0 + small);
        *slope = ((sigmoid - target + more * (sigmoid - 1.0)) * share) as f32;
    }
    let shape = logits.shape().to_vec();
    Tensor::result(vec![(loss * share) as f32].into(), &[], [logits], || {
        let slopes = Tensor::new(slopes, &shape);
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let mut dz = Buffer::copy_of(slopes.data());
            dz.iter_mut().for_each(|dz| *dz *= dy[0]);
            inputs.give(0, dz);
        }
    })
}
