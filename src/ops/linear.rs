use candle_core::{CpuStorage, CustomOp2, Device, Layout, Result, Shape, Tensor};

use super::{elements, map_like, with_elements};
use crate::kernels::{self, PackedF32, Variant};

struct Linear;

/// `y = x Wᵀ` with a weight that may be trained: the product of adapters and heads.
///
/// `x`: `[tokens, in]`, `weight`: `[out, in]`, `y`: `[tokens, out]`, all f32. As with a frozen
/// layer, a row of `y` has the same bits whatever other rows are in the call.
///
/// # Errors
/// If the arguments are not f32 of those shapes.
pub fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op2(&weight.contiguous()?, Linear)
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    // y = x Wᵀ
    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (tokens, width) = x_layout.shape().dims2()?;
        let (output, input) = weight_layout.shape().dims2()?;
        if width != input {
            candle_core::bail!("linear: {width} features, {input} needed");
        }
        let x = elements(self.name(), x, x_layout)?;
        let weight = PackedF32::pack(elements(self.name(), weight, weight_layout)?, output, input);
        let mut y = vec![0f32; tokens * output];
        kernels::linear_f32(Variant::best(), x, &weight, None, &mut y);
        Ok((CpuStorage::F32(y), (tokens, output).into()))
    }

    // dx = dy W; dW = dyᵀ x
    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (output, input) = weight.dims2()?;
        let packed = with_elements(self.name(), weight, |weight| {
            Ok(PackedF32::pack(weight, output, input))
        })?;
        let dx = map_like(self.name(), dy, x, |dy, dx| {
            kernels::linear_f32_backward(Variant::best(), dy, &packed, dx);
            Ok(())
        })?;
        // the sum over tokens: the "rows" are dy's columns, the "weight" x's
        let tokens = x.dim(0)?;
        let columns = with_elements(self.name(), &x.t()?, |x| {
            Ok(PackedF32::pack(x, input, tokens))
        })?;
        let mut dw = vec![0f32; output * input];
        with_elements(self.name(), &dy.t()?, |dy| {
            kernels::linear_f32(Variant::best(), dy, &columns, None, &mut dw);
            Ok(())
        })?;
        Ok((
            Some(dx),
            Some(Tensor::from_vec(dw, (output, input), &Device::Cpu)?),
        ))
    }
}
