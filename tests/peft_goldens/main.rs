//! Adapters that PEFT saved for a small random BERT with a pooler: what they give is what PEFT gives, they are written so
//! that PEFT gives the same again, and keys are read whatever wrappers they were saved with. Made and checked by
//! `tests/python/peft_goldens.py`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod heads;
mod keys;
mod methods;

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use graftlet::compose::{Composition, Plan};
use graftlet::folder::{self, CHECKPOINT, Library, TaskAdapter, merge};
use graftlet::head::{Pooling, pool};
use graftlet::input::text::Encoded;
use graftlet::input::{Batch, Sequence};
use graftlet::model::{Anatomy, Backbone, Encoder, Hook, NoHook, States};
use serde_json::json;
use support::{assert_close, fixture, folder};

const WEIGHTS: &str = "adapter_model.safetensors";

#[derive(serde::Deserialize)]
struct Golden {
    ids: Vec<Vec<u32>>,
    cases: BTreeMap<String, Expected>,
}

#[derive(serde::Deserialize)]
struct Expected {
    /// The class of the model that PEFT wrapped.
    kind: String,
    /// For each sequence.
    values: Vec<Vec<f32>>,
}

fn root() -> PathBuf {
    fixture("goldens/peft-tiny")
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(root().join(name)).unwrap()
}

fn bert() -> Encoder {
    let config = Anatomy::from_json(&read("config.json")).unwrap();
    Encoder::load(&config, &read("model.safetensors"), "tiny").unwrap()
}

fn golden() -> Golden {
    serde_json::from_slice(&read("expected.json")).unwrap()
}

fn sequences(golden: &Golden) -> Vec<Sequence> {
    let sequence = |ids: &Vec<u32>| Encoded {
        type_ids: vec![0; ids.len()],
        ids: ids.clone(),
        truncated: false,
    };
    golden
        .ids
        .iter()
        .map(sequence)
        .map(Sequence::from)
        .collect()
}

fn states(backbone: &dyn Backbone, hook: &dyn Hook, sequence: &Sequence) -> States {
    backbone.forward(&Batch::new([sequence]), hook).unwrap()
}

/// What the golden holds of a sequence: logits, what the pooler gives, or the last hidden states.
fn values(
    backbone: &dyn Backbone,
    task: &TaskAdapter,
    kind: &str,
    sequence: &Sequence,
) -> Vec<f32> {
    let states = states(backbone, &*task.adapter, sequence);
    match (&task.head, kind) {
        (Some(head), "text" | "token") => head.logits(backbone, &*task.adapter, &states),
        (None, "question") => states.x,
        (None, "bare" | "sentence") => pool(Pooling::Pooler, backbone, &*task.adapter, &states),
        (head, kind) => panic!("{kind} with a head: {}", head.is_some()),
    }
    .data()
    .to_vec()
}

fn load(name: &str, bert: &Encoder) -> TaskAdapter {
    folder::load(name, &folder(&root().join(name)), bert.shape()).unwrap()
}

#[test]
fn what_peft_gives() {
    let (bert, golden) = (bert(), golden());
    assert_eq!(golden.cases.len(), 30);
    let mut largest = 0f32;
    for (name, expected) in &golden.cases {
        let task = load(name, &bert);
        for (sequence, expected_values) in sequences(&golden).iter().zip(&expected.values) {
            let found = values(&bert, &task, &expected.kind, sequence);
            largest = largest.max(assert_close(&found, expected_values, 1e-4, name));
        }
    }
    println!(
        "{} adapters of PEFT: at most {largest:.1e} off",
        golden.cases.len()
    );
}

/// The largest difference that PEFT found in each adapter as it is written here.
#[derive(serde::Deserialize)]
struct Record {
    differences: BTreeMap<String, f64>,
}

#[test]
fn what_is_written_is_the_same_here_and_in_peft() {
    let (bert, golden) = (bert(), golden());
    let record = include_bytes!("../python/peft_goldens.json");
    let record: Record = serde_json::from_slice(record).unwrap();
    let names = |of: &BTreeMap<String, f64>| of.keys().cloned().collect::<Vec<_>>();
    let expected: Vec<String> = golden.cases.keys().cloned().collect();
    assert_eq!(
        names(&record.differences),
        expected,
        "run tests/python/peft_goldens.py check"
    );
    for (name, expected) in &golden.cases {
        let difference = record.differences[name];
        assert!(difference <= 1e-4, "{name}: PEFT is {difference} off");
        let task = load(name, &bert);
        let files = folder::save(&task, name, Library::Peft, bert.shape()).unwrap();
        let again = folder::load(name, &files, bert.shape()).unwrap();
        for sequence in &sequences(&golden) {
            let of = |task| values(&bert, task, &expected.kind, sequence);
            assert_eq!(of(&task), of(&again), "{name}");
        }
        let twice = folder::save(&again, name, Library::Peft, bert.shape()).unwrap();
        assert_eq!(files, twice, "{name}");
        // a look at it without a backbone finds the same
        for files in [&files, &folder(&root().join(name))] {
            let (seen, shape) = folder::inspect(name, files).unwrap();
            let describe = |task: &TaskAdapter| {
                serde_json::to_value(task.adapter.config().describe(&shape)).unwrap()
            };
            assert_eq!(describe(&seen), describe(&task), "{name}");
            assert_eq!(seen.parameters(), task.parameters(), "{name}");
            assert_eq!(shape.hidden_size, 16, "{name}");
        }
    }
}

