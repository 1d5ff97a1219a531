//! Wrong input of every sort gives its code and a sentence that says what is wrong and where. Never a panic.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod answers;
mod any_bytes;
mod backbones;
mod configurations;
mod files;
mod pictures;
mod sounds;
mod training;

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/tiny.rs"]
mod tiny;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use graftlet::folder::{self, Files, TaskAdapter};
use graftlet::model::{FAMILIES, Shape};
use graftlet::tensor_file::{FloatType, TensorFile, TensorFileWriter};
use graftlet::{Error, Result};
use serde_json::{Map, Value};

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
fn the_goldens_themselves_are_accepted() {
    for name in GOLDENS {
        load(&golden(name)).unwrap();
        let file = weights_of(name);
        load(&with_tensors(name, file, |_| {})).unwrap();
        load(&with_json(name, CONFIG, |_| {})).unwrap();
    }
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
    let codes = include_str!("../../src/error.rs")
        .lines()
        .filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\","));
    let mut tests = String::new();
    for name in ["errors", "windows", "cli"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests")
            .join(name);
        for entry in std::fs::read_dir(folder).unwrap() {
            tests += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
        }
    }
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
