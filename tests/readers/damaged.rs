//! Files whose bytes or values were changed.

use graftlet::folder::Card;
use graftlet::hub::Manifest;
use graftlet::model::{Anatomy, Encoder};
use graftlet::tensor_file::{FloatType, TensorFileWriter};
use graftlet::train::Settings;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::tiny::Tiny;
use super::torch::{self, Entry};
use super::{adapters, load, safetensors, torch_file};

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

/// Any JSON, with the words that configurations have.
pub(super) fn value() -> impl Strategy<Value = Value> {
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
