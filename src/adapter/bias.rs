//! Trained biases in place of frozen ones: what BitFit and LoRA's bias modes share.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Collector, Site};
use crate::error::Result;
use crate::model::{Affine, Linear, LinearSite, Module, Modules};
use crate::model::{Shape, Sublayer, SublayerSite};
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

/// Every place of the encoder that has a bias: the embeddings' layer norm, then each layer's linear
/// layers and layer norms, then the linear layers outside of the blocks.
pub(super) fn all_sites(shape: &Shape) -> impl Iterator<Item = Site> {
    let layers = (0..shape.layers).flat_map(|layer| {
        let linear = move |linear| Site::Linear(LinearSite::new(layer, linear));
        let norm = move |sublayer| Site::Sublayer(SublayerSite { layer, sublayer });
        let linears = Linear::BLOCK.into_iter().map(linear);
        linears.chain(Sublayer::ALL.into_iter().map(norm))
    });
    let outside = shape.linear_sites().filter(|site| site.layer.is_none());
    let outside = outside.map(Site::Linear);
    std::iter::once(Site::Encoder).chain(layers).chain(outside)
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
    pub(super) fn merge(&self, module: Module, weights: &mut Affine) {
        if let Some(difference) = self.differences.get(&site_of(module)) {
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

/// The place of a module's bias.
fn site_of(module: Module) -> Site {
    match module {
        Module::Linear(site) => Site::Linear(site),
        Module::Norm(site) => Site::Sublayer(site),
        Module::EmbeddingNorm => Site::Encoder,
    }
}

/// The frozen bias, `[features]`; zeros where there is none to read.
fn frozen(site: Site, shape: &Shape) -> Tensor {
    let (width, bias) = match site {
        Site::Linear(site) => (
            shape.linear_features(site.linear).1,
            shape.frozen.linear(site).and_then(|layer| layer.bias()),
        ),
        Site::Sublayer(site) => (
            shape.hidden_size,
            shape.frozen.norm(site).map(|norm| norm.beta()),
        ),
        Site::Encoder | Site::Head => (
            shape.hidden_size,
            shape.frozen.embedding_norm().map(|norm| norm.beta()),
        ),
    };
    match bias {
        Some(bias) if bias.len() == width => Tensor::new(bias.to_vec(), &[width]),
        _ => Tensor::new(vec![0.0; width], &[width]),
    }
}

/// A bias's key in PEFT's file, below the encoder. A layer that LoRA acts on lies one level deeper.
pub(super) fn peft_key(modules: &dyn Modules, site: Site, is_target: bool) -> String {
    let path = match site {
        Site::Linear(site) if is_target => format!("{}.base_layer", modules.linear(site)),
        Site::Linear(site) => modules.linear(site),
        Site::Sublayer(site) => modules.norm(site),
        Site::Encoder | Site::Head => modules.embedding_norm().to_owned(),
    };
    format!("{path}.bias")
}
