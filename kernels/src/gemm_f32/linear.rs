//! Linear layers and their backward pass.

use super::{Output, Panels, Plain, product, products};
use crate::Variant;
use crate::gelu::gelu_in_place;
use crate::gemm_f32::turned_panel;
use crate::pack::PackedF32;
use crate::tiles::{COLS, Tiles};

/// One of the layers that read the same input: `y[rows, out] = x[rows, in] * W^T (+ bias[out])`.
pub struct Layer<'a, W> {
    /// `W`, packed.
    pub weight: &'a W,
    /// `[out]`
    pub bias: Option<&'a [f32]>,
    /// `[rows, out]`
    pub y: &'a mut [f32],
}

/// What is done to a product once its bias is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// Nothing.
    None,
    /// [`gelu`](crate::gelu()).
    Gelu,
}

impl Finish {
    /// Applies it in place, while the rows are still in the cache.
    #[inline]
    pub(crate) fn apply(self, y: &mut [f32]) {
        if self == Self::Gelu {
            gelu_in_place(y);
        }
    }
}

/// A linear layer: `y[rows, out] = x[rows, in] * W^T (+ bias[out])`.
///
/// The bias is added last. Variants agree within the rounding of a sum over `in`. Asserts that the
/// lengths agree and that the variant is available; no rows does nothing.
pub fn linear_f32(
    variant: Variant,
    x: &[f32],
    weight: &PackedF32,
    bias: Option<&[f32]>,
    y: &mut [f32],
) {
    linears_f32(variant, x, vec![Layer { weight, bias, y }], Finish::None);
}

/// [`linear_f32`] of several layers that read the same `x`, which is packed once for all of them;
/// each result is then finished.
pub fn linears_f32(variant: Variant, x: &[f32], layers: Vec<Layer<'_, PackedF32>>, finish: Finish) {
    struct Forward<'w>(&'w PackedF32);
    impl Panels for Forward<'_> {
        fn shape(&self) -> (usize, usize) {
            (self.0.in_features(), self.0.out_features())
        }
        fn panel<'a>(&'a self, index: usize, _: &'a mut [f32]) -> &'a [f32] {
            self.0.panel(index)
        }
    }
    let Some(first) = layers.first() else { return };
    let a = Plain {
        data: x,
        inner: first.weight.in_features(),
    };
    let output = |Layer { weight, bias, y }| Output {
        b: Forward(weight),
        bias,
        y,
    };
    products(
        variant,
        &a,
        layers.into_iter().map(output).collect(),
        finish,
    );
}

/// The gradient of [`linear_f32`] with respect to `x`: `dx[rows, in] = dy[rows, out] * W`.
///
/// The panels of `W` for this direction are built from the packed weight as they are needed: it is
/// kept once. Asserts that the lengths agree and that the variant is available; no rows does
/// nothing.
pub fn linear_f32_backward(variant: Variant, dy: &[f32], weight: &PackedF32, dx: &mut [f32]) {
    struct Backward<'w>(&'w PackedF32, Tiles);
    impl Panels for Backward<'_> {
        fn shape(&self) -> (usize, usize) {
            (self.0.out_features(), self.0.in_features())
        }
        fn panel<'a>(&'a self, index: usize, built: &'a mut [f32]) -> &'a [f32] {
            turned_panel(built, |o, to| {
                let from = &self.0.panel(o)[index * COLS * COLS..];
                if let Some(from) = from.first_chunk() {
                    (self.1.turn_f32)(from, to);
                } else {
                    let mut padded = [0.0; COLS * COLS];
                    padded[..from.len()].copy_from_slice(from);
                    (self.1.turn_f32)(&padded, to);
                }
            })
        }
    }
    product(variant, dy, Backward(weight, Tiles::of(variant)), dx);
}
