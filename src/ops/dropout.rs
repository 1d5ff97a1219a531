use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::tensor::{Buffer, Inputs, Tensor};

/// Dropout (Srivastava et al. 2014): each element of `x` is 0 with probability `p` and else divided by
/// `1 - p`. The same seed drops the same elements. dx = dy where the element was kept, divided alike.
///
/// # Panics
/// If `p` is not below 1.
#[must_use]
pub fn dropout(x: &Tensor, p: f32, seed: u64) -> Tensor {
    assert!((0.0..1.0).contains(&p));
    let factor = 1.0 / (1.0 - p);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let factors = (0..x.len()).map(|_| if rng.random::<f32>() < p { 0.0 } else { factor });
    let factors: Vec<f32> = factors.collect();
    let mut y = Buffer::copy_of(x.data());
    y.iter_mut().zip(&factors).for_each(|(y, f)| *y *= f);
    Tensor::result(y, x.shape(), [x], || {
        move |mut dy: Buffer, inputs: &mut Inputs<'_>| {
            dy.iter_mut().zip(&factors).for_each(|(dy, f)| *dy *= f);
            inputs.give(0, dy);
        }
    })
}
