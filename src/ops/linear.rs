use crate::kernels::{Matrix, Variant, matmul};
use crate::tensor::{Buffer, Inputs, Tensor};

/// `y = x Wᵀ` with a weight that may be trained: the product of adapters and heads.
///
/// `x`: `[tokens, in]`, `weight`: `[out, in]`, `y`: `[tokens, out]`. As with a frozen layer, a row of
/// `y` has the same bits whatever other rows are in the call. dx = dy W; dW = dyᵀ x.
///
/// # Panics
/// If the widths differ.
#[must_use]
pub fn linear(x: &Tensor, weight: &Tensor) -> Tensor {
    let ((tokens, input), (output, width)) = (x.dims2(), weight.dims2());
    assert_eq!(input, width);
    let variant = Variant::best();
    let mut y = Buffer::uninitialised(tokens * output);
    let (a, w) = (
        Matrix::new(x.data(), input),
        Matrix::new(weight.data(), input),
    );
    matmul(variant, a, w.t(), &mut y);
    Tensor::result(y, &[tokens, output], [x, weight], || {
        // either is only needed for the other's gradient
        let x_kept = weight.is_tracked().then(|| x.detach());
        let weight_kept = x.is_tracked().then(|| weight.detach());
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let dy = Matrix::new(&dy, output);
            if let Some(weight) = &weight_kept {
                let mut dx = Buffer::uninitialised(tokens * input);
                matmul(variant, dy, Matrix::new(weight.data(), input), &mut dx);
                inputs.give(0, dx);
            }
            if let Some(x) = &x_kept {
                let mut dw = Buffer::uninitialised(output * input);
                matmul(variant, dy.t(), Matrix::new(x.data(), input), &mut dw);
                inputs.give(1, dw);
            }
        }
    })
}
