//! The specification of the micro-kernels, in plain Rust.

use super::{Block, COLS, ROWS, Sums};

/// `sums[r][c] = sum over i of a[i][r] * w[i][c]`, each product rounded, then each sum.
pub(super) fn tile_f32(a: &[f32], w: &[f32], sums: &mut Sums<f32>) {
    let panels = a.chunks_exact(w.len() / COLS * ROWS);
    for (a, sums) in panels.zip(sums.chunks_exact_mut(ROWS)) {
        let mut tile = [[0.0f32; COLS]; ROWS];
        for (a, w) in a.as_chunks::<ROWS>().0.iter().zip(w.as_chunks::<COLS>().0) {
            for (sums, a) in tile.iter_mut().zip(a) {
                for (sum, w) in sums.iter_mut().zip(w) {
                    *sum += a * w;
                }
            }
        }
        sums.copy_from_slice(&tile);
    }
}

/// `sums[r][c] = sum over i of a[i][r][0] * w[i][c][0] + a[i][r][1] * w[i][c][1]`, modulo 2^32.
pub(super) fn tile_int8<T: Copy + Into<i32>>(a: &[i16], w: &[T], sums: &mut Sums<i32>) {
    let panels = a.chunks_exact(w.len() / COLS * ROWS);
    for (a, sums) in panels.zip(sums.chunks_exact_mut(ROWS)) {
        let mut tile = [[0i32; COLS]; ROWS];
        for (a, w) in a.chunks_exact(2 * ROWS).zip(w.chunks_exact(2 * COLS)) {
            for (sums, a) in tile.iter_mut().zip(a.as_chunks::<2>().0) {
                for (sum, w) in sums.iter_mut().zip(w.as_chunks::<2>().0) {
                    *sum = sum
                        .wrapping_add(i32::from(a[0]) * w[0].into())
                        .wrapping_add(i32::from(a[1]) * w[1].into());
                }
            }
        }
        sums.copy_from_slice(&tile);
    }
}

/// `to[o][i] = from[i][o]`.
#[inline(always)]
pub(super) fn turn_f32(from: &Block<f32>, to: &mut Block<f32>) {
    for o in 0..COLS {
        for i in 0..COLS {
            to[o * COLS + i] = from[i * COLS + o];
        }
    }
}

/// `to[o][i] = from[i / 2][o][i % 2] * scales[o]`.
#[inline(always)]
pub(super) fn turn_int8(from: &Block<i16>, scales: &[f32; COLS], to: &mut Block<f32>) {
    for o in 0..COLS {
        for i in 0..COLS {
            to[o * COLS + i] = f32::from(from[(i / 2 * COLS + o) * 2 + i % 2]) * scales[o];
        }
    }
}
