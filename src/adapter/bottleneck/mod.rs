//! Bottleneck adapters: down-projection, nonlinearity, up-projection (Houlsby et al. 2019, after
//! attention and feed-forward network; Pfeiffer et al. 2021, after the latter only; He et al. 2022,
//! beside it; Mahabadi et al. 2021, with hypercomplex projections), with the placements of
//! AdapterHub's `BnConfig`.

mod adapterhub;
mod config;
mod hypercomplex;
mod invertible;
mod network;

pub use config::{BottleneckConfig, OutputNorm, Placement, Reads, Reduction, Scaling, Skip};
pub use hypercomplex::Hypercomplex;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::dialect::Library;
use super::setting::{LAYERS, Setting, Values};
use super::{Adapter, Collector, Config, Description, Kind, ParamName, ParamSource, Parameter};
use super::{HalfBlock, Preset, SizeOption, equal};
use crate::error::{Error, Result};
use crate::input::Batch;
use crate::model::{Anatomy, Embedder, Hook, Join, Shape, States, Sublayer, SublayerSite};
use crate::ops::add;
use crate::tensor::Tensor;
use invertible::Coupling;
use network::Network;

const fn reduction(default: usize) -> Option<SizeOption> {
    Some(SizeOption {
        name: "reductionFactor",
        title: "Reduction factor",
        default,
        choices: &[2, 4, 8, 16, 32],
    })
}

/// The row of this kind.
pub(super) static KIND: Kind = Kind {
    name: "bottleneck",
    presets: &[
        Preset {
            name: "houlsby",
            title: "Houlsby bottleneck",
            description: "Two small networks per layer, after the attention and after the feed-forward part: the original bottleneck, and a large one.",
            library: Library::AdapterHub,
            size: reduction(16),
            learning_rate: 1e-3,
            epochs: 1,
            upper_layers: false,
            config: |options, shape| BottleneckConfig::houlsby(shape.layers).with(options, shape),
        },
        Preset {
            name: "pfeiffer",
            title: "Pfeiffer bottleneck",
            description: "One small network per layer, after the feed-forward part: half of Houlsby's size.",
            library: Library::AdapterHub,
            size: reduction(16),
            learning_rate: 1e-3,
            epochs: 1,
            upper_layers: false,
            config: |options, shape| BottleneckConfig::pfeiffer(shape.layers).with(options, shape),
        },
        Preset {
            name: "parallel",
            title: "Parallel bottleneck",
            description: "One network per layer, beside the feed-forward part rather than after it: wide, so the largest of all.",
            library: Library::AdapterHub,
            size: reduction(2),
            learning_rate: 3e-4,
            epochs: 1,
            upper_layers: false,
            config: |options, shape| BottleneckConfig::parallel(shape.layers).with(options, shape),
        },
        Preset {
            name: "compacter",
            title: "Compacter",
            description: "Houlsby's two networks per layer, their matrices made from a few numbers each: a small fraction of the size.",
            library: Library::AdapterHub,
            size: reduction(32),
            learning_rate: 3e-3,
            epochs: 1,
            upper_layers: false,
            config: |options, shape| BottleneckConfig::compacter(shape.layers).with(options, shape),
        },
        Preset {
            name: "compacter_plus_plus",
            title: "Compacter++",
            description: "Compacter after the feed-forward part only: the smallest bottleneck.",
            library: Library::AdapterHub,
            size: reduction(32),
            learning_rate: 3e-3,
            epochs: 1,
            upper_layers: false,
            config: |options, shape| {
                BottleneckConfig::compacter_plus_plus(shape.layers).with(options, shape)
            },
        },
    ],
    sizes: &[("bottleneckSize", "Width inside the bottleneck.")],
    settings: &[
        &Setting {
            name: "reduction_factor",
            others: &[],
            values: Values::Count,
            description: "Hidden size over bottleneck size.",
        },
        &Setting {
            name: "non_linearity",
            others: &[],
            values: Values::Word,
            description: "Nonlinearity inside the bottleneck, such as `relu`, `gelu` or `swish`.",
        },
        &LAYERS,
    ],
    adapterhub_fields: &[
        "adapter_residual_before_ln",
        "cross_adapter",
        "factorized_phm_W",
        "factorized_phm_rule",
        "inv_adapter",
        "is_parallel",
        "learn_phm",
        "ln_after",
        "ln_before",
        "mh_adapter",
        "original_ln_after",
        "original_ln_before",
        "output_adapter",
        "phm_bias",
        "phm_layer",
        "reduction_factor",
        "residual_before_ln",
        "shared_W_phm",
        "shared_phm_rule",
        "use_gating",
    ],
    adapterhub: Some((None, adapterhub::read)),
    ..Kind::EMPTY
};

struct Bottleneck {
    config: BottleneckConfig,
    parts: BTreeMap<SublayerSite, Part>,
    coupling: Option<Coupling>,
    parameters: Vec<Parameter>,
}

impl Config for BottleneckConfig {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn boxed(&self) -> Box<dyn Config> {
        Box::new(self.clone())
    }

    fn agrees(&self, other: &dyn Config) -> bool {
        equal(self, other)
    }

