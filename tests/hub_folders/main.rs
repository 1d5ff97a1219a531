//! AdapterHub's folders as people have them: heads of transformers' own classes, labels and settings as other versions wrote them,
//! names of wrapped models, heads that are not computed here. The right values are the library's own, see
//! `tests/python/hub_goldens.py`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

use graftlet::model::Backbone;
mod refused;

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::rc::Rc;

use graftlet::compose::{Plan, fusion};
use graftlet::engine::answers;
use graftlet::error::{Error, Result};
use graftlet::folder::{self, CONFIG, FUSION_CONFIG, Files, Library, TaskAdapter};
use graftlet::head::{REGRESSION, SINGLE_LABEL, TOKEN_CLASSIFICATION};
use graftlet::input::Sequence;
use graftlet::input::text::{Encoded, Text};
use graftlet::model::{Anatomy, Encoder};
use refused::edited;
use serde_json::{Value, json};
use support::{assert_close, engine_f32, fixture, folder};

const HEAD_CONFIG: &str = "head_config.json";

fn tiny() -> Encoder {
    let root = fixture("goldens/hub-tiny");
    let read = |name: &str| std::fs::read(root.join(name)).unwrap();
    let config = Anatomy::from_json(&read("config.json")).unwrap();
    Encoder::load(&config, &read("model.safetensors"), "tiny").unwrap()
}

fn files(name: &str) -> Files {
    folder(&fixture("goldens/hub-tiny").join(name))
}

fn expected() -> (Vec<Sequence>, Vec<Value>) {
    let path = fixture("goldens/hub-tiny/expected.json");
    let whole: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let rows: Vec<Vec<u32>> = serde_json::from_value(whole["ids"].clone()).unwrap();
    let rows = rows.into_iter().map(|ids| {
        Sequence::from(Encoded {
            type_ids: vec![0; ids.len()],
            ids,
            truncated: false,
        })
    });
    (rows.collect(), whole["cases"].as_array().unwrap().clone())
}

/// Last hidden states of all rows behind an adapter.
fn states(bert: &Encoder, task: Rc<TaskAdapter>, rows: &[Sequence]) -> Vec<f32> {
    let lookup = |_: &str| -> Result<Rc<TaskAdapter>> { Ok(Rc::clone(&task)) };
    let plan = Plan::new(&"it".into(), rows.len(), &lookup, bert.shape()).unwrap();
    let mut found = vec![Vec::new(); rows.len()];
    plan.run(bert, rows, 1 << 20, &mut |places, _, states| {
        let width = states.x.dims2().1;
        for (&(_, row), bounds) in places.iter().zip(states.starts.windows(2)) {
            found[row] = states.x.data()[bounds[0] * width..bounds[1] * width].to_vec();
        }
        Ok(())
    })
    .unwrap();
    found.concat()
}

fn logits(bert: &Encoder, task: &TaskAdapter, rows: &[Sequence]) -> Vec<f32> {
    let answers = answers(bert, task, rows, "it").unwrap();
    answers
        .into_iter()
        .flat_map(|answer| answer.logits)
        .collect()
}

fn load(bert: &Encoder, name: &str, files: &Files) -> Result<TaskAdapter> {
    if !files.contains_key(FUSION_CONFIG) {
        return folder::load(name, files, bert.shape());
    }
    let lookup = |name: &str| -> Result<Rc<TaskAdapter>> {
        let member = folder::load(name, &self::files(name), bert.shape())?;
        Ok(Rc::new(member))
    };
    fusion::load(name, files, &lookup, bert.shape())
}

/// Every folder gives the library's logits or states, and does so again when it was written and read.
#[test]
fn folders_compute_what_the_library_computes() {
    let bert = tiny();
    let (rows, cases) = expected();
    assert_eq!(cases.len(), 25);
    let mut largest = 0f32;
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        if !case["setup"].is_null() {
            continue;
        }
        let task = load(&bert, name, &files(name)).unwrap();
        assert_eq!(task.library, Library::AdapterHub);
        assert_eq!(
            case["unused"] == json!(true),
            task.unused_head().is_some(),
            "{name}"
        );
        if let Some(labels) = case.get("labels") {
            let known: Vec<String> = serde_json::from_value(labels.clone()).unwrap();
            let known: Vec<String> = if known.len() == 1 {
                vec!["LABEL_0".into()]
            } else {
                known
            };
            assert_eq!(task.card.labels, known, "{name}");
        }
        let written = folder::save(&task, name, Library::AdapterHub, bert.shape()).unwrap();
        let again = load(&bert, name, &written).unwrap();
        for task in [task, again] {
            let (wanted, found) = match case.get("logits") {
                Some(wanted) => (wanted, logits(&bert, &task, &rows)),
                None => (&case["states"], states(&bert, Rc::new(task), &rows)),
            };
            let wanted: Vec<f32> = serde_json::from_value(wanted.clone()).unwrap();
            // values are about 1; the model has a dozen products in f32, the reference is f64
            largest = largest.max(assert_close(&found, &wanted, 2e-5, name));
        }
    }
    println!("{} folders, largest difference {largest:.1e}", cases.len());
}

#[test]
fn static_heads_are_of_the_class_that_they_were_saved_from() {
    let bert = tiny();
    let problem = |name: &str| {
        let task = load(&bert, name, &files(name)).unwrap();
        task.head.unwrap().config().problem.clone()
    };
    assert_eq!(problem("static_sequence"), SINGLE_LABEL.fresh());
    assert_eq!(problem("static_tokens"), TOKEN_CLASSIFICATION.fresh());
    assert_eq!(problem("static_number"), REGRESSION.fresh());
}