/// For `peft_goldens.py`, which names the folder.
#[test]
#[ignore = "run by tests/python/peft_goldens.py"]
fn write_again() {
    let out = PathBuf::from(std::env::var_os("GRAFTLET_WRITE_TO").unwrap());
    let bert = bert();
    for name in golden().cases.keys() {
        let task = load(name, &bert);
        let files = folder::save(&task, name, Library::Peft, bert.shape()).unwrap();
        std::fs::create_dir_all(out.join(name)).unwrap();
        for (file, content) in &files {
            std::fs::write(out.join(name).join(file), content).unwrap();
        }
    }
}

/// A model with the adapter merged in computes the same without it, the pooler included.
#[test]
fn merged_is_the_same() {
    let (bert, golden) = (bert(), golden());
    let config = Anatomy::from_json(&read("config.json")).unwrap();
    let mut merged_count = 0;
    for (name, expected) in &golden.cases {
        let task = load(name, &bert);
        let Ok(files) = merge(&task, &bert) else {
            let kind = task.adapter.config().kind().name;
            assert!(
                ["prompt", "prefix"].contains(&kind),
                "{name} was not merged"
            );
            continue;
        };
        merged_count += 1;
        let merged = Encoder::load(&config, &files[CHECKPOINT], "merged").unwrap();
        for (sequence, expected_values) in sequences(&golden).iter().zip(&expected.values) {
            let states = states(&merged, &NoHook, sequence);
            let found = match (&task.head, expected.kind.as_str()) {
                (Some(head), _) => head.logits(&merged, &NoHook, &states),
                (None, "question") => states.x,
                (None, _) => pool(Pooling::Pooler, &merged, &NoHook, &states),
            };
            assert_close(found.data(), expected_values, 1e-4, name);
        }
    }
    assert_eq!(merged_count, 25);
}

/// In one pass with others each gives what it gives alone, at the pooler too.
#[test]
fn composed_each_gives_its_own() {
    use std::rc::Rc;
    let (bert, golden) = (bert(), golden());
    let names = [
        "all_linear_text",
        "pooler_alone",
        "pooler_saved",
        "ia3",
        "all_linear_biases",
    ];
    let tasks: BTreeMap<&str, Rc<TaskAdapter>> = names
        .iter()
        .map(|name| (*name, Rc::new(load(name, &bert))))
        .collect();
    let lookup = |name: &str| Ok(Rc::clone(&tasks[name]));
    let composition = Composition::from_json(&json!({ "parallel": names })).unwrap();
    let sequences = sequences(&golden);
    let plan = Plan::new(&composition, sequences.len(), &lookup, bert.shape()).unwrap();
    let mut seen = 0;
    plan.run(&bert, &sequences, 1 << 20, &mut |places, part, states| {
        let head = part.head.as_ref().unwrap().head.as_ref().unwrap();
        let logits = head.logits(&bert, &*part.node, &states);
        for (&(channel, row), logits) in places.iter().zip(logits.rows()) {
            let name = names[channel];
            assert_close(logits, &golden.cases[name].values[row], 1e-4, name);
            seen += 1;
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, names.len() * sequences.len());
    // what replaces the pooler's weights leaves nothing of another's change there
    let stack = Composition::from_json(&json!({ "stack": ["pooler_alone", "pooler_saved"] }));
    let error = stack.unwrap().check(&lookup, bert.shape()).unwrap_err();
    assert_eq!(error.code(), "composition_invalid");
    assert!(error.to_string().contains("pooler"), "{error}");
    // an average of an adapter with itself is that adapter
    for name in names {
        let average = Composition::from_json(&json!({ "average": [name, name], "head": name }));
        let Composition::Average(average) = average.unwrap() else {
            panic!("no average")
        };
        let task = graftlet::compose::average(&average, &lookup, bert.shape()).unwrap();
        for (sequence, expected) in sequences.iter().zip(&golden.cases[name].values) {
            let found = values(&bert, &task, "text", sequence);
            assert_close(&found, expected, 1e-4, name);
        }
    }
}

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

fn inner(key: &str) -> &str {
    key.strip_prefix("base_model.model.").unwrap()
}
