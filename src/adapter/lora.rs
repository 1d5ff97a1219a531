//! LoRA: a low-rank update beside a frozen linear layer (Hu et al. 2021).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::format::{Fields, Library, peft_targets};
use super::{Adapter, Collector, Config, Description, Init, Kind, Options, ParamName, ParamSource};
use super::{Parameter, Preset, Site, SizeOption, fields_of, lowest_layer};
use crate::backbone::{Hook, Linear, LinearSite, Modules, Shape};
use crate::error::{Error, Result};
use crate::ops::{add_scaled, linear};
use crate::tensor::Tensor;

/// The row of this kind.
pub(super) static KIND: Kind = Kind {
    name: "lora",
    presets: &[Preset {
        name: "lora",
        title: "LoRA",
        description: "A low-rank update beside the attention's linear layers. Small, quick to train, the one most tools can read.",
        library: Library::Peft,
        size: SizeOption {
            name: "rank",
            title: "Rank",
            default: 8,
            choices: &[2, 4, 8, 16, 32],
        },
        config: from_options,
    }],
    peft: Some(("LORA", read_peft)),
    adapterhub: Some((Some("lora"), read_adapterhub)),
};

/// Settings of a LoRA adapter.
///
/// A target layer `y = x Wᵀ + b` becomes `y + s · x Aᵀ Bᵀ` with `A`: `[rank, in]`, `B`: `[out, rank]`
/// and `s = α / rank`, or `α / √rank` if rank-stabilised (Kalajdzievski 2023).
#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    /// Rank.
    pub rank: usize,
    /// α.
    pub alpha: f64,
    /// Whether `s = α / √rank`.
    pub rank_stabilised: bool,
    /// The layers it acts on.
    pub targets: BTreeSet<LinearSite>,
}

struct Lora {
    config: LoraConfig,
    updates: BTreeMap<LinearSite, Update>,
    parameters: Vec<Parameter>,
}

struct Update {
    /// `[rank, in]`
    a: Tensor,
    /// `[out, rank]`
    b: Tensor,
}

const A: &str = "lora_a";
const B: &str = "lora_b";

fn from_options(options: &Options, shape: &Shape) -> Result<Box<dyn Config>> {
    let rank = options.rank.unwrap_or(8);
    #[allow(clippy::cast_precision_loss)]
    let alpha = options.alpha.unwrap_or(2.0 * rank as f64);
    let targets = options
        .targets
        .as_deref()
        .unwrap_or(&[Linear::Query, Linear::Value]);
    let config = LoraConfig {
        rank,
        alpha,
        rank_stabilised: false,
        targets: (0..shape.layers)
            .flat_map(|layer| {
                targets
                    .iter()
                    .map(move |&linear| LinearSite { layer, linear })
            })
            .collect(),
    };
    config.check(shape)?;
    Ok(Box::new(config))
}

impl LoraConfig {
    fn check(&self, shape: &Shape) -> Result<()> {
        let invalid = |option, value: String, reason: String| {
            Err(Error::OptionInvalid {
                option,
                value,
                reason,
            })
        };
        if self.rank == 0 || self.rank > shape.hidden_size {
            let reason = format!("it must be 1 to {}, the hidden size", shape.hidden_size);
            return invalid("rank", self.rank.to_string(), reason);
        }
        if !self.alpha.is_finite() || self.alpha <= 0.0 {
            return invalid(
                "alpha",
                self.alpha.to_string(),
                "it must be greater than 0".into(),
            );
        }
        if self.targets.is_empty() {
            return invalid(
                "targets",
                "empty".into(),
                "name at least one linear layer".into(),
            );
        }
        Ok(())
    }

    #[allow(clippy::cast_precision_loss)]
    fn scale(&self) -> f64 {
        let rank = self.rank as f64;
        self.alpha
            / if self.rank_stabilised {
                rank.sqrt()
            } else {
                rank
            }
    }

    fn linears(&self) -> BTreeSet<Linear> {
        self.targets.iter().map(|site| site.linear).collect()
    }

    fn layers(&self) -> BTreeSet<usize> {
        self.targets.iter().map(|site| site.layer).collect()
    }
}

