use std::sync::Arc;

use js_sys::Uint8Array;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use super::convert::{files_to_js, from_js, thrown, to_js};
use crate::adapter::{Member, format};
use crate::backbone::Backbone;
use crate::compose::fusion::preset;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::head::ProblemName;
use crate::hub::sha256;
use crate::train::{Computed, Dataset, Row, Settings, Share, Trainer};

type Outcome<T> = std::result::Result<T, JsValue>;

/// A training run, driven one short step at a time.
///
/// With several workers each makes one of the same options and rows. One of them leads: it
/// [plans](Training::plan), the others take over its [parameters](Training::parameters) and
/// [compute](Training::compute), and it [applies](Training::apply) what they computed.
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
    /// Names of the adapters that a fusion is made of.
    adapters: Option<Vec<String>>,
    problem: Option<ProblemName>,
    reject: Option<String>,
    patience: Option<usize>,
    /// Any other settings, as the text of a settings file; those above go before.
    settings: Option<String>,
    /// Rows to choose the best epoch by; without them a part of the rows is held out.
    dev_rows: Option<Vec<Row>>,
}

impl Training {
    pub(super) fn start(engine: &Engine, options: JsValue, rows: JsValue) -> Result<Self> {
        let options: TrainOptions = from_js("training options", options)?;
        let rows: Vec<Row> = from_js("rows", rows)?;
        let preset = preset(&options.kind)?;
        let members = options
            .adapters
            .unwrap_or_default()
            .into_iter()
            .map(|name| {
                let task = engine.shared(&name)?;
                Ok(Member { name, task })
            });
        let members = members.collect::<Result<_>>()?;
        let mut settings = match &options.settings {
            Some(json) => Settings::from_json("settings", json.as_bytes())?,
            None => Settings::default(),
        };
        /// What is given goes before what the settings say.
        fn set<T>(setting: &mut Option<T>, option: Option<T>) {
            if option.is_some() {
                *setting = option;
            }
        }
        set(&mut settings.epochs, options.epochs);
        set(&mut settings.batch_size, options.batch_size);
        set(&mut settings.patience, options.patience);
        set(&mut settings.learning_rate, options.learning_rate);
        set(&mut settings.seed, options.seed);
        set(&mut settings.dev_share, options.dev_share);
        set(&mut settings.task, options.task);
        set(&mut settings.problem, options.problem);
        set(&mut settings.reject, options.reject);
        let adapter = &mut settings.adapter;
        set(&mut adapter.rank, options.rank);
        set(&mut adapter.reduction_factor, options.reduction_factor);
        set(&mut adapter.virtual_tokens, options.virtual_tokens);
        adapter.members = members;
        let reading = settings.reading(ProblemName::SingleLabel);
        let data = Dataset::read("the rows", &rows, engine.tokenizer(), &reading)?;
        let (train, dev) = match &options.dev_rows {
            None => settings.split(data)?,
            Some(rows) => {
                let (place, scheme) = ("the held-out rows", data.scheme());
                let dev = Dataset::with_scheme(place, rows, engine.tokenizer(), scheme)?;
                (data, dev)
            }
        };
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
    /// `option_invalid` when the loss is no longer finite; `adapter_unknown`, as of all that follow, after
    /// [`adapter_files`](Self::adapter_files).
    pub fn step(&mut self) -> Outcome<JsValue> {
        to_js(&self.trainer()?.step().map_err(thrown)?)
    }

    /// What there is to say of the best epoch so far, or null before the first has ended.
    ///
    /// # Errors
    /// `adapter_unknown`.
    pub fn report(&mut self) -> Outcome<JsValue> {
        to_js(&self.trainer()?.report().map_err(thrown)?)
    }

    /// Everything that [`restore`](Self::restore) needs, as one file.
    ///
    /// # Errors
    /// `adapter_unknown`.
    pub fn checkpoint(&mut self) -> Outcome<Vec<u8>> {
        self.trainer()?.checkpoint().map_err(thrown)
    }

    /// Goes on from a checkpoint of a run with the same options and rows, as if it had never stopped.
    ///
    /// # Errors
    /// `checkpoint_mismatch` for one of another run, `file_truncated` and the like for a damaged one.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Outcome<()> {
        self.trainer()?.restore(checkpoint).map_err(thrown)
    }

    /// What is to be computed next, as at most `workers` shares: one for each worker, to be given to its
    /// [`compute`](Self::compute). Empty once the run is over.
    ///
    /// # Errors
    /// `adapter_unknown`.
    pub fn plan(&mut self, workers: usize) -> Outcome<JsValue> {
        to_js(&self.trainer()?.plan(workers))
    }

    /// All parameters, which the other workers must have before they compute.
    ///
    /// # Errors
    /// `adapter_unknown`.
    pub fn parameters(&mut self) -> Outcome<Vec<f32>> {
        Ok(self.trainer()?.learner().parameters())
    }

    /// Takes over the parameters of the worker that leads.
    ///
    /// # Errors
    /// `option_invalid` if they are of another run.
    #[wasm_bindgen(js_name = setParameters)]
    pub fn set_parameters(&mut self, parameters: &[f32]) -> Outcome<()> {
        self.trainer()?
            .learner()
            .set_parameters(parameters)
            .map_err(thrown)
    }

    /// Does a share of the work; the bytes are for [`apply`](Self::apply) of the worker that leads.
    ///
    /// # Errors
    /// `option_invalid` for a share of another run.
    pub fn compute(&mut self, share: JsValue) -> Outcome<Vec<u8>> {
        let share: Share = from_js("share", share).map_err(thrown)?;
        let computed = self.trainer()?.learner().compute(&share).map_err(thrown)?;
        Ok(computed.to_bytes())
    }

    /// Takes what the shares of a [`plan`](Self::plan) came to, in its order, and says what was done.
    ///
    /// # Errors
    /// `option_invalid` for what was not planned, and when the loss is no longer finite.
    pub fn apply(&mut self, computed: Vec<Uint8Array>) -> Outcome<JsValue> {
        let computed = computed
            .iter()
            .map(|bytes| Computed::from_bytes(&bytes.to_vec()));
        let computed = computed.collect::<Result<Vec<_>>>().map_err(thrown)?;
        to_js(&self.trainer()?.apply(computed).map_err(thrown)?)
    }

    /// The folder of the best adapter so far; ends the run.
    ///
    /// # Errors
    /// `adapter_unknown` when called twice.
    #[wasm_bindgen(js_name = adapterFiles)]
    pub fn adapter_files(&mut self) -> Outcome<JsValue> {
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

    fn trainer(&mut self) -> Outcome<&mut Trainer> {
        self.trainer
            .as_mut()
            .ok_or_else(|| thrown(ended(&self.name)))
    }
}

fn ended(name: &str) -> Error {
    Error::AdapterUnknown {
        name: format!("training run {name}"),
        loaded: "the run has ended".into(),
    }
}
