//! What JavaScript sees, in a real browser: `wasm-pack test --headless --chrome`.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)]

#[path = "support/tiny.rs"]
mod tiny;

use graftlet::adapter::presets;
use graftlet::web::{Rows, Training, WebEngine, kinds};
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
    WebEngine::from_files(&files, None).unwrap()
}

fn rows_of(lines: &str) -> Rows {
    let mut rows = Rows::new();
    rows.push(lines.as_bytes()).unwrap();
    rows
}

/// Twenty rows that a few steps can tell apart, taken in two parts.
fn rows() -> Rows {
    let line = |index: usize| {
        let (word, label) = if index.is_multiple_of(2) {
            ("good", "yes")
        } else {
            ("bad", "no")
        };
        let noun = tiny::WORDS[index % 10 + 20];
        format!("{{\"text\":\"the {noun} was very {word} .\",\"label\":\"{label}\"}}\n")
    };
    let mut rows = rows_of(&(0..7).map(line).collect::<String>());
    let rest: String = (7..20).map(line).collect();
    rows.push(rest.as_bytes()).unwrap();
    rows
}

fn options(kind: &str) -> JsValue {
    object(&[
        ("name", "mine".into()),
        ("kind", kind.into()),
        ("epochs", 40.into()),
        ("batchSize", 4.into()),
        // at the others' rate a prefix unlearns what it has learnt
        (
            "learningRate",
            if kind == "prefix" { 0.005 } else { 0.02 }.into(),
        ),
        ("seed", 3.into()),
        // a sixteenth of sixteen features would be too narrow
        ("reductionFactor", 4.into()),
    ])
}

/// One round: each worker's share is computed by the training of its number.
fn round(trainings: &mut [Training]) -> JsValue {
    let shares = trainings[0].plan(trainings.len()).unwrap();
    let parameters = trainings[0].parameters().unwrap();
    let mut computed = Vec::new();
    for (training, share) in trainings.iter_mut().zip(Array::from(&shares).iter()) {
        training.set_parameters(&parameters).unwrap();
        computed.push(Uint8Array::from(&training.compute(share).unwrap()[..]));
    }
    trainings[0].apply(computed).unwrap()
}

fn start(engine: &WebEngine, kind: &str) -> Training {
    engine.start_training(options(kind), rows(), None).unwrap()
}

fn train(engine: &WebEngine, kind: &str) -> JsValue {
    let mut training = [start(engine, kind)];
    assert!(training[0].report().unwrap().is_null());
    let (mut steps, mut evaluations) = (0.0, 0.0);
    loop {
        let event = round(&mut training);
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
                let report = training[0].report().unwrap();
                assert_eq!(number(&report, "score"), number(&event, "score"));
                let evaluation = field(&report, "evaluation");
                assert_eq!(Array::from(&field(&evaluation, "perLabel")).length(), 2);
                return training[0].adapter_files().unwrap();
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
    let mut unlearnt = Vec::new();
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
        let answers = Array::from(&engine.classify(texts.into(), None).unwrap());
        let labels = [0, 1].map(|text_of| text(&answers.get(text_of), "label"));
        if labels != ["yes", "no"] || number(&info, "score") < 1.0 {
            unlearnt.push(name);
        }
        let scores = Array::from(&field(&answers.get(0), "scores"));
        let sum: f64 = scores.iter().map(|score| number(&score, "score")).sum();
        assert!((sum - 1.0).abs() < 1e-5);
    }
    assert!(unlearnt.is_empty(), "{unlearnt:?} did not learn two words");
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
    let answers = Array::from(&engine.classify_with(texts, &names, None).unwrap());
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
        code(engine.classify(texts.clone(), None).unwrap_err()),
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
        "method_unsupported"
    );
    assert_eq!(
        code(engine.add_adapter("x", &"files".into()).unwrap_err()),
        "option_invalid"
    );
    let empty: JsValue = Array::of1(&" ".into()).into();
    assert_eq!(
        code(engine.embed(empty, None).map(drop).unwrap_err()),
        "text_empty"
    );
    assert_eq!(
        code(engine.embed(7.into(), None).map(drop).unwrap_err()),
        "option_invalid"
    );
    let start = |options: JsValue, rows: Rows| {
        let started = engine.start_training(options, rows, None);
        code(started.map(drop).unwrap_err())
    };
    assert_eq!(start(options("vera"), rows()), "unknown_kind");
    assert_eq!(start(options("lora"), Rows::new()), "rows_empty");
    let unlabelled = rows_of("{\"text\":\"a\"}\n");
    assert_eq!(start(options("lora"), unlabelled), "rows_unlabelled");
    for (option, value) in [("epoch", 3.into()), ("epochs", JsValue::from("many"))] {
        let options = options("lora");
        Reflect::set(&options, &option.into(), &value).unwrap();
        assert_eq!(start(options, rows()), "config_invalid");
    }
    assert_eq!(
        start(object(&[("kind", "lora".into())]), rows()),
        "config_invalid"
    );
    assert_eq!(start("lora".into(), rows()), "option_invalid");
    for line in ["{\"label\":\"a\"}", "{\"text\":1}", "{", "\"\""] {
        let mut rows = Rows::new();
        assert_eq!(
            code(rows.push(line.as_bytes()).unwrap_err()),
            "file_invalid"
        );
    }
    let mut training = engine
        .start_training(options("lora"), rows(), None)
        .unwrap();
    let share = object(&[("from", 0.into())]);
    assert_eq!(code(training.compute(share).unwrap_err()), "option_invalid");
    let computed = vec![Uint8Array::from(&[7, 1][..])];
    assert_eq!(
        code(training.apply(computed).unwrap_err()),
        "option_invalid"
    );
    assert_eq!(
        code(training.set_parameters(&[1.0]).unwrap_err()),
        "option_invalid"
    );
    training.adapter_files().unwrap();
    assert_eq!(code(training.report().unwrap_err()), "adapter_unknown");
}

