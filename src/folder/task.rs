use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Files, Library, ListedFile};
use crate::adapter::Adapter;
use crate::error::{Error, Result};
use crate::head::{Calibration, Dense, Head, Metric, Pairs, Pooling, Problem};
use crate::model::Shape;
use crate::tensor_file::FloatType;

/// An adapter with its head and all that is known about it: a specialist for one task.
pub struct TaskAdapter {
    /// The change to the backbone.
    pub adapter: Box<dyn Adapter>,
    /// From hidden states to logits; an adapter for embeddings has none.
    pub head: Option<Head>,
    /// The side file.
    pub card: Card,
    /// The library whose format it came in, or is saved in by default.
    pub library: Library,
    /// The configurations it was read from, so that fields unknown here survive.
    pub original: Option<Original>,
    /// How its floats are stored.
    pub float: FloatType,
    /// Size of the folder it was read from.
    pub bytes: usize,
}

/// An adapter that another one is made of, under its name.
#[derive(Clone)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// The adapter.
    pub task: Rc<TaskAdapter>,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.name.fmt(f)
    }
}

/// A folder's configurations as they were read.
pub struct Original {
    /// Whose they are.
    pub library: Library,
    /// `adapter_config.json`.
    pub config: Map<String, Value>,
    /// `head_config.json`; empty where there is none.
    pub head: Map<String, Value>,
    /// The head that stood beside the adapter, if it is one that is not computed here.
    pub unused_head: Option<UnusedHead>,
    /// How many of its tensors belong to the other encoder of a model with two. They are not used.
    pub elsewhere: usize,
}

/// A head that an adapter was read without.
pub struct UnusedHead {
    /// What it is, as it stands behind "a head": "for masked language modelling".
    pub what: String,
    /// Its files, where they are small enough to be kept for writing the adapter again; else none.
    pub files: Files,
}

impl TaskAdapter {
    /// What the head is that the adapter was read without, as it stands behind "a head": "for masked language modelling".
    #[must_use]
    pub fn unused_head(&self) -> Option<&str> {
        let unused = self.original.as_ref()?.unused_head.as_ref()?;
        self.head.is_none().then_some(unused.what.as_str())
    }

    /// Number of trainable parameters, head included.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let head = self.head.as_ref().map_or(&[][..], Head::parameters);
        self.adapter
            .parameters()
            .iter()
            .chain(head)
            .map(|p| p.tensor.len())
            .sum()
    }
}

/// `graftlet.json`, the side file that carries what neither library's files have a place for.
/// Every field may be absent, and so may the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Card {
    /// What the adapter does, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// One label per logit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// What the head answers, with the thresholds of several labels; absent for one label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// Whether it compares two texts, `false` if it reads one; absent if the folder does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pair: Option<bool>,
    /// What the head reads, where the library cannot say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// How the head reads the two texts of a pair, where its problem does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairs: Option<Pairs>,
    /// The head's dense layer, where the library cannot say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<Dense>,
    /// How the head's scores are made of its logits, where that is not the plain way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// The backbone it was trained on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backbone: Option<BackboneRef>,
    /// What it is judged by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// Score on the held-out rows it was chosen by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dev_score: Option<f64>,
    /// Score on rows that neither training nor choice saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_score: Option<f64>,
    /// Seed of the training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// SHA-256 of the training rows' file, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_sha256: Option<String>,
    /// The settings of the training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<Value>,
    /// The folder's files, so that a page need not try which there are, and so that all that read them can check them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ListedFile>,
    /// Everything else, kept as it is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Which backbone an adapter belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackboneRef {
    /// The model's name.
    pub name: String,
    /// See [`Shape::fingerprint`].
    pub fingerprint: String,
}

impl Card {
    /// Refuses a backbone with another fingerprint than the one the adapter was trained on.
    ///
    /// # Errors
    /// [`Error::BackboneMismatch`].
    pub fn check_backbone(&self, adapter: &str, shape: &Shape) -> Result<()> {
        match &self.backbone {
            Some(backbone) if backbone.fingerprint != shape.fingerprint => {
                Err(Error::BackboneMismatch {
                    adapter: adapter.to_owned(),
                    property: "fingerprint",
                    expected: identified(&shape.fingerprint, &shape.name),
                    found: identified(&backbone.fingerprint, &backbone.name),
                })
            }
            _ => Ok(()),
        }
    }
}

/// A fingerprint with the model's name, where it is known.
fn identified(fingerprint: &str, name: &str) -> String {
    match name {
        "" => fingerprint.to_owned(),
        name => format!("{fingerprint} ({name})"),
    }
}
