//! Wrong input of every sort gives its code and a sentence that says what is wrong and where. Never a panic.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use graftlet::adapter::{Options, preset};
use graftlet::engine::Engine;
use graftlet::folder::TaskAdapter;
use graftlet::folder::{self, Files, Library};
use graftlet::head::Pooling;
use graftlet::input::text::{LongTexts, Text, Tokenizer};
use graftlet::model::{Anatomy, Dtype, FAMILIES, Linear, Shape, convert};
use graftlet::tensor_file::{FloatType, TensorFile, TensorFileWriter};
use graftlet::train::{Dataset, Event, Row, Settings, Trainer};
use graftlet::{Error, Result};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Map, Value, json};
use tiny::{FINGERPRINT, HIDDEN, Tiny, WORDS, tokenizer_json};

const GOLDENS: [&str; 4] = ["peft_lora_r8_qv", "ah_houlsby", "ah_pfeiffer", "ah_lora_r8"];
const CONFIG: &str = "adapter_config.json";
const CARD: &str = "graftlet.json";
const PEFT_WEIGHTS: &str = "adapter_model.safetensors";
const WEIGHTS: &str = "adapter.safetensors";
const HEAD_CONFIG: &str = "head_config.json";
const HEAD_WEIGHTS: &str = "model_head.safetensors";

/// The shape of the model that the goldens were made on; no weights are needed to be refused.
fn shape() -> Shape {
    static SHAPE: OnceLock<Shape> = OnceLock::new();
    let shape = SHAPE.get_or_init(|| Shape {
        name: "MiniLM".into(),
        heads: 12,
        fingerprint: "0123".into(),
        ..Shape::of(Arc::new(FAMILIES[0].sketch(384, 6, 1536).unwrap()))
    });
    shape.clone()
}

fn golden(name: &str) -> Files {
    let mut files = support::folder(&support::fixture(&format!("goldens/{name}")));
    files.remove("expected.json");
    files
}

fn tensor_files(name: &str) -> &'static [&'static str] {
    if name.starts_with("peft") {
        &[PEFT_WEIGHTS]
    } else {
        &[WEIGHTS, HEAD_WEIGHTS]
    }
}

fn weights_of(name: &str) -> &'static str {
    tensor_files(name)[0]
}

fn load(files: &Files) -> Result<TaskAdapter> {
    folder::load("mine", files, &shape())
}

/// Fails unless it is an error of that code whose sentence has all the words.
#[track_caller]
fn refused<T>(result: Result<T>, code: &str, words: &[&str]) -> Error {
    let Some(error) = result.err() else {
        panic!("accepted, expected {code} with {words:?}")
    };
    let sentence = error.to_string();
    assert_eq!(error.code(), code, "{sentence}");
    for word in words {
        assert!(sentence.contains(word), "\"{word}\" is not in: {sentence}");
    }
    error
}

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn tensors(bytes: &[u8]) -> Tensors {
    let file = TensorFile::parse("fixture", bytes).unwrap();
    let tensor = |name: &str| {
        let shape = file.info(name).unwrap().0;
        let data = file.floats(name, &shape).unwrap();
        (name.to_owned(), (shape, data))
    };
    file.names().map(tensor).collect()
}

fn write(tensors: &Tensors) -> Vec<u8> {
    let mut writer = TensorFileWriter::default();
    for (name, (shape, data)) in tensors {
        writer.floats(name, shape, data, FloatType::F32);
    }
    writer.finish("pt").unwrap()
}

/// The golden with another content of one tensor file.
fn with_tensors(name: &str, file: &str, edit: impl FnOnce(&mut Tensors)) -> Files {
    let mut files = golden(name);
    let mut content = tensors(&files[file]);
    edit(&mut content);
    files.insert(file.to_owned(), write(&content));
    files
}

