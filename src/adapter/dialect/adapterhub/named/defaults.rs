//! The configurations by name, and the settings that each begins with.

use serde_json::{Map, Value, json};

use crate::adapter::fields_of;

/// What a bottleneck's configuration has in place of `seq_bn`'s.
type Differences = &'static [(&'static str, Setting)];

#[derive(Clone, Copy)]
pub(super) enum Setting {
    Flag(bool),
    Number(u32),
    Text(&'static str),
}

pub(super) const INVERTIBLE: Differences = &[
    ("inv_adapter", Setting::Text("nice")),
    ("inv_adapter_reduction_factor", Setting::Number(2)),
];

pub(super) const DOUBLE: Differences = &[
    ("mh_adapter", Setting::Flag(true)),
    ("original_ln_before", Setting::Flag(false)),
    ("non_linearity", Setting::Text("swish")),
];

pub(super) const PARALLEL: Differences = &[
    ("is_parallel", Setting::Flag(true)),
    ("original_ln_before", Setting::Flag(false)),
    ("reduction_factor", Setting::Number(2)),
    ("scaling", Setting::Number(4)),
];

pub(super) const COMPACTER: Differences = &[
    ("phm_layer", Setting::Flag(true)),
    ("reduction_factor", Setting::Number(32)),
    ("non_linearity", Setting::Text("gelu")),
];

/// `seq_bn` with what differs from it.
pub(super) fn bottleneck(differences: &[(&str, Setting)]) -> Map<String, Value> {
    let mut config = fields_of(json!({
        "architecture": null,
        "mh_adapter": false,
        "output_adapter": true,
        "reduction_factor": 16,
        "non_linearity": "relu",
        "original_ln_before": true,
        "original_ln_after": true,
        "ln_before": false,
        "ln_after": false,
        "is_parallel": false,
        "scaling": 1.0,
        "use_gating": false,
        "residual_before_ln": true,
        "adapter_residual_before_ln": false,
        "inv_adapter": null,
        "inv_adapter_reduction_factor": null,
        "leave_out": [],
        "phm_layer": false,
    }));
    for &(field, setting) in differences {
        let value = match setting {
            Setting::Flag(flag) => json!(flag),
            Setting::Number(number) => json!(number),
            Setting::Text(text) => json!(text),
        };
        config.insert(field.to_owned(), value);
    }
    config
}

pub(super) fn prefix(length: usize, bottleneck: usize, gated: bool) -> Map<String, Value> {
    fields_of(json!({
        "architecture": "prefix_tuning",
        "encoder_prefix": true,
        "cross_prefix": true,
        "leave_out": [],
        "flat": false,
        "prefix_length": length,
        "bottleneck_size": bottleneck,
        "non_linearity": "tanh",
        "dropout": 0.0,
        "use_gating": gated,
        "shared_gating": true,
    }))
}

pub(super) fn lora(differences: Value) -> Map<String, Value> {
    let mut config = fields_of(json!({
        "architecture": "lora",
        "selfattn_lora": true,
        "intermediate_lora": false,
        "output_lora": false,
        "leave_out": [],
        "r": 8,
        "alpha": 8,
        "dropout": 0.0,
        "attn_matrices": ["q", "v"],
        "composition_mode": "add",
        "init_weights": "lora",
        "use_gating": false,
        "use_dora": false,
        "vera_d": null,
        "vera_b": null,
    }));
    config.extend(fields_of(differences));
    config
}

pub(super) fn reft(orthogonal: bool) -> Map<String, Value> {
    fields_of(json!({
        "architecture": "reft",
        "layers": "all",
        "prefix_positions": 3,
        "suffix_positions": 0,
        "r": 1,
        "orthogonality": orthogonal,
    }))
}

pub(super) fn union(configs: Vec<Map<String, Value>>) -> Map<String, Value> {
    fields_of(json!({ "architecture": "union", "configs": configs }))
}
