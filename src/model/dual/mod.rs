//! Two frozen encoders as one backbone, for pairs such as a picture and a sentence (a dual encoder, as Radford et al. 2021 train
//! one, <https://arxiv.org/abs/2103.00020>).
//!
//! The layers of the second encoder are numbered behind those of the first, so that one adapter acts on both. Each sequence
//! goes through the encoder that reads its sort. The two meet in the head, which compares their vectors.

mod hook;
mod tower;

use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::anatomy::{Anatomy, EncoderPlan};
use super::family::{Family, HeadLayout, Targets};
use super::fields::ConfigFields;
use super::module_plan::ModulePlan;
use super::place::{Affine, LinearSite, NormSite, Place, SublayerSite};
use super::{Backbone, Frozen, Hook, Portion, Shape, States, Waiting};
use crate::error::{Error, Result};
use crate::input::Batch;
use crate::tensor::Tensor;

pub use tower::Tower;

/// What the two encoders have in common: paths begin with `first` or `second`, as the family's row has no names of its own.
static FAMILY: Family = Family {
    model_type: "dual_encoder",
    title: "dual encoder",
    class: "",
    adapter_model_class: "",
    adapter_prefix: "",
    base: "encoders",
    beside: &[],
    sibling: &[],
    tied: &[],
    attribute_map: &[],
    own_fields: &[],
    anatomy: no_config,
    // those of its two families
    bottlenecks: ["", ""],
    targets: Targets::SIX,
    head: HeadLayout::NONE,
};

fn no_config(_: &'static Family, _: &ConfigFields) -> Result<Anatomy> {
    Err(Error::ModelUnsupported {
        place: "config.json".into(),
        reason: "a dual encoder has no configuration of its own: open its two encoders".into(),
    })
}

/// Two encoders that are one backbone.
pub struct DualEncoder {
    shape: Shape,
    towers: [Tower; 2],
}

impl DualEncoder {
    /// Puts two encoders together.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if both read the same sort of input, or their hidden sizes differ.
    pub fn new(first: Arc<dyn Backbone>, second: Arc<dyn Backbone>) -> Result<Self> {
        let refused = |value: String, reason: &str| {
            Err(Error::OptionInvalid {
                option: "second backbone",
                value,
                reason: reason.to_owned(),
            })
        };
        let sorts = [&first, &second].map(|own| own.shape().anatomy.stem.sort());
        if sorts[0] == sorts[1] {
            let value = format!("a model of {}", sorts[1].title());
            return refused(
                value,
                "the first reads them too; name one that reads something else",
            );
        }
        let sizes = [&first, &second].map(|own| own.shape().hidden_size);
        if sizes[0] != sizes[1] {
            return refused(
                format!("of hidden size {}", sizes[1]),
                &format!(
                    "the first has {}, and a head compares vectors of one size; name a model of that size",
                    sizes[0]
                ),
            );
        }
        let anatomy = Arc::new(together(first.shape(), second.shape()));
        let mut fingerprint = Sha256::new();
        for own in [&first, &second] {
            fingerprint.update(&own.shape().fingerprint);
        }
        let layers = first.shape().layers;
        let shape = Shape {
            name: [&first, &second]
                .map(|own| own.shape().name.as_str())
                .join(" + "),
            max_tokens: first.shape().max_tokens.max(second.shape().max_tokens),
            pooler: false,
            parameters: first.shape().parameters + second.shape().parameters,
            fingerprint: hex::encode(fingerprint.finalize()),
            frozen: Frozen::together(&first.shape().frozen, &second.shape().frozen, layers),
            ..Shape::of(anatomy)
        };
        let total = shape.layers;
        let towers = [
            Tower::new(first, 0, total),
            Tower::new(second, layers, total),
        ];
        Ok(Self { shape, towers })
    }
}

/// The anatomy of both. Only the blocks are in it: an adapter acts on nothing else of a dual encoder.
fn together(first: &Shape, second: &Shape) -> Anatomy {
    let mut both = first.anatomy.without_modules();
    both.family = &FAMILY;
    both.blocks = [&first.anatomy.blocks[..], &second.anatomy.blocks[..]].concat();
    for (name, shape, before) in [("first", first, 0), ("second", second, first.layers)] {
        both.encoders.push(EncoderPlan {
            name,
            family: shape.anatomy.family,
            before,
        });
        for module in shape.anatomy.modules() {
            if let Some(place) = module.place.behind(before) {
                both.push(ModulePlan {
                    place,
                    path: format!("{name}.{}", module.path),
                    ..module.clone()
                });
            }
        }
    }
    both
}

impl Place {
    /// The same place of an encoder whose blocks stand behind `layers` others; `None` for what is in no block.
    #[must_use]
    fn behind(self, layers: usize) -> Option<Self> {
        Some(match self {
            Self::Linear(site) => Self::Linear(site.behind(layers)?),
            Self::Scale(site) => Self::Scale(site.behind(layers)),
            Self::Norm(site) => Self::Norm(site.behind(layers)?),
            _ => return None,
        })
    }
}

impl LinearSite {
    fn behind(self, layers: usize) -> Option<Self> {
        let layer = Some(self.layer? + layers);
        Some(Self { layer, ..self })
    }
}

impl SublayerSite {
    fn behind(self, layers: usize) -> Self {
        Self {
            layer: self.layer + layers,
            ..self
        }
    }
}

impl NormSite {
    fn behind(self, layers: usize) -> Option<Self> {
        match self {
            Self::Block(site) => Some(Self::Block(site.behind(layers))),
            _ => None,
        }
    }
}

impl Frozen {
    /// The modules in the blocks of two encoders, of which the second stands behind `layers` others.
    fn together(first: &Self, second: &Self, layers: usize) -> Self {
        let mut both = Self::default();
        for (own, before) in [(first, 0), (second, layers)] {
            for (site, linear) in &own.linears {
                let site = site.behind(before);
                both.linears.extend(site.map(|site| (site, linear.clone())));
            }
            let scales = own.scales.iter();
            both.scales
                .extend(scales.map(|(site, scale)| (site.behind(before), scale.clone())));
            for (site, norm) in &own.norms {
                let site = site.behind(before);
                both.norms.extend(site.map(|site| (site, norm.clone())));
            }
        }
        both
    }
}

impl Backbone for DualEncoder {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn towers(&self) -> Option<&[Tower; 2]> {
        Some(&self.towers)
    }

    /// Always refuses: which encoder a sequence goes through is decided where passes begin, see [`towers`](Backbone::towers).
    fn embed(&self, _: &Batch, _: &dyn Hook) -> Result<States> {
        Err(Error::InputUnsupported {
            reads: "pairs, each half in a batch of its own",
        })
    }

    fn run_portion<'a>(
        &'a self,
        states: States,
        _: Range<usize>,
        _: &'a dyn Hook,
        _: Option<&'a Portion<'a>>,
    ) -> Waiting<'a, States> {
        Box::pin(async move { states })
    }

    fn pool(&self, states: &States, _: &dyn Hook) -> Tensor {
        states.x.clone()
    }

    fn checkpoint(&self, _: &mut dyn FnMut(Place, &mut Affine) -> Result<()>) -> Result<Vec<u8>> {
        Err(Error::ModelUnsupported {
            place: self.shape.name.clone(),
            reason:
                "two encoders have no checkpoint together, so an adapter of both cannot be merged"
                    .into(),
        })
    }

    fn hash(&self) -> String {
        let mut hash = Sha256::new();
        self.towers
            .iter()
            .for_each(|tower| hash.update(tower.hash()));
        hex::encode(hash.finalize())
    }
}
