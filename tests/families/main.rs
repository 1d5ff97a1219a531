//! Every model family against transformers: token ids, the states behind each layer and the last ones, on tiny random
//! models that `tests/python/families.py` made.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod adapters;
mod arrival;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use graftlet::input::Batch;
use graftlet::input::text::{Encoded, Text, Tokenizer};
use graftlet::model::folder::ModelFolder;
use graftlet::model::{
    Anatomy, Backbone, Dtype, Encoder, FAMILIES, NoHook, NormSite, convert_checkpoint,
};
use graftlet::tensor_file::TensorFile;
use serde_json::Value;

/// One model: its folder, and what transformers computes with it.
struct Model {
    name: String,
    root: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
    golden: Value,
}

/// Every model of `tests/fixtures/families`.
fn models() -> Vec<Model> {
    let root = support::fixture("families");
    let mut models: Vec<Model> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("goldens.json").is_file())
        .map(|path| {
            let entries = std::fs::read_dir(&path)
                .unwrap()
                .map(|entry| entry.unwrap());
            let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
            let files: BTreeMap<_, _> = files
                .map(|entry| {
                    let name = entry.file_name().into_string().unwrap();
                    (name, std::fs::read(entry.path()).unwrap())
                })
                .collect();
            Model {
                name: path.file_name().unwrap().to_str().unwrap().to_owned(),
                golden: serde_json::from_slice(&files["goldens.json"]).unwrap(),
                root: path.clone(),
                files,
            }
        })
        .collect();
    models.sort_by(|a, b| a.name.cmp(&b.name));
    models
}

impl Model {
    fn open(&self) -> (Encoder, Tokenizer) {
        let folder = ModelFolder::open(&self.files).unwrap();
        let encoder = Encoder::load_checkpoint(&folder.config, &folder.checkpoint, "00").unwrap();
        let limit = encoder.shape().max_tokens;
        (
            encoder,
            Tokenizer::from_json(&folder.reader, limit).unwrap(),
        )
    }

    fn texts(&self) -> Vec<(Text, Vec<u32>)> {
        let texts = self.golden["texts"].as_array().unwrap();
        let read = |entry: &Value| {
            let text = Text {
                first: entry["text"].as_str().unwrap().to_owned(),
                second: entry["pair"].as_str().map(str::to_owned),
            };
            let ids = serde_json::from_value(entry["ids"].clone()).unwrap();
            (text, ids)
        };
        texts.iter().map(read).collect()
    }

    fn state(&self, name: &str) -> Vec<f32> {
        let file =
            TensorFile::open("states.safetensors", &self.files["states.safetensors"]).unwrap();
        let shape = file.info(name).unwrap().0;
        file.floats(name, &shape).unwrap()
    }
}

fn assert_near(found: &[f32], expected: &[f32], tolerance: f32, what: &str) -> f32 {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(largest <= tolerance, "{what}: off by {largest}");
    largest
}

fn encoded(tokenizer: &Tokenizer, text: &Text) -> Encoded {
    tokenizer.encode(text).unwrap()
}

#[test]
fn every_family_has_goldens() {
    let mut types = BTreeSet::new();
    // those of sounds and pictures are compared in tests/sounds and tests/pictures
    for folder in ["families", "sounds", "pictures", "towers"] {
        for entry in std::fs::read_dir(support::fixture(folder)).unwrap() {
            let Ok(config) = std::fs::read(entry.unwrap().path().join("config.json")) else {
                continue;
            };
            let config: Value = serde_json::from_slice(&config).unwrap();
            // a model with two towers names the type of each
            let own = [
                "/model_type",
                "/text_config/model_type",
                "/vision_config/model_type",
            ];
            let own = own
                .into_iter()
                .filter_map(|path| config.pointer(path)?.as_str());
            types.extend(own.map(str::to_owned));
        }
    }
    for family in FAMILIES {
        assert!(types.contains(family.model_type), "{}", family.title);
    }
}

#[test]
fn tokens_are_those_of_transformers() {
    for model in models() {
        let (_, tokenizer) = model.open();
        for (text, ids) in model.texts() {
            assert_eq!(
                encoded(&tokenizer, &text).ids,
                ids,
                "{}: {text:?}",
                model.name
            );
        }
    }
}