/// The golden with another content of one JSON file.
fn with_json(name: &str, file: &str, edit: impl FnOnce(&mut Map<String, Value>)) -> Files {
    let mut files = golden(name);
    let mut content: Map<String, Value> = serde_json::from_slice(&files[file]).unwrap();
    edit(&mut content);
    files.insert(file.to_owned(), serde_json::to_vec(&content).unwrap());
    files
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

/// The golden with another value in AdapterHub's inner configuration.
fn with_inner(name: &str, file: &str, field: &str, value: Value) -> Files {
    with_json(name, file, |map| map["config"][field] = value)
}

#[test]
fn the_goldens_themselves_are_accepted() {
    for name in GOLDENS {
        load(&golden(name)).unwrap();
        let file = weights_of(name);
        load(&with_tensors(name, file, |_| {})).unwrap();
        load(&with_json(name, CONFIG, |_| {})).unwrap();
    }
}

// ---- another backbone

#[test]
fn another_hidden_size() {
    for name in GOLDENS {
        let wider = Shape::of(Arc::new(FAMILIES[0].sketch(768, 6, 3072).unwrap()));
        let words = ["\"mine\"", "hidden size is 384", "768"];
        refused(
            folder::load("mine", &golden(name), &wider),
            "backbone_mismatch",
            &words,
        );
    }
    // the tensors tell, whatever the configuration says
    for name in &GOLDENS[1..] {
        let files = with_json(name, CONFIG, |map| map["hidden_size"] = json!(768));
        let wider = Shape::of(Arc::new(FAMILIES[0].sketch(768, 6, 3072).unwrap()));
        let words = ["hidden size is 384", "768"];
        refused(
            folder::load("mine", &files, &wider),
            "backbone_mismatch",
            &words,
        );
    }
}

#[test]
fn fewer_and_more_layers() {
    for name in GOLDENS {
        for layers in [1, 5, 7, 12] {
            let other = Shape {
                fingerprint: shape().fingerprint,
                ..Shape::of(Arc::new(FAMILIES[0].sketch(384, layers, 1536).unwrap()))
            };
            let words = ["number of layers is 6", &layers.to_string()];
            refused(
                folder::load("mine", &golden(name), &other),
                "backbone_mismatch",
                &words,
            );
        }
    }
    let files = with_json(GOLDENS[0], CONFIG, |map| {
        map["layers_to_transform"] = json!([0, 9])
    });
    refused(
        load(&files),
        "backbone_mismatch",
        &["number of layers", "at least 10"],
    );
}

#[test]
fn another_model_type() {
    let files = with_json("ah_pfeiffer", CONFIG, |map| {
        map["model_type"] = json!("roberta")
    });
    refused(
        load(&files),
        "backbone_mismatch",
        &["model type is roberta", "bert"],
    );
}

#[test]
fn another_fingerprint() {
    for name in GOLDENS {
        let mut files = golden(name);
        let card = |fingerprint: &str| {
            json!({"backbone": {"name": "other", "fingerprint": fingerprint}})
                .to_string()
                .into_bytes()
        };
        files.insert(CARD.into(), card("4567"));
        let words = ["\"mine\"", "fingerprint is 4567 (other)", "0123 (MiniLM)"];
        refused(load(&files), "backbone_mismatch", &words);
        files.insert(CARD.into(), card("0123"));
        load(&files).unwrap();
    }
}

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
    // methods of their own are in tests/peft_goldens.rs
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
        &["\"reduction_factor\" is missing"],
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

// ---- files and tensors

#[test]
fn missing_files() {
    for name in GOLDENS {
        for file in golden(name).into_keys() {
            if file == HEAD_CONFIG {
                continue; // an adapter without a head is a whole one
            }
            let mut files = golden(name);
            files.remove(&file);
            refused(load(&files), "file_missing", &["\"mine\"", &file]);
        }
    }
}

#[test]
fn an_adapter_without_a_head_has_no_answers() {
    let engine = &mut Tiny::new(2, 16, 1).engine(Dtype::Int8);
    let mut task = trained(engine, "lora");
    task.head = None;
    engine.insert("headless", task);
    let words = ["\"headless\"", "without a head", "embed", "train --from"];
    let error = refused(
        engine.classify_with("headless", &["the cat".into()]),
        "head_missing",
        &words,
    );
    assert!(!error.to_string().contains("cannot be written"), "{error}");
    engine.activate(Some("headless")).unwrap();
    assert_eq!(engine.embed(&["the cat".into()]).unwrap()[0].len(), HIDDEN);
}

/// Values that overflow inside the encoder, where a softmax or the rounding of activations would make ordinary numbers of
/// them.
#[test]
fn what_overflows_inside_is_no_answer() {
    for dtype in [Dtype::F32, Dtype::Int8] {
        let engine = &mut Tiny::new(2, 16, 1).engine(dtype);
        let task = trained(engine, "lora");
        let shape = engine.backbone().shape();
        let mut files = folder::save(&task, "mine", Library::Peft, shape).unwrap();
        let mut content = tensors(&files[PEFT_WEIGHTS]);
        for (name, (_, data)) in &mut content {
            let large = name.contains("layer.0.attention.self.query");
            data.fill(if large { 1.0 } else { 0.0 });
        }
        files.insert(PEFT_WEIGHTS.into(), write(&content));
        let mut config: Map<String, Value> = serde_json::from_slice(&files[CONFIG]).unwrap();
        config.insert("lora_alpha".into(), json!(3e38));
        files.insert(CONFIG.into(), serde_json::to_vec(&config).unwrap());
        folder::list_files(&mut files).unwrap();
        engine.add("huge", &files).unwrap();
        let text = ["the cat".into()];
        refused(
            engine.classify_with("huge", &text),
            "logits_not_finite",
            &["text 1", "alpha"],
        );
        engine.activate(Some("huge")).unwrap();
        refused(
            engine.embed(&text),
            "vector_not_finite",
            &["text 1", "alpha"],
        );
    }
}

/// A model's other heads, which AdapterHub saves too if their names begin with this one's.
#[test]
fn other_heads_in_the_file_are_passed_over() {
    let mut files = golden("ah_lora_r8");
    let mut content = tensors(&files["model_head.safetensors"]);
    let own = content.clone();
    for (name, tensor) in own {
        let other = name.replacen(".1.", "_de.1.", 1);
        assert_ne!(other, name);
        content.insert(other, tensor);
    }
    files.insert("model_head.safetensors".into(), write(&content));
    assert!(load(&files).unwrap().head.is_some());
}

/// What too large an alpha comes to: an error, and no label.
#[test]
fn logits_that_are_not_finite_are_no_answer() {
    let engine = &mut Tiny::new(2, 16, 1).engine(Dtype::F32);
    let task = trained(engine, "lora");
    let mut files = folder::save(&task, "mine", Library::Peft, engine.backbone().shape()).unwrap();
    for (file, field) in [
        (PEFT_WEIGHTS, "lora_B"),
        ("graftlet_head.safetensors", "out.weight"),
    ] {
        let mut content = tensors(&files[file]);
        let large = content.iter_mut().filter(|(name, _)| name.contains(field));
        large.for_each(|(_, (_, data))| data.iter_mut().for_each(|x| *x = 3e38));
        files.insert(file.to_owned(), write(&content));
    }
    let mut config: Map<String, Value> = serde_json::from_slice(&files[CONFIG]).unwrap();
    config.insert("lora_alpha".into(), json!(1e30));
    files.insert(CONFIG.into(), serde_json::to_vec(&config).unwrap());
    folder::list_files(&mut files).unwrap();
    engine.add("huge", &files).unwrap();
    let words = ["the logit of", "alpha", "learning rate"];
    refused(
        engine.classify_with("huge", &["the cat".into()]),
        "logits_not_finite",
        &words,
    );
}

/// So is a temperature that makes them infinite.
#[test]
fn scores_that_are_not_finite_are_no_answer() {
    let engine = &mut Tiny::new(2, 16, 1).engine(Dtype::F32);
    let task = trained(engine, "lora");
    let mut files = folder::save(&task, "mine", Library::Peft, engine.backbone().shape()).unwrap();
    let mut card: Map<String, Value> = serde_json::from_slice(&files[CARD]).unwrap();
    let calibration = json!({ "temperature": 1e-40, "error_before": 0.1, "error_after": 0.1 });
    card.insert("calibration".into(), calibration);
    files.insert(CARD.into(), serde_json::to_vec(&card).unwrap());
    folder::list_files(&mut files).unwrap();
    engine.add("cold", &files).unwrap();
    refused(
        engine.classify_with("cold", &["the cat".into()]),
        "logits_not_finite",
        &["the logit of"],
    );
}

/// One label an output, each once.
#[test]
fn labels_that_are_not_the_heads() {
    let engine = &mut Tiny::new(2, 16, 1).engine(Dtype::F32);
    let mut task = trained(engine, "lora");
    let shape = engine.backbone().shape().clone();
    let own = task.card.labels.clone();
    assert_eq!(own.len(), 2);
    // in a file of its own, and in the library's
    let aside = folder::save(&task, "mine", Library::Peft, &shape).unwrap();
    let head = task.head.take().unwrap();
    let config = graftlet::head::HeadConfig {
        pooling: Pooling::Pooler,
        ..head.config().clone()
    };
    let mut given = graftlet::adapter::GivenParams(head.parameters());
    task.head = Some(graftlet::head::Head::build(config, &shape, &mut given).unwrap());
    let beside = folder::save(&task, "mine", Library::Peft, &shape).unwrap();
    assert!(aside.contains_key("graftlet_head.safetensors"));
    assert!(!beside.contains_key("graftlet_head.safetensors"));
    for files in [aside, beside] {
        for (labels, word) in [
            (json!(["neg"]), "1 label(s)"),
            (json!(["neg", "pos", "other"]), "2 output(s)"),
            (json!(["neg", "neg"]), "\"neg\" is there twice"),
            (json!(["neg", ""]), "label 2 is empty"),
            (json!([" ", "pos"]), "label 1 is empty"),
        ] {
            let mut files = files.clone();
            let mut card: Map<String, Value> = serde_json::from_slice(&files[CARD]).unwrap();
            card.insert("labels".into(), labels);
            files.insert(CARD.into(), serde_json::to_vec(&card).unwrap());
            folder::list_files(&mut files).unwrap();
            let words = [CARD, word, "each of the head's outputs once"];
            refused(
                folder::load("mine", &files, &shape),
                "config_invalid",
                &words,
            );
        }
    }
}

#[test]
fn missing_misshapen_and_extra_tensors() {
    for name in GOLDENS {
        for &file in tensor_files(name) {
            let all: Vec<String> = tensors(&golden(name)[file]).into_keys().collect();
            for tensor in [&all[0], &all[all.len() / 2], &all[all.len() - 1]] {
                let quoted = format!("\"{tensor}\"");
                let words = [file, quoted.as_str()];
                // PEFT's head is there or not there by its weight
                if !tensor.ends_with("classifier.weight") {
                    let files = with_tensors(name, file, |all| drop(all.remove(tensor)));
                    refused(load(&files), "tensor_missing", &words);
                }
                let files = with_tensors(name, file, |all| {
                    let (shape, data) = all.get_mut(tensor).unwrap();
                    let row: usize = shape[1..].iter().product();
                    shape[0] += 1;
                    data.resize(data.len() + row, 0.0);
                });
                // one row more there is one label more, so it is the bias that does not fit
                let is_classifier = tensor.ends_with("classifier.weight");
                let words = if is_classifier {
                    [file, "classifier.bias"]
                } else {
                    words
                };
                refused(load(&files), "tensor_shape", &words);
            }
            let files = with_tensors(name, file, |all| {
                all.insert("stray.weight".into(), (vec![2], vec![0.0; 2]));
            });
            refused(
                load(&files),
                "unsupported_feature",
                &[file, "\"stray.weight\""],
            );
        }
    }
}

#[test]
fn numbers_that_are_none() {
    for name in GOLDENS {
        let file = weights_of(name);
        let all: Vec<String> = tensors(&golden(name)[file]).into_keys().collect();
        let tensor = &all[all.len() / 2];
        for (value, word) in [
            (f32::NAN, "NaN"),
            (f32::INFINITY, "infinity"),
            (f32::NEG_INFINITY, "infinity"),
        ] {
            for index in [0, 17] {
                // TensorFileWriter writes what it is given
                let files = with_tensors(name, file, |all| {
                    all.get_mut(tensor).unwrap().1[index] = value;
                });
                let place = format!("element {index}");
                let words = [file, tensor, word, &place];
                refused(load(&files), "tensor_not_finite", &words);
            }
        }
    }
}

#[test]
fn truncated_and_damaged_files() {
    for name in GOLDENS {
        for &file in tensor_files(name) {
            let whole = golden(name)[file].clone();
            let many = (0..64)
                .chain((64..whole.len()).step_by(whole.len() / 97))
                .chain([whole.len() - 1]);
            for length in many {
                let mut files = golden(name);
                files.insert(file.to_owned(), whole[..length].to_vec());
                refused(
                    load(&files),
                    "file_truncated",
                    &[file, &format!("({length} bytes)")],
                );
            }
            for damage in [
                "<html><body>404 Not Found</body></html>",
                "version https://git-lfs",
            ] {
                let mut files = golden(name);
                files.insert(file.to_owned(), damage.as_bytes().to_vec());
                let error = refused_any(load(&files), &["file_invalid", "file_truncated"]);
                assert!(error.to_string().contains(file), "{error}");
            }
        }
    }
    // integers where floats are needed
    let files = {
        let mut files = golden("ah_lora_r8");
        let mut writer = TensorFileWriter::default();
        for (name, (shape, data)) in tensors(&files[WEIGHTS]) {
            writer.int8(&name, &shape, &vec![1; data.len()]);
        }
        files.insert(WEIGHTS.into(), writer.finish("pt").unwrap());
        files
    };
    refused(
        load(&files),
        "file_invalid",
        &[WEIGHTS, "lora_A", "I8", "floats"],
    );
}

#[track_caller]
fn refused_any<T>(result: Result<T>, codes: &[&str]) -> Error {
    let Some(error) = result.err() else {
        panic!("accepted, expected one of {codes:?}")
    };
    assert!(codes.contains(&error.code()), "{}: {error}", error.code());
    error
}

/// A shape without elements takes no bytes, so a file of any length may hold one of any size.
#[test]
fn sizes_that_only_a_damaged_file_has() {
    let mut files = golden(GOLDENS[0]);
    let mut writer = TensorFileWriter::default();
    for (name, (shape, data)) in tensors(&files[PEFT_WEIGHTS]) {
        if name.ends_with("classifier.weight") {
            writer.floats(&name, &[1 << 50, 0], &[], FloatType::F32);
        } else {
            writer.floats(&name, &shape, &data, FloatType::F32);
        }
    }
    files.insert(PEFT_WEIGHTS.into(), writer.finish("pt").unwrap());
    refused(load(&files), "config_invalid", &["labels"]);

    for layer in ["18446744073709551615", "99999999999"] {
        let files = with_tensors("ah_lora_r8", WEIGHTS, |all| {
            let tensor = all.pop_first().unwrap().1;
            all.insert(format!("bert.encoder.layer.{layer}.lora_A"), tensor);
        });
        let error = load(&files).err().unwrap();
        assert_ne!(error.code(), "internal", "{error}");
        assert!(folder::inspect("mine", &files).is_err());
    }
    let files = with_json("ah_lora_r8", CONFIG, |map| {
        map["hidden_size"] = json!(u64::MAX)
    });
    assert!(folder::inspect("mine", &files).is_err());
}

// ---- the backbone's own files

#[test]
fn backbones_that_are_none() {
    let tiny = Tiny::new(1, 16, 1);
    let (config, tokenizer, weights) = (tiny.config_json(), tokenizer_json(), tiny.checkpoint());
    let engine = |config: &[u8], tokenizer: &[u8], weights: &[u8]| {
        Engine::new(config, tokenizer, weights, FINGERPRINT)
    };
    engine(&config, &tokenizer, &weights).unwrap();

    let place = "config.json";
    refused(
        engine(b"{", &tokenizer, &weights),
        "config_invalid",
        &[place],
    );
    let edited = |field: &str, value: Value| {
        let mut map: Map<String, Value> = serde_json::from_slice(&config).unwrap();
        map[field] = value;
        serde_json::to_vec(&map).unwrap()
    };
    for (field, value, code) in [
        ("model_type", json!("deberta"), "model_unsupported"),
        ("hidden_act", json!("prelu"), "model_unsupported"),
        ("hidden_size", json!(0), "config_invalid"),
        ("hidden_size", json!(18), "config_invalid"),
        ("num_hidden_layers", json!(1u64 << 40), "config_invalid"),
        ("max_position_embeddings", json!(2), "config_invalid"),
        ("vocab_size", json!("many"), "config_invalid"),
    ] {
        refused(
            engine(&edited(field, value), &tokenizer, &weights),
            code,
            &[place],
        );
    }
    let deeper = edited("num_hidden_layers", json!(2));
    let words = [
        "model.safetensors",
        "encoder.layer.1.attention.self.query.weight",
    ];
    refused(
        engine(&deeper, &tokenizer, &weights),
        "tensor_missing",
        &words,
    );
    let wider = edited("intermediate_size", json!(64));
    let words = [
        "model.safetensors",
        "intermediate.dense.weight",
        "[32, 16]",
        "[64, 16]",
    ];
    refused(engine(&wider, &tokenizer, &weights), "tensor_shape", &words);
    let fewer = edited("vocab_size", json!(39));
    refused(
        engine(&fewer, &tokenizer, &weights),
        "config_invalid",
        &["tokenizer.json", "40", "39"],
    );
    for json in [&b""[..], b"{}", b"[]"] {
        refused(
            engine(&config, json, &weights),
            "file_invalid",
            &["tokenizer.json"],
        );
    }

    let int8 = convert(&tiny.config(), &weights, Dtype::Int8).unwrap();
    for weights in [&weights, &int8] {
        for length in (0..weights.len()).step_by(weights.len() / 31) {
            let cut = engine(&config, &tokenizer, &weights[..length]);
            refused(cut, "file_truncated", &["model.safetensors"]);
        }
    }
    for index in 0..tiny.tensors.len() {
        let mut damaged = Tiny::new(1, 16, 1);
        damaged.tensors[index].2[3] = f32::NAN;
        let words = [
            "model.safetensors",
            &damaged.tensors[index].0,
            "NaN",
            "element 3",
        ];
        let weights = damaged.checkpoint();
        refused(
            engine(&config, &tokenizer, &weights),
            "tensor_not_finite",
            &words,
        );
        refused(
            convert(&tiny.config(), &weights, Dtype::Int8),
            "tensor_not_finite",
            &words,
        );
    }
}

/// The integer kernel's sums of more than 8195 products could overflow.
/// What the tokenizers crate takes for granted, and would panic without.
#[test]
fn tokenizers_that_would_not_hold() {
    let tokenizer: Value = serde_json::from_slice(&tokenizer_json()).unwrap();
    let with = |edit: &dyn Fn(&mut Value)| {
        let mut changed = tokenizer.clone();
        edit(&mut changed);
        Tokenizer::from_json(changed.to_string().as_bytes(), 16)
    };
    with(&|_| {}).unwrap();
    let template = || tokenizer["post_processor"].clone();
    type Edit<'a> = &'a dyn Fn(&mut Value);
    let edits: [(Edit<'_>, &str); 4] = [
        (
            &|t| t["post_processor"]["special_tokens"] = json!({}),
            "[CLS]",
        ),
        (
            &|t| t["post_processor"]["single"] = t["post_processor"]["pair"].take(),
            "second",
        ),
        (
            &|t| {
                let processors = [template(), template()];
                t["post_processor"] = json!({"type": "Sequence", "processors": processors});
            },
            "more than one template",
        ),
        (
            &|t| t["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "AA"}),
            "precompiled",
        ),
    ];
    for (edit, word) in edits {
        refused(with(edit), "file_invalid", &["tokenizer.json", word]);
    }
    // a part that is never used may be anything that is JSON
    let text = tokenizer.to_string();
    let with_decoder = |decoder: &str| {
        let other = text.replace("\"decoder\":null", &format!("\"decoder\":{decoder}"));
        assert_ne!(text, other);
        Tokenizer::from_json(other.as_bytes(), 16)
    };
    with_decoder("{\"type\":\"Nobody\"}").unwrap();
    let broken = with_decoder("{\"type\":");
    refused(broken, "file_invalid", &["tokenizer.json"]);
}

#[test]
fn an_int8_layer_that_is_too_wide() {
    const WIDE: usize = 9000;
    let mut tiny = Tiny::new(1, 16, 1);
    for (name, shape, data) in &mut tiny.tensors {
        match name.as_str() {
            "encoder.layer.0.intermediate.dense.weight" => shape[0] = WIDE,
            "encoder.layer.0.intermediate.dense.bias" => shape[0] = WIDE,
            "encoder.layer.0.output.dense.weight" => shape[1] = WIDE,
            _ => continue,
        }
        data.resize(shape.iter().product(), 0.1);
    }
    let config = String::from_utf8(tiny.config_json()).unwrap();
    let config = config.replace("\"intermediate_size\":32", "\"intermediate_size\":9000");
    let weights = tiny.checkpoint();
    let engine =
        |weights: &[u8]| Engine::new(config.as_bytes(), &tokenizer_json(), weights, FINGERPRINT);
    engine(&weights).unwrap();
    let parsed = Anatomy::from_json(config.as_bytes()).unwrap();
    let int8 = convert(&parsed, &weights, Dtype::Int8).unwrap();
    refused(
        engine(&int8),
        "unsupported_feature",
        &["9000", "output.dense.weight"],
    );
}

// ---- texts

/// `count` words.
fn words(count: usize) -> String {
    WORDS
        .iter()
        .cycle()
        .take(count)
        .copied()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn long_texts_are_cut_where_that_is_asked_for() {
    let mut engine = Tiny::new(1, 512, 1).engine(Dtype::Int8);
    let task = trained(&engine, "lora");
    engine.insert("mine", task);
    engine.activate(Some("mine")).unwrap();
    engine.set_long_texts(LongTexts::Truncate);
    let texts: Vec<Text> = [3, 510, 511, 2000]
        .iter()
        .map(|&n| words(n).as_str().into())
        .collect();
    let answers = engine.classify(&texts).unwrap();
    let read: Vec<(usize, bool)> = answers.iter().map(|a| (a.tokens, a.truncated)).collect();
    assert_eq!(read, [(5, false), (512, false), (512, true), (512, true)]);
    assert_eq!(
        answers[2].logits, answers[1].logits,
        "what is read is the beginning"
    );
    assert_eq!(answers[3].logits, answers[1].logits);
}

/// All of the 32 positions are the adapter's: no text fits.
#[test]
fn texts_without_room_for_virtual_tokens() {
    let mut engine = Tiny::new(1, 32, 1).engine(Dtype::Int8);
    let narrow = Tiny::new(1, 40, 1).engine(Dtype::Int8);
    let shape = narrow.backbone().shape();
    let task = trained(&narrow, "prompt");
    let mut files = folder::save(&task, "mine", Library::Peft, shape).unwrap();
    let config = String::from_utf8(files["adapter_config.json"].clone()).unwrap();
    let config = config.replace("\"num_virtual_tokens\": 8", "\"num_virtual_tokens\": 32");
    assert!(config.contains("32"), "{config}");
    files.insert("adapter_config.json".into(), config.into_bytes());
    let mut writer = TensorFileWriter::default();
    writer.floats(
        "prompt_embeddings",
        &[32, tiny::HIDDEN],
        &[0.1; 32 * tiny::HIDDEN],
        FloatType::F32,
    );
    files.insert(
        "adapter_model.safetensors".into(),
        writer.finish("pt").unwrap(),
    );
    folder::list_files(&mut files).unwrap();
    engine.add("mine", &files).unwrap();
    let words = ["32 virtual tokens", "the 32"];
    for long in [LongTexts::Windows, LongTexts::Truncate] {
        engine.set_long_texts(long);
        refused(
            engine.classify_with("mine", &["cat".into()]),
            "text_too_long",
            &words,
        );
    }
}

/// A head whose weights overflow.
#[test]
fn outputs_that_are_no_numbers() {
    let mut engine = Tiny::new(1, 32, 1).engine(Dtype::Int8);
    let task = trained(&engine, "lora");
    let shape = engine.backbone().shape();
    let mut files = folder::save(&task, "mine", Library::Peft, shape).unwrap();
    let mut writer = TensorFileWriter::default();
    let weights: Vec<f32> = (0..2 * tiny::HIDDEN)
        .map(|at| if at % 2 == 0 { 3e38 } else { -3e38 })
        .collect();
    writer.floats("out.weight", &[2, tiny::HIDDEN], &weights, FloatType::F32);
    writer.floats("out.bias", &[2], &[3e38, 3e38], FloatType::F32);
    files.insert(
        "graftlet_head.safetensors".into(),
        writer.finish("pt").unwrap(),
    );
    folder::list_files(&mut files).unwrap();
    engine.add("mine", &files).unwrap();
    let texts = ["cat".into(), words(100).as_str().into()];
    refused(
        engine.classify_with("mine", &texts),
        "logits_not_finite",
        &["text 1"],
    );
}

#[test]
fn empty_texts() {
    let mut engine = Tiny::new(1, 16, 1).engine(Dtype::Int8);
    let mut task = trained(&engine, "lora");
    task.card.pair = None;
    engine.insert("unknown", task);
    let task = trained(&engine, "lora");
    engine.insert("mine", task);
    engine.activate(Some("mine")).unwrap();
    for empty in ["", " ", "\n\t \u{a0}"] {
        let texts: Vec<Text> = ["the cat", "a dog", empty, ""].map(Text::from).to_vec();
        let error = refused(engine.classify(&texts), "text_empty", &["text 3"]);
        assert!(matches!(error, Error::TextEmpty { index: 2 }));
        refused(engine.embed(&texts[2..]), "text_empty", &["text 1"]);
        refused(
            engine.classify_with("unknown", &[Text::pair(empty, empty)]),
            "text_empty",
            &["text 1"],
        );
        engine
            .classify_with("unknown", &[Text::pair(empty, "a dog")])
            .unwrap();
    }
    assert!(engine.classify(&[]).unwrap().is_empty());
    // nothing that the tokenizer knows is still something
    engine.classify(&["\u{1F600}".into()]).unwrap();
}

// ---- rows and options

fn row(text: &str, label: Option<&str>) -> Row {
    Row {
        text: text.into(),
        label: label.map(str::to_owned),
    }
}

fn rows(labels: &[Option<&str>]) -> Vec<Row> {
    labels
        .iter()
        .zip(WORDS)
        .map(|(label, word)| row(word, *label))
        .collect()
}

fn trained(engine: &Engine, kind: &str) -> TaskAdapter {
    let rows = rows(&[Some("a"), Some("b"), Some("a"), Some("b")]);
    let data = Dataset::for_training("rows", &rows, engine.tokenizer()).unwrap();
    let adapter = Options {
        reduction_factor: Some(4),
        ..Options::default()
    };
    let settings = Settings {
        epochs: Some(1),
        adapter,
        ..Settings::default()
    };
    let backbone = Arc::clone(engine.backbone());
    let preset = preset(kind).unwrap();
    let mut trainer = Trainer::new(backbone, preset, settings, data.clone(), data).unwrap();
    while !matches!(trainer.step().unwrap(), Event::Done { .. }) {}
    trainer.finish().unwrap()
}

#[test]
fn rows_that_teach_nothing() {
    let engine = Tiny::new(1, 16, 1).engine(Dtype::Int8);
    let place = "mine.csv";
    let training = |rows: &[Row]| Dataset::for_training(place, rows, engine.tokenizer());
    let (a, b) = (Some("a"), Some("b"));
    training(&rows(&[a, b, a, b])).unwrap();
    refused(
        training(&[]),
        "rows_empty",
        &[place, "two rows of each class"],
    );
    refused(
        training(&rows(&[a, a, a])),
        "classes_too_few",
        &[place, "\"a\""],
    );
    refused(training(&rows(&[a])), "classes_too_few", &[place, "\"a\""]);
    let many: Vec<String> = (0..20_002).map(|i| format!("label {}", i / 2)).collect();
    let many: Vec<Row> = many.iter().map(|label| row("a", Some(label))).collect();
    let words = [place, "10001 labels", "10000"];
    refused(training(&many), "classes_too_many", &words);
    let words = [place, "\"b\"", "1 row"];
    refused(training(&rows(&[a, a, b, a])), "class_too_small", &words);
    for none in [None, Some(""), Some("  ")] {
        let words = [place, "2 row(s)", "row 2"];
        refused(
            training(&rows(&[a, none, b, none, a, b])),
            "rows_unlabelled",
            &words,
        );
        refused(
            training(&rows(&[none])),
            "rows_unlabelled",
            &[place, "row 1"],
        );
    }
    let mut empty = rows(&[a, b, a, b]);
    empty[2].text = " ".into();
    refused(training(&empty), "text_empty", &["text 3"]);

    // labels are compared without the white space around them
    let spaced = training(&rows(&[a, Some(" b"), Some("a "), b])).unwrap();
    assert_eq!(spaced.labels(), ["a", "b"]);

    let known = ["a".to_owned(), "b".to_owned()];
    let dev = |rows: &[Row]| Dataset::with_labels(place, rows, engine.tokenizer(), &known);
    dev(&rows(&[a, a])).unwrap();
    let words = [place, "row 3", "\"c\"", "a, b"];
    refused(
        dev(&rows(&[a, b, Some("c"), Some("d")])),
        "label_unknown",
        &words,
    );
    refused(dev(&[]), "rows_empty", &[place]);
    refused(dev(&rows(&[a, None])), "rows_unlabelled", &[place, "row 2"]);
}

/// Which runs a checkpoint is refused by is tests/checkpoint.rs's affair.
#[test]
fn a_checkpoint_of_another_run() {
    let engine = Tiny::new(1, 16, 1).engine(Dtype::Int8);
    let rows = rows(&[Some("a"), Some("b"), Some("a"), Some("b")]);
    let data = Dataset::for_training("rows", &rows, engine.tokenizer()).unwrap();
    let preset = preset("lora").unwrap();
    let seeded = |seed| Settings {
        seed: Some(seed),
        ..Settings::default()
    };
    let backbone = || Arc::clone(engine.backbone());
    let trainer = Trainer::new(backbone(), preset, seeded(1), data.clone(), data.clone()).unwrap();
    let bytes = trainer.checkpoint().unwrap();
    let resume = |seed, bytes: &[u8]| {
        Trainer::resume(
            backbone(),
            preset,
            seeded(seed),
            data.clone(),
            data.clone(),
            bytes,
        )
    };
    resume(1, &bytes).unwrap();
    refused(
        resume(2, &bytes),
        "checkpoint_mismatch",
        &["settings", "\"seed\":1"],
    );
    refused(resume(1, &bytes[..99]), "file_truncated", &["checkpoint"]);
}

#[test]
fn options_out_of_range() {
    let engine = Tiny::new(1, 16, 1).engine(Dtype::Int8);
    let shape = engine.backbone().shape();
    let option = |kind: &str, options: Options| (preset(kind).unwrap().config)(&options, shape);
    let rank = |rank: usize| {
        option(
            "lora",
            Options {
                rank: Some(rank),
                ..Options::default()
            },
        )
    };
    rank(16).unwrap();
    refused(rank(0), "option_invalid", &["rank is 0", "1 to 16"]);
    refused(rank(17), "option_invalid", &["rank is 17", "1 to 16"]);
    for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let options = Options {
            alpha: Some(alpha),
            ..Options::default()
        };
        refused(option("lora", options), "option_invalid", &["alpha"]);
    }
    let options = Options {
        targets: Some(Vec::new()),
        ..Options::default()
    };
    refused(option("lora", options), "option_invalid", &["targets"]);
    for kind in ["lora", "ia3", "pfeiffer"] {
        let layers = |layers: &[usize]| {
            let options = Options {
                layers: Some(layers.to_vec()),
                ..Options::default()
            };
            option(kind, options)
        };
        layers(&[0, 0]).unwrap();
        refused(layers(&[]), "option_invalid", &["layers is empty"]);
        refused(
            layers(&[0, 1]),
            "option_invalid",
            &["layers is 1", "0 to 0"],
        );
    }
    for kind in ["houlsby", "pfeiffer"] {
        let factor = |factor: usize| {
            option(
                kind,
                Options {
                    reduction_factor: Some(factor),
                    ..Options::default()
                },
            )
        };
        factor(16).unwrap();
        refused(
            factor(0),
            "option_invalid",
            &["reduction_factor is 0", "16"],
        );
        refused(
            factor(17),
            "option_invalid",
            &["reduction_factor is 17", "16"],
        );
    }

    let data = rows(&[Some("a"), Some("b"), Some("a"), Some("b")]);
    let data = Dataset::for_training("rows", &data, engine.tokenizer()).unwrap();
    let start = |settings: Settings| {
        let (train, dev) = (data.clone(), data.clone());
        Trainer::new(
            Arc::clone(engine.backbone()),
            preset("lora").unwrap(),
            settings,
            train,
            dev,
        )
    };
    start(Settings::default()).unwrap();
    let default = Settings::default;
    for (settings, name) in [
        (
            Settings {
                epochs: Some(0),
                ..default()
            },
            "epochs is 0",
        ),
        (
            Settings {
                epochs: Some(1001),
                ..default()
            },
            "epochs is 1001",
        ),
        (
            Settings {
                batch_size: Some(0),
                ..default()
            },
            "batch_size is 0",
        ),
        (
            Settings {
                batch_size: Some(4096),
                ..default()
            },
            "batch_size is 4096",
        ),
        (
            Settings {
                learning_rate: Some(0.0),
                ..default()
            },
            "learning_rate is 0",
        ),
        (
            Settings {
                learning_rate: Some(2.0),
                ..default()
            },
            "learning_rate is 2",
        ),
        (
            Settings {
                learning_rate: Some(f64::NAN),
                ..default()
            },
            "learning_rate is NaN",
        ),
        (
            Settings {
                weight_decay: Some(-0.1),
                ..default()
            },
            "weight_decay is -0.1",
        ),
        (
            Settings {
                warmup: Some(1.5),
                ..default()
            },
            "warmup is 1.5",
        ),
        (
            Settings {
                dev_share: Some(0.0),
                ..default()
            },
            "dev_share is 0",
        ),
        (
            Settings {
                dev_share: Some(1.0),
                ..default()
            },
            "dev_share is 1",
        ),
    ] {
        refused(start(settings), "option_invalid", &[name, "between"]);
    }
    // a run that diverges stops and says why
    let adapter = Options {
        alpha: Some(1e300),
        ..Options::default()
    };
    let mut trainer = start(Settings {
        adapter,
        ..default()
    })
    .unwrap();
    refused(
        trainer.step(),
        "option_invalid",
        &["learning_rate", "NaN", "step 1"],
    );
}

/// Settings that are misspelt are not settings that are not there.
#[test]
fn unknown_settings_are_refused() {
    assert!(Settings::from_json("s.json", br#"{"rank": 4}"#).is_ok());
    let misspelt = Settings::from_json("s.json", br#"{"rang": 4}"#);
    refused(misspelt, "config_invalid", &["s.json", "rang", "rank"]);
}

// ---- the engine

#[test]
fn adapters_that_are_not_there() {
    let mut engine = Tiny::new(1, 16, 1).engine(Dtype::Int8);
    let texts = [Text::from("the cat")];
    refused(
        engine.classify(&texts),
        "adapter_not_in_use",
        &["no adapter is in use"],
    );
    refused(
        engine.classify_with("x", &texts),
        "adapter_unknown",
        &["\"x\"", "loaded: none"],
    );
    engine.insert(
        "mine",
        trained(&Tiny::new(1, 16, 1).engine(Dtype::Int8), "lora"),
    );
    engine.activate(Some("mine")).unwrap();
    let words = ["\"x\"", "loaded: mine"];
    refused(engine.activate(Some("x")), "adapter_unknown", &words);
    assert_eq!(engine.active(), Some("mine"), "the one in use stays so");
    refused(engine.get("x"), "adapter_unknown", &words);
    refused(engine.remove("x"), "adapter_unknown", &words);
    refused(engine.export("x", Library::Peft), "adapter_unknown", &words);
    assert_eq!(engine.active(), Some("mine"));
    engine.remove("mine").unwrap();
    refused(engine.classify(&texts), "adapter_not_in_use", &[]);
    refused(
        engine.remove("mine"),
        "adapter_unknown",
        &["\"mine\"", "loaded: none"],
    );
}

/// What cannot be loaded leaves what was loaded under its name.
#[test]
fn a_refused_folder_changes_nothing() {
    let mut engine = Tiny::new(1, 16, 1).engine(Dtype::Int8);
    let task = trained(&engine, "lora");
    engine.insert("mine", task);
    engine.activate(Some("mine")).unwrap();
    let before = engine.classify(&["the cat".into()]).unwrap();
    refused(
        engine.add("mine", &golden(GOLDENS[0])),
        "backbone_mismatch",
        &["384", "16"],
    );
    assert_eq!(engine.classify(&["the cat".into()]).unwrap(), before);
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

/// The other ways in which adapters cannot be composed are in `compose.rs`.
#[test]
fn blocks_that_cannot_stand_in_one_another() {
    use graftlet::compose::Composition;
    let json = json!({ "average": ["a", { "parallel": ["b", "c"] }] });
    let composition = Composition::from_json(&json).unwrap();
    let mut engine = Tiny::new(1, 8, 1).engine(Dtype::F32);
    refused(
        engine.activate_composition(composition),
        "composition_invalid",
        &[
            "average[1]",
            "\"parallel\" cannot stand in \"average\"",
            "adapter, stack, split",
        ],
    );
}

/// Every code of `error.rs` is provoked here or, where it is about lines and long texts, in the tests of these; but for
/// those of the network, the browser and the file system.
#[test]
fn every_code_is_provoked() {
    let elsewhere = [
        "fetch_failed",
        "checksum_mismatch",
        "aborted",
        "storage_unavailable",
        "io",
        "internal",
        // a browser's: www/client/test/hub-folder.test.ts
        "out_of_memory",
    ];
    let codes = include_str!("../src/error.rs")
        .lines()
        .filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\","));
    let tests = [
        include_str!("errors.rs"),
        include_str!("windows.rs"),
        include_str!("cli.rs"),
    ]
    .concat();
    let mut count = 0;
    for code in codes.filter(|code| !elsewhere.contains(code)) {
        assert!(
            tests.contains(&format!("\"{code}\"")),
            "no test provokes {code}"
        );
        count += 1;
    }
    assert!(count >= 19, "only {count} codes were found in error.rs");
}

// ---- anything at all

fn fixed(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        ..ProptestConfig::default()
    }
}

/// Loads a folder, and if it is accepted writes it in both formats. What matters is that it returns.
fn exercise(files: &Files) {
    let shape = shape();
    match folder::load("mine", files, &shape) {
        Ok(task) => {
            for library in [Library::Peft, Library::AdapterHub] {
                let _ = folder::save(&task, "mine", library, &shape);
            }
        }
        Err(error) => assert_ne!(error.code(), "internal", "{error}"),
    }
    let _ = folder::inspect("mine", files);
}

/// Values that a field was not meant to have.
fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(u64::MAX)),
        (-3i64..20).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z_.*(\\[]{0,12}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([u64::MAX, 0, -1])),
        Just(json!([0, 1, 1])),
        Just(json!({"query": 3})),
        Just(json!(["query", "all-linear", "", "."])),
    ]
}

/// Every object and field of a JSON value, as pointers.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    if let Value::Object(map) = value {
        for (field, value) in map {
            let at = format!("{at}/{field}");
            pointers(value, &at, found);
            found.push(at);
        }
    }
}

