//! Which rule answers best for texts that are longer than the model: documents are made by joining rows, and each
//! way to combine their windows is scored on them. Writes the tables of `docs/long-texts.md`.
//!
//! ```sh
//! cargo run --release --example long_texts -- --backbone DIR --adapters DIR --data DIR
//! ```
//!
//! `--adapters` is `www/public/adapters`; `--data` is a folder with a folder for each of its tasks, in which is
//! `test.csv` with `text[,text2],label`, or `test.conll`.

#[cfg(not(target_arch = "wasm32"))]
mod documents;
#[cfg(not(target_arch = "wasm32"))]
mod rules;
#[cfg(not(target_arch = "wasm32"))]
mod tables;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    tables::main()
}

/// Rows are read from files, which a browser does not have.
#[cfg(target_arch = "wasm32")]
fn main() {}
