use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::{elements, map_like, with_elements};
use crate::kernels;

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

    /// `x`: `[tokens, width]`, normalised row by row.
    ///
    /// # Errors
    /// If `x` is not f32 of that shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.contiguous()?.apply_op1(self.clone())
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

impl CustomOp1 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    // y = x̂ γ + β with x̂ = (x - mean) / sqrt(var + ε)
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Inner {
            gamma,
            beta,
            epsilon,
        } = &*self.0;
        let (_, width) = layout.shape().dims2()?;
        if width != gamma.len() {
            candle_core::bail!("layer-norm: {width} features, {} needed", gamma.len());
        }
        let x = elements(self.name(), storage, layout)?;
        let mut y = vec![0f32; x.len()];
        kernels::layer_norm(x, gamma, beta, *epsilon, &mut y);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    // dx = (g - mean(g) - x̂ mean(g x̂)) / sqrt(var + ε) with g = dy γ; mean and variance are recomputed
    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let Inner { gamma, epsilon, .. } = &*self.0;
        let dx = map_like(self.name(), dy, x, |dy, dx| {
            with_elements("layer-norm", x, |x| {
                kernels::layer_norm_backward(x, gamma, *epsilon, dy, dx);
                Ok(())
            })
        })?;
        Ok(Some(dx))
    }
}
