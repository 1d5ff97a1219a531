//! The micro-kernels: all the speed, and all the differences between the variants.
//!
//! A tile is [`ROWS`] rows of activations by [`COLS`] columns of weights. Both operands are packed
//! so that one step of the inner axis reads them from consecutive addresses:
//!
//! | | activations, one panel | weights, one panel |
//! | --- | --- | --- |
//! | f32 | `[inner][ROWS]` | `[inner][COLS]` |
//! | int8 | `[inner / 2][ROWS][2]` i16 | `[inner / 2][COLS][2]` i16 |
//!
//! 4 x 8 is the largest tile whose accumulators, weights and broadcast activations fit the 16
//! vector registers that a browser's compiler has. Integers come as pairs because the one
//! instruction that multiplies and adds neighbouring 16-bit lanes (`i32x4.dot_i16x8_s`, `pmaddwd`)
//! does two steps of the inner axis at once.
//!
//! A call takes one or two activation panels, one behind the other, so that a variant with wider
//! registers can compute 8 x 8 at once. It overwrites the first `4 x panels` rows of the sums and
//! leaves the others. Every sum starts from zero and runs over the inner axis in ascending order
//! (integers: exactly, so the order does not matter).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
mod relaxed;
mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

use super::Variant;

/// Rows of one activation panel.
pub(super) const ROWS: usize = 4;
/// Columns of one weight panel.
pub(super) const COLS: usize = 8;
/// Rows of two activation panels: the most that one call takes.
pub(super) const GROUP: usize = 2 * ROWS;

/// The sums of one call, `[row][column]`.
pub(super) type Sums<T> = [[T; COLS]; GROUP];

/// An 8 x 8 block of a weight: the outputs of one panel by as many inputs.
pub(super) type Block<T> = [T; COLS * COLS];

/// The micro-kernels of one variant.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    /// `(activations [panels][inner][ROWS], weights [inner][COLS], sums)`.
    pub(super) f32: fn(&[f32], &[f32], &mut Sums<f32>),
    /// `(activations [panels][pairs][ROWS][2], weights [pairs][COLS][2], sums)`.
    pub(super) int8: fn(&[i16], &[i16], &mut Sums<i32>),
    /// The same with weights of 8 bits, widened as they are loaded: slower, but nothing has to be
    /// widened beforehand.
    pub(super) narrow: fn(&[i16], &[i8], &mut Sums<i32>),
    /// `([input][output], [output][input])`: a block of a weight for the backward, which needs it
    /// the other way round.
    pub(super) turn_f32: fn(&Block<f32>, &mut Block<f32>),
    /// `([input / 2][output][2], scales [output], [output][input])`: the same, and each integer
    /// times its scale.
    pub(super) turn_int8: fn(&Block<i16>, &[f32; COLS], &mut Block<f32>),
}

impl Tiles {
    /// The micro-kernels of `variant`. Asserts that it is available, which is what makes them safe
    /// to call.
    pub(super) fn of(variant: Variant) -> Self {
        assert!(
            variant.is_available(),
            "kernel variant {} is not available here",
            variant.name()
        );
        match variant {
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Variant::Simd128 => Tiles {
                f32: simd128::tile_f32,
                int8: simd128::tile_int8,
                narrow: simd128::tile_narrow,
                turn_f32: simd128::turn_f32,
                turn_int8: simd128::turn_int8,
            },
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            Variant::Relaxed => Tiles {
                f32: relaxed::tile_f32,
                int8: simd128::tile_int8,
                narrow: simd128::tile_narrow,
                turn_f32: simd128::turn_f32,
                turn_int8: simd128::turn_int8,
            },
            #[cfg(target_arch = "x86_64")]
            Variant::Avx2 => Tiles {
                // SAFETY: the assertion above found AVX2 and FMA on this machine.
                f32: |a, w, sums| unsafe { avx2::tile_f32(a, w, sums) },
                // SAFETY: as above.
                int8: |a, w, sums| unsafe { avx2::tile_int8(a, w, sums) },
                // SAFETY: as above.
                narrow: |a, w, sums| unsafe { avx2::tile_narrow(a, w, sums) },
                // SAFETY: as above.
                turn_f32: |from, to| unsafe { avx2::turn_f32(from, to) },
                // SAFETY: as above.
                turn_int8: |from, scales, to| unsafe { avx2::turn_int8(from, scales, to) },
            },
            _ => Tiles {
                f32: scalar::tile_f32,
                int8: scalar::tile_int8::<i16>,
                narrow: scalar::tile_int8::<i8>,
                turn_f32: scalar::turn_f32,
                turn_int8: scalar::turn_int8,
            },
        }
    }
}
