use std::sync::Arc;

use js_sys::Array;
use serde_json::{Map, Value};
use wasm_bindgen::prelude::*;

use super::convert::{files_to_js, from_js, thrown, to_js};
use super::rows::Rows;
use super::shares::{computed_from_js, computed_to_js, list, share_from_js, share_to_js};
use crate::adapter::{format, preset};
use crate::backbone::Backbone;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::head::ProblemName;
use crate::train::{Dataset, Settings, Trainer};

/// A training run, or one worker's part in it.
///
/// The worker that leads asks for a [`plan`](Self::plan), lets every worker
/// [`compute`](Self::compute) a share of it, and has them [applied](Self::apply); a worker that follows
/// computes what it is told with the leader's [`parameters`](Self::parameters).
#[wasm_bindgen]
pub struct Training {
    name: String,
    data_sha256: String,
    backbone: Arc<dyn Backbone>,
    trainer: Option<Trainer>,
}

/// What options are called in errors.
const PLACE: &str = "the training options";

type Outcome<T> = std::result::Result<T, JsValue>;

impl Training {
    pub(super) fn start(
        engine: &Engine,
        options: JsValue,
        rows: Rows,
        checkpoint: Option<&[u8]>,
    ) -> Result<Self> {
        let mut fields: Map<String, Value> = from_js("training options", options)?;
        let mut own = |field: &str| match fields.shift_remove(field) {
            Some(Value::String(text)) => Ok(text),
            found => Err(Error::ConfigInvalid {
                place: PLACE.into(),
                reason: format!(
                    "{field} must be a text, not {}",
                    found.unwrap_or(Value::Null)
                ),
            }),
        };
        let (name, kind) = (own("name")?, own("kind")?);
        let fields = fields.into_iter().map(|(field, v)| (snake_case(&field), v));
        let settings = Settings::from_fields(PLACE, fields.collect())?;
        let preset = preset(&kind)?;
        let (rows, data_sha256) = rows.finish();
        let reading = settings.reading(ProblemName::SingleLabel);
        let data = Dataset::read("the rows", &rows, engine.tokenizer(), &reading)?;
        drop(rows);
        let (train, dev) = settings.split(data)?;
        let backbone = Arc::clone(engine.backbone());
        let trainer = match checkpoint {
            Some(bytes) => Trainer::resume(backbone.clone(), preset, settings, train, dev, bytes)?,
            None => Trainer::new(backbone.clone(), preset, settings, train, dev)?,
        };
        Ok(Self {
            name,
            data_sha256,
            backbone,
            trainer: Some(trainer),
        })
    }

    fn trainer(&mut self) -> Outcome<&mut Trainer> {
        let name = &self.name;
        self.trainer.as_mut().ok_or_else(|| thrown(ended(name)))
    }
}

#[wasm_bindgen]
impl Training {
    /// What is to be computed next, as shares for at most that many workers; none once the run is over.
    ///
    /// # Errors
    /// `adapter_unknown` after [`adapter_files`](Self::adapter_files), as all that follow.
    pub fn plan(&mut self, workers: usize) -> Outcome<Array> {
        let plan = self.trainer()?.plan(workers);
        Ok(plan.iter().map(share_to_js).collect())
    }

    /// Does a share of the work.
    ///
    /// # Errors
    /// `option_invalid` for a share of another run.
    pub fn compute(&mut self, share: &JsValue) -> Outcome<JsValue> {
        let share = share_from_js(share).map_err(thrown)?;
        let computed = self.trainer()?.learner().compute(&share);
        Ok(computed_to_js(&computed.map_err(thrown)?))
    }

    /// Takes what the shares of a plan came to, in its order, and says what has happened.
    ///
    /// # Errors
    /// `option_invalid` when the loss is no longer finite.
    pub fn apply(&mut self, computed: &Array) -> Outcome<JsValue> {
        let computed = list(computed, computed_from_js).map_err(thrown)?;
        to_js(&self.trainer()?.apply(computed).map_err(thrown)?)
    }

    /// All trainable numbers, as a Float32Array.
    ///
    /// # Errors
    /// `adapter_unknown`.
    pub fn parameters(&mut self) -> Outcome<Vec<f32>> {
        Ok(self.trainer()?.learner().parameters())
    }

    /// Takes over another worker's.
    ///
    /// # Errors
    /// `option_invalid` if there are not as many.
    #[wasm_bindgen(js_name = setParameters)]
    pub fn set_parameters(&mut self, parameters: &[f32]) -> Outcome<()> {
        let learner = self.trainer()?.learner();
        learner.set_parameters(parameters).map_err(thrown)
    }

    /// Everything that is needed to go on later, as bytes.
    ///
    /// # Errors
    /// `adapter_unknown`.
    pub fn checkpoint(&mut self) -> Outcome<Vec<u8>> {
        self.trainer()?.checkpoint().map_err(thrown)
    }

    /// What there is to say of the best epoch so far; null before the first has ended.
    ///
    /// # Errors
    /// `adapter_unknown`.
    pub fn report(&mut self) -> Outcome<JsValue> {
        match self.trainer()?.report().map_err(thrown)? {
            Some(report) => to_js(&report),
            None => Ok(JsValue::NULL),
        }
    }

    /// The folder of the best adapter so far; ends the run.
    ///
    /// # Errors
    /// `adapter_unknown` when called twice.
    #[wasm_bindgen(js_name = adapterFiles)]
    pub fn adapter_files(&mut self) -> Outcome<JsValue> {
        let trainer = self.trainer.take();
        let trainer = trainer.ok_or_else(|| thrown(ended(&self.name)))?;
        let files = || {
            let mut task = trainer.finish()?;
            task.card.data_sha256 = Some(self.data_sha256.clone());
            format::save(&task, &self.name, task.library, self.backbone.shape())
        };
        Ok(files_to_js(&files().map_err(thrown)?))
    }
}

/// `batchSize` as `batch_size`.
fn snake_case(field: &str) -> String {
    let mut snake = String::with_capacity(field.len() + 4);
    for character in field.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

fn ended(name: &str) -> Error {
    Error::AdapterUnknown {
        name: format!("training run {name}"),
        loaded: "the run has ended".into(),
    }
}
