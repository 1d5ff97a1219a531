//! Floor 4: heads. From hidden states to logits, from logits to an answer or a loss. One file a
//! problem, one row a problem in [`PROBLEMS`].

mod about;
mod calibration;
mod config;
mod decision;
mod dense;
pub mod field;
mod judged;
mod loss;
mod metric;
pub mod metrics;
mod multi_label;
mod name;
mod number;
mod pairs;
mod pooling;
mod prediction;
mod problem;
mod ranking;
mod scores;
mod single_label;
mod spans;
mod tags;
mod targets;
mod unit;

use std::borrow::Cow;

pub use pooling::pool;
use scores::over;

use crate::error::{Error, Result};
use crate::model::{Backbone, Hook, PoolerReads, Shape, States};
use crate::ops::{Activation, add_bias, dropout, linear, pair_features};
use crate::params::{Collector, Init, ParamSource, Parameter, Site};
use crate::tensor::Tensor;

pub use about::{About, Form, Measure, Reads};
pub use calibration::{Calibration, Reject};
pub use config::HeadConfig;
pub use decision::Decision;
pub use dense::Dense;
pub use judged::{Evaluation, How, Judged};
pub use loss::LossSettings;
pub use metric::Metric;
pub use multi_label::{DEFAULT_THRESHOLD, LABEL_SEPARATOR, best_thresholds};
pub use name::{Problem, ProblemName};
pub use pairs::Pairs;
pub use pooling::Pooling;
pub use prediction::Prediction;
pub use problem::{Group, Likeness, ProblemKind, Term};
pub use ranking::{FIRST, SECOND, TIE};
pub use scores::{argmax, sigmoid, softmax};
pub use single_label::OUTSIDE;
pub use spans::{Span, TokenLabel, span_label, spans};
pub use tags::{Tagged, tagged, tagged_target};
pub use targets::{Labelled, Targets};
pub use unit::Unit;

/// All problems. A new one is a file with an `impl` of [`ProblemKind`], and a row here.
pub static PROBLEMS: &[ProblemName] = &[
    SINGLE_LABEL,
    MULTI_LABEL,
    REGRESSION,
    TOKEN_CLASSIFICATION,
    RANKING,
];

/// One label a text.
pub const SINGLE_LABEL: ProblemName = ProblemName(&single_label::SingleLabel);

/// Any number of labels a text.
pub const MULTI_LABEL: ProblemName = ProblemName(&multi_label::MultiLabel);

/// One number a text.
pub const REGRESSION: ProblemName = ProblemName(&number::Number);

/// One label a token.
pub const TOKEN_CLASSIFICATION: ProblemName = ProblemName(&tags::Tags);

/// Which of two texts is better.
pub const RANKING: ProblemName = ProblemName(&ranking::Ranking);

