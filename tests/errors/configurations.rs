//! Configurations of adapters that are unknown, unsupported or make no sense.

use graftlet::adapter::{Options, preset};
use graftlet::folder::{Files, Library};
use graftlet::model::{Dtype, Linear};
use serde_json::{Map, Value, json};

use super::tiny::Tiny;
use super::training::trained;
use super::{CARD, CONFIG, GOLDENS, HEAD_CONFIG, golden, load, refused, with_json};

// ---- configurations

#[test]
fn unknown_kinds() {
    for kind in ["NEWEST", "lora", ""] {
        let files = with_json(GOLDENS[0], CONFIG, |map| map["peft_type"] = json!(kind));
        refused(
            load(&files),
            "unknown_kind",
            &[CONFIG, &format!("\"{kind}\""), "LORA"],
        );
    }
    let files = with_inner("ah_houlsby", CONFIG, "architecture", json!("adamix"));
    refused(
        load(&files),
        "unknown_kind",
        &[CONFIG, "adamix", "lora", "bottleneck"],
    );
    for (kind, name) in [
        ("reft", "ReFT"),
        ("union", "a union of methods"),
        ("mtl_lora", "MTL-LoRA"),
    ] {
        let files = with_inner("ah_houlsby", CONFIG, "architecture", json!(kind));
        refused(load(&files), "method_unsupported", &[CONFIG, name]);
    }
    refused(
        preset("oft"),
        "unknown_kind",
        &["oft", "lora", "houlsby", "pfeiffer"],
    );
}

#[test]
fn features_that_would_change_the_answers() {
    // methods of their own are in tests/peft_goldens/methods.rs
    let files = with_json(GOLDENS[0], CONFIG, |map| {
        map.insert("init_lora_weights".into(), json!("newest"));
    });
    let words = [CONFIG, "init_lora_weights = \"newest\""];
    refused(load(&files), "unsupported_feature", &words);
    let files = with_json(GOLDENS[0], CONFIG, |map| {
        map.insert("use_bdlora".into(), json!(true));
    });
    let words = [CONFIG, "block-diagonal LoRA (use_bdlora)"];
    refused(load(&files), "method_unsupported", &words);
    let bottleneck = [("residual_before_ln", json!("before"))];
    for (field, value) in bottleneck {
        let files = with_inner("ah_pfeiffer", CONFIG, field, value.clone());
        refused(
            load(&files),
            "unsupported_feature",
            &[CONFIG, &format!("{field} = {value}")],
        );
    }
    let files = with_inner("ah_lora_r8", CONFIG, "composition_mode", json!("concat"));
    refused(
        load(&files),
        "unsupported_feature",
        &[CONFIG, "composition_mode = \"concat\""],
    );
    for (golden, field, value, method) in [
        ("ah_pfeiffer", "use_gating", json!(true), "use_gating"),
        ("ah_lora_r8", "use_gating", json!(true), "use_gating"),
        ("ah_lora_r8", "use_dora", json!(true), "DoRA"),
        ("ah_lora_r8", "vera_b", json!(0.1), "VeRA"),
        ("ah_lora_r8", "vera_d", json!(0.1), "VeRA"),
    ] {
        let files = with_inner(golden, CONFIG, field, value);
        refused(load(&files), "method_unsupported", &[CONFIG, method]);
    }
    let files = with_inner("ah_lora_r8", CONFIG, "attn_matrices", json!(["q", "o"]));
    refused(
        load(&files),
        "unsupported_feature",
        &[CONFIG, "attn_matrices", "\"o\""],
    );
    // the file has the bias that the settings do not
    let files = with_inner("ah_houlsby", HEAD_CONFIG, "bias", json!(false));
    refused(load(&files), "unsupported_feature", &["heads.", ".bias"]);
}

/// A null or an empty value of those fields says the same as their absence.
#[test]
fn features_that_are_off_are_no_reason_to_refuse() {
    for field in [
        "use_dora",
        "rank_pattern",
        "layer_replication",
        "init_lora_weights",
        "bias",
    ] {
        load(&with_json(GOLDENS[0], CONFIG, |map| {
            map[field] = Value::Null
        }))
        .unwrap();
        load(&with_json(GOLDENS[0], CONFIG, |map| {
            drop(map.remove(field))
        }))
        .unwrap();
    }
    for init in [
        json!(true),
        json!(false),
        json!("gaussian"),
        json!("eva"),
        json!("orthogonal"),
    ] {
        load(&with_json(GOLDENS[0], CONFIG, |map| {
            map["init_lora_weights"] = init
        }))
        .unwrap();
    }
}

