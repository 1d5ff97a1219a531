use std::sync::Arc;

use crate::tensor::{Buffer, Inputs, Tensor};

/// The mean over the tokens of each sequence: `[tokens, width]` to `[sequences, width]`.
///
/// `starts` says where each sequence starts, and the end of the last. dx = dy / n for each of a
/// sequence's n tokens.
///
/// # Panics
/// If the starts do not end with the tokens.
#[must_use]
pub fn sequence_mean(x: &Tensor, starts: &Arc<[usize]>) -> Tensor {
    let (tokens, width) = x.dims2();
    assert_eq!(starts.last(), Some(&tokens));
    let count = starts.len() - 1;
    let mut y = Buffer::zeros(count * width);
    for ((range, share), y) in sequences(starts).zip(y.chunks_exact_mut(width)) {
        for row in x.data()[range.start * width..range.end * width].chunks_exact(width) {
            y.iter_mut().zip(row).for_each(|(y, x)| *y += x);
        }
        y.iter_mut().for_each(|y| *y *= share);
    }
    Tensor::result(y, &[count, width], [x], || {
        let starts = Arc::clone(starts);
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let mut dx = Buffer::uninitialised(tokens * width);
            for ((range, share), dy) in sequences(&starts).zip(dy.chunks_exact(width)) {
                for row in dx[range.start * width..range.end * width].chunks_exact_mut(width) {
                    row.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = dy * share);
                }
            }
            inputs.give(0, dx);
        }
    })
}

/// Each sequence's tokens and one over their number.
fn sequences(starts: &[usize]) -> impl Iterator<Item = (std::ops::Range<usize>, f32)> {
    starts.windows(2).map(|bounds| {
        #[allow(clippy::cast_precision_loss)]
        let share = 1.0 / (bounds[1] - bounds[0]).max(1) as f32;
        (bounds[0]..bounds[1], share)
    })
}
