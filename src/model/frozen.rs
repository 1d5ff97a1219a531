use std::collections::BTreeMap;

use super::{LinearSite, SublayerSite};
use crate::ops::{FrozenLinear, LayerNorm};

/// The layers of a backbone, to read: an adapter that shares in a frozen value (DoRA the norm of a
/// weight, BitFit a bias) is built from them. Nothing is copied.
///
/// Empty where an adapter is looked at without a backbone.
#[derive(Clone, Debug, Default)]
pub struct Frozen {
    pub(super) linears: BTreeMap<LinearSite, FrozenLinear>,
    pub(super) norms: BTreeMap<SublayerSite, LayerNorm>,
    pub(super) embedding_norm: Option<LayerNorm>,
}

impl Frozen {
    /// A linear layer.
    #[must_use]
    pub fn linear(&self, site: LinearSite) -> Option<&FrozenLinear> {
        self.linears.get(&site)
    }

    /// The layer norm at the end of a half block.
    #[must_use]
    pub fn norm(&self, site: SublayerSite) -> Option<&LayerNorm> {
        self.norms.get(&site)
    }

    /// The embeddings' layer norm.
    #[must_use]
    pub fn embedding_norm(&self) -> Option<&LayerNorm> {
        self.embedding_norm.as_ref()
    }
}
