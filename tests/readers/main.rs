//! Whatever bytes a reader is given, it gives a value or an error with a code; it does not panic.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;
#[path = "support/tiny.rs"]
mod tiny;
#[path = "support/torch.rs"]
mod torch;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use graftlet::folder::Card;
use graftlet::folder::{self, CARD, CONFIG, Files};
use graftlet::hub::Manifest;
use graftlet::model::{Anatomy, Backbone, Encoder, Shape};
use graftlet::tensor_file::{FloatType, TensorFile, TensorFileWriter};
use graftlet::train::Settings;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
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

/// A change of a file.
#[derive(Clone, Debug)]
enum Change {
    Set(usize, u8),
    Flip(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Truncate(usize),
    Double(usize, usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let byte = prop_oneof![
        any::<u8>(),
        prop::sample::select(vec![0u8, 1, 0x7f, 0x80, 0xff, b'{', b'"', b'0', b'9'])
    ];
    let change = prop_oneof![
        4 => (any::<usize>(), byte.clone()).prop_map(|(at, to)| Change::Set(at, to)),
        2 => (any::<usize>(), 0u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        2 => (any::<usize>(), prop::collection::vec(byte, 1..9))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (any::<usize>(), 1usize..16).prop_map(|(at, count)| Change::Remove(at, count)),
        1 => any::<usize>().prop_map(Change::Truncate),
        1 => (any::<usize>(), 1usize..64).prop_map(|(at, count)| Change::Double(at, count)),
    ];
    prop::collection::vec(change, 1..6)
}

fn changed(bytes: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for change in changes {
        let place = |at: usize| at % bytes.len().max(1);
        match change {
            _ if bytes.is_empty() => {}
            Change::Set(at, to) => {
                let at = place(*at);
                bytes[at] = *to;
            }
            Change::Flip(at, bit) => {
                let at = place(*at);
                bytes[at] ^= 1 << bit;
            }
            Change::Insert(at, new) => {
                let at = place(*at);
                bytes.splice(at..at, new.iter().copied());
            }
            Change::Remove(at, count) => {
                let at = place(*at);
                let end = (at + count).min(bytes.len());
                bytes.drain(at..end);
            }
            Change::Truncate(at) => {
                let at = place(*at);
                bytes.truncate(at);
            }
            Change::Double(at, count) => {
                let at = place(*at);
                let end = (at + count).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(end..end, part);
            }
        }
    }
    bytes
}

fn sample_safetensors() -> Vec<u8> {
    let mut writer = TensorFileWriter::default();
    writer.floats("a", &[2, 2], &[1.0, -2.0, 0.5, 3.0], FloatType::F32);
    writer.floats("h", &[2], &[0.25, -8.0], FloatType::F16);
    writer.int8("q", &[3], &[-127, 0, 127]);
    writer.finish("pt").unwrap()
}

fn sample_torch() -> Vec<u8> {
    let storage = torch::floats(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let transposed = Entry {
        strides: vec![1, 2],
        ..Entry::new("b", "0", &[2, 3])
    };
    let parameter = Entry {
        parameter: true,
        ..Entry::new("c", "0", &[6])
    };
    let entries = [Entry::new("a", "0", &[3, 2]), transposed, parameter];
    torch::file(&entries, &[("0", &storage)])
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

/// Any JSON, with the words that configurations have.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![-1i64, 0, 1, 2, 3, 8, 1 << 20, i64::MAX, i64::MIN])
            .prop_map(Value::from),
        prop::sample::select(vec![0.0, -0.5, 1e-300, 1e300, 0.1]).prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "gelu",
            "relu",
            "all-linear",
            "query",
            "(",
            ".*",
            "LORA",
            "lora",
            "none",
            "q",
            "mean",
            "TOKEN_CLS",
            "multi_label",
            "adapters.1.0.0",
            "x",
            "a+)+$",
            "head",
            "bert",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z0-9]{0,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Sets the field, found by its number, of an object or of one within it.
fn set(map: &mut Map<String, Value>, field: usize, to: Value, deep: bool) {
    let inner = map.values_mut().find_map(Value::as_object_mut);
    match inner {
        Some(inner) if deep && !inner.is_empty() => set(inner, field, to, false),
        _ => {
            if let Some(key) = map.keys().nth(field % map.len().max(1)).cloned() {
                map.insert(key, to);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        safetensors(&bytes);
        torch_file(&bytes);
        let mut archive = b"PK\x03\x04".to_vec();
        archive.extend(&bytes);
        torch_file(&archive);
        // a right archive around a list that says anything
        torch_file(&torch::archive(&[("a/data.pkl", &bytes)]));
        let _ = Manifest::from_json("x", &bytes);
        let _ = Anatomy::from_json(&bytes);
        let _ = Settings::from_json("x", &bytes);
        let _ = serde_json::from_slice::<Card>(&bytes);
    }

    #[test]
    fn changed_safetensors(changes in changes()) {
        safetensors(&changed(&sample_safetensors(), &changes));
    }

    #[test]
    fn changed_torch_files(changes in changes()) {
        torch_file(&changed(&sample_torch(), &changes));
    }

    /// Damage that the archive's checksums would hide from what lies behind them.
    #[test]
    fn changed_lists_of_torch_files(changes in changes()) {
        let list = torch::pickle(&[Entry::new("a", "0", &[3, 2]), Entry::new("b", "0", &[6])]);
        let list = changed(&list, &changes);
        let storage = torch::floats(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        torch_file(&torch::archive(&[("a/data.pkl", &list), ("a/data/0", &storage)]));
    }

    #[test]
    fn changed_manifests(changes in changes()) {
        let files: Vec<Value> = ["config.json", "model.safetensors"].iter()
            .map(|name| json!({"name": name, "bytes": 3, "sha256": "00"})).collect();
        let manifest = json!({
            "format": 1, "name": "tiny", "dtype": "f32", "fingerprint": "00", "files": files,
        });
        let bytes = changed(manifest.to_string().as_bytes(), &changes);
        match Manifest::from_json("x", &bytes) {
            Ok(manifest) => prop_assert!(manifest.bytes() >= manifest.files.iter().map(|file| file.bytes).max().unwrap_or(0)),
            Err(error) => prop_assert_eq!(error.code(), "config_invalid"),
        }
    }

    #[test]
    fn changed_checkpoints(changes in changes()) {
        let tiny = Tiny::new(1, 8, 5);
        let bytes = changed(&tiny.checkpoint(), &changes);
        if let Err(error) = Encoder::load(&tiny.config(), &bytes, "f") {
            prop_assert!(!error.code().is_empty());
        }
        if let Ok(config) = Anatomy::from_json(&changed(&tiny.config_json(), &changes)) {
            let _ = Encoder::load(&config, &bytes, "f");
        }
    }

    #[test]
    fn changed_files_of_adapters(which in any::<usize>(), file in any::<usize>(), changes in changes()) {
        let (folders, shape) = adapters();
        let mut files = folders[which % folders.len()].clone();
        let name = files.keys().nth(file % files.len()).unwrap().clone();
        let content = changed(&files[&name], &changes);
        files.insert(name, content);
        load(&files, shape);
    }

    #[test]
    fn any_value_of_any_field(
        which in any::<usize>(), file in any::<usize>(), fields in prop::collection::vec((any::<usize>(), value(), any::<bool>()), 1..4),
    ) {
        let (folders, shape) = adapters();
        let mut files = folders[which % folders.len()].clone();
        let names: Vec<String> = files.keys().filter(|name| name.ends_with(".json")).cloned().collect();
        let name = &names[file % names.len()];
        let mut map: Map<String, Value> = serde_json::from_slice(&files[name]).unwrap();
        for (field, value, deep) in fields {
            set(&mut map, field, value, deep);
        }
        files.insert(name.clone(), serde_json::to_vec(&map).unwrap());
        load(&files, shape);
    }

    #[test]
    fn missing_and_exchanged_files(which in any::<usize>(), file in any::<usize>(), other in any::<usize>()) {
        let (folders, shape) = adapters();
        let mut files = folders[which % folders.len()].clone();
        let names: Vec<String> = files.keys().cloned().collect();
        let (from, to) = (&names[file % names.len()], &names[other % names.len()]);
        let content = files.remove(from).unwrap();
        load(&files, shape);
        files.insert(to.clone(), content);
        load(&files, shape);
    }

    /// Every field of a card comes back, also those that nobody here knows.
    #[test]
    fn cards_survive(note in "[a-z ]{0,12}", seed in any::<u64>(), score in 0.0f64..1.0, other in value()) {
        let card = json!({
            "task": note, "seed": seed, "dev_score": score, "labels": ["a", "b"],
            "problem": {"name": "multi_label", "thresholds": [0.25, 0.5]}, "somebody's": other,
        });
        let read: Card = serde_json::from_value(card.clone()).unwrap();
        prop_assert_eq!(serde_json::to_value(&read).unwrap(), card);
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

/// An unknown field that switches something on is refused by name; any other is kept and written back.
#[test]
fn unknown_fields() {
    let goldens = goldens();
    let active = [json!(true), json!([1]), json!({"x": 1})];
    let passive = [
        json!(null),
        json!(false),
        json!([]),
        json!({}),
        json!(16),
        json!("x"),
    ];
    for (name, files) in &goldens {
        let places: &[&str] = if name.starts_with("peft") {
            &[CONFIG]
        } else {
            &[CONFIG, "head_config.json"]
        };
        let edit = |file: &str, value: &Value| {
            with_config(files, file, |map| {
                let map = if name.starts_with("peft") {
                    map
                } else {
                    inner(map)
                };
                map.insert("future_field".into(), value.clone());
            })
        };
        let (_, shape) = folder::inspect(name, files).unwrap();
        for file in places {
            for value in &active {
                let error = folder::load(name, &edit(file, value), &shape)
                    .err()
                    .unwrap();
                assert_eq!(error.code(), "unsupported_feature");
                assert!(error.to_string().contains("future_field"), "{error}");
                assert!(error.to_string().contains(file), "{error}");
            }
            for value in &passive {
                let task = folder::load(name, &edit(file, value), &shape).unwrap();
                let saved = folder::save(&task, name, task.library, &shape).unwrap();
                let map: Value = serde_json::from_slice(&saved[*file]).unwrap();
                let map = if name.starts_with("peft") {
                    &map
                } else {
                    &map["config"]
                };
                assert_eq!(map.get("future_field"), Some(value), "{name}, {file}");
            }
        }
    }
}

#[test]
fn what_stands_around_adapterhubs_settings_is_written_back() {
    let files = &goldens()["ah_lora_r8"];
    let files = with_config(files, CONFIG, |map| {
        map.insert("type".into(), json!("text_task"));
    });
    let files = with_config(&files, "head_config.json", |map| {
        inner(map).insert("dropout_prob".into(), json!(0.25));
        map.insert("note".into(), json!("n"));
    });
    let (task, shape) = folder::inspect("a", &files).unwrap();
    let saved = folder::save(&task, "a", task.library, &shape).unwrap();
    let read = |file: &str| serde_json::from_slice::<Value>(&saved[file]).unwrap();
    assert_eq!(read(CONFIG)["type"], "text_task");
    assert_eq!(read("head_config.json")["note"], "n");
    // what is written is the version that is spoken, not the one that was read
    assert_eq!(read(CONFIG)["name"], "a");
}

/// The same words mean other things in older files.
#[test]
fn versions_of_adapterhub() {
    let lora = &goldens()["ah_lora_r8"];
    let alpha = |version: &str| {
        let files = with_config(lora, CONFIG, |map| {
            map.insert("version".into(), json!(version));
            inner(map).insert("alpha".into(), json!(3));
        });
        let (task, shape) = folder::inspect("a", &files).unwrap();
        task.adapter.config().describe(&shape).sizes["alpha"]
            .as_f64()
            .unwrap()
    };
    for (version, expected) in [
        ("adapters.1.0.0", 8.0),
        ("adapters.1.0.1", 8.0),
        ("adapters.0.1.2", 8.0),
        ("adapters.1.1.0.dev0", 8.0),
        ("adapters.1.1.0rc1", 8.0),
        ("adapters.1.1.0", 3.0),
        ("adapters.1.1.1.dev0", 3.0),
        ("adapters.1.3.0", 3.0),
        ("adapters.2.0", 3.0),
        // adapter-transformers had its own numbers
        ("1.0.0", 3.0),
        ("3.2.1", 3.0),
    ] {
        assert!((alpha(version) - expected).abs() < 1e-9, "{version}");
    }

    let houlsby = &goldens()["ah_houlsby"];
    let activation = |before: &str, versioned: bool| {
        let files = with_config(houlsby, CONFIG, |map| {
            inner(map).insert("non_linearity".into(), json!(before));
            if !versioned {
                map.shift_remove("version");
            }
        });
        let (task, shape) = folder::inspect("a", &files).unwrap();
        let saved = folder::save(&task, "a", task.library, &shape).unwrap();
        let map: Value = serde_json::from_slice(&saved[CONFIG]).unwrap();
        map["config"]["non_linearity"].as_str().unwrap().to_owned()
    };
    assert_eq!(activation("gelu", false), "gelu_new");
    assert_eq!(activation("gelu_orig", false), "gelu");
    assert_eq!(activation("gelu", true), "gelu");
    assert_eq!(activation("swish", false), "swish");

    let hashed = with_config(houlsby, CONFIG, |map| {
        map.insert("config".into(), json!("0123456789abcdef"));
    });
    let error = folder::inspect("a", &hashed).err().unwrap();
    assert_eq!(error.code(), "config_invalid");
    assert!(error.to_string().contains("0123456789abcdef"), "{error}");
}

/// Files from before AdapterHub's `adapters` name the module after the adapter's type.
#[test]
fn keys_of_older_files() {
    let mut files = goldens()["ah_houlsby"].clone();
    let content = files["adapter.safetensors"].clone();
    let file = TensorFile::parse("x", &content).unwrap();
    let mut writer = TensorFileWriter::default();
    for name in file.names() {
        let shape = file.info(name).unwrap().0;
        let old = name
            .replace(
                ".attention.output.adapters.",
                ".attention.output.attention_text_task_adapters.",
            )
            .replace(".output.adapters.", ".output.layer_text_task_adapters.");
        assert_ne!(old, name);
        let data = file.floats(name, &shape).unwrap();
        writer.floats(&old, &shape, &data, FloatType::F32);
    }
    let (new, _) = folder::inspect("a", &files).unwrap();
    files.insert("adapter.safetensors".into(), writer.finish("pt").unwrap());
    let (old, _) = folder::inspect("a", &files).unwrap();
    for (new, old) in new
        .adapter
        .parameters()
        .iter()
        .zip(old.adapter.parameters())
    {
        assert_eq!((new.name, new.tensor.data()), (old.name, old.tensor.data()));
    }
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
