use crate::tensor::{Buffer, Inputs, Tensor};

/// The rows of several matrices of one width, one below the other.
///
/// # Panics
/// If the widths differ.
#[must_use]
pub fn concat<const N: usize>(parts: [&Tensor; N]) -> Tensor {
    let width = parts[0].dims2().1;
    let rows = parts.map(|part| {
        assert_eq!(part.dims2().1, width);
        part.dims2().0
    });
    let total = rows.iter().sum();
    let mut y = Buffer::uninitialised(total * width);
    let mut rest = &mut y[..];
    for part in parts {
        let (to, others) = rest.split_at_mut(part.len());
        to.copy_from_slice(part.data());
        rest = others;
    }
    Tensor::result(y, &[total, width], parts, || {
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let mut rest = &dy[..];
            for (part, rows) in rows.iter().enumerate() {
                let (own, others) = rest.split_at(rows * width);
                if inputs.wants(part) {
                    inputs.give(part, Buffer::copy_of(own));
                }
                rest = others;
            }
        }
    })
}

/// Some rows of `x`: `[rows, width]`, in the order of `indices`, which may repeat.
///
/// # Panics
/// If there is no such row.
#[must_use]
pub fn select(x: &Tensor, indices: &[usize]) -> Tensor {
    let (rows, width) = x.dims2();
    let mut y = Buffer::uninitialised(indices.len() * width);
    for (to, &index) in y.chunks_exact_mut(width).zip(indices) {
        to.copy_from_slice(&x.data()[index * width..][..width]);
    }
    Tensor::result(y, &[indices.len(), width], [x], || {
        let indices = indices.to_vec();
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let mut dx = Buffer::zeros(rows * width);
            for (from, &index) in dy.chunks_exact(width).zip(&indices) {
                let to = dx[index * width..][..width].iter_mut();
                to.zip(from).for_each(|(dx, dy)| *dx += dy);
            }
            inputs.give(0, dx);
        }
    })
}
