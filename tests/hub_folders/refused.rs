//! Folders that are refused or read in part.

use graftlet::error::Result;
use graftlet::folder::{CONFIG, FUSION_CONFIG, Files, TaskAdapter};
use serde_json::{Value, json};

use super::support::assert_close;
use super::{HEAD_CONFIG, expected, files, load, logits, tiny};

/// The folder with another content of one JSON file.
pub(super) fn edited(name: &str, file: &str, edit: impl FnOnce(&mut Value)) -> Files {
    let mut files = files(name);
    let mut content: Value = serde_json::from_slice(&files[file]).unwrap();
    edit(&mut content);
    files.insert(file.to_owned(), serde_json::to_vec(&content).unwrap());
    files
}

#[track_caller]
fn refused(found: Result<TaskAdapter>, code: &str, words: &[&str]) {
    let Some(error) = found.err() else {
        panic!("accepted, expected {code}: {words:?}")
    };
    let sentence = error.to_string();
    assert_eq!(error.code(), code, "{sentence}");
    assert!(sentence.chars().count() <= 300, "{sentence}");
    for word in words {
        assert!(sentence.contains(word), "\"{word}\" is not in: {sentence}");
    }
}

#[test]
fn labels_are_checked() {
    let bert = tiny();
    let labels = |field: &str, value: Value| {
        let files = edited("string_ids", HEAD_CONFIG, |map| {
            map["config"]["label2id"] = Value::Null;
            map["config"][field] = value;
        });
        load(&bert, "string_ids", &files)
    };
    for map in [
        json!({"a": 0, "b": 1, "c": 2}),
        json!({"c": "2", "b": "1", "a": "0"}),
        json!({"c": 2.0, "b": "1", "a": 0}),
    ] {
        assert_eq!(
            labels("label2id", map).unwrap().card.labels,
            ["a", "b", "c"]
        );
    }
    for map in [
        json!({"0": "a", "1": "b", "2": "c"}),
        json!({"2": "c", "0": "a", "1": "b"}),
        json!(["a", "b", "c"]),
    ] {
        assert_eq!(
            labels("id2label", map).unwrap().card.labels,
            ["a", "b", "c"]
        );
    }
    assert_eq!(
        labels("id2label", json!({"0": 5, "1": 7, "2": 9}))
            .unwrap()
            .card
            .labels,
        ["5", "7", "9"]
    );
    assert_eq!(
        labels("id2label", Value::Null).unwrap().card.labels,
        ["LABEL_0", "LABEL_1", "LABEL_2"]
    );
    for (map, words) in [
        (
            json!({"a": 0, "b": 1, "c": 3}),
            &["label2id", "\"c\" the id 3", "0 to 2"][..],
        ),
        (
            json!({"a": 0, "b": 1, "c": 1}),
            &["label2id", "id 1", "\"b\"", "\"c\""],
        ),
        (
            json!({"a": 0, "b": 1, "c": "two"}),
            &["label2id", "\"c\"", "\"two\""],
        ),
        (
            json!({"a": 0, "b": 1, "c": -1}),
            &["label2id", "\"c\"", "-1"],
        ),
        (
            json!({"a": 0, "b": 1}),
            &["label2id names 2 labels", "num_labels is 3"],
        ),
        (json!({"a": 0, "b": 1, "c": null}), &["label2id", "null"]),
    ] {
        refused(labels("label2id", map), "config_invalid", words);
    }
    for (map, words) in [
        (
            json!({"0": "a", "1": "b", "2": "a"}),
            &["id2label", "\"a\" twice"][..],
        ),
        (
            json!({"0": "a", "1": "b", "x": "c"}),
            &["id2label", "\"x\""],
        ),
        (
            json!({"0": "a", "1": "b", "01": "c"}),
            &["id2label", "id 1"],
        ),
    ] {
        refused(labels("id2label", map), "config_invalid", words);
    }
    // the card's names come first
    let mut named = edited("string_ids", HEAD_CONFIG, |map| {
        map["config"]["label2id"] = json!({"a": 0, "b": 1, "c": 2})
    });
    named.insert(
        "graftlet.json".into(),
        br#"{"labels": ["x", "y", "z"]}"#.to_vec(),
    );
    assert_eq!(
        load(&bert, "a", &named).unwrap().card.labels,
        ["x", "y", "z"]
    );
}

