//! One frozen transformer, a specialist for every task in a few hundred kilobytes.
//!
//! Everything here is one of four sentences: text becomes a batch; a batch and an adapter go
//! through the frozen backbone; hidden states become an answer; or, in training, an answer becomes
//! a loss and the loss moves the adapter, never the backbone.
//!
//! Each module uses only the floors below it:
//!
//! | floor | module | what it does |
//! | --- | --- | --- |
//! | 0 | [`kernels`] | slices in, slices out; the only unsafe code |
//! | 0 | [`tensor`] | f32 tensors and reverse-mode differentiation |
//! | 0 | [`json`] | JSON text to values |
//! | 0 | [`order`] | sorting by a number |
//! | 0 | `torch_file` | PyTorch's own files, read without executing anything |
//! | 1 | [`ops`] | operations on tensors over the kernels, forward and backward |
//! | 1 | [`input`] | text to token ids to batches |
//! | 1 | [`tensor_file`] | named tensors in a file of either format, checked |
//! | 2 | [`model`] | the frozen encoder, its families, and the hook |
//! | 3 | [`params`] | parameters that train, where they act, where their values come from |
//! | 4 | [`adapter`] | one file per adapter kind, the table of kinds, what both libraries call things |
//! | 4 | [`head`] | hidden states to logits, answers and losses |
//! | 5 | [`folder`] | both libraries' folders, read and written: adapter, head and card |
//! | 6 | [`compose`] | several adapters as one, many in one pass |
//! | 7 | [`engine`] | one backbone, many adapters, answers |
//! | 7 | [`hub`] | manifests, and in the browser fetching and storing |
//! | 8 | [`conversion`] | a hub's folder to a backbone folder |
//! | 8 | [`listening`] | a stream of sound to the words in it |
//! | 8 | [`train`] | rows to a trained adapter |
//! | 9 | `web` | what JavaScript sees (wasm32 only) |
//! | 9 | `cli` | the command line (native only) |

pub mod adapter;
#[cfg(not(target_arch = "wasm32"))]
pub mod cli;
pub mod compose;
pub mod conversion;
pub mod engine;
pub mod error;
pub mod folder;
pub mod head;
pub mod hub;
pub mod input;
pub mod json;
pub mod listening;
pub mod model;
pub mod ops;
pub mod order;
pub mod params;
pub mod tensor;
pub mod tensor_file;
mod torch_file;
pub mod train;
#[cfg(target_arch = "wasm32")]
pub mod web;

pub use error::{Error, Result};
pub use graftlet_kernels as kernels;

#[cfg(all(test, target_arch = "wasm32"))]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
