//! How a sequence of hidden states becomes one vector.

use serde::{Deserialize, Serialize};

use crate::model::{Backbone, Hook, Shape, States};
use crate::ops::{beside, select, sequence_mean};
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
    /// The mean over all states but the first, as transformers' heads on CLIP have it.
    Others,
    /// The first state, and the mean over the others beside it, as transformers' heads on DINOv2 have it.
    FirstAndOthers,
}

impl Pooling {
    /// Numbers of such a vector.
    #[must_use]
    pub fn width(self, shape: &Shape) -> usize {
        match self {
            Self::Mean | Self::First | Self::Others => shape.hidden_size,
            Self::Pooler => shape.pooled_size(),
            Self::FirstAndOthers => 2 * shape.hidden_size,
        }
    }
}

/// One vector per sequence, `[sequences, width]`, of states that were computed with `hook`.
///
/// # Panics
/// If the pooler is asked for and the backbone has none.
#[must_use]
pub fn pool(pooling: Pooling, backbone: &dyn Backbone, hook: &dyn Hook, states: &States) -> Tensor {
    let first = || select(&states.x, &states.starts[..states.starts.len() - 1]);
    match pooling {
        Pooling::Mean => sequence_mean(&states.x, &states.starts),
        Pooling::First => first(),
        Pooling::Pooler => backbone.pool(states, hook),
        Pooling::Others => others(states),
        Pooling::FirstAndOthers => beside(&first(), &others(states)),
    }
}

/// The mean over all states of each sequence but the first; of a sequence of one state that state.
fn others(states: &States) -> Tensor {
    let (mut rows, mut starts) = (Vec::new(), vec![0]);
    for bounds in states.starts.windows(2) {
        rows.extend((bounds[0] + 1).min(bounds[1].saturating_sub(1))..bounds[1]);
        starts.push(rows.len());
    }
    sequence_mean(&select(&states.x, &rows), &starts.into())
}
