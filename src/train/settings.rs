mod class_weights;
mod resolved;
#[cfg(test)]
mod tests;
mod warm;

use std::ops::RangeInclusive;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::defaults::Defaults;
use super::{Dataset, Decay, Reading, names};
use crate::adapter::{Options, peft_settings, settings};
use crate::error::{Error, Result};
use crate::folder::Member;
use crate::head::{Metric, Pairs, Pooling, ProblemName};
use crate::json::plain;

pub use class_weights::{Balanced, ClassWeights};
pub use resolved::{Contrastive, Resolved};

/// Settings of a training run. All have defaults that depend on the kind and the number of rows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The kind of labels that the rows have; by default one label per text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemName>,
    /// The label of rows that have none of the labels: the adapter answers it where no other label has a
    /// good score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject: Option<String>,
    /// The label of recordings of what is heard when none of the words is said: takes of words are also learnt from with
    /// these mixed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<String>,
    /// How many copies of each take are mixed with the background.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background_copies: Option<usize>,
    /// Steps before the epochs, in which texts with the same label come to have near vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrastive_steps: Option<usize>,
    /// Highest learning rate of these steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrastive_learning_rate: Option<f64>,
    /// Where a head is fitted in one go, the inverse of its regularisation's strength, as scikit-learn has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub c: Option<f64>,
    /// Passes over the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Epochs without a better score after which a run ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Rows of a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<usize>,
    /// Batches whose gradients make one step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accumulation: Option<usize>,
    /// Highest learning rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// The head's, in the place of that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_learning_rate: Option<f64>,
    /// How the learning rate falls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Decay>,
    /// Share of the steps during which the learning rate rises.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<f64>,
    /// AdamW's decoupled weight decay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Euclidean norm that a step's gradient is cut to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient_clip: Option<f64>,
    /// Probability with which an element of what the head reads is left out in training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_dropout: Option<f64>,
    /// Share of a label's target that is spread over all labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_smoothing: Option<f64>,
    /// How much a row counts by its label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    /// Weight of what the adapter that is trained further said of a row, beside what the row's label says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distillation: Option<f64>,
    /// Share of each class that is held out where no held-out rows are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dev_share: Option<f64>,
    /// How many of the last rows are held out, in place of a share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dev_rows: Option<usize>,
    /// Parts of the rows that are held out one after the other, in place of one share; the adapter learns from all rows then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Whether the adapter learns from all rows in the end, those that were held out to judge it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refit: Option<bool>,
    /// Seed of initialisation, split and order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What the head reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// How the head reads the two texts of a pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairs: Option<Pairs>,
    /// What the best epoch is chosen by: a name, or an object as cards have it.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "named_metric"
    )]
    pub metric: Option<Metric>,
    /// Whether the result is rounded to 16-bit floats, which halves its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub half: Option<bool>,
    /// What the adapter does, in words, for its card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Size and place of the adapter itself.
    #[serde(flatten)]
    pub adapter: Options,
    /// What a fusion is made of.
    #[serde(skip)]
    pub members: Vec<Member>,
    /// The adapter that is trained further, in place of a fresh one.
    #[serde(skip)]
    pub start: Option<Member>,
}

/// `"macro_f1"` for `{"name": "macro_f1"}`.
fn named_metric<'de, D: Deserializer<'de>>(
    source: D,
) -> std::result::Result<Option<Metric>, D::Error> {
    let value = match Value::deserialize(source)? {
        Value::String(name) => serde_json::json!({ "name": name }),
        other => other,
    };
    serde_json::from_value(value).map_err(serde::de::Error::custom)
}

/// Every field of [`Settings`] but its adapter's.
const FIELDS: &[&str] = &[
    "problem",
    "reject",
    "background",
    "background_copies",
    "contrastive_steps",
    "contrastive_learning_rate",
    "c",
    "epochs",
    "patience",
    "batch_size",
    "accumulation",
    "learning_rate",
    "head_learning_rate",
    "schedule",
    "warmup",
    "weight_decay",
    "gradient_clip",
    "head_dropout",
    "label_smoothing",
    "class_weights",
    "distillation",
    "dev_share",
    "dev_rows",
    "folds",
    "refit",
    "seed",
    "pooling",
    "pairs",
    "metric",
    "half",
    "task",
];

impl Settings {
    /// Reads a settings file. `place` names it in errors.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`], also for a field that does not exist: a misspelt setting must not
    /// be ignored.
    pub fn from_json(place: &str, json: &[u8]) -> Result<Self> {
        let invalid = |error: serde_json::Error| Error::ConfigInvalid {
            place: place.to_owned(),
            reason: error.to_string(),
        };
        let fields = serde_json::from_slice(json).map_err(invalid)?;
        Self::from_fields(place, fields)
    }

