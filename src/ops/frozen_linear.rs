use std::sync::{Arc, Mutex, PoisonError};

use super::gelu;
use crate::kernels::{self, Finish, Layer, PackedF32, PackedInt8, TurnedInt8, Variant};
use crate::tensor::{Buffer, Inputs, Tensor};

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

    /// The weight that the layer computes with, `[out, in]`: a copy in 32-bit floats.
    #[must_use]
    pub fn dequantized(&self) -> Vec<f32> {
        match self {
            Self::F32(weight) => weight.unpack(),
            Self::Int8(weight) => weight.unpack_dequantized(),
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
/// integer arithmetic, so that an adapter is trained on exactly the backbone that will run it. So is the
/// backward pass, through the same weight: the rounding of the activations counts as the identity (the
/// straight-through estimator), and the gradient of `y` is rounded to 12 bits per token.
///
/// Cloning shares the weight.
#[derive(Clone, Debug)]
pub struct FrozenLinear(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    weight: Weight,
    bias: Option<Vec<f32>>,
    turned: Mutex<Option<Arc<TurnedInt8>>>,
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
        Self(Arc::new(Inner {
            weight,
            bias,
            turned: Mutex::default(),
        }))
    }

    /// `x`: `[tokens, in]` to `[tokens, out]`.
    ///
    /// # Panics
    /// If the width is another.
    #[must_use]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let [y] = Self::forward_all([self], x);
        y
    }

    /// `gelu` of [`forward`](Self::forward), in one go where no gradient has to come back through it.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    #[must_use]
    pub fn forward_gelu(&self, x: &Tensor) -> Tensor {
        if x.is_tracked() {
            return gelu(&self.forward(x));
        }
        let [y] = product([self], x, Finish::Gelu);
        Tensor::new(y, &[x.dims2().0, self.weight().out_features()])
    }

    /// Several layers over one `x`, which is packed, and quantised, once for all of them.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    #[must_use]
    pub fn forward_all<const N: usize>(layers: [&Self; N], x: &Tensor) -> [Tensor; N] {
        let (tokens, _) = x.dims2();
        let mut outputs = product(layers, x, Finish::None).into_iter();
        layers.map(|layer| {
            let shape = [tokens, layer.weight().out_features()];
            let y = outputs.next().unwrap_or_else(|| Buffer::zeros(0));
            // dx = dy W; the weight is frozen and gets no gradient, and nothing of x is needed
            Tensor::result(y, &shape, [x], || {
                let layer = layer.clone();
                move |dy: Buffer, inputs: &mut Inputs<'_>| inputs.give(0, layer.backward(dy))
            })
        })
    }

    /// dx = dy W
    fn backward(&self, mut dy: Buffer) -> Buffer {
        let (weight, variant) = (self.weight(), Variant::best());
        let tokens = dy.len() / weight.out_features();
        let mut dx = Buffer::uninitialised(tokens * weight.in_features());
        match weight {
            Weight::F32(weight) => kernels::linear_f32_backward(variant, &dy, weight, &mut dx),
            Weight::Int8(weight) => match self.turned(weight) {
                Some(turned) => turned.backward(variant, &mut dy, &mut dx),
                None => kernels::linear_int8_backward(variant, &dy, weight, &mut dx),
            },
        }
        dx
    }

    /// The transpose of the weight, which is built by the first backward pass and kept for the next.
    fn turned(&self, weight: &PackedInt8) -> Option<Arc<TurnedInt8>> {
        let mut kept = self.0.turned.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none() {
            *kept = TurnedInt8::of(weight).map(Arc::new);
        }
        kept.clone()
    }

    /// Gives back the memory that backward passes have left. The next one takes it again.
    pub fn forget_backward(&self) {
        let mut kept = self.0.turned.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = None;
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

/// `x Wᵀ + b` of each layer. Layers of one type share the packed input; a mixture is one product a
/// type.
fn product<const N: usize>(layers: [&FrozenLinear; N], x: &Tensor, finish: Finish) -> [Buffer; N] {
    let (tokens, width) = x.dims2();
    let variant = Variant::best();
    let mut outputs = layers.map(|layer| {
        assert_eq!(width, layer.weight().in_features());
        Buffer::uninitialised(tokens * layer.weight().out_features())
    });
    let (mut f32s, mut int8s) = (Vec::new(), Vec::new());
    for (layer, y) in layers.iter().zip(&mut outputs) {
        let bias = layer.bias();
        match layer.weight() {
            Weight::F32(weight) => f32s.push(Layer { weight, bias, y }),
            Weight::Int8(weight) => int8s.push(Layer { weight, bias, y }),
        }
    }
    kernels::linears_f32(variant, x.data(), f32s, finish);
    kernels::linears_int8(variant, x.data(), int8s, finish);
    outputs
}
