use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::input::text::Batch;
use crate::ops::{LayerNorm, attention, concat};
use crate::tensor::Tensor;

/// What a linear layer of the encoder does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Linear {
    /// Queries of the self-attention.
    Query,
    /// Keys of the self-attention.
    Key,
    /// Values of the self-attention.
    Value,
    /// Output projection of the self-attention.
    AttentionOutput,
    /// First, widening layer of the feed-forward network.
    FfnUp,
    /// Second, narrowing layer of the feed-forward network.
    FfnDown,
    /// The pooler's layer, which reads the first token's last state. There is one behind the blocks.
    Pooler,
}

impl Linear {
    /// All of them, in the order of computation.
    pub const ALL: [Self; 7] = [
        Self::Query,
        Self::Key,
        Self::Value,
        Self::AttentionOutput,
        Self::FfnUp,
        Self::FfnDown,
        Self::Pooler,
    ];

    /// Those that every transformer block has, in the order of computation.
    pub const BLOCK: [Self; 6] = [
        Self::Query,
        Self::Key,
        Self::Value,
        Self::AttentionOutput,
        Self::FfnUp,
        Self::FfnDown,
    ];

    /// Whether every transformer block has one; else there is one for the whole encoder.
    #[must_use]
    pub fn is_in_block(self) -> bool {
        self != Self::Pooler
    }

    /// The name used in configurations and listings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Key => "key",
            Self::Value => "value",
            Self::AttentionOutput => "attention_output",
            Self::FfnUp => "ffn_up",
            Self::FfnDown => "ffn_down",
            Self::Pooler => "pooler",
        }
    }
}

/// One linear layer of the backbone: what it does, and in which block. Sites are ordered as they are
/// computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinearSite {
    /// Zero-based layer; `None` for a linear layer outside of the blocks.
    pub layer: Option<usize>,
    /// Which linear.
    pub linear: Linear,
}

impl LinearSite {
    /// The pooler's linear layer.
    pub const POOLER: Self = Self {
        layer: None,
        linear: Linear::Pooler,
    };

    /// A linear layer of a block, or the encoder's only one of that name, whatever the block.
    #[must_use]
    pub fn new(layer: usize, linear: Linear) -> Self {
        Self {
            layer: linear.is_in_block().then_some(layer),
            linear,
        }
    }

    /// The name for listings and errors: "query of layer 3", "pooler".
    #[must_use]
    pub fn title(self) -> String {
        match self.layer {
            Some(layer) => format!("{} of layer {layer}", self.linear.name()),
            None => self.linear.name().to_owned(),
        }
    }
}

impl Ord for LinearSite {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // what lies outside of the blocks is computed behind them
        let place = |site: &Self| (site.layer.is_none(), site.layer, site.linear);
        place(self).cmp(&place(other))
    }
}

impl PartialOrd for LinearSite {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The two halves of a transformer block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sublayer {
    /// The self-attention.
    Attention,
    /// The feed-forward network.
    Ffn,
}

impl Sublayer {
    /// Both, in the order of computation.
    pub const ALL: [Self; 2] = [Self::Attention, Self::Ffn];

    /// The name used in configurations and listings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Attention => "attention",
            Self::Ffn => "ffn",
        }
    }
}

/// One half of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SublayerSite {
    /// Zero-based layer.
    pub layer: usize,
    /// Which half.
    pub sublayer: Sublayer,
}

/// Hidden states of a batch: `x` is `[tokens, hidden size]`, `starts` says which tokens are which
/// sequence's (see [`crate::input::text::Batch`]).
#[derive(Clone, Debug)]
pub struct States {
    /// `[tokens, hidden size]`.
    pub x: Tensor,
    /// Where each sequence starts, and the end of the last.
    pub starts: Arc<[usize]>,
}

/// What the self-attention of a block computes with.
pub struct Attention {
    /// Queries, `[tokens, hidden size]`.
    pub q: Tensor,
    /// Keys, in the same shape.
    pub k: Tensor,
    /// Values, in the same shape.
    pub v: Tensor,
    /// Number of heads.
    pub heads: usize,
    /// Where each sequence starts, and the end of the last.
    pub starts: Arc<[usize]>,
}

impl Attention {
    /// The states of all tokens, `[tokens, hidden size]`, where every sequence also sees the keys and
    /// values of a prefix, each `[prefix, hidden size]`.
    #[must_use]
    pub fn behind(self, prefix: Option<(Tensor, Tensor)>) -> Tensor {
        let Self {
            q,
            k,
            v,
            heads,
            starts,
        } = self;
        match prefix {
            Some((keys, values)) => {
                let count = keys.dims2().0;
                let (k, v) = (concat(&[&keys, &k]), concat(&[&values, &v]));
                attention(&q, &k, &v, heads, &starts, count)
            }
            None => attention(&q, &k, &v, heads, &starts, 0),
        }
    }
}

/// The layer below layer 0, as a [`Hook`] sees it.
pub trait Embedder {
    /// The states of a batch as they enter layer 0. `first_position` is the position of each
    /// sequence's first token; it is above 0 where virtual tokens take the positions before.
    ///
    /// # Errors
    /// [`Error::TextTooLong`](crate::Error::TextTooLong) for a sequence whose positions do not all
    /// exist, [`Error::ConfigInvalid`](crate::Error::ConfigInvalid) for a token or a token type that
    /// the model has no embedding for.
    fn tokens(&self, batch: &Batch, first_position: usize) -> Result<States>;

