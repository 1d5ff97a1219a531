use crate::tensor::{Buffer, Inputs, Tensor};

/// Cross-entropy of `sigmoid(z)` with a target `t` from 0 to 1: `max(z, 0) - z·t + ln(1 + e^-|z|)`.
#[must_use]
pub fn logistic_loss(z: f64, target: f64) -> f64 {
    z.max(0.0) - z * target + (-z.abs()).exp().ln_1p()
}

/// Mean of the [`logistic_loss`] of all elements, a scalar, of logits `[rows, labels]` and targets of
/// the same shape. `dz = (sigmoid(z) - t) / elements`.
///
/// # Panics
/// If there is not one target a logit.
#[must_use]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub fn binary_cross_entropy(logits: &Tensor, targets: &[f32]) -> Tensor {
    assert_eq!(logits.len(), targets.len());
    let share = 1.0 / targets.len().max(1) as f64;
    let mut slopes = Buffer::uninitialised(targets.len());
    let mut loss = 0.0;
    for ((slope, &z), &target) in slopes.iter_mut().zip(logits.data()).zip(targets) {
        let (z, target) = (f64::from(z), f64::from(target));
        let small = (-z.abs()).exp();
        loss += logistic_loss(z, target);
        let sigmoid = if z < 0.0 { small } else { 1.0 } / (1.0 + small);
        *slope = ((sigmoid - target) * share) as f32;
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
