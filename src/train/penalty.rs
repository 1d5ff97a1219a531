use crate::adapter::{Adapter, Parameter};

/// Adds a share of an adapter's [`penalty`](Adapter::penalty) to the gradient of all parameters, end to
/// end, and returns its value; 0 without one. The parts of a step, whose shares sum to 1, count it
/// once together.
pub(super) fn penalise(
    adapter: &dyn Adapter,
    parameters: &[Parameter],
    share: f64,
    mut sums: &mut [f32],
) -> f64 {
    let Some(penalty) = adapter.penalty() else {
        return 0.0;
    };
    let value = f64::from(penalty.data()[0]) * share;
    #[allow(clippy::cast_possible_truncation)]
    let gradients = penalty.backward_from(&[share as f32]);
    for parameter in parameters {
        let (own, rest) = sums.split_at_mut(parameter.tensor.len());
        sums = rest;
        if let Some(gradient) = gradients.get(&parameter.tensor) {
            own.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
        }
    }
    value
}