/// What the heads are for is said, and those that are small are written again as they were.
#[test]
fn heads_that_are_not_computed_are_named_and_kept() {
    let bert = tiny();
    for (name, what, weights) in [
        ("static_mlm", "masked language", "pytorch_model_head.bin"),
        (
            "static_answers",
            "question answering",
            "model_head.safetensors",
        ),
        ("static_choice", "multiple choice", "model_head.safetensors"),
        ("mlm", "masked language", "pytorch_model_head.bin"),
        ("answers", "question answering", "model_head.safetensors"),
        ("choice", "multiple choice", "model_head.safetensors"),
        ("parsing", "dependency parsing", "model_head.safetensors"),
        ("generation", "text generation", "pytorch_model_head.bin"),
    ] {
        let before = files(name);
        let task = load(&bert, name, &before).unwrap();
        let said = task.unused_head().unwrap();
        assert!(said.contains(what), "{name}: {said}");
        let written = folder::save(&task, "renamed", Library::AdapterHub, bert.shape()).unwrap();
        for file in [HEAD_CONFIG, weights] {
            assert!(written[file] == before[file], "{name}: {file}");
        }
        let error = answers(&bert, &task, &expected().0, name).unwrap_err();
        assert!(
            ["head_missing", "adapter_format"].contains(&error.code()),
            "{error}"
        );
    }
}

#[test]
fn other_heads_that_are_not_computed() {
    let bert = tiny();
    for (field, value, what) in [
        ("head_type", json!("image_classification"), "for images"),
        ("head_type", json!("my own"), "\"my own\""),
        ("layers", json!(3), "with 3 layers"),
        ("activation_function", Value::Null, "without a nonlinearity"),
    ] {
        let files = edited("string_ids", HEAD_CONFIG, |map| {
            map["config"][field] = value
        });
        let task = load(&bert, "string_ids", &files).unwrap();
        assert!(task.head.is_none());
        assert!(task.unused_head().unwrap().contains(what));
    }
    for class in [
        "BertForNextSentencePrediction",
        "BertForPreTraining",
        "BertLMHeadModel",
        "BertForCausalLM",
    ] {
        let files = edited("static_sequence", HEAD_CONFIG, |map| {
            map["model_class"] = json!(class)
        });
        assert!(
            load(&bert, "a", &files).unwrap().unused_head().is_some(),
            "{class}"
        );
    }
}

/// Folders of `save_adapter` on all-MiniLM-L6-v2, with the library's logits.
#[test]
fn folders_from_bug_reports() {
    let Some(mut engine) = engine_f32() else {
        return;
    };
    let root = fixture("cases");
    let texts: Vec<Text> = ["The soup was lovely, and warm.", "I will never come back!"]
        .map(Text::from)
        .into();
    for name in ["23-hub-static-head/static", "24-hub-other-heads/string-ids"] {
        let wanted = std::fs::read(root.join(format!("{name}.expected.json"))).unwrap();
        let wanted: Vec<Vec<f32>> = serde_json::from_slice(&wanted).unwrap();
        let task = engine.add("a", &folder(&root.join(name))).unwrap();
        assert_eq!(task.card.labels, ["bad", "fine", "good"]);
        for (answer, wanted) in engine
            .classify_with("a", &texts)
            .unwrap()
            .iter()
            .zip(&wanted)
        {
            let largest = assert_close(&answer.logits, wanted, 1e-4, name);
            println!("{name}: {largest:.1e}");
        }
    }
    // the same adapter beside a head for masked language modelling, whose tensors would be 47 MB
    let root = root.join("24-hub-other-heads");
    let mut files = folder(&root.join("string-ids"));
    let with_head = engine.add("a", &files).unwrap().parameters();
    files.remove("pytorch_model_head.bin");
    files.extend(folder(&root.join("mlm")));
    let task = engine.add("mlm", &files).unwrap();
    assert_eq!(task.unused_head(), Some("for masked language modelling"));
    assert!(task.parameters() < with_head);
    let vectors = |engine: &mut graftlet::engine::Engine, name| {
        engine.activate(Some(name)).unwrap();
        engine.embed(&texts).unwrap()
    };
    let (with, without) = (vectors(&mut engine, "a"), vectors(&mut engine, "mlm"));
    assert_eq!(with, without);
    engine.activate(None).unwrap();
    assert_ne!(with, engine.embed(&texts).unwrap());
}

/// What stands in `ADAPTER_CONFIG_MAP` of adapters 1.3.0, field by field.
#[test]
fn ready_made_configurations_are_the_librarys() {
    let bert = tiny();
    let whole: BTreeMap<String, Value> =
        serde_json::from_slice(&std::fs::read(fixture("goldens/hub-configurations.json")).unwrap())
            .unwrap();
    assert_eq!(whole.len(), 28);
    let load = |config: &Value| -> std::result::Result<(), Error> {
        let files = edited("part_a", CONFIG, |map| map["config"] = config.clone());
        load(&bert, "part_a", &files).map(drop)
    };
    for (name, config) in &whole {
        // the tensors of another adapter: what is missing or refused is the same for the name and for the settings
        let (by_name, by_settings) = (load(&json!(name)), load(config));
        let said =
            |found: std::result::Result<(), Error>| found.err().map(|error| error.to_string());
        assert_eq!(said(by_name), said(by_settings), "{name}");
    }
}
