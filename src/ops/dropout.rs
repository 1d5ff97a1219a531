use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::tensor::{Buffer, Inputs, Tensor};

/// Dropout (Srivastava et al. 2014): each element of `x` is 0 with probability `p` and else divided by
/// `1 - p`. dx = dy where the element was kept, divided alike.
///
/// `x` is `[rows, width]`; `parts` has a seed and a number of rows for one part of them after the other.
/// The same seed drops the same elements of a part, whatever other parts are in the call.
///
/// # Panics
/// If `p` is not below 1, or the parts do not add up to the rows.
#[must_use]
pub fn dropout(x: &Tensor, p: f32, parts: impl IntoIterator<Item = (u64, usize)>) -> Tensor {
    assert!((0.0..1.0).contains(&p));
    let (_, width) = x.dims2();
    let factor = 1.0 / (1.0 - p);
    let mut factors: Vec<f32> = Vec::with_capacity(x.len());
    for (seed, rows) in parts {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let part = (0..rows * width).map(|_| if rng.random::<f32>() < p { 0.0 } else { factor });
        factors.extend(part);
    }
    assert_eq!(factors.len(), x.len());
    let mut y = Buffer::copy_of(x.data());
    y.iter_mut().zip(&factors).for_each(|(y, f)| *y *= f);
    Tensor::result(y, x.shape(), [x], || {
        move |mut dy: Buffer, inputs: &mut Inputs<'_>| {
            dy.iter_mut().zip(&factors).for_each(|(dy, f)| *dy *= f);
            inputs.give(0, dy);
        }
    })
}
