//! Models with a tower of texts and one of pictures against transformers and PEFT, on tiny random models that
//! `tests/python/tower_models.py` made.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;

use graftlet::compose::Composition;
use graftlet::conversion::convert_folder;
use graftlet::engine::Engine;
use graftlet::folder::{self, TaskAdapter};
use graftlet::input::picture::Picture;
use graftlet::input::{Batch, Input, Sequence};
use graftlet::model::folder::ModelFolder;
use graftlet::model::{Dtype, NoHook, TowerName};
use graftlet::tensor_file::TensorFile;
use serde_json::Value;

const MODELS: [&str; 2] = ["clip", "siglip"];

const TEXTS: [&str; 4] = [
    "a cat",
    "The big bat!",
    "a cat <|endoftext|> at bat",
    "a bat cat at a tab",
];

/// How many pictures there are.
const PICTURES: usize = 2;

struct Golden {
    name: &'static str,
    files: BTreeMap<String, Vec<u8>>,
    tensors: Vec<u8>,
}

fn goldens() -> impl Iterator<Item = Golden> {
    MODELS.into_iter().map(|name| Golden {
        name,
        files: support::folder(&support::fixture("towers").join(name)),
        tensors: std::fs::read(support::fixture(&format!("towers/{name}.safetensors"))).unwrap(),
    })
}

impl Golden {
    fn engine(&self, tower: TowerName) -> Engine {
        let model = ModelFolder::open_tower(&self.files, Some(tower)).unwrap();
        let (config, reader) = (&model.config, &model.reader);
        let mut engine =
            Engine::assemble(config, reader, &model.checkpoint, "00", model.sentence).unwrap();
        // as transformers reads them
        engine.set_long_texts(graftlet::input::text::LongTexts::Truncate);
        engine
    }

    fn tensor(&self, name: &str) -> Vec<f32> {
        let file = TensorFile::open("goldens", &self.tensors).unwrap();
        let shape = file.info(name).unwrap().0;
        file.floats(name, &shape).unwrap()
    }

    fn picture(&self, index: usize) -> Picture {
        let file = TensorFile::open("goldens", &self.tensors).unwrap();
        let name = format!("{index}.pixels");
        let shape = file.info(&name).unwrap().0;
        let bytes = file.uint8(&name, &shape).unwrap();
        Picture::from_rgb("golden", shape[1], shape[0], bytes).unwrap()
    }

    fn inputs(&self, tower: TowerName) -> Vec<Input> {
        match tower {
            TowerName::Text => TEXTS.into_iter().map(Input::from).collect(),
            TowerName::Vision => (0..PICTURES)
                .map(|index| self.picture(index).into())
                .collect(),
        }
    }

    fn load(&self, kind: &str, engine: &Engine) -> TaskAdapter {
        let folder = support::fixture(&format!("towers/{}-{kind}", self.name));
        let loaded = folder::load(kind, &support::folder(&folder), engine.backbone().shape());
        loaded.unwrap()
    }

    /// Compares the vectors of both towers and the logits that they make, with an adapter in use if there is one.
    fn check_vectors(&self, engines: &[Engine; 2], of: Option<&Composition>, prefix: &str) {
        let mut vectors = Vec::new();
        for ((engine, tower), name) in { engines.iter() }.zip(TOWERS).zip(["text", "image"]) {
            let found = engine.embed_with(of, &self.inputs(tower)).unwrap();
            let found: Vec<Vec<f32>> = found.into_iter().map(|own| own.vector).collect();
            assert_eq!(found[0].len(), engine.vector_size());
            let expected = self.tensor(&format!("{prefix}{name}_embeds"));
            let what = format!("{} {prefix}{name}", self.name);
            support::assert_close(&found.concat(), &expected, 1e-5, &what);
            vectors.push(found);
        }
        let sentence = engines[0].sentence();
        let (scale, bias) = (sentence.logit_scale.unwrap(), sentence.logit_bias);
        assert_eq!(bias.is_some(), self.name == "siglip");
        let logit = |image: &Vec<f32>, text: &Vec<f32>| {
            let cosine: f32 = image.iter().zip(text).map(|(a, b)| a * b).sum();
            cosine * scale + bias.unwrap_or_default()
        };
        let rows = vectors[1].iter();
        let logits = rows.flat_map(|image| vectors[0].iter().map(move |text| logit(image, text)));
        let expected = self.tensor(&format!("{prefix}logits_per_image"));
        let what = format!("{} {prefix}logits", self.name);
        support::assert_close(&logits.collect::<Vec<_>>(), &expected, 1e-4, &what);
    }
}

const TOWERS: [TowerName; 2] = [TowerName::Text, TowerName::Vision];

