//! Bottleneck adapters: down-projection, nonlinearity, up-projection, residual
//! (Houlsby et al. 2019, after attention and FFN; Pfeiffer et al. 2021, after the FFN only), with
//! the placements of AdapterHub's `BnConfig`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::format::{Fields, Library};
use super::{Adapter, Collector, Config, Description, Init, Kind, Options, ParamName, ParamSource};
use super::{Parameter, Preset, Site, SizeOption, fields_of, lowest_layer};
use crate::backbone::{Hook, Modules, Shape, Sublayer, SublayerSite};
use crate::error::{Error, Result};
use crate::ops::{Activation, LayerNorm, add, add_bias, add_scaled, linear};
use crate::tensor::Tensor;

const SIZE: SizeOption = SizeOption {
    name: "reductionFactor",
    title: "Reduction factor",
    default: 16,
    choices: &[2, 4, 8, 16, 32],
};

/// The row of this kind.
pub(super) static KIND: Kind = Kind {
    name: "bottleneck",
    presets: &[
        Preset {
            name: "houlsby",
            title: "Houlsby bottleneck",
            description: "Two small networks per layer, after the attention and after the feed-forward part: the original bottleneck, and the largest.",
            library: Library::AdapterHub,
            size: SIZE,
            config: |options, shape| {
                from_options(options, shape, &Sublayer::ALL, Activation::Swish, false)
            },
        },
        Preset {
            name: "pfeiffer",
            title: "Pfeiffer bottleneck",
            description: "One small network per layer, after the feed-forward part: half of Houlsby's size.",
            library: Library::AdapterHub,
            size: SIZE,
            config: |options, shape| {
                from_options(options, shape, &[Sublayer::Ffn], Activation::Relu, true)
            },
        },
    ],
    peft: None,
    adapterhub: Some((None, read_adapterhub)),
};

/// Settings of a bottleneck adapter.
///
/// With `h` the output of a half block, `r` its residual input and `LN` its frozen layer norm, the
/// block's result is `LN(y + h + r)` where `y = s · (act(x Dᵀ + d) Uᵀ + u)`, `D`: `[size, hidden]`,
/// `U`: `[hidden, size]`, and `x` is `h`, or `LN(h + r)` with `norm_before` (then the same norm is
/// applied twice).
#[derive(Clone, Debug, PartialEq)]
pub struct BottleneckConfig {
    /// Width inside; AdapterHub stores hidden size over it.
    pub reduction_factor: f64,
    /// The halves it follows.
    pub sublayers: BTreeSet<Sublayer>,
    /// The layers it is in.
    pub layers: BTreeSet<usize>,
    /// The nonlinearity.
    pub activation: Activation,
    /// `s`.
    pub scaling: f64,
    /// Whether `x` is normalised (AdapterHub's `original_ln_before`).
    pub norm_before: bool,
}

struct Bottleneck {
    config: BottleneckConfig,
    networks: BTreeMap<SublayerSite, Network>,
    parameters: Vec<Parameter>,
}

struct Network {
    /// `[size, hidden]`
    down: Tensor,
    /// `[size]`
    down_bias: Tensor,
    /// `[hidden, size]`
    up: Tensor,
    /// `[hidden]`
    up_bias: Tensor,
}

const DOWN: &str = "down.weight";
const DOWN_BIAS: &str = "down.bias";
const UP: &str = "up.weight";
const UP_BIAS: &str = "up.bias";

fn from_options(
    options: &Options,
    shape: &Shape,
    sublayers: &[Sublayer],
    activation: Activation,
    norm_before: bool,
) -> Result<Box<dyn Config>> {
    #[allow(clippy::cast_precision_loss)]
    let config = BottleneckConfig {
        reduction_factor: options.reduction_factor.unwrap_or(SIZE.default) as f64,
        sublayers: sublayers.iter().copied().collect(),
        layers: (0..shape.layers).collect(),
        activation: options.non_linearity.unwrap_or(activation),
        scaling: 1.0,
        norm_before,
    };
    config.size(shape)?;
    Ok(Box::new(config))
}

