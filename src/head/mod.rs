//! Floor 4: heads. From hidden states to logits, from logits to an answer or a loss. One file a
//! problem.

mod calibration;
mod loss;
mod multi_label;
mod problem;
mod regression;
mod single_label;
mod tokens;

pub use calibration::{Calibration, Reject};
pub use loss::LossSettings;
pub use multi_label::{DEFAULT_THRESHOLD, best_thresholds, sigmoid};
pub use problem::{Problem, ProblemName};
pub use single_label::{argmax, softmax};
pub use tokens::{Span, TokenLabel, span_label, spans, token_targets};

use serde::{Deserialize, Serialize};

use calibration::tempered;

use crate::error::{Error, Result};
use crate::model::{Backbone, Hook, Shape, States};
use crate::ops::{Activation, add_bias, dropout, linear, select, sequence_mean};
use crate::params::{Collector, Init, ParamSource, Parameter, Site};
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

/// What a text should be answered with.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Index of the label.
    Label(usize),
    /// None of the labels, by a head for one label.
    Outside,
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
    /// None of the labels: the best score is below what [`Calibration::reject`] asks for.
    Rejected {
        /// The answer in place of a label.
        label: String,
        /// As of a label.
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
    calibration: Option<Calibration>,
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
        if config.reads_pooler(shape) && !shape.pooler {
            return Err(Error::OptionInvalid {
                option: "pooling",
                value: "pooler".into(),
                reason: "the backbone has no pooler; use \"mean\" or \"first\"".into(),
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
            calibration: None,
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

    /// How its scores are made of its logits; `None` for the plain way.
    #[must_use]
    pub fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref()
    }

    /// Makes its scores of its logits in this way from here on.
    pub fn calibrate(&mut self, calibration: Option<Calibration>) {
        self.calibration = calibration;
    }

    /// Logits of a batch's last hidden states: `[sequences, labels]`, or `[tokens, labels]` of a head
    /// that labels tokens. `hook` is what the states were computed with; it may act on the pooler too.
    #[must_use]
    pub fn logits(&self, backbone: &dyn Backbone, hook: &dyn Hook, states: &States) -> Tensor {
        self.logits_of(self.read(backbone, hook, states))
    }

    /// [`logits`](Self::logits) in training: of what the head reads, an element is left out with
    /// probability `share`. There is one of the `seeds` a sequence.
    ///
    /// # Panics
    /// If `share` is not below 1, or there are not as many seeds as sequences.
    #[must_use]
    pub fn logits_in_training(
        &self,
        backbone: &dyn Backbone,
        hook: &dyn Hook,
        states: &States,
        (share, seeds): (f32, &[u64]),
    ) -> Tensor {
        let x = self.read(backbone, hook, states);
        if share <= 0.0 {
            return self.logits_of(x);
        }
        let of_tokens = self.config.problem == Problem::TokenClassification;
        let sequences = states.starts.windows(2).zip(seeds);
        let rows = sequences.map(|(w, &seed)| (seed, if of_tokens { w[1] - w[0] } else { 1 }));
        self.logits_of(dropout(&x, share, rows))
    }

    /// What the head reads: a vector a sequence, or a token.
    fn read(&self, backbone: &dyn Backbone, hook: &dyn Hook, states: &States) -> Tensor {
        let reads_pooler = self.config.reads_pooler(backbone.shape());
        match self.config.problem {
            Problem::TokenClassification if reads_pooler => backbone.pool(&states.x, hook),
            Problem::TokenClassification => states.x.clone(),
            _ => pool(self.config.pooling, backbone, hook, states),
        }
    }

    fn logits_of(&self, mut x: Tensor) -> Tensor {
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
        self.loss_with(logits, targets, &LossSettings::default())
    }

    /// [`loss`](Self::loss) by settings: a mean with the [weights](LossSettings::weight) of the targets.
    ///
    /// # Panics
    /// As [`loss`](Self::loss).
    #[must_use]
    pub fn loss_with(
        &self,
        logits: &Tensor,
        targets: &[&Target],
        settings: &LossSettings,
    ) -> Tensor {
        match self.config.problem {
            Problem::SingleLabel => single_label::loss(logits, targets, settings),
            Problem::MultiLabel { .. } => multi_label::loss(logits, targets),
            Problem::Regression => regression::loss(logits, targets),
            Problem::TokenClassification => tokens::loss(logits, targets, settings),
        }
    }

    /// How many terms of the loss a sequence's target makes.
    #[must_use]
    pub fn judged(target: &Target) -> usize {
        match target {
            Target::Label(_) | Target::Outside | Target::Number(_) => 1,
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
            (self.prediction(own), own.to_vec())
        };
        match self.config.problem {
            Problem::TokenClassification => starts.windows(2).map(|w| own(w[0]..w[1])).collect(),
            _ => (1..starts.len()).map(|end| own(end - 1..end)).collect(),
        }
    }

    /// Refuses logits that are no numbers, or are none over the temperature: `[labels]` or `[tokens, labels]` of the text
    /// at `index` of a call.
    ///
    /// # Errors
    /// [`Error::LogitsNotFinite`].
    pub fn check_finite(&self, logits: &[f32], index: usize) -> Result<()> {
        let scaled = tempered(logits, self.calibration.as_ref());
        let Some(at) = scaled.iter().position(|logit| !logit.is_finite()) else {
            return Ok(());
        };
        let labels = &self.config.labels;
        Err(Error::LogitsNotFinite {
            index,
            label: labels[at % labels.len()].clone(),
            value: if scaled[at].is_nan() {
                "NaN"
            } else {
                "infinity"
            },
        })
    }

    /// What the logits of one text say: `[labels]`, or `[tokens, labels]` of a head that labels tokens.
    #[must_use]
    pub fn prediction(&self, logits: &[f32]) -> Prediction {
        let calibration = self.calibration.as_ref();
        match &self.config.problem {
            Problem::SingleLabel => single_label::prediction(logits, calibration),
            Problem::MultiLabel { thresholds } => {
                multi_label::prediction(&tempered(logits, calibration), thresholds)
            }
            Problem::Regression => regression::prediction(logits),
            Problem::TokenClassification => {
                tokens::prediction(&tempered(logits, calibration), self.config.labels.len())
            }
        }
    }
}

impl HeadConfig {
    /// Whether it reads what the checkpoint's pooler gives.
    #[must_use]
    pub fn reads_pooler(&self, shape: &Shape) -> bool {
        let of_tokens = self.problem == Problem::TokenClassification;
        self.pooling == Pooling::Pooler && (!of_tokens || shape.anatomy.pooler.of_tokens)
    }

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

/// One vector per sequence, `[sequences, hidden]`, of states that were computed with `hook`.
///
/// # Panics
/// If the pooler is asked for and the backbone has none.
#[must_use]
pub fn pool(pooling: Pooling, backbone: &dyn Backbone, hook: &dyn Hook, states: &States) -> Tensor {
    let first = || select(&states.x, &states.starts[..states.starts.len() - 1]);
    match pooling {
        Pooling::Mean => sequence_mean(&states.x, &states.starts),
        Pooling::First => first(),
        Pooling::Pooler if backbone.shape().anatomy.pooler.mean => {
            backbone.pool(&sequence_mean(&states.x, &states.starts), hook)
        }
        Pooling::Pooler => backbone.pool(&first(), hook),
    }
}
