//! The f32 product behind a linear layer, forward and backward.
//!
//! Rows are cut into blocks whose packed activations stay in the second-level cache. Within a block
//! the panels of the weight are the outer loop and the tiles of rows the inner one, so that a panel
//! is read from memory once a block.

mod linear;

use super::pack::row_panels;
use super::parallel::{self, Disjoint};
use super::tiles::{COLS, GROUP, ROWS, Sums, Tiles};
use super::{Variant, scratch};
use crate::tiles::Block;

pub use linear::{Finish, Layer, linear_f32, linear_f32_backward, linears_f32};

/// Bytes of packed activations in a block of rows: about a second-level cache. Rather too many than
/// too few, since the backward builds its panels once a block.
const BLOCK_BYTES: usize = 1024 << 10;

/// Rows in a block: as many as the cache takes, and no more than gives every thread one.
pub(super) fn block_rows(rows: usize, bytes_a_row: usize, work: usize) -> usize {
    let fitting = (BLOCK_BYTES / bytes_a_row) / GROUP * GROUP;
    rows.div_ceil(parallel::threads(work))
        .next_multiple_of(GROUP)
        .min(fitting)
        .max(GROUP)
}

/// The right-hand side of a product, by panels of eight columns.
pub(super) trait Panels: Sync {
    /// `[inner, columns]`
    fn shape(&self) -> (usize, usize);

    /// Panel `index`, `[inner][8]`. `scratch` is as long, for a panel that has to be built.
    fn panel<'a>(&'a self, index: usize, scratch: &'a mut [f32]) -> &'a [f32];
}

/// The left-hand side of a product.
pub(super) trait Rows: Sync {
    /// `[rows, inner]`
    fn shape(&self) -> (usize, usize);

    /// Packs the rows from `first` on, as many as `packed` has room for: `[panel][inner][4]`. Rows
    /// that there are not may hold anything finite.
    fn pack(&self, first: usize, packed: &mut [f32]);
}

/// `a[rows, inner]`, row by row.
pub(super) struct Plain<'a> {
    pub(super) data: &'a [f32],
    pub(super) inner: usize,
}

impl Rows for Plain<'_> {
    fn shape(&self) -> (usize, usize) {
        let rows = self.data.len() / self.inner;
        assert_eq!(self.data.len(), rows * self.inner);
        (rows, self.inner)
    }

    #[inline(always)]
    fn pack(&self, first: usize, packed: &mut [f32]) {
        let (rows, inner) = self.shape();
        let row = |row: usize| &self.data[(first + row).min(rows - 1) * inner..];
        row_panels::<ROWS>(inner, row, packed);
    }
}

/// One product with a common left-hand side: `y[rows, columns] = a * b (+ bias[columns])`.
pub(super) struct Output<'a, B> {
    pub(super) b: B,
    pub(super) bias: Option<&'a [f32]>,
    pub(super) y: &'a mut [f32],
}

/// Computes products with one left-hand side, which is packed once.
pub(super) fn products<B: Panels>(
    variant: Variant,
    a: &impl Rows,
    outputs: Vec<Output<'_, B>>,
    finish: Finish,
) {
    let tiles = Tiles::of(variant);
    let (rows, inner) = a.shape();
    let prepared = |Output { b, bias, y }| {
        let (b_inner, columns) = B::shape(&b);
        assert_eq!(b_inner, inner);
        assert_eq!(y.len(), rows * columns);
        assert!(bias.is_none_or(|bias: &[f32]| bias.len() == columns));
        (b, bias, columns, Disjoint::new(y))
    };
    let outputs: Vec<_> = outputs.into_iter().map(prepared).collect();
    let work = outputs.iter().map(|output| rows * inner * output.2).sum();
    let block = block_rows(rows, inner * size_of::<f32>(), work);
    parallel::for_each(rows.div_ceil(block), work, |index| {
        let first = index * block;
        let rows = block.min(rows - first);
        let lens = [rows.next_multiple_of(ROWS) * inner, inner * COLS];
        scratch::with_f32(lens[0] + lens[1], |buffer| {
            let [packed, built] = scratch::pieces(buffer, lens);
            a.pack(first, packed);
            for (b, bias, columns, y) in &outputs {
                // SAFETY: blocks of different indices have different rows.
                let y = unsafe { y.slice(first * columns, rows * columns) };
                for column in (0..*columns).step_by(COLS) {
                    let bias = columns_of(*bias, column);
                    let panel = b.panel(column / COLS, built);
                    for (group, packed) in packed.chunks(GROUP * inner).enumerate() {
                        let mut sums: Sums<f32> = [[0.0; COLS]; GROUP];
                        (tiles.f32)(packed, panel, &mut sums);
                        let y = y.chunks_exact_mut(*columns).skip(group * GROUP);
                        for (y, sums) in y.zip(&sums) {
                            store(std::array::from_fn(|c| sums[c] + bias[c]), &mut y[column..]);
                        }
                    }
                }
                finish.apply(y);
            }
        });
    });
}

