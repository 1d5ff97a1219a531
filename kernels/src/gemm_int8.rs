//! The integer product behind a frozen linear layer: 8-bit weights per output channel, 12-bit
//! activations per row, exact 32-bit sums. Every variant gives the same bits.
//!
//! The backward runs in f32 through the weight that the integers stand for (a straight-through
//! estimate: the rounding of the activations counts as the identity).

use super::gemm_f32::{Finish, Layer, Panels};
use super::gemm_f32::{block_rows, columns_of, product, store, turned_panel};
use super::pack_int8::PackedInt8;
use super::parallel::{self, Disjoint};
use super::quantize::{operands_lens, pack_operands, pack_plain, plain_lens};
use super::strassen::{OPERANDS, combine};
use super::tiles::{COLS, GROUP, Sums, Tiles};
use super::{Variant, scratch};

/// A linear layer with an integer weight: `y[rows, out] = x[rows, in] * W^T (+ bias[out])`.
///
/// Each row of `x` is quantised to `q` in -2047..=2047 with `a_scale = largest magnitude / 2047`; a
/// row whose largest magnitude is below 1e-30 counts as zero. Then `y = (sum of q * w as f32 *
/// a_scale) * w_scale + bias`, multiplied and added in this order, never fused. A row of `x` with
/// an element that is not finite gives a row of NaN.
///
/// Asserts that the lengths agree and that the variant is available; no rows does nothing.
pub fn linear_int8(
    variant: Variant,
    x: &[f32],
    weight: &PackedInt8,
    bias: Option<&[f32]>,
    y: &mut [f32],
) {
    linears_int8(variant, x, vec![Layer { weight, bias, y }], Finish::None);
}

/// [`linear_int8`] of several layers that read the same `x`, which is quantised and packed once for
/// all of them; each result is then finished.
pub fn linears_int8(
    variant: Variant,
    x: &[f32],
    layers: Vec<Layer<'_, PackedInt8>>,
    finish: Finish,
) {
    let tiles = Tiles::of(variant);
    let Some(first) = layers.first() else { return };
    let (in_, half_in) = (first.weight.in_features(), first.weight.half_in());
    let rows = x.len() / in_;
    assert_eq!(x.len(), rows * in_);
    let prepared = |Layer { weight, bias, y }| {
        let weight: &PackedInt8 = weight;
        assert_eq!(weight.in_features(), in_);
        assert_eq!(y.len(), rows * weight.out_features());
        assert!(bias.is_none_or(|bias: &[f32]| bias.len() == weight.out_features()));
        (weight, bias, Disjoint::new(y))
    };
    let layers: Vec<_> = layers.into_iter().map(prepared).collect();
    let work = layers
        .iter()
        .map(|(weight, ..)| rows * in_ * weight.out_features())
        .sum();
    let padded = 2 * half_in;
    let block = block_rows(rows, padded * size_of::<i16>(), work);
    parallel::for_each(rows.div_ceil(block), work, |index| {
        let first = index * block;
        let rows = block.min(rows - first);
        let x = &x[first * in_..][..rows * in_];
        let seven = rows >= ROWS_FOR_SEVEN;
        let [integers, packed] = if seven {
            operands_lens(rows, padded)
        } else {
            plain_lens(rows, padded)
        };
        // what the activations are packed in serves the weight's operands afterwards
        let lens = [integers.max(PackedInt8::room(half_in)), packed];
        scratch::with_i16(lens[0] + lens[1], |buffer| {
            let [room, packed] = scratch::pieces(buffer, lens);
            scratch::with_f32(rows, |a_scales| {
                let pack = if seven { pack_operands } else { pack_plain };
                pack(x, padded, &mut room[..integers], packed, a_scales);
                for (weight, bias, y) in &layers {
                    let out = weight.out_features();
                    // SAFETY: blocks of different indices have different rows.
                    let y = unsafe { y.slice(first * out, rows * out) };
                    let epilogue = Epilogue {
                        a_scales,
                        weight,
                        bias: *bias,
                    };
                    if seven {
                        multiply_operands(tiles, packed, room, &epilogue, y);
                    } else {
                        multiply_plain(tiles, packed, &epilogue, y);
                    }
                    finish.apply(y);
                }
            });
        });
    });
}

