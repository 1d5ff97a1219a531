//! f32 to integers: weights once, at conversion, to 8 bits per output channel; activations in every
//! call, to 12 bits per row.
//!
//! Both are symmetric: `q = round(x * (levels / largest))`, ties to even, where `largest` is the
//! row's largest magnitude, and `x` is about `q * scale` with `scale = largest / levels`.

use super::elementwise::ROUND;
use super::pack::interleave;
use super::tiles::{QUADS_ROWS, ROWS};

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

/// Quantises a row to 12 bits, padded with zeros, and returns its scale.
#[inline(always)]
fn quantize_row(x: &[f32], integers: &mut [i16]) -> f32 {
    let grid = Grid::of(x, ACTIVATION_LEVELS);
    for (q, &x) in integers.iter_mut().zip(x) {
        *q = grid.quantize(x, ACTIVATION_LEVELS) as i16;
    }
    integers[x.len()..].fill(0);
    grid.scale
}

/// Quantises a row to 12 bits, `q + 2048 = 128 * high + low`, padded with zeros, and returns its
/// scale.
#[inline(always)]
fn quantize_row_in_halves(x: &[f32], high: &mut [u8], low: &mut [u8]) -> f32 {
    let grid = Grid::of(x, ACTIVATION_LEVELS);
    for ((high, low), &x) in high.iter_mut().zip(low.iter_mut()).zip(x) {
        let q = grid.quantize(x, ACTIVATION_LEVELS) + 2048;
        *high = (q >> 7) as u8;
        *low = (q & 127) as u8;
    }
    high[x.len()..].fill(0);
    low[x.len()..].fill(0);
    grid.scale
}

/// Interleaves four rows for the integer tile: `[row][inner]` to `[inner / 2][4][2]`.
#[inline(always)]
fn interleave_pairs(rows: &[i16], panel: &mut [i16]) {
    let inner = rows.len() / ROWS;
    let rows = std::array::from_fn(|r| rows[r * inner..][..inner].as_chunks::<2>().0);
    interleave::<[i16; 2], ROWS>(rows, panel.as_chunks_mut().0.as_chunks_mut().0);
}

/// Lengths of the room that [`pack_pairs`] needs and of what it packs.
pub(super) fn pairs_lens(rows: usize, padded: usize) -> [usize; 2] {
    [ROWS * padded, rows.next_multiple_of(ROWS) * padded]
}

/// Quantises the rows of `x[rows, in]` to 12 bits and packs them for weights of
/// [`Layout::Pairs`](super::Layout): `packed` is `[ceil(rows / 4)][padded / 2][4][2]`, `scales`
/// `[rows]`. Rows missing from the last panel repeat the last row (their sums are thrown away).
/// `room` is for four rows of integers.
pub(super) fn pack_pairs(
    x: &[f32],
    padded: usize,
    room: &mut [i16],
    packed: &mut [i16],
    scales: &mut [f32],
) {
    let (rows, in_) = (scales.len(), x.len() / scales.len().max(1));
    for (index, panel) in packed.chunks_exact_mut(padded * ROWS).enumerate() {
        for (r, integers) in room.chunks_exact_mut(padded).enumerate() {
            let row = (index * ROWS + r).min(rows - 1);
            scales[row] = quantize_row(&x[row * in_..][..in_], integers);
        }
        interleave_pairs(room, panel);
    }
}

/// Lengths of the room that [`pack_halves`] needs and of what it packs.
pub(super) fn halves_lens(rows: usize, padded: usize) -> [usize; 2] {
    [2 * QUADS_ROWS * padded, 2 * rows * padded]
}

