use crate::kernels;
use crate::tensor::{Buffer, Inputs, Tensor};

/// [`LayerNorm`](super::LayerNorm) with a scale and shift that may be trained.
///
/// `x`: `[tokens, width]`; `gamma`, `beta`: `[width]`. With x̂ the normalised row: dγ = Σ dy ∘ x̂ and
/// dβ = Σ dy over the tokens; dx as with a frozen norm.
///
/// # Panics
/// If the widths differ.
#[must_use]
pub fn layer_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, epsilon: f32) -> Tensor {
    let (_, width) = x.dims2();
    assert_eq!((gamma.shape(), beta.shape()), (&[width][..], &[width][..]));
    let mut y = Buffer::uninitialised(x.len());
    kernels::layer_norm(x.data(), gamma.data(), beta.data(), epsilon, &mut y);
    Tensor::result(y, x.shape(), [x, gamma, beta], || {
        let (x, gamma) = (x.detach(), gamma.detach());
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            if inputs.wants(1) || inputs.wants(2) {
                let (ones, zeros) = (vec![1.0; width], vec![0.0; width]);
                let mut normalised = Buffer::uninitialised(x.len());
                kernels::layer_norm(x.data(), &ones, &zeros, epsilon, &mut normalised);
                let (mut dgamma, mut dbeta) = (Buffer::zeros(width), Buffer::zeros(width));
                for (dy, n) in dy.chunks_exact(width).zip(normalised.chunks_exact(width)) {
                    let sums = dgamma.iter_mut().zip(&mut dbeta[..]);
                    for ((dgamma, dbeta), (dy, n)) in sums.zip(dy.iter().zip(n)) {
                        *dgamma += dy * n;
                        *dbeta += dy;
                    }
                }
                inputs.give(1, dgamma);
                inputs.give(2, dbeta);
            }
            if inputs.wants(0) {
                let mut dx = Buffer::uninitialised(x.len());
                kernels::layer_norm_backward(x.data(), gamma.data(), epsilon, &dy, &mut dx);
                inputs.give(0, dx);
            }
        }
    })
}
