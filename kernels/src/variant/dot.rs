//! Whether integers go through the relaxed dot product.

use core::arch::wasm32::{i8x16_splat, i32x4_extract_lane, i32x4_relaxed_dot_i8x16_i7x16_add};
use std::hint::black_box;
use std::sync::atomic::{AtomicU8, Ordering};

use super::Variant;
use crate::{Layout, PackedInt8, linear_int8};

const UNKNOWN: u8 = 0;
const NO: u8 = 1;
const YES: u8 = 2;
static CHOICE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// The choice; that of the instruction if nobody has chosen.
#[inline]
pub(super) fn is_chosen() -> bool {
    let choice = CHOICE.load(Ordering::Relaxed);
    if choice == UNKNOWN {
        choose(is_one_instruction());
        return is_chosen();
    }
    choice == YES
}

pub(super) fn choose(dot: bool) {
    CHOICE.store(if dot { YES } else { NO }, Ordering::Relaxed);
}

/// Whether the processor has the dot product and the browser uses it.
///
/// What comes of operands beyond seven bits is the engine's affair, and tells how it computes. On
/// x86-64 the dot product of AVX-VNNI takes the second operand as unsigned and never saturates. On Arm
/// `sdot` takes both as signed, and only it (or its like on x86-64) also has the exact sum of the
/// largest products. Every longer sequence of instructions gives something else.
pub(super) fn is_one_instruction() -> bool {
    let dot = |a: i8, b: i8| {
        let (a, b) = (i8x16_splat(black_box(a)), i8x16_splat(black_box(b)));
        i32x4_extract_lane::<0>(i32x4_relaxed_dot_i8x16_i7x16_add(a, b, i8x16_splat(0)))
    };
    match dot(127, -1) {
        129_540 => true, // 4 * 127 * 255
        -508 => dot(-128, -128) == 65_536,
        _ => false,
    }
}

/// Whether the product of [`Variant::Dot`] takes no longer than that of [`Variant::Relaxed`]: some
/// milliseconds of both, in turns. `now` may be as coarse as a browser makes it.
pub(super) fn is_faster(now: &dyn Fn() -> f64) -> bool {
    const ROWS: usize = 24;
    const IN: usize = 384;
    const OUT: usize = 64;
    const ROUNDS: usize = 6;
    const RUNS: usize = 20;
    /// What a clock that is too coarse, or a pause of the machine, may add.
    const TOLERANCE: f64 = 1.1;
    let weight: Vec<i8> = (0..IN * OUT).map(|i| (i % 251) as i8).collect();
    let x: Vec<f32> = (0..ROWS * IN).map(|i| (i % 127) as f32).collect();
    let mut y = vec![0.0; ROWS * OUT];
    let pack = |layout| PackedInt8::pack_as(layout, &weight, &[1.0; OUT], OUT, IN);
    let weights = Layout::ALL.map(pack);
    let mut taken = [0.0; 2];
    for round in 0..=ROUNDS {
        for (weight, taken) in weights.iter().zip(&mut taken) {
            let start = now();
            for _ in 0..RUNS {
                linear_int8(Variant::Relaxed, &x, weight, None, black_box(&mut y));
            }
            let time = now() - start;
            // The first round is for the browser to compile both.
            if round > 0 {
                *taken += time;
            }
        }
    }
    let [pairs, quads] = taken;
    quads <= pairs * TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_slower_one_is_not_chosen() {
        // A clock on which every second measured span, that of the dot product, is ten times as long.
        let calls = std::cell::Cell::new(0u32);
        let slow_dot = || {
            let call = calls.replace(calls.get() + 1);
            f64::from(call / 4) * 11.0 + [0.0, 1.0, 1.0, 11.0][(call % 4) as usize]
        };
        assert!(!is_faster(&slow_dot));
        assert!(
            is_faster(&|| 0.0),
            "a clock that stands still says nothing against it"
        );
    }
}