/// A head: a vector per sequence or token, perhaps a dense layer, then one logit per label.
pub struct Head {
    config: HeadConfig,
    dense: Option<(Activation, Tensor, Tensor)>,
    /// `[labels, width]`, `[labels, dense]` behind a dense layer
    weight: Tensor,
    /// `[labels]`
    bias: Tensor,
    parameters: Vec<Parameter>,
    calibration: Option<Calibration>,
    /// The thresholds of its settings, and the calibration.
    decision: Decision,
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
        let labels = config.labels.len();
        let mut width = config.width(shape);
        let mut tensors = Collector::new(source);
        let mut get = |field, dims: &[usize], init| tensors.get(Site::Head, field, dims, init);
        let dense = match config.dense {
            Some(Dense { activation, size }) => {
                let size = size.unwrap_or(shape.hidden_size);
                let weight = get(field::DENSE, &[size, width], Init::Normal(0.02))?;
                width = size;
                Some((
                    activation,
                    weight,
                    get(field::DENSE_BIAS, &[size], Init::Zeros)?,
                ))
            }
            None => None,
        };
        let weight = match config.starts_as_cosine() {
            true => {
                let mut cosine = vec![0.0; width];
                cosine[width - 1] = 1.0;
                tensors.get_from(Site::Head, field::OUT, &Tensor::new(cosine, &[1, width]))?
            }
            false => tensors.get(Site::Head, field::OUT, &[labels, width], Init::Normal(0.02))?,
        };
        let bias = tensors.get(Site::Head, field::OUT_BIAS, &[labels], Init::Zeros)?;
        let parameters = tensors.into_parameters();
        Ok(Self {
            decision: Decision::with(&config.problem.thresholds, None),
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
        self.decision = Decision::with(&self.config.problem.thresholds, calibration.as_ref());
        self.calibration = calibration;
    }

    /// Logits of a batch's last hidden states: `[sequences, labels]`, or `[tokens, labels]` of a head
    /// that labels tokens, or `[pairs, labels]` of a head that compares the texts of a pair. `hook` is what the states were
    /// computed with; it may act on the pooler too.
    ///
    /// # Panics
    /// If the head compares the texts of a pair, and the number of sequences is odd.
    #[must_use]
    pub fn logits(&self, backbone: &dyn Backbone, hook: &dyn Hook, states: &States) -> Tensor {
        self.logits_of(self.features(self.read(backbone, hook, states)))
    }

    /// What the head says of each sequence alone: its [`logits`](Self::logits), or of a head that compares the texts of a pair
    /// the vectors that it [reads](Self::read), of which [`row_logits`](Self::row_logits) makes the logits of the pair.
    #[must_use]
    pub fn said(&self, backbone: &dyn Backbone, hook: &dyn Hook, states: &States) -> Tensor {
        let read = self.read(backbone, hook, states);
        match self.config.compares() {
            true => read,
            false => self.logits_of(read),
        }
    }

    /// The logits of a row, of what the head [said](Self::said) of its sequences, end to end.
    ///
    /// # Panics
    /// If the head compares the texts of a pair, and these are not two vectors.
    #[must_use]
    pub fn row_logits(&self, said: Vec<f32>) -> Vec<f32> {
        if !self.config.compares() {
            return said;
        }
        let hidden = said.len() / 2;
        let vectors = Tensor::new(said, &[2, hidden]);
        self.logits_of(self.features(vectors)).data().to_vec()
    }

    /// What the first layer reads: of the vectors `[sequences, hidden]` that [`read`](Self::read) gives, for a head that compares
    /// the texts of a pair, the features of each pair, `[pairs, 4 hidden + 1]`.
    ///
    /// # Panics
    /// If the number of vectors is odd then.
    #[must_use]
    pub fn features(&self, read: Tensor) -> Tensor {
        match self.config.compares() {
            true => pair_features(&read),
            false => read,
        }
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
            return self.logits_of(self.features(x));
        }
        let of_tokens = self.reads_tokens();
        let sequences = states.starts.windows(2).zip(seeds);
        let rows = sequences.map(|(w, &seed)| (seed, if of_tokens { w[1] - w[0] } else { 1 }));
        self.logits_of(self.features(dropout(&x, share, rows)))
    }

    /// Whether it reads the state of each sequence's first token and no other.
    #[must_use]
    pub fn reads_first_tokens(&self, backbone: &dyn Backbone) -> bool {
        let first = match self.config.pooling {
            Pooling::First => true,
            Pooling::Pooler => backbone.shape().anatomy.pooler.reads == PoolerReads::First,
            Pooling::Mean | Pooling::Others | Pooling::FirstAndOthers => false,
        };
        first && !self.reads_tokens()
    }

    /// What the head reads: a vector a sequence, or a token, `[vectors, hidden]`.
    #[must_use]
    pub fn read(&self, backbone: &dyn Backbone, hook: &dyn Hook, states: &States) -> Tensor {
        let reads_pooler = self.config.reads_pooler(backbone.shape());
        match self.reads_tokens() {
            true if reads_pooler => {
                let each = States {
                    x: states.x.clone(),
                    starts: (0..=states.x.dims2().0).collect(),
                };
                backbone.pool(&each, hook)
            }
            true => states.x.clone(),
            false => pool(self.config.pooling, backbone, hook, states),
        }
    }

