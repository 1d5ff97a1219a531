//! Ten tasks, learnt one after the other on one frozen backbone: after each, every earlier task's test logits must
//! have the bits that they had when the task was learnt. Writes the tables of `docs/continual-learning.md`.
//!
//! ```sh
//! cargo run --release --example continual_learning -- --backbone DIR --data DIR
//! ```
//!
//! `--data` is a folder with a folder for each task, in which are `train.csv`, `dev.csv` and `test.csv` with
//! `text[,text2],label`.

#[cfg(not(target_arch = "wasm32"))]
mod tasks;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    tasks::main()
}

/// Rows are read from files, which a browser does not have.
#[cfg(target_arch = "wasm32")]
fn main() {}
