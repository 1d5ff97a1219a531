//! The tile of quads on AArch64, whose dot product takes both operands as signed. Of its 32 vector
//! registers a tile of three rows needs 17.

use core::arch::aarch64::*;
use core::arch::asm;

use super::{COLS, QUADS_ROWS, Sums};

/// As the specification, bit for bit.
#[target_feature(enable = "neon,dotprod")]
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

/// One panel of `R` rows.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn rows<const R: usize>(a: &[u8], w: &[i8], starts: &[i32; COLS], sums: &mut [[i32; COLS]]) {
    let steps = w.len() / (4 * COLS);
    assert!(a.len() >= steps * 2 * R * 4);
    let (first, second) = (starts.as_ptr(), starts[COLS / 2..].as_ptr());
    // SAFETY: COLS = 8 integers are two vectors.
    let start = unsafe { [vld1q_s32(first), vld1q_s32(second)] };
    let mut halves = [[start; R], [[vdupq_n_s32(0); 2]; R]];
    let (mut a, mut w) = (a.as_ptr().cast::<i32>(), w.as_ptr());
    for _ in 0..steps {
        // SAFETY: `w` has `steps` groups of COLS quads, and `a` has `steps` groups of two times R
        // quads (asserted above); each iteration reads one group of each, unaligned, and moves on by as
        // much.
        unsafe {
            let weights = [vld1q_s8(w), vld1q_s8(w.add(16))];
            for (half, rows) in halves.iter_mut().enumerate() {
                for (r, sum) in rows.iter_mut().enumerate() {
                    let quad = a.add(half * R + r).read_unaligned();
                    let quad = vreinterpretq_s8_s32(vdupq_n_s32(quad));
                    for (sum, &weights) in sum.iter_mut().zip(&weights) {
                        *sum = dot(*sum, weights, quad);
                    }
                }
            }
            a = a.add(2 * R);
            w = w.add(4 * COLS);
        }
    }
    let [high, low] = halves;
    for (sums, (high, low)) in sums.iter_mut().zip(high.iter().zip(&low)) {
        let both = |c: usize| vaddq_s32(vshlq_n_s32::<7>(high[c]), low[c]);
        let (left, right) = sums.split_at_mut(COLS / 2);
        // SAFETY: a row of sums is COLS = 8 integers of 32 bits, half a row is one vector.
        unsafe {
            vst1q_s32(left.as_mut_ptr(), both(0));
            vst1q_s32(right.as_mut_ptr(), both(1));
        }
    }
}

/// Adds to each of four sums the products of four neighbouring bytes. The intrinsic of this instruction
/// is not stable yet.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn dot(mut sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction reads three registers and writes one, and the processor has it (this
    // function's feature).
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {a:v}.16b, {b:v}.16b",
            sums = inout(vreg) sums,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}