impl Config for LoraConfig {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn build(&self, shape: &Shape, source: &mut dyn ParamSource) -> Result<Box<dyn Adapter>> {
        let mut tensors = Collector::new(source);
        let mut updates = BTreeMap::new();
        for &site in &self.targets {
            let (input, output) = shape.linear_features(site.linear);
            // PyTorch's default for a linear layer, as PEFT has it; B = 0, so a fresh adapter changes nothing
            #[allow(clippy::cast_precision_loss)]
            let bound = 1.0 / (input as f32).sqrt();
            let mut get =
                |field, dims: &[usize], init| tensors.get(Site::Linear(site), field, dims, init);
            let a = get(A, &[self.rank, input], Init::Uniform(bound))?;
            let b = get(B, &[output, self.rank], Init::Zeros)?;
            updates.insert(site, Update { a, b });
        }
        let parameters = tensors.into_parameters();
        Ok(Box::new(Lora {
            config: self.clone(),
            updates,
            parameters,
        }))
    }

    fn write(&self, library: Library, shape: &Shape) -> Result<Map<String, Value>> {
        let value = match library {
            Library::Peft => json!({
                "peft_type": "LORA",
                "r": self.rank,
                "lora_alpha": number(self.alpha),
                "lora_dropout": 0.0,
                "target_modules": peft_targets::write(&self.targets, shape),
                "bias": "none",
                "fan_in_fan_out": false,
                "init_lora_weights": true,
                "use_rslora": self.rank_stabilised,
                "use_dora": false,
                "rank_pattern": {},
                "alpha_pattern": {},
            }),
            Library::AdapterHub => self.write_adapterhub(shape)?,
        };
        Ok(fields_of(value))
    }

    fn key(
        &self,
        library: Library,
        modules: &dyn Modules,
        name: ParamName,
        adapter: &str,
    ) -> String {
        let Site::Linear(site) = name.site else {
            return String::new();
        };
        let path = modules.linear(site);
        let matrix = if name.field == A { "lora_A" } else { "lora_B" };
        match library {
            Library::Peft => format!("{path}.{matrix}.weight"),
            Library::AdapterHub => format!("{path}.loras.{adapter}.{matrix}"),
        }
    }

    fn describe(&self, _shape: &Shape) -> Description {
        Description {
            title: "LoRA".into(),
            sites: self
                .linears()
                .iter()
                .map(|linear| linear.name().to_owned())
                .collect(),
            layers: self.layers().into_iter().collect(),
            rank: Some(self.rank),
            alpha: Some(self.alpha),
            bottleneck_size: None,
        }
    }
}

impl LoraConfig {
    fn write_adapterhub(&self, shape: &Shape) -> Result<Value> {
        let linears = self.linears();
        let refuse = |what: &str, hint: &str| {
            Err(Error::AdapterFormat {
                what: what.to_owned(),
                format: "AdapterHub",
                hint: hint.to_owned(),
            })
        };
        if self.targets.len() != linears.len() * self.layers().len() {
            return refuse(
                "a LoRA whose layers differ in their targets",
                "save it in PEFT's format instead",
            );
        }
        if linears.contains(&Linear::AttentionOutput) {
            return refuse(
                "LoRA on the attention output",
                "AdapterHub has no such place for this model; save it in PEFT's format instead",
            );
        }
        if self.rank_stabilised {
            return refuse("rank-stabilised LoRA", "save it in PEFT's format instead");
        }
        let matrices: Vec<&str> = [
            (Linear::Query, "q"),
            (Linear::Key, "k"),
            (Linear::Value, "v"),
        ]
        .into_iter()
        .filter_map(|(linear, name)| linears.contains(&linear).then_some(name))
        .collect();
        let layers = self.layers();
        let leave_out: Vec<usize> = (0..shape.layers).filter(|l| !layers.contains(l)).collect();
        Ok(json!({
            "architecture": "lora",
            "selfattn_lora": !matrices.is_empty(),
            "intermediate_lora": linears.contains(&Linear::FfnUp),
            "output_lora": linears.contains(&Linear::FfnDown),
            "attn_matrices": matrices,
            "r": self.rank,
            "alpha": number(self.alpha),
            "composition_mode": "add",
            "dropout": 0.0,
            "init_weights": "lora",
            "leave_out": leave_out,
            "use_gating": false,
            "use_dora": false,
            "dtype": null,
            "init_weights_seed": null,
            "vera_b": null,
            "vera_d": null,
        }))
    }
}

