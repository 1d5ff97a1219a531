//! f32 to integers: weights once, at conversion, to 8 bits per output channel; activations in every
//! call, to 12 bits per row.
//!
//! Both are symmetric: `q = round(x * (levels / largest))`, ties to even, where `largest` is the
//! row's largest magnitude, and `x` is about `q * scale` with `scale = largest / levels`.

use super::elementwise::ROUND;
use super::pack::interleave;
use super::tiles::ROWS;

/// Levels of a weight on each side of zero: 8 bits.
const WEIGHT_LEVELS: f32 = 127.0;
/// Levels of an activation on each side of zero: 12 bits.
const ACTIVATION_LEVELS: f32 = 2047.0;
/// A row without any larger element counts as zero: `levels / largest` must not overflow.
const SMALLEST: f32 = 1e-30;

/// How a row is quantised.
#[derive(Clone, Copy)]
struct Grid {
    /// What an element is multiplied by before it is rounded.
    inverse: f32,
    /// What an integer stands for: 0 for a zero row, NaN for a row with an element that is not
    /// finite (its integers are then of no account, and every product with the row becomes NaN).
    scale: f32,
}

impl Grid {
    #[inline(always)]
    fn of(row: &[f32], levels: f32) -> Self {
        // Bits of magnitudes are ordered as the magnitudes are, infinity and NaN above all numbers.
        let bits = row.iter().fold(0, |bits: i32, x| {
            bits.max((x.to_bits() & 0x7fff_ffff) as i32)
        });
        let largest = f32::from_bits(bits as u32);
        if !largest.is_finite() {
            Self {
                inverse: 0.0,
                scale: f32::NAN,
            }
        } else if largest < SMALLEST {
            Self {
                inverse: 0.0,
                scale: 0.0,
            }
        } else {
            Self {
                inverse: levels / largest,
                scale: largest / levels,
            }
        }
    }

