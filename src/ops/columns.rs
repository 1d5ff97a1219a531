use crate::tensor::{Buffer, Inputs, Tensor};

/// The columns `start..start + width` of `x`: `[rows, columns]`, as `[rows, width]`.
///
/// # Panics
/// If there are not as many.
#[must_use]
pub fn columns(x: &Tensor, start: usize, width: usize) -> Tensor {
    let (rows, all) = x.dims2();
    assert!(width > 0 && start + width <= all);
    let mut y = Buffer::uninitialised(rows * width);
    for (y, x) in y.chunks_exact_mut(width).zip(x.rows()) {
        y.copy_from_slice(&x[start..start + width]);
    }
    Tensor::result(y, &[rows, width], [x], || {
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let mut dx = Buffer::zeros(rows * all);
            for (dx, dy) in dx.chunks_exact_mut(all).zip(dy.chunks_exact(width)) {
                dx[start..start + width].copy_from_slice(dy);
            }
            inputs.give(0, dx);
        }
    })
}