/// From how many rows on seven products are less work than eight, with the operands that they need.
const ROWS_FOR_SEVEN: usize = 64;

/// What becomes of the sums.
struct Epilogue<'a> {
    a_scales: &'a [f32],
    weight: &'a PackedInt8,
    bias: Option<&'a [f32]>,
}

impl Epilogue<'_> {
    /// Scales sums of the rows from `row` on, before `end`, and eight outputs from `column` on.
    #[inline(always)]
    fn apply(&self, sums: &Sums<i32>, row: usize, end: usize, column: usize, y: &mut [f32]) {
        let out = self.weight.out_features();
        if column >= out {
            return;
        }
        let bias = columns_of(self.bias, column);
        let w_scales = columns_of(Some(self.weight.scales()), column);
        for (row, sums) in (row..end).zip(sums) {
            let a_scale = self.a_scales[row];
            let value = |c: usize| (sums[c] as f32 * a_scale) * w_scales[c] + bias[c];
            let y = &mut y[row * out..][..out];
            store(std::array::from_fn(value), &mut y[column..]);
        }
    }
}

/// A block of rows from [`pack_plain`] times a weight.
#[inline(always)]
fn multiply_plain(tiles: Tiles, packed: &[i16], epilogue: &Epilogue<'_>, y: &mut [f32]) {
    let weight = epilogue.weight;
    let group = GROUP * 2 * weight.half_in();
    for column in (0..weight.out_features()).step_by(COLS) {
        let right = weight.panel(column / COLS);
        for (index, left) in packed.chunks(group).enumerate() {
            let mut sums = [[0; COLS]; GROUP];
            (tiles.narrow)(left, right, &mut sums);
            epilogue.apply(&sums, index * GROUP, epilogue.a_scales.len(), column, y);
        }
    }
}

/// A block of rows from [`pack_operands`] times a weight, whose operands are built in `room`.
#[inline(always)]
fn multiply_operands(
    tiles: Tiles,
    packed: &[i16],
    room: &mut [i16],
    epilogue: &Epilogue<'_>,
    y: &mut [f32],
) {
    let (weight, rows) = (epilogue.weight, epilogue.a_scales.len());
    let (half_in, half_out) = (weight.half_in(), weight.half_out());
    let (upper, panel) = (rows.div_ceil(2), half_in * COLS);
    let operand_len = packed.len() / OPERANDS;
    for column in (0..half_out).step_by(COLS) {
        let right = weight.operands(column / COLS, room);
        for row in (0..upper).step_by(GROUP) {
            let mut products = [[[0; COLS]; GROUP]; OPERANDS];
            for (k, products) in products.iter_mut().enumerate() {
                let left = &packed[k * operand_len..][row * half_in..operand_len];
                let left = &left[..left.len().min(GROUP * half_in)];
                (tiles.int8)(left, &right[k * panel..][..panel], products);
            }
            let [c11, c12, c21, c22] = combine(&products);
            epilogue.apply(&c11, row, upper, column, y);
            epilogue.apply(&c12, row, upper, column + half_out, y);
            epilogue.apply(&c21, upper + row, rows, column, y);
            epilogue.apply(&c22, upper + row, rows, column + half_out, y);
        }
    }
}

