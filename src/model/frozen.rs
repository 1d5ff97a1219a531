use std::collections::BTreeMap;
use std::sync::Arc;

use super::embedding::Rows;
use super::place::{Affine, Attending, LinearSite, NormSite, Place, SublayerSite, Table};
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
    /// Of a convolution one layer for each group of its outputs.
    pub(super) convolutions: BTreeMap<usize, Vec<FrozenLinear>>,
    pub(super) attending: BTreeMap<Attending, FrozenLinear>,
    pub(super) convolution_norms: BTreeMap<usize, LayerNorm>,
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
            Place::Convolution(index) => {
                let groups = self.convolutions.get(&index)?.iter().map(affine);
                groups
                    .reduce(|mut all, own| {
                        all.weight.extend(own.weight);
                        all.bias.extend(own.bias);
                        all
                    })
                    .unwrap_or_default()
            }
            Place::Attending(layer) => affine(self.attending.get(&layer)?),
            Place::ConvolutionNorm(index) => affine_of_norm(self.convolution_norms.get(&index)?),
            Place::Scale(site) => Affine {
                weight: self.scales.get(&site)?.data().to_vec(),
                bias: Vec::new(),
            },
            Place::Norm(site) => affine_of_norm(self.norm(site)?),
        })
    }
}

fn affine_of_norm(norm: &LayerNorm) -> Affine {
    Affine {
        weight: norm.gamma().to_vec(),
        bias: norm.beta().to_vec(),
    }
}

fn affine(linear: &FrozenLinear) -> Affine {
    Affine {
        weight: linear.weight().dequantized(),
        bias: linear.bias().unwrap_or_default().to_vec(),
    }
}
