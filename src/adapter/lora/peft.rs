//! LoRA's configuration in PEFT.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{LoraConfig, methods};
use crate::adapter::dialect::{Fields, peft_targets};
use crate::adapter::{Bias, Config, number};
use crate::error::Result;
use crate::model::{LinearSite, Shape};

pub(super) fn read(
    place: &str,
    map: &Map<String, Value>,
    shape: &Shape,
) -> Result<Box<dyn Config>> {
    let fields = Fields::new(place, map);
    // PEFT resets it with a warning where the layers are linear ones
    fields.flag("fan_in_fan_out", false)?;
    methods::refuse(&fields)?;
    let targets = peft_targets::read(&fields, shape, shape.anatomy.family.targets.lora)?;
    let config = LoraConfig {
        rank: fields.count("r", Some(8))?,
        alpha: fields.float("lora_alpha", Some(8.0))?,
        rank_stabilised: fields.flag("use_rslora", false)?,
        ranks: pattern(&fields, "rank_pattern", &targets, shape)?,
        alphas: pattern(&fields, "alpha_pattern", &targets, shape)?,
        decomposed: fields.flag("use_dora", false)?,
        update_bias: fields.flag("lora_bias", false)?,
        bias: fields.parse("bias", Some(Bias::None))?,
        dropout: fields.float("lora_dropout", Some(0.0))?,
        targets,
    };
    if config.decomposed {
        // PEFT adds the bias to the norm's weight, which no formula of DoRA's has
        fields.refuse_unless("lora_bias", &[json!(false)])?;
    }
    config.check(shape)?;
    Ok(Box::new(config))
}

/// The values that a pattern of PEFT's gives to targets: each key is a regular expression for the end
/// of a module's path, beginning behind a dot; the first that fits counts.
fn pattern<T: DeserializeOwned + Copy>(
    fields: &Fields<'_>,
    field: &str,
    targets: &BTreeSet<LinearSite>,
    shape: &Shape,
) -> Result<BTreeMap<LinearSite, T>> {
    let patterns: Map<String, Value> = fields.parse(field, Some(Map::new()))?;
    let mut values = BTreeMap::new();
    for (key, value) in &patterns {
        let invalid = |error: String| fields.invalid(&format!("{field}[\"{key}\"]: {error}"));
        let regex = peft_targets::regex(r"^(?:.*\.)?(?:", key, ")$").map_err(invalid)?;
        let value: T = serde_json::from_value(value.clone()).map_err(|e| invalid(e.to_string()))?;
        for &site in targets {
            let paths = peft_targets::paths(fields, shape, site);
            if paths
                .iter()
                .any(|path| regex.is_match(path).unwrap_or(false))
            {
                values.entry(site).or_insert(value);
            }
        }
    }
    Ok(values)
}

pub(super) fn write(config: &LoraConfig, shape: &Shape) -> Value {
    let path = |site: &LinearSite| shape.anatomy.linear(*site);
    let ranks = config.ranks.iter();
    let ranks: Map<String, Value> = ranks.map(|(s, rank)| (path(s), json!(rank))).collect();
    let alphas = config.alphas.iter();
    let alphas: Map<String, Value> = alphas.map(|(s, &a)| (path(s), number(a))).collect();
    json!({
        "peft_type": "LORA",
        "r": config.rank,
        "lora_alpha": number(config.alpha),
        "lora_dropout": config.dropout,
        "target_modules": peft_targets::write(&config.targets, shape),
        "exclude_modules": null,
        "layers_to_transform": null,
        "layers_pattern": null,
        "bias": config.bias,
        "lora_bias": config.update_bias,
        "fan_in_fan_out": false,
        "init_lora_weights": true,
        "use_rslora": config.rank_stabilised,
        "use_dora": config.decomposed,
        "rank_pattern": ranks,
        "alpha_pattern": alphas,
    })
}
