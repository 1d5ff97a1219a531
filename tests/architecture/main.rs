//! The floors hold: no module uses one above it, no two folders use each other, unsafe code stays in the kernels, a kind
//! of adapter is one file and one row, and no source file is too long to be read in one go.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod circles;
mod floors;
mod kinds;
mod lengths;
mod sources;
mod unsafe_code;
