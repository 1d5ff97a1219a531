//! Floor 3: heads. From hidden states to logits.

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

/// Settings of a classification head.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadConfig {
    /// What it reads.
    pub pooling: Pooling,
    /// Nonlinearity after a dense layer of hidden size, if there is one before the last layer.
    pub dense: Option<Activation>,
    /// One label per logit.
    pub labels: Vec<String>,
}

/// A classification head: a vector per sequence, perhaps a dense layer, then one logit per label.
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
    /// have.
    pub fn build(config: HeadConfig, shape: &Shape, source: &mut dyn ParamSource) -> Result<Self> {
        if config.pooling == Pooling::Pooler && !shape.pooler {
            return Err(Error::OptionInvalid {
                option: "pooling",
                value: "pooler".into(),
                reason: format!("{} has no pooler; use \"mean\" or \"first\"", shape.name),
            });
        }
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

    /// Logits `[sequences, labels]` of a batch's last hidden states.
    #[must_use]
    pub fn logits(&self, backbone: &dyn Backbone, states: &States) -> Tensor {
        let mut x = pool(self.config.pooling, backbone, states);
        if let Some((activation, weight, bias)) = &self.dense {
            x = activation.forward(add_bias(linear(&x, weight), bias));
        }
        add_bias(linear(&x, &self.weight), &self.bias)
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
