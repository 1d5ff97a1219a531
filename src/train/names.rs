//! The names that PEFT, transformers and AdapterHub have for settings.

use serde_json::{Map, Value, json};

use crate::adapter::peft_settings;
use crate::error::{Error, Result};

/// Other names of settings that mean exactly the same, with whose they are.
const SAME: &[(&str, &str)] = &[
    // PEFT
    ("r", "rank"),
    ("lora_alpha", "alpha"),
    ("lora_dropout", "dropout"),
    ("use_rslora", "rank_stabilised"),
    ("num_virtual_tokens", "virtual_tokens"),
    ("layers_to_transform", "layers"),
    // transformers
    ("problem_type", "problem"),
    ("num_train_epochs", "epochs"),
    ("early_stopping_patience", "patience"),
    ("per_device_train_batch_size", "batch_size"),
    ("gradient_accumulation_steps", "accumulation"),
    ("lr_scheduler_type", "schedule"),
    ("warmup_ratio", "warmup"),
    ("max_grad_norm", "gradient_clip"),
    ("classifier_dropout", "head_dropout"),
    ("label_smoothing_factor", "label_smoothing"),
    // AdapterHub
    ("prefix_length", "virtual_tokens"),
    ("prompt_length", "virtual_tokens"),
];

/// The field that makes settings PEFT's `adapter_config.json`.
const TYPE: &str = "peft_type";

/// Whether a setting is kept as it is, for PEFT's own rules to choose modules by.
fn is_peft(name: &str) -> bool {
    name == TYPE || peft_settings().any(|own| own == name)
}

/// Fields of PEFT's `adapter_config.json` that say nothing of a run to come, in the form in which they say nothing.
fn says_nothing(name: &str, value: &Value) -> bool {
    let is_empty = match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        other => *other != Value::Bool(true),
    };
    match name {
        "auto_mapping"
        | "base_model_name_or_path"
        | "inference_mode"
        | "peft_version"
        | "revision"
        | "task_type" => true,
        // the head is trained in every run
        "modules_to_save" => {
            is_empty || *value == json!(["classifier", "score"]) || *value == json!(["classifier"])
        }
        "init_lora_weights" | "init_ia3_weights" => *value == Value::Bool(true),
        _ => is_empty,
    }
}

/// Names of settings that others have for them.
pub(super) fn others() -> impl Iterator<Item = &'static str> {
    SAME.iter().map(|(other, _)| *other)
}

/// The field that holds them.
pub(super) const HOLDER: &str = "peft";

/// Settings by their names here.
#[derive(Default)]
pub(super) struct Own {
    /// PEFT's that have no other name are in an object of their own, [`HOLDER`].
    pub(super) fields: Map<String, Value>,
    /// The name that each was given under.
    given: Map<String, Value>,
}

impl Own {
    /// The name that a field was given under.
    pub(super) fn given(&self, name: &str) -> String {
        let given = self.given.get(name).and_then(Value::as_str);
        given.unwrap_or(name).to_owned()
    }
}

/// Takes settings under the names that this or another library has for them. Of a whole `adapter_config.json` of PEFT
/// what says nothing of training is left out.
///
/// # Errors
/// [`Error::ConfigInvalid`] if a setting is there under two names with different values.
pub(super) fn own(place: &str, mut fields: Map<String, Value>, known: &[&str]) -> Result<Own> {
    let invalid = |reason: String| Error::ConfigInvalid {
        place: place.to_owned(),
        reason,
    };
    let Own {
        fields: mut own,
        mut given,
    } = Own::default();
    let mut peft = Map::new();
    if fields.contains_key(TYPE) {
        let is_known = |name: &str| {
            known.contains(&name) || is_peft(name) || others().any(|other| other == name)
        };
        fields.retain(|name, value| is_known(name) || !says_nothing(name, value));
    }
    for (name, value) in fields {
        if name == HOLDER {
            return Err(invalid(format!(
                "there is no setting \"{name}\"; give PEFT's settings by their own names"
            )));
        }
        if is_peft(&name) {
            peft.insert(name, value);
            continue;
        }
        let same = SAME.iter().find(|(other, _)| *other == name);
        let ours = same.map_or(name.as_str(), |(_, ours)| ours).to_owned();
        let value = alike(&ours, value);
        if let Some(before) = own.get(&ours) {
            if *before != value && !number_equal(before, &value) {
                let other = given.get(&ours).and_then(Value::as_str).unwrap_or(&ours);
                return Err(invalid(format!(
                    "\"{other}\" is {before} and \"{name}\" is {value}, but they are one setting: give it once"
                )));
            }
            continue;
        }
        given.insert(ours.clone(), json!(name));
        own.insert(ours, value);
    }
    if own.contains_key("targets") && peft.contains_key("target_modules") {
        return Err(invalid(
            "\"targets\" and \"target_modules\" both say what is adapted: give one of them".into(),
        ));
    }
    peft.retain(|_, value| !value.is_null());
    if !peft.is_empty() {
        own.insert(HOLDER.into(), Value::Object(peft));
    }
    Ok(Own { fields: own, given })
}

/// A value as the setting of that name here takes it: one layer as a list of one, and a whole number without a
/// decimal point.
fn alike(name: &str, value: Value) -> Value {
    const WHOLE: [&str; 6] = [
        "rank",
        "epochs",
        "patience",
        "batch_size",
        "accumulation",
        "virtual_tokens",
    ];
    match value {
        Value::Number(layer) if name == "layers" => json!([layer]),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Value::Number(number) if WHOLE.contains(&name) => match number.as_f64() {
            Some(x) if x.fract() == 0.0 && (0.0..1e9).contains(&x) => json!(x as u64),
            _ => Value::Number(number),
        },
        other => other,
    }
}

/// Whether 2 and 2.0 say the same.
#[allow(clippy::float_cmp)]
fn number_equal(a: &Value, b: &Value) -> bool {
    matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if a == b)
}