/// The gradient of [`linear_int8`] with respect to `x`: `dx[rows, in] = dy[rows, out] * W`, in f32,
/// with `W[o][i] = w[o][i] * w_scale[o]`.
///
/// The panels of `W` are built from the packed integers as they are needed. Variants agree within
/// the rounding of a sum over `out`. [`TurnedInt8`](crate::TurnedInt8) does the same faster, rounding
/// `dy`. Asserts that the lengths agree and that the variant is available; no rows does nothing.
pub fn linear_int8_backward(variant: Variant, dy: &[f32], weight: &PackedInt8, dx: &mut [f32]) {
    struct Backward<'w>(&'w PackedInt8, Tiles);
    impl Panels for Backward<'_> {
        fn shape(&self) -> (usize, usize) {
            (self.0.out_features(), self.0.in_features())
        }
        fn panel<'a>(&'a self, index: usize, built: &'a mut [f32]) -> &'a [f32] {
            turned_panel(built, |o, to| {
                let scales = columns_of(Some(self.0.scales()), o * COLS);
                (self.1.turn_int8)(&self.0.block(o, index), &scales, to);
            })
        }
    }
    product(variant, dy, Backward(weight, Tiles::of(variant)), dx);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        Random, SIZES, assert_close, assert_same_bits, doubles_of, slopes,
    };
    use super::*;
    use crate::{PackedF32, linear_f32_backward, quantize_rows_int8};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    struct Layer {
        x: Vec<f32>,
        dy: Vec<f32>,
        w: Vec<i8>,
        scales: Vec<f32>,
        bias: Vec<f32>,
        packed: PackedInt8,
    }

    fn layer(random: &mut Random, rows: usize, in_: usize, out: usize) -> Layer {
        let (w, scales) = (random.int8(out * in_), random.vec(out, 1e-2));
        Layer {
            x: random.nasty(rows * in_),
            dy: random.nasty(rows * out),
            bias: random.vec(out, 3.0),
            packed: PackedInt8::pack(&w, &scales, out, in_),
            w,
            scales,
        }
    }

    /// The definition, one element at a time.
    fn reference(l: &Layer, bias: bool) -> Vec<f32> {
        let in_ = l.packed.in_features();
        let mut y = Vec::new();
        for x in l.x.chunks_exact(in_) {
            let largest = x.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
            let zero = largest < 1e-30;
            let q = |x: f32| {
                (x * (2047.0 / largest))
                    .round_ties_even()
                    .clamp(-2047.0, 2047.0) as i64
            };
            let a_scale = if zero { 0.0 } else { largest / 2047.0 };
            for (o, w) in l.w.chunks_exact(in_).enumerate() {
                let sum: i64 = x
                    .iter()
                    .zip(w)
                    .map(|(&x, &w)| if zero { 0 } else { q(x) * i64::from(w) })
                    .sum();
                let product = (sum as f32 * a_scale) * l.scales[o];
                y.push(product + if bias { l.bias[o] } else { 0.0 });
            }
        }
        y
    }

    fn check(random: &mut Random, rows: usize, in_: usize, out: usize) {
        let mut l = layer(random, rows, in_, out);
        if rows > 2 {
            l.x[in_..2 * in_].fill(-0.0);
        }
        let dequantized = PackedF32::pack(&l.packed.unpack_dequantized(), out, in_);
        for variant in Variant::available() {
            let mut y = vec![f32::NAN; rows * out];
            linear_int8(variant, &l.x, &l.packed, Some(&l.bias), &mut y);
            assert_same_bits(&y, &reference(&l, true));
            linear_int8(variant, &l.x, &l.packed, None, &mut y);
            assert_same_bits(&y, &reference(&l, false));
            // Both backwards run the same tile over the same numbers.
            let (mut dx, mut expected) = (vec![f32::NAN; rows * in_], vec![f32::NAN; rows * in_]);
            linear_int8_backward(variant, &l.dy, &l.packed, &mut dx);
            linear_f32_backward(variant, &l.dy, &dequantized, &mut expected);
            assert_same_bits(&dx, &expected);
        }
    }

    #[test]
    fn every_variant_gives_the_bits_of_the_definition() {
        let mut random = Random::new(30);
        for n in SIZES {
            for m in SIZES {
                check(&mut random, 5, n, m);
                check(&mut random, n, m, 9);
                check(&mut random, n, 7, m);
            }
        }
        check(&mut random, 13, 1536, 40);
        check(&mut random, 700, 384, 11);
        for rows in [63, 64, 65, 67, 72, 73, 128] {
            check(&mut random, rows, 33, 41);
            check(&mut random, rows, 64, 16);
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        #[test]
        fn any_shape(rows in 0usize..100, in_ in 1usize..90, out in 1usize..90, seed: u64) {
            check(&mut Random::new(seed), rows, in_, out);
        }
    }

    #[test]
    fn extreme_sums_stay_exact() {
        let in_ = PackedInt8::MAX_IN;
        let packed = PackedInt8::pack(&vec![-128; 8 * in_], &[1.0; 8], 8, in_);
        for variant in Variant::available() {
            for x in [1.0, -1.0] {
                let mut y = [f32::NAN; 8];
                linear_int8(variant, &vec![x; in_], &packed, None, &mut y);
                let expected = (-x * (in_ * 128 * 2047) as f32) * (1.0 / 2047.0);
                assert_same_bits(&y, &[expected; 8]);
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        // Enough work for threads.
        let (rows, in_, out) = (203, 131, 67);
        let l = layer(&mut Random::new(31), rows, in_, out);
        for variant in Variant::available() {
            let mut y = vec![f32::NAN; rows * out];
            linear_int8(variant, &l.x, &l.packed, Some(&l.bias), &mut y);
            for row in 0..rows {
                let mut one = vec![f32::NAN; out];
                linear_int8(
                    variant,
                    &l.x[row * in_..][..in_],
                    &l.packed,
                    Some(&l.bias),
                    &mut one,
                );
                assert_same_bits(&one, &y[row * out..][..out]);
            }
        }
    }

    #[test]
    fn close_to_the_f32_layer_it_stands_for() {
        let (rows, in_, out) = (17, 384, 48);
        let mut random = Random::new(32);
        let (x, w) = (random.vec(rows * in_, 1.0), random.vec(out * in_, 0.1));
        let (integers, scales) = quantize_rows_int8(&w, out, in_);
        let packed = PackedInt8::pack(&integers, &scales, out, in_);
        let mut expected = Vec::new();
        for x in x.chunks(in_) {
            let dot = |w: &[f32]| {
                x.iter()
                    .zip(w)
                    .map(|(&x, &w)| f64::from(x) * f64::from(w))
                    .sum::<f64>()
            };
            expected.extend(w.chunks(in_).map(dot));
        }
        let mut y = vec![f32::NAN; rows * out];
        linear_int8(Variant::best(), &x, &packed, None, &mut y);
        // Half a step of the weights, 0.05 / 127, adds up as a random walk over 384 terms of about
        // 0.6.
        assert_close(&y, &expected, 1e-2);
    }

    #[test]
    fn backward_is_the_slope_of_the_dequantised_layer() {
        let mut random = Random::new(33);
        for (rows, in_, out) in [(1, 1, 1), (3, 7, 9), (5, 12, 8), (2, 33, 13)] {
            let l = layer(&mut random, rows, in_, out);
            let dy = random.vec(rows * out, 1.0);
            let w = doubles_of(&l.packed.unpack_dequantized());
            let linear = |x: &[f64]| {
                let mut y = Vec::new();
                for x in x.chunks(in_) {
                    y.extend(
                        w.chunks(in_)
                            .map(|w| x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>()),
                    );
                }
                y
            };
            let expected = slopes(&vec![0.5; rows * in_], &dy, linear);
            for variant in Variant::available() {
                let mut dx = vec![f32::NAN; rows * in_];
                linear_int8_backward(variant, &dy, &l.packed, &mut dx);
                assert_close(&dx, &expected, 1e-5);
            }
        }
    }

    #[test]
    fn a_row_that_is_not_finite_becomes_nan_alone() {
        let (rows, in_, out) = (9, 5, 11);
        let mut l = layer(&mut Random::new(34), rows, in_, out);
        l.x[4 * in_ + 2] = f32::INFINITY;
        l.x[6 * in_] = f32::NAN;
        for variant in Variant::available() {
            let mut y = vec![0.0; rows * out];
            linear_int8(variant, &l.x, &l.packed, None, &mut y);
            for (row, y) in y.chunks(out).enumerate() {
                assert!(y.iter().all(|y| y.is_nan() == (row == 4 || row == 6)));
            }
        }
    }
}
