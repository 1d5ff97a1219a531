//! The specification of the micro-kernels, in plain Rust.

use super::{Block, COLS, QUADS_ROWS, ROWS, Sums};

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
pub(super) fn tile_pairs(a: &[i16], w: &[i8], sums: &mut Sums<i32>) {
    let panels = a.chunks_exact(w.len() / COLS * ROWS);
    for (a, sums) in panels.zip(sums.chunks_exact_mut(ROWS)) {
        let mut tile = [[0i32; COLS]; ROWS];
        for (a, w) in a.chunks_exact(2 * ROWS).zip(w.chunks_exact(2 * COLS)) {
            for (sums, a) in tile.iter_mut().zip(a.as_chunks::<2>().0) {
                for (sum, w) in sums.iter_mut().zip(w.as_chunks::<2>().0) {
                    *sum = sum
                        .wrapping_add(i32::from(a[0]) * i32::from(w[0]))
                        .wrapping_add(i32::from(a[1]) * i32::from(w[1]));
                }
            }
        }
        sums.copy_from_slice(&tile);
    }
}

/// `sums[r][c] = ((starts[c] + sum over i, j of a[i][0][r][j] * w[i][c][j]) << 7) + sum over i, j of
/// a[i][1][r][j] * w[i][c][j]`, modulo 2^32.
pub(super) fn tile_quads(a: &[u8], w: &[i8], starts: &[i32; COLS], sums: &mut Sums<i32>) {
    let row = 2 * w.len() / COLS;
    for (a, sums) in a.chunks(row * QUADS_ROWS).zip(sums.chunks_mut(QUADS_ROWS)) {
        let rows = a.len() / row;
        let steps = a.chunks_exact(2 * 4 * rows).zip(w.chunks_exact(4 * COLS));
        let mut halves = [[*starts; QUADS_ROWS], [[0; COLS]; QUADS_ROWS]];
        for (a, w) in steps {
            for (half, a) in halves.iter_mut().zip(a.chunks_exact(4 * rows)) {
                for (half, a) in half.iter_mut().zip(a.as_chunks::<4>().0) {
                    for (sum, w) in half.iter_mut().zip(w.as_chunks::<4>().0) {
                        let products = a.iter().zip(w).map(|(&a, &w)| i32::from(a) * i32::from(w));
                        *sum = sum.wrapping_add(products.sum());
                    }
                }
            }
        }
        let [high, low] = halves;
        for (r, sums) in sums.iter_mut().take(rows).enumerate() {
            *sums = std::array::from_fn(|c| (high[r][c] << 7).wrapping_add(low[r][c]));
        }
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
