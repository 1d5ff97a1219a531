use crate::tensor::{Buffer, Inputs, Tensor};

/// `x ∘ v`, with `v` multiplied into every row of `x`: `[rows, width]`. `v` has `width` elements in
/// any shape, or one, which then holds for every column. dx = dy ∘ v, dv = Σ dy ∘ x over all that an
/// element was multiplied into.
///
/// # Panics
/// If the widths differ.
#[must_use]
pub fn scale_columns(x: &Tensor, v: &Tensor) -> Tensor {
    let (rows, width) = x.dims2();
    assert!(v.len() == width || v.len() == 1);
    let mut y = Buffer::copy_of(x.data());
    multiply(&mut y, v.data());
    Tensor::result(y, &[rows, width], [x, v], || {
        // either is only needed for the other's gradient
        let x_kept = v.is_tracked().then(|| x.detach());
        let v = v.detach();
        move |mut dy: Buffer, inputs: &mut Inputs<'_>| {
            if let Some(x) = &x_kept {
                let mut dv = Buffer::zeros(v.len());
                for (dy, x) in dy.chunks_exact(width.max(1)).zip(x.rows()) {
                    let terms = dy.iter().zip(x).map(|(dy, x)| dy * x);
                    match &mut dv[..] {
                        [dv] => *dv += terms.sum::<f32>(),
                        dv => dv.iter_mut().zip(terms).for_each(|(dv, term)| *dv += term),
                    }
                }
                inputs.give(1, dv);
            }
            if inputs.wants(0) {
                multiply(&mut dy, v.data());
                inputs.give(0, dy);
            }
        }
    })
}

/// `v / c` with a constant `c`, element by element: dv = dy / c.
///
/// # Panics
/// If the shapes differ.
#[must_use]
pub fn divide(v: &Tensor, c: &Tensor) -> Tensor {
    assert_eq!(v.shape(), c.shape());
    let mut y = Buffer::copy_of(v.data());
    y.iter_mut().zip(c.data()).for_each(|(y, c)| *y /= c);
    Tensor::result(y, v.shape(), [v], || {
        let c = c.detach();
        move |mut dy: Buffer, inputs: &mut Inputs<'_>| {
            dy.iter_mut().zip(c.data()).for_each(|(dy, c)| *dy /= c);
            inputs.give(0, dy);
        }
    })
}

fn multiply(x: &mut [f32], v: &[f32]) {
    for row in x.chunks_exact_mut(v.len().max(1)) {
        row.iter_mut().zip(v).for_each(|(x, v)| *x *= v);
    }
}
