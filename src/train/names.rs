//! The names that PEFT, transformers and AdapterHub have for settings.

use serde_json::{Map, Value, json};

use crate::adapter::{Values, peft_settings, settings};
use crate::error::{Error, Result};

/// The names that transformers has for settings of a run that mean exactly the same.
const SAME: &[(&str, &str)] = &[
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
];

/// The name here of a setting that another library calls so.
fn same(other: &str) -> Option<&'static str> {
    let run = SAME.iter().find(|(name, _)| *name == other);
    let own = || settings().find(|own| own.others.contains(&other));
    run.map(|(_, ours)| *ours).or_else(|| Some(own()?.name))
}

/// The field that makes settings PEFT's `adapter_config.json`.
const TYPE: &str = "peft_type";

/// Whether a setting is kept as it is, for PEFT's own rules to choose modules by.
fn is_peft(name: &str) -> bool {
    name == TYPE || peft_settings().any(|own| own.name == name)
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
    let own = settings().flat_map(|own| own.others).copied();
    SAME.iter().map(|(other, _)| *other).chain(own)
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
pub(super) fn own(
    place: &str,
    mut fields: Map<String, Value>,
    is_own: impl Fn(&str) -> bool,
) -> Result<Own> {
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
        let is_known =
            |name: &str| is_own(name) || is_peft(name) || others().any(|other| other == name);
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
        let ours = same(&name).unwrap_or(&name).to_owned();
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
    const WHOLE: [&str; 4] = ["epochs", "patience", "batch_size", "accumulation"];
    let values = settings()
        .find(|own| own.name == name)
        .map(|own| own.values);
    let is_whole = WHOLE.contains(&name) || values == Some(Values::Count);
    match value {
        Value::Number(layer) if values == Some(Values::Layers) => json!([layer]),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Value::Number(number) if is_whole => match number.as_f64() {
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
