//! Keys of tensors, with any wrapper around them.

use graftlet::folder::{self, CONFIG, Files};
use graftlet::model::Backbone;
use graftlet::tensor_file::{FloatType, TensorFile, TensorFileWriter};
use serde_json::{Map, Value, json};

use super::support::folder;
use super::{Tensors, WEIGHTS, bert, golden, inner, load, root, sequences, values};

pub(super) fn renamed(files: &Files, rename: impl Fn(&str) -> String) -> Files {
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
