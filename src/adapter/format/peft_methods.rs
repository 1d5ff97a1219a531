//! PEFT's methods and settings that have no counterpart here: each is named, with what to do about it.

use crate::adapter::format::{CONFIG, Fields};
use crate::error::{Error, Result};

/// What to do about a method whose change is, or is near to, one of low rank.
const CONVERT: &str = "turn it into a LoRA with PEFT's convert_to_lora, or merge it into the model (merge_and_unload) and convert that";

/// What to do about a method that is no change of weights.
const RETRAIN: &str = "train a kind that is: LoRA, IA3, prefix tuning, prompt tuning or P-tuning";

/// What to do about a change of weights that no LoRA can be.
const MERGE: &str = "merge it into the model (merge_and_unload) and convert that, or train a LoRA";

/// `peft_type`, the method's name, and what to do.
const TYPES: &[(&str, &str, &str)] = &[
    ("ADALORA", "AdaLoRA", MERGE),
    ("ADAMSS", "AdaMSS", MERGE),
    ("ADAPTION_PROMPT", "LLaMA-Adapter", RETRAIN),
    ("BEFT", "BEFT", MERGE),
    ("BOFT", "BOFT", MERGE),
    ("BONE", "Bone", CONVERT),
    ("C3A", "C3A", CONVERT),
    ("CARTRIDGE", "Cartridge", RETRAIN),
    ("CPT", "CPT", RETRAIN),
    ("DEFT", "DEFT", MERGE),
    ("DELORA", "DeLoRA", CONVERT),
    ("FOURIERFT", "FourierFT", CONVERT),
    ("FROD", "FRoD", MERGE),
    ("GLORA", "GLoRA", MERGE),
    ("GRALORA", "GraLoRA", CONVERT),
    ("HIRA", "HiRA", CONVERT),
    ("HRA", "HRA", MERGE),
    ("LILY", "Lily", MERGE),
    ("LN_TUNING", "LayerNorm tuning", MERGE),
    ("LOHA", "LoHa", CONVERT),
    ("LOKR", "LoKr", CONVERT),
    ("MISS", "MiSS", CONVERT),
    (
        "MULTITASK_PROMPT_TUNING",
        "multitask prompt tuning",
        RETRAIN,
    ),
    ("OFT", "OFT", MERGE),
    ("OSF", "OSF", MERGE),
    ("PEANUT", "PEANuT", MERGE),
    ("POLY", "Poly", RETRAIN),
    ("PSOFT", "PSOFT", CONVERT),
    ("PVERA", "PVeRA", MERGE),
    ("RANDLORA", "RandLoRA", CONVERT),
    ("ROAD", "RoAd", MERGE),
    ("SHADOW", "Shadow", RETRAIN),
    ("SHIRA", "SHiRA", CONVERT),
    ("SUPERTUNING", "SuperTuning", MERGE),
    ("TINYLORA", "TinyLoRA", CONVERT),
    ("TRAINABLE_TOKENS", "trainable tokens", MERGE),
    ("UNILORA", "Uni-LoRA", CONVERT),
    ("VBLORA", "VB-LoRA", CONVERT),
    ("VERA", "VeRA", CONVERT),
    ("WAVEFT", "WaveFT", CONVERT),
    ("XLORA", "X-LoRA", RETRAIN),
];

/// An error that names a `peft_type` that cannot be read.
pub(super) fn unsupported<'a>(peft_type: &str, known: impl Iterator<Item = &'a str>) -> Error {
    match TYPES.iter().find(|(name, ..)| *name == peft_type) {
        Some((name, title, hint)) => Error::MethodUnsupported {
            place: CONFIG.into(),
            method: format!("{title} (peft_type {name})"),
            hint: (*hint).to_owned(),
        },
        None => Error::UnknownKind {
            place: CONFIG.into(),
            kind: peft_type.chars().take(40).collect(),
            known: known.collect::<Vec<_>>().join(", "),
        },
    }
}

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
pub(in crate::adapter) fn refuse_lora(fields: &Fields<'_>) -> Result<()> {
    for (field, title, hint) in FIELDS {
        if fields.is_set(field) {
            return Err(named(title, field, hint));
        }
    }
    let Some(init) = fields.get("init_lora_weights") else {
        return Ok(());
    };
    let text = init.as_str().unwrap_or_default().to_lowercase();
    if let Some((_, title)) = INITS.iter().find(|(name, _)| text.starts_with(name)) {
        return Err(named(title, &format!("init_lora_weights {text}"), INITIAL));
    }
    match text.as_str() {
        "loftq" => Err(named("LoftQ", "init_lora_weights loftq", MERGE)),
        "" if init.is_boolean() => Ok(()),
        // these only choose where training begins
        "gaussian" | "eva" | "orthogonal" | "mica" => Ok(()),
        _ => Err(fields.unsupported("init_lora_weights", init)),
    }
}

fn named(title: &str, setting: &str, hint: &str) -> Error {
    Error::MethodUnsupported {
        place: CONFIG.into(),
        method: format!("{title} ({})", setting.chars().take(48).collect::<String>()),
        hint: hint.to_owned(),
    }
}