#[test]
fn texts_have_the_tokens_of_transformers_as_far_as_they_count() {
    for golden in goldens() {
        let engine = golden.engine(TowerName::Text);
        for (index, input) in golden.inputs(TowerName::Text).iter().enumerate() {
            let read = engine
                .reader()
                .read(input, engine.reader().max_steps())
                .unwrap();
            let ids: Vec<f32> = { read.into_tokens().unwrap().ids }
                .iter()
                .map(|&id| id as f32)
                .collect();
            let expected = golden.tensor(&format!("{index}.ids"));
            // what stands behind the state that is read counts for nothing where each token sees those before it
            let whole = golden.name == "siglip" || index != 2;
            assert_eq!(ids[..], expected[..ids.len()], "{} {index}", golden.name);
            assert_eq!(
                ids.len() == expected.len(),
                whole,
                "{} {index}",
                golden.name
            );
        }
    }
}

#[test]
fn states_are_those_of_transformers_after_every_layer() {
    for golden in goldens() {
        for (tower, name) in TOWERS.into_iter().zip(["text", "vision"]) {
            let engine = golden.engine(tower);
            let backbone = engine.backbone();
            for (index, input) in golden.inputs(tower).iter().enumerate() {
                let sequence: Sequence = engine
                    .reader()
                    .read(input, engine.reader().max_steps())
                    .unwrap();
                for layer in 0..=backbone.shape().layers {
                    let states = backbone.embed(&Batch::new([&sequence]), &NoHook).unwrap();
                    let states = backbone.run(states, 0..layer, &NoHook);
                    let expected = golden.tensor(&format!("{index}.{name}.{layer}"));
                    let found = states.x.data();
                    let what = format!("{} {name} {index}, layer {layer}", golden.name);
                    support::assert_close(found, &expected[..found.len()], 1e-5, &what);
                }
            }
        }
    }
}

#[test]
fn vectors_are_those_of_transformers() {
    for golden in goldens() {
        golden.check_vectors(&TOWERS.map(|tower| golden.engine(tower)), None, "");
    }
}

/// PEFT saves one file over both towers, and each takes its half.
#[test]
fn an_adapter_over_both_towers_is_loaded_on_each() {
    for golden in goldens() {
        let kinds: &[&str] = match golden.name {
            "clip" => &["lora", "all"],
            _ => &["lora"],
        };
        for kind in kinds {
            let mut engines = TOWERS.map(|tower| golden.engine(tower));
            for engine in &mut engines {
                let task = golden.load(kind, engine);
                assert!(task.original.as_ref().unwrap().elsewhere > 0);
                // what is saved is the own half, and nothing else is in it
                let shape = engine.backbone().shape();
                let files = folder::save(&task, "own", folder::Library::Peft, shape).unwrap();
                let again = folder::load("own", &files, shape).unwrap();
                assert_eq!(again.original.as_ref().unwrap().elsewhere, 0);
                engine.insert("own", again);
            }
            let of = Composition::Adapter("own".into());
            golden.check_vectors(&engines, Some(&of), &format!("{kind}."));
        }
    }
}

#[test]
fn a_look_at_an_adapter_over_both_towers_shows_one_half() {
    for golden in goldens() {
        let folder = support::fixture(&format!("towers/{}-lora", golden.name));
        let (task, shape) = folder::inspect("lora", &support::folder(&folder)).unwrap();
        assert_eq!((shape.layers, shape.hidden_size), (2, 16));
        assert!(task.original.unwrap().elsewhere > 0);
    }
}

#[test]
fn adapters_of_adapterhub_have_the_vectors_that_they_have_there() {
    let golden = goldens().next().unwrap();
    let tensors = std::fs::read(support::fixture("towers/clip-hub.safetensors")).unwrap();
    let file = TensorFile::open("goldens", &tensors).unwrap();
    for (tower, name) in TOWERS.into_iter().zip(["text", "vision"]) {
        for kind in ["pfeiffer", "houlsby", "lora"] {
            let mut engine = golden.engine(tower);
            let folder = support::fixture(&format!("towers/clip-hub/{name}-{kind}"));
            engine.add(kind, &support::folder(&folder)).unwrap();
            engine.activate(Some(kind)).unwrap();
            let inputs = golden.inputs(tower);
            let found = engine.embed(&inputs[..2]).unwrap();
            for (index, found) in found.iter().enumerate() {
                let expected = format!("{name}-{kind}.{index}.embeds");
                let expected = file.floats(&expected, &[12]).unwrap();
                support::assert_close(found, &expected, 1e-4, &format!("{name} {kind} {index}"));
            }
        }
    }
}