#[test]
fn states_are_those_of_transformers() {
    for model in models() {
        let (encoder, tokenizer) = model.open();
        let texts = model.texts();
        let sequences: Vec<Encoded> = texts
            .iter()
            .map(|(text, _)| encoded(&tokenizer, text))
            .collect();
        let mut worst = 0f32;
        for (index, sequence) in sequences.iter().enumerate() {
            let states = encoder.forward(&Batch::new([sequence]), &NoHook).unwrap();
            let name = format!("text.{index}");
            let what = format!("{}, {name}", model.name);
            worst = worst.max(assert_near(
                states.x.data(),
                &model.state(&name),
                1e-5,
                &what,
            ));
        }
        // together they have the bits that each has alone
        let all = encoder.forward(&Batch::new(&sequences), &NoHook).unwrap();
        let last = sequences.len() - 1;
        let alone = encoder
            .forward(&Batch::new([&sequences[last]]), &NoHook)
            .unwrap();
        let hidden = encoder.shape().hidden_size;
        assert_eq!(&all.x.data()[all.starts[last] * hidden..], alone.x.data());
        println!("{}: states within {worst:.1e}", model.name);
    }
}

#[test]
fn each_layer_gives_what_it_gives_in_transformers() {
    for model in models() {
        let (encoder, tokenizer) = model.open();
        let texts = model.texts();
        let of = model.golden["layers_of"].as_u64().unwrap();
        let sequence = encoded(&tokenizer, &texts[usize::try_from(of).unwrap()].0);
        let mut states = encoder.embed(&Batch::new([&sequence]), &NoHook).unwrap();
        let what = |layer: &str| format!("{}, {layer}", model.name);
        assert_near(
            states.x.data(),
            &model.state("embeddings"),
            1e-5,
            &what("embeddings"),
        );
        // what transformers shows behind the last layer stands before the final norm
        let shape = encoder.shape();
        let normed = shape.frozen.norm(NormSite::Final).is_some();
        for layer in 0..shape.layers - usize::from(normed) {
            states = encoder.run(states, layer..layer + 1, &NoHook);
            let name = format!("layer.{layer}");
            assert_near(states.x.data(), &model.state(&name), 1e-5, &what(&name));
        }
    }
}

/// What is converted is read again: exactly in f32, by the direction of the states in int8.
#[test]
fn conversions_hold() {
    for model in models() {
        let folder = ModelFolder::open(&model.files).unwrap();
        let (encoder, tokenizer) = model.open();
        let sequence = encoded(&tokenizer, &model.texts()[3].0);
        let batch = Batch::new([&sequence]);
        let states = encoder.forward(&batch, &NoHook).unwrap();
        for (dtype, least) in [(Dtype::F32, 1.0), (Dtype::F16, 0.9999), (Dtype::Int8, 0.99)] {
            let bytes =
                convert_checkpoint(&folder.config, &folder.checkpoint, dtype, &mut |_| ()).unwrap();
            let converted = Encoder::load(&folder.config, &bytes, "00").unwrap();
            let found = converted.forward(&batch, &NoHook).unwrap();
            if dtype == Dtype::F32 {
                assert_eq!(found.x.data(), states.x.data(), "{}", model.name);
            }
            let cosine = cosine(found.x.data(), states.x.data());
            assert!(
                cosine >= least - 1e-6,
                "{}, {}: {cosine}",
                model.name,
                dtype.name()
            );
            println!("{}, {}: cosine {cosine:.5}", model.name, dtype.name());
        }
    }
}

#[test]
fn fields_of_other_names_do_not_count() {
    let models = models();
    let model = models
        .iter()
        .find(|model| model.name == "modernbert")
        .unwrap();
    let read = |extra: &[(&str, Value)]| {
        let config = &model.files["config.json"];
        let mut fields: serde_json::Map<String, Value> = serde_json::from_slice(config).unwrap();
        fields.extend(
            extra
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        Anatomy::from_json(&serde_json::to_vec(&fields).unwrap())
    };
    let anatomy = |extra: &[(&str, Value)]| read(extra).unwrap();
    let linear = serde_json::json!({ "rope_type": "linear", "factor": 4.0 });
    let scaled = read(&[("rope_scaling", linear)]).err().unwrap();
    assert_eq!(scaled.code(), "model_unsupported");
    let flat = serde_json::json!({ "rope_type": "default", "rope_theta": 500.0 });
    let flat = read(&[("rope_parameters", flat)]).err().unwrap();
    assert_eq!(flat.code(), "config_invalid");
    let as_it_is = anatomy(&[]);
    let more = anatomy(&[
        ("hidden_act", "relu".into()),
        ("layer_norm_eps", 0.1.into()),
    ]);
    assert_eq!(
        format!("{:?}", more.blocks),
        format!("{:?}", as_it_is.blocks)
    );
    let changed = anatomy(&[
        ("hidden_activation", "relu".into()),
        ("norm_eps", 0.1.into()),
    ]);
    assert_ne!(
        format!("{:?}", changed.blocks),
        format!("{:?}", as_it_is.blocks)
    );
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
