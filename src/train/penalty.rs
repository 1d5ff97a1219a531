use crate::adapter::{Adapter, Parameter};

/// Adds the gradient of an adapter's [`penalty`](Adapter::penalty) to those of the loss, and returns its
/// value; 0 without one.
pub(super) fn penalise(
    adapter: &dyn Adapter,
    parameters: &[Parameter],
    sums: &mut [Vec<f32>],
) -> f64 {
    let Some(penalty) = adapter.penalty() else {
        return 0.0;
    };
    let value = f64::from(penalty.data()[0]);
    let gradients = penalty.backward();
    for (sum, parameter) in sums.iter_mut().zip(parameters) {
        if let Some(gradient) = gradients.get(&parameter.tensor) {
            sum.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
        }
    }
    value
}
