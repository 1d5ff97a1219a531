//! Floor 1: operations on tensors over the kernels, forward and backward side by side.
//!
//! A frozen weight lives *inside* its operation and is not a tensor of the graph, so differentiation
//! can neither compute its gradient nor change it: "frozen" is a matter of types. Activations are
//! `[tokens, features]`; a batch is the concatenation of its sequences without padding. Shapes are
//! the caller's promise, as for kernels: what a file or a user says is checked before it gets here.
//!
//! An operation that takes its argument by value works in its memory when nobody else holds it.

mod activation;
mod arithmetic;
mod attention;
mod binary_cross_entropy;
mod columns;
mod cross_entropy;
mod distillation;
mod dropout;
mod frozen_linear;
mod gelu;
mod hypercomplex;
mod insert_rows;
mod layer_norm;
mod layer_norm_trained;
mod linear;
mod low_rank;
mod mean_squared_error;
mod mixture;
mod pair_features;
mod rotary;
mod rows;
mod scale_columns;
mod sequence_mean;
mod unfold;

pub use activation::Activation;
pub use arithmetic::{add, add_bias, add_scaled, multiply, scale};
pub use attention::{AttentionPlan, attention, attention_of};
pub use binary_cross_entropy::{binary_cross_entropy, logistic_loss};
pub use columns::{beside, columns};
pub use cross_entropy::{Aim, cross_entropy, row_loss, smoothed_cross_entropy};
pub use distillation::{Said, Taught, distillation};
pub use dropout::dropout;
pub use frozen_linear::{FrozenLinear, Weight};
pub use gelu::gelu;
pub use hypercomplex::{kronecker_sum, products};
pub use insert_rows::insert_rows;
pub use layer_norm::LayerNorm;
pub use layer_norm_trained::layer_norm;
pub use linear::linear;
pub use low_rank::add_low_rank;
pub use mean_squared_error::mean_squared_error;
pub use mixture::mixture;
pub use pair_features::pair_features;
pub use rotary::rotate;
pub use rows::{concat, replace_rows, select, slice};
pub use scale_columns::{divide, scale_columns};
pub use sequence_mean::sequence_mean;
pub use unfold::{Window, unfold};
