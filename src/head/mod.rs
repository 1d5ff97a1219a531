//! Floor 3: heads. From hidden states to logits, from logits to an answer or a loss. One file a
//! problem.

mod multi_label;
mod regression;
mod single_label;
mod tokens;

pub use multi_label::{DEFAULT_THRESHOLD, best_thresholds};
pub use single_label::{argmax, softmax};
pub use tokens::{Span, TokenLabel, spans, token_targets};

use serde::{Deserialize, Serialize};

use crate::adapter::{Collector, Init, ParamSource, Parameter, Site};
use crate::backbone::{Backbone, Shape, States};
use crate::error::{Error, Result};
use crate::ops::{Activation, add_bias, linear, select, sequence_mean};
use crate::tensor::Tensor;

/// How a sequence of hidden states becomes one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The mean over the tokens, as sentence-transformers has it.
    Mean,
    /// The first token's state, as AdapterHub's heads have it.
    First,
    /// The first token's state through the checkpoint's own pooler, as PEFT's models have it.
    Pooler,
}

/// What a head answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Problem {
    /// One label a text.
    #[default]
    SingleLabel,
    /// Any number of labels a text.
    MultiLabel {
        /// What a label's score, 0 to 1, must reach: one a label, or none for
        /// [`DEFAULT_THRESHOLD`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        thresholds: Vec<f32>,
    },
    /// One number a text; its only label is the number's name.
    Regression,
    /// One label a token; such a head pools nothing.
    TokenClassification,
}

impl Problem {
    /// What it answers, in words.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self {
            Self::SingleLabel => "one label",
            Self::MultiLabel { .. } => "any number of labels",
            Self::Regression => "a number",
            Self::TokenClassification => "labels of tokens",
        }
    }
}

/// What a text should be answered with.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Index of the label.
    Label(usize),
    /// Whether it has each of the labels.
    Labels(Vec<bool>),
    /// The number.
    Number(f32),
    /// The label of each token, or nothing for one that is not judged.
    Tokens(Vec<Option<usize>>),
}

/// What a head says of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// One label.
    Label {
        /// Index of the best label.
        best: usize,
        /// Softmax of the logits, in the order of the labels.
        scores: Vec<f32>,
    },
    /// Any number of labels.
    Labels {
        /// Indices of the labels that reach their thresholds.
        chosen: Vec<usize>,
        /// Sigmoid of each logit, in the order of the labels.
        scores: Vec<f32>,
    },
    /// A number.
    Number(f32),
    /// A label for each token, special tokens included.
    Tokens(Vec<TokenLabel>),
    /// Parts of the text, in their order: what labels of tokens come to.
    Spans(Vec<Span>),
}

/// Settings of a head.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadConfig {
    /// What it answers.
    pub problem: Problem,
    /// What it reads.
    pub pooling: Pooling,
    /// Nonlinearity after a dense layer of hidden size, if there is one before the last layer.
    pub dense: Option<Activation>,
    /// One label per logit.
    pub labels: Vec<String>,
}

/// A head: a vector per sequence or token, perhaps a dense layer, then one logit per label.
pub struct Head {
    config: HeadConfig,
    dense: Option<(Activation, Tensor, Tensor)>,
    /// `[labels, hidden]`
    weight: Tensor,
    /// `[labels]`
    bias: Tensor,
    parameters: Vec<Parameter>,
}

/// Fields of the head's parameters.
pub mod field {
    /// `[hidden, hidden]` of the dense layer.
    pub const DENSE: &str = "dense.weight";
    /// `[hidden]` of the dense layer.
    pub const DENSE_BIAS: &str = "dense.bias";
    /// `[labels, hidden]` of the last layer.
    pub const OUT: &str = "out.weight";
    /// `[labels]` of the last layer.
    pub const OUT_BIAS: &str = "out.bias";
}

