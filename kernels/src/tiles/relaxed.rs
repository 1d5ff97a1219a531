//! The micro-kernels on WebAssembly's relaxed vectors: those of `simd128`, but for the f32 product,
//! whose multiply-add is one instruction (120 x 384 x 1536 in Chromium 156 on an x86-64 with FMA:
//! 52 GFLOP/s, 43 with two).
//!
//! Integers stay with `i32x4.dot_i16x8_s`. The relaxed dot product of 8-bit by 7-bit lanes gives the
//! same sums when the 12-bit activation is split into two halves, but has to be done twice: 44 GOP/s
//! against 88.

use core::arch::wasm32::f32x4_relaxed_madd;

use super::{Sums, simd128};

/// As the specification, but multiply and add are fused where the machine can.
pub(super) fn tile_f32(a: &[f32], w: &[f32], sums: &mut Sums<f32>) {
    simd128::tile_f32_by(a, w, sums, |a, w, sum| f32x4_relaxed_madd(a, w, sum));
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
