use std::sync::Arc;

use serde::Deserialize;
use wasm_bindgen::prelude::*;

use super::convert::{files_to_js, from_js, thrown, to_js};
use crate::adapter::{Options, format, preset};
use crate::backbone::Backbone;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::head::ProblemName;
use crate::hub::sha256;
use crate::train::{Dataset, Row, Settings, Trainer};

/// A training run, driven one short step at a time.
#[wasm_bindgen]
pub struct Training {
    name: String,
    data_sha256: String,
    backbone: Arc<dyn Backbone>,
    trainer: Option<Trainer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TrainOptions {
    name: String,
    kind: String,
    epochs: Option<usize>,
    batch_size: Option<usize>,
    learning_rate: Option<f64>,
    seed: Option<u64>,
    rank: Option<usize>,
    reduction_factor: Option<usize>,
    virtual_tokens: Option<usize>,
    dev_share: Option<f64>,
    task: Option<String>,
}

impl Training {
    pub(super) fn start(engine: &Engine, options: JsValue, rows: JsValue) -> Result<Self> {
        let options: TrainOptions = from_js("training options", options)?;
        let rows: Vec<Row> = from_js("rows", rows)?;
        let preset = preset(&options.kind)?;
        let settings = Settings {
            epochs: options.epochs,
            batch_size: options.batch_size,
            learning_rate: options.learning_rate,
            seed: options.seed,
            dev_share: options.dev_share,
            task: options.task,
            adapter: Options {
                rank: options.rank,
                reduction_factor: options.reduction_factor,
                virtual_tokens: options.virtual_tokens,
                ..Options::default()
            },
            ..Settings::default()
        };
        let reading = settings.reading(ProblemName::SingleLabel);
        let data = Dataset::read("the rows", &rows, engine.tokenizer(), &reading)?;
        let (train, dev) = settings.split(data)?;
        let json = serde_json::to_vec(&rows).unwrap_or_default();
        let backbone = engine.backbone().clone();
        Ok(Self {
            name: options.name,
            data_sha256: sha256(&json),
            trainer: Some(Trainer::new(
                Arc::clone(&backbone),
                preset,
                settings,
                train,
                dev,
            )?),
            backbone,
        })
    }
}

#[wasm_bindgen]
impl Training {
    /// Does one unit of work and says what it was.
    ///
    /// # Errors
    /// `option_invalid` when the loss is no longer finite; `adapter_unknown` after
    /// [`adapter_files`](Self::adapter_files).
    pub fn step(&mut self) -> std::result::Result<JsValue, JsValue> {
        let trainer = self
            .trainer
            .as_mut()
            .ok_or_else(|| thrown(ended(&self.name)))?;
        to_js(&trainer.step().map_err(thrown)?)
    }

    /// The folder of the best adapter so far; ends the run.
    ///
    /// # Errors
    /// `adapter_unknown` when called twice.
    #[wasm_bindgen(js_name = adapterFiles)]
    pub fn adapter_files(&mut self) -> std::result::Result<JsValue, JsValue> {
        let trainer = self
            .trainer
            .take()
            .ok_or_else(|| thrown(ended(&self.name)))?;
        let files = || {
            let mut task = trainer.finish()?;
            task.card.data_sha256 = Some(self.data_sha256.clone());
            format::save(&task, &self.name, task.library, self.backbone.shape())
        };
        Ok(files_to_js(&files().map_err(thrown)?))
    }
}

fn ended(name: &str) -> Error {
    Error::AdapterUnknown {
        name: format!("training run {name}"),
        loaded: "the run has ended".into(),
    }
}
