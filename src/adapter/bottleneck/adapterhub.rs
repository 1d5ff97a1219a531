//! The configuration as AdapterHub's `BnConfig` has it, and the names of its tensors.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::invertible;
use super::network::{INPUT_NORM, INPUT_NORM_BIAS, OUTPUT_NORM, OUTPUT_NORM_BIAS, SCALING};
use super::{BottleneckConfig, Hypercomplex, OutputNorm, Placement, Reads, Reduction, Scaling};
use super::{Config, Skip};
use crate::adapter::dialect::Fields;
use crate::adapter::{ParamName, Site, fields_of, number};
use crate::error::Result;
use crate::model::{Anatomy, Shape, Sublayer};
use crate::ops::Activation;
use crate::order::Sorted;

pub(super) fn read(
    place: &str,
    map: &Map<String, Value>,
    shape: &Shape,
) -> Result<Box<dyn Config>> {
    let fields = Fields::new(place, map);
    fields.refuse_unless("use_gating", &[json!(false)])?;
    fields.refuse_unless("inv_adapter", &[json!("nice")])?;
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
        reduction: reduction(&fields)?,
        sublayers,
        layers: (0..shape.layers)
            .filter(|layer| !leave_out.contains(layer))
            .into_set(),
        activation: activation(&fields)?,
        scaling: scaling(&fields)?,
        placement: placement(&fields)?,
        input_norm: fields.flag("ln_before", false)?,
        output_norm: output_norm(&fields)?,
        hypercomplex: hypercomplex(&fields)?,
        invertible: match fields.get("inv_adapter") {
            Some(_) => Some(fields.float("inv_adapter_reduction_factor", None)?),
            None => None,
        },
    };
    if let Some(layer) = config
        .layers
        .iter()
        .find(|&&layer| config.reduction.factor(layer).is_none())
    {
        let reason = format!("reduction_factor has no \"{layer}\" and no \"default\"");
        return Err(fields.invalid(&reason));
    }
    let shares = config
        .hypercomplex
        .as_ref()
        .is_some_and(|h| h.shared_weights);
    if shares && matches!(config.reduction, Reduction::ByLayer { .. }) {
        return Err(fields.invalid("shared_W_phm needs one reduction_factor for all layers"));
    }
    config.check(shape)?;
    Ok(Box::new(config))
}

/// A number, or numbers by layer: `{"1": 8, "default": 16}`.
fn reduction(fields: &Fields<'_>) -> Result<Reduction> {
    let Some(Value::Object(_)) = fields.get("reduction_factor") else {
        return Ok(Reduction::Same(fields.float("reduction_factor", None)?));
    };
    let by_name: BTreeMap<String, f64> = fields.parse("reduction_factor", None)?;
    let mut layers = BTreeMap::new();
    let mut default = None;
    for (name, factor) in by_name {
        if name == "default" {
            default = Some(factor);
        } else if let Ok(layer) = name.parse::<usize>() {
            layers.insert(layer, factor);
        } else {
            let reason = format!("reduction_factor names \"{name}\", which is no layer");
            return Err(fields.invalid(&reason));
        }
    }
    Ok(Reduction::ByLayer { layers, default })
}

/// By transformers' name, in any case. Two of those have parameters of their own.
fn activation(fields: &Fields<'_>) -> Result<Activation> {
    let written: String = fields.parse("non_linearity", None)?;
    let name = json!(written.to_lowercase());
    if name == "prelu" || name == "xielu" {
        return Err(fields.unsupported("non_linearity", &name));
    }
    serde_json::from_value(name)
        .map_err(|error| fields.invalid(&format!("\"non_linearity\" is \"{written}\": {error}")))
}

fn scaling(fields: &Fields<'_>) -> Result<Scaling> {
    Ok(match fields.get("scaling") {
        Some(Value::String(name)) if name == "learned" => Scaling::Learned,
        Some(Value::String(name)) if name == "channel" => Scaling::LearnedPerFeature,
        _ => Scaling::Fixed(fields.float("scaling", Some(1.0))?),
    })
}

fn placement(fields: &Fields<'_>) -> Result<Placement> {
    let norm_after = fields.flag("original_ln_after", true)?;
    let parallel = fields.flag("is_parallel", false)?;
    let norm_before = fields.flag("original_ln_before", false)?;
    let reads = match (parallel, norm_before) {
        (true, _) => Reads::Residual,
        (false, true) => Reads::Normalised,
        (false, false) => Reads::Output,
    };
    let skip = match fields.get("residual_before_ln") {
        _ if parallel => Skip::Output,
        None | Some(Value::Bool(true)) => Skip::Output,
        Some(Value::Bool(false)) => Skip::Input,
        Some(Value::String(name)) if name == "post_add" && norm_before => Skip::Sum,
        Some(other) => return Err(fields.unsupported("residual_before_ln", other)),
    };
    Ok(Placement {
        reads,
        skip,
        norm_after,
    })
}

fn output_norm(fields: &Fields<'_>) -> Result<Option<OutputNorm>> {
    // beside the half block there is nothing yet to add to
    let sum =
        fields.flag("adapter_residual_before_ln", false)? && !fields.flag("is_parallel", false)?;
    let norm = if sum {
        OutputNorm::Sum
    } else {
        OutputNorm::Update
    };
    Ok(fields.flag("ln_after", false)?.then_some(norm))
}