    /// Takes settings by their names. `place` says in errors where they are from.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn from_fields(place: &str, fields: Map<String, Value>) -> Result<Self> {
        let invalid = |reason: String| Error::ConfigInvalid {
            place: place.to_owned(),
            reason,
        };
        let is_own = |field: &str| {
            FIELDS.contains(&field) || settings().any(|setting| setting.name == field)
        };
        let own = names::own(place, fields, is_own)?;
        let fields = &own.fields;
        if let Some(unknown) = fields
            .keys()
            .find(|field| *field != names::HOLDER && !is_own(field))
        {
            let known = || {
                let own = FIELDS.iter().copied();
                let adapter = settings().chain(peft_settings()).map(|own| own.name);
                own.chain(adapter).chain(names::others())
            };
            let near = known()
                .map(|name| (strsim::jaro_winkler(name, unknown), name))
                .max_by(|(a, _), (b, _)| a.total_cmp(b))
                .filter(|(likeness, _)| *likeness > 0.85);
            let hint = match near {
                Some((_, name)) => format!("; did you mean \"{name}\"?"),
                None => "; docs/training.md lists the settings".into(),
            };
            return Err(invalid(format!("there is no setting \"{unknown}\"{hint}")));
        }
        let read = |fields: Map<String, Value>| serde_json::from_value::<Self>(fields.into());
        read(fields.clone()).map_err(|error| {
            // serde does not name the field: the one that cannot be read alone is wrong
            let alone = |(name, value): (&String, &Value)| {
                let field = Map::from_iter([(name.clone(), value.clone())]);
                let error = read(field).err()?;
                Some(format!(
                    "\"{}\" is {value}: {}",
                    own.given(name),
                    plain(&error)
                ))
            };
            invalid(
                fields
                    .iter()
                    .find_map(alone)
                    .unwrap_or_else(|| error.to_string()),
            )
        })
    }

    /// How rows are to be read. Where the settings do not say it, an adapter that is trained further does, and else they
    /// are labels of this problem.
    #[must_use]
    pub fn reading(&self, problem: ProblemName) -> Reading {
        let start = self.start.as_ref();
        let head = start.and_then(|start| start.task.head.as_ref());
        let own = head.map(|head| ProblemName::from(&head.config().problem));
        // a file with a tag a word says itself what it is
        let own = own.filter(|_| problem == ProblemName::default());
        let problem = self.problem.or(own).unwrap_or(problem);
        // An adapter goes on to read pairs as it did.
        let pairs = head.map(|head| head.config());
        let pairs = pairs.filter(|config| config.problem.kind == problem);
        Reading {
            problem,
            reject: self.reject.clone(),
            pairs: self.pairs.or(pairs.map(|config| config.pairs)),
        }
    }

    /// Holds out the rows that the settings ask for. Where rows are few and the settings do not say otherwise, the run learns
    /// from these too in the end. Of a few corrections to an adapter none is held out, unless the settings say so: all of
    /// them are learnt from, and judged by.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] for a share outside its range, or if no row would be left to learn from.
    pub fn split(&mut self, data: Dataset) -> Result<(Dataset, Dataset)> {
        let few = self.start.is_none() && Defaults::learns_from_all(&data);
        self.refit = self.refit.or(Some(few));
        check("dev_share", self.dev_share(), DEV_SHARE)?;
        if self.folds.is_some() {
            let none = data.select(&[]);
            return Ok((data, none));
        }
        let Some(held) = self.dev_rows else {
            if self.dev_share.is_none() && self.is_correction(&data) {
                let judged = data.as_learnt();
                return Ok((data, judged));
            }
            return Ok(data.split(self.dev_share(), self.seed()));
        };
        #[allow(clippy::cast_precision_loss)]
        check("dev_rows", held as f64, 1.0..=data.len() as f64 - 1.0)?;
        let rows: Vec<usize> = (0..data.len()).collect();
        let (kept, held) = rows.split_at(data.len() - held);
        Ok((data.select(kept), data.select(held)))
    }

    fn dev_share(&self) -> f64 {
        self.dev_share.unwrap_or(0.15)
    }

    /// Seed of initialisation, split and order.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or(42)
    }
}

/// What may be held out.
const DEV_SHARE: RangeInclusive<f64> = 0.01..=0.9;

fn check(option: &'static str, value: f64, range: RangeInclusive<f64>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    let reason = format!("it must lie between {} and {}", range.start(), range.end());
    Err(Error::OptionInvalid {
        option,
        value: value.to_string(),
        reason,
    })
}
