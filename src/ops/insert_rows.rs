use std::sync::Arc;

use crate::tensor::{Buffer, Inputs, Tensor};

/// Puts `rows`: `[n, width]` into every sequence of `x`: `[tokens, width]`, before the sequence's row
/// `at` or behind its last. Returns the result, `[tokens + sequences · n, width]`, and where its
/// sequences start.
///
/// `starts` says where each sequence of `x` starts, and the end of the last. dx is those of dy's rows
/// that came from `x`, drows the sum of the others over the sequences.
///
/// # Panics
/// If the widths differ or the starts do not end with the tokens.
#[must_use]
pub fn insert_rows(
    x: &Tensor,
    rows: &Tensor,
    starts: &Arc<[usize]>,
    at: usize,
) -> (Tensor, Arc<[usize]>) {
    let ((tokens, width), (count, other)) = (x.dims2(), rows.dims2());
    assert_eq!(width, other);
    assert_eq!(starts.last(), Some(&tokens));
    let sequences = starts.len() - 1;
    let total = tokens + sequences * count;
    let mut y = Buffer::uninitialised(total * width);
    let mut rest = &mut y[..];
    let mut put = |from: &[f32]| {
        let (to, others) = std::mem::take(&mut rest).split_at_mut(from.len());
        to.copy_from_slice(from);
        rest = others;
    };
    for bounds in starts.windows(2) {
        let own = &x.data()[bounds[0] * width..bounds[1] * width];
        let (before, behind) = own.split_at((at * width).min(own.len()));
        put(before);
        put(rows.data());
        put(behind);
    }
    let moved = starts.iter().enumerate();
    let moved: Arc<[usize]> = moved.map(|(index, start)| start + index * count).collect();
    let result = Tensor::result(y, &[total, width], [x, rows], || {
        let starts = Arc::clone(starts);
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let mut dx = Buffer::uninitialised(tokens * width);
            let mut drows = Buffer::zeros(count * width);
            let mut rest = &dy[..];
            for bounds in starts.windows(2) {
                let own = &mut dx[bounds[0] * width..bounds[1] * width];
                let (before, behind) = own.split_at_mut((at * width).min(own.len()));
                let (from, others) = rest.split_at(before.len());
                before.copy_from_slice(from);
                let (from, others) = others.split_at(count * width);
                drows.iter_mut().zip(from).for_each(|(sum, dy)| *sum += dy);
                let (from, others) = others.split_at(behind.len());
                behind.copy_from_slice(from);
                rest = others;
            }
            inputs.give(0, dx);
            inputs.give(1, drows);
        }
    });
    (result, moved)
}
