//! What the arithmetic units could do if nothing were ever loaded: loops over twelve registers, the yardstick of the
//! products above.

use core::arch::wasm32::*;
use std::hint::black_box;

use super::Unit;

/// Steps of one run.
pub(super) const STEPS: usize = 50_000;

/// Lanes of a step.
const LANES: usize = 12 * 4;

/// A loop of one kind of instructions.
pub(super) struct Loop {
    pub(super) instructions: &'static str,
    /// Operations of a step.
    pub(super) operations: usize,
    pub(super) unit: Unit,
    pub(super) run: fn(),
}

pub(super) const LOOPS: &[Loop] = &[
    Loop {
        instructions: "f32 mul+add",
        operations: 2 * LANES,
        unit: Unit::Flop,
        run: || mul_add(1e-15),
    },
    Loop {
        instructions: "f32 mul+add unchained",
        operations: LANES,
        unit: Unit::Flop,
        run: || mul_add_unchained(1.0),
    },
    Loop {
        instructions: "i32x4_dot_i16x8+add",
        operations: 4 * LANES,
        unit: Unit::Op,
        run: || dot(3),
    },
    #[cfg(target_feature = "relaxed-simd")]
    Loop {
        instructions: "two relaxed_dot_i8x16_i7x16_add",
        // Two halves of an activation: half of what the instructions do.
        operations: 4 * LANES,
        unit: Unit::Op,
        run: || relaxed_dot(3),
    },
    #[cfg(target_feature = "relaxed-simd")]
    Loop {
        instructions: "f32 relaxed_madd",
        operations: 2 * LANES,
        unit: Unit::Flop,
        run: || relaxed_madd(1e-15),
    },
];

/// Calls `step` with twelve accumulators; their start and their end are the compiler's to know nothing of.
#[inline(always)]
fn repeat(step: impl Fn(&mut [v128; 12])) {
    let mut registers: [v128; 12] = black_box(std::array::from_fn(|i| f32x4_splat(1.0 + i as f32)));
    for _ in 0..STEPS {
        step(&mut registers);
    }
    black_box(registers);
}

/// Twelve sums, each of which waits for its product.
fn mul_add(factor: f32) {
    let factor = f32x4_splat(black_box(factor));
    repeat(|sums| {
        for sum in sums {
            *sum = f32x4_add(f32x4_mul(*sum, factor), factor);
        }
    });
}

/// Six products and six sums: half the work a step, but nothing waits for more than one instruction.
fn mul_add_unchained(factor: f32) {
    let factor = f32x4_splat(black_box(factor));
    repeat(|registers| {
        let (products, sums) = registers.split_at_mut(6);
        for (product, sum) in products.iter_mut().zip(sums) {
            *product = f32x4_mul(*product, factor);
            *sum = f32x4_add(*sum, *product);
        }
    });
}

/// Twelve sums.
fn dot(factor: i32) {
    let factor = i32x4_splat(black_box(factor));
    repeat(|sums| {
        for sum in sums {
            *sum = i32x4_add(*sum, i32x4_dot_i16x8(*sum, factor));
        }
    });
}

/// Twelve sums.
#[cfg(target_feature = "relaxed-simd")]
fn relaxed_dot(factor: i8) {
    let factor = i8x16_splat(black_box(factor));
    repeat(|sums| {
        for sum in sums {
            *sum = i32x4_relaxed_dot_i8x16_i7x16_add(factor, factor, *sum);
        }
    });
}

/// Twelve sums.
#[cfg(target_feature = "relaxed-simd")]
fn relaxed_madd(factor: f32) {
    let factor = f32x4_splat(black_box(factor));
    repeat(|sums| {
        for sum in sums {
            *sum = f32x4_relaxed_madd(*sum, factor, factor);
        }
    });
}