    /// Vectors `x`: `[n, hidden size]` in place of word embeddings, at the positions 0 to n - 1 and of
    /// token type 0: what enters layer 0 for them.
    ///
    /// # Panics
    /// If the model has fewer positions; [`tokens`](Self::tokens) with `first_position` n fails then.
    fn vectors(&self, x: &Tensor) -> Tensor;
}

/// All that a backbone knows of adapters: the places where one may change a value.
///
/// Every method defaults to what [`inner`](Self::inner) does, and without an inner hook to changing nothing. All take and
/// return tensors, so differentiation gives an adapter's backward pass for free.
pub trait Hook {
    /// The hook around which this one stands: it answers for every method that this one leaves out.
    fn inner(&self) -> Option<&dyn Hook> {
        None
    }

    /// What enters layer 0; an implementation may put virtual tokens into every sequence.
    ///
    /// # Errors
    /// Those of [`Embedder::tokens`].
    fn embeddings(&self, batch: &Batch, embedder: &dyn Embedder) -> Result<States> {
        match self.inner() {
            Some(inner) => inner.embeddings(batch, embedder),
            None => embedder.tokens(batch, 0),
        }
    }

    /// Whether [`embeddings`](Self::embeddings) does anything else.
    fn changes_embeddings(&self) -> bool {
        self.inner().is_some_and(Hook::changes_embeddings)
    }

    /// Position of the first token of a text: the number of positions that virtual tokens take from it.
    fn first_position(&self) -> usize {
        self.inner().map_or(0, Hook::first_position)
    }

    /// The input `x`: `[tokens, in]` of a linear layer; `[sequences, in]` at the pooler.
    fn before_linear(&self, site: LinearSite, x: Tensor) -> Tensor {
        match self.inner() {
            Some(inner) => inner.before_linear(site, x),
            None => x,
        }
    }

    /// Whether [`before_linear`](Self::before_linear) does anything at a site; where it does not, a
    /// backbone may compute layers that share an input in one go.
    fn changes_input(&self, site: LinearSite) -> bool {
        self.inner().is_some_and(|inner| inner.changes_input(site))
    }

    /// The frozen queries, keys and values of a layer, each `[tokens, hidden size]`; `project` computes
    /// them for any rows of `x`: `[tokens, hidden size]`. Whoever knows that rows are equal need not
    /// compute them twice.
    fn projections(
        &self,
        layer: usize,
        x: &Tensor,
        project: &dyn Fn(&Tensor) -> [Tensor; 3],
    ) -> [Tensor; 3] {
        match self.inner() {
            Some(inner) => inner.projections(layer, x, project),
            None => project(x),
        }
    }

    /// The output `y`: `[tokens, out]` of a linear layer whose input was `x`: `[tokens, in]`.
    fn after_linear(&self, site: LinearSite, x: &Tensor, y: Tensor) -> Tensor {
        match self.inner() {
            Some(inner) => inner.after_linear(site, x, y),
            None => y,
        }
    }

    /// Whether [`after_linear`](Self::after_linear) does anything at a site; where it does not, a
    /// backbone may compute the layer and what follows it in one go.
    fn changes_output(&self, site: LinearSite) -> bool {
        self.inner().is_some_and(|inner| inner.changes_output(site))
    }

    /// Joins the output `h` of a half block with its `residual` and normalises the sum; all
    /// `[tokens, hidden size]`.
    fn sublayer(
        &self,
        site: SublayerSite,
        h: Tensor,
        residual: &Tensor,
        norm: &LayerNorm,
    ) -> Tensor {
        match self.inner() {
            Some(inner) => inner.sublayer(site, h, residual, norm),
            None => norm.join(h, residual),
        }
    }

    /// Whether [`sublayer`](Self::sublayer) does anything else at a site.
    fn changes_sublayer(&self, site: SublayerSite) -> bool {
        self.inner()
            .is_some_and(|inner| inner.changes_sublayer(site))
    }

    /// Keys and values, each `[prefix, hidden size]`, that every sequence sees in this layer.
    fn key_value_prefix(&self, layer: usize) -> Option<(Tensor, Tensor)> {
        self.inner()?.key_value_prefix(layer)
    }

    /// The self-attention of a layer: `[tokens, hidden size]`. What it sees beside the sequences is
    /// [`key_value_prefix`](Self::key_value_prefix)'s to say, unless sequences differ in that.
    fn attention(&self, layer: usize, input: Attention) -> Tensor {
        match self.inner() {
            Some(inner) => inner.attention(layer, input),
            None => input.behind(self.key_value_prefix(layer)),
        }
    }

    /// The lowest layer that the adapter changes, `None` if it changes none. Below it a batch's
    /// states do not depend on the adapter. An adapter that acts on the embeddings says 0.
    fn lowest_layer(&self) -> Option<usize>;
}

/// The bare backbone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHook;

impl Hook for NoHook {
    fn lowest_layer(&self) -> Option<usize> {
        None
    }
}
