//! Floor 7: where files come from. Knows only [`Error`](crate::Error).
//!
//! [`Manifest`] says what a backbone folder holds. In the browser the npm package's TypeScript downloads files
//! (`www/client/download.ts`) and keeps what the user made (`www/client/store.ts`).

mod manifest;

pub use manifest::{Manifest, ManifestFile, sha256};
