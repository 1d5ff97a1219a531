use candle_core::{Device, Result, Tensor, Var};

/// AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019), the arithmetic of
/// `torch.optim.AdamW`.
pub struct AdamW {
    slots: Vec<Slot>,
    weight_decay: f64,
    step: i32,
}

struct Slot {
    var: Var,
    first: Vec<f32>,
    second: Vec<f32>,
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

impl AdamW {
    /// Moves these variables.
    #[must_use]
    pub fn new(vars: Vec<Var>, weight_decay: f64) -> Self {
        let slot = |var: Var| {
            let count = var.elem_count();
            Slot {
                var,
                first: vec![0.0; count],
                second: vec![0.0; count],
            }
        };
        Self {
            slots: vars.into_iter().map(slot).collect(),
            weight_decay,
            step: 0,
        }
    }

    /// The variables, in their order.
    pub fn vars(&self) -> impl Iterator<Item = &Var> {
        self.slots.iter().map(|slot| &slot.var)
    }

    /// One step with gradients in the variables' order:
    /// `θ ← θ (1 - η λ) - η m̂ / (√v̂ + ε)`.
    ///
    /// # Errors
    /// Of the tensor library.
    #[allow(clippy::cast_possible_truncation)]
    pub fn step(&mut self, gradients: &[Vec<f32>], rate: f64) -> Result<()> {
        self.step += 1;
        let correction1 = 1.0 - BETA1.powi(self.step);
        let correction2 = 1.0 - BETA2.powi(self.step);
        let keep = (1.0 - rate * self.weight_decay) as f32;
        let size = (rate / correction1) as f32;
        let root = correction2.sqrt() as f32;
        let (beta1, beta2, epsilon) = (BETA1 as f32, BETA2 as f32, EPSILON as f32);
        for (slot, gradient) in self.slots.iter_mut().zip(gradients) {
            let mut values = slot.var.flatten_all()?.to_vec1::<f32>()?;
            let moments = slot.first.iter_mut().zip(&mut slot.second);
            for ((value, &g), (m, v)) in values.iter_mut().zip(gradient).zip(moments) {
                *m = beta1 * *m + (1.0 - beta1) * g;
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                *value = *value * keep - size * *m / (v.sqrt() / root + epsilon);
            }
            slot.var
                .set(&Tensor::from_vec(values, slot.var.shape(), &Device::Cpu)?)?;
        }
        Ok(())
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

    #[test]
    fn the_first_step_has_the_size_of_the_rate() {
        let var = Var::from_vec(vec![1f32, -1.0], 2, &Device::Cpu).unwrap();
        let mut adam = AdamW::new(vec![var.clone()], 0.1);
        adam.step(&[vec![0.3, -5.0]], 0.01).unwrap();
        // whatever the gradient's size, m̂ / √v̂ is its sign; decay takes a thousandth
        let values = var.to_vec1::<f32>().unwrap();
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
