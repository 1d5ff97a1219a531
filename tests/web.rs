//! What JavaScript sees, in a real browser: `wasm-pack test --headless --chrome`.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)]

#[path = "support/tiny.rs"]
mod tiny;

use graftlet::adapter::presets;
use graftlet::web::{Store, WebEngine, kinds};
use js_sys::{Array, Object, Reflect, Uint8Array};
use tiny::Tiny;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        Reflect::set(&object, &(*name).into(), value).unwrap();
    }
    object.into()
}

fn field(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &name.into()).unwrap()
}

fn keys(value: &JsValue) -> Array {
    Object::keys(value.unchecked_ref::<Object>())
}

fn text(value: &JsValue, name: &str) -> String {
    field(value, name)
        .as_string()
        .unwrap_or_else(|| panic!("{name} of {value:?}"))
}

fn number(value: &JsValue, name: &str) -> f64 {
    field(value, name)
        .as_f64()
        .unwrap_or_else(|| panic!("{name} of {value:?}"))
}

fn bytes(content: &[u8]) -> JsValue {
    Uint8Array::new_from_slice(content).into()
}

fn engine() -> WebEngine {
    let tiny = Tiny::new(2, 32, 7);
    let files = object(&[
        ("config.json", bytes(&tiny.config_json())),
        ("tokenizer.json", bytes(&tiny::tokenizer_json())),
        ("model.safetensors", bytes(&tiny.checkpoint())),
    ]);
    WebEngine::from_files(&files).unwrap()
}

/// Twenty rows that a few steps can tell apart.
fn rows() -> JsValue {
    let rows = Array::new();
    for index in 0..20 {
        let (word, label) = if index % 2 == 0 {
            ("good", "yes")
        } else {
            ("bad", "no")
        };
        let noun = tiny::WORDS[index % 10 + 20];
        let row = format!("the {noun} was very {word} .");
        rows.push(&object(&[("text", row.into()), ("label", label.into())]));
    }
    rows.into()
}

fn options(kind: &str) -> JsValue {
    object(&[
        ("name", "mine".into()),
        ("kind", kind.into()),
        ("epochs", 12.into()),
        ("batchSize", 4.into()),
        ("learningRate", 0.02.into()),
        ("seed", 3.into()),
        // a sixteenth of sixteen features would be too narrow
        ("reductionFactor", 4.into()),
    ])
}

fn train(engine: &WebEngine, kind: &str) -> JsValue {
    let mut training = engine.start_training(options(kind), rows()).unwrap();
    let (mut steps, mut evaluations) = (0.0, 0.0);
    loop {
        let event = training.step().unwrap();
        match text(&event, "type").as_str() {
            "step" => {
                steps += 1.0;
                assert_eq!(number(&event, "step"), steps);
                assert!(number(&event, "loss").is_finite());
            }
            "eval" => evaluations += 1.0,
            "done" => {
                assert_eq!(number(&event, "steps"), steps);
                assert_eq!(number(&event, "epochs"), evaluations);
                assert_eq!(
                    number(&event, "score"),
                    1.0,
                    "{kind} did not learn two words"
                );
                return training.adapter_files().unwrap();
            }
            other => assert_eq!(other, "evaluating"),
        }
    }
}

#[wasm_bindgen_test]
fn every_kind_trains_and_the_backbone_stays() {
    let mut engine = engine();
    let before = engine.backbone_hash();
    let kinds = Array::from(&kinds().unwrap());
    assert_eq!(kinds.length() as usize, presets().count());
    for kind in kinds.iter() {
        let name = text(&kind, "name");
        let files = train(&engine, &name);
        let info = engine.add_adapter(&name, &files).unwrap();
        assert_eq!(text(&info, "format"), text(&kind, "format"));
        assert!(number(&info, "share") > 0.0);
        engine.activate(name.as_str().into()).unwrap();
        let texts = Array::of2(
            &"the cat was very good .".into(),
            &"the dog was very bad .".into(),
        );
        let answers = Array::from(&engine.classify(texts.into()).unwrap());
        assert_eq!(text(&answers.get(0), "label"), "yes", "{name}");
        assert_eq!(text(&answers.get(1), "label"), "no", "{name}");
        let scores = Array::from(&field(&answers.get(0), "scores"));
        let sum: f64 = scores.iter().map(|score| number(&score, "score")).sum();
        assert!((sum - 1.0).abs() < 1e-5);
    }
    assert_eq!(engine.backbone_hash(), before);
}

