use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::{elements, map_like};
use crate::kernels::{self, PackedF32, PackedInt8, Variant};

/// A weight matrix `[out, in]`, packed once for the kernels.
#[derive(Debug)]
pub enum Weight {
    /// 32-bit floats.
    F32(PackedF32),
    /// 8-bit integers with one scale per output row; activations are rounded to 12 bits per token.
    Int8(PackedInt8),
}

impl Weight {
    /// Number of output features.
    #[must_use]
    pub fn out_features(&self) -> usize {
        match self {
            Self::F32(weight) => weight.out_features(),
            Self::Int8(weight) => weight.out_features(),
        }
    }

    /// Number of input features.
    #[must_use]
    pub fn in_features(&self) -> usize {
        match self {
            Self::F32(weight) => weight.in_features(),
            Self::Int8(weight) => weight.in_features(),
        }
    }

    /// Memory held, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::F32(weight) => weight.bytes(),
            Self::Int8(weight) => weight.bytes(),
        }
    }
}

/// `y = x Wᵀ + b` with a weight that never changes.
///
/// `x`: `[tokens, in]`, `y`: `[tokens, out]`, both f32. With an int8 weight the forward pass is
/// integer arithmetic and the backward pass goes through the dequantised weight in f32
/// (the straight-through estimator for the rounding of the activations), so that an adapter is
/// trained on exactly the backbone that will run it.
///
/// Cloning shares the weight.
#[derive(Clone, Debug)]
pub struct FrozenLinear(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    weight: Weight,
    bias: Option<Vec<f32>>,
}

impl FrozenLinear {
    /// A frozen layer. `bias`: `[out]`.
    ///
    /// # Panics
    /// If the bias has another length than the weight has rows.
    #[must_use]
    pub fn new(weight: Weight, bias: Option<Vec<f32>>) -> Self {
        assert!(
            bias.as_ref()
                .is_none_or(|bias| bias.len() == weight.out_features())
        );
        Self(Arc::new(Inner { weight, bias }))
    }

    /// `x`: `[tokens, in]` to `[tokens, out]`.
    ///
    /// # Errors
    /// If `x` is not f32 of that shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.contiguous()?.apply_op1(self.clone())
    }

    /// The weight.
    #[must_use]
    pub fn weight(&self) -> &Weight {
        &self.0.weight
    }

    /// The bias, `[out]`.
    #[must_use]
    pub fn bias(&self) -> Option<&[f32]> {
        self.0.bias.as_deref()
    }
}

impl CustomOp1 for FrozenLinear {
    fn name(&self) -> &'static str {
        "frozen-linear"
    }

    // y = x Wᵀ + b
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (tokens, width) = layout.shape().dims2()?;
        let Inner { weight, bias } = &*self.0;
        if width != weight.in_features() {
            candle_core::bail!(
                "frozen-linear: {width} features, {} needed",
                weight.in_features()
            );
        }
        let x = elements(self.name(), storage, layout)?;
        let mut y = vec![0f32; tokens * weight.out_features()];
        let variant = Variant::best();
        match weight {
            Weight::F32(weight) => {
                kernels::linear_f32(variant, x, weight, bias.as_deref(), &mut y);
            }
            Weight::Int8(weight) => {
                kernels::linear_int8(variant, x, weight, bias.as_deref(), &mut y);
            }
        }
        Ok((CpuStorage::F32(y), (tokens, weight.out_features()).into()))
    }

    // dx = dy W; the weight is frozen and gets no gradient
    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let variant = Variant::best();
        let dx = map_like(self.name(), dy, x, |dy, dx| {
            match &self.0.weight {
                Weight::F32(weight) => kernels::linear_f32_backward(variant, dy, weight, dx),
                Weight::Int8(weight) => kernels::linear_int8_backward(variant, dy, weight, dx),
            }
            Ok(())
        })?;
        Ok(Some(dx))
    }
}
