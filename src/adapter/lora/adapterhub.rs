//! LoRA's configuration in AdapterHub.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Bias, LoraConfig};
use crate::adapter::dialect::Fields;
use crate::adapter::{Config, number};
use crate::error::{Error, Result};
use crate::model::{Linear, LinearSite, Shape};
use crate::order::Sorted;

pub(super) fn read(
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
    let leave_out = fields.counts("leave_out")?;
    let config = LoraConfig {
        rank: fields.count("r", Some(8))?,
        alpha: fields.float("alpha", Some(8.0))?,
        dropout: fields.float("dropout", Some(0.0))?,
        targets: (0..shape.layers)
            .filter(|layer| !leave_out.contains(layer))
            .flat_map(|layer| {
                linears
                    .iter()
                    .map(move |&linear| LinearSite::new(layer, linear))
            })
            .into_set(),
        ..LoraConfig::default()
    };
    config.check(shape)?;
    Ok(Box::new(config))
}

/// What AdapterHub's configuration has no place for, if there is anything.
fn unsayable(config: &LoraConfig) -> Option<&'static str> {
    let linears = config.linears();
    if linears.contains(&Linear::Pooler) {
        Some("LoRA on the pooler")
    } else if config.targets.len() != linears.len() * config.layers().len() {
        Some("a LoRA whose layers differ in their targets")
    } else if linears.contains(&Linear::AttentionOutput) {
        Some("LoRA on the attention output")
    } else if config.rank_stabilised {
        Some("rank-stabilised LoRA")
    } else if !(config.ranks.is_empty() && config.alphas.is_empty()) {
        Some("a LoRA whose targets differ in rank or alpha")
    } else if config.decomposed {
        Some("DoRA")
    } else if config.update_bias {
        Some("a LoRA whose update has a bias")
    } else if config.bias != Bias::None {
        Some("a LoRA with trained biases")
    } else {
        None
    }
}

pub(super) fn write(config: &LoraConfig, shape: &Shape) -> Result<Value> {
    if let Some(what) = unsayable(config) {
        return Err(Error::AdapterFormat {
            what: what.to_owned(),
            format: "AdapterHub",
            hint: "AdapterHub has no such place for this model; save it in PEFT's format instead, or train one that has \
                   none of it (\"targets\": [\"query\", \"key\", \"value\", \"ffn_up\", \"ffn_down\"])"
                .into(),
        });
    }
    let linears = config.linears();
    let matrices: Vec<&str> = [
        (Linear::Query, "q"),
        (Linear::Key, "k"),
        (Linear::Value, "v"),
    ]
    .into_iter()
    .filter_map(|(linear, name)| linears.contains(&linear).then_some(name))
    .collect();
    let layers = config.layers();
    let leave_out: Vec<usize> = (0..shape.layers).filter(|l| !layers.contains(l)).collect();
    Ok(json!({
        "architecture": "lora",
        "selfattn_lora": !matrices.is_empty(),
        "intermediate_lora": linears.contains(&Linear::FfnUp),
        "output_lora": linears.contains(&Linear::FfnDown),
        "attn_matrices": matrices,
        "r": config.rank,
        "alpha": number(config.alpha),
        "composition_mode": "add",
        "dropout": config.dropout,
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