fn hypercomplex(fields: &Fields<'_>) -> Result<Option<Hypercomplex>> {
    if !fields.flag("phm_layer", false)? {
        return Ok(None);
    }
    let rank = match fields.flag("factorized_phm_W", true)? {
        true => Some(fields.count("phm_rank", Some(1))?),
        false => None,
    };
    let config = Hypercomplex {
        dimension: fields.count("phm_dim", Some(4))?,
        rank,
        factorised_rule: fields.flag("factorized_phm_rule", false)?,
        shared_rule: fields.flag("shared_phm_rule", true)?,
        shared_weights: fields.flag("shared_W_phm", false)?,
        bias: fields.flag("phm_bias", true)?,
    };
    for (field, value) in [
        ("phm_dim", config.dimension),
        ("phm_rank", rank.unwrap_or(1)),
    ] {
        if !(1..=MAX_HYPERCOMPLEX).contains(&value) {
            let reason = format!("{field} is {value}, it must be 1 to {MAX_HYPERCOMPLEX}");
            return Err(fields.invalid(&reason));
        }
    }
    Ok(Some(config))
}

/// No real adapter has a larger rule or rank; a damaged file must not be able to request unlimited memory.
const MAX_HYPERCOMPLEX: usize = 256;

pub(super) fn write(config: &BottleneckConfig, shape: &Shape) -> Map<String, Value> {
    let leave_out: Vec<usize> = (0..shape.layers)
        .filter(|layer| !config.layers.contains(layer))
        .collect();
    let Placement {
        reads,
        skip,
        norm_after,
    } = config.placement;
    let mut fields = fields_of(json!({
        "architecture": null,
        "mh_adapter": config.sublayers.contains(&Sublayer::Attention),
        "output_adapter": config.sublayers.contains(&Sublayer::Ffn),
        "reduction_factor": match &config.reduction {
            Reduction::Same(factor) => number(*factor),
            Reduction::ByLayer { layers, default } => by_layer(layers, *default),
        },
        "non_linearity": config.activation,
        "scaling": match config.scaling {
            // with a decimal point: AdapterHub takes no whole number
            Scaling::Fixed(factor) => json!(factor),
            Scaling::Learned => json!("learned"),
            Scaling::LearnedPerFeature => json!("channel"),
        },
        "is_parallel": reads == Reads::Residual,
        "original_ln_before": reads == Reads::Normalised,
        "original_ln_after": norm_after,
        "residual_before_ln": match skip {
            Skip::Output => json!(true),
            Skip::Sum => json!("post_add"),
            Skip::Input => json!(false),
        },
        "ln_before": config.input_norm,
        "ln_after": config.output_norm.is_some(),
        "adapter_residual_before_ln": config.output_norm == Some(OutputNorm::Sum),
        "use_gating": false,
        "inv_adapter": config.invertible.map(|_| "nice"),
        "inv_adapter_reduction_factor": config.invertible.map(number),
        "leave_out": leave_out,
        "phm_layer": config.hypercomplex.is_some(),
    }));
    if let Some(hypercomplex) = &config.hypercomplex {
        fields.extend(fields_of(json!({
            "phm_dim": hypercomplex.dimension,
            "phm_rank": hypercomplex.rank.unwrap_or(1),
            "factorized_phm_W": hypercomplex.rank.is_some(),
            "factorized_phm_rule": hypercomplex.factorised_rule,
            "shared_phm_rule": hypercomplex.shared_rule,
            "shared_W_phm": hypercomplex.shared_weights,
            "phm_bias": hypercomplex.bias,
        })));
    }
    fields
}

fn by_layer(layers: &BTreeMap<usize, f64>, default: Option<f64>) -> Value {
    let names = layers
        .iter()
        .map(|(layer, factor)| (layer.to_string(), number(*factor)));
    let default = default.map(|factor| ("default".to_owned(), number(factor)));
    Value::Object(names.chain(default).collect())
}

pub(super) fn key(
    config: &BottleneckConfig,
    anatomy: &Anatomy,
    name: ParamName,
    adapter: &str,
) -> String {
    if let Some(part) = name.field.strip_prefix(invertible::PREFIX) {
        return format!("invertible_adapters.{adapter}.{part}");
    }
    let (position, part) = name.field.split_once('.').unwrap_or_default();
    let part = match part {
        "bias" if config.hypercomplex.is_some() => "b",
        "w" => "W",
        "w_left" => "W_left",
        "w_right" => "W_right",
        "rule" => "phm_rule",
        "rule_left" => "phm_rule_left",
        "rule_right" => "phm_rule_right",
        same => same,
    };
    let Site::Sublayer(site) = name.site else {
        let shared = match part.strip_prefix('W') {
            Some(side) => format!("W_{position}{side}"),
            None => part.to_owned(),
        };
        return format!("shared_parameters.{adapter}.{shared}");
    };
    let field = match name.field {
        SCALING => SCALING.to_owned(),
        INPUT_NORM => "adapter_down.0.weight".to_owned(),
        INPUT_NORM_BIAS => "adapter_down.0.bias".to_owned(),
        OUTPUT_NORM => "adapter_norm_after.weight".to_owned(),
        OUTPUT_NORM_BIAS => "adapter_norm_after.bias".to_owned(),
        // in this sequence the norm comes first
        _ if position == "down" => format!("adapter_down.{}.{part}", u8::from(config.input_norm)),
        _ => format!("adapter_up.{part}"),
    };
    format!("{}.adapters.{adapter}.{field}", anatomy.bottleneck(site))
}

/// Whether a key repeats the input norm. The module holds it twice, so a PyTorch file has it twice.
pub(super) fn repeats_input_norm(key: &str) -> bool {
    key.contains(".adapter_norm_before.")
}
