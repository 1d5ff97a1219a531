use crate::kernels;
use crate::tensor::{Buffer, Inputs, Tensor};

/// The Gaussian error linear unit `x Φ(x)` with the exact normal distribution function
/// (Hendrycks and Gimpel 2016), element by element; BERT's "gelu", not its tanh approximation.
/// dx = dy (Φ(x) + x φ(x)).
#[must_use]
pub fn gelu(x: &Tensor) -> Tensor {
    let mut y = Buffer::uninitialised(x.len());
    kernels::gelu(x.data(), &mut y);
    Tensor::result(y, x.shape(), [x], || {
        let x = x.detach();
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let mut dx = Buffer::uninitialised(x.len());
            kernels::gelu_backward(x.data(), &dy, &mut dx);
            inputs.give(0, dx);
        }
    })
}
