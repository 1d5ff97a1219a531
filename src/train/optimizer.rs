use crate::adapter::Parameter;

/// AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019), the arithmetic of
/// `torch.optim.AdamW`.
pub struct AdamW {
    moments: Vec<Moments>,
    weight_decay: f64,
    step: i32,
}

/// Running means of a parameter's gradient and of its square.
struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

impl AdamW {
    /// For parameters of these sizes.
    #[must_use]
    pub fn new(parameters: &[Parameter], weight_decay: f64) -> Self {
        let moments = |parameter: &Parameter| Moments {
            first: vec![0.0; parameter.tensor.len()],
            second: vec![0.0; parameter.tensor.len()],
        };
        Self {
            moments: parameters.iter().map(moments).collect(),
            weight_decay,
            step: 0,
        }
    }

    /// The running means of all gradients, end to end.
    #[must_use]
    pub fn first(&self) -> Vec<f32> {
        self.moments
            .iter()
            .flat_map(|moments| moments.first.iter().copied())
            .collect()
    }

    /// The running means of the gradients' squares, end to end.
    #[must_use]
    pub fn second(&self) -> Vec<f32> {
        self.moments
            .iter()
            .flat_map(|moments| moments.second.iter().copied())
            .collect()
    }

    /// Takes over the state after that many steps.
    ///
    /// # Panics
    /// If there are fewer numbers than parameters.
    pub fn restore(&mut self, step: usize, mut first: &[f32], mut second: &[f32]) {
        self.step = i32::try_from(step).unwrap_or(i32::MAX);
        for moments in &mut self.moments {
            let count = moments.first.len();
            moments.first.copy_from_slice(&first[..count]);
            moments.second.copy_from_slice(&second[..count]);
            (first, second) = (&first[count..], &second[count..]);
        }
    }

    /// One step with gradients in the parameters' order:
    /// `θ ← θ (1 - η λ) - η m̂ / (√v̂ + ε)`.
    #[allow(clippy::cast_possible_truncation)]
    pub fn step(&mut self, parameters: &mut [Parameter], gradients: &[Vec<f32>], rate: f64) {
        self.step += 1;
        let correction1 = 1.0 - BETA1.powi(self.step);
        let correction2 = 1.0 - BETA2.powi(self.step);
        let keep = (1.0 - rate * self.weight_decay) as f32;
        let size = (rate / correction1) as f32;
        let root = correction2.sqrt() as f32;
        let (beta1, beta2, epsilon) = (BETA1 as f32, BETA2 as f32, EPSILON as f32);
        let moments = self.moments.iter_mut().zip(gradients);
        for (parameter, (moments, gradient)) in parameters.iter_mut().zip(moments) {
            parameter.tensor.update(|values| {
                let moments = moments.first.iter_mut().zip(&mut moments.second);
                for ((value, &g), (m, v)) in values.iter_mut().zip(gradient).zip(moments) {
                    *m = beta1 * *m + (1.0 - beta1) * g;
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    *value = *value * keep - size * *m / (v.sqrt() / root + epsilon);
                }
            });
        }
    }
}

/// Scales gradients so that their joint Euclidean norm is at most `limit`; returns the norm before.
#[allow(clippy::cast_possible_truncation)]
pub fn clip_norm(gradients: &mut [Vec<f32>], limit: f64) -> f64 {
    let squares: f64 = gradients
        .iter()
        .flatten()
        .map(|&g| f64::from(g) * f64::from(g))
        .sum();
    let norm = squares.sqrt();
    if norm > limit {
        let scale = (limit / norm) as f32;
        gradients.iter_mut().flatten().for_each(|g| *g *= scale);
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::{ParamName, Site};
    use crate::tensor::Tensor;

    #[test]
    fn the_first_step_has_the_size_of_the_rate() {
        let mut parameters = [Parameter {
            name: ParamName {
                site: Site::Head,
                field: "weight",
            },
            tensor: Tensor::variable(vec![1.0, -1.0], &[2]),
        }];
        let mut adam = AdamW::new(&parameters, 0.1);
        adam.step(&mut parameters, &[vec![0.3, -5.0]], 0.01);
        // whatever the gradient's size, m̂ / √v̂ is its sign; decay takes a thousandth
        let values = parameters[0].tensor.data();
        assert!((values[0] - (0.999 - 0.01)).abs() < 1e-6, "{values:?}");
        assert!((values[1] - (-0.999 + 0.01)).abs() < 1e-6, "{values:?}");
    }

    #[test]
    fn clipping_keeps_the_direction() {
        let mut gradients = vec![vec![3.0, 0.0], vec![4.0]];
        assert!((clip_norm(&mut gradients, 1.0) - 5.0).abs() < 1e-9);
        assert!((gradients[0][0] - 0.6).abs() < 1e-6 && (gradients[1][0] - 0.8).abs() < 1e-6);
        let before = gradients.clone();
        clip_norm(&mut gradients, 2.0);
        assert_eq!(gradients, before);
    }
}