    fn logits_of(&self, mut x: Tensor) -> Tensor {
        if let Some((activation, weight, bias)) = &self.dense {
            x = activation.forward(add_bias(linear(&x, weight), bias));
        }
        add_bias(linear(&x, &self.weight), &self.bias)
    }

    /// The loss of [`logits`](Self::logits), a mean over all that is judged. `starts` are those of the
    /// states, `targets` have the words that the problem's file describes.
    ///
    /// # Panics
    /// If the targets are not of the head's problem and as many as the logits.
    #[must_use]
    pub fn loss(&self, logits: &Tensor, starts: &[usize], targets: &[&[u32]]) -> Tensor {
        self.loss_with(logits, starts, targets, &LossSettings::default())
    }

    /// [`loss`](Self::loss) by settings: a mean with the [weights](ProblemKind::weight) of the targets.
    ///
    /// # Panics
    /// As [`loss`](Self::loss).
    #[must_use]
    pub fn loss_with(
        &self,
        logits: &Tensor,
        starts: &[usize],
        targets: &[&[u32]],
        settings: &LossSettings,
    ) -> Tensor {
        self.config
            .problem
            .kind
            .loss(logits, starts, targets, settings)
    }

    /// Each sequence's own part of what the head [said](Self::said): `[labels]`, or `[tokens, labels]`, or a vector `[hidden]`.
    ///
    /// `starts` says where each sequence starts in the batch, and the end of the last.
    ///
    /// # Panics
    /// If it was said of another batch.
    pub fn own_part<'a>(
        &self,
        said: &'a Tensor,
        starts: &'a [usize],
    ) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let (width, of_tokens) = (said.dims2().1, self.reads_tokens());
        starts
            .windows(2)
            .enumerate()
            .map(move |(sequence, bounds)| {
                let rows = match of_tokens {
                    true => bounds[0]..bounds[1],
                    false => sequence..sequence + 1,
                };
                &said.data()[rows.start * width..rows.end * width]
            })
    }

    /// Whether it has logits of each token.
    #[must_use]
    pub fn reads_tokens(&self) -> bool {
        self.config.problem.kind.reads_tokens()
    }

    /// Whether it reads each text of a pair as a sequence of its own.
    #[must_use]
    pub fn reads_apart(&self) -> bool {
        self.config.pairs == Pairs::Apart
    }

    /// Whether it compares the two texts of a pair, and has nothing to say of one alone.
    #[must_use]
    pub fn compares(&self) -> bool {
        self.config.compares()
    }

    /// The labels of its answers: its own, unless the problem has others.
    #[must_use]
    pub fn answers(&self) -> Cow<'_, [String]> {
        self.config.answers()
    }

    /// Refuses logits that are not finite, or not finite after division by the temperature: `[labels]` or `[tokens, labels]` of the text
    /// at `index` of a call.
    ///
    /// # Errors
    /// [`Error::LogitsNotFinite`].
    pub fn check_finite(&self, logits: &[f32], index: usize) -> Result<()> {
        let scaled = over(logits, self.decision.temperature.unwrap_or(1.0));
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

    /// What the logits of one text say: `[labels]`, or `[tokens, labels]` of a head that labels tokens;
    /// of a head that reads the texts of a pair apart, those of each text, end to end.
    #[must_use]
    pub fn prediction(&self, logits: &[f32]) -> Prediction {
        let reject = self.calibration.as_ref();
        let reject = reject.and_then(|calibration| calibration.reject.as_ref());
        let how = How {
            labels: &self.config.labels,
            reject: reject.map(|reject| reject.label.as_str()),
            decision: &self.decision,
        };
        self.config.problem.kind.predict(logits, &how)
    }
}
