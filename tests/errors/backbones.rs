//! Adapters of another backbone, and backbones that are none.

use std::sync::Arc;

use graftlet::engine::Engine;
use graftlet::folder;
use graftlet::input::text::Tokenizer;
use graftlet::model::{Anatomy, Dtype, FAMILIES, Shape, convert};
use graftlet::tensor_file::{FloatType, TensorFileWriter};
use graftlet::{Error, Result};
use serde_json::{Map, Value, json};

use super::tiny::{FINGERPRINT, Tiny, tokenizer_json};
use super::{
    CARD, CONFIG, GOLDENS, PEFT_WEIGHTS, WEIGHTS, golden, load, refused, shape, tensors, with_json,
    with_tensors,
};

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

#[track_caller]
pub(super) fn refused_any<T>(result: Result<T>, codes: &[&str]) -> Error {
    let Some(error) = result.err() else {
        panic!("accepted, expected one of {codes:?}")
    };
    assert!(codes.contains(&error.code()), "{}: {error}", error.code());
    error
}
