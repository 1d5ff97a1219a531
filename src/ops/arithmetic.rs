use crate::kernels;
use crate::tensor::{Buffer, Inputs, Tensor};

/// `a + b`, of one shape.
///
/// # Panics
/// If the shapes differ.
#[must_use]
pub fn add(a: Tensor, b: &Tensor) -> Tensor {
    add_scaled(a, b, 1.0)
}

/// `a + s b`, of one shape: da = dy, db = s dy.
///
/// # Panics
/// If the shapes differ.
#[must_use]
pub fn add_scaled(a: Tensor, b: &Tensor, s: f32) -> Tensor {
    assert_eq!(a.shape(), b.shape());
    let (shape, inputs) = (a.shape().to_vec(), [a.handle(), b.handle()]);
    let mut y = a.into_buffer();
    kernels::add_scaled(&mut y, b.data(), s);
    Tensor::result(y, &shape, inputs, || {
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            inputs.add_to(1, dy.len(), |db| kernels::add_scaled(db, &dy, s));
            inputs.give(0, dy);
        }
    })
}

/// `s x`: dx = s dy.
#[must_use]
pub fn scale(x: Tensor, s: f32) -> Tensor {
    let (shape, input) = (x.shape().to_vec(), x.handle());
    let mut y = x.into_buffer();
    y.iter_mut().for_each(|y| *y *= s);
    Tensor::result(y, &shape, [input], || {
        move |mut dy: Buffer, inputs: &mut Inputs<'_>| {
            dy.iter_mut().for_each(|dy| *dy *= s);
            inputs.give(0, dy);
        }
    })
}

/// `a ∘ b`, of one shape: da = dy ∘ b, db = dy ∘ a.
///
/// # Panics
/// If the shapes differ.
#[must_use]
pub fn multiply(a: &Tensor, b: &Tensor) -> Tensor {
    assert_eq!(a.shape(), b.shape());
    let product = |x: &[f32], y: &[f32]| {
        let mut out = Buffer::uninitialised(x.len());
        for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
            *out = x * y;
        }
        out
    };
    let y = product(a.data(), b.data());
    Tensor::result(y, a.shape(), [a, b], || {
        let (a, b) = (a.detach(), b.detach());
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            for (input, other) in [(0, &b), (1, &a)] {
                if inputs.wants(input) {
                    inputs.give(input, product(&dy, other.data()));
                }
            }
        }
    })
}

/// `x + b`, with `b`: `[width]` added to every row of `x`: `[rows, width]`. dx = dy, db = Σ dy over
/// the rows.
///
/// # Panics
/// If the widths differ.
#[must_use]
pub fn add_bias(x: Tensor, b: &Tensor) -> Tensor {
    let (rows, width) = x.dims2();
    assert_eq!(b.shape(), [width]);
    let input = x.handle();
    let mut y = x.into_buffer();
    for row in y.chunks_exact_mut(width.max(1)) {
        row.iter_mut().zip(b.data()).for_each(|(y, b)| *y += b);
    }
    Tensor::result(y, &[rows, width], [input, b.handle()], || {
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            if inputs.wants(1) {
                inputs.give(1, column_sums(&dy, width));
            }
            inputs.give(0, dy);
        }
    })
}

/// Sum over the rows, `[width]`.
fn column_sums(x: &[f32], width: usize) -> Buffer {
    let mut sums = Buffer::zeros(width);
    for row in x.chunks_exact(width.max(1)) {
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    sums
}