#[wasm_bindgen_test]
fn several_workers_come_to_what_one_comes_to() {
    let engine = engine();
    let run = |workers: usize| {
        let workers = 0..workers;
        let mut trainings: Vec<Training> = workers.map(|_| start(&engine, "lora")).collect();
        loop {
            if text(&round(&mut trainings), "type") == "done" {
                return trainings[0].parameters().unwrap();
            }
        }
    };
    let one = run(1);
    assert_eq!(one, run(1));
    let three = run(3);
    let worst = one.iter().zip(&three).map(|(a, b)| (a - b).abs());
    assert!(worst.fold(0.0, f32::max) < 1e-3);
    assert_ne!(one, start(&engine, "lora").parameters().unwrap());
}

#[wasm_bindgen_test]
fn a_run_goes_on_from_its_checkpoint_to_the_same_bytes() {
    let engine = engine();
    let mut training = [start(&engine, "pfeiffer")];
    for _ in 0..7 {
        round(&mut training);
    }
    let checkpoint = training[0].checkpoint().unwrap();
    let resumed = engine.start_training(options("pfeiffer"), rows(), Some(checkpoint.clone()));
    let mut both = [training, [resumed.unwrap()]];
    let files = both.each_mut().map(|training| {
        while text(&round(training), "type") != "done" {}
        training[0].adapter_files().unwrap()
    });
    assert!(keys(&files[0]).length() > 2);
    for name in keys(&files[0]).iter() {
        let [one, other] = files.each_ref().map(|files| {
            let file = Reflect::get(files, &name).unwrap();
            Uint8Array::new(&file).to_vec()
        });
        assert_eq!(one, other, "{name:?}");
    }
    let other = engine.start_training(options("lora"), rows(), Some(checkpoint));
    let error = other.map(drop).unwrap_err();
    assert_eq!(text(&error, "code"), "checkpoint_mismatch");
}

/// Rows of each problem, and what an answer of it has.
#[wasm_bindgen_test]
fn every_problem_is_trained_and_answered() {
    let mut engine = engine();
    let lines = |labels: [&str; 2]| {
        let line = |row: usize| {
            let word = ["good", "bad"][row % 2];
            let label = labels[row % 2];
            format!("{{\"text\":\"the film was {word}\",\"label\":\"{label}\"}}\n")
        };
        rows_of(&(0..12).map(line).collect::<String>())
    };
    for (problem, labels, has) in [
        ("single_label", ["yes", "no"], "label"),
        ("multi_label", ["fine|warm", "cold"], "labels"),
        ("regression", ["4.5", "1"], "value"),
        ("token_classification", ["O O O B-plus", "O O O O"], "spans"),
    ] {
        let options = options("lora");
        Reflect::set(&options, &"problem".into(), &problem.into()).unwrap();
        let training = engine.start_training(options, lines(labels), None).unwrap();
        let mut training = [training];
        while text(&round(&mut training), "type") != "done" {}
        let files = training[0].adapter_files().unwrap();
        let info = engine.add_adapter(problem, &files).unwrap();
        assert_eq!(text(&info, "problem"), problem);
        let thresholds = field(&info, "thresholds");
        if problem == "multi_label" {
            // fine, warm and cold
            assert_eq!(Array::from(&thresholds).length(), 3);
        } else {
            assert!(thresholds.is_undefined(), "{problem}");
        }
        engine.activate(problem.into()).unwrap();
        // a character of two UTF-16 units in front
        let texts = Array::of1(&"\u{1f600} film was good".into());
        let answer = Array::from(&engine.classify(texts.into(), None).unwrap()).get(0);
        assert_eq!(text(&answer, "problem"), problem);
        for other in ["label", "labels", "value", "spans"] {
            let found = !field(&answer, other).is_undefined();
            assert_eq!(found, other == has, "{other} of {problem}");
        }
        if problem == "token_classification" {
            let span = Array::from(&field(&answer, "spans")).get(0);
            assert_eq!(text(&span, "label"), "plus");
            assert_eq!((number(&span, "start"), number(&span, "end")), (12.0, 16.0));
        }
    }
}

#[wasm_bindgen_test]
fn embeddings_have_unit_length() {
    let mut engine = engine();
    let pair = Array::of2(&"the film".into(), &"the book".into());
    let texts: JsValue = Array::of2(&"the film was good".into(), &pair).into();
    let vectors = engine.embed(texts, None).unwrap();
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let length: f32 = vector.to_vec().iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
}
