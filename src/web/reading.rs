use js_sys::{Array, Float32Array, Reflect};
use serde_json::json;
use wasm_bindgen::prelude::*;

use super::answers::answered;
use super::clock::now;
use super::convert::{thrown, to_js};
use crate::engine;
use crate::error::Error;

/// Most tokens that go through the backbone in one step, unless a single window has more.
const STEP_TOKENS: usize = 256;

/// A call's texts on their way to answers or vectors, driven one short step at a time. Between two steps the worker can
/// hear that nobody waits any more.
#[wasm_bindgen]
pub struct Reading {
    reading: engine::Reading<'static>,
    /// How many texts of the caller's stand before these.
    before: usize,
    vectors: bool,
    /// Milliseconds that the steps took.
    took: f64,
}

type Outcome<T> = std::result::Result<T, JsValue>;

impl Reading {
    pub(super) fn new(reading: engine::Reading<'static>, before: usize, vectors: bool) -> Self {
        Self {
            reading,
            before,
            vectors,
            took: 0.0,
        }
    }

    fn failed(&self, error: Error) -> JsValue {
        thrown(error.behind(self.before))
    }
}

#[wasm_bindgen]
impl Reading {
    /// Computes the next windows, and says whether there are more.
    ///
    /// # Errors
    /// `text_too_long`.
    pub fn step(&mut self) -> Outcome<bool> {
        let begin = now();
        let more = self.reading.step(STEP_TOKENS);
        self.took += now() - begin;
        more.map_err(|error| self.failed(error))
    }

    /// Which part of the windows has been computed, from 0 to 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn share(&self) -> f64 {
        match self.reading.windows() {
            (0, _) => 1.0,
            (windows, computed) => computed as f64 / windows as f64,
        }
    }

    /// After the last step: an array of answers for each composition, or `{ vector: Float32Array, tokens, windows,
    /// truncated }` for each text.
    ///
    /// # Errors
    /// `logits_not_finite`, `vector_not_finite`, `composition_invalid`.
    pub fn finish(&mut self) -> Outcome<Array> {
        if self.vectors {
            return self.finish_vectors();
        }
        let composed = self.reading.answers().map_err(|error| self.failed(error))?;
        let texts = self.reading.texts();
        #[allow(clippy::cast_precision_loss)]
        let ms = self.took / (texts.len() * composed.len()).max(1) as f64;
        let lists = composed.iter().map(|one| to_js(&answered(one, texts, ms)));
        lists.collect()
    }
}

impl Reading {
    fn finish_vectors(&mut self) -> Outcome<Array> {
        let vectors = self.reading.vectors().map_err(|error| self.failed(error))?;
        let one = |embedded: &engine::Embedded| {
            let read = to_js(&json!({
                "tokens": embedded.tokens,
                "windows": embedded.windows,
                "truncated": embedded.truncated,
            }))?;
            let vector = Float32Array::new_from_slice(&embedded.vector);
            Reflect::set(&read, &"vector".into(), &vector)?;
            Ok(read)
        };
        vectors.iter().map(one).collect()
    }
}
