use wasm_bindgen::prelude::*;

use super::convert::{files_from_js, files_to_js, thrown};
use crate::hub;

/// Folders kept in the browser.
#[wasm_bindgen]
pub struct Store(hub::Store);

type Outcome<T> = std::result::Result<T, JsValue>;

#[wasm_bindgen]
impl Store {
    /// Opens one of this origin's stores, such as "adapters".
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn open(what: String) -> Outcome<Store> {
        hub::Store::open(&what).await.map(Self).map_err(thrown)
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

    /// One file of a folder, or undefined.
    ///
    /// # Errors
    /// `storage_unavailable`.
    #[wasm_bindgen(js_name = getFile)]
    pub async fn get_file(&self, name: String, file: String) -> Outcome<Option<Vec<u8>>> {
        self.0.get_file(&name, &file).await.map_err(thrown)
    }

    /// Adds a file to a folder, or replaces it.
    ///
    /// # Errors
    /// `storage_unavailable`.
    #[wasm_bindgen(js_name = putFile)]
    pub async fn put_file(&self, name: String, file: String, content: Vec<u8>) -> Outcome<()> {
        let put = self.0.put_file(&name, &file, &content).await;
        put.map_err(thrown)
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
