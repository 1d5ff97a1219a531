//! The settings of an adapter, in every form that AdapterHub and its predecessors wrote: an object with today's fields, one
//! with the fields of earlier versions, or the name of a ready-made configuration.

use serde_json::{Map, Value, json};

use super::named;
use crate::adapter::dialect::Fields;
use crate::adapter::fields_of;
use crate::error::{Error, Result};

/// The settings of an `adapter_config.json`, in today's fields. `invertible`: whether the folder has an invertible adapter's
/// tensors; settings of one that has none are dropped.
///
/// # Errors
/// [`Error::ConfigInvalid`] if there are none, or their name is unknown; [`Error::MethodUnsupported`] for a method that
/// is not computed here.
pub(crate) fn read(
    place: &str,
    outer: &Fields<'_>,
    invertible: bool,
) -> Result<Map<String, Value>> {
    let version: Option<String> = outer.parse("version", Some(None))?;
    let mut settings = match outer.get("config") {
        Some(Value::String(name)) => named::adapter(place, name)?,
        Some(Value::Object(map)) => {
            let mut map = single(map.clone());
            rename(&mut map);
            if version.is_none() {
                rename_activation(&mut map);
            }
            map
        }
        _ => {
            let reason = "\"config\" must be the adapter's settings, or the name of a configuration such as \"seq_bn\"";
            return Err(outer.invalid(reason));
        }
    };
    if !invertible && settings.contains_key("inv_adapter") {
        settings.insert("inv_adapter".into(), Value::Null);
    }
    refuse_method(place, &settings)?;
    // before adapters 1.1.0 the scale was left out of LoRA's forward pass: as if alpha were r
    let old = version
        .as_deref()
        .and_then(|version| version.strip_prefix("adapters."));
    let is_lora = settings.get("architecture").and_then(Value::as_str) == Some("lora");
    if is_lora
        && old.is_some_and(is_before_1_1_0)
        && let Some(rank) = settings.get("r").cloned()
    {
        settings.insert("alpha".into(), rank);
    }
    Ok(settings)
}

/// The settings of an `adapter_fusion_config.json`.
///
/// # Errors
/// [`Error::ConfigInvalid`] if there are none, or their name is unknown.
pub(crate) fn read_fusion(outer: &Fields<'_>) -> Result<Map<String, Value>> {
    match outer.get("config") {
        Some(Value::String(name)) => named::fusion(name).ok_or_else(|| {
            outer.invalid(&format!(
                "there is no fusion configuration \"{name}\"; write \"dynamic\", \"static\" or the settings themselves"
            ))
        }),
        _ => outer.parse("config", None),
    }
}

/// The one member of a union that has no other.
fn single(map: Map<String, Value>) -> Map<String, Value> {
    match map.get("configs") {
        Some(Value::Array(configs)) if configs.len() == 1 => match &configs[0] {
            Value::Object(only) => only.clone(),
            _ => map,
        },
        _ => map,
    }
}

/// Fields of the first versions: other capitals, and the invertible adapter in an object of its own.
fn rename(map: &mut Map<String, Value>) {
    const RENAMED: [(&str, &str); 6] = [
        ("LN_before", "ln_before"),
        ("LN_after", "ln_after"),
        ("MH_Adapter", "mh_adapter"),
        ("Output_Adapter", "output_adapter"),
        ("new_attention_norm", ""),
        ("attention_type", ""),
    ];
    for (old, new) in RENAMED {
        if let Some(value) = map.shift_remove(old)
            && !new.is_empty()
        {
            map.entry(new).or_insert(value);
        }
    }
    if let Some(Value::Object(invertible)) = map.shift_remove("invertible_adapter") {
        for (old, new) in [
            ("block_type", "inv_adapter"),
            ("reduction_factor", "inv_adapter_reduction_factor"),
        ] {
            if let Some(value) = invertible.get(old) {
                map.entry(new).or_insert_with(|| value.clone());
            }
        }
    }
}

/// Before AdapterHub's `adapters`, "gelu" was the approximation and "`gelu_orig`" the exact function.
fn rename_activation(map: &mut Map<String, Value>) {
    if let Some(Value::String(name)) = map.get_mut("non_linearity") {
        match name.as_str() {
            "gelu" => "gelu_new".clone_into(name),
            "gelu_orig" => "gelu".clone_into(name),
            _ => {}
        }
    }
}

/// Whether a Python version such as "1.0.2" or "1.1.0.dev0" comes before 1.1.0.
fn is_before_1_1_0(version: &str) -> bool {
    let mut parts = version.split('.');
    let mut number = || parts.next().unwrap_or_default().parse::<u32>();
    match (number(), number(), number()) {
        (Ok(major), Ok(minor), Ok(_)) if (major, minor) != (1, 1) => (major, minor) < (1, 1),
        // a fourth part, or letters in the third, mark what came before a release
        (Ok(1), Ok(1), Ok(0)) => parts.next().is_some_and(|part| part.starts_with("dev")),
        (Ok(1), Ok(1), third) => third.is_err() && version.starts_with("1.1.0"),
        (Ok(major), Ok(minor), _) => (major, minor) < (1, 1),
        _ => false,
    }
}

/// `architecture`, and "ia3" for what the library takes for a LoRA that scales.
pub(crate) fn architecture(settings: &Map<String, Value>) -> Option<&str> {
    let text = |field| settings.get(field).and_then(Value::as_str);
    match (text("architecture"), text("composition_mode")) {
        (Some("lora"), Some("scale")) => Some("ia3"),
        // as `ConfigUnion` calls a bottleneck
        (Some("bottleneck"), _) => None,
        (architecture, _) => architecture,
    }
}

