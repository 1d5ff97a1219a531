//! The micro-kernels on WebAssembly's 128-bit vectors: eight accumulators, two registers of weights
//! and one of activations, twelve of the sixteen that x86-64 has with the product.
//!
//! Not unrolled, on purpose: LLVM then mixes the loads of several steps, and what it keeps alive no
//! longer fits the registers (measured in V8: 30 GFLOP/s with two or four steps an iteration, 42
//! with one).

use core::arch::wasm32::*;

use super::{Block, COLS, ROWS, Sums};

/// As the specification, bit for bit.
pub(super) fn tile_f32(a: &[f32], w: &[f32], sums: &mut Sums<f32>) {
    tile_f32_by(a, w, sums, |a, w, sum| f32x4_add(sum, f32x4_mul(a, w)));
}

/// The f32 tile with `multiply_add(a, w, sum)` for its one operation.
#[inline(always)]
pub(super) fn tile_f32_by(
    a: &[f32],
    w: &[f32],
    sums: &mut Sums<f32>,
    multiply_add: impl Fn(v128, v128, v128) -> v128,
) {
    let steps = w.len() / COLS;
    for (a, sums) in a
        .chunks_exact(steps * ROWS)
        .zip(sums.chunks_exact_mut(ROWS))
    {
        let mut tile = [[f32x4_splat(0.0); 2]; ROWS];
        let (mut a, mut w) = (a.as_ptr(), w.as_ptr());
        for _ in 0..steps {
            // SAFETY: `w` has `steps` groups of COLS floats and `a` has `steps` groups of ROWS
            // floats; each iteration reads one group of each and moves on by as much. Loads need no
            // alignment.
            unsafe {
                let (left, right) = (v128_load(w.cast()), v128_load(w.add(4).cast()));
                for (r, sum) in tile.iter_mut().enumerate() {
                    let row = v128_load32_splat(a.add(r).cast());
                    sum[0] = multiply_add(row, left, sum[0]);
                    sum[1] = multiply_add(row, right, sum[1]);
                }
                a = a.add(ROWS);
                w = w.add(COLS);
            }
        }
        store(tile, sums);
    }
}

/// As the specification, bit for bit.
pub(super) fn tile_pairs(a: &[i16], w: &[i8], sums: &mut Sums<i32>) {
    let steps = w.len() / (2 * COLS);
    for (a, sums) in a
        .chunks_exact(steps * 2 * ROWS)
        .zip(sums.chunks_exact_mut(ROWS))
    {
        let mut tile = [[i32x4_splat(0); 2]; ROWS];
        let (mut a, mut w) = (a.as_ptr(), w.as_ptr());
        for _ in 0..steps {
            // SAFETY: `w` has `steps` groups of COLS pairs and `a` has `steps` groups of ROWS
            // pairs; each iteration reads one group of each and moves on by as much. Loads need no
            // alignment.
            unsafe {
                let (left, right) = (i16x8_load_extend_i8x8(w), i16x8_load_extend_i8x8(w.add(8)));
                for (r, sum) in tile.iter_mut().enumerate() {
                    let pair = v128_load32_splat(a.add(2 * r).cast());
                    sum[0] = i32x4_add(sum[0], i32x4_dot_i16x8(pair, left));
                    sum[1] = i32x4_add(sum[1], i32x4_dot_i16x8(pair, right));
                }
                a = a.add(2 * ROWS);
                w = w.add(2 * COLS);
            }
        }
        store(tile, sums);
    }
}

/// Writes a tile of 32-bit lanes to the rows of the sums.
pub(super) fn store<T, const R: usize>(tile: [[v128; 2]; R], sums: &mut [[T; COLS]]) {
    const { assert!(size_of::<[T; COLS]>() == size_of::<[v128; 2]>()) };
    for (sums, tile) in sums.iter_mut().zip(tile) {
        // SAFETY: a row of sums is as large as two vectors (asserted above), and any bits are a
        // number.
        unsafe {
            v128_store(sums.as_mut_ptr().cast(), tile[0]);
            v128_store(sums.as_mut_ptr().cast::<v128>().add(1), tile[1]);
        }
    }
}

/// As the specification, by 4 x 4 quarters.
pub(super) fn turn_f32(from: &Block<f32>, to: &mut Block<f32>) {
    for (i, o) in [(0, 0), (0, 4), (4, 0), (4, 4)] {
        // SAFETY: row and column of a quarter end within the 8 x 8 of either block.
        unsafe {
            let from = from.as_ptr().add(i * COLS + o);
            let rows = [0, 1, 2, 3].map(|r| v128_load(from.add(r * COLS).cast()));
            let to = to.as_mut_ptr().add(o * COLS + i);
            for (r, row) in transpose(rows).into_iter().enumerate() {
                v128_store(to.add(r * COLS).cast(), row);
            }
        }
    }
}

/// As the specification, bit for bit, by halves of four outputs.
pub(super) fn turn_int8(from: &Block<i16>, scales: &[f32; COLS], to: &mut Block<f32>) {
    for half in [0, 4] {
        // SAFETY: four pairs from `half` on end within the 8 of a row of pairs, of which the block
        // has four; outputs `half..half + 4` are within the 8 rows of the other block, each of two
        // vectors.
        unsafe {
            let from = from.as_ptr().cast::<[i16; 2]>().add(half);
            let pairs = [0, 1, 2, 3].map(|i| v128_load(from.add(i * COLS).cast()));
            for (o, row) in (half..half + 4).zip(transpose(pairs)) {
                let scale = f32x4_splat(scales[o]);
                let low = f32x4_convert_i32x4(i32x4_extend_low_i16x8(row));
                let high = f32x4_convert_i32x4(i32x4_extend_high_i16x8(row));
                let to = to.as_mut_ptr().add(o * COLS);
                v128_store(to.cast(), f32x4_mul(low, scale));
                v128_store(to.add(4).cast(), f32x4_mul(high, scale));
            }
        }
    }
}

/// Lane `j` of vector `i` to lane `i` of vector `j`.
#[inline(always)]
fn transpose([a, b, c, d]: [v128; 4]) -> [v128; 4] {
    let (ab_low, ab_high) = (
        i32x4_shuffle::<0, 4, 1, 5>(a, b),
        i32x4_shuffle::<2, 6, 3, 7>(a, b),
    );
    let (cd_low, cd_high) = (
        i32x4_shuffle::<0, 4, 1, 5>(c, d),
        i32x4_shuffle::<2, 6, 3, 7>(c, d),
    );
    [
        i64x2_shuffle::<0, 2>(ab_low, cd_low),
        i64x2_shuffle::<1, 3>(ab_low, cd_low),
        i64x2_shuffle::<0, 2>(ab_high, cd_high),
        i64x2_shuffle::<1, 3>(ab_high, cd_high),
    ]
}
