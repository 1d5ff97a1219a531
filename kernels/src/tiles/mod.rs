//! The micro-kernels: all the speed, and all the differences between the variants.
//!
//! A tile is some rows of activations by [`COLS`] columns of weights. Both operands are packed so
//! that one step of the inner axis reads them from consecutive addresses:
//!
//! | | activations, one panel | weights, one panel |
//! | --- | --- | --- |
//! | f32 | `[inner][ROWS]` f32 | `[inner][COLS]` f32 |
//! | pairs | `[inner / 2][ROWS][2]` i16 | `[inner / 2][COLS][2]` i8 |
//! | quads | `[inner / 4][high, low][QUADS_ROWS][4]` u8 | `[inner / 4][COLS][4]` i8 |
//!
//! Pairs and quads compute the same integers. The one instruction that every processor has for
//! integers (`i32x4.dot_i16x8_s`, `pmaddwd`) multiplies pairs of 16-bit lanes. Newer ones have a dot
//! product of four 8-bit lanes, of which one side must be in 0..=127 to have one result everywhere.
//! An activation of 12 bits is two such halves, `q + 2048 = 128 * high + low`, so
//!
//! ```text
//! sum(q * w) = ((sum(high * w) - 16 * sum(w)) << 7) + sum(low * w)
//! ```
//!
//! and `-16 * sum(w)`, which belongs to the weight, is where the sum of the high halves begins.
//!
//! 4 x 8 is the largest tile whose accumulators, weights and broadcast activations fit the 16
//! vector registers that a browser's compiler has; with two sums an element it is 3 x 8.
//!
//! A call takes one or two activation panels, one behind the other, so that a variant with wider
//! registers can compute twice the rows at once. It overwrites the rows of the sums that the panels
//! have and leaves the others. The last panel of quads may have fewer rows. f32 sums start from zero
//! and run over the inner axis in ascending order (integers: exactly, so the order does not matter).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
mod relaxed;
mod scalar;
#[cfg(target_arch = "aarch64")]
mod sdot;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(target_arch = "x86_64")]
mod vnni;

use super::Variant;

/// Rows of one activation panel.
pub(super) const ROWS: usize = 4;
/// Columns of one weight panel.
pub(super) const COLS: usize = 8;
/// Rows of two activation panels: the most that one call takes.
pub(super) const GROUP: usize = 2 * ROWS;
/// Rows of one activation panel of quads.
pub(super) const QUADS_ROWS: usize = 3;
/// Rows of two of them.
pub(super) const QUADS_GROUP: usize = 2 * QUADS_ROWS;

/// The sums of one call, `[row][column]`.
pub(super) type Sums<T> = [[T; COLS]; GROUP];

/// An 8 x 8 block of a weight: the outputs of one panel by as many inputs.
pub(super) type Block<T> = [T; COLS * COLS];

type TileOfQuads = fn(&[u8], &[i8], &[i32; COLS], &mut Sums<i32>);

/// The micro-kernels of one variant.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    /// `(activations [panels][inner][ROWS], weights [inner][COLS], sums)`.
    pub(super) f32: fn(&[f32], &[f32], &mut Sums<f32>),
    /// `(activations [panels][pairs][ROWS][2], weights [pairs][COLS][2], sums)`.
    pub(super) pairs: fn(&[i16], &[i8], &mut Sums<i32>),
    /// `(activations [panels][quads][2][QUADS_ROWS][4], weights [quads][COLS][4], starts, sums)`.
    pub(super) quads: TileOfQuads,
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
                pairs: simd128::tile_pairs,
                quads: scalar::tile_quads,
                turn_f32: simd128::turn_f32,
                turn_int8: simd128::turn_int8,
            },
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            Variant::Relaxed | Variant::Dot => Tiles {
                f32: relaxed::tile_f32,
                pairs: simd128::tile_pairs,
                quads: relaxed::tile_quads,
                turn_f32: simd128::turn_f32,
                turn_int8: simd128::turn_int8,
            },
            #[cfg(target_arch = "x86_64")]
            Variant::Avx2 | Variant::AvxVnni | Variant::Avx512Vnni => Tiles {
                // SAFETY: the assertion above found AVX2 and FMA on this machine.
                f32: |a, w, sums| unsafe { avx2::tile_f32(a, w, sums) },
                // SAFETY: as above.
                pairs: |a, w, sums| unsafe { avx2::tile_pairs(a, w, sums) },
                quads: match variant {
                    // SAFETY: as above, AVX-VNNI.
                    Variant::AvxVnni => |a, w, starts, sums| unsafe {
                        vnni::tile_quads_avx(a, w, starts, sums);
                    },
                    // SAFETY: as above, AVX512-VNNI and AVX512-VL.
                    Variant::Avx512Vnni => |a, w, starts, sums| unsafe {
                        vnni::tile_quads_avx512(a, w, starts, sums);
                    },
                    // SAFETY: as above, AVX2.
                    _ => |a, w, starts, sums| unsafe {
                        vnni::tile_quads_avx2(a, w, starts, sums);
                    },
                },
                // SAFETY: as above.
                turn_f32: |from, to| unsafe { avx2::turn_f32(from, to) },
                // SAFETY: as above.
                turn_int8: |from, scales, to| unsafe { avx2::turn_int8(from, scales, to) },
            },
            #[cfg(target_arch = "aarch64")]
            Variant::Sdot => Tiles {
                // SAFETY: the assertion above found the dot product on this machine.
                quads: |a, w, starts, sums| unsafe { sdot::tile_quads(a, w, starts, sums) },
                ..Self::SCALAR
            },
            _ => Self::SCALAR,
        }
    }

    const SCALAR: Self = Self {
        f32: scalar::tile_f32,
        pairs: scalar::tile_pairs,
        quads: scalar::tile_quads,
        turn_f32: scalar::turn_f32,
        turn_int8: scalar::turn_int8,
    };
}
