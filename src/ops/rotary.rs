use std::sync::Arc;

use crate::kernels;
use crate::tensor::{Buffer, Inputs, Tensor};

/// Rotary position embedding (Su et al. 2021) of queries or keys `x`: `[tokens, heads · d]`, by each
/// token's position in its sequence. `starts` says where each sequence starts, and the end of the last.
/// The backward pass rotates back.
///
/// # Panics
/// If the width is no multiple of a head's, or a sequence is longer than there are angles for.
#[must_use]
pub fn rotate(x: Tensor, rotary: &Arc<kernels::Rotary>, starts: &Arc<[usize]>) -> Tensor {
    let (tokens, width) = x.dims2();
    let input = x.handle();
    let mut y = x.into_buffer();
    rotary.apply(&mut y, width, starts, false);
    Tensor::result(y, &[tokens, width], [input], || {
        let (rotary, starts) = (Arc::clone(rotary), Arc::clone(starts));
        move |mut dy: Buffer, inputs: &mut Inputs<'_>| {
            rotary.apply(&mut dy, width, &starts, true);
            inputs.give(0, dy);
        }
    })
}