impl BottleneckConfig {
    /// Width inside the bottleneck: `⌊hidden size / reduction factor⌋`, at least 1.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    fn size(&self, shape: &Shape) -> Result<usize> {
        let size = shape.hidden_size as f64 / self.reduction_factor;
        if self.reduction_factor > 0.0 && (1.0..=65536.0).contains(&size) {
            return Ok(size as usize);
        }
        Err(Error::OptionInvalid {
            option: "reduction_factor",
            value: self.reduction_factor.to_string(),
            reason: format!(
                "it must leave at least one of the {} hidden features",
                shape.hidden_size
            ),
        })
    }
}

impl Config for BottleneckConfig {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn build(&self, shape: &Shape, source: &mut dyn ParamSource) -> Result<Box<dyn Adapter>> {
        let (hidden, size) = (shape.hidden_size, self.size(shape)?);
        let mut tensors = Collector::new(source);
        let mut networks = BTreeMap::new();
        for &layer in &self.layers {
            for &sublayer in &self.sublayers {
                let site = SublayerSite { layer, sublayer };
                let mut get = |field, dims: &[usize], init| {
                    tensors.get(Site::Sublayer(site), field, dims, init)
                };
                // U = 0, so that a fresh adapter changes nothing (Houlsby: near-identity)
                let network = Network {
                    down: get(DOWN, &[size, hidden], Init::Normal(0.02))?,
                    down_bias: get(DOWN_BIAS, &[size], Init::Zeros)?,
                    up: get(UP, &[hidden, size], Init::Zeros)?,
                    up_bias: get(UP_BIAS, &[hidden], Init::Zeros)?,
                };
                networks.insert(site, network);
            }
        }
        let parameters = tensors.into_parameters();
        Ok(Box::new(Bottleneck {
            config: self.clone(),
            networks,
            parameters,
        }))
    }

    fn write(&self, library: Library, shape: &Shape) -> Result<Map<String, Value>> {
        if library == Library::Peft {
            return Err(Error::AdapterFormat {
                what: "a bottleneck adapter".into(),
                format: "PEFT",
                hint: "PEFT has no such kind; save it in AdapterHub's format instead".into(),
            });
        }
        let leave_out: Vec<usize> = (0..shape.layers)
            .filter(|layer| !self.layers.contains(layer))
            .collect();
        let value = json!({
            "mh_adapter": self.sublayers.contains(&Sublayer::Attention),
            "output_adapter": self.sublayers.contains(&Sublayer::Ffn),
            "reduction_factor": self.reduction_factor,
            "non_linearity": self.activation,
            "original_ln_before": self.norm_before,
            "original_ln_after": true,
            "ln_before": false,
            "ln_after": false,
            "residual_before_ln": true,
            "adapter_residual_before_ln": false,
            "is_parallel": false,
            "scaling": self.scaling,
            "use_gating": false,
            "dropout": 0.0,
            "leave_out": leave_out,
            "init_weights": "bert",
            "init_weights_seed": null,
            "cross_adapter": false,
            "inv_adapter": null,
            "inv_adapter_reduction_factor": null,
            "stochastic_depth": 0.0,
            "phm_layer": false,
            "phm_dim": 4,
            "factorized_phm_W": true,
            "factorized_phm_rule": false,
            "shared_W_phm": false,
            "shared_phm_rule": true,
            "phm_c_init": "normal",
            "phm_init_range": 0.0001,
            "learn_phm": true,
            "hypercomplex_nonlinearity": "glorot-uniform",
            "phm_rank": 1,
            "phm_bias": true,
        });
        Ok(fields_of(value))
    }

