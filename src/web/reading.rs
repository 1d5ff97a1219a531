use std::rc::Rc;

use js_sys::{Array, Float32Array, Reflect};
use serde_json::json;
use wasm_bindgen::prelude::*;

use super::answers::answered;
use super::clock::now;
use super::convert::{thrown, to_js};
use crate::engine;
use crate::error::Error;
use crate::model::Split;

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
    /// This worker among those that compute the steps.
    split: Option<Rc<Split>>,
    /// The step that waits for what another worker sends, and when it began.
    waiting: Option<(engine::Step<'static>, f64)>,
}

/// What [`Reading::advance`] answers, as a number: the step waits, or is done and there are more windows, or none.
const WAITS: u8 = 0;
const MORE: u8 = 1;
const DONE: u8 = 2;

type Outcome<T> = std::result::Result<T, JsValue>;

impl Reading {
    pub(super) fn new(reading: engine::Reading<'static>, before: usize, vectors: bool) -> Self {
        Self {
            reading,
            before,
            vectors,
            took: 0.0,
            split: None,
            waiting: None,
        }
    }

    fn failed(&self, error: Error) -> JsValue {
        thrown(error.behind(self.before))
    }
}

#[wasm_bindgen]
impl Reading {
    /// Computes the next windows, and says whether there are more. A step that waits for other workers is given up, and
    /// computed here.
    ///
    /// # Errors
    /// `text_too_long`.
    pub fn step(&mut self) -> Outcome<bool> {
        self.waiting = None;
        let begin = now();
        let more = self.reading.step(STEP_TOKENS);
        self.took += now() - begin;
        more.map_err(|error| self.failed(error))
    }

    /// How many tokens are still to be computed.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.reading.tokens_left()
    }

    /// From now on [`advance`](Self::advance) computes the part of the place of this number, from 0, among that many. The
    /// first place gets the answers; the others only compute.
    ///
    /// # Panics
    /// If there is no such place.
    pub fn split(&mut self, place: usize, places: usize) {
        self.waiting = None;
        self.split = Some(Rc::new(Split::new(place, places)));
    }

    /// Computes until the next windows are done here, or wait for what another place sends. Answers with 0 if they wait, 1
    /// if they are done and there are more, 2 after the last.
    ///
    /// # Errors
    /// `text_too_long`.
    pub fn advance(&mut self) -> Outcome<u8> {
        let alone = || Rc::new(Split::new(0, 1));
        let split = Rc::clone(self.split.get_or_insert_with(alone));
        let limit = STEP_TOKENS * split.places();
        let begin = || (self.reading.begin_step(limit, Some(split)), now());
        let (mut step, began) = self.waiting.take().unwrap_or_else(begin);
        let Some(computed) = step.advance() else {
            self.waiting = Some((step, began));
            return Ok(WAITS);
        };
        let computed = computed.map_err(|error| self.failed(error))?;
        let more = self.reading.end_step(&step, computed);
        self.took += now() - began;
        Ok(if more { MORE } else { DONE })
    }

    /// What is to be sent, in this order: the number of a place, its `Float32Array`, and so on.
    #[wasm_bindgen(js_name = takeSent)]
    pub fn take_sent(&mut self) -> Array {
        let all = Array::new();
        for (to, rows) in self.split.iter().flat_map(|split| split.take_sent()) {
            all.push(&JsValue::from(to));
            all.push(&Float32Array::new_from_slice(&rows));
        }
        all
    }

    /// Takes in what a place sent here.
    pub fn receive(&mut self, from: usize, rows: Vec<f32>) {
        if let Some(split) = &self.split {
            split.receive(from, rows);
        }
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
        let inputs = self.reading.inputs();
        #[allow(clippy::cast_precision_loss)]
        let ms = self.took / (inputs.len() * composed.len()).max(1) as f64;
        let lists = composed.iter().map(|one| to_js(&answered(one, inputs, ms)));
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
