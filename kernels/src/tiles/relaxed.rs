//! The micro-kernels on WebAssembly's relaxed vectors.
//!
//! Multiply and add are one instruction (f32, 120 x 384 x 1536 in Chromium 156 on an x86-64 with FMA:
//! 52 GFLOP/s, 43 with two), and so is the dot product of 8-bit by 7-bit lanes. The latter is fast
//! only where the processor has it: see [`Variant::Dot`](crate::Variant::Dot).

use core::arch::wasm32::*;

use super::{COLS, QUADS_ROWS, Sums, simd128};

/// As the specification, but multiply and add are fused where the machine can.
pub(super) fn tile_f32(a: &[f32], w: &[f32], sums: &mut Sums<f32>) {
    simd128::tile_f32_by(a, w, sums, |a, w, sum| f32x4_relaxed_madd(a, w, sum));
}

/// As the specification, bit for bit: with one side in 0..=127 no engine has a choice.
pub(super) fn tile_quads(a: &[u8], w: &[i8], starts: &[i32; COLS], sums: &mut Sums<i32>) {
    let row = 2 * w.len() / COLS;
    for (a, sums) in a.chunks(row * QUADS_ROWS).zip(sums.chunks_mut(QUADS_ROWS)) {
        match a.len() / row {
            1 => rows::<1>(a, w, starts, sums),
            2 => rows::<2>(a, w, starts, sums),
            _ => rows::<QUADS_ROWS>(a, w, starts, sums),
        }
    }
}

/// One panel of `R` rows. A function of its own: with three rows twelve accumulators, two registers of
/// weights and one of activations are all that x86-64 has, and one more value that lives through the
/// loop would go to memory in every step.
#[inline(never)]
fn rows<const R: usize>(a: &[u8], w: &[i8], starts: &[i32; COLS], sums: &mut [[i32; COLS]]) {
    let steps = w.len() / (4 * COLS);
    assert!(a.len() >= steps * 2 * R * 4);
    // SAFETY: eight integers are two vectors. Loads need no alignment.
    let start = unsafe {
        let start = starts.as_ptr().cast::<v128>();
        [v128_load(start), v128_load(start.add(1))]
    };
    let mut high = [start; R];
    let mut low = [[i32x4_splat(0); 2]; R];
    let (mut a, mut w) = (a.as_ptr(), w.as_ptr());
    for _ in 0..steps {
        // SAFETY: `w` has `steps` groups of COLS quads, and `a` has `steps` groups of two times R
        // quads (asserted above); each iteration reads one group of each and moves on by as much.
        unsafe {
            let weights = [v128_load(w.cast()), v128_load(w.add(16).cast())];
            for (half, sums) in [&mut high, &mut low].into_iter().enumerate() {
                for (r, sum) in sums.iter_mut().enumerate() {
                    let quad = v128_load32_splat(a.add(4 * (half * R + r)).cast());
                    for (sum, w) in sum.iter_mut().zip(weights) {
                        *sum = i32x4_relaxed_dot_i8x16_i7x16_add(w, quad, *sum);
                    }
                }
            }
            a = a.add(2 * 4 * R);
            w = w.add(4 * COLS);
        }
    }
    let both = |r: usize| [0, 1].map(|c: usize| i32x4_add(i32x4_shl(high[r][c], 7), low[r][c]));
    simd128::store::<i32, R>(std::array::from_fn(both), sums);
}

#[cfg(test)]
mod tests {
    use crate::exp;
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// LLVM takes `relaxed_min` for any comparison and choice once relaxed instructions are allowed,
    /// and what becomes of NaN is then the machine's affair; the build takes that back.
    #[test]
    fn only_the_product_is_relaxed() {
        for bad in 0..16 {
            let mut x = [1.0; 16];
            x[bad] = f32::NAN;
            std::hint::black_box(&mut x)
                .iter_mut()
                .for_each(|x| *x = exp(*x));
            assert!((0..16).all(|i| x[i].is_nan() == (i == bad)), "{x:?}");
        }
    }
}
