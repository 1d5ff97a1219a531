use std::sync::Arc;

use super::add;
use crate::kernels;
use crate::tensor::{Buffer, Inputs, Tensor};

/// Layer normalisation with a frozen scale and shift (Ba et al. 2016):
/// `y = (x - mean(x)) / sqrt(var(x) + ε) · γ + β` over the last axis, with the biased variance.
///
/// Cloning shares γ and β.
#[derive(Clone, Debug)]
pub struct LayerNorm(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    epsilon: f32,
}

impl LayerNorm {
    /// γ and β: `[width]`.
    ///
    /// # Panics
    /// If they differ in length.
    #[must_use]
    pub fn new(gamma: Vec<f32>, beta: Vec<f32>, epsilon: f32) -> Self {
        assert_eq!(gamma.len(), beta.len());
        Self(Arc::new(Inner {
            gamma,
            beta,
            epsilon,
        }))
    }

    /// `x`: `[tokens, width]`, normalised row by row. The backward pass computes mean and variance
    /// again: dx = (g - mean(g) - x̂ mean(g x̂)) / sqrt(var + ε) with g = dy γ.
    ///
    /// # Panics
    /// If the width is another.
    #[must_use]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let Inner {
            gamma,
            beta,
            epsilon,
        } = &*self.0;
        assert_eq!(x.dims2().1, gamma.len());
        let mut y = Buffer::uninitialised(x.len());
        kernels::layer_norm(x.data(), gamma, beta, *epsilon, &mut y);
        Tensor::result(y, x.shape(), [x], || {
            let (x, norm) = (x.detach(), Arc::clone(&self.0));
            move |dy: Buffer, inputs: &mut Inputs<'_>| {
                let mut dx = Buffer::uninitialised(x.len());
                kernels::layer_norm_backward(x.data(), &norm.gamma, norm.epsilon, &dy, &mut dx);
                inputs.give(0, dx);
            }
        })
    }

    /// The norm of `h + residual`, each `[tokens, width]`.
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    pub fn join(&self, h: Tensor, residual: &Tensor) -> Tensor {
        self.forward(&add(h, residual))
    }

    /// ε.
    #[must_use]
    pub fn epsilon(&self) -> f32 {
        self.0.epsilon
    }

    /// γ, `[width]`.
    #[must_use]
    pub fn gamma(&self) -> &[f32] {
        &self.0.gamma
    }

    /// β, `[width]`.
    #[must_use]
    pub fn beta(&self) -> &[f32] {
        &self.0.beta
    }
}
