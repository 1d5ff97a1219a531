use std::ops::Range;

use crate::tensor::{Buffer, Inputs, Tensor};

/// The rows of several matrices of one width, one below the other.
///
/// # Panics
/// If there is no matrix, or the widths differ.
#[must_use]
pub fn concat(parts: &[&Tensor]) -> Tensor {
    let width = parts[0].dims2().1;
    let rows = parts.iter().map(|part| {
        assert_eq!(part.dims2().1, width);
        part.dims2().0
    });
    let rows: Vec<usize> = rows.collect();
    let total = rows.iter().sum();
    let mut y = Buffer::uninitialised(total * width);
    let mut rest = &mut y[..];
    for part in parts {
        let (to, others) = rest.split_at_mut(part.len());
        to.copy_from_slice(part.data());
        rest = others;
    }
    Tensor::result(y, &[total, width], parts.iter().copied(), || {
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

/// Some successive rows of `x`: `[rows, width]`.
///
/// # Panics
/// If there are not as many.
#[must_use]
pub fn slice(x: &Tensor, range: Range<usize>) -> Tensor {
    let (rows, width) = x.dims2();
    let (start, count) = (range.start, range.len());
    let y = Buffer::copy_of(&x.data()[start * width..range.end * width]);
    Tensor::result(y, &[count, width], [x], || {
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let mut dx = Buffer::zeros(rows * width);
            dx[start * width..][..count * width].copy_from_slice(&dy);
            inputs.give(0, dx);
        }
    })
}

/// `x`: `[rows, width]` with `part`: `[n, width]` in place of its rows `start..start + n`. dx is dy
/// without these rows, dpart these rows.
///
/// # Panics
/// If the widths differ or there are not as many rows.
#[must_use]
pub fn replace_rows(x: Tensor, part: &Tensor, start: usize) -> Tensor {
    let ((rows, width), (count, other)) = (x.dims2(), part.dims2());
    assert_eq!(width, other);
    let input = x.handle();
    let own = start * width..(start + count) * width;
    let mut y = x.into_buffer();
    y[own.clone()].copy_from_slice(part.data());
    Tensor::result(y, &[rows, width], [input, part.handle()], || {
        move |mut dy: Buffer, inputs: &mut Inputs<'_>| {
            if inputs.wants(1) {
                inputs.give(1, Buffer::copy_of(&dy[own.clone()]));
            }
            dy[own.clone()].fill(0.0);
            inputs.give(0, dy);
        }
    })
}