#[test]
fn configurations_that_make_no_sense() {
    let invalid = |files: Files, words: &[&str]| refused(load(&files), "config_invalid", words);
    for name in GOLDENS {
        let whole = golden(name)[CONFIG].clone();
        for json in [
            &b""[..],
            b"{",
            b"[1, 2]",
            b"null",
            b"\xff\xfe",
            b"\"peft_type\"",
        ] {
            let mut files = golden(name);
            files.insert(CONFIG.into(), json.to_vec());
            invalid(files, &[CONFIG]);
        }
        // cut anywhere before its last brace
        let end = whole.iter().rposition(|&byte| byte == b'}').unwrap();
        for length in (0..=end).step_by(7) {
            let mut files = golden(name);
            files.insert(CONFIG.into(), whole[..length].to_vec());
            invalid(files, &[CONFIG]);
        }
        let mut files = golden(name);
        files.insert(CONFIG.into(), br#"{"model_type": "bert"}"#.to_vec());
        invalid(files, &[CONFIG, "peft_type", "AdapterHub's \"config\""]);
        let mut files = golden(name);
        files.insert(CARD.into(), b"{\"labels\": 3}".to_vec());
        invalid(files, &[CARD]);
    }
    let peft = |field: &str, value: Value| with_json(GOLDENS[0], CONFIG, |map| map[field] = value);
    invalid(peft("peft_type", json!(5)), &[CONFIG, "\"peft_type\" is 5"]);
    invalid(peft("r", json!("eight")), &[CONFIG, "\"r\" is \"eight\""]);
    invalid(peft("r", json!(-8)), &[CONFIG, "\"r\" is -8"]);
    for number in ["r", "lora_alpha", "lora_dropout"] {
        invalid(peft(number, Value::Null), &[CONFIG, number, "is null"]);
    }
    let long = ".*".repeat(5001);
    let words = &[CONFIG, "10002 bytes"];
    invalid(peft("target_modules", json!(&long)), words);
    invalid(peft("rank_pattern", json!({ &long: 4 })), words);
    invalid(
        peft("target_modules", json!(["fc1"])),
        &[CONFIG, "target_modules"],
    );
    invalid(
        peft("target_modules", json!("(")),
        &[CONFIG, "target_modules"],
    );
    let inner = |field: &str, value: Value| with_inner("ah_pfeiffer", CONFIG, field, value);
    invalid(
        inner("non_linearity", json!("sine")),
        &[CONFIG, "non_linearity", "sine"],
    );
    invalid(
        inner("reduction_factor", json!({"1": 16})),
        &[CONFIG, "reduction_factor"],
    );
    invalid(
        inner("reduction_factor", Value::Null),
        &["\"reduction_factor\" is null"],
    );
    invalid(
        inner("scaling", json!("sometimes")),
        &[CONFIG, "\"scaling\" is \"sometimes\""],
    );
    invalid(
        inner("output_adapter", json!(false)),
        &[CONFIG, "mh_adapter", "output_adapter"],
    );
    let head = |field: &str, value: Value| with_inner("ah_houlsby", HEAD_CONFIG, field, value);
    invalid(
        head("label2id", json!({"a": 0, "b": 3})),
        &[HEAD_CONFIG, "label2id", "num_labels"],
    );
    invalid(
        head("num_labels", json!(1u64 << 40)),
        &[HEAD_CONFIG, "labels"],
    );
    let mut files = golden("ah_houlsby");
    files.insert(HEAD_CONFIG.into(), b"{}".to_vec());
    invalid(files, &[HEAD_CONFIG, "\"config\" must be"]);

    let option = |files: Files, words: &[&str]| refused(load(&files), "option_invalid", words);
    option(peft("r", json!(0)), &["rank is 0"]);
    option(peft("r", json!(385)), &["rank is 385", "384"]);
    option(
        inner("reduction_factor", json!(0)),
        &["reduction_factor is 0"],
    );
}

/// The golden with another value in AdapterHub's inner configuration.
fn with_inner(name: &str, file: &str, field: &str, value: Value) -> Files {
    with_json(name, file, |map| map["config"][field] = value)
}

#[test]
fn settings_without_an_end_are_refused() {
    let many = |count: usize| (0..count).map(|i| format!("m{i}"));
    let fields = [
        "target_modules",
        "exclude_modules",
        "modules_to_save",
        "layers_to_transform",
        "odd",
    ];
    for field in fields {
        for (count, word) in [(10_001, "entries"), (1_000_000, "bytes")] {
            let files = with_json("peft_lora_r8_qv", CONFIG, |map| {
                map.insert(field.into(), many(count).collect::<Vec<_>>().into());
            });
            let error = refused(load(&files), "config_invalid", &[CONFIG, word]);
            assert!(error.message().chars().count() <= graftlet::error::LONGEST_MESSAGE);
        }
    }
    let files = with_json("peft_lora_r8_qv", CONFIG, |map| {
        let ranks: Map<_, _> = many(20_000).map(|name| (name, json!(4))).collect();
        map.insert("rank_pattern".into(), ranks.into());
    });
    refused(load(&files), "config_invalid", &[CONFIG, "20000 entries"]);
}

#[test]
fn formats_that_have_no_such_adapter() {
    let mut engine = Tiny::new(2, 16, 1).engine(Dtype::Int8);
    for kind in ["houlsby", "pfeiffer"] {
        let task = trained(&engine, kind);
        engine.insert(kind, task);
        let words = ["bottleneck", "PEFT", "AdapterHub"];
        refused(engine.export(kind, Library::Peft), "adapter_format", &words);
    }
    let lora = |targets: Vec<Linear>| Options {
        targets: Some(targets),
        ..Options::default()
    };
    let shape = engine.backbone().shape().clone();
    let config = |targets| (preset("lora").unwrap().config)(&lora(targets), &shape).unwrap();
    let output = config(vec![Linear::Query, Linear::AttentionOutput]);
    let words = ["attention output", "AdapterHub", "PEFT"];
    refused(
        output.write(Library::AdapterHub, &shape),
        "adapter_format",
        &words,
    );
    output.write(Library::Peft, &shape).unwrap();
}
