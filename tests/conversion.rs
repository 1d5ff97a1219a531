//! A model's folder that is fetched file by file, as a browser does it, becomes what `graftlet convert` writes of it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use graftlet::Result;
use graftlet::conversion::convert_folder;
use graftlet::folder::Files;
use graftlet::model::Dtype;
use graftlet::model::folder::{KnownFiles, ModelFiles, is_tensor_file, missing};

const MODELS: [&str; 9] = [
    "gelu-f16",
    "gelu_new-bin",
    "legacy",
    "relu-shards",
    "silu-bin-shards",
    "st-cls-max-mean",
    "st-sqrt-plain",
    "st-weighted-last",
    "tanh-bf16",
];

/// What was fetched of a folder at an address; `None` for what is not there.
struct Fetched {
    path: Vec<String>,
    files: BTreeMap<String, Option<Vec<u8>>>,
}

impl ModelFiles for Fetched {
    fn place(&self) -> String {
        self.path.join("/")
    }

    fn folders(&self) -> Vec<String> {
        self.path.clone()
    }

    fn names(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn read(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>> {
        let content = self.files.get(name).and_then(Option::as_deref);
        Ok(content.map(Cow::Borrowed))
    }
}

impl KnownFiles for Fetched {
    fn is_known(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }
}

/// Fetches what is asked for, as often as something is; gives the names in their order too.
fn fetch(served: &Files, path: &str) -> Result<(Fetched, Vec<String>)> {
    let mut fetched = Fetched {
        path: path.split('/').map(str::to_owned).collect(),
        files: BTreeMap::new(),
    };
    let mut order = Vec::new();
    loop {
        let names = missing(&fetched)?;
        if names.is_empty() {
            break;
        }
        for name in names {
            // weights are only looked for until all is known
            let there = served.get(&name).map(|bytes| match is_tensor_file(&name) {
                true => Vec::new(),
                false => bytes.clone(),
            });
            assert!(fetched.files.insert(name.clone(), there).is_none());
            order.push(name);
        }
    }
    for (name, content) in &mut fetched.files {
        if content.is_some() {
            *content = Some(served[name].clone());
        }
    }
    Ok((fetched, order))
}

fn served(name: &str) -> Files {
    fn read(folder: &Path, before: &str, files: &mut Files) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{before}{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                read(&path, &format!("{name}/"), files);
            } else {
                files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut files = Files::new();
    read(&support::fixture(&format!("models/{name}")), "", &mut files);
    files.remove("expected.json");
    files
}

#[test]
fn what_is_fetched_becomes_what_the_command_writes() {
    for name in MODELS {
        let served = served(name);
        let (fetched, order) = fetch(&served, name).unwrap_or_else(|e| panic!("{name}: {e}"));
        // all that is there is asked for, and nothing twice
        let found: Vec<&String> = order.iter().filter(|n| served.contains_key(*n)).collect();
        assert_eq!(found.len(), served.len(), "{name}: {order:?}");
        let weights = order.iter().position(|name| is_tensor_file(name)).unwrap();
        let small = order.iter().rposition(|name| name == "README.md").unwrap();
        assert!(small < weights, "{name}: {order:?}");
        for dtype in [Dtype::Int8, Dtype::F16, Dtype::F32] {
            let mut shares = Vec::new();
            let converted =
                convert_folder(&fetched, None, None, dtype, &mut |share| shares.push(share))
                    .unwrap();
            assert!(shares.is_sorted() && shares[0] > 0.0);
            assert!((shares.last().unwrap() - 1.0).abs() < 1e-12);
            let folder = tempfile::tempdir().unwrap();
            let to = folder.path().join("to");
            let output = Command::new(env!("CARGO_BIN_EXE_graftlet"))
                .args(["convert", "--dtype", dtype.name(), "--from"])
                .arg(support::fixture(&format!("models/{name}")))
                .arg("--to")
                .arg(&to)
                .output()
                .unwrap();
            assert!(output.status.success(), "{name}: {output:?}");
            let written = support::folder(&to);
            assert_eq!(written.len(), 4, "{name}");
            for (file, content) in &written {
                assert!(converted.files[file] == *content, "{name}: {file} differs");
            }
            assert_eq!(converted.files.len(), written.len());
        }
    }
}

#[test]
fn another_architecture_is_refused_before_its_weights_are_asked_for() {
    for (model_type, told) in [
        ("deberta-v2", "DeBERTa-v2"),
        ("albert", "ALBERT"),
        ("t5", "T5"),
    ] {
        let config = format!(r#"{{"model_type":"{model_type}"}}"#);
        let served = Files::from([
            ("config.json".into(), config.into_bytes()),
            ("model.safetensors".into(), vec![0; 8]),
        ]);
        let error = fetch(&served, "x").map(drop).unwrap_err();
        assert_eq!(error.code(), "model_unsupported");
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn a_folder_without_a_part_is_refused() {
    for (model, without) in [
        ("gelu-f16", "config.json"),
        ("gelu-f16", "model.safetensors"),
        ("gelu-f16", "vocab.txt"),
        ("gelu_new-bin", "pytorch_model.bin"),
        ("relu-shards", "model-00002-of-00002.safetensors"),
        ("silu-bin-shards", "pytorch_model-00001-of-00002.bin"),
    ] {
        let mut served = served(model);
        served.remove(without).unwrap();
        let error = fetch(&served, "x").map(drop).unwrap_err();
        assert_eq!(error.code(), "file_missing", "{without}: {error}");
    }
}

#[test]
fn weights_that_are_cut_or_something_else_are_refused() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
    let page = b"<!DOCTYPE html><html><title>Sign in</title></html>";
    for (model, file) in [
        ("gelu-f16", "model.safetensors"),
        ("gelu_new-bin", "pytorch_model.bin"),
        ("relu-shards", "model-00001-of-00002.safetensors"),
    ] {
        let whole = served(model);
        let half = whole[file][..whole[file].len() / 2].to_vec();
        for (content, code) in [
            (half, "file_truncated"),
            (Vec::new(), "file_truncated"),
            (pointer.to_vec(), "file_invalid"),
            (page.to_vec(), "file_invalid"),
        ] {
            let mut served = whole.clone();
            served.insert(file.into(), content);
            let (fetched, _) = fetch(&served, "x").unwrap();
            let error = convert_folder(&fetched, None, None, Dtype::Int8, &mut |_| ());
            let error = error.map(drop).unwrap_err();
            assert_eq!(error.code(), code, "{file}: {error}");
            assert!(error.to_string().contains(file), "{error}");
        }
    }
}
