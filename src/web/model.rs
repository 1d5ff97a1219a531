//! A model's folder as a hub has it, in a browser.

use std::borrow::Cow;

use js_sys::{Function, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use super::convert::{files_to_js, from_js, thrown};
use crate::conversion::convert_folder;
use crate::error::{Error, Result};
use crate::model::Dtype;
use crate::model::folder::{self, KnownFiles, ModelFiles, check_is_file, is_tensor_file};

/// The files of a folder, `{ [name]: Uint8Array | null }`; null stands for one that is not there.
struct Given<'a> {
    files: &'a Object,
    path: &'a str,
    names: &'a [String],
}

impl Given<'_> {
    fn get(&self, name: &str) -> JsValue {
        Reflect::get(self.files, &name.into()).unwrap_or_default()
    }
}

impl ModelFiles for Given<'_> {
    fn place(&self) -> String {
        let own = self.path.trim_end_matches('/');
        if own.is_empty() {
            "the model's folder".into()
        } else {
            own.to_owned()
        }
    }

    fn folders(&self) -> Vec<String> {
        let parts = self.path.split('/').filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    }

    fn names(&self) -> Result<Vec<String>> {
        Ok(self.names.to_vec())
    }

    /// Weights are read once, so JavaScript need not hold them any longer.
    fn read(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>> {
        let given = self.get(name);
        let Some(content) = given.dyn_ref::<Uint8Array>() else {
            return Ok(None);
        };
        let length = content.length() as usize;
        let mut bytes = Vec::new();
        let reserved = bytes.try_reserve_exact(length);
        reserved.map_err(|_| Error::OutOfMemory {
            what: name.to_owned(),
            bytes: length,
        })?;
        bytes.resize(length, 0);
        content.copy_to(&mut bytes);
        if is_tensor_file(name) {
            // deleting a property of a plain object cannot fail
            let _ = Reflect::delete_property(self.files, &name.into());
        }
        // a card is text, and may begin with HTML
        if !name.ends_with(".md") {
            check_is_file(name, &bytes)?;
        }
        Ok(Some(bytes.into()))
    }
}

impl KnownFiles for Given<'_> {
    fn is_known(&self, name: &str) -> bool {
        !self.get(name).is_undefined()
    }
}

/// Which files of a model's folder are to be fetched next, of those in `files`, `{ [name]: Uint8Array | null }`: null
/// stands for one that is not there, and the content of weights may be empty. Small files come one by one, then the
/// weights together, then none. `names` are those of all files where they are known, and `path` leads to the folder.
///
/// # Errors
/// Those of [`folder::missing`].
#[wasm_bindgen(js_name = missingModelFiles)]
pub fn missing_model_files(
    files: &Object,
    path: &str,
    names: Vec<String>,
) -> std::result::Result<Vec<String>, JsValue> {
    let names = &names;
    // reading takes weights away
    let files = &Object::assign(&Object::new(), files);
    folder::missing(&Given { files, path, names }).map_err(thrown)
}

/// A backbone folder, `{ [name]: Uint8Array }`, from a model's, whose weights are taken out of `files`. `progress` is
/// called with the share of the parameters, 0 to 1, that is done.
///
/// # Errors
/// Those of [`convert_folder`], `option_invalid`, `out_of_memory`.
#[wasm_bindgen(js_name = convertModel)]
pub fn convert_model(
    files: &Object,
    path: &str,
    names: Vec<String>,
    dtype: &JsValue,
    progress: &Function,
) -> std::result::Result<JsValue, JsValue> {
    let names = &names;
    let dtype: Dtype = from_js("dtype", dtype).map_err(thrown)?;
    let mut tell = |share: f64| {
        // what a listener throws is its own matter
        let _ = progress.call1(&JsValue::UNDEFINED, &share.into());
    };
    let converted = convert_folder(&Given { files, path, names }, None, None, dtype, &mut tell);
    Ok(files_to_js(&converted.map_err(thrown)?.files))
}
