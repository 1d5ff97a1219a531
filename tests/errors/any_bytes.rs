//! No bytes and no values make anything panic.

use graftlet::folder::{self, Files, Library};
use graftlet::head::Pooling;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

use super::{CARD, GOLDENS, golden, shape};

// ---- anything at all

fn fixed(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        ..ProptestConfig::default()
    }
}

/// Loads a folder, and if it is accepted writes it in both formats. What matters is that it returns.
fn exercise(files: &Files) {
    let shape = shape();
    match folder::load("mine", files, &shape) {
        Ok(task) => {
            for library in [Library::Peft, Library::AdapterHub] {
                let _ = folder::save(&task, "mine", library, &shape);
            }
        }
        Err(error) => assert_ne!(error.code(), "internal", "{error}"),
    }
    let _ = folder::inspect("mine", files);
}

/// Values that a field was not meant to have.
fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(u64::MAX)),
        (-3i64..20).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z_.*(\\[]{0,12}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([u64::MAX, 0, -1])),
        Just(json!([0, 1, 1])),
        Just(json!({"query": 3})),
        Just(json!(["query", "all-linear", "", "."])),
    ]
}

/// Every object and field of a JSON value, as pointers.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    if let Value::Object(map) = value {
        for (field, value) in map {
            let at = format!("{at}/{field}");
            pointers(value, &at, found);
            found.push(at);
        }
    }
}

proptest! {
    #![proptest_config(fixed(192))]

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        header in 0u64..500,
        whose in 0usize..4,
        which in 0usize..6,
    ) {
        let mut files = golden(GOLDENS[whose]);
        let names: Vec<String> = files.keys().cloned().collect();
        let name = &names[which % names.len()];
        files.insert(name.clone(), bytes.clone());
        exercise(&files);
        // behind a plausible length of a header
        let with_length = [&header.to_le_bytes()[..], &bytes].concat();
        files.insert(name.clone(), with_length);
        exercise(&files);
    }

    #[test]
    fn mutated_bytes_never_panic(
        whose in 0usize..4,
        which in 0usize..6,
        edits in prop::collection::vec((any::<u32>(), any::<u8>(), any::<bool>()), 1..5),
        cut in prop::option::of(any::<u32>()),
    ) {
        let mut files = golden(GOLDENS[whose]);
        let names: Vec<String> = files.keys().cloned().collect();
        let bytes = files.get_mut(&names[which % names.len()]).unwrap();
        for (position, value, near) in edits {
            // half of the edits in the header, which is where the structure is
            let within = if near { bytes.len().min(3000) } else { bytes.len() };
            bytes[position as usize % within] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut as usize % bytes.len());
        }
        exercise(&files);
    }

    #[test]
    fn mutated_json_never_panics(
        whose in 0usize..4,
        which in any::<u32>(),
        edits in prop::collection::vec((any::<u32>(), prop::option::of(odd_value())), 1..3),
    ) {
        let mut files = golden(GOLDENS[whose]);
        let names: Vec<String> = files.keys().filter(|n| n.ends_with(".json")).cloned().collect();
        let bytes = files.get_mut(&names[which as usize % names.len()]).unwrap();
        let mut value: Value = serde_json::from_slice(bytes).unwrap();
        for (place, edit) in edits {
            let mut all = Vec::new();
            pointers(&value, "", &mut all);
            let Some(pointer) = all.get(place as usize % all.len().max(1)) else { continue };
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            let Some(Value::Object(map)) = value.pointer_mut(parent) else { continue };
            match edit {
                Some(edit) => map.insert(field.to_owned(), edit),
                None => map.remove(field),
            };
        }
        *bytes = serde_json::to_vec(&value).unwrap();
        exercise(&files);
    }
}

/// The card's fields may hold anything too.
#[test]
fn odd_cards_never_panic() {
    for card in [
        json!({"labels": []}),
        json!({"labels": ["x", "x", "x"]}),
        json!({"labels": ["only one"]}),
        json!({"pooling": "first", "dense": "tanh"}),
        json!({"metric": {"name": "f1"}}),
        json!({"metric": {"name": "f1", "positive": "x"}}),
        json!({"dev_score": "high"}),
        json!({"seed": -1}),
        json!([]),
    ] {
        for name in GOLDENS {
            let mut files = golden(name);
            files.insert(CARD.into(), card.to_string().into_bytes());
            exercise(&files);
        }
    }
    assert_eq!(
        serde_json::to_value(Pooling::First).unwrap(),
        json!("first")
    );
}
