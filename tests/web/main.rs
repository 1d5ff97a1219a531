//! What JavaScript sees, in a real browser: `wasm-pack test --headless --chrome`.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::float_cmp)]

mod arguments;
mod media;

#[path = "../support/tiny.rs"]
mod tiny;

use graftlet::adapter::presets;
use graftlet::web::{Reading, Rows, Training, WebEngine, kinds};
use js_sys::{Array, Float32Array, Object, Reflect, Uint8Array};
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

fn finish(reading: Result<Reading, JsValue>) -> Result<JsValue, JsValue> {
    let mut reading = reading?;
    while reading.step()? {}
    assert_eq!(reading.share(), 1.0);
    Ok(reading.finish()?.into())
}

fn classify(engine: &mut WebEngine, texts: &JsValue) -> Result<JsValue, JsValue> {
    finish(engine.begin_answers(texts, &JsValue::NULL, None, None))
}

/// Answers of what is in use.
fn classified(engine: &mut WebEngine, texts: &Array) -> Array {
    let lists = Array::from(&classify(engine, texts).unwrap());
    assert_eq!(lists.length(), 1);
    Array::from(&lists.get(0))
}

fn embed_with(
    engine: &mut WebEngine,
    texts: &JsValue,
    of: &JsValue,
    truncate: Option<bool>,
    before: Option<usize>,
) -> Result<Vec<JsValue>, JsValue> {
    let vectors = finish(engine.begin_vectors(texts, of, truncate, before))?;
    Ok(Array::from(&vectors).to_vec())
}

fn embed(engine: &mut WebEngine, texts: &JsValue) -> Result<Vec<JsValue>, JsValue> {
    embed_with(engine, texts, &JsValue::UNDEFINED, None, None)
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
    // AdapterHub has LoRA in these places
    let targets = match kind {
        "lora" => Array::of2(&"query".into(), &"value".into()).into(),
        _ => JsValue::UNDEFINED,
    };
    object(&[
        ("targets", targets),
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
            other => assert!(["working", "evaluating"].contains(&other), "{other}"),
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
        let info = engine.add_adapter(&name.as_str().into(), &files).unwrap();
        assert_eq!(text(&info, "format"), text(&kind, "format"));
        assert!(number(&info, "share") > 0.0);
        engine.activate(&name.as_str().into()).unwrap();
        let texts = Array::of2(
            &"the cat was very good .".into(),
            &"the dog was very bad .".into(),
        );
        let answers = classified(&mut engine, &texts);
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
    engine.add_adapter(&"one".into(), &files).unwrap();
    let exported = engine
        .export_adapter(&"one".into(), &"adapterhub".into())
        .unwrap();
    engine.add_adapter(&"two".into(), &exported).unwrap();
    let names: JsValue = Array::of2(&"one".into(), &"two".into()).into();
    let texts: JsValue = Array::of1(&"a lovely warm meal".into()).into();
    let answers = Array::from(&finish(engine.begin_answers(&texts, &names, None, None)).unwrap());
    let logits = |index| {
        let answer = Array::from(&answers.get(index)).get(0);
        Array::from(&field(&answer, "logits"))
            .iter()
            .map(|x| x.as_f64())
            .collect::<Vec<_>>()
    };
    assert_eq!(logits(0), logits(1));
    let merged = engine.export_merged(&"one".into()).unwrap();
    assert!(keys(&merged).includes(&"model.safetensors".into(), 0));
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
        let info = engine.add_adapter(&problem.into(), &files).unwrap();
        assert_eq!(text(&info, "problem"), problem);
        let thresholds = field(&info, "thresholds");
        if problem == "multi_label" {
            // fine, warm and cold
            assert_eq!(Array::from(&thresholds).length(), 3);
        } else {
            assert!(thresholds.is_undefined(), "{problem}");
        }
        engine.activate(&problem.into()).unwrap();
        // a character of two UTF-16 units in front
        let texts = Array::of1(&"\u{1f600} film was good".into());
        let answer = classified(&mut engine, &texts).get(0);
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
    let pair = js_sys::eval("({ text: 'the film', text2: 'the book' })").unwrap();
    let texts: JsValue = Array::of2(&"the film was good".into(), &pair).into();
    let answers = embed(&mut engine, &texts).unwrap();
    assert_eq!(answers.len(), 2);
    for answer in answers {
        let vector = Float32Array::new(&field(&answer, "vector")).to_vec();
        let length: f32 = vector.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
}

#[wasm_bindgen_test]
fn a_text_of_any_length_is_read_to_its_hundred_thousandth_character() {
    let mut engine = engine();
    let read = |engine: &mut WebEngine, text: String| {
        let texts: JsValue = Array::of1(&text.into()).into();
        let answer = embed_with(engine, &texts, &JsValue::NULL, Some(true), None);
        field(&answer.unwrap()[0], "truncated").as_bool().unwrap()
    };
    assert!(!read(&mut engine, "x".repeat(100_000)));
    assert!(read(&mut engine, "x".repeat(100_001)));
    assert!(!read(&mut engine, "\u{1f600}".repeat(100_000)));
    assert!(read(&mut engine, "\u{1f600}".repeat(1_000_000)));
}

#[wasm_bindgen_test]
fn texts_are_counted_from_those_before_them() {
    let mut engine = engine();
    let texts: JsValue = Array::of2(&"a".into(), &" ".into()).into();
    let error = embed_with(&mut engine, &texts, &JsValue::NULL, None, Some(64));
    let message = text(&error.unwrap_err(), "message");
    assert!(message.starts_with("text 66 is empty"), "{message}");
}
