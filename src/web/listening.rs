use js_sys::Float32Array;
use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::convert::{from_js, thrown, to_js};
use super::engine::WebEngine;
use crate::listening::{Detection, Listener, Settings};

/// Words in a stream of sound, which comes in pieces of any size.
#[wasm_bindgen]
pub struct Listening {
    listener: Listener,
}

/// A detection as JavaScript has it; times in seconds.
#[derive(Serialize)]
struct Event<'a> {
    label: &'a str,
    score: f32,
    start: f64,
    end: f64,
    at: f64,
}

type Outcome<T> = std::result::Result<T, JsValue>;

#[wasm_bindgen]
impl Listening {
    /// Listens with the adapter `name`. `settings` are those of [`Settings`]; all are optional.
    ///
    /// # Errors
    /// Those of [`Listener::new`], `option_invalid`.
    #[wasm_bindgen(constructor)]
    pub fn new(engine: &WebEngine, name: &str, settings: &JsValue) -> Outcome<Listening> {
        let settings: Settings = from_js("listening", settings).map_err(thrown)?;
        let listener = Listener::new(&engine.engine, name, &settings).map_err(thrown)?;
        Ok(Self { listener })
    }

    /// Takes in what comes next, at `rate` samples a second, and gives the words that it completes:
    /// `{ label, score, start, end, at }`.
    ///
    /// # Errors
    /// Those of [`Listener::push`].
    pub fn push(
        &mut self,
        engine: &WebEngine,
        samples: &Float32Array,
        rate: u32,
    ) -> Outcome<JsValue> {
        let samples = samples.to_vec();
        let found = self.listener.push(&engine.engine, &samples, rate);
        let found = found.map_err(thrown)?;
        let events = found.iter().map(|found| {
            let Detection {
                label,
                score,
                start,
                end,
                at,
            } = found;
            Event {
                label,
                score: *score,
                start: *start,
                end: *end,
                at: *at,
            }
        });
        to_js(&events.collect::<Vec<_>>())
    }

    /// The averaged scores after the last window, in the order of the labels.
    #[must_use]
    pub fn scores(&self) -> Vec<f32> {
        self.listener.scores().to_vec()
    }

    /// The labels of the adapter.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        self.listener.labels().to_vec()
    }
}
