//! A folder's side file lists its files with lengths and hashes, and one changed bit anywhere is noticed.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::Path;
use std::sync::Arc;

use graftlet::folder::{self, CARD, CONFIG, Files};
use graftlet::model::{FAMILIES, Shape};
use serde_json::{Map, Value, json};

const WEIGHTS: &str = "adapter_model.safetensors";

/// A shipped adapter, whose side file `scripts/side-file.mjs` wrote.
fn shipped(name: &str) -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = support::folder(&root.join("www/public/adapters").join(name));
    files.remove("README.md");
    files
}

fn card(files: &Files) -> Map<String, Value> {
    serde_json::from_slice(&files[CARD]).unwrap()
}

/// The shape of the backbone that the shipped adapters were trained on.
fn shape() -> Shape {
    let fingerprint = card(&shipped("trec"))["backbone"]["fingerprint"].clone();
    Shape {
        name: "MiniLM".into(),
        heads: 12,
        fingerprint: fingerprint.as_str().unwrap().into(),
        ..Shape::of(Arc::new(FAMILIES[0].sketch(384, 6, 1536).unwrap()))
    }
}

#[track_caller]
fn code(files: &Files, shape: &Shape) -> &'static str {
    folder::load("mine", files, shape).map_or_else(|error| error.code(), |_| "loads")
}

#[test]
fn shipped_adapters_are_as_they_are_listed() {
    let shape = shape();
    let index = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/public/adapters/index.json");
    let index: Value = serde_json::from_slice(&std::fs::read(index).unwrap()).unwrap();
    let entries = index["adapters"].as_array().unwrap();
    assert!(entries.len() >= 12);
    for entry in entries {
        let name = entry["name"].as_str().unwrap();
        let files = shipped(name);
        assert_eq!(code(&files, &shape), "loads", "{name}");
        let sum: usize = files.values().map(Vec::len).sum();
        assert_eq!(entry["bytes"], json!(sum), "{name}");
        for file in card(&files)["files"].as_array().unwrap() {
            let content = &files[file["name"].as_str().unwrap()];
            assert_eq!(file["bytes"], json!(content.len()), "{name}: {file}");
            assert_eq!(file["sha256"].as_str().unwrap().len(), 64, "{name}");
        }
    }
}

#[test]
fn one_changed_bit_is_noticed_wherever_it_is() {
    let (shape, files) = (shape(), shipped("trec"));
    let mut changed = 0;
    for (name, content) in &files {
        // all bits of the side file, which vouches for the others, and some of these
        let step = if name == CARD { 1 } else { 397 };
        for bit in (0..content.len() * 8).step_by(step) {
            let mut files = files.clone();
            files.get_mut(name).unwrap()[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(code(&files, &shape), "loads", "bit {bit} of {name}");
            changed += 1;
        }
    }
    assert!(changed > 15_000, "{changed}");
}

#[test]
fn a_cut_or_foreign_file_is_named() {
    let (shape, files) = (shape(), shipped("trec"));
    for (name, content) in &files {
        let mut files = files.clone();
        files.insert(name.clone(), content[..content.len() - 1].to_vec());
        let Err(error) = folder::load("mine", &files, &shape) else {
            panic!("{name} loads")
        };
        assert!(error.to_string().contains(name.as_str()), "{error}");
    }
    let mut mixed = files.clone();
    mixed.insert(WEIGHTS.into(), shipped("banking77")[WEIGHTS].clone());
    assert_eq!(code(&mixed, &shape), "checksum_mismatch");
    let mut mixed = files;
    mixed.insert(CONFIG.into(), shipped("sst2")[CONFIG].clone());
    assert!(["checksum_mismatch", "file_truncated"].contains(&code(&mixed, &shape)));
}

#[test]
fn lists_of_names_and_no_lists_are_unchecked() {
    let (shape, files) = (shape(), shipped("trec"));
    let edited = |edit: &dyn Fn(&mut Map<String, Value>)| {
        let mut card = card(&files);
        edit(&mut card);
        let mut files = files.clone();
        files.insert(CARD.into(), serde_json::to_vec(&card).unwrap());
        files
    };
    let names: Vec<&String> = files.keys().collect();
    let old = edited(&|card| {
        card.insert("files".into(), json!(names));
    });
    assert_eq!(code(&old, &shape), "loads");
    let mut lacking = old;
    lacking.remove(WEIGHTS);
    assert_eq!(code(&lacking, &shape), "file_missing");
    let none = edited(&|card| {
        card.remove("files");
    });
    assert_eq!(code(&none, &shape), "loads");
    // one who changes a label by hand is told what to do
    let by_hand = edited(&|card| card["labels"][0] = json!("abbr"));
    let error = folder::load("mine", &by_hand, &shape).err().unwrap();
    assert_eq!(error.code(), "checksum_mismatch");
    assert!(error.to_string().contains("delete \"files\""), "{error}");
    let mut listed = by_hand;
    folder::list_files(&mut listed).unwrap();
    assert_eq!(code(&listed, &shape), "loads");
    let mut bare = files.clone();
    bare.remove(CARD);
    folder::list_files(&mut bare).unwrap();
    assert!(!bare.contains_key(CARD));
}

#[test]
fn damaged_lists_are_refused() {
    let (shape, files) = (shape(), shipped("trec"));
    let own = card(&files)["files"]
        .as_array()
        .unwrap()
        .last()
        .cloned()
        .unwrap();
    for list in [
        json!(3),
        json!("graftlet.json"),
        json!({}),
        json!([3]),
        json!([null]),
        json!([{}]),
        json!([{ "name": CONFIG }]),
        json!([{ "name": CONFIG, "bytes": 3e9, "sha256": "00" }]),
        json!([{ "name": CONFIG, "bytes": -1, "sha256": own["sha256"] }]),
        json!([{ "name": 1, "bytes": 1, "sha256": own["sha256"] }]),
        json!([{ "name": CONFIG, "bytes": 1, "sha256": "g".repeat(64) }]),
        // itself must be on it
        json!([{ "name": "README.md", "bytes": 1, "sha256": own["sha256"] }]),
    ] {
        let mut card = card(&files);
        card.insert("files".into(), list.clone());
        let mut files = files.clone();
        files.insert(CARD.into(), serde_json::to_vec(&card).unwrap());
        assert_eq!(code(&files, &shape), "config_invalid", "{list}");
    }
}

#[test]
fn what_is_written_is_listed_and_stays_so() {
    let (shape, files) = (shape(), shipped("trec"));
    let task = folder::load("mine", &files, &shape).unwrap();
    let written = folder::save(&task, "mine", task.library, &shape).unwrap();
    assert_eq!(code(&written, &shape), "loads");
    let listed = card(&written)["files"].clone();
    assert_eq!(listed.as_array().unwrap().len(), written.len());
    for file in listed.as_array().unwrap() {
        let content = &written[file["name"].as_str().unwrap()];
        assert_eq!(file["bytes"], json!(content.len()), "{file}");
    }
    // what reads and writes the side file again comes to the same bytes
    let mut again = written.clone();
    folder::list_files(&mut again).unwrap();
    assert_eq!(again, written);
}