/// Refuses what is not computed here, by the name of the method.
fn refuse_method(place: &str, settings: &Map<String, Value>) -> Result<()> {
    let Some((method, hint)) = method(settings) else {
        return Ok(());
    };
    Err(Error::MethodUnsupported {
        place: place.to_owned(),
        method,
        hint: hint.to_owned(),
    })
}

const OTHER_KIND: &str = "train a LoRA or a bottleneck (seq_bn, double_seq_bn) instead";
const ALONE: &str =
    "train its parts as adapters of their own and compose them, or train one of them alone";
const NO_GATES: &str = "train it again with use_gating=False";

/// The name of a method that is not computed here, and what to do.
fn method(settings: &Map<String, Value>) -> Option<(String, &'static str)> {
    let is_true = |field: &str| settings.get(field) == Some(&json!(true));
    let is_set = |field: &str| settings.get(field).is_some_and(|value| !value.is_null());
    let name = |name: &str| Some(name.to_owned());
    match architecture(settings) {
        Some("union") => Some((union(settings), ALONE)),
        Some("reft") => {
            let orthogonal = is_true("orthogonality");
            let method = if orthogonal {
                "LoReFT"
            } else {
                "ReFT (NoReFT or DiReFT)"
            };
            Some((method.to_owned(), OTHER_KIND))
        }
        Some("mtl_lora") => name("MTL-LoRA").zip(Some("train a LoRA for each task instead")),
        Some("lora" | "ia3") if is_set("vera_d") || is_set("vera_b") => {
            let method = if is_true("use_dora") { "DVoRA" } else { "VeRA" };
            Some((method.to_owned(), "train a LoRA instead"))
        }
        Some("lora") if is_true("use_dora") => name("AdapterHub's DoRA").zip(Some(
            "train it with PEFT (use_dora=True), whose DoRA is read, or train a LoRA",
        )),
        Some("prefix_tuning") if is_true("use_gating") => {
            name("prefix tuning with gates").zip(Some(NO_GATES))
        }
        // a gate is a mean over all tokens of a row, padding included: no function of the text
        _ if is_true("use_gating") => {
            name("an adapter with gates (use_gating, as UniPELT has them)").zip(Some(NO_GATES))
        }
        None if settings.get("inv_adapter").and_then(Value::as_str) == Some("glow") => {
            name("an invertible adapter of type \"glow\"").zip(Some(
                "train it again with inv_adapter=\"nice\" or without one",
            ))
        }
        _ => None,
    }
}

/// What a union of several settings is called.
fn union(settings: &Map<String, Value>) -> String {
    let configs = settings.get("configs").and_then(Value::as_array);
    let parts: Vec<Map<String, Value>> = configs
        .into_iter()
        .flatten()
        .map(|part| fields_of(part.clone()))
        .collect();
    let kinds: Vec<&str> = parts
        .iter()
        .map(|part| architecture(part).unwrap_or("bottleneck"))
        .collect();
    let gated = parts
        .iter()
        .any(|part| part.get("use_gating") == Some(&json!(true)));
    let parallel = parts
        .iter()
        .any(|part| part.get("is_parallel") == Some(&json!(true)));
    match kinds.as_slice() {
        ["prefix_tuning", "bottleneck"] if parallel && !gated => {
            "MAM (Mix-and-Match: prefix tuning and a parallel bottleneck)".into()
        }
        _ if gated => format!("UniPELT ({} with gates)", kinds.join(", ")),
        _ => format!("a union of methods ({})", kinds.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(settings: &Value) -> String {
        let error = read(
            "adapter_config.json",
            &Fields::new(
                "adapter_config.json",
                &fields_of(json!({"config": settings})),
            ),
            true,
        );
        let error = error.unwrap_err();
        assert_eq!(error.code(), "method_unsupported", "{error}");
        let sentence = error.to_string();
        assert!(sentence.chars().count() <= 300, "{sentence}");
        sentence
    }

    #[test]
    fn methods_are_refused_by_name() {
        for (settings, name) in [
            (json!("mam"), "MAM"),
            (json!("unipelt"), "UniPELT"),
            (json!("loreft"), "LoReFT"),
            (json!("noreft"), "NoReFT"),
            (json!("direft"), "DiReFT"),
            (json!("mtl_lora"), "MTL-LoRA"),
            (json!("vera"), "VeRA"),
            (json!("dvora"), "DVoRA"),
            (json!("dora"), "DoRA"),
            (
                json!("seq_bn|lora"),
                "a union of methods (bottleneck, lora)",
            ),
            (
                json!("prefix_tuning[use_gating=True]"),
                "prefix tuning with gates",
            ),
            (json!("seq_bn[use_gating=True]"), "use_gating"),
            (json!("seq_bn_inv[inv_adapter='glow']"), "glow"),
        ] {
            let sentence = refused(&settings);
            assert!(sentence.contains(name), "{settings}: {sentence}");
        }
    }

    #[test]
    fn versions_before_1_1_0() {
        for old in ["0.2.2", "1.0.2", "1.1.0.dev0", "1.1.0a1"] {
            assert!(is_before_1_1_0(old), "{old}");
        }
        for new in ["1.1.0", "1.1.1", "1.2.0", "1.3.0", "2.0", "new"] {
            assert!(!is_before_1_1_0(new), "{new}");
        }
    }
}
