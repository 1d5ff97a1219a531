use serde::Deserialize;
use wasm_bindgen::prelude::*;

use super::convert::{from_js, thrown, to_js};
use crate::engine::Engine;
use crate::error::Result;
use crate::head::ProblemName;
use crate::train::{Dataset, Row, Settings, Suggester};

/// A comparison of kinds of adapters, driven one short step at a time.
#[wasm_bindgen]
pub struct Suggesting(Suggester);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct SuggestOptions {
    problem: Option<ProblemName>,
    reject: Option<String>,
    seed: Option<u64>,
    /// Any other settings, as the text of a settings file; those above go before.
    settings: Option<String>,
}

impl Suggesting {
    pub(super) fn start(engine: &Engine, options: JsValue, rows: JsValue) -> Result<Self> {
        let options: SuggestOptions = from_js("options", options)?;
        let rows: Vec<Row> = from_js("rows", rows)?;
        let mut settings = match &options.settings {
            Some(json) => Settings::from_json("settings", json.as_bytes())?,
            None => Settings::default(),
        };
        settings.problem = options.problem.or(settings.problem);
        settings.reject = options.reject.or(settings.reject);
        settings.seed = options.seed.or(settings.seed);
        let reading = settings.reading(ProblemName::SingleLabel);
        let data = Dataset::read("the rows", &rows, engine.tokenizer(), &reading)?;
        let backbone = engine.backbone().clone();
        Ok(Self(Suggester::new(backbone, data, settings)?))
    }
}

#[wasm_bindgen]
impl Suggesting {
    /// Does one unit of work and says what it was: "working" or "scored", each with the share that is
    /// `done`, and at the end "done" with the `suggestion`.
    ///
    /// # Errors
    /// `option_invalid` for settings that do not fit the rows.
    pub fn step(&mut self) -> std::result::Result<JsValue, JsValue> {
        to_js(&self.0.step().map_err(thrown)?)
    }
}
