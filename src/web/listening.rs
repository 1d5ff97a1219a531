use js_sys::Float32Array;
use serde_json::json;
use wasm_bindgen::prelude::*;

use super::convert::{from_js, thrown, to_js};
use super::engine::WebEngine;
use crate::listening::{Detection, Heard, Listener, Settings};

/// Words in a stream of sound, which comes in pieces of any size.
#[wasm_bindgen]
pub struct Listening {
    listener: Listener,
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
        let found = self.listener.push(&engine.engine, &samples.to_vec(), rate);
        events(&found.map_err(thrown)?)
    }

    /// Listens to some silence behind the end of the stream, and gives the words that it completes.
    ///
    /// # Errors
    /// Those of [`Listener::end`].
    pub fn end(&mut self, engine: &WebEngine) -> Outcome<JsValue> {
        let mut found = Vec::new();
        let mut tell = |heard: Heard| found.extend(heard.detection);
        let ended = self.listener.end(&engine.engine, &mut tell);
        ended.map_err(thrown)?;
        events(&found)
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

fn events(found: &[Detection]) -> Outcome<JsValue> {
    let event = |found: &Detection| {
        json!({
            "label": found.label,
            "score": found.score,
            "start": found.start,
            "end": found.end,
            "at": found.at,
        })
    };
    to_js(&found.iter().map(event).collect::<Vec<_>>())
}
