//! PEFT's methods that cannot be read: the name of each, and what the user can do instead.

use super::CONFIG;
use crate::error::Error;

/// What to do about a method whose change has low rank, or nearly so.
pub(crate) const CONVERT: &str = "turn it into a LoRA with PEFT's convert_to_lora, or merge it into the model (merge_and_unload) and convert that";

/// What to do about a method that does not change weights.
pub(crate) const RETRAIN: &str =
    "train a kind that is: LoRA, IA3, prefix tuning, prompt tuning or P-tuning";

/// What to do about a change of weights that no LoRA can express.
pub(crate) const MERGE: &str =
    "merge it into the model (merge_and_unload) and convert that, or train a LoRA";

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
pub(crate) fn unsupported<'a>(peft_type: &str, known: impl Iterator<Item = &'a str>) -> Error {
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

/// An error that names a method which a setting switches on.
pub(crate) fn method(title: &str, setting: &str, hint: &str) -> Error {
    Error::MethodUnsupported {
        place: CONFIG.into(),
        method: format!("{title} ({})", setting.chars().take(48).collect::<String>()),
        hint: hint.to_owned(),
    }
}
