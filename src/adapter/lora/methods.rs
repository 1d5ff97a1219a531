//! Settings of PEFT's LoRA that make it another method, which cannot be read.

use crate::adapter::dialect::Fields;
use crate::adapter::dialect::peft_methods::{CONVERT, MERGE, RETRAIN, method};
use crate::error::Result;

/// Beginnings of `init_lora_weights` whose initial update is subtracted from the frozen weights, and the
/// method's name.
const INITS: [(&str, &str); 4] = [
    ("pissa", "PiSSA"),
    ("olora", "OLoRA"),
    ("corda", "CorDA"),
    ("lora_ga", "LoRA-GA"),
];

/// What to do about a LoRA that changes the frozen weights before training.
const INITIAL: &str = "it changes the frozen weights; save it as a plain LoRA with save_pretrained(…, path_initial_model_for_weight_conversion=…)";

/// Settings of a LoRA that are methods of their own.
const FIELDS: [(&str, &str, &str); 11] = [
    ("use_qalora", "QALoRA", MERGE),
    ("use_bdlora", "block-diagonal LoRA", MERGE),
    ("alora_invocation_tokens", "aLoRA", RETRAIN),
    ("arrow_config", "Arrow routing", RETRAIN),
    ("kasa_config", "KaSA", CONVERT),
    ("monteclora_config", "MonteCLoRA", MERGE),
    ("velora_config", "VeLoRA", MERGE),
    ("layer_replication", "layer replication", RETRAIN),
    ("target_parameters", "LoRA on parameters", MERGE),
    ("trainable_token_indices", "trainable tokens", MERGE),
    ("enable_lora", "LoRA on parts of a layer", MERGE),
];

/// Refuses settings of a LoRA that make it another method.
///
/// # Errors
/// [`Error::MethodUnsupported`] that names the method.
pub(in crate::adapter) fn refuse(fields: &Fields<'_>) -> Result<()> {
    for (field, title, hint) in FIELDS {
        if fields.is_set(field) {
            return Err(method(title, field, hint));
        }
    }
    let Some(init) = fields.get("init_lora_weights") else {
        return Ok(());
    };
    let text = init.as_str().unwrap_or_default().to_lowercase();
    if let Some((_, title)) = INITS.iter().find(|(name, _)| text.starts_with(name)) {
        return Err(method(title, &format!("init_lora_weights {text}"), INITIAL));
    }
    match text.as_str() {
        "loftq" => Err(method("LoftQ", "init_lora_weights loftq", MERGE)),
        "" if init.is_boolean() => Ok(()),
        // these only choose where training begins
        "gaussian" | "eva" | "orthogonal" | "mica" => Ok(()),
        _ => Err(fields.unsupported("init_lora_weights", init)),
    }
}
