//! A backbone that is put together while its weights arrive.

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

use super::convert::{files_from_js, thrown};
use super::engine::{WebEngine, part_of, sentence_of};
use crate::engine::{Engine, reader_of};
use crate::error::Result;
use crate::hub;
use crate::input::Reader;
use crate::model::folder::CONFIG;
use crate::model::{Anatomy, Arrival, SentenceEmbedding};

/// A converted folder's backbone on its way. What it is made of must have been compared with the manifest's hashes, or
/// must be compared before the engine is used.
#[wasm_bindgen(js_name = Loading)]
pub struct WebLoading {
    manifest: hub::Manifest,
    reader: Reader,
    sentence: SentenceEmbedding,
    arrival: Arrival,
}

#[wasm_bindgen(js_class = Loading)]
impl WebLoading {
    /// Takes the next bytes of the weights.
    ///
    /// # Errors
    /// Those of [`Arrival::push`].
    pub fn push(&mut self, piece: &Uint8Array) -> std::result::Result<(), JsValue> {
        #[allow(clippy::cast_possible_truncation)]
        let mut copy = |from: usize, to: &mut [u8]| {
            let part = piece.subarray(from as u32, (from + to.len()) as u32);
            part.copy_to(to);
        };
        let pushed = self.arrival.push(piece.length() as usize, &mut copy);
        pushed.map_err(thrown)
    }

    /// The engine, once all bytes were pushed.
    ///
    /// # Errors
    /// Those of [`Arrival::finish`].
    pub fn finish(self) -> std::result::Result<WebEngine, JsValue> {
        let encoder = self.arrival.finish(&self.manifest.fingerprint);
        Ok(WebEngine {
            engine: Engine::of_parts(self.reader, encoder.map_err(thrown)?, self.sentence),
            dtype: self.manifest.dtype,
        })
    }
}

impl WebLoading {
    pub(super) fn begin(files: &JsValue) -> Result<Self> {
        let files = files_from_js(files)?;
        let part = |name: &str| part_of(&files, name);
        let manifest = hub::Manifest::from_json(hub::Manifest::FILE, part(hub::Manifest::FILE)?)?;
        let weights = manifest.weights()?;
        let listed = manifest.files.iter().find(|file| file.name == weights);
        let bytes = listed.map_or(0, |file| file.bytes);
        let mut config = Anatomy::from_json(part(CONFIG)?)?;
        config.name.clone_from(&manifest.name);
        let reader = reader_of(&config, part(config.stem.reader_file())?)?;
        Ok(Self {
            sentence: sentence_of(&manifest)?,
            arrival: Arrival::new(config, weights, bytes),
            reader,
            manifest,
        })
    }
}
