use crate::adapter::{Parameter, Site};
use crate::kernels::AdamStep;

/// AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019), the arithmetic of
/// `torch.optim.AdamW`.
pub struct AdamW {
    /// Running means of the gradients of all parameters, end to end.
    first: Vec<f32>,
    /// Running means of their squares, end to end.
    second: Vec<f32>,
    weight_decay: f64,
    /// How many times the rate of the others the head's is.
    head: f64,
    step: i32,
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

impl AdamW {
    /// For parameters of these sizes. The head's learning rate is `head` times that of the others.
    #[must_use]
    pub fn new(parameters: &[Parameter], weight_decay: f64, head: f64) -> Self {
        let size = parameters.iter().map(|p| p.tensor.len()).sum();
        Self {
            first: vec![0.0; size],
            second: vec![0.0; size],
            weight_decay,
            head,
            step: 0,
        }
    }

    /// The running means of all gradients, end to end.
    #[must_use]
    pub fn first(&self) -> &[f32] {
        &self.first
    }

    /// The running means of the gradients' squares, end to end.
    #[must_use]
    pub fn second(&self) -> &[f32] {
        &self.second
    }

    /// Takes over the state after that many steps.
    ///
    /// # Panics
    /// If there are not as many numbers as in the parameters.
    pub fn restore(&mut self, step: usize, first: &[f32], second: &[f32]) {
        self.step = i32::try_from(step).unwrap_or(i32::MAX);
        self.first.copy_from_slice(first);
        self.second.copy_from_slice(second);
    }

    /// One step with the gradient of all parameters, end to end in their order:
    /// `θ ← θ (1 - η λ) - η m̂ / (√v̂ + ε)`.
    #[allow(clippy::cast_possible_truncation)]
    pub fn step(&mut self, parameters: &mut [Parameter], gradient: &[f32], rate: f64) {
        self.step += 1;
        let correction1 = 1.0 - BETA1.powi(self.step);
        let correction2 = 1.0 - BETA2.powi(self.step);
        let step = |rate: f64| AdamStep {
            beta: [BETA1 as f32, BETA2 as f32],
            keep: (1.0 - rate * self.weight_decay) as f32,
            size: (rate / correction1) as f32,
            root: correction2.sqrt() as f32,
            epsilon: EPSILON as f32,
        };
        let (others, head) = (step(rate), step(self.head * rate));
        let mut done = 0;
        for parameter in parameters {
            let own = done..done + parameter.tensor.len();
            done = own.end;
            let moments = (&mut self.first[own.clone()], &mut self.second[own.clone()]);
            let step = match parameter.name.site {
                Site::Head => &head,
                _ => &others,
            };
            let update =
                |values: &mut [f32]| step.apply(values, &gradient[own], moments.0, moments.1);
            parameter.tensor.update(update);
        }
    }
}

/// Scales a gradient so that its Euclidean norm is at most `limit`; returns the norm before.
#[allow(clippy::cast_possible_truncation)]
pub fn clip_norm(gradient: &mut [f32], limit: f64) -> f64 {
    let squares = gradient.iter().map(|&g| f64::from(g) * f64::from(g));
    let norm = squares.sum::<f64>().sqrt();
    if norm > limit {
        let scale = (limit / norm) as f32;
        gradient.iter_mut().for_each(|g| *g *= scale);
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::ParamName;
    use crate::tensor::Tensor;

    #[test]
    fn the_first_step_has_the_size_of_the_rate() {
        let parameter = |site| Parameter {
            name: ParamName {
                site,
                field: "weight",
            },
            tensor: Tensor::variable(vec![1.0, -1.0], &[2]),
        };
        let mut parameters = [parameter(Site::Encoder), parameter(Site::Head)];
        let mut adam = AdamW::new(&parameters, 0.1, 10.0);
        adam.step(&mut parameters, &[0.3, -5.0, 0.3, -5.0], 0.01);
        // whatever the gradient's size, m̂ / √v̂ is its sign; decay takes a thousandth, and of the head a hundredth
        for (parameter, rate) in parameters.iter().zip([0.01f32, 0.1]) {
            let values = parameter.tensor.data();
            let expected = [1.0 - 1.1 * rate, -1.0 + 1.1 * rate];
            let off = |(a, b): (&f32, f32)| (a - b).abs() < 1e-6;
            assert!(values.iter().zip(expected).all(off), "{values:?}");
        }
    }

    #[test]
    fn clipping_keeps_the_direction() {
        let mut gradient = vec![3.0, 0.0, 4.0];
        assert!((clip_norm(&mut gradient, 1.0) - 5.0).abs() < 1e-9);
        assert!((gradient[0] - 0.6).abs() < 1e-6 && (gradient[2] - 0.8).abs() < 1e-6);
        let before = gradient.clone();
        clip_norm(&mut gradient, 2.0);
        assert_eq!(gradient, before);
    }
}
