//! Adapters that PEFT saved for a small random BERT with a pooler: what they give is what PEFT gives, they are written so
//! that PEFT gives the same again, and keys are read whatever wrappers they were saved with. Made and checked by
//! `tests/python/peft_goldens.py`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use graftlet::compose::{Composition, Plan};
use graftlet::error::Error;
use graftlet::folder::{self, CONFIG, Files, Library};
use graftlet::folder::{CHECKPOINT, TaskAdapter, merge};
use graftlet::head::{Pooling, pool};
use graftlet::input::text::{Batch, Encoded};
use graftlet::model::{Anatomy, Backbone, Encoder, Hook, NoHook, States};
use graftlet::tensor_file::{FloatType, TensorFile, TensorFileWriter};
use serde_json::{Map, Value, json};
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

fn sequences(golden: &Golden) -> Vec<Encoded> {
    let sequence = |ids: &Vec<u32>| Encoded {
        type_ids: vec![0; ids.len()],
        ids: ids.clone(),
        truncated: false,
    };
    golden.ids.iter().map(sequence).collect()
}

fn states(backbone: &dyn Backbone, hook: &dyn Hook, sequence: &Encoded) -> States {
    backbone.forward(&Batch::new([sequence]), hook).unwrap()
}

/// What the golden holds of a sequence: logits, what the pooler gives, or the last hidden states.
fn values(backbone: &dyn Backbone, task: &TaskAdapter, kind: &str, sequence: &Encoded) -> Vec<f32> {
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
    let record = include_bytes!("python/peft_goldens.json");
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

fn renamed(files: &Files, rename: impl Fn(&str) -> String) -> Files {
    let file = TensorFile::parse(WEIGHTS, &files[WEIGHTS]).unwrap();
    let tensors: Tensors = file
        .names()
        .map(|name| {
            let dims = file.info(name).unwrap().0;
            let data = file.floats(name, &dims).unwrap();
            (rename(name), (dims, data))
        })
        .collect();
    let mut writer = TensorFileWriter::default();
    for (name, (dims, data)) in &tensors {
        writer.floats(name, dims, data, FloatType::F32);
    }
    let mut files = files.clone();
    files.insert(WEIGHTS.into(), writer.finish("pt").unwrap());
    files
}

fn inner(key: &str) -> &str {
    key.strip_prefix("base_model.model.").unwrap()
}

fn with_name(key: &str, name: &str) -> String {
    let key = key
        .replace("lora_A.", &format!("lora_A.{name}."))
        .replace("lora_B.", &format!("lora_B.{name}."));
    ["lora_magnitude_vector", "ia3_l"]
        .iter()
        .fold(key, |key, field| match key.ends_with(field) {
            true => format!("{key}.{name}"),
            false => key,
        })
}

type Rename = fn(&str) -> String;

/// What wrappers and older versions make of a key.
const RENAMES: [(&str, Rename); 12] = [
    ("the model's own", |key| inner(key).to_owned()),
    ("one wrapper", |key| format!("base_model.{}", inner(key))),
    ("data parallel around all", |key| format!("module.{key}")),
    ("data parallel inside", |key| {
        format!("base_model.model.module.{}", inner(key))
    }),
    ("compiled", |key| format!("_orig_mod.{key}")),
    ("compiled inside", |key| {
        format!("base_model.model._orig_mod.{}", inner(key))
    }),
    ("compiled layers", |key| {
        key.replace("layer.1.", "layer.1._orig_mod.")
    }),
    ("data parallel and compiled", |key| {
        format!("module._orig_mod.{key}")
    }),
    ("the default name", |key| with_name(key, "default")),
    ("another name", |key| with_name(key, "my_task-2")),
    ("a magnitude's weight", |key| {
        match key.ends_with("lora_magnitude_vector") {
            true => format!("{key}.default.weight"),
            false => key.to_owned(),
        }
    }),
    ("heads and modules saved under the name", |key| {
        let key = key.replace("classifier.", "classifier.modules_to_save.mine.");
        match key.contains("lora") || key.contains("ia3") {
            true => key,
            false => key.replace("pooler.dense.", "pooler.modules_to_save.mine.dense."),
        }
    }),
];

#[test]
fn keys_are_read_with_any_wrapper() {
    let (bert, golden) = (bert(), golden());
    let names = [
        "all_linear_text",
        "all_linear_bare",
        "all_linear_dora",
        "all_linear_biases",
        "pooler_saved",
        "ia3",
        "sentence_transformer",
    ];
    for name in names {
        let files = folder(&root().join(name));
        let kind = &golden.cases[name].kind;
        let own = load(name, &bert);
        for (what, rename) in RENAMES {
            let renamed = renamed(&files, rename);
            let task = folder::load(name, &renamed, bert.shape());
            let task = task.unwrap_or_else(|error| panic!("{name}, {what}: {error}"));
            for sequence in &sequences(&golden) {
                let of = |task| values(&bert, task, kind, sequence);
                assert_eq!(of(&own), of(&task), "{name}, {what}");
            }
        }
    }
}

/// Two encoders, or two adapters, in one file are not told apart.
#[test]
fn keys_that_come_to_the_same_are_refused() {
    let bert = bert();
    let files = folder(&root().join("all_linear_bare"));
    let other = folder(&root().join("all_linear_text"));
    let other = renamed(&other, |key| {
        inner(key).replace("bert.", "base_model.model.second.")
    });
    let parse = |files: &Files| -> Tensors {
        let file = TensorFile::parse(WEIGHTS, &files[WEIGHTS]).unwrap();
        let of = |name: &str| {
            let dims = file.info(name).unwrap().0;
            let data = file.floats(name, &dims).unwrap();
            (name.to_owned(), (dims, data))
        };
        file.names().map(of).collect()
    };
    let mut writer = TensorFileWriter::default();
    for (name, (dims, data)) in parse(&files).into_iter().chain(parse(&other)) {
        writer.floats(&name, &dims, &data, FloatType::F32);
    }
    let mut both = files;
    both.insert(WEIGHTS.into(), writer.finish("pt").unwrap());
    let error = folder::load("both", &both, bert.shape()).err().unwrap();
    assert_eq!(error.code(), "unsupported_feature", "{error}");
    assert!(error.to_string().contains("second."), "{error}");
}

/// A file of all the model's weights holds what PEFT does not save: which of them were trained is not known.
#[test]
fn weights_of_a_layer_beside_its_adapter_are_refused() {
    let bert = bert();
    let mut files = folder(&root().join("pooler_saved"));
    let mut config: Map<String, Value> = serde_json::from_slice(&files[CONFIG]).unwrap();
    config.insert("target_modules".into(), json!(["query", "value", "dense"]));
    files.insert(CONFIG.into(), serde_json::to_vec(&config).unwrap());
    // modules_to_save keeps the adapter off the pooler, but not off the others
    let error = folder::load("mine", &files, bert.shape()).err().unwrap();
    assert_eq!(error.code(), "tensor_missing", "{error}");
    let whole = |name: &str| name.replace("pooler.dense.", "encoder.layer.0.attention.self.query.");
    let files = renamed(&folder(&root().join("pooler_saved")), whole);
    let error = folder::load("mine", &files, bert.shape()).err().unwrap();
    assert_eq!(error.code(), "unsupported_feature", "{error}");
    assert!(
        error.to_string().contains("layer.0.attention.self.query"),
        "{error}"
    );
}

fn with_settings(name: &str, settings: Value) -> Files {
    let mut files = folder(&root().join(name));
    let mut config: Map<String, Value> = serde_json::from_slice(&files[CONFIG]).unwrap();
    config.extend(settings.as_object().unwrap().clone());
    files.insert(CONFIG.into(), serde_json::to_vec(&config).unwrap());
    files
}

/// Each names the method, says what to do, and is no longer than a message may be.
#[test]
fn other_methods_are_named() {
    let bert = bert();
    let types = [
        ("ADALORA", "AdaLoRA", "merge_and_unload"),
        ("LOHA", "LoHa", "convert_to_lora"),
        ("LOKR", "LoKr", "convert_to_lora"),
        ("VERA", "VeRA", "convert_to_lora"),
        ("OFT", "OFT", "merge_and_unload"),
        ("BOFT", "BOFT", "merge_and_unload"),
        ("LN_TUNING", "LayerNorm tuning", "merge_and_unload"),
        ("POLY", "Poly", "LoRA"),
        ("XLORA", "X-LoRA", "LoRA"),
        ("CPT", "CPT", "prompt tuning"),
        (
            "MULTITASK_PROMPT_TUNING",
            "multitask prompt tuning",
            "P-tuning",
        ),
        ("ADAPTION_PROMPT", "LLaMA-Adapter", "prompt tuning"),
        ("TRAINABLE_TOKENS", "trainable tokens", "merge_and_unload"),
        ("BONE", "Bone", "convert_to_lora"),
        ("MISS", "MiSS", "convert_to_lora"),
    ];
    let settings = [
        (
            json!({"init_lora_weights": "pissa"}),
            "PiSSA",
            "path_initial_model_for_weight_conversion",
        ),
        (
            json!({"init_lora_weights": "pissa_niter_16"}),
            "PiSSA",
            "path_initial_model_for_weight_conversion",
        ),
        (
            json!({"init_lora_weights": "OLoRA"}),
            "OLoRA",
            "path_initial_model_for_weight_conversion",
        ),
        (
            json!({"init_lora_weights": "corda"}),
            "CorDA",
            "path_initial_model_for_weight_conversion",
        ),
        (
            json!({"init_lora_weights": "loftq"}),
            "LoftQ",
            "merge_and_unload",
        ),
        (json!({"alora_invocation_tokens": [5, 6]}), "aLoRA", "LoRA"),
        (json!({"use_qalora": true}), "QALoRA", "merge_and_unload"),
        (
            json!({"layer_replication": [[0, 1], [0, 2]]}),
            "layer replication",
            "LoRA",
        ),
        (
            json!({"target_parameters": ["x.weight"]}),
            "LoRA on parameters",
            "merge_and_unload",
        ),
        (
            json!({"trainable_token_indices": [5]}),
            "trainable tokens",
            "merge_and_unload",
        ),
    ];
    let types = types.map(|(name, title, hint)| (json!({ "peft_type": name }), title, hint));
    for (settings, title, hint) in types.into_iter().chain(settings) {
        let files = with_settings("all_linear_text", settings.clone());
        let error = folder::load("mine", &files, bert.shape()).err().unwrap();
        assert_eq!(error.code(), "method_unsupported", "{settings}: {error}");
        let sentence = error.to_string();
        assert!(
            sentence.contains(title) && sentence.contains(hint),
            "{settings}: {sentence}"
        );
        assert!(sentence.chars().count() <= 300, "{sentence}");
    }
    // one that nobody here has heard of
    let unknown = "X".repeat(500);
    let files = with_settings("all_linear_text", json!({ "peft_type": unknown }));
    let error = folder::load("mine", &files, bert.shape()).err().unwrap();
    assert_eq!(error.code(), "unknown_kind");
    assert!(error.to_string().chars().count() <= 300, "{error}");
}

/// These only say how training began, or what PEFT resets.
#[test]
fn settings_that_change_nothing_are_read() {
    let (bert, golden) = (bert(), golden());
    let own = load("all_linear_text", &bert);
    let settings = [
        json!({"init_lora_weights": "gaussian"}),
        json!({"init_lora_weights": "eva", "eva_config": {"rho": 2.0}}),
        json!({"init_lora_weights": false}),
        json!({"fan_in_fan_out": true}),
        json!({"target_modules": "all-linear"}),
        json!({"target_modules": "ALL-LINEAR", "modules_to_save": null}),
        json!({"target_modules": r".*(query|key|value|dense)"}),
        json!({"target_modules": ["query", "key", "value", "dense"], "peft_version": null}),
    ];
    for settings in settings {
        let files = with_settings("all_linear_text", settings.clone());
        let task = folder::load("mine", &files, bert.shape());
        let task = task.unwrap_or_else(|error| panic!("{settings}: {error}"));
        for sequence in &sequences(&golden) {
            let of = |task| values(&bert, task, "text", sequence);
            assert_eq!(of(&own), of(&task), "{settings}");
        }
        // written as it is meant
        let files = folder::save(&task, "mine", Library::Peft, bert.shape()).unwrap();
        let config: Map<String, Value> = serde_json::from_slice(&files[CONFIG]).unwrap();
        assert_eq!(config["fan_in_fan_out"], json!(false));
    }
}

#[test]
fn heads_that_are_not_computed_are_left_out() {
    let bert = bert();
    let question = load("question_answering", &bert);
    assert!(question.head.is_none());
    let what = question.unused_head().unwrap();
    assert!(what.contains("question answering (qa_outputs)"), "{what}");
    // of a masked language model, and one of nobody's
    let files = folder(&root().join("question_answering"));
    for (name, module) in [
        ("masked", "cls.predictions.decoder"),
        ("own", "my_head.layers.0"),
    ] {
        let path = format!("base_model.model.{module}");
        let renamed = renamed(&files, |key| {
            key.replace("base_model.model.qa_outputs", &path)
        });
        let own = folder::load(name, &renamed, bert.shape());
        let task = match module.split_once('.').unwrap().0 {
            "my_head" => {
                // only where the configuration says that it is a module that was trained
                assert_eq!(own.err().unwrap().code(), "unsupported_feature");
                let mut files = renamed;
                let mut config: Map<String, Value> =
                    serde_json::from_slice(&files[CONFIG]).unwrap();
                config.insert("modules_to_save".into(), json!(["my_head"]));
                files.insert(CONFIG.into(), serde_json::to_vec(&config).unwrap());
                folder::load(name, &files, bert.shape()).unwrap()
            }
            _ => own.unwrap(),
        };
        assert!(
            task.head.is_none() && task.unused_head().is_some(),
            "{name}"
        );
    }
}

#[test]
fn a_pooler_that_is_not_there() {
    let bert = bert();
    let mut shape = bert.shape().clone();
    shape.pooler = false;
    for name in ["all_linear_bare", "pooler_saved_bare", "all_linear_text"] {
        let error = folder::load(name, &folder(&root().join(name)), &shape)
            .err()
            .unwrap();
        assert!(
            matches!(error, Error::BackboneMismatch { .. }),
            "{name}: {error}"
        );
        assert!(error.to_string().contains("pooler"), "{error}");
    }
    // a model that labels texts must have what the configuration promises
    let files = folder(&root().join("all_linear_text"));
    let file = TensorFile::parse(WEIGHTS, &files[WEIGHTS]).unwrap();
    let mut writer = TensorFileWriter::default();
    for name in file.names().filter(|name| !name.contains("pooler")) {
        let dims = file.info(name).unwrap().0;
        writer.floats(
            name,
            &dims,
            &file.floats(name, &dims).unwrap(),
            FloatType::F32,
        );
    }
    let mut fewer = files.clone();
    fewer.insert(WEIGHTS.into(), writer.finish("pt").unwrap());
    let error = folder::load("mine", &fewer, bert.shape()).err().unwrap();
    assert_eq!(error.code(), "tensor_missing", "{error}");
    assert!(
        error
            .to_string()
            .contains("bert.pooler.dense.lora_A.weight"),
        "{error}"
    );
}

#[test]
fn adapterhub_has_no_place_for_the_pooler() {
    let bert = bert();
    for name in ["all_linear_text", "pooler_alone", "ia3", "pooler_saved"] {
        let task = load(name, &bert);
        let error = folder::save(&task, name, Library::AdapterHub, bert.shape()).unwrap_err();
        assert_eq!(error.code(), "adapter_format", "{name}: {error}");
    }
}

/// What the command line prints, or its error.
fn graftlet(arguments: &[&std::ffi::OsStr]) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_graftlet"))
        .args(arguments)
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].concat();
    String::from_utf8(printed).unwrap()
}

