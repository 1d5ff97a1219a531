//! The micro-kernels on AVX2: a weight step is one register, so two activation panels make an 8 x 8
//! tile of eight accumulators, enough to hide the latency of a fused multiply-add.

use core::arch::x86_64::*;

use super::{Block, COLS, GROUP, ROWS, Sums, scalar};

/// As the specification, but multiply and add are fused.
#[target_feature(enable = "avx2,fma")]
pub(super) fn tile_f32(a: &[f32], w: &[f32], sums: &mut Sums<f32>) {
    let panel = w.len() / COLS * ROWS;
    if a.len() >= 2 * panel {
        let (first, second) = a.split_at(panel);
        panels_f32([first, second], w, sums);
    } else {
        panels_f32([a], w, sums);
    }
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn panels_f32<const P: usize>(panels: [&[f32]; P], w: &[f32], sums: &mut Sums<f32>) {
    const { assert!(P * ROWS <= GROUP) };
    let steps = w.len() / COLS;
    assert!(panels.iter().all(|panel| panel.len() >= steps * ROWS));
    let mut a = panels.map(<[f32]>::as_ptr);
    let mut w = w.as_ptr();
    let mut tile = [[_mm256_setzero_ps(); ROWS]; P];
    for _ in 0..steps {
        // SAFETY: `w` has `steps` groups of COLS floats and each panel `steps` groups of ROWS
        // floats (asserted above); each iteration reads one group of each and moves on by as much.
        unsafe {
            let weights = _mm256_loadu_ps(w);
            for (tile, a) in tile.iter_mut().zip(&a) {
                for (r, sum) in tile.iter_mut().enumerate() {
                    *sum = _mm256_fmadd_ps(_mm256_broadcast_ss(&*a.add(r)), weights, *sum);
                }
            }
            a = a.map(|a| a.add(ROWS));
            w = w.add(COLS);
        }
    }
    for (sums, tile) in sums.iter_mut().zip(tile.as_flattened()) {
        // SAFETY: a row of sums is COLS = 8 floats.
        unsafe { _mm256_storeu_ps(sums.as_mut_ptr(), *tile) };
    }
}

/// As the specification, bit for bit.
#[target_feature(enable = "avx2,fma")]
pub(super) fn tile_pairs(a: &[i16], w: &[i8], sums: &mut Sums<i32>) {
    let panel = w.len() / COLS * ROWS;
    if a.len() >= 2 * panel {
        let (first, second) = a.split_at(panel);
        panels_of_pairs([first, second], w, sums);
    } else {
        panels_of_pairs([a], w, sums);
    }
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn panels_of_pairs<const P: usize>(panels: [&[i16]; P], w: &[i8], sums: &mut Sums<i32>) {
    const { assert!(P * ROWS <= GROUP) };
    let steps = w.len() / (2 * COLS);
    assert!(panels.iter().all(|panel| panel.len() >= steps * 2 * ROWS));
    let mut a = panels.map(|panel| panel.as_ptr().cast::<i32>());
    let mut w = w.as_ptr();
    let mut tile = [[_mm256_setzero_si256(); ROWS]; P];
    for _ in 0..steps {
        // SAFETY: `w` has `steps` groups of COLS pairs and each panel `steps`
        // groups of ROWS pairs (asserted above); each iteration reads one group of each, unaligned,
        // and moves on by as much.
        unsafe {
            let weights = _mm256_cvtepi8_epi16(_mm_loadu_si128(w.cast()));
            for (tile, a) in tile.iter_mut().zip(&a) {
                for (r, sum) in tile.iter_mut().enumerate() {
                    let pair = _mm256_set1_epi32(a.add(r).read_unaligned());
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pair, weights));
                }
            }
            a = a.map(|a| a.add(ROWS));
            w = w.add(2 * COLS);
        }
    }
    for (sums, tile) in sums.iter_mut().zip(tile.as_flattened()) {
        // SAFETY: a row of sums is COLS = 8 integers of 32 bits.
        unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), *tile) };
    }
}

/// The specification, compiled for this variant's registers.
#[target_feature(enable = "avx2,fma")]
pub(super) fn turn_f32(from: &Block<f32>, to: &mut Block<f32>) {
    scalar::turn_f32(from, to);
}

/// The specification, compiled for this variant's registers.
#[target_feature(enable = "avx2,fma")]
pub(super) fn turn_int8(from: &Block<i16>, scales: &[f32; COLS], to: &mut Block<f32>) {
    scalar::turn_int8(from, scales, to);
}
