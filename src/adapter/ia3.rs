//! IA3: a learned factor per feature (Liu et al. 2022). The two libraries put it in different places:
//! PEFT scales the input of a feed-forward module, behind its nonlinearity, AdapterHub every module's
//! output; the files of one are not the other's.

mod adapterhub;
mod peft;

use std::collections::{BTreeMap, BTreeSet};

use adapterhub::{from_options_adapterhub, read_adapterhub};
use peft::{from_options_peft, read_peft};
use serde_json::{Map, Value};

use super::dialect::Library;
use super::setting::{EXCLUDE_MODULES, LAYERS, Setting, TARGET_MODULES, TARGETS, Values};
use super::{
    Adapter, Collector, Config, Description, Kind, Options, ParamName, ParamSource, Parameter,
    Preset, Site, equal, lowest_layer, target_sites,
};
use crate::error::{Error, Result};
use crate::model::{Affine, Anatomy, Hook, Linear, LinearSite, Place, Shape};
use crate::ops::{scale, scale_columns};
use crate::order::Sorted;
use crate::tensor::Tensor;

/// The row of this kind.
pub(super) static KIND: Kind = Kind {
    name: "ia3",
    presets: &[
        Preset {
            name: "ia3",
            title: "IA³",
            description: "One factor per feature on keys, values and in front of the output layers: among the smallest there are.",
            library: Library::Peft,
            size: None,
            learning_rate: 1.5e-2,
            epochs: 1,
            upper_layers: false,
            config: from_options_peft,
        },
        Preset {
            name: "ia3_adapterhub",
            title: "IA³, AdapterHub's places",
            description: "One factor per feature on keys, values and behind the widening layer, as AdapterHub places them.",
            library: Library::AdapterHub,
            size: None,
            learning_rate: 1.5e-2,
            epochs: 1,
            upper_layers: false,
            config: from_options_adapterhub,
        },
    ],
    peft_tensors: &[("ia3_l", false)],
    peft_fields: &[
        "exclude_modules",
        "fan_in_fan_out",
        "feedforward_modules",
        "init_ia3_weights",
        "target_modules",
    ],
    settings: &[&TARGETS, &LAYERS],
    peft_settings: &[
        &TARGET_MODULES,
        &EXCLUDE_MODULES,
        &Setting {
            name: "feedforward_modules",
            others: &[],
            values: Values::Modules,
            description: "Modules whose input is scaled, in place of the output.",
        },
    ],
    adapterhub_fields: &[
        "attn_matrices",
        "intermediate_lora",
        "output_lora",
        "selfattn_lora",
        "use_dora",
        "use_gating",
    ],
    peft: &[("IA3", read_peft)],
    adapterhub: Some((Some("ia3"), read_adapterhub)),
    ..Kind::EMPTY
};

/// Settings of an IA3 adapter: with `l` a vector of factors, 1 at first, a layer's output `y` becomes
/// `α l ∘ y`, or its input `x` becomes `α l ∘ x`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ia3Config {
    /// The layers it acts on, and on which side.
    pub sites: BTreeMap<LinearSite, Side>,
    /// `α`, 1 in PEFT.
    pub alpha: f64,
}

/// The side of a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `[tokens, in]`.
    Input,
    /// `[tokens, out]`, bias included.
    Output,
}

struct Ia3 {
    config: Ia3Config,
    /// One factor per feature, in the shape that the file has.
    factors: BTreeMap<LinearSite, Tensor>,
    parameters: Vec<Parameter>,
}

const FACTORS: &str = "ia3";

fn from_options(
    options: &Options,
    shape: &Shape,
    default: &[Linear],
    side: impl Fn(Linear) -> Side,
) -> Result<Box<dyn Config>> {
    let targets = options.targets.as_deref().unwrap_or(default);
    let sites = target_sites(targets, &options.layers(shape)?, shape)?;
    Ok(Box::new(Ia3Config {
        sites: sites
            .into_iter()
            .map(|site| (site, side(site.linear)))
            .into_map(),
        alpha: 1.0,
    }))
}

impl Ia3Config {
    fn linears(&self) -> BTreeSet<Linear> {
        self.sites.keys().map(|site| site.linear).into_set()
    }

    fn layers(&self) -> BTreeSet<usize> {
        self.sites.keys().filter_map(|site| site.layer).into_set()
    }

    fn inputs(&self) -> BTreeSet<LinearSite> {
        let sites = self.sites.iter();
        sites
            .filter_map(|(&site, &side)| (side == Side::Input).then_some(site))
            .into_set()
    }
}

