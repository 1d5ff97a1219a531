//! The integer product behind a frozen linear layer: 8-bit weights per output channel, 12-bit
//! activations per row, exact 32-bit sums. Every variant gives the same bits.
//!
//! The backward runs in f32 through the weight that the integers stand for (a straight-through
//! estimate: the rounding of the activations counts as the identity).

use super::gemm_f32::{Finish, Layer, Panels};
use super::gemm_f32::{block_rows, columns_of, product, store, turned_panel};
use super::pack_int8::{Layout, PackedInt8};
use super::parallel::{self, Disjoint};
use super::quantize::{halves_lens, pack_halves, pack_pairs, pairs_lens};
use super::tiles::{COLS, GROUP, QUADS_GROUP, Sums, Tiles};
use super::{Variant, scratch};

#[cfg(test)]
mod tests;

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
/// all of them; each result is then finished. Asserts as well that the weights have one layout.
pub fn linears_int8(
    variant: Variant,
    x: &[f32],
    layers: Vec<Layer<'_, PackedInt8>>,
    finish: Finish,
) {
    let tiles = Tiles::of(variant);
    let Some(first) = layers.first() else { return };
    let (in_, padded) = (first.weight.in_features(), first.weight.padded_in());
    let layout = first.weight.layout();
    let rows = x.len() / in_;
    assert_eq!(x.len(), rows * in_);
    let prepared = |Layer { weight, bias, y }| {
        let weight: &PackedInt8 = weight;
        assert_eq!(weight.layout(), layout);
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
    let block = block_rows(rows, padded * size_of::<i16>(), work);
    parallel::for_each(rows.div_ceil(block), work, |index| {
        let first = index * block;
        let rows = block.min(rows - first);
        let x = &x[first * in_..][..rows * in_];
        scratch::with_f32(rows, |a_scales| {
            with_activations(layout, x, padded, a_scales, |packed, a_scales| {
                for (weight, bias, y) in &layers {
                    let out = weight.out_features();
                    // SAFETY: blocks of different indices have different rows.
                    let y = unsafe { y.slice(first * out, rows * out) };
                    let epilogue = Epilogue {
                        a_scales,
                        weight,
                        bias: *bias,
                    };
                    multiply(tiles, packed, &epilogue, y);
                    finish.apply(y);
                }
            });
        });
    });
}

/// A block of quantised rows, packed for a layout of the weight.
#[derive(Clone, Copy)]
enum Activations<'a> {
    Pairs(&'a [i16]),
    Halves(&'a [u8]),
}

/// Quantises and packs a block of rows, gives their scales, and calls `f` with both.
#[inline(always)]
fn with_activations(
    layout: Layout,
    x: &[f32],
    padded: usize,
    a_scales: &mut [f32],
    f: impl FnOnce(Activations<'_>, &[f32]),
) {
    let rows = a_scales.len();
    match layout {
        Layout::Pairs => {
            let lens = pairs_lens(rows, padded);
            scratch::with_i16(lens[0] + lens[1], |buffer| {
                let [room, packed] = scratch::pieces(buffer, lens);
                pack_pairs(x, padded, room, packed, a_scales);
                f(Activations::Pairs(packed), a_scales);
            });
        }
        Layout::Quads => {
            let lens = halves_lens(rows, padded);
            scratch::with_u8(lens[0] + lens[1], |buffer| {
                let [room, packed] = scratch::pieces(buffer, lens);
                pack_halves(x, padded, room, packed, a_scales);
                f(Activations::Halves(packed), a_scales);
            });
        }
    }
}

/// What becomes of the sums.
struct Epilogue<'a> {
    a_scales: &'a [f32],
    weight: &'a PackedInt8,
    bias: Option<&'a [f32]>,
}

impl Epilogue<'_> {
    /// Scales sums of the rows from `row` on, as many as a call of the tile takes, and eight outputs
    /// from `column` on.
    #[inline(always)]
    fn apply(&self, sums: &[[i32; COLS]], row: usize, column: usize, y: &mut [f32]) {
        let out = self.weight.out_features();
        let bias = columns_of(self.bias, column);
        let w_scales = columns_of(Some(self.weight.scales()), column);
        let rows = self.a_scales.iter().zip(y.chunks_exact_mut(out));
        for ((&a_scale, y), sums) in rows.skip(row).zip(sums) {
            let value = |c: usize| (sums[c] as f32 * a_scale) * w_scales[c] + bias[c];
            store(std::array::from_fn(value), &mut y[column..]);
        }
    }
}

/// A block of rows times a weight. A panel of the weight is the outer loop, so that it is read from
/// memory once a block.
#[inline(always)]
fn multiply(tiles: Tiles, activations: Activations<'_>, epilogue: &Epilogue<'_>, y: &mut [f32]) {
    let weight = epilogue.weight;
    let padded = weight.padded_in();
    for index in 0..weight.out_features().div_ceil(COLS) {
        let (panel, column) = (weight.panel(index), index * COLS);
        match activations {
            Activations::Pairs(packed) => {
                for (group, left) in packed.chunks(GROUP * padded).enumerate() {
                    let mut sums: Sums<i32> = [[0; COLS]; GROUP];
                    (tiles.pairs)(left, panel, &mut sums);
                    epilogue.apply(&sums, group * GROUP, column, y);
                }
            }
            Activations::Halves(packed) => {
                let starts = weight.starts(index);
                for (group, left) in packed.chunks(QUADS_GROUP * 2 * padded).enumerate() {
                    let mut sums: Sums<i32> = [[0; COLS]; GROUP];
                    (tiles.quads)(left, panel, starts, &mut sums);
                    let sums = &sums[..QUADS_GROUP];
                    epilogue.apply(sums, group * QUADS_GROUP, column, y);
                }
            }
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
