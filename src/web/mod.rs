//! Floor 9: what JavaScript sees. Thin: it converts, calls, and converts back.
//!
//! Exported methods are synchronous and short; looping, cancelling and progress are the worker's.
//! No panic and no bare string crosses the border: every failure is an `Error` object whose `name`
//! is "GraftletError" and whose `code` is [`Error::code`](crate::Error::code).

mod answers;
#[cfg(feature = "bench")]
mod bench;
mod clock;
mod convert;
mod engine;
mod info;
mod listening;
mod loading;
mod media;
mod model;
mod reading;
mod rows;
mod suggesting;
mod training;

#[cfg(feature = "bench")]
pub use bench::{BenchAttention, BenchBackbone, BenchKernels, BenchLoras, BenchTraining, tokenize};
pub use engine::{WebEngine, adapter_file_names};
pub use info::kinds;
pub use listening::Listening;
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

/// Chooses the kernels' variant, before a backbone is read, and returns its name: `simd128`,
/// `relaxed-simd`, `dot`. `wanted` is taken if this build has it.
#[wasm_bindgen(js_name = settleKernels)]
#[must_use]
pub fn settle_kernels(wanted: Option<String>) -> String {
    let of_name = |name: String| Variant::available().find(|variant| variant.name() == name);
    Variant::settle(wanted.and_then(of_name), &clock::now)
        .name()
        .to_owned()
}

/// The kernels' variant that runs.
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
