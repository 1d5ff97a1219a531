use std::sync::Arc;

use js_sys::Uint8Array;
use serde_json::{Map, Value};
use wasm_bindgen::prelude::*;

use super::convert::{files_to_js, from_js, thrown, to_js};
use super::rows::Rows;
use crate::compose::fusion::preset;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::folder::{self, Member};
use crate::head::ProblemName;
use crate::input::Input;
use crate::model::Backbone;
use crate::train::{Computed, Dataset, Row, Settings, Share, Trainer, preset_of};

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

type Outcome<T> = std::result::Result<T, JsValue>;

impl Training {
    pub(super) fn start(
        engine: &Engine,
        options: JsValue,
        rows: Rows,
        checkpoint: Option<&[u8]>,
    ) -> Result<Self> {
        let mut fields = fields(options)?;
        let mut take = |field: &str| fields.shift_remove(field).unwrap_or(Value::Null);
        let (name, kind) = (take("name"), take("kind"));
        let (members, from) = (take("adapters"), take("from"));
        let start = match from {
            Value::Null => None,
            Value::String(name) => {
                let task = engine.shared(&name)?;
                Some(Member { name, task })
            }
            _ => return Err(invalid("from must be the name of a loaded adapter".into())),
        };
        let kind = match (kind, &start) {
            (Value::String(kind), Some(_)) if kind.is_empty() => None,
            (Value::String(kind), _) => Some(kind),
            (Value::Null, Some(_)) => None,
            _ => return Err(invalid("kind must be a text".into())),
        };
        let Value::String(name) = name else {
            return Err(invalid("name must be a text".into()));
        };
        let members: Option<Vec<String>> =
            serde_json::from_value(members).map_err(|error| invalid(error.to_string()))?;
        let members = members.unwrap_or_default().into_iter().map(|name| {
            let task = engine.shared(&name)?;
            Ok(Member { name, task })
        });
        let mut settings = Settings::from_fields(PLACE, fields)?;
        settings.members = members.collect::<Result<_>>()?;
        let shape = engine.backbone().shape();
        let named = kind.as_deref().map(preset).transpose()?;
        let own = start.as_ref().map(|start| preset_of(&start.task, shape));
        let preset = match (own.transpose()?, named) {
            (Some(own), Some(named)) if own.name != named.name => {
                return Err(Error::OptionInvalid {
                    option: "kind",
                    value: named.name.to_owned(),
                    reason: format!(
                        "the adapter to start from is of kind \"{}\"; leave out the kind",
                        own.name
                    ),
                });
            }
            (Some(preset), _) | (None, Some(preset)) => preset,
            (None, None) => return Err(invalid("kind must be a text".into())),
        };
        settings.start = start;
        let (rows, replay, data_sha256) = rows.finish();
        let reading = settings.reading(ProblemName::default());
        let (replay, texts): (Vec<Row>, Vec<Row>) =
            replay.into_iter().partition(|row| row.label.is_some());
        let reader = engine.reader();
        let scheme = settings.scheme("the rows", &rows, &replay, &reading)?;
        let data = match settings.in_background(&rows)? {
            Some(made) => {
                let data = Dataset::with_scheme("the rows", &made.rows, reader, &scheme)?;
                data.grouped(made.groups).numbered(&made.origins)
            }
            None => Dataset::with_scheme("the rows", &rows, reader, &scheme)?,
        };
        drop(rows);
        let (mut train, dev) = settings.split(data)?;
        if !replay.is_empty() {
            let old = Dataset::with_scheme("the replayed rows", &replay, reader, &scheme)?;
            train = train.beside(&old);
        }
        if !texts.is_empty() {
            let texts: Vec<Input> = texts.into_iter().map(|row| row.input).collect();
            let texts = Dataset::of_texts("the replayed rows", &texts, reader, &scheme)?;
            train = train.beside(&texts);
        }
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
    pub fn plan(&mut self, workers: usize) -> Outcome<JsValue> {
        to_js(&self.trainer()?.plan(workers))
    }

    /// Does a share of the work; the bytes are for [`apply`](Self::apply) of the worker that leads.
    ///
    /// # Errors
    /// `option_invalid` for a share of another run.
    pub fn compute(&mut self, share: JsValue) -> Outcome<Vec<u8>> {
        let share: Share = from_js("share", &share).map_err(thrown)?;
        let computed = self.trainer()?.learner().compute(&share);
        Ok(computed.map_err(thrown)?.to_bytes())
    }

    /// Takes what the shares of a plan came to, in its order, and says what has happened.
    ///
    /// # Errors
    /// `option_invalid` for what was not planned, and when the loss is no longer finite.
    pub fn apply(&mut self, computed: Vec<Uint8Array>) -> Outcome<JsValue> {
        let computed = computed.iter().map(Uint8Array::to_vec);
        let computed = computed.map(|bytes| Computed::from_bytes(&bytes));
        let computed = computed.collect::<Result<Vec<_>>>().map_err(thrown)?;
        to_js(&self.trainer()?.apply(computed).map_err(thrown)?)
    }

    /// All trainable numbers, as a Float32Array.
    ///
    /// # Errors
    /// `adapter_unknown`.
    pub fn parameters(&mut self) -> Outcome<Vec<f32>> {
        Ok(self.trainer()?.learner().parameters())
    }

    /// Replaces all trainable numbers with those of another worker.
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
            folder::save(&task, &self.name, task.library, self.backbone.shape())
        };
        Ok(files_to_js(&files().map_err(thrown)?))
    }
}

/// Options by the names that settings have.
pub(super) fn fields(options: JsValue) -> Result<Map<String, Value>> {
    let fields: Map<String, Value> = from_js("training options", &options)?;
    let mut snake = Map::new();
    for (name, value) in fields {
        let own = snake_case(&name);
        if snake.get(&own).is_some_and(|before| *before != value) {
            return Err(invalid(format!(
                "\"{own}\" and \"{name}\" are one option with two values: give it once"
            )));
        }
        snake.insert(own, value);
    }
    Ok(snake)
}

/// What options are called in errors.
pub(super) const PLACE: &str = "the training options";

fn invalid(reason: String) -> Error {
    Error::ConfigInvalid {
        place: PLACE.into(),
        reason,
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
