use std::collections::BTreeSet;

use super::*;

#[test]
fn every_setting_can_be_read_and_no_other() {
    let json = br#"{"problem": "single_label", "reject": "none", "contrastive_steps": 9,
        "contrastive_learning_rate": 0.01, "c": 1.5, "epochs": 1, "patience": 2,
        "batch_size": 2, "accumulation": 3, "learning_rate": 0.1, "head_learning_rate": 1.0, "schedule": "cosine",
        "warmup": 0.1, "weight_decay": 0.0, "gradient_clip": 2.0, "head_dropout": 0.1,
        "label_smoothing": 0.1, "class_weights": "balanced", "distillation": 0.5, "dev_share": 0.2, "dev_rows": 2, "background": "noise", "background_copies": 2, "folds": 3, "refit": true, "seed": 3,
        "pooling": "first", "pairs": "apart", "metric": {"name": "macro_f1"}, "half": true, "task": "t", "rank": 4,
        "alpha": 8, "rank_stabilised": true, "dropout": 0.1, "bias": "all", "virtual_tokens": 10,
        "targets": ["ffn_up"], "layers": [2], "reduction_factor": 8, "non_linearity": "relu"}"#;
    let settings = Settings::from_json("s.json", json).unwrap();
    let written = serde_json::to_value(&settings).unwrap();
    let mut fields: Vec<&str> = written
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let adapter: BTreeSet<&str> = super::settings().map(|own| own.name).collect();
    let mut known: Vec<&str> = FIELDS.iter().copied().chain(adapter).collect();
    fields.sort_unstable();
    known.sort_unstable();
    assert_eq!(fields, known);
    for json in [
        &b"{\"epoch\": 1}"[..],
        b"{\"epochs\": -1}",
        b"{\"metric\": \"speed\"}",
        b"{\"class_weights\": \"fair\"}",
        b"[]",
        b"{",
    ] {
        assert_eq!(
            Settings::from_json("s", json).unwrap_err().code(),
            "config_invalid"
        );
    }
}

#[test]
fn errors_name_the_setting_as_it_was_given() {
    let said = |json: &str| {
        let error = Settings::from_json("s.json", json.as_bytes()).unwrap_err();
        let said = error.to_string();
        assert!(said.len() < 300, "{said}");
        said
    };
    for (json, words) in [
        (r#"{"lerning_rate": 1}"#, "did you mean \"learning_rate\"?"),
        (r#"{"lora_alfa": 1}"#, "did you mean \"lora_alpha\"?"),
        (r#"{"zzz": 1}"#, "docs/training.md"),
        (r#"{"r": "x"}"#, "\"r\" is \"x\": "),
        (r#"{"epochs": 1, "rank": -1}"#, "\"rank\" is -1: "),
        (
            r#"{"num_train_epochs": 1.5}"#,
            "\"num_train_epochs\" is 1.5: ",
        ),
        (r#"{"learning_rate": []}"#, "expected a number"),
    ] {
        let said = said(json);
        assert!(said.contains(words), "{json}: {said}");
        assert!(!said.contains("usize") && !said.contains("f64"), "{said}");
    }
}

/// As PEFT 0.21 writes it.
#[test]
fn a_whole_configuration_of_peft_is_settings() {
    let json = r#"{"alpha_pattern": {}, "auto_mapping": null, "base_model_name_or_path": "x/y", "bias": "none",
        "corda_config": null, "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true,
        "init_lora_weights": true, "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 16,
        "lora_bias": false, "lora_dropout": 0.1, "megatron_core": "megatron.core",
        "modules_to_save": ["classifier", "score"], "peft_type": "LORA", "qalora_group_size": 16, "r": 4,
        "rank_pattern": {}, "revision": null, "target_modules": ["query", "value"], "task_type": "SEQ_CLS",
        "use_dora": false, "use_qalora": false, "use_rslora": true}"#;
    let settings = Settings::from_json("s.json", json.as_bytes()).unwrap();
    let adapter = &settings.adapter;
    assert_eq!(adapter.rank, Some(4));
    assert_eq!(adapter.alpha, Some(16.0));
    assert_eq!(adapter.rank_stabilised, Some(true));
    assert_eq!(
        adapter.peft["target_modules"],
        serde_json::json!(["query", "value"])
    );
    // what would be lost is refused
    for (from, to) in [
        ("\"use_qalora\": false", "\"use_qalora\": true"),
        (
            "\"init_lora_weights\": true",
            "\"init_lora_weights\": \"gaussian\"",
        ),
        ("[\"classifier\", \"score\"]", "[\"pooler\"]"),
        ("\"loftq_config\": {}", "\"loftq_config\": {\"a\": 1}"),
    ] {
        let changed = json.replace(from, to);
        assert_ne!(changed, json);
        let error = Settings::from_json("s.json", changed.as_bytes()).unwrap_err();
        assert_eq!(error.code(), "config_invalid", "{to}");
    }
}

#[test]
fn a_metric_may_be_a_name() {
    let metric = |json: &[u8]| Settings::from_json("s", json).unwrap().metric;
    assert_eq!(
        metric(br#"{"metric": "matthews"}"#),
        Some(Metric::named("matthews"))
    );
    let spam = Metric::f1("spam");
    let json = br#"{"metric": {"name": "f1", "positive": "spam"}}"#;
    assert_eq!(metric(json), Some(spam));
    assert_eq!(metric(b"{}"), None);
}
