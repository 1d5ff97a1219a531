use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::{elements, map_like, with_elements};
use crate::kernels;

struct Gelu;

/// The Gaussian error linear unit `x Φ(x)` with the exact normal distribution function
/// (Hendrycks and Gimpel 2016), element by element; BERT's "gelu", not its tanh approximation.
///
/// # Errors
/// If `x` is not f32.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Gelu)
}

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    // y = x Φ(x)
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = elements(self.name(), storage, layout)?;
        let mut y = vec![0f32; x.len()];
        kernels::gelu(x, &mut y);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    // dx = dy (Φ(x) + x φ(x))
    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let dx = map_like(self.name(), dy, x, |dy, dx| {
            with_elements("gelu", x, |x| {
                kernels::gelu_backward(x, dy, dx);
                Ok(())
            })
        })?;
        Ok(Some(dx))
    }
}