#[test]
fn inspect_shows_the_pooler_modules_trained_whole_and_a_head_left_out() {
    let inspect = |name: &str| graftlet(&["inspect".as_ref(), root().join(name).as_os_str()]);
    let seen = inspect("all_linear_text");
    let sites = seen.lines().find(|line| line.starts_with("sites")).unwrap();
    assert!(sites.contains("ffn_down, pooler"), "{seen}");
    let seen = inspect("layers_saved");
    let whole = seen.lines().find(|line| line.starts_with("trained whole"));
    assert!(
        whole.unwrap().ends_with("ffn_up of layer 1, pooler"),
        "{seen}"
    );
    let seen = inspect("question_answering");
    assert!(seen.contains("question answering (qa_outputs)"), "{seen}");
    assert!(!seen.contains("trained whole"), "{seen}");
    // the folder above names those inside
    let above = tempfile::tempdir().unwrap();
    for name in ["regex", "dense"] {
        std::fs::create_dir(above.path().join(name)).unwrap();
        let config = root().join(name).join(CONFIG);
        std::fs::copy(config, above.path().join(name).join(CONFIG)).unwrap();
    }
    let seen = graftlet(&["inspect".as_ref(), above.path().as_os_str()]);
    assert!(seen.contains("[config_invalid]"), "{seen}");
    assert!(
        seen.contains("\"dense\", \"regex\"; name one of these"),
        "{seen}"
    );
}