/// One product of plain rows: `y[rows, columns] = a[rows, inner] * b`.
pub(super) fn product(variant: Variant, a: &[f32], b: impl Panels, y: &mut [f32]) {
    let a = Plain {
        data: a,
        inner: b.shape().0,
    };
    let output = Output { b, bias: None, y };
    products(variant, &a, vec![output], Finish::None);
}

/// The eight values from `column` on; zeros where there are none.
#[inline(always)]
pub(super) fn columns_of(values: Option<&[f32]>, column: usize) -> [f32; COLS] {
    let values = values.map_or(&[][..], |values| &values[column..]);
    values.first_chunk().copied().unwrap_or_else(|| {
        let mut eight = [0.0; COLS];
        eight[..values.len()].copy_from_slice(values);
        eight
    })
}

/// Writes one row of a tile to where `y` begins, as far as `y` reaches.
#[inline(always)]
pub(super) fn store(values: [f32; COLS], y: &mut [f32]) {
    if let Some(y) = y.first_chunk_mut() {
        *y = values;
    } else {
        let len = y.len();
        y.copy_from_slice(&values[..len]);
    }
}

/// Builds a panel of the backward, `[out][8 inputs]`: `turn` is given the number of eight outputs
/// and where their block goes, `[output][input]`. One that sticks out passes through a copy.
#[inline(always)]
pub(super) fn turned_panel(built: &mut [f32], turn: impl Fn(usize, &mut Block<f32>)) -> &[f32] {
    const N: usize = COLS * COLS;
    for (o, to) in built.chunks_mut(N).enumerate() {
        if let Some(to) = to.first_chunk_mut() {
            turn(o, to);
        } else {
            let mut whole = [0.0; N];
            turn(o, &mut whole);
            to.copy_from_slice(&whole[..to.len()]);
        }
    }
    built
}

#[cfg(test)]
mod tests {
    use super::super::pack::PackedF32;
    use super::super::testing::{Random, SIZES, assert_same_bits, doubles_of, slopes};
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// The product in f64, and how far an f32 sum may be from it: a unit in the last place of the
    /// sum of magnitudes for every four terms.
    fn reference(x: &[f32], w: &[f32], bias: Option<&[f32]>, in_: usize) -> (Vec<f64>, Vec<f64>) {
        let (mut y, mut tolerances) = (Vec::new(), Vec::new());
        for x in x.chunks_exact(in_) {
            for (o, w) in w.chunks_exact(in_).enumerate() {
                let bias = bias.map_or(0.0, |bias| f64::from(bias[o]));
                let terms = || x.iter().zip(w).map(|(&x, &w)| f64::from(x) * f64::from(w));
                y.push(terms().sum::<f64>() + bias);
                let size = terms().map(f64::abs).sum::<f64>() + bias.abs();
                tolerances.push(size * f64::from(f32::EPSILON) * (2.0 + in_ as f64 / 4.0) + 1e-37);
            }
        }
        (y, tolerances)
    }

    #[track_caller]
    fn assert_within(got: &[f32], (expected, tolerances): (Vec<f64>, Vec<f64>)) {
        assert_eq!(got.len(), expected.len());
        for (i, (&got, expected)) in got.iter().zip(expected).enumerate() {
            let error = (f64::from(got) - expected).abs();
            assert!(error <= tolerances[i], "element {i}: {got}, not {expected}");
        }
    }

    fn check(random: &mut Random, rows: usize, in_: usize, out: usize) {
        let (x, w) = (random.nasty(rows * in_), random.nasty(out * in_));
        let (bias, dy) = (random.nasty(out), random.nasty(rows * out));
        let turned: Vec<f32> = (0..in_ * out).map(|k| w[k % out * in_ + k / out]).collect();
        let packed = PackedF32::pack(&w, out, in_);
        for variant in Variant::available() {
            let mut y = vec![f32::NAN; rows * out];
            linear_f32(variant, &x, &packed, Some(&bias), &mut y);
            assert_within(&y, reference(&x, &w, Some(&bias), in_));
            linear_f32(variant, &x, &packed, None, &mut y);
            assert_within(&y, reference(&x, &w, None, in_));
            let mut dx = vec![f32::NAN; rows * in_];
            linear_f32_backward(variant, &dy, &packed, &mut dx);
            assert_within(&dx, reference(&dy, &turned, None, out));
        }
    }

