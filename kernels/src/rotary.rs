//! Rotary position embedding (Su et al., <https://arxiv.org/abs/2104.09864>), with the columns of a pair
//! half a head apart, as in transformers:
//!
//! `y[i] = x[i] cos a - x[i + d/2] sin a`, `y[i + d/2] = x[i + d/2] cos a + x[i] sin a`
//!
//! for the angle `a = position * theta^(-2i / d)` and `i` below `d/2`, where `d` is the width of a head.

use std::sync::{Arc, PoisonError, RwLock};

use super::parallel;

/// Rows of one parallel task.
const BLOCK: usize = 64;

/// Cosine and sine of every angle, computed as positions are used for the first time.
#[derive(Debug)]
pub struct Rotary {
    /// By which a position is multiplied, for each pair of columns of a head.
    frequencies: Vec<f32>,
    positions: usize,
    /// `[positions so far][cosines of the pairs, then their sines]`
    angles: RwLock<Arc<[f32]>>,
}

impl Rotary {
    /// For heads of `head_dim` columns, an even number, and the positions from 0 to `positions - 1`.
    /// Angles are rounded to f32 before their cosine is taken, as the reference implementation does.
    #[must_use]
    pub fn new(theta: f64, head_dim: usize, positions: usize) -> Self {
        assert!(head_dim > 0 && head_dim.is_multiple_of(2));
        let frequencies = (0..head_dim / 2)
            .map(|i| 1.0 / theta.powf(2.0 * i as f64 / head_dim as f64) as f32)
            .collect();
        Self {
            frequencies,
            positions,
            angles: RwLock::new([].into()),
        }
    }

    /// Positions that a sequence may have.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// The angles of at least this many positions.
    fn angles(&self, positions: usize) -> Arc<[f32]> {
        let head = 2 * self.frequencies.len();
        let known = self.angles.read().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= positions * head {
            return Arc::clone(&known);
        }
        let mut angles = known.to_vec();
        drop(known);
        // to twice the length, so that somewhat longer texts find theirs here
        let end = (2 * positions).min(self.positions);
        for position in angles.len() / head..end {
            let of = |&frequency: &f32| f64::from(position as f32 * frequency);
            angles.extend(self.frequencies.iter().map(|f| of(f).cos() as f32));
            angles.extend(self.frequencies.iter().map(|f| of(f).sin() as f32));
        }
        let angles: Arc<[f32]> = angles.into();
        let mut known = self.angles.write().unwrap_or_else(PoisonError::into_inner);
        // another thread may have come further meanwhile
        if known.len() < angles.len() {
            *known = Arc::clone(&angles);
        }
        angles
    }

    /// Rotates every head of `x[tokens, width]` in place, where `width` is a multiple of a head's, by
    /// the token's position in its sequence: `positions[tokens]`. A rotation by the opposite
    /// angles (`back`) is both the inverse and the gradient.
    ///
    /// Asserts that the lengths agree and that there are that many positions; no tokens does nothing.
    pub fn apply(&self, x: &mut [f32], width: usize, positions: &[usize], back: bool) {
        let pairs = self.frequencies.len();
        let head = 2 * pairs;
        assert!(width > 0 && width.is_multiple_of(head));
        assert_eq!(x.len(), positions.len() * width);
        let longest = positions.iter().max().map_or(0, |farthest| farthest + 1);
        assert!(longest <= self.positions);
        let angles = self.angles(longest);
        let work = 2 * x.len();
        parallel::for_each_chunk(x, BLOCK * width, work, |index, x| {
            let rows = x.chunks_exact_mut(width).zip(&positions[index * BLOCK..]);
            for (row, &position) in rows {
                let (cos, sin) = angles[position * head..][..head].split_at(pairs);
                for head in row.chunks_exact_mut(head) {
                    let (low, high) = head.split_at_mut(pairs);
                    let pairs = low.iter_mut().zip(high).zip(cos.iter().zip(sin));
                    for ((low, high), (cos, sin)) in pairs {
                        let sin = if back { -sin } else { *sin };
                        (*low, *high) = (*low * cos - *high * sin, *high * cos + *low * sin);
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Random, assert_close, doubles_of, slopes};
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// The definition in f64: every pair is a complex number times `e^(i a)`.
    fn reference(x: &[f64], theta: f64, dim: usize, width: usize, starts: &[usize]) -> Vec<f64> {
        let mut y = x.to_vec();
        for bounds in starts.windows(2) {
            for token in bounds[0]..bounds[1] {
                for column in (0..width).filter(|column| column % dim < dim / 2) {
                    let pair = (column % dim) as f64;
                    let angle = (token - bounds[0]) as f64 / theta.powf(2.0 * pair / dim as f64);
                    let (re, im) = (token * width + column, token * width + column + dim / 2);
                    y[re] = x[re] * angle.cos() - x[im] * angle.sin();
                    y[im] = x[re] * angle.sin() + x[im] * angle.cos();
                }
            }
        }
        y
    }

    /// Of the tokens of whole sequences.
    fn positions(starts: &[usize]) -> Vec<usize> {
        let sequences = starts.windows(2);
        sequences.flat_map(|s| 0..s[1] - s[0]).collect()
    }

    #[test]
    fn agrees_with_f64_and_goes_back() {
        let mut random = Random::new(50);
        for (dim, heads, starts) in [
            (2, 1, &[0, 1][..]),
            (8, 3, &[0, 5, 5, 6]),
            (6, 2, &[0, 200]),
            (64, 12, &[0, 3, 40]),
            (4, 1, &[0]),
        ] {
            let (width, tokens) = (dim * heads, starts[starts.len() - 1]);
            let positions = positions(starts);
            let x = random.vec(tokens * width, 1.0);
            for theta in [10_000.0, 160_000.0] {
                let rotary = Rotary::new(theta, dim, 200);
                let mut y = x.clone();
                rotary.apply(&mut y, width, &positions, false);
                let expected = reference(&doubles_of(&x), theta, dim, width, starts);
                assert_close(&y, &expected, 3e-5);
                rotary.apply(&mut y, width, &positions, true);
                assert_close(&y, &doubles_of(&x), 1e-6);
            }
        }
    }

    /// The angles are the same bits whichever positions were used first.
    #[test]
    fn angles_do_not_depend_on_earlier_texts() {
        let mut random = Random::new(52);
        let (dim, width) = (6, 12);
        let grown = Rotary::new(10_000.0, dim, 100);
        for tokens in [1, 7, 40, 3, 100] {
            let x = random.vec(tokens * width, 1.0);
            let (mut a, mut b) = (x.clone(), x);
            let positions = positions(&[0, tokens]);
            grown.apply(&mut a, width, &positions, false);
            Rotary::new(10_000.0, dim, 100).apply(&mut b, width, &positions, false);
            let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&a), bits(&b), "{tokens} tokens");
        }
        assert_eq!(grown.angles(1).len(), 100 * dim);
    }

    #[test]
    fn the_way_back_is_the_slope_of_the_reference() {
        let mut random = Random::new(51);
        let (dim, width, starts) = (4, 8, [0, 3, 7]);
        let x = doubles_of(&random.vec(7 * width, 1.0));
        let dy = random.vec(7 * width, 1.0);
        let expected = slopes(&x, &dy, |x| reference(x, 100.0, dim, width, &starts));
        let mut dx = dy.clone();
        Rotary::new(100.0, dim, 4).apply(&mut dx, width, &positions(&starts), true);
        assert_close(&dx, &expected, 1e-5);
    }
}