    /// The integer for `x`. `|x * inverse|` exceeds the levels by rounding at most, which the clamp
    /// takes back.
    #[inline(always)]
    fn quantize(self, x: f32, levels: f32) -> i32 {
        let rounded =
            ((x * self.inverse + ROUND).to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
        rounded.clamp(-levels as i32, levels as i32)
    }
}

/// Quantises `weight[out, in]` to 8 bits, symmetric per output row: `(integers [out, in], scales
/// [out])`, the integers in -127..=127 and `weight[o][i]` about `integers[o][i] * scales[o]`.
///
/// A row whose largest magnitude is below 1e-30 gets zeros and the scale 0; one with an element
/// that is not finite gets the scale NaN, so that the fault shows in every result. Asserts the
/// length; no elements gives no integers.
pub fn quantize_rows_int8(weight: &[f32], out: usize, in_: usize) -> (Vec<i8>, Vec<f32>) {
    assert_eq!(weight.len(), out * in_);
    let mut scales = Vec::with_capacity(out);
    let mut integers = Vec::with_capacity(weight.len());
    for row in 0..out {
        let row = &weight[row * in_..][..in_];
        let grid = Grid::of(row, WEIGHT_LEVELS);
        scales.push(grid.scale);
        integers.extend(row.iter().map(|&x| grid.quantize(x, WEIGHT_LEVELS) as i8));
    }
    (integers, scales)
}

/// Quantises the rows of `x[rows, in]` to 12 bits and packs them for the integer tile: `packed` is
/// `[ceil(rows / 4)][ceil(in / 2)][4][2]`, `scales` `[rows]`. An odd `in` is padded with a zero;
/// the rows missing from the last panel repeat the last row (their sums are thrown away).
/// `integers` is room for four rows, `[4][ceil(in / 2)][2]`.
pub(super) fn pack_activations(
    x: &[f32],
    in_: usize,
    integers: &mut [i16],
    packed: &mut [i16],
    scales: &mut [f32],
) {
    let last = scales.len().saturating_sub(1);
    let padded = in_.next_multiple_of(2);
    for (index, panel) in packed.chunks_exact_mut(padded * ROWS).enumerate() {
        for (r, integers) in integers.chunks_exact_mut(padded).enumerate() {
            let row = (index * ROWS + r).min(last);
            let x = &x[row * in_..][..in_];
            let grid = Grid::of(x, ACTIVATION_LEVELS);
            scales[row] = grid.scale;
            integers[padded - 1] = 0;
            for (q, &x) in integers.iter_mut().zip(x) {
                *q = grid.quantize(x, ACTIVATION_LEVELS) as i16;
            }
        }
        let rows = std::array::from_fn(|r| integers[r * padded..][..padded].as_chunks::<2>().0);
        interleave::<[i16; 2], ROWS>(rows, panel.as_chunks_mut().0.as_chunks_mut().0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Random, SIZES};
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// The definition, with the standard library's rounding.
    fn reference(row: &[f32], levels: f32) -> (Vec<i32>, f32) {
        let largest = row.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        if largest < SMALLEST {
            return (vec![0; row.len()], 0.0);
        }
        let inverse = levels / largest;
        let quantize = |x: &f32| (x * inverse).round_ties_even().clamp(-levels, levels) as i32;
        (row.iter().map(quantize).collect(), largest / levels)
    }

    fn rows(random: &mut Random, rows: usize, width: usize) -> Vec<f32> {
        let mut x = Vec::new();
        for row in 0..rows {
            let size = [1.0, 1e4, 1e-6, 0.0, 1e30, 1e-29, -0.0][row % 7];
            x.extend(random.vec(width, size));
        }
        x
    }

    #[test]
    fn weights_are_as_defined_and_within_half_a_step() {
        let mut random = Random::new(6);
        for in_ in SIZES {
            let weight = rows(&mut random, 9, in_);
            let (integers, scales) = quantize_rows_int8(&weight, 9, in_);
            for o in 0..9 {
                let row = &weight[o * in_..][..in_];
                let integers = &integers[o * in_..][..in_];
                let (expected, scale) = reference(row, WEIGHT_LEVELS);
                assert_eq!(
                    integers.iter().map(|&q| i32::from(q)).collect::<Vec<_>>(),
                    expected
                );
                assert_eq!(scales[o].to_bits(), scale.to_bits());
                for (&q, &x) in integers.iter().zip(row) {
                    let error = (f64::from(q) * f64::from(scale) - f64::from(x)).abs();
                    assert!(
                        error <= 0.5001 * f64::from(scale),
                        "{x} became {q} x {scale}"
                    );
                }
            }
        }
    }

    #[test]
    fn activations_are_as_defined_and_packed() {
        let mut random = Random::new(7);
        for (count, in_) in SIZES.iter().flat_map(|&n| [(1, n), (4, n), (7, n), (9, n)]) {
            let x = rows(&mut random, count, in_);
            let pairs = in_.div_ceil(2);
            let mut packed = vec![i16::MAX; count.div_ceil(ROWS) * pairs * ROWS * 2];
            let mut scales = vec![f32::NAN; count];
            let mut integers = vec![i16::MAX; ROWS * pairs * 2];
            pack_activations(&x, in_, &mut integers, &mut packed, &mut scales);
            for row in 0..count {
                let (expected, scale) = reference(&x[row * in_..][..in_], ACTIVATION_LEVELS);
                assert_eq!(scales[row].to_bits(), scale.to_bits());
                for i in 0..2 * pairs {
                    let panel = &packed[row / ROWS * pairs * ROWS * 2..];
                    let q = panel[(i / 2 * ROWS + row % ROWS) * 2 + i % 2];
                    assert_eq!(i32::from(q), expected.get(i).copied().unwrap_or(0));
                }
            }
        }
    }

    #[test]
    fn ties_round_to_even() {
        let row = [2047.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, -2047.0];
        let grid = Grid::of(&row, ACTIVATION_LEVELS);
        let q = row.map(|x| grid.quantize(x, ACTIVATION_LEVELS));
        assert_eq!(q, [2047, 0, 2, 2, 0, -2, -2, -2047]);
    }

    #[test]
    fn a_row_that_is_not_finite_has_no_scale() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let (_, scales) = quantize_rows_int8(&[1.0, bad, 1.0, 1.0], 2, 2);
            assert!(scales[0].is_nan() && scales[1].is_finite());
        }
    }
}
