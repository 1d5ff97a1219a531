//! Ready-made configurations, as `ADAPTER_CONFIG_MAP` and `ADAPTERFUSION_CONFIG_MAP` of AdapterHub's `adapters` 1.3.0 have them, and
//! the strings that name them: `seq_bn[reduction_factor=8]`, and `prefix_tuning|par_bn` for a union.

mod defaults;
mod syntax;

use defaults::{COMPACTER, DOUBLE, INVERTIBLE, PARALLEL, bottleneck, lora, prefix, reft, union};
use serde_json::{Map, Value, json};
use syntax::changes;

use crate::adapter::fields_of;
use crate::error::{Error, Result};

/// The hashes under which the first versions kept configurations.
const HASHES: [(&str, &str); 8] = [
    ("9076f36a74755ac4", "seq_bn"),
    ("9ed5b5a29de19b71", "seq_bn_inv"),
    ("b1017368d7a97b11", "double_seq_bn"),
    ("bcdbfdc759d7abf1", "double_seq_bn_inv"),
    ("211b85d66ae909db", "par_bn"),
    ("934efc0c1022a56f", "compacter"),
    ("cfa13994accfb5f4", "compacter++"),
    ("625403edad0bf919", "lora"),
];

/// The settings that a string stands for.
///
/// # Errors
/// [`Error::ConfigInvalid`] for an unknown name, or what cannot be read in brackets.
pub(super) fn adapter(place: &str, text: &str) -> Result<Map<String, Value>> {
    let invalid = |reason: String| Error::ConfigInvalid {
        place: place.to_owned(),
        reason,
    };
    let mut configs = Vec::new();
    for part in text.split('|') {
        let part = part.trim();
        let (name, changes) = match part.split_once('[') {
            Some((name, rest)) => {
                let changes = rest.strip_suffix(']').and_then(changes);
                let changes = changes.ok_or_else(|| {
                    invalid(format!(
                        "\"config\" is \"{}\", which cannot be read; write it like \"seq_bn[reduction_factor=8]\"",
                        short(text)
                    ))
                })?;
                (name, changes)
            }
            None => (part, Map::new()),
        };
        let mut config = configuration(name).ok_or_else(|| {
            invalid(format!(
                "there is no configuration \"{}\" in AdapterHub's library; write the settings themselves as \"config\", as `save_adapter` of a newer version does",
                short(name)
            ))
        })?;
        config.extend(changes);
        configs.push(config);
    }
    Ok(match (configs.pop(), configs.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            configs.extend(last);
            fields_of(json!({ "architecture": "union", "configs": configs }))
        }
    })
}

/// The settings of a fusion that a name stands for.
pub(super) fn fusion(name: &str) -> Option<Map<String, Value>> {
    let dynamic = match name {
        "dynamic" => true,
        "static" => false,
        _ => return None,
    };
    Some(fields_of(json!({
        "key": true,
        "query": true,
        "value": dynamic,
        "query_before_ln": false,
        "regularization": dynamic,
        "residual_before": false,
        "temperature": false,
        "value_before_softmax": true,
        "value_initialized": dynamic,
        "dropout_prob": null,
    })))
}

/// The start of a text from a file, for a sentence.
fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

fn configuration(name: &str) -> Option<Map<String, Value>> {
    let name = HASHES
        .iter()
        .find(|(hash, _)| *hash == name)
        .map_or(name, |(_, name)| name);
    Some(match name {
        "seq_bn" | "pfeiffer" => bottleneck(&[]),
        "seq_bn_inv" | "pfeiffer+inv" => bottleneck(INVERTIBLE),
        "double_seq_bn" | "houlsby" => bottleneck(DOUBLE),
        "double_seq_bn_inv" | "houlsby+inv" => bottleneck(&[DOUBLE, INVERTIBLE].concat()),
        "par_bn" | "parallel" => bottleneck(PARALLEL),
        "scaled_par_bn" | "scaled_parallel" => {
            let mut config = bottleneck(PARALLEL);
            config.insert("scaling".into(), json!("learned"));
            config
        }
        "compacter++" => bottleneck(COMPACTER),
        "compacter" => bottleneck(&[DOUBLE, COMPACTER].concat()),
        "prefix_tuning" => prefix(30, 512, false),
        "prefix_tuning_flat" => {
            let mut config = prefix(30, 512, false);
            config.insert("flat".into(), json!(true));
            config
        }
        "prompt_tuning" => fields_of(json!({
            "architecture": "prompt_tuning",
            "prompt_length": 10,
            "prompt_init": "random_uniform",
            "prompt_init_text": null,
            "combine": "prefix",
            "init_weights_seed": null,
        })),
        "lora" => lora(json!({})),
        "ia3" => lora(json!({
            "intermediate_lora": true,
            "r": 1,
            "alpha": 1,
            "attn_matrices": ["k", "v"],
            "composition_mode": "scale",
            "init_weights": "ia3",
        })),
        "vera" => lora(json!({ "vera_d": 0.1, "vera_b": 0.0, "init_weights": "vera" })),
        "dora" => lora(json!({ "use_dora": true })),
        "dvora" => {
            lora(json!({ "vera_d": 0.1, "vera_b": 0.0, "init_weights": "vera", "use_dora": true }))
        }
        "mtl_lora" => lora(json!({ "architecture": "mtl_lora" })),
        "loreft" => reft(true),
        "noreft" | "direft" => reft(false),
        "mam" => union(vec![prefix(30, 800, false), bottleneck(PARALLEL)]),
        "unipelt" => {
            let mut gated = bottleneck(&[]);
            gated.insert("use_gating".into(), json!(true));
            let lora = lora(json!({ "alpha": 2, "use_gating": true }));
            union(vec![prefix(10, 512, true), gated, lora])
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Map<String, Value> {
        adapter("a", text).unwrap()
    }

    #[test]
    fn strings_change_what_they_name() {
        let plain = read("seq_bn");
        assert_eq!(plain["reduction_factor"], json!(16));
        let changed = read(
            "seq_bn[reduction_factor=8, leave_out=[0, 2], non_linearity='gelu', ln_before=True]",
        );
        assert_eq!(changed["reduction_factor"], json!(8));
        assert_eq!(changed["leave_out"], json!([0, 2]));
        assert_eq!(changed["non_linearity"], json!("gelu"));
        assert_eq!(changed["ln_before"], json!(true));
        assert_eq!(changed["original_ln_before"], json!(true));
        let by_layer = read("double_seq_bn[reduction_factor={'1': 8, 'default': 16.5}]");
        assert_eq!(
            by_layer["reduction_factor"],
            json!({"1": 8, "default": 16.5})
        );
        assert_eq!(
            read("lora[r=4,attn_matrices=[\"q\",\"k\"]]")["attn_matrices"],
            json!(["q", "k"])
        );
        assert_eq!(
            read("prefix_tuning | par_bn")["architecture"],
            json!("union")
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in [
            "",
            "seqbn",
            "seq_bn[",
            "seq_bn[reduction_factor]",
            "seq_bn[reduction_factor=]",
            "seq_bn[=3]",
            "seq_bn[a=b]",
            "seq_bn[a='b]",
            "seq_bn[a=[1]",
            "seq_bn[a={1}]",
            "seq_bn[a=[[[1]]]]",
            "seq_bn||lora",
            "seq_bn[a=1 b=2]",
        ] {
            let error = adapter("a", text).unwrap_err();
            assert_eq!(error.code(), "config_invalid", "{text}");
            assert!(error.to_string().chars().count() <= 300);
        }
    }
}