proptest! {
    #![proptest_config(fixed(192))]

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        header in 0u64..500,
        whose in 0usize..4,
        which in 0usize..6,
    ) {
        let mut files = golden(GOLDENS[whose]);
        let names: Vec<String> = files.keys().cloned().collect();
        let name = &names[which % names.len()];
        files.insert(name.clone(), bytes.clone());
        exercise(&files);
        // behind a plausible length of a header
        let with_length = [&header.to_le_bytes()[..], &bytes].concat();
        files.insert(name.clone(), with_length);
        exercise(&files);
    }

    #[test]
    fn mutated_bytes_never_panic(
        whose in 0usize..4,
        which in 0usize..6,
        edits in prop::collection::vec((any::<u32>(), any::<u8>(), any::<bool>()), 1..5),
        cut in prop::option::of(any::<u32>()),
    ) {
        let mut files = golden(GOLDENS[whose]);
        let names: Vec<String> = files.keys().cloned().collect();
        let bytes = files.get_mut(&names[which % names.len()]).unwrap();
        for (position, value, near) in edits {
            // half of the edits in the header, which is where the structure is
            let within = if near { bytes.len().min(3000) } else { bytes.len() };
            bytes[position as usize % within] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut as usize % bytes.len());
        }
        exercise(&files);
    }

    #[test]
    fn mutated_json_never_panics(
        whose in 0usize..4,
        which in any::<u32>(),
        edits in prop::collection::vec((any::<u32>(), prop::option::of(odd_value())), 1..3),
    ) {
        let mut files = golden(GOLDENS[whose]);
        let names: Vec<String> = files.keys().filter(|n| n.ends_with(".json")).cloned().collect();
        let bytes = files.get_mut(&names[which as usize % names.len()]).unwrap();
        let mut value: Value = serde_json::from_slice(bytes).unwrap();
        for (place, edit) in edits {
            let mut all = Vec::new();
            pointers(&value, "", &mut all);
            let Some(pointer) = all.get(place as usize % all.len().max(1)) else { continue };
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            let Some(Value::Object(map)) = value.pointer_mut(parent) else { continue };
            match edit {
                Some(edit) => map.insert(field.to_owned(), edit),
                None => map.remove(field),
            };
        }
        *bytes = serde_json::to_vec(&value).unwrap();
        exercise(&files);
    }
}

/// The card's fields may hold anything too.
#[test]
fn odd_cards_never_panic() {
    for card in [
        json!({"labels": []}),
        json!({"labels": ["x", "x", "x"]}),
        json!({"labels": ["only one"]}),
        json!({"pooling": "first", "dense": "tanh"}),
        json!({"metric": {"name": "f1"}}),
        json!({"metric": {"name": "f1", "positive": "x"}}),
        json!({"dev_score": "high"}),
        json!({"seed": -1}),
        json!([]),
    ] {
        for name in GOLDENS {
            let mut files = golden(name);
            files.insert(CARD.into(), card.to_string().into_bytes());
            exercise(&files);
        }
    }
    assert_eq!(
        serde_json::to_value(Pooling::First).unwrap(),
        json!("first")
    );
}