    fn key(
        &self,
        _library: Library,
        modules: &dyn Modules,
        name: ParamName,
        adapter: &str,
    ) -> String {
        let Site::Sublayer(site) = name.site else {
            return String::new();
        };
        let path = modules.sublayer(site);
        let field = match name.field {
            DOWN => "adapter_down.0.weight",
            DOWN_BIAS => "adapter_down.0.bias",
            UP => "adapter_up.weight",
            _ => "adapter_up.bias",
        };
        format!("{path}.adapters.{adapter}.{field}")
    }

    fn describe(&self, shape: &Shape) -> Description {
        let both = self.sublayers.len() == 2;
        let title = match (both, self.sublayers.contains(&Sublayer::Ffn)) {
            (true, _) => "Houlsby bottleneck",
            (_, true) => "Pfeiffer bottleneck",
            _ => "Bottleneck",
        };
        Description {
            title: title.into(),
            sites: self
                .sublayers
                .iter()
                .map(|sublayer| sublayer.name().to_owned())
                .collect(),
            layers: self.layers.iter().copied().collect(),
            rank: None,
            alpha: None,
            bottleneck_size: self.size(shape).ok(),
        }
    }
}

fn read_adapterhub(
    place: &str,
    map: &Map<String, Value>,
    shape: &Shape,
) -> Result<Box<dyn Config>> {
    let fields = Fields::new(place, map);
    for field in [
        "adapter_residual_before_ln",
        "is_parallel",
        "ln_after",
        "ln_before",
        "phm_layer",
        "use_gating",
    ] {
        fields.refuse_unless(field, &[json!(false)])?;
    }
    fields.refuse_unless("original_ln_after", &[json!(true)])?;
    fields.refuse_unless("residual_before_ln", &[json!(true)])?;
    fields.refuse_unless("inv_adapter", &[])?;
    let leave_out = fields.counts("leave_out")?;
    let mut sublayers = BTreeSet::new();
    if fields.flag("mh_adapter", false)? {
        sublayers.insert(Sublayer::Attention);
    }
    if fields.flag("output_adapter", true)? {
        sublayers.insert(Sublayer::Ffn);
    }
    if sublayers.is_empty() {
        return Err(fields.invalid("mh_adapter and output_adapter are both false"));
    }
    let config = BottleneckConfig {
        reduction_factor: fields.float("reduction_factor", None)?,
        sublayers,
        layers: (0..shape.layers)
            .filter(|layer| !leave_out.contains(layer))
            .collect(),
        activation: fields.parse("non_linearity", None)?,
        scaling: fields.float("scaling", Some(1.0))?,
        norm_before: fields.flag("original_ln_before", false)?,
    };
    config.size(shape)?;
    Ok(Box::new(config))
}

impl Network {
    /// `act(x Dᵀ + d) Uᵀ + u`, `[tokens, hidden]` to the same shape.
    fn forward(&self, x: &Tensor, activation: Activation) -> Tensor {
        let inner = add_bias(linear(x, &self.down), &self.down_bias);
        add_bias(linear(&activation.forward(inner), &self.up), &self.up_bias)
    }
}

impl Hook for Bottleneck {
    fn sublayer(
        &self,
        site: SublayerSite,
        h: Tensor,
        residual: &Tensor,
        norm: &LayerNorm,
    ) -> Tensor {
        let Some(network) = self.networks.get(&site) else {
            return norm.join(h, residual);
        };
        #[allow(clippy::cast_possible_truncation)]
        let scaling = self.config.scaling as f32;
        let (x, sum) = if self.config.norm_before {
            let sum = add(h, residual);
            (norm.forward(&sum), sum)
        } else {
            (h.clone(), add(h, residual))
        };
        let y = network.forward(&x, self.config.activation);
        norm.forward(&add_scaled(sum, &y, scaling))
    }

    fn lowest_layer(&self) -> Option<usize> {
        lowest_layer(&self.parameters)
    }
}

impl Adapter for Bottleneck {
    fn config(&self) -> &dyn Config {
        &self.config
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }
}
