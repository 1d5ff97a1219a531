//! Fields of a configuration that nobody here has heard of.
//!
//! A kind's reader knows the fields of its kind: it reads them, refuses by name what it cannot do, and
//! leaves alone what only concerns training. Newer versions of the libraries add fields. In both a
//! method is switched on by a flag, a list or an object, which a number or a text beside it only
//! parametrises (`use_qalora` and `qalora_group_size`). So an unknown field that is true, or a list or
//! object with something in it, is refused: whatever it does would be lost. Every other is harmless, and
//! is kept and written back.

use serde_json::{Map, Value};

use super::{Fields, Library};
use crate::error::Result;

/// Flags, lists and objects of PEFT's configurations, of all kinds.
const PEFT: &[&str] = &[
    "alora_invocation_tokens",
    "alpha_pattern",
    "arrow_config",
    "auto_mapping",
    "bias",
    "corda_config",
    "ensure_weight_tying",
    "enable_lora",
    "eva_config",
    "exclude_modules",
    "fan_in_fan_out",
    "feedforward_modules",
    "graftlet_bitfit",
    "graftlet_none",
    "inference_mode",
    "init_ia3_weights",
    "init_lora_weights",
    "init_weights",
    "kasa_config",
    "layer_replication",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "lora_bias",
    "lora_ga_config",
    "megatron_config",
    "modules_to_save",
    "monteclora_config",
    "prefix_projection",
    "rank_pattern",
    "runtime_config",
    "target_modules",
    "target_parameters",
    "tokenizer_kwargs",
    "trainable_token_indices",
    "use_bdlora",
    "use_dora",
    "use_qalora",
    "use_rslora",
    "velora_config",
];

/// Flags, lists and objects of AdapterHub's inner configurations, of all kinds, of heads and of fusions.
const ADAPTERHUB: &[&str] = &[
    "adapter_residual_before_ln",
    "attn_matrices",
    "bias",
    "cross_adapter",
    "cross_prefix",
    "encoder_prefix",
    "factorized_phm_W",
    "factorized_phm_rule",
    "flat",
    "id2label",
    "intermediate_lora",
    "inv_adapter",
    "is_parallel",
    "key",
    "label2id",
    "learn_phm",
    "leave_out",
    "ln_after",
    "ln_before",
    "mh_adapter",
    "original_ln_after",
    "original_ln_before",
    "output_adapter",
    "output_lora",
    "phm_bias",
    "phm_layer",
    "query",
    "query_before_ln",
    "reduction_factor",
    "regularization",
    "residual_before",
    "residual_before_ln",
    "selfattn_lora",
    "shared_W_phm",
    "shared_gating",
    "shared_phm_rule",
    "temperature",
    "use_dora",
    "use_gating",
    "use_pooler",
    "value",
    "value_before_softmax",
    "value_initialized",
];

/// Refuses a configuration with an unknown field that may change what it computes.
///
/// # Errors
/// [`Error::UnsupportedFeature`](crate::Error::UnsupportedFeature) that names the first such field.
pub(super) fn refuse_unknown(
    place: &str,
    library: Library,
    map: &Map<String, Value>,
) -> Result<()> {
    let known = match library {
        Library::Peft => PEFT,
        Library::AdapterHub => ADAPTERHUB,
    };
    for (field, value) in map {
        if switches_on(value) && !known.contains(&field.as_str()) {
            return Err(Fields::new(place, map).unsupported(field, value));
        }
    }
    Ok(())
}

fn switches_on(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Null | Value::Number(_) | Value::String(_) => false,
    }
}
