//! Whole inputs to begin with, from the crate's fixtures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use graftlet::folder::TaskAdapter;
use graftlet::folder::{self, CONFIG, Files, Library};
use graftlet::model::{Backbone, Encoder, Anatomy, Dtype, Shape, convert};
use graftlet::tensor_file::{FloatType, TensorFile, TensorFileWriter};
use serde_json::{Value, json};

use super::flatten;
use tiny::{Tiny, tokenizer_json};

#[path = "../../tests/support/tiny.rs"]
mod tiny;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Sizes of the fixtures' model are divided by this, so that a change hits more than weights.
const SMALLER: usize = 8;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

/// The seeds of a target.
///
/// # Errors
/// If a fixture cannot be read.
pub fn of(target: &str) -> Result<Vec<Vec<u8>>> {
    let folders = folders()?;
    let of_library = |library| {
        let folders = folders.iter().filter(move |(whose, _)| *whose == library);
        folders
            .map(move |(_, files)| flatten(files, library.files()))
            .collect()
    };
    let of_names = |end: &str| -> Vec<Vec<u8>> {
        let files = folders.iter().flat_map(|(_, files)| files);
        let files = files.filter(|(name, _)| name.ends_with(end));
        files.map(|(_, content)| content.clone()).collect()
    };
    let golden = fixtures().join("goldens/ah_prefix_flat_bin");
    Ok(match target {
        "safetensors" => of_names(".safetensors"),
        "torch_file" => vec![
            super::archive(&[("a/data.pkl", &list()), ("a/data/0", &[0; 96])]),
            // one real file, though most of it is weights
            std::fs::read(golden.join("pytorch_adapter.bin"))?,
        ],
        "torch_list" => vec![list(), b"\x80\x02}q\x00.".to_vec()],
        "peft" => of_library(Library::Peft),
        "adapterhub" => of_library(Library::AdapterHub),
        "fusion" => fusions()?,
        "composition" => compositions(),
        "backbone" => backbones()?,
        "tokenizer" => vec![tokenizer_json()],
        "manifest" => vec![manifest()],
        "settings" => settings(),
        "rows" => rows()?,
        _ => Vec::new(),
    })
}

/// The goldens of both libraries, smaller.
fn folders() -> Result<Vec<(Library, Files)>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(fixtures().join("goldens"))? {
        let path = entry?.path();
        if !path.join(CONFIG).is_file() {
            continue;
        }
        let mut files = Files::new();
        for file in std::fs::read_dir(&path)? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            let content = std::fs::read(file.path())?;
            let content = match name.rsplit_once('.').map(|(_, end)| end) {
                Some("safetensors") => smaller_tensors(&content)?,
                Some("json") if name != "expected.json" => smaller_config(&content)?,
                _ => continue,
            };
            files.insert(name, content);
        }
        folders.push((Library::detect(&files[CONFIG])?, files));
    }
    folders.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(folders)
}

fn smaller(size: usize) -> usize {
    if size >= 3 * SMALLER && size.is_multiple_of(SMALLER) {
        size / SMALLER
    } else {
        size
    }
}

fn smaller_tensors(content: &[u8]) -> Result<Vec<u8>> {
    let file = TensorFile::parse("seed", content)?;
    let mut writer = TensorFileWriter::default();
    for name in file.names() {
        let shape: Vec<usize> = file.info(name)?.0.into_iter().map(smaller).collect();
        let zeros = vec![0.0; shape.iter().product()];
        writer.floats(name, &shape, &zeros, FloatType::F32);
    }
    Ok(writer.finish("pt")?)
}

fn smaller_config(content: &[u8]) -> Result<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(content)?;
    for field in ["hidden_size", "token_dim"] {
        if let Some(size) = value.get(field).and_then(Value::as_u64) {
            value[field] = json!(smaller(usize::try_from(size)?));
        }
    }
    Ok(serde_json::to_vec(&value)?)
}

/// `data.pkl` of two tensors and a parameter over one storage of 24 floats.
fn list() -> Vec<u8> {
    let text = |text: &str| -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap_or_default();
        [b"X", &length.to_le_bytes()[..], text.as_bytes()].concat()
    };
    let tensor = |shape: &[u8], strides: &[u8]| -> Vec<u8> {
        let mut list = b"ctorch._utils\n_rebuild_tensor_v2\nq\x01((".to_vec();
        list.extend(text("storage"));
        list.extend(b"q\x02ctorch\nFloatStorage\nq\x03");
        list.extend([text("0"), text("cpu")].concat());
        list.extend(b"K\x18tQK\x00(");
        shape.iter().for_each(|axis| list.extend([b'K', *axis]));
        list.extend(b"t(");
        strides.iter().for_each(|axis| list.extend([b'K', *axis]));
        list.extend(b"t\x89ccollections\nOrderedDict\n)RtR");
        list
    };
    let mut list = b"\x80\x02}q\x00(".to_vec();
    list.extend(text("a.weight"));
    list.extend(tensor(&[4, 6], &[6, 1]));
    list.extend(text("b.weight"));
    list.extend(tensor(&[6, 2], &[1, 6]));
    list.extend(text("c"));
    list.extend(b"ctorch._utils\n_rebuild_parameter\n(");
    list.extend(tensor(&[24], &[1]));
    list.extend(b"\x88ccollections\nOrderedDict\n)RtR");
    // what is remembered and asked for again
    list.extend(text("d"));
    list.extend(b"h\x01((h\x02h\x03");
    list.extend([text("0"), text("cpu")].concat());
    list.extend(b"M\x18\x00tQK\x00J\x18\x00\x00\x00\x85K\x01\x85\x89}tRu.");
    list
}

