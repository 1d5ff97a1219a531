use crate::tensor::{Buffer, Inputs, Tensor};

/// Mean over all elements of `(x - t)²`, a scalar. `dx = 2 (x - t) / elements`.
///
/// # Panics
/// If there is not one target an element.
#[must_use]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub fn mean_squared_error(x: &Tensor, targets: &[f32]) -> Tensor {
    assert_eq!(x.len(), targets.len());
    let share = 1.0 / targets.len().max(1) as f64;
    let mut slopes = Buffer::uninitialised(targets.len());
    let mut loss = 0.0;
    for ((slope, x), target) in slopes.iter_mut().zip(x.data()).zip(targets) {
        let difference = f64::from(*x) - f64::from(*target);
        loss += difference * difference;
        *slope = (2.0 * difference * share) as f32;
    }
    let shape = x.shape().to_vec();
    Tensor::result(vec![(loss * share) as f32].into(), &[], [x], || {
        let slopes = Tensor::new(slopes, &shape);
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let mut dx = Buffer::copy_of(slopes.data());
            dx.iter_mut().for_each(|dx| *dx *= dy[0]);
            inputs.give(0, dx);
        }
    })
}
