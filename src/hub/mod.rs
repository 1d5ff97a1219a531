//! Floor 4: where files come from. Knows only [`Error`](crate::Error).
//!
//! [`Manifest`] says what a backbone folder holds; in the browser, `store` keeps the user's own adapters, in the Cache
//! API by way of `cache`. The package's TypeScript downloads files and keeps them (`www/client/download.ts`).

mod manifest;

pub use manifest::{Manifest, ManifestFile, sha256};

#[cfg(target_arch = "wasm32")]
mod cache;
#[cfg(target_arch = "wasm32")]
mod store;

#[cfg(target_arch = "wasm32")]
pub use store::Store;
