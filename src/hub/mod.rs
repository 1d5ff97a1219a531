//! Floor 4: where files come from. Knows only [`Error`](crate::Error).
//!
//! [`Manifest`] says what a backbone folder holds; in the browser, `fetch` brings files with
//! progress and checks them, and `cache` keeps them. What the user made is kept by the npm package
//! (`www/client/store.ts`).

mod manifest;

pub use manifest::{Manifest, ManifestFile, sha256};

#[cfg(target_arch = "wasm32")]
mod cache;
#[cfg(target_arch = "wasm32")]
mod fetch;

#[cfg(target_arch = "wasm32")]
pub use fetch::{content, fetch_file, fetch_folder, fetch_optional};