/// Whole numbers without a decimal point, as Python writes them.
#[allow(clippy::cast_possible_truncation, clippy::float_cmp)]
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        json!(value as i64)
    } else {
        json!(value)
    }
}

fn read_peft(place: &str, map: &Map<String, Value>, shape: &Shape) -> Result<Box<dyn Config>> {
    let fields = Fields::new(place, map);
    fields.refuse_unless("bias", &[json!("none")])?;
    fields.refuse_unless("fan_in_fan_out", &[json!(false)])?;
    for field in ["use_dora", "use_qalora", "use_bdlora", "lora_bias"] {
        fields.refuse_unless(field, &[json!(false)])?;
    }
    // the others subtract the initial update from the frozen weight
    let inits = [
        json!(true),
        json!(false),
        json!("gaussian"),
        json!("eva"),
        json!("orthogonal"),
    ];
    fields.refuse_unless("init_lora_weights", &inits)?;
    for field in ["rank_pattern", "alpha_pattern"] {
        fields.refuse_unless(field, &[json!({})])?;
    }
    for field in [
        "layer_replication",
        "target_parameters",
        "trainable_token_indices",
        "alora_invocation_tokens",
        "arrow_config",
        "kasa_config",
        "monteclora_config",
        "velora_config",
    ] {
        fields.refuse_unless(field, &[])?;
    }
    let config = LoraConfig {
        rank: fields.count("r", Some(8))?,
        alpha: fields.float("lora_alpha", Some(8.0))?,
        rank_stabilised: fields.flag("use_rslora", false)?,
        targets: peft_targets::read(&fields, shape, &[Linear::Query, Linear::Value])?,
    };
    config.check(shape)?;
    Ok(Box::new(config))
}

fn read_adapterhub(
    place: &str,
    map: &Map<String, Value>,
    shape: &Shape,
) -> Result<Box<dyn Config>> {
    let fields = Fields::new(place, map);
    fields.refuse_unless("composition_mode", &[json!("add")])?;
    fields.refuse_unless("use_gating", &[json!(false)])?;
    fields.refuse_unless("use_dora", &[json!(false)])?;
    fields.refuse_unless("vera_b", &[])?;
    fields.refuse_unless("vera_d", &[])?;
    let mut linears = BTreeSet::new();
    if fields.flag("selfattn_lora", true)? {
        for matrix in fields.strings("attn_matrices", &["q", "v"])? {
            linears.insert(match matrix.as_str() {
                "q" => Linear::Query,
                "k" => Linear::Key,
                "v" => Linear::Value,
                other => return Err(fields.unsupported("attn_matrices", &json!(other))),
            });
        }
    }
    if fields.flag("intermediate_lora", false)? {
        linears.insert(Linear::FfnUp);
    }
    if fields.flag("output_lora", false)? {
        linears.insert(Linear::FfnDown);
    }
    let rank = fields.count("r", Some(8))?;
    let leave_out = fields.counts("leave_out")?;
    let config = LoraConfig {
        rank,
        alpha: fields.float("alpha", Some(8.0))?,
        rank_stabilised: false,
        targets: (0..shape.layers)
            .filter(|layer| !leave_out.contains(layer))
            .flat_map(|layer| {
                linears
                    .iter()
                    .map(move |&linear| LinearSite { layer, linear })
            })
            .collect(),
    };
    config.check(shape)?;
    Ok(Box::new(config))
}

impl Hook for Lora {
    fn after_linear(&self, site: LinearSite, x: &Tensor, y: Tensor) -> Tensor {
        let Some(Update { a, b }) = self.updates.get(&site) else {
            return y;
        };
        #[allow(clippy::cast_possible_truncation)]
        let scale = self.config.scale() as f32;
        add_scaled(y, &linear(&linear(x, a), b), scale)
    }

    fn changes_output(&self, site: LinearSite) -> bool {
        self.updates.contains_key(&site)
    }

    fn lowest_layer(&self) -> Option<usize> {
        lowest_layer(&self.parameters)
    }
}

impl Adapter for Lora {
    fn config(&self) -> &dyn Config {
        &self.config
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }
}
