//! Names of settings.

use serde_json::{Value, json};

use super::{fail, read, succeed, workspace};

#[test]
fn names_of_settings_of_the_libraries() {
    let folder = workspace();
    let path = folder.path();
    let write = |value: Value| std::fs::write(path.join("s.json"), value.to_string()).unwrap();
    let base = json!({"num_train_epochs": 1, "per_device_train_batch_size": 8});
    let train = "train --backbone b --data train.csv --config s.json --out o";
    let config = |more: Value, kind: &str| {
        let mut whole = base.clone();
        for (name, value) in more.as_object().unwrap() {
            whole[name] = value.clone();
        }
        write(whole);
        succeed(
            path,
            &format!("{train} --kind {kind} --problem single_label_classification"),
            "",
        );
        read(path, "o/adapter_config.json")
    };
    let found = config(
        json!({
            "r": 2, "lora_alpha": 6, "lora_dropout": 0.1, "use_rslora": true, "target_modules": ["query", "output.dense"],
            "layers_to_transform": 1, "problem_type": "single_label_classification", "gradient_accumulation_steps": 2,
            "lr_scheduler_type": "cosine", "warmup_ratio": 0.1, "max_grad_norm": 2, "label_smoothing_factor": 0.1,
        }),
        "lora",
    );
    assert_eq!(
        (&found["r"], &found["lora_alpha"], &found["use_rslora"]),
        (&json!(2), &json!(6), &json!(true))
    );
    let targets = found["target_modules"].to_string();
    for part in [
        "1.attention.self.query",
        "1.attention.output.dense",
        "1.output.dense",
    ] {
        assert!(targets.contains(part), "{targets}");
    }
    assert!(!targets.contains("layer.0"), "{targets}");
    let card = read(path, "o/graftlet.json");
    assert_eq!(card["training"]["settings"]["accumulation"], 2);
    assert_eq!(card["training"]["settings"]["schedule"], "cosine");

    // a regular expression, a pattern of ranks, and DoRA
    let found = config(
        json!({"r": 2, "target_modules": r".*\.self\.(query|key)", "rank_pattern": {"key": 3}, "use_dora": true}),
        "lora",
    );
    assert_eq!(found["use_dora"], true);
    assert!(found["rank_pattern"].to_string().contains('3'), "{found}");
    let bottleneck = config(
        json!({"reduction_factor": 4, "non_linearity": "gelu"}),
        "pfeiffer",
    );
    assert_eq!(bottleneck["config"]["non_linearity"], "gelu");
    let prompt = config(json!({"num_virtual_tokens": 3}), "prompt");
    assert!(prompt.to_string().contains(":3"), "{prompt}");

    for (more, kind, code, words) in [
        (
            json!({"r": 2, "rank": 4}),
            "lora",
            "config_invalid",
            &["\"r\" is 2", "\"rank\" is 4"][..],
        ),
        (
            json!({"targets": ["query"], "target_modules": ["key"]}),
            "lora",
            "config_invalid",
            &["target_modules"],
        ),
        (
            json!({"target_modules": ["nothing"]}),
            "lora",
            "config_invalid",
            &["target_modules"],
        ),
        (
            json!({"target_modules": "("}),
            "lora",
            "config_invalid",
            &["target_modules"],
        ),
        (
            json!({"target_modules": ["query"]}),
            "pfeiffer",
            "option_invalid",
            &["target_modules", "bottleneck"],
        ),
        (
            json!({"use_dora": true}),
            "ia3",
            "option_invalid",
            &["use_dora"],
        ),
        (
            json!({"num_train_epochs": 1.5}),
            "lora",
            "config_invalid",
            &["1.5"],
        ),
        (
            json!({"save_steps": 1}),
            "lora",
            "config_invalid",
            &["save_steps", "docs/training.md"],
        ),
        (
            json!({"peft": {"use_dora": true}}),
            "lora",
            "config_invalid",
            &["peft"],
        ),
    ] {
        write(more);
        fail(path, &format!("{train} --kind {kind}"), code, words);
    }
    // twice the same is no contradiction
    config(json!({"r": 2, "rank": 2.0}), "lora");
}
