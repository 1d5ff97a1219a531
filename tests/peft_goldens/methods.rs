//! Methods and settings that are not computed.

use graftlet::folder::{self, CONFIG, Files, Library};
use graftlet::model::Backbone;
use serde_json::{Map, Value, json};

use super::support::folder;
use super::{bert, golden, load, root, sequences, values};

fn with_settings(name: &str, settings: Value) -> Files {
    let mut files = folder(&root().join(name));
    let mut config: Map<String, Value> = serde_json::from_slice(&files[CONFIG]).unwrap();
    config.extend(settings.as_object().unwrap().clone());
    files.insert(CONFIG.into(), serde_json::to_vec(&config).unwrap());
    files
}

/// Each names the method, says what to do, and is no longer than a message may be.
#[test]
fn other_methods_are_named() {
    let bert = bert();
    let types = [
        ("ADALORA", "AdaLoRA", "merge_and_unload"),
        ("LOHA", "LoHa", "convert_to_lora"),
        ("LOKR", "LoKr", "convert_to_lora"),
        ("VERA", "VeRA", "convert_to_lora"),
        ("OFT", "OFT", "merge_and_unload"),
        ("BOFT", "BOFT", "merge_and_unload"),
        ("LN_TUNING", "LayerNorm tuning", "merge_and_unload"),
        ("POLY", "Poly", "LoRA"),
        ("XLORA", "X-LoRA", "LoRA"),
        ("CPT", "CPT", "prompt tuning"),
        (
            "MULTITASK_PROMPT_TUNING",
            "multitask prompt tuning",
            "P-tuning",
        ),
        ("ADAPTION_PROMPT", "LLaMA-Adapter", "prompt tuning"),
        ("TRAINABLE_TOKENS", "trainable tokens", "merge_and_unload"),
        ("BONE", "Bone", "convert_to_lora"),
        ("MISS", "MiSS", "convert_to_lora"),
    ];
    let settings = [
        (
            json!({"init_lora_weights": "pissa"}),
            "PiSSA",
            "path_initial_model_for_weight_conversion",
        ),
        (
            json!({"init_lora_weights": "pissa_niter_16"}),
            "PiSSA",
            "path_initial_model_for_weight_conversion",
        ),
        (
            json!({"init_lora_weights": "OLoRA"}),
            "OLoRA",
            "path_initial_model_for_weight_conversion",
        ),
        (
            json!({"init_lora_weights": "corda"}),
            "CorDA",
            "path_initial_model_for_weight_conversion",
        ),
        (
            json!({"init_lora_weights": "loftq"}),
            "LoftQ",
            "merge_and_unload",
        ),
        (json!({"alora_invocation_tokens": [5, 6]}), "aLoRA", "LoRA"),
        (json!({"use_qalora": true}), "QALoRA", "merge_and_unload"),
        (
            json!({"layer_replication": [[0, 1], [0, 2]]}),
            "layer replication",
            "LoRA",
        ),
        (
            json!({"target_parameters": ["x.weight"]}),
            "LoRA on parameters",
            "merge_and_unload",
        ),
        (
            json!({"trainable_token_indices": [5]}),
            "trainable tokens",
            "merge_and_unload",
        ),
    ];
    let types = types.map(|(name, title, hint)| (json!({ "peft_type": name }), title, hint));
    for (settings, title, hint) in types.into_iter().chain(settings) {
        let files = with_settings("all_linear_text", settings.clone());
        let error = folder::load("mine", &files, bert.shape()).err().unwrap();
        assert_eq!(error.code(), "method_unsupported", "{settings}: {error}");
        let sentence = error.to_string();
        assert!(
            sentence.contains(title) && sentence.contains(hint),
            "{settings}: {sentence}"
        );
        assert!(sentence.chars().count() <= 300, "{sentence}");
    }
    // one that nobody here has heard of
    let unknown = "X".repeat(500);
    let files = with_settings("all_linear_text", json!({ "peft_type": unknown }));
    let error = folder::load("mine", &files, bert.shape()).err().unwrap();
    assert_eq!(error.code(), "unknown_kind");
    assert!(error.to_string().chars().count() <= 300, "{error}");
}

/// These only say how training began, or what PEFT resets.
#[test]
fn settings_that_change_nothing_are_read() {
    let (bert, golden) = (bert(), golden());
    let own = load("all_linear_text", &bert);
    let settings = [
        json!({"init_lora_weights": "gaussian"}),
        json!({"init_lora_weights": "eva", "eva_config": {"rho": 2.0}}),
        json!({"init_lora_weights": false}),
        json!({"fan_in_fan_out": true}),
        json!({"target_modules": "all-linear"}),
        json!({"target_modules": "ALL-LINEAR", "modules_to_save": null}),
        json!({"target_modules": r".*(query|key|value|dense)"}),
        json!({"target_modules": ["query", "key", "value", "dense"], "peft_version": null}),
    ];
    for settings in settings {
        let files = with_settings("all_linear_text", settings.clone());
        let task = folder::load("mine", &files, bert.shape());
        let task = task.unwrap_or_else(|error| panic!("{settings}: {error}"));
        for sequence in &sequences(&golden) {
            let of = |task| values(&bert, task, "text", sequence);
            assert_eq!(of(&own), of(&task), "{settings}");
        }
        // written as it is meant
        let files = folder::save(&task, "mine", Library::Peft, bert.shape()).unwrap();
        let config: Map<String, Value> = serde_json::from_slice(&files[CONFIG]).unwrap();
        assert_eq!(config["fan_in_fan_out"], json!(false));
    }
}