#[test]
fn a_head_of_transformers_says_what_it_says_there() {
    for golden in goldens() {
        let engine = golden.engine(TowerName::Vision);
        let task = golden.load("labels", &engine);
        let answers = engine.answer(&task, &golden.inputs(TowerName::Vision), "labels");
        for (index, answer) in answers.unwrap().iter().enumerate() {
            let expected = golden.tensor(&format!("{index}.logits"));
            let what = format!("{} {index}", golden.name);
            support::assert_close(&answer.logits, &expected, 1e-4, &what);
        }
    }
}

/// The first models name 2, which stands for the highest number. Any other stands for itself.
#[test]
fn a_text_of_clip_ends_at_the_token_that_the_configuration_names() {
    let mut golden = goldens().next().unwrap();
    let id = {
        let tokenizer: Value = serde_json::from_slice(&golden.files["tokenizer.json"]).unwrap();
        tokenizer["model"]["vocab"]["a</w>"].clone()
    };
    let mut config: Value = serde_json::from_slice(&golden.files["config.json"]).unwrap();
    assert_eq!(config["text_config"]["eos_token_id"], 2);
    config["text_config"]["eos_token_id"] = id;
    let config = serde_json::to_vec(&config).unwrap();
    golden.files.insert("config.json".into(), config);
    golden.check_vectors(&TOWERS.map(|tower| golden.engine(tower)), None, "end.");
}

#[test]
fn a_folder_is_converted_one_tower_at_a_time() {
    for golden in goldens() {
        for tower in TOWERS {
            let exact = golden.engine(tower).embed(&golden.inputs(tower)).unwrap();
            for (dtype, least) in [(Dtype::F32, 0.999_999), (Dtype::Int8, 0.999)] {
                let converted =
                    convert_folder(&golden.files, Some(tower), None, dtype, &mut |_| ()).unwrap();
                converted.vectors.unwrap();
                let model = ModelFolder::open(&converted.files);
                let files = &converted.files;
                let weights = files[dtype.file()].as_slice();
                let embedding = converted.manifest.embedding.unwrap();
                let sentence =
                    graftlet::model::SentenceEmbedding::from_json("manifest", &embedding).unwrap();
                assert!(sentence.logit_scale.is_some());
                let config = graftlet::model::Anatomy::from_json(&files["config.json"]).unwrap();
                let reader = &files[config.stem.reader_file()];
                let checkpoint = graftlet::model::Checkpoint::single(weights);
                let mut engine =
                    Engine::assemble(&config, reader, &checkpoint, "00", sentence).unwrap();
                engine.set_long_texts(graftlet::input::text::LongTexts::Truncate);
                // only a folder in floats is a model's folder itself
                assert_eq!(model.is_ok(), dtype == Dtype::F32);
                let found = engine.embed(&golden.inputs(tower)).unwrap();
                for (found, exact) in found.iter().zip(&exact) {
                    let cosine: f32 = found.iter().zip(exact).map(|(a, b)| a * b).sum();
                    assert!(
                        cosine >= least,
                        "{} {tower:?} {dtype:?}: {cosine}",
                        golden.name
                    );
                }
            }
        }
    }
}

#[test]
fn a_tower_must_be_named_if_there_are_two_and_only_then() {
    let golden = goldens().next().unwrap();
    let code = |files: &BTreeMap<String, Vec<u8>>, tower| {
        let error = ModelFolder::open_tower(files, tower).err().unwrap();
        (error.code(), error.to_string())
    };
    let (error, message) = code(&golden.files, None);
    assert_eq!(error, "option_invalid");
    assert!(message.contains("--tower text"), "{message}");
    assert!(message.contains("--tower vision"), "{message}");
    let whisper = support::folder(&support::fixture("sounds/whisper"));
    let (error, message) = code(&whisper, Some(TowerName::Text));
    assert_eq!(error, "option_invalid");
    assert!(message.contains("two towers"), "{message}");
    let mut half = golden.files.clone();
    half.insert("config.json".into(), br#"{"model_type": "clip"}"#.to_vec());
    let (error, message) = code(&half, Some(TowerName::Vision));
    assert_eq!(error, "config_invalid");
    assert!(message.contains("vision_config"), "{message}");
}

/// A tower that was saved without its projection classifies, and has no vectors.
#[test]
fn a_tower_without_a_projection_has_no_vectors() {
    let mut golden = goldens().next().unwrap();
    let bytes = &golden.files["model.safetensors"];
    let changed = {
        let from = b"visual_projection";
        let at = bytes
            .windows(from.len())
            .position(|own| own == from)
            .unwrap();
        let mut bytes = bytes.clone();
        bytes[at..at + from.len()].copy_from_slice(b"another_layer_of1");
        bytes
    };
    golden.files.insert("model.safetensors".into(), changed);
    let engine = golden.engine(TowerName::Vision);
    assert!(!engine.backbone().shape().pooler);
    let error = engine.embed(&golden.inputs(TowerName::Vision)).unwrap_err();
    assert_eq!(error.code(), "model_unsupported");
}
