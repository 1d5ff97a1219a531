//! Floor 0: slices in, slices out. The arithmetic of the frozen encoder and the only unsafe code of
//! the crate.
//!
//! # Contract of every kernel
//! - Slices are `f32`, row-major and contiguous; `[rows, in]` names the axes, outermost first. A
//!   linear layer's weight is `[out, in]`, as checkpoints store it, and is packed once when it is
//!   loaded.
//! - A kernel **overwrites** its output, unless its name says that it adds. Output and inputs do not
//!   alias (`&mut` says so).
//! - Lengths are the caller's promise: a slice of the wrong length is a bug and asserts. No rows is
//!   valid and does nothing.
//! - A row's result depends on that row alone, bit for bit: not on the rows beside it, not on the
//!   number of threads. The sums of a row always run over the inner axis in the same order.
//! - NaN and infinity are not checked for, but never lost: they reach the output of the row they
//!   stand in.
//! - A backward stands next to its forward, gives the gradient of the inputs only (weights are
//!   frozen) and recomputes what it needs from the forward's inputs.
//!
//! # Variants
//! [`Variant::Scalar`] is the specification. The others compute the same thing faster, with one
//! micro-kernel each for f32 and for integers (`tiles/`); everything around those is shared. The
//! integer product gives the same bits in every variant. f32 products of `Scalar` and `Simd128` are
//! also bit-equal; `Avx2` fuses multiply and add, and differs within the rounding of the sum.
//! `Relaxed` fuses where the machine can: its f32 products have the same bits on one machine, but
//! may differ from one machine to the next, again within the rounding of the sum.
//!
//! Element-wise kernels (exponential, GELU, layer norm, softmax) have one source, written without
//! branches so that the compiler vectorises it for each target; they never fuse and sum in a fixed
//! order of lanes, so all builds agree.
#![allow(unsafe_code)]

mod attention;
#[cfg(feature = "bench")]
pub mod bench;
mod elementwise;
mod gelu;
mod gemm_f32;
mod gemm_int8;
mod lanes;
mod layer_norm;
mod low_rank;
mod matmul;
mod pack;
mod pack_int8;
mod parallel;
mod quantize;
mod rotary;
mod scratch;
mod softmax;
#[cfg(test)]
mod testing;
mod tiles;
mod turned;
mod variant;

pub use attention::{AttentionShape, Reach, RelativeBias, attention, attention_backward};
pub use elementwise::{AdamStep, add, add_scaled, all_finite, exp, sigmoid, tanh};
pub use gelu::{gelu, gelu_backward, normal_distribution};
pub use gemm_f32::{Finish, Layer, linear_f32, linear_f32_backward, linears_f32};
pub use gemm_int8::{linear_int8, linear_int8_backward, linears_int8};
pub use layer_norm::{layer_norm, layer_norm_backward};
pub use low_rank::{LowRank, LowRankGradients};
pub use matmul::{Matrix, matmul};
pub use pack::PackedF32;
pub use pack_int8::{Layout, PackedInt8};
pub use quantize::quantize_rows_int8;
pub use rotary::Rotary;
pub use turned::TurnedInt8;
pub use variant::Variant;

#[cfg(all(test, target_arch = "wasm32"))]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