/// The backbone that a fusion's adapters are of, and they.
pub type Loaded = (Shape, BTreeMap<String, Rc<TaskAdapter>>);

/// Loads the fixtures of fusion.
///
/// # Errors
/// If one cannot be read.
pub fn loaded() -> Result<Loaded> {
    let root = fixtures().join("goldens/compose-tiny");
    let config = Anatomy::from_json(&std::fs::read(root.join("config.json"))?)?;
    let checkpoint = std::fs::read(root.join("model.safetensors"))?;
    let shape = Encoder::load(&config, &checkpoint, "00ff")?.shape().clone();
    let mut adapters = BTreeMap::new();
    for name in [
        "houlsby_a",
        "houlsby_b",
        "pfeiffer_a",
        "pfeiffer_b",
        "pfeiffer_c",
    ] {
        let task = folder::load(name, &folder_of(&root.join(name))?, &shape)?;
        adapters.insert(name.to_owned(), Rc::new(task));
    }
    Ok((shape, adapters))
}

fn folder_of(path: &Path) -> Result<Files> {
    let mut files = Files::new();
    for file in std::fs::read_dir(path)? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        files.insert(name, std::fs::read(file.path())?);
    }
    Ok(files)
}

fn fusions() -> Result<Vec<Vec<u8>>> {
    let root = fixtures().join("goldens/compose-tiny");
    let folders = ["static", "dynamic", "other"].map(|name| folder_of(&root.join(name)));
    let flat = |files: Result<Files>| Ok(flatten(&files?, Library::fusion_files()));
    folders.into_iter().map(flat).collect()
}

fn compositions() -> Vec<Vec<u8>> {
    [
        json!("a"),
        json!({"stack": ["a", {"average": ["b", {"adapter": "c", "weight": -0.5}]}]}),
        json!({"parallel": ["a", {"stack": ["a", "b"]}]}),
        json!({"split": ["a", {"adapter": "b", "rows": 3}]}),
        json!({"fuse": ["a", "b"], "fusion": "f"}),
        json!({"average": ["a", "b"], "head": "a", "method": "svd", "rank": 4}),
    ]
    .map(|value| value.to_string().into_bytes())
    .to_vec()
}

/// A checkpoint in f32 and in int8, each behind its configuration.
fn backbones() -> Result<Vec<Vec<u8>>> {
    let tiny = Tiny::new(1, 4, 1);
    let (config, checkpoint) = (tiny.config_json(), tiny.checkpoint());
    let int8 = convert(&tiny.config(), &checkpoint, Dtype::Int8)?;
    let length = u32::try_from(config.len())?.to_le_bytes();
    let seed = |checkpoint: &[u8]| [&length[..], &config, checkpoint].concat();
    Ok(vec![seed(&checkpoint), seed(&int8)])
}

fn manifest() -> Vec<u8> {
    let files: Vec<Value> = ["config.json", "tokenizer.json", "model.safetensors"]
        .iter()
        .map(|name| json!({"name": name, "bytes": 1234, "sha256": "00ff"}))
        .collect();
    let manifest = json!({
        "format": 1, "name": "m", "dtype": "int8", "fingerprint": "00ff", "files": files,
    });
    manifest.to_string().into_bytes()
}

fn settings() -> Vec<Vec<u8>> {
    let config = json!({
        "model_type": "bert", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 32, "vocab_size": 40, "max_position_embeddings": 16,
        "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu",
    });
    let settings = json!({
        "epochs": 3, "batch_size": 16, "learning_rate": 0.001, "weight_decay": 0.01, "warmup": 0.1,
        "dev_share": 0.2, "dev_rows": 1, "seed": 1, "pooling": "mean", "metric": {"name": "f1", "positive": "a"},
        "rank": 8, "alpha": 16, "targets": ["query"],
    });
    let card = json!({
        "task": "t", "labels": ["a", "b"], "pooling": "first", "dense": "tanh",
        "problem": {"name": "multi_label", "thresholds": [0.5, 0.25]},
        "backbone": {"name": "m", "fingerprint": "00ff"}, "metric": {"name": "accuracy"},
        "dev_score": 0.5, "seed": 7, "files": ["adapter_config.json"], "more": 1,
    });
    [config, settings, card]
        .map(|value| value.to_string().into_bytes())
        .to_vec()
}

/// The start of every file of the reader's own cases, as its name says and as nothing says.
fn rows() -> Result<Vec<Vec<u8>>> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rows/tests/cases");
    let mut seeds = vec![
        b"\0\0text\ttext2\tlabel\n\"a \"\"b\"\"\"\tb\tx\n\xc3\xa4\t\ty\n".to_vec(),
        b"\x03\x01{\"meta\":{\"body\":\"a\"},\"label\":[[0,1,\"P\"]]}\n".to_vec(),
        b"\0\0[{\"annotations\":[{\"result\":[{\"value\":{\"start\":0,\"end\":1,\"labels\":[\"P\"]}}]}],\"data\":{\"text\":\"a b\"}}]".to_vec(),
        b"\0\0\xff\xfet\0e\0x\0t\0,\0l\0\n\0a\0,\0b\0\n\0".to_vec(),
    ];
    for case in std::fs::read_dir(cases)? {
        let case = case?.path();
        if !case.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(case)? {
            let content = std::fs::read(file?.path())?;
            let start = content.iter().take(600).copied();
            seeds.push([0, 0].into_iter().chain(start).collect());
        }
    }
    seeds.sort();
    Ok(seeds)
}
