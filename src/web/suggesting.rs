use wasm_bindgen::prelude::*;

use super::convert::{thrown, to_js};
use super::rows::Rows;
use super::training::{PLACE, fields};
use crate::engine::Engine;
use crate::error::Result;
use crate::head::ProblemName;
use crate::train::{Dataset, Settings, Suggester};

/// A comparison of kinds of adapters, driven one short step at a time.
#[wasm_bindgen]
pub struct Suggesting(Suggester);

impl Suggesting {
    pub(super) fn start(engine: &Engine, options: JsValue, rows: Rows) -> Result<Self> {
        let settings = Settings::from_fields(PLACE, fields(options)?)?;
        let (rows, _, _) = rows.finish();
        let reading = settings.reading(ProblemName::default());
        let data = Dataset::read("the rows", &rows, engine.reader(), &reading)?;
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