impl Config for Ia3Config {
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
        super::options::check_sites(self.sites.keys(), shape)?;
        let mut tensors = Collector::new(source);
        let mut factors = BTreeMap::new();
        for (&site, &side) in &self.sites {
            let (input, output) = shape.linear_features(site);
            let dims = match side {
                Side::Input => [1, input],
                Side::Output => [output, 1],
            };
            let ones = Tensor::new(vec![1.0; dims[0] * dims[1]], &dims);
            factors.insert(site, tensors.get_from(Site::Linear(site), FACTORS, &ones)?);
        }
        let parameters = tensors.into_parameters();
        Ok(Box::new(Ia3 {
            config: self.clone(),
            factors,
            parameters,
        }))
    }

    fn write(&self, library: Library, shape: &Shape) -> Result<Map<String, Value>> {
        match library {
            Library::Peft => self.write_peft(shape),
            Library::AdapterHub => self.write_adapterhub(shape),
        }
    }

    fn key(&self, library: Library, anatomy: &Anatomy, name: ParamName, adapter: &str) -> String {
        let Site::Linear(site) = name.site else {
            return String::new();
        };
        let path = anatomy.linear(site);
        match library {
            Library::Peft => format!("{path}.ia3_l"),
            Library::AdapterHub => format!("{path}.loras.{adapter}.lora_B"),
        }
    }

    fn describe(&self, _shape: &Shape) -> Description {
        let linears = self.linears();
        Description {
            title: "IA³".into(),
            sites: linears.iter().map(|l| l.name().to_owned()).collect(),
            layers: self.layers().into_iter().collect(),
            ..Description::default()
        }
    }
}

fn refuse<T>(library: Library, what: &str) -> Result<T> {
    let other = match library {
        Library::Peft => Library::AdapterHub,
        Library::AdapterHub => Library::Peft,
    };
    Err(Error::AdapterFormat {
        what: what.to_owned(),
        format: library.title(),
        hint: format!("save it in {}'s format instead", other.title()),
    })
}

impl Ia3 {
    fn acts(&self, site: LinearSite, side: Side) -> bool {
        self.config.sites.get(&site) == Some(&side)
    }

    fn scale(&self, site: LinearSite, values: Tensor) -> Tensor {
        let Some(factors) = self.factors.get(&site) else {
            return values;
        };
        #[allow(clippy::cast_possible_truncation)]
        scale(scale_columns(&values, factors), self.config.alpha as f32)
    }
}

impl Hook for Ia3 {
    fn before_linear(&self, site: LinearSite, x: Tensor) -> Tensor {
        match self.acts(site, Side::Input) {
            true => self.scale(site, x),
            false => x,
        }
    }

    fn changes_input(&self, site: LinearSite) -> bool {
        self.acts(site, Side::Input)
    }

    fn after_linear(&self, site: LinearSite, _x: &Tensor, y: Tensor) -> Tensor {
        match self.acts(site, Side::Output) {
            true => self.scale(site, y),
            false => y,
        }
    }

    fn changes_output(&self, site: LinearSite) -> bool {
        self.acts(site, Side::Output)
    }

    fn lowest_layer(&self) -> Option<usize> {
        lowest_layer(&self.parameters)
    }
}

impl Adapter for Ia3 {
    fn config(&self) -> &dyn Config {
        &self.config
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn why_not_averaged(&self) -> Option<&'static str> {
        None
    }

    fn merge(&self, place: Place, weights: &mut Affine) -> Result<()> {
        let Place::Linear(site) = place else {
            return Ok(());
        };
        let Some(factors) = self.factors.get(&site) else {
            return Ok(());
        };
        #[allow(clippy::cast_possible_truncation)]
        let alpha = self.config.alpha as f32;
        let factors = factors.data();
        if self.acts(site, Side::Input) {
            for row in weights.weight.chunks_exact_mut(factors.len()) {
                row.iter_mut()
                    .zip(factors)
                    .for_each(|(w, l)| *w *= alpha * l);
            }
        } else {
            let input = weights.weight.len() / factors.len();
            for (row, l) in weights.weight.chunks_exact_mut(input).zip(factors) {
                row.iter_mut().for_each(|w| *w *= alpha * l);
            }
            // A layer may have no bias.
            for (bias, l) in weights.bias.iter_mut().zip(factors) {
                *bias *= alpha * l;
            }
        }
        Ok(())
    }
}
