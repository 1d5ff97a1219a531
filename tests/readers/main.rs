//! Whatever bytes a reader is given, it gives a value or an error with a code; it does not panic.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

use graftlet::model::Backbone;
mod damaged;
mod versions;

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/tiny.rs"]
mod tiny;

#[path = "../support/torch.rs"]
mod torch;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use graftlet::folder::{self, CARD, Card, Files};
use graftlet::model::Shape;
use graftlet::tensor_file::{FloatType, TensorFile};
use serde_json::{Map, Value};
use support::{fixture, folder};
use tiny::Tiny;
use torch::Entry;

/// Reads every tensor that a file says it has.
fn read_all(file: &TensorFile<'_>) {
    for name in file.names() {
        let (shape, _) = file.info(name).unwrap();
        for result in [
            file.floats(name, &shape).map(drop),
            file.int8(name, &shape).map(drop),
        ] {
            if let Err(error) = result {
                assert!(!error.code().is_empty());
            }
        }
    }
}

fn safetensors(bytes: &[u8]) {
    match TensorFile::parse("x", bytes) {
        Ok(file) => read_all(&file),
        Err(error) => assert!(error.code().starts_with("file_"), "{error}"),
    }
}

fn torch_file(bytes: &[u8]) {
    match TensorFile::parse_torch("x", bytes) {
        Ok(file) => read_all(&file),
        Err(error) => assert!(error.code().starts_with("file_"), "{error}"),
    }
}

/// Small adapters of both libraries on the tiny model, with heads and cards.
fn adapters() -> &'static (Vec<Files>, Shape) {
    static ADAPTERS: OnceLock<(Vec<Files>, Shape)> = OnceLock::new();
    ADAPTERS.get_or_init(|| {
        use graftlet::adapter::{FreshParams, Options, presets};
        use graftlet::folder::Library;
        use graftlet::folder::TaskAdapter;
        use graftlet::head::{
            Head, HeadConfig, MULTI_LABEL, Pooling, Problem, SINGLE_LABEL, TOKEN_CLASSIFICATION,
        };
        let bert = Tiny::new(2, 32, 5).bert();
        let shape = bert.shape();
        let mut folders = Vec::new();
        let problems = [
            SINGLE_LABEL.fresh(),
            Problem {
                kind: MULTI_LABEL,
                thresholds: vec![0.25, 0.5, 0.75],
            },
            TOKEN_CLASSIFICATION.fresh(),
        ];
        for (preset, problem) in presets().zip(problems.iter().cycle()) {
            let mut source = FreshParams::new(3);
            let Ok(config) = (preset.config)(&Options::default(), shape) else {
                continue;
            };
            let Ok(adapter) = config.build(shape, &mut source) else {
                continue;
            };
            let head = HeadConfig {
                problem: problem.clone(),
                pairs: problem.kind.pairs(),
                pooling: Pooling::Pooler,
                dense: None,
                labels: ["x", "y", "z"].map(String::from).to_vec(),
            };
            let task = TaskAdapter {
                adapter,
                head: Some(Head::build(head, shape, &mut source).unwrap()),
                card: Card::default(),
                library: preset.library,
                original: None,
                float: FloatType::F32,
                bytes: 0,
            };
            for library in [Library::Peft, Library::AdapterHub] {
                if let Ok(files) = folder::save(&task, "a", library, shape) {
                    folder::load("a", &files, shape).unwrap();
                    folders.push(files);
                }
            }
        }
        (folders, shape.clone())
    })
}

fn load(files: &Files, shape: &Shape) {
    if let Err(error) = folder::load("a", files, shape) {
        assert!(!error.code().is_empty() && !error.to_string().is_empty());
    }
    if let Err(error) = folder::inspect("a", files) {
        assert!(!error.code().is_empty() && !error.to_string().is_empty());
    }
}

fn with_config(files: &Files, file: &str, edit: impl FnOnce(&mut Map<String, Value>)) -> Files {
    let mut map: Map<String, Value> = serde_json::from_slice(&files[file]).unwrap();
    edit(&mut map);
    let mut files = files.clone();
    files.insert(file.to_owned(), serde_json::to_vec(&map).unwrap());
    files
}

fn inner(map: &mut Map<String, Value>) -> &mut Map<String, Value> {
    map["config"].as_object_mut().unwrap()
}

fn goldens() -> BTreeMap<&'static str, Files> {
    ["peft_lora_r8_qv", "ah_lora_r8", "ah_houlsby"]
        .into_iter()
        .map(|name| (name, folder(&fixture(&format!("goldens/{name}")))))
        .collect()
}

/// A folder with `.bin` files is the same adapter as the one with safetensors.
#[test]
fn bin_in_place_of_safetensors() {
    for (name, weights, torch_name) in [
        (
            "peft_lora_r8_qv",
            "adapter_model.safetensors",
            "adapter_model.bin",
        ),
        ("ah_lora_r8", "adapter.safetensors", "pytorch_adapter.bin"),
    ] {
        let safe = &goldens()[name];
        let content = &safe[weights];
        let file = TensorFile::parse("x", content).unwrap();
        let (mut entries, mut storages) = (Vec::new(), Vec::new());
        for (index, key) in file.names().enumerate() {
            let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
            let shape = file.info(key).unwrap().0;
            let storage = leak(index.to_string());
            let axes: Vec<i32> = shape.iter().map(|&axis| axis as i32).collect();
            entries.push(Entry::new(leak(key.to_owned()), storage, &axes));
            storages.push((storage, torch::floats(&file.floats(key, &shape).unwrap())));
        }
        let storages: Vec<(&str, &[u8])> = storages
            .iter()
            .map(|(key, data)| (*key, &data[..]))
            .collect();
        let mut files = safe.clone();
        files.remove(weights);
        let error = folder::inspect(name, &files).err().unwrap();
        assert_eq!(error.code(), "file_missing");
        assert!(error.to_string().contains(weights), "{error}");
        files.insert(torch_name.into(), torch::file(&entries, &storages));
        let (bin, shape) = folder::inspect(name, &files).unwrap();
        let (expected, _) = folder::inspect(name, safe).unwrap();
        for (found, expected) in bin
            .adapter
            .parameters()
            .iter()
            .zip(expected.adapter.parameters())
        {
            assert_eq!(
                (found.name, found.tensor.data()),
                (expected.name, expected.tensor.data())
            );
        }
        // written again it is safetensors, which both libraries prefer
        let saved = folder::save(&bin, name, bin.library, &shape).unwrap();
        assert!(saved.contains_key(weights) && !saved.contains_key(torch_name));
        assert!(saved.contains_key(CARD));
        // damaged, it is named
        let cut = files[torch_name][..1000].to_vec();
        files.insert(torch_name.into(), cut);
        let error = folder::inspect(name, &files).err().unwrap();
        assert_eq!(error.code(), "file_truncated");
        assert!(error.to_string().contains(torch_name), "{error}");
    }
}