/// Of the first versions, that wrote other names and an object for the invertible adapter.
#[test]
fn fields_of_the_first_versions() {
    let bert = tiny();
    let (rows, cases) = expected();
    let case = cases
        .iter()
        .find(|case| case["name"] == "first_version")
        .unwrap();
    let wanted: Vec<f32> = serde_json::from_value(case["logits"].clone()).unwrap();
    let files = edited("first_version", CONFIG, |map| {
        map["config"] = json!({
            "LN_after": false, "LN_before": false, "MH_Adapter": false, "Output_Adapter": true,
            "adapter_residual_before_ln": false, "attention_type": "sent-lvl-dynamic", "new_attention_norm": true,
            "invertible_adapter": {"block_type": "nice", "non_linearity": "relu", "reduction_factor": 2},
            "non_linearity": "gelu_orig", "original_ln_after": true, "original_ln_before": true,
            "reduction_factor": 4, "residual_before_ln": true,
        });
    });
    let task = load(&bert, "a", &files).unwrap();
    assert_close(
        &logits(&bert, &task, &rows),
        &wanted,
        2e-5,
        "first versions",
    );
}

#[test]
fn names_in_the_keys_count_where_the_configuration_has_another() {
    let bert = tiny();
    let files = edited("bare", CONFIG, |map| map["name"] = json!("renamed"));
    load(&bert, "bare", &files).unwrap();
}

#[test]
fn what_wraps_a_model_must_be_known() {
    let bert = tiny();
    let unknown = edited("bare", CONFIG, |map| map["config"]["r"] = json!(3));
    refused(load(&bert, "bare", &unknown), "tensor_shape", &["lora_A"]);
    let unnamed = edited("bare", CONFIG, |map| map["config"] = Value::Null);
    refused(
        load(&bert, "bare", &unnamed),
        "config_invalid",
        &["neither"],
    );
    let number = edited("bare", CONFIG, |map| map["config"] = json!("seqbn"));
    refused(
        load(&bert, "bare", &number),
        "config_invalid",
        &["seqbn", "save_adapter"],
    );
    let glow = edited("invertible", CONFIG, |map| {
        map["config"]["inv_adapter"] = json!("glow")
    });
    refused(
        load(&bert, "a", &glow),
        "method_unsupported",
        &["glow", "nice"],
    );
    let none = edited("invertible", CONFIG, |map| {
        map["config"]["inv_adapter"] = Value::Null
    });
    refused(
        load(&bert, "a", &none),
        "unsupported_feature",
        &["invertible_adapters"],
    );
}

#[test]
fn a_fusion_must_say_what_it_is_of() {
    let bert = tiny();
    let load = |edit: &dyn Fn(&mut Value)| {
        load(
            &bert,
            "f",
            &edited("fusion_without_names", FUSION_CONFIG, edit),
        )
    };
    load(&|map| map["adapter_names"] = json!("part_a, part_b")).unwrap();
    load(&|map| map["name"] = Value::Null).unwrap();
    load(&|map| map["config"] = json!("static")).err().unwrap();
    refused(
        load(&|map| map["config"] = json!("dynamical")),
        "config_invalid",
        &["dynamical", "\"static\""],
    );
    let mut alone = edited("fusion_without_names", FUSION_CONFIG, |map| {
        map["name"] = json!("mixed")
    });
    let file = alone.get_mut("model_adapter_fusion.safetensors").unwrap();
    // the same length, so that the header fits
    let text = String::from_utf8_lossy(file).contains("part_a,part_b");
    assert!(text);
    let places: Vec<usize> = file
        .windows(13)
        .enumerate()
        .filter(|(_, w)| *w == b"part_a,part_b")
        .map(|(i, _)| i)
        .collect();
    places.iter().for_each(|&i| file[i + 6] = b'+');
    refused(
        self::load(&bert, "f", &alone),
        "config_invalid",
        &["adapter_names"],
    );
}
