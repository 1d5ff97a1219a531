//! Ready-made configurations, as `ADAPTER_CONFIG_MAP` and `ADAPTERFUSION_CONFIG_MAP` of AdapterHub's `adapters` 1.3.0 have them, and
//! the strings that name them: `seq_bn[reduction_factor=8]`, and `prefix_tuning|par_bn` for a union.

use serde_json::{Map, Value, json};

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

/// What a bottleneck's configuration has in place of `seq_bn`'s.
type Differences = &'static [(&'static str, Setting)];

#[derive(Clone, Copy)]
enum Setting {
    Flag(bool),
    Number(u32),
    Text(&'static str),
}

const INVERTIBLE: Differences = &[
    ("inv_adapter", Setting::Text("nice")),
    ("inv_adapter_reduction_factor", Setting::Number(2)),
];
const DOUBLE: Differences = &[
    ("mh_adapter", Setting::Flag(true)),
    ("original_ln_before", Setting::Flag(false)),
    ("non_linearity", Setting::Text("swish")),
];
const PARALLEL: Differences = &[
    ("is_parallel", Setting::Flag(true)),
    ("original_ln_before", Setting::Flag(false)),
    ("reduction_factor", Setting::Number(2)),
    ("scaling", Setting::Number(4)),
];
const COMPACTER: Differences = &[
    ("phm_layer", Setting::Flag(true)),
    ("reduction_factor", Setting::Number(32)),
    ("non_linearity", Setting::Text("gelu")),
];

/// `seq_bn` with what differs from it.
fn bottleneck(differences: &[(&str, Setting)]) -> Map<String, Value> {
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

fn prefix(length: usize, bottleneck: usize, gated: bool) -> Map<String, Value> {
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

fn lora(differences: Value) -> Map<String, Value> {
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

fn reft(orthogonal: bool) -> Map<String, Value> {
    fields_of(json!({
        "architecture": "reft",
        "layers": "all",
        "prefix_positions": 3,
        "suffix_positions": 0,
        "r": 1,
        "orthogonality": orthogonal,
    }))
}

fn union(configs: Vec<Map<String, Value>>) -> Map<String, Value> {
    fields_of(json!({ "architecture": "union", "configs": configs }))
}

/// What stands in brackets: Python's keyword arguments, whose values are literals.
fn changes(text: &str) -> Option<Map<String, Value>> {
    let mut changes = Map::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return None;
        }
        let (value, after) = literal(after)?;
        changes.insert(name.to_owned(), value);
        rest = match after.trim_start() {
            "" => "",
            more => more.strip_prefix(',')?.trim_start(),
        };
    }
    Some(changes)
}

/// One of Python's literals at the start of a text, and what follows it.
fn literal(text: &str) -> Option<(Value, &str)> {
    let text = text.trim_start();
    let quote = text.chars().next()?;
    if quote == '"' || quote == '\'' {
        let (inside, rest) = text[1..].split_once(quote)?;
        return (!inside.contains('\\')).then(|| (json!(inside), rest));
    }
    if let Some(rest) = text.strip_prefix('[') {
        return list(rest);
    }
    if let Some(rest) = text.strip_prefix('{') {
        return mapping(rest);
    }
    let end = text.find([',', ']', '}', ':']).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let value = match word.trim() {
        "True" => json!(true),
        "False" => json!(false),
        "None" => Value::Null,
        number => {
            let whole = number.parse::<i64>().ok().map(|number| json!(number));
            whole.or_else(|| {
                number
                    .parse::<f64>()
                    .ok()
                    .filter(|n| n.is_finite())
                    .map(|n| json!(n))
            })?
        }
    };
    Some((value, rest))
}

/// The rest of a list of words and numbers behind its bracket. None of AdapterHub's settings nests lists.
fn list(mut rest: &str) -> Option<(Value, &str)> {
    let mut items = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix(']') {
            return Some((Value::Array(items), rest));
        }
        if rest.starts_with(['[', '{']) {
            return None;
        }
        let (item, after) = literal(rest)?;
        items.push(item);
        rest = separated(after, ']')?;
    }
}

/// The rest of a dictionary behind its bracket, as reduction factors by layer are.
fn mapping(mut rest: &str) -> Option<(Value, &str)> {
    let mut map = Map::new();
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((Value::Object(map), rest));
        }
        let (key, after) = literal(rest)?;
        let key = match key {
            Value::String(key) => key,
            Value::Number(key) => key.to_string(),
            _ => return None,
        };
        let after = after.trim_start().strip_prefix(':')?.trim_start();
        if after.starts_with(['[', '{']) {
            return None;
        }
        let (value, after) = literal(after)?;
        map.insert(key, value);
        rest = separated(after, '}')?;
    }
}

/// Behind a comma, or at the closing bracket.
fn separated(rest: &str, end: char) -> Option<&str> {
    let rest = rest.trim_start();
    if rest.starts_with(end) {
        return Some(rest);
    }
    rest.strip_prefix(',')
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
