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

/// `a`: `[rows, m]` and `b`: `[rows, n]` side by side, `[rows, m + n]`.
///
/// # Panics
/// If they have not as many rows.
#[must_use]
pub fn beside(a: &Tensor, b: &Tensor) -> Tensor {
    let ((rows, m), (other, n)) = (a.dims2(), b.dims2());
    assert_eq!(rows, other);
    let mut y = Buffer::uninitialised(rows * (m + n));
    for (y, (a, b)) in y.chunks_exact_mut(m + n).zip(a.rows().zip(b.rows())) {
        y[..m].copy_from_slice(a);
        y[m..].copy_from_slice(b);
    }
    Tensor::result(y, &[rows, m + n], [a, b], || {
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            for (input, start, width) in [(0, 0, m), (1, m, n)] {
                if inputs.wants(input) {
                    let mut dx = Buffer::uninitialised(rows * width);
                    for (dx, dy) in dx.chunks_exact_mut(width).zip(dy.chunks_exact(m + n)) {
                        dx.copy_from_slice(&dy[start..start + width]);
                    }
                    inputs.give(input, dx);
                }
            }
        }
    })
}