/// Quantises the rows of `x[rows, in]` to 12 bits and packs them for weights of
/// [`Layout::Quads`](super::Layout), as two halves of seven bits each: `q + 2048 = 128 * high + low`.
///
/// `packed` is `[panel][padded / 4][high, low][row of the panel][4]`. A panel has three rows, and the
/// last one those that are left; `scales` is `[rows]`. `room` is for the halves of three rows.
pub(super) fn pack_halves(
    x: &[f32],
    padded: usize,
    room: &mut [u8],
    packed: &mut [u8],
    scales: &mut [f32],
) {
    let in_ = x.len() / scales.len().max(1);
    let rows = x
        .chunks(QUADS_ROWS * in_)
        .zip(scales.chunks_mut(QUADS_ROWS));
    for ((x, scales), panel) in rows.zip(packed.chunks_mut(2 * QUADS_ROWS * padded)) {
        let count = scales.len();
        let room = &mut room[..2 * count * padded];
        let (high, low) = room.split_at_mut(count * padded);
        let halves = high
            .chunks_exact_mut(padded)
            .zip(low.chunks_exact_mut(padded));
        for ((x, scale), (high, low)) in x.chunks_exact(in_).zip(scales).zip(halves) {
            *scale = quantize_row_in_halves(x, high, low);
        }
        match count {
            1 => interleave_quads::<2>(room, panel),
            2 => interleave_quads::<4>(room, panel),
            _ => interleave_quads::<6>(room, panel),
        }
    }
}

/// Interleaves `N` rows of bytes by fours: `[row][inner]` to `[inner / 4][N][4]`.
#[inline(always)]
fn interleave_quads<const N: usize>(rows: &[u8], panel: &mut [u8]) {
    let inner = rows.len() / N;
    let rows = std::array::from_fn(|r| rows[r * inner..][..inner].as_chunks::<4>().0);
    interleave::<[u8; 4], N>(rows, panel.as_chunks_mut().0.as_chunks_mut().0);
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
        for (count, in_) in SIZES
            .iter()
            .flat_map(|&n| [(1, n), (4, n), (7, n), (9, n), (17, n)])
        {
            let x = rows(&mut random, count, in_);
            let padded = in_.next_multiple_of(8);
            let expected: Vec<_> = x
                .chunks(in_)
                .map(|row| reference(row, ACTIVATION_LEVELS))
                .collect();
            let integer = |row: usize, i: usize| expected[row].0.get(i).copied();
            let places = || (0..count).flat_map(|row| (0..padded).map(move |i| (row, i)));
            let assert_scales = |scales: &[f32]| {
                for (scale, (_, expected)) in scales.iter().zip(&expected) {
                    assert_eq!(scale.to_bits(), expected.to_bits());
                }
            };

            let [room, len] = pairs_lens(count, padded);
            let (mut room, mut packed) = (vec![i16::MAX; room], vec![i16::MAX; len]);
            let mut scales = vec![f32::NAN; count];
            pack_pairs(&x, padded, &mut room, &mut packed, &mut scales);
            assert_scales(&scales);
            for (row, i) in places() {
                let panel = &packed[row / ROWS * ROWS * padded..];
                let found = panel[(i / 2 * ROWS + row % ROWS) * 2 + i % 2];
                assert_eq!(i32::from(found), integer(row, i).unwrap_or(0));
            }

            let [room, len] = halves_lens(count, padded);
            let (mut room, mut packed) = (vec![u8::MAX; room], vec![u8::MAX; len]);
            let mut scales = vec![f32::NAN; count];
            pack_halves(&x, padded, &mut room, &mut packed, &mut scales);
            assert_scales(&scales);
            assert!(packed.iter().all(|&half| half < 128));
            for (row, i) in places() {
                let first = row / QUADS_ROWS * QUADS_ROWS;
                let (panel, in_panel) = (
                    &packed[first * 2 * padded..],
                    (count - first).min(QUADS_ROWS),
                );
                let half = |half: usize| {
                    let at = (i / 4 * 2 + half) * in_panel + row - first;
                    i32::from(panel[at * 4 + i % 4])
                };
                if let Some(integer) = integer(row, i) {
                    assert_eq!(128 * half(0) + half(1) - 2048, integer);
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
