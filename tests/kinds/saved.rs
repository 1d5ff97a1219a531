//! Adapters that are saved, loaded again and merged.

use crate::tiny;
use graftlet::error::Error;
use graftlet::folder::{self, CHECKPOINT, CONFIG, Card, Library, TaskAdapter, merge};
use graftlet::model::Backbone;
use graftlet::model::{Dtype, Encoder, NoHook, convert};

use super::differences::LAYERS;
use super::rows::rows;
use super::tiny::{FINGERPRINT, Tiny};
use super::{answer_bits, batch, bits, moved, state_bits, states, support, texts};

#[test]
fn saved_and_loaded_they_are_the_same() {
    let mut engine = tiny().engine(Dtype::Int8);
    let shape = engine.backbone().shape().clone();
    for row in rows(&shape) {
        let task = moved(&row, &engine, 7);
        let settings = |task: &TaskAdapter| {
            let config = task.adapter.config();
            config.write(row.files[0], &shape).unwrap()
        };
        let (own, parameters) = (settings(&task), task.parameters());
        let title = task.adapter.config().describe(&shape).title;
        engine.insert("mine", task);
        let answers = answer_bits(&engine, "mine");
        for library in [Library::Peft, Library::AdapterHub] {
            let what = format!("{}, {}", row.name, library.title());
            let files = match engine.export("mine", library) {
                Ok(files) => files,
                Err(error) => {
                    assert!(!row.files.contains(&library), "{what}: {error}");
                    assert_eq!(error.code(), "adapter_format", "{what}");
                    assert!(error.to_string().contains(library.title()), "{error}");
                    continue;
                }
            };
            assert!(row.files.contains(&library), "{what} was written");
            let again = engine.add("again", &files).unwrap();
            assert_eq!(settings(again), own, "{what}");
            assert_eq!(again.parameters(), parameters, "{what}");
            assert_eq!(answer_bits(&engine, "again"), answers, "{what}");
            // what was read is written as it was
            engine.add("mine", &files).unwrap();
            assert_eq!(engine.export("mine", library).unwrap(), files, "{what}");
            // and its look without a backbone
            let (seen, _) = folder::inspect("mine", &files).unwrap();
            assert_eq!(
                seen.adapter.config().describe(&shape).title,
                title,
                "{what}"
            );
            assert_eq!(seen.parameters(), parameters, "{what}");
        }
    }
}

#[test]
fn another_backbone_is_refused_by_name() {
    let engine = tiny().engine(Dtype::F32);
    let shape = engine.backbone().shape();
    let mut other = shape.clone();
    (other.name, other.fingerprint) = ("stranger".into(), "0e0e0e0e".into());
    for row in rows(shape) {
        let task = moved(&row, &engine, 7);
        for &library in row.files {
            let what = format!("{}, {}", row.name, library.title());
            let files = folder::save(&task, "mine", library, shape).unwrap();
            let error = folder::load("mine", &files, &other).err().unwrap();
            assert!(
                matches!(error, Error::BackboneMismatch { .. }),
                "{what}: {error}"
            );
            let sentence = error.to_string();
            for word in ["mine", "stranger", "0e0e0e0e", FINGERPRINT, "tiny"] {
                assert!(sentence.contains(word), "{what}: {sentence} lacks {word}");
            }
        }
    }
}

/// Without the card the tensors tell, of a kind that has some beside every layer, unless its file names its layers
/// one by one.
#[test]
fn a_deeper_backbone_is_refused_without_a_card() {
    let engine = tiny().engine(Dtype::F32);
    let deeper = Tiny::new(LAYERS + 1, 32, 7).engine(Dtype::F32);
    let kinds = ["lora", "ia3", "bottleneck"];
    for row in rows(engine.backbone().shape()) {
        if row.lowest != Some(0) || !kinds.contains(&row.config.kind().name) {
            continue;
        }
        let mut task = moved(&row, &engine, 7);
        (task.head, task.card) = (None, Card::default());
        for &library in row.files {
            let what = format!("{}, {}", row.name, library.title());
            let files = folder::save(&task, "mine", library, engine.backbone().shape()).unwrap();
            match folder::load("mine", &files, deeper.backbone().shape()) {
                Err(error) => assert_eq!(error.code(), "backbone_mismatch", "{what}: {error}"),
                Ok(_) => {
                    let config = std::str::from_utf8(&files[CONFIG]).unwrap();
                    assert!(config.contains("encoder.layer.1."), "{what} was taken");
                }
            }
        }
    }
}

#[test]
fn merged_equals_unmerged() {
    let tiny = tiny();
    let engine = tiny.engine(Dtype::F32);
    let hash = engine.backbone().hash();
    let mut largest = 0f32;
    for row in rows(engine.backbone().shape()) {
        let task = moved(&row, &engine, 9);
        let merged = merge(&task, &**engine.backbone());
        assert_eq!(engine.backbone().hash(), hash, "{}", row.name);
        if !row.merges {
            let error = merged
                .err()
                .unwrap_or_else(|| panic!("{} was merged", row.name));
            assert_eq!(error.code(), "adapter_format", "{}", row.name);
            assert!(
                error.to_string().contains(row.config.kind().name),
                "{error}"
            );
            continue;
        }
        let files = merged.unwrap();
        let bert = Encoder::load(&tiny.config(), &files[CHECKPOINT], "merged").unwrap();
        let batch = batch(&engine, &texts());
        let plain = bert.forward(&batch, &NoHook).unwrap().x;
        let beside = states(&engine, &*task.adapter);
        let off = support::assert_close(plain.data(), beside.data(), 1e-5, &row.name);
        let changes = bits(beside.data()) != state_bits(&engine, &NoHook);
        assert_eq!(changes, row.lowest.is_some(), "{}", row.name);
        largest = largest.max(off);
        // a checkpoint like any other
        for dtype in [Dtype::Int8, Dtype::F16] {
            let converted = convert(&tiny.config(), &files[CHECKPOINT], dtype).unwrap();
            Encoder::load(&tiny.config(), &converted, "merged").unwrap();
        }
    }
    println!("merged and unmerged states are at most {largest:.1e} apart");
}

/// What an int8 backbone is merged to is what it computes with, in f32: with nothing to merge it is the same model.
#[test]
fn a_checkpoint_out_of_memory_is_the_model() {
    let tiny = tiny();
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Int8] {
        let engine = tiny.engine(dtype);
        let bytes = engine.backbone().checkpoint(&mut |_, _| Ok(())).unwrap();
        let bert = Encoder::load(&tiny.config(), &bytes, FINGERPRINT).unwrap();
        let plain = bert.forward(&batch(&engine, &texts()), &NoHook).unwrap().x;
        let own = states(&engine, &NoHook);
        // an int8 backbone also rounds what goes through it
        let tolerance = if dtype == Dtype::Int8 { 2e-2 } else { 0.0 };
        support::assert_close(plain.data(), own.data(), tolerance, dtype.name());
        if dtype == Dtype::F32 {
            assert_eq!(
                bytes,
                tiny.checkpoint(),
                "names, order and values are the source's"
            );
        }
    }
}
