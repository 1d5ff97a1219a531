//! How a sequence of hidden states becomes one vector.

use serde::{Deserialize, Serialize};

use crate::model::{Backbone, Hook, States};
use crate::ops::{select, sequence_mean};
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