impl Head {
    /// Builds a head from a source of tensors.
    ///
    /// # Errors
    /// Those of the source; [`Error::OptionInvalid`] if it reads a pooler that the backbone does not
    /// have, or if its labels do not fit what it answers.
    pub fn build(config: HeadConfig, shape: &Shape, source: &mut dyn ParamSource) -> Result<Self> {
        let pools = config.problem != Problem::TokenClassification;
        if pools && config.pooling == Pooling::Pooler && !shape.pooler {
            return Err(Error::OptionInvalid {
                option: "pooling",
                value: "pooler".into(),
                reason: format!("{} has no pooler; use \"mean\" or \"first\"", shape.name),
            });
        }
        config.check()?;
        let (hidden, labels) = (shape.hidden_size, config.labels.len());
        let mut tensors = Collector::new(source);
        let mut get = |field, dims: &[usize], init| tensors.get(Site::Head, field, dims, init);
        let dense = match config.dense {
            Some(activation) => Some((
                activation,
                get(field::DENSE, &[hidden, hidden], Init::Normal(0.02))?,
                get(field::DENSE_BIAS, &[hidden], Init::Zeros)?,
            )),
            None => None,
        };
        let weight = get(field::OUT, &[labels, hidden], Init::Normal(0.02))?;
        let bias = get(field::OUT_BIAS, &[labels], Init::Zeros)?;
        let parameters = tensors.into_parameters();
        Ok(Self {
            config,
            dense,
            weight,
            bias,
            parameters,
        })
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> &HeadConfig {
        &self.config
    }

    /// Its trainable tensors, in a fixed order.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Logits of a batch's last hidden states: `[sequences, labels]`, or `[tokens, labels]` of a head
    /// that labels tokens.
    #[must_use]
    pub fn logits(&self, backbone: &dyn Backbone, states: &States) -> Tensor {
        let mut x = match self.config.problem {
            Problem::TokenClassification => states.x.clone(),
            _ => pool(self.config.pooling, backbone, states),
        };
        if let Some((activation, weight, bias)) = &self.dense {
            x = activation.forward(add_bias(linear(&x, weight), bias));
        }
        add_bias(linear(&x, &self.weight), &self.bias)
    }

    /// The loss of [`logits`](Self::logits), one target a sequence: a mean over all that
    /// [`judged`](Self::judged) counts.
    ///
    /// # Panics
    /// If the targets are not of the head's problem and as many as the logits.
    #[must_use]
    pub fn loss(&self, logits: &Tensor, targets: &[&Target]) -> Tensor {
        match self.config.problem {
            Problem::SingleLabel => single_label::loss(logits, targets),
            Problem::MultiLabel { .. } => multi_label::loss(logits, targets),
            Problem::Regression => regression::loss(logits, targets),
            Problem::TokenClassification => tokens::loss(logits, targets),
        }
    }

    /// How many terms of the loss a sequence's target makes.
    #[must_use]
    pub fn judged(target: &Target) -> usize {
        match target {
            Target::Label(_) | Target::Number(_) => 1,
            Target::Labels(labels) => labels.len(),
            Target::Tokens(tokens) => tokens.iter().flatten().count(),
        }
    }

    /// What [`logits`](Self::logits) say of each sequence, and the sequence's own: `[labels]`, or
    /// `[tokens, labels]`.
    ///
    /// `starts` says where each sequence starts in the batch, and the end of the last.
    ///
    /// # Panics
    /// If the logits are not those of the batch.
    #[must_use]
    pub fn predictions(&self, logits: &Tensor, starts: &[usize]) -> Vec<(Prediction, Vec<f32>)> {
        let labels = self.config.labels.len();
        let own = |rows: std::ops::Range<usize>| {
            let own = &logits.data()[rows.start * labels..rows.end * labels];
            let prediction = match &self.config.problem {
                Problem::SingleLabel => single_label::prediction(own),
                Problem::MultiLabel { thresholds } => multi_label::prediction(own, thresholds),
                Problem::Regression => regression::prediction(own),
                Problem::TokenClassification => tokens::prediction(own, labels),
            };
            (prediction, own.to_vec())
        };
        match self.config.problem {
            Problem::TokenClassification => starts.windows(2).map(|w| own(w[0]..w[1])).collect(),
            _ => (1..starts.len()).map(|end| own(end - 1..end)).collect(),
        }
    }
}

impl HeadConfig {
    fn check(&self) -> Result<()> {
        let labels = self.labels.len();
        let invalid = |value: String, reason: String| {
            let option = "problem";
            Err(Error::OptionInvalid {
                option,
                value,
                reason,
            })
        };
        match &self.problem {
            _ if labels == 0 => invalid("without labels".into(), "name at least one".into()),
            Problem::Regression if labels != 1 => invalid(
                format!("regression with {labels} labels"),
                "it has one output, and one label that names it".into(),
            ),
            Problem::MultiLabel { thresholds } => {
                let fits = thresholds.is_empty() || thresholds.len() == labels;
                let in_range = thresholds.iter().all(|t| (0.0..=1.0).contains(t));
                if fits && in_range {
                    return Ok(());
                }
                invalid(
                    format!("multi_label with thresholds {thresholds:?}"),
                    format!("there must be one of 0 to 1 for each of the {labels} labels"),
                )
            }
            _ => Ok(()),
        }
    }
}

/// One vector per sequence, `[sequences, hidden]`.
///
/// # Panics
/// If the pooler is asked for and the backbone has none.
#[must_use]
pub fn pool(pooling: Pooling, backbone: &dyn Backbone, states: &States) -> Tensor {
    let first = || select(&states.x, &states.starts[..states.starts.len() - 1]);
    match pooling {
        Pooling::Mean => sequence_mean(&states.x, &states.starts),
        Pooling::First => first(),
        Pooling::Pooler => backbone.pool(&first()),
    }
}