    #[test]
    fn every_variant_agrees_with_f64() {
        let mut random = Random::new(20);
        for n in SIZES {
            for m in SIZES {
                check(&mut random, 5, n, m);
                check(&mut random, n, m, 9);
                check(&mut random, n, 7, m);
            }
        }
    }

    #[test]
    fn more_rows_than_a_block() {
        let mut random = Random::new(21);
        let rows = BLOCK_BYTES / (384 * 4) + 13;
        check(&mut random, rows, 384, 17);
    }

    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        #[test]
        fn any_shape(rows in 0usize..40, in_ in 1usize..90, out in 1usize..90, seed: u64) {
            check(&mut Random::new(seed), rows, in_, out);
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        let mut random = Random::new(22);
        // Enough work for threads.
        let (rows, in_, out) = (203, 131, 67);
        let (x, w) = (random.nasty(rows * in_), random.nasty(out * in_));
        let (bias, dy) = (random.nasty(out), random.nasty(rows * out));
        let packed = PackedF32::pack(&w, out, in_);
        for variant in Variant::available() {
            let (mut y, mut dx) = (vec![f32::NAN; rows * out], vec![f32::NAN; rows * in_]);
            linear_f32(variant, &x, &packed, Some(&bias), &mut y);
            linear_f32_backward(variant, &dy, &packed, &mut dx);
            for row in 0..rows {
                let mut one = vec![f32::NAN; out];
                linear_f32(
                    variant,
                    &x[row * in_..][..in_],
                    &packed,
                    Some(&bias),
                    &mut one,
                );
                assert_same_bits(&one, &y[row * out..][..out]);
                let mut one = vec![f32::NAN; in_];
                linear_f32_backward(variant, &dy[row * out..][..out], &packed, &mut one);
                assert_same_bits(&one, &dx[row * in_..][..in_]);
            }
        }
    }

    #[test]
    fn backward_is_the_slope_of_the_reference() {
        let mut random = Random::new(23);
        for (rows, in_, out) in [(1, 1, 1), (3, 7, 9), (5, 12, 8), (2, 33, 13)] {
            let (x, w) = (random.vec(rows * in_, 1.0), random.vec(out * in_, 1.0));
            let dy = random.vec(rows * out, 1.0);
            let packed = PackedF32::pack(&w, out, in_);
            let product = |x: &[f64]| -> Vec<f64> {
                let w = doubles_of(&w);
                let row = |x: &[f64], w: &[f64]| x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>();
                x.chunks(in_)
                    .flat_map(|x| w.chunks(in_).map(move |w| row(x, w)).collect::<Vec<_>>())
                    .collect()
            };
            let expected = slopes(&doubles_of(&x), &dy, product);
            for variant in Variant::available() {
                let mut dx = vec![f32::NAN; x.len()];
                linear_f32_backward(variant, &dy, &packed, &mut dx);
                super::super::testing::assert_close(&dx, &expected, 1e-5);
            }
        }
    }

    #[test]
    fn scalar_and_simd128_give_the_same_bits() {
        if !Variant::Simd128.is_available() {
            return; // runs in the WebAssembly suite
        }
        let mut random = Random::new(24);
        let (rows, in_, out) = (21, 77, 45);
        let (x, w) = (random.nasty(rows * in_), random.nasty(out * in_));
        let packed = PackedF32::pack(&w, out, in_);
        let (mut a, mut b) = (vec![f32::NAN; rows * out], vec![f32::NAN; rows * out]);
        linear_f32(Variant::Scalar, &x, &packed, None, &mut a);
        linear_f32(Variant::Simd128, &x, &packed, None, &mut b);
        assert_same_bits(&a, &b);
    }

    #[test]
    fn nan_stays_in_its_row() {
        let (rows, in_, out) = (9, 5, 11);
        let mut x = vec![1.0; rows * in_];
        x[4 * in_ + 2] = f32::NAN;
        let packed = PackedF32::pack(&vec![1.0; out * in_], out, in_);
        for variant in Variant::available() {
            let mut y = vec![0.0; rows * out];
            linear_f32(variant, &x, &packed, None, &mut y);
            for (row, y) in y.chunks(out).enumerate() {
                assert!(y.iter().all(|y| y.is_nan() == (row == 4)));
            }
        }
    }

    #[test]
    #[cfg(not(target_arch = "wasm32"))]
    #[should_panic]
    fn a_wrong_length_asserts() {
        let packed = PackedF32::pack(&[1.0; 6], 2, 3);
        linear_f32(Variant::Scalar, &[0.0; 4], &packed, None, &mut [0.0; 2]);
    }
}
