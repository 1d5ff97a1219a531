use std::sync::Arc;

use crate::kernels;
use crate::tensor::{Buffer, Inputs, Tensor};

/// Rotary position embedding (Su et al. 2021) of queries or keys `x`: `[tokens, heads · d]`, by each
/// token's position in its sequence, `positions`: `[tokens]`. The backward pass rotates back.
///
/// # Panics
/// If the width is no multiple of a head's, or there are no angles for a position.
#[must_use]
pub fn rotate(x: Tensor, rotary: &Arc<kernels::Rotary>, positions: &Arc<[usize]>) -> Tensor {
    let (tokens, width) = x.dims2();
    let input = x.handle();
    let mut y = x.into_buffer();
    rotary.apply(&mut y, width, positions, false);
    Tensor::result(y, &[tokens, width], [input], || {
        let (rotary, positions) = (Arc::clone(rotary), Arc::clone(positions));
        move |mut dy: Buffer, inputs: &mut Inputs<'_>| {
            rotary.apply(&mut dy, width, &positions, true);
            inputs.give(0, dy);
        }
    })
}