#[wasm_bindgen_test]
fn exported_and_added_again_the_logits_are_equal() {
    let mut engine = engine();
    let files = train(&engine, "lora");
    engine.add_adapter("one", &files).unwrap();
    let exported = engine.export_adapter("one", "adapterhub".into()).unwrap();
    engine.add_adapter("two", &exported).unwrap();
    let names = Array::of2(&"one".into(), &"two".into());
    let texts: JsValue = Array::of1(&"a lovely warm meal".into()).into();
    let answers = Array::from(&engine.classify_with(texts, &names).unwrap());
    let logits = |index| {
        let answer = Array::from(&answers.get(index)).get(0);
        Array::from(&field(&answer, "logits"))
            .iter()
            .map(|x| x.as_f64())
            .collect::<Vec<_>>()
    };
    assert_eq!(logits(0), logits(1));
    let merged = engine.export_merged("one").unwrap();
    assert!(keys(&merged).includes(&"model.safetensors".into(), 0));
}

#[wasm_bindgen_test]
fn errors_are_objects_with_a_code() {
    let mut engine = engine();
    let code = |error: JsValue| {
        assert!(error.is_instance_of::<js_sys::Error>());
        assert_eq!(text(&error, "name"), "GraftletError");
        assert!(text(&error, "message").len() > 20);
        text(&error, "code")
    };
    let texts: JsValue = Array::of1(&"a film".into()).into();
    assert_eq!(
        code(engine.classify(texts.clone()).unwrap_err()),
        "adapter_not_in_use"
    );
    assert_eq!(
        code(engine.activate("x".into()).unwrap_err()),
        "adapter_unknown"
    );
    assert_eq!(
        code(engine.add_adapter("x", &object(&[])).unwrap_err()),
        "file_missing"
    );
    let config = object(&[("adapter_config.json", bytes(b"{\"peft_type\":\"VERA\"}"))]);
    assert_eq!(
        code(engine.add_adapter("x", &config).unwrap_err()),
        "unknown_kind"
    );
    assert_eq!(
        code(engine.add_adapter("x", &"files".into()).unwrap_err()),
        "option_invalid"
    );
    let empty: JsValue = Array::of1(&" ".into()).into();
    assert_eq!(
        code(engine.embed(empty).map(drop).unwrap_err()),
        "text_empty"
    );
    assert_eq!(
        code(engine.embed(7.into()).map(drop).unwrap_err()),
        "option_invalid"
    );
    let start = |kind: &str, rows: JsValue| {
        code(
            engine
                .start_training(options(kind), rows)
                .map(drop)
                .unwrap_err(),
        )
    };
    assert_eq!(start("vera", rows()), "unknown_kind");
    assert_eq!(start("lora", Array::new().into()), "rows_empty");
    let row = object(&[("text", "a".into())]);
    assert_eq!(start("lora", Array::of1(&row).into()), "rows_unlabelled");
}

#[wasm_bindgen_test]
fn embeddings_have_unit_length() {
    let engine = engine();
    let pair = Array::of2(&"the film".into(), &"the book".into());
    let texts: JsValue = Array::of2(&"the film was good".into(), &pair).into();
    let vectors = engine.embed(texts).unwrap();
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let length: f32 = vector.to_vec().iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
}

#[wasm_bindgen_test]
async fn the_store_keeps_folders() {
    let store = Store::open().await.unwrap();
    let name = "café / 50 %?".to_owned();
    let files = object(&[
        ("adapter_config.json", bytes(b"{}")),
        ("b c", bytes(&[0, 255])),
    ]);
    store.put(name.clone(), files).await.unwrap();
    store
        .put("other".into(), object(&[("x", bytes(b"1"))]))
        .await
        .unwrap();
    assert_eq!(store.list().await.unwrap(), [name.clone(), "other".into()]);
    let found = store.get(name.clone()).await.unwrap();
    assert_eq!(keys(&found).length(), 2);
    assert_eq!(Uint8Array::new(&field(&found, "b c")).to_vec(), [0, 255]);
    // a second folder of that name replaces the first, files and all
    store
        .put(name.clone(), object(&[("only", bytes(b"1"))]))
        .await
        .unwrap();
    let found = store.get(name.clone()).await.unwrap();
    assert_eq!(keys(&found).length(), 1);
    store.remove(name.clone()).await.unwrap();
    assert!(store.get(name).await.unwrap().is_undefined());
    assert_eq!(store.list().await.unwrap(), ["other"]);
    store.remove("other".into()).await.unwrap();
}
