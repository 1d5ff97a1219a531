use std::ops::Range;
use std::sync::Arc;

use super::place::{LinearSite, NormSite, SublayerSite};
use crate::error::Result;
use crate::input::Batch;
use crate::ops::{AttentionPlan, LayerNorm, add, attention, attention_of, concat, slice};
use crate::tensor::Tensor;

/// Hidden states of a batch: `x` is `[tokens, hidden size]`, `starts` says which tokens are which
/// sequence's (see [`crate::input::Batch`]).
#[derive(Clone, Debug)]
pub struct States {
    /// `[tokens, hidden size]`.
    pub x: Tensor,
    /// Where each sequence starts, and the end of the last.
    pub starts: Arc<[usize]>,
}

/// What the self-attention of a block computes with.
pub struct Attention {
    /// Queries, `[queries, hidden size]`.
    pub q: Tensor,
    /// Keys, `[tokens, hidden size]`.
    pub k: Tensor,
    /// Values, `[tokens, hidden size]`.
    pub v: Tensor,
    /// How the block attends.
    pub plan: AttentionPlan,
    /// Where the keys of each sequence start, and the end of the last.
    pub starts: Arc<[usize]>,
    /// The places of each sequence's queries in it, where the others are computed elsewhere; `None` where every
    /// token has its query.
    pub queries: Option<Arc<[Range<usize>]>>,
}

impl Attention {
    /// The states of all queries, `[queries, hidden size]`, where every sequence also sees the keys and
    /// values of a prefix, each `[prefix, hidden size]`.
    #[must_use]
    pub fn behind(self, prefix: Option<(Tensor, Tensor)>) -> Tensor {
        let Self {
            q,
            k,
            v,
            plan,
            starts,
            queries,
        } = self;
        let (k, v, prefix) = match prefix {
            Some((keys, values)) => (concat(&[&keys, &k]), concat(&[&values, &v]), keys.dims2().0),
            None => (k, v, 0),
        };
        match queries {
            Some(queries) => attention_of(&q, &k, &v, &plan, &starts, &queries, prefix),
            None => attention(&q, &k, &v, &plan, &starts, prefix),
        }
    }

    /// What some successive sequences compute with.
    ///
    /// # Panics
    /// If there are not as many.
    #[must_use]
    pub fn of_sequences(&self, sequences: Range<usize>) -> Self {
        let tokens = self.starts[sequences.start]..self.starts[sequences.end];
        let starts = &self.starts[sequences.start..=sequences.end];
        let (own, queries) = match &self.queries {
            Some(queries) => {
                let rows = |sequences: &[Range<usize>]| sequences.iter().map(Range::len).sum();
                let first: usize = rows(&queries[..sequences.start]);
                let own = &queries[sequences];
                (first..first + rows(own), Some(own.into()))
            }
            None => (tokens.clone(), None),
        };
        Self {
            q: slice(&self.q, own),
            k: slice(&self.k, tokens.clone()),
            v: slice(&self.v, tokens.clone()),
            plan: self.plan.clone(),
            starts: starts.iter().map(|start| start - tokens.start).collect(),
            queries,
        }
    }
}

/// How the output of a half block is joined with its residual: their sum, and a norm behind it in a family whose norms
/// stand there.
#[derive(Clone, Copy, Debug)]
pub struct Join<'a>(pub Option<&'a LayerNorm>);

impl Join<'_> {
    /// Joins `h` with the `residual`, each `[tokens, hidden size]`.
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    pub fn join(self, h: Tensor, residual: &Tensor) -> Tensor {
        match self.0 {
            Some(norm) => norm.join(h, residual),
            None => add(h, residual),
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

    /// Vectors `x`: `[n, embedding size]` in place of word embeddings, at the positions 0 to n - 1 and of
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
    /// The hook that this one wraps. It answers every method that this one does not implement.
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

    /// Whether what enters layer 0 is anything else than the bare backbone's.
    fn changes_embeddings(&self) -> bool {
        let site = LinearSite::EMBEDDING_PROJECTION;
        self.inner().is_some_and(Hook::changes_embeddings)
            || self.changes_input(site)
            || self.changes_output(site)
            || self.changes_norm(NormSite::Embedding)
            || self.changes_norm(NormSite::Entry)
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

    /// The `norm` of `x`: `[tokens, width]`, where it stands alone and does not end a half block.
    fn norm(&self, site: NormSite, x: &Tensor, norm: &LayerNorm) -> Tensor {
        match self.inner() {
            Some(inner) => inner.norm(site, x, norm),
            None => self.after_norm(site, norm.forward(x)),
        }
    }

    /// The output `y`: `[tokens, width]` of a layer norm.
    fn after_norm(&self, site: NormSite, y: Tensor) -> Tensor {
        match self.inner() {
            Some(inner) => inner.after_norm(site, y),
            None => y,
        }
    }

    /// Whether [`norm`](Self::norm) or [`after_norm`](Self::after_norm) does anything else at a site.
    fn changes_norm(&self, site: NormSite) -> bool {
        self.inner().is_some_and(|inner| inner.changes_norm(site))
    }

    /// Joins the output `h` of a half block with its `residual`; both and the result are
    /// `[tokens, hidden size]`.
    fn sublayer(&self, site: SublayerSite, h: Tensor, residual: &Tensor, norm: Join<'_>) -> Tensor {
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

    /// The self-attention of a layer: `[queries, hidden size]`. What it sees beside the sequences is
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
