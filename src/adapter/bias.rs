//! Trained biases in place of frozen ones: what BitFit and LoRA's bias modes share.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Collector, Site};
use crate::error::Result;
use crate::model::{Affine, Anatomy, Place, Shape};
use crate::ops::{add_bias, add_scaled};
use crate::tensor::Tensor;

/// Which of the backbone's biases an adapter replaces, in PEFT's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bias {
    /// None.
    #[default]
    None,
    /// Those of all linear layers and layer norms of the encoder, the pooler's included.
    All,
    /// Those of the layers that LoRA acts on.
    LoraOnly,
}

/// The field of a trained bias.
pub(super) const BIAS: &str = "bias";

/// Every module of the encoder that has a bias, in the order of computation.
pub(crate) fn all_sites(shape: &Shape) -> impl Iterator<Item = Site> {
    let modules = shape.anatomy.modules().iter();
    let biased = modules.filter(|module| module.bias && (shape.pooler || !module.is_optional()));
    biased.filter_map(|module| site_of(module.place))
}

/// What trained biases add to the frozen ones.
///
/// A parameter is the bias itself, as files have it. The frozen layer stays as it is and adds its own
/// bias; the difference is added behind it, and is exactly 0 while nothing is trained.
#[derive(Default)]
pub(super) struct Biases {
    /// Trained minus frozen, `[features]`.
    differences: BTreeMap<Site, Tensor>,
}

impl Biases {
    /// Takes the biases of these places that the source has.
    pub(super) fn build(
        sites: impl IntoIterator<Item = Site>,
        shape: &Shape,
        tensors: &mut Collector<'_>,
    ) -> Result<Self> {
        let mut differences = BTreeMap::new();
        for site in sites {
            // PEFT leaves a bias that its file does not hold as it was
            if !tensors.has(site, BIAS) {
                continue;
            }
            let frozen = frozen(site, shape);
            let trained = tensors.get_from(site, BIAS, &frozen)?;
            differences.insert(site, add_scaled(trained, &frozen, -1.0));
        }
        Ok(Self { differences })
    }

    /// Whether the bias of a place is replaced.
    pub(super) fn contains(&self, site: Site) -> bool {
        self.differences.contains_key(&site)
    }

    /// [`Adapter::merge`](super::Adapter::merge) of the biases.
    pub(super) fn merge(&self, place: Place, weights: &mut Affine) {
        let site = site_of(place);
        if let Some(difference) = site.and_then(|site| self.differences.get(&site)) {
            let bias = weights.bias.iter_mut().zip(difference.data());
            bias.for_each(|(bias, difference)| *bias += difference);
        }
    }

    /// `y`: `[tokens, features]` with the trained bias in place of the frozen one.
    pub(super) fn apply(&self, site: Site, y: Tensor) -> Tensor {
        match self.differences.get(&site) {
            Some(difference) => add_bias(y, difference),
            None => y,
        }
    }
}

/// The site of a module's bias.
fn site_of(place: Place) -> Option<Site> {
    match place {
        Place::Linear(site) => Some(Site::Linear(site)),
        Place::Norm(site) => Some(Site::Norm(site)),
        _ => None,
    }
}

/// The module that a bias is of.
fn place_of(site: Site) -> Option<Place> {
    match site {
        Site::Linear(site) => Some(Place::Linear(site)),
        Site::Norm(site) => Some(Place::Norm(site)),
        Site::Sublayer(_) | Site::Encoder | Site::Head => None,
    }
}

/// The frozen bias, `[features]`; zeros where there is none to read.
fn frozen(site: Site, shape: &Shape) -> Tensor {
    let place = place_of(site);
    let module = place.and_then(|place| shape.anatomy.module(place));
    let width = module.map_or(0, |module| module.shape[0]);
    let bias = match site {
        Site::Linear(site) => shape.frozen.linear(site).and_then(|layer| layer.bias()),
        Site::Norm(site) => shape.frozen.norm(site).map(|norm| norm.beta()),
        Site::Sublayer(_) | Site::Encoder | Site::Head => None,
    };
    match bias {
        Some(bias) if bias.len() == width => Tensor::new(bias.to_vec(), &[width]),
        _ => Tensor::new(vec![0.0; width], &[width]),
    }
}

/// A bias's key in PEFT's file, below the encoder. A layer that LoRA acts on lies one level deeper.
pub(crate) fn peft_key(anatomy: &Anatomy, site: Site, is_target: bool) -> String {
    let path = place_of(site).map(|place| anatomy.path(place));
    let path = path.unwrap_or_default();
    match is_target {
        true => format!("{path}.base_layer.bias"),
        false => format!("{path}.bias"),
    }
}
