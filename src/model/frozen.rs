use std::collections::BTreeMap;
use std::sync::Arc;

use super::embedding::Rows;
use super::place::{Affine, LinearSite, NormSite, Place, SublayerSite, Table};
use crate::ops::{FrozenLinear, LayerNorm};
use crate::tensor::Tensor;

/// The modules of a backbone, to read: an adapter that needs a frozen value (DoRA the norm of a
/// weight, BitFit a bias) is built from them. Nothing is copied.
///
/// Empty where an adapter is looked at without a backbone.
#[derive(Clone, Debug, Default)]
pub struct Frozen {
    pub(super) tables: BTreeMap<Table, Arc<Rows>>,
    pub(super) linears: BTreeMap<LinearSite, FrozenLinear>,
    pub(super) convolutions: BTreeMap<usize, FrozenLinear>,
    pub(super) scales: BTreeMap<SublayerSite, Tensor>,
    pub(super) norms: BTreeMap<NormSite, LayerNorm>,
}

impl Frozen {
    /// A linear layer.
    #[must_use]
    pub fn linear(&self, site: LinearSite) -> Option<&FrozenLinear> {
        self.linears.get(&site)
    }

    /// Gives back the memory that backward passes through the linear layers have left.
    pub fn forget_backward(&self) {
        self.linears
            .values()
            .for_each(FrozenLinear::forget_backward);
    }

    /// A layer norm.
    #[must_use]
    pub fn norm(&self, site: NormSite) -> Option<&LayerNorm> {
        self.norms.get(&site)
    }

    /// A copy of a module's weights in 32-bit floats.
    #[must_use]
    pub fn affine(&self, place: Place) -> Option<Affine> {
        Some(match place {
            Place::Table(table) => Affine {
                weight: self.tables.get(&table)?.dequantized(),
                bias: Vec::new(),
            },
            Place::Linear(site) => affine(self.linear(site)?),
            Place::Convolution(index) => affine(self.convolutions.get(&index)?),
            Place::Scale(site) => Affine {
                weight: self.scales.get(&site)?.data().to_vec(),
                bias: Vec::new(),
            },
            Place::Norm(site) => {
                let norm = self.norm(site)?;
                Affine {
                    weight: norm.gamma().to_vec(),
                    bias: norm.beta().to_vec(),
                }
            }
        })
    }
}

fn affine(linear: &FrozenLinear) -> Affine {
    Affine {
        weight: linear.weight().dequantized(),
        bias: linear.bias().unwrap_or_default().to_vec(),
    }
}
