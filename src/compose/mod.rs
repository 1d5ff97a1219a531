//! Floor 6: several adapters as one. A [`Composition`] is a value over adapters' names that is
//! checked before anything runs; [`Plan`] turns it into what each row of a call is computed with, and
//! [`forward`] computes all of it in one pass. [`fusion`] is AdapterFusion, [`average`] makes one
//! adapter of several.

mod average;
mod bare;
mod check;
mod expand;
pub mod fusion;
mod half_block;
mod json;
mod node;
mod pass;
mod plan;
mod rows;
mod svd;
mod task_ref;
mod towers;

pub use average::average;
pub use bare::{BareStates, ComputedStates};
pub use check::{BLOCKS, Block, NESTING};
pub use json::MAX_DEPTH;
pub use node::Node;
pub use pass::{Unit, forward, forward_from};
pub use plan::{Channel, Computed, Origin, Part, PartNumber, Places, Plan, Visit};
pub use svd::{Svd, svd};
pub use task_ref::TaskRef;

use std::rc::Rc;

use crate::error::{Error, Result};
use crate::folder::TaskAdapter;

/// Adapters, composed. In JSON a name stands for itself, and each block is an object:
///
/// ```
/// use graftlet::compose::Composition;
///
/// let json = serde_json::json!({ "stack": ["language", { "average": [
///     { "adapter": "news", "weight": 0.3 },
///     { "adapter": "mail", "weight": 0.7 },
/// ] }] });
/// let composition = Composition::from_json(&json)?;
/// assert_eq!(composition.to_json(), json);
/// # Ok::<(), graftlet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Composition {
    /// One adapter.
    Adapter(String),
    /// One after the other in each place.
    Stack(Vec<Self>),
    /// The weighted sum of what each changes.
    Average(Average),
    /// Each for some rows of a call.
    Split(Vec<Share>),
    /// Each for all rows of a call, with an answer from each.
    Parallel(Vec<Self>),
    /// Bottlenecks whose outputs a trained layer mixes, token by token.
    Fuse {
        /// What is mixed.
        of: Vec<Self>,
        /// The name of the fusion.
        fusion: String,
    },
}

/// A weighted sum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Average {
    /// What is summed.
    pub of: Vec<Weighted>,
    /// The adapter whose head answers.
    pub head: Option<String>,
    /// How parameters become one adapter's; left to [`average`] if unset.
    pub method: Option<Method>,
    /// Rank of a LoRA that is made by [`Method::Svd`]; the largest of those averaged if unset.
    pub rank: Option<usize>,
}

/// A part of a weighted sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighted {
    /// What it is.
    pub composition: Composition,
    /// Its weight, which may be negative; one over the number of parts if unset.
    pub weight: Option<f64>,
}

/// A part of a split.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// What its rows are computed with.
    pub composition: Composition,
    /// Successive rows of the call that are its own.
    pub rows: usize,
}

/// How parameters of several adapters become one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The weighted sum of each parameter.
    Linear,
    /// LoRA: the weighted sum of the updates `s B A`, cut to a rank.
    Svd,
}

impl Method {
    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Svd => "svd",
        }
    }
}

/// Where adapters are looked up by their names.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Result<Rc<TaskAdapter>>;

impl From<&str> for Composition {
    fn from(name: &str) -> Self {
        Self::Adapter(name.to_owned())
    }
}

impl Average {
    /// The weights in force.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn weights(&self) -> Vec<f64> {
        let equal = 1.0 / self.of.len().max(1) as f64;
        let weights = self.of.iter().map(|part| part.weight.unwrap_or(equal));
        weights.collect()
    }
}

impl Composition {
    /// The blocks right inside this one.
    #[must_use]
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::Adapter(_) => Vec::new(),
            Self::Stack(of) | Self::Parallel(of) | Self::Fuse { of, .. } => of.iter().collect(),
            Self::Average(average) => average.of.iter().map(|part| &part.composition).collect(),
            Self::Split(of) => of.iter().map(|share| &share.composition).collect(),
        }
    }

    /// Every name in it: of adapters, of heads and of fusions.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = match self {
            Self::Adapter(name) => vec![name],
            Self::Fuse { fusion, .. } => vec![fusion],
            Self::Average(average) => average.head.as_deref().into_iter().collect(),
            Self::Stack(_) | Self::Split(_) | Self::Parallel(_) => Vec::new(),
        };
        names.extend(self.children().into_iter().flat_map(Self::names));
        names
    }
}

/// What is wrong with a block.
fn invalid(place: &str, reason: impl Into<String>) -> Error {
    Error::CompositionInvalid {
        place: if place.is_empty() {
            "the composition".to_owned()
        } else {
            format!("the composition at {place}")
        },
        reason: reason.into(),
    }
}
