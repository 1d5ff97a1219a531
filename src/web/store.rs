use wasm_bindgen::prelude::*;

use super::convert::{files_from_js, files_to_js, thrown};
use crate::hub;

/// Adapters kept in the browser.
#[wasm_bindgen]
pub struct Store(hub::Store);

type Outcome<T> = std::result::Result<T, JsValue>;

#[wasm_bindgen]
impl Store {
    /// Opens the store of this origin.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn open() -> Outcome<Store> {
        hub::Store::open().await.map(Self).map_err(thrown)
    }

    /// The names there are.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn list(&self) -> Outcome<Vec<String>> {
        self.0.list().await.map_err(thrown)
    }

    /// A folder, or undefined.
    ///
    /// # Errors
    /// `storage_unavailable`, `file_missing`.
    pub async fn get(&self, name: String) -> Outcome<JsValue> {
        let files = self.0.get(&name).await.map_err(thrown)?;
        Ok(files.map_or(JsValue::UNDEFINED, |files| files_to_js(&files)))
    }

    /// Keeps a folder.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn put(&self, name: String, files: JsValue) -> Outcome<()> {
        let files = files_from_js(&files).map_err(thrown)?;
        self.0.put(&name, &files).await.map_err(thrown)
    }

    /// Forgets a folder.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn remove(&self, name: String) -> Outcome<()> {
        self.0.remove(&name).await.map_err(thrown)
    }
}
