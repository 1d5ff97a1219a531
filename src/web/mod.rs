//! Floor 9: what JavaScript sees. Thin: it converts, calls, and converts back.
//!
//! Exported methods are synchronous and short; looping, cancelling and progress are the worker's.
//! No panic and no bare string crosses the border: every failure is an `Error` object whose `name`
//! is "GraftletError" and whose `code` is [`Error::code`](crate::Error::code).

mod answers;
#[cfg(feature = "bench")]
mod bench;
mod convert;
mod engine;
mod info;
mod loading;
mod model;
mod reading;
mod rows;
mod suggesting;
mod training;

#[cfg(feature = "bench")]
pub use bench::{BenchAttention, BenchBackbone, BenchKernels, BenchLoras, BenchTraining, tokenize};
pub use engine::{WebEngine, adapter_file_names};
pub use info::kinds;
pub use loading::WebLoading;
pub use model::{convert_model, missing_model_files};
pub use reading::Reading;
pub use rows::Rows;
pub use suggesting::Suggesting;
pub use training::Training;

use crate::kernels::Variant;
use wasm_bindgen::prelude::*;

/// Runs once when the module is instantiated.
#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// The kernels' variant that this build runs: `simd128`, `relaxed-simd`.
#[wasm_bindgen]
#[must_use]
pub fn kernels() -> String {
    Variant::best().name().to_owned()
}

/// This program's version.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