    fn build(&self, shape: &Shape, source: &mut dyn ParamSource) -> Result<Box<dyn Adapter>> {
        self.check(shape)?;
        let mut tensors = Collector::new(source);
        let shared = network::shared(self, shape, &mut tensors)?;
        let mut parts = BTreeMap::new();
        for &layer in &self.layers {
            for &sublayer in &self.sublayers {
                let site = SublayerSite { layer, sublayer };
                let network = Network::build(self, shape, site, &shared, &mut tensors)?;
                let part = Part {
                    network,
                    placement: self.placement,
                    output_norm: self.output_norm,
                };
                parts.insert(site, part);
            }
        }
        let coupling = Coupling::build(self, shape, &mut tensors)?;
        let parameters = tensors.into_parameters();
        Ok(Box::new(Bottleneck {
            config: self.clone(),
            parts,
            coupling,
            parameters,
        }))
    }

    fn write(&self, library: Library, shape: &Shape) -> Result<Map<String, Value>> {
        match library {
            Library::AdapterHub => Ok(adapterhub::write(self, shape)),
            Library::Peft => Err(Error::AdapterFormat {
                what: "a bottleneck adapter".into(),
                format: "PEFT",
                hint: "PEFT has no such kind; save it in AdapterHub's format instead".into(),
            }),
        }
    }

    fn key(&self, _library: Library, anatomy: &Anatomy, name: ParamName, adapter: &str) -> String {
        adapterhub::key(self, anatomy, name, adapter)
    }

    fn repeats(&self, _library: Library, key: &str) -> bool {
        self.input_norm && adapterhub::repeats_input_norm(key)
    }

    fn describe(&self, shape: &Shape) -> Description {
        let both = self.sublayers.len() == 2;
        let after_ffn = self.sublayers.contains(&Sublayer::Ffn);
        let title = match (&self.hypercomplex, self.placement.reads, both, after_ffn) {
            (_, Reads::Residual, _, _) => "Parallel bottleneck",
            (Some(_), _, true, _) => "Compacter",
            (Some(_), ..) => "Compacter++",
            (None, _, true, _) => "Houlsby bottleneck",
            (None, _, _, true) => "Pfeiffer bottleneck",
            _ => "Bottleneck",
        };
        let mut sizes = self.layers.iter().map(|&layer| self.size(layer, shape));
        let first = sizes.next();
        let description = Description {
            title: title.into(),
            sites: self
                .sublayers
                .iter()
                .map(|sublayer| sublayer.name().to_owned())
                .chain(self.invertible.map(|_| "embeddings".to_owned()))
                .collect(),
            layers: self.layers.iter().copied().collect(),
            ..Description::default()
        };
        match first.filter(|&first| sizes.all(|size| size == first)) {
            Some(size) => description.with_size("bottleneckSize", size),
            None => description,
        }
    }
}

impl Hook for Bottleneck {
    fn embeddings(&self, batch: &Batch, embedder: &dyn Embedder) -> Result<States> {
        let States { x, starts } = embedder.tokens(batch, 0)?;
        let x = match &self.coupling {
            Some(coupling) => coupling.forward(&x),
            None => x,
        };
        Ok(States { x, starts })
    }

    fn changes_embeddings(&self) -> bool {
        self.coupling.is_some()
    }

    fn sublayer(&self, site: SublayerSite, h: Tensor, residual: &Tensor, norm: Join<'_>) -> Tensor {
        let Some(part) = self.parts.get(&site) else {
            return norm.join(h, residual);
        };
        let (x, around) = part.enter(h, residual, norm);
        let (out, _) = part.forward(&x, around);
        part.leave(out, residual, norm)
    }

    fn changes_sublayer(&self, site: SublayerSite) -> bool {
        self.parts.contains_key(&site)
    }

    fn lowest_layer(&self) -> Option<usize> {
        match self.coupling {
            Some(_) => Some(0),
            None => self.config.layers.first().copied(),
        }
    }
}

/// A network and where it stands.
struct Part {
    network: Network,
    placement: Placement,
    output_norm: Option<OutputNorm>,
}

impl HalfBlock for Part {
    fn placement(&self) -> Placement {
        self.placement
    }

    fn enter(&self, h: Tensor, residual: &Tensor, norm: Join<'_>) -> (Tensor, Tensor) {
        let x = match self.placement.reads {
            Reads::Output => h.clone(),
            Reads::Normalised => norm.join(h.clone(), residual),
            Reads::Residual => residual.clone(),
        };
        let around = match self.placement.skip {
            Skip::Output => h,
            Skip::Sum => add(h, residual),
            Skip::Input => x.clone(),
        };
        (x, around)
    }

    fn forward(&self, x: &Tensor, around: Tensor) -> (Tensor, Tensor) {
        let y = self.network.forward(x);
        let out = match self.output_norm {
            None => add(around, &y),
            Some(OutputNorm::Update) => add(around, &self.network.normalise(&y)),
            Some(OutputNorm::Sum) => self.network.normalise(&add(around, &y)),
        };
        (out, y)
    }
}

impl Adapter for Bottleneck {
    fn config(&self) -> &dyn Config {
        &self.config
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn why_not_averaged(&self) -> Option<&'static str> {
        self.coupling.as_ref().map(|_| "an invertible adapter")
    }

    fn half_block(&self, site: SublayerSite) -> Option<&dyn HalfBlock> {
        self.parts.get(&site).map(|part| part as &dyn HalfBlock)
    }
}
