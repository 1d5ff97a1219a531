//! Encoders of pictures against transformers and PEFT, on tiny random models that `tests/python/picture_models.py` made.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;

use graftlet::engine::Engine;
use graftlet::folder;
use graftlet::input::Input;
use graftlet::input::picture::Picture;
use graftlet::input::{Batch, Reader, Sequence};
use graftlet::model::folder::ModelFolder;
use graftlet::model::{Backbone, Dtype, Encoder, Hook, NoHook, convert_checkpoint};
use graftlet::tensor_file::TensorFile;

const MODELS: [&str; 3] = ["vit", "deit", "dinov2"];

/// How many pictures there are for each.
const PICTURES: usize = 2;

struct Golden {
    name: &'static str,
    files: BTreeMap<String, Vec<u8>>,
    tensors: Vec<u8>,
}

fn goldens() -> impl Iterator<Item = Golden> {
    MODELS.into_iter().map(|name| Golden {
        name,
        files: support::folder(&support::fixture("pictures").join(name)),
        tensors: std::fs::read(support::fixture(&format!("pictures/{name}.safetensors"))).unwrap(),
    })
}

impl Golden {
    fn engine(&self) -> Engine {
        let model = ModelFolder::open(&self.files).unwrap();
        let (config, reader) = (&model.config, &model.reader);
        Engine::assemble(config, reader, &model.checkpoint, "00", model.sentence).unwrap()
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

    fn sequences(&self, reader: &Reader) -> Vec<Sequence> {
        let pictures = (0..PICTURES).map(|index| Input::from(self.picture(index)));
        pictures
            .map(|picture| reader.read(&picture, usize::MAX).unwrap())
            .collect()
    }
}

/// The last states of each sequence, computed together.
fn states(backbone: &dyn Backbone, sequences: &[Sequence], hook: &dyn Hook) -> Vec<Vec<f32>> {
    let states = backbone.forward(&Batch::new(sequences), hook).unwrap();
    let width = backbone.shape().hidden_size;
    let rows = states.starts.windows(2);
    rows.map(|b| states.x.data()[b[0] * width..b[1] * width].to_vec())
        .collect()
}

#[test]
fn states_are_those_of_transformers_after_every_layer() {
    for golden in goldens() {
        let engine = golden.engine();
        let backbone = engine.backbone();
        for (index, sequence) in golden.sequences(engine.reader()).iter().enumerate() {
            for layer in 0..=backbone.shape().layers {
                let states = backbone.embed(&Batch::new([sequence]), &NoHook).unwrap();
                let states = backbone.run(states, 0..layer, &NoHook);
                let expected = golden.tensor(&format!("{index}.states.{layer}"));
                let what = format!("{}, picture {index}, layer {layer}", golden.name);
                support::assert_close(states.x.data(), &expected, 1e-5, &what);
            }
        }
    }
}

#[test]
fn an_adapter_of_peft_says_what_it_says_there() {
    for golden in goldens() {
        let engine = golden.engine();
        let backbone = &**engine.backbone();
        let folder = support::fixture(&format!("pictures/{}-lora", golden.name));
        let loaded = folder::load("lora", &support::folder(&folder), backbone.shape());
        let task = loaded.unwrap();
        let sequences = golden.sequences(engine.reader());
        let found = states(backbone, &sequences, &*task.adapter);
        for (index, states) in found.iter().enumerate() {
            let what = format!("{}, picture {index}", golden.name);
            let expected = golden.tensor(&format!("{index}.lora"));
            support::assert_close(states, &expected, 1e-4, &what);
            let answer = engine
                .answer(&task, &[golden.picture(index)], "lora")
                .unwrap();
            let expected = golden.tensor(&format!("{index}.logits"));
            support::assert_close(&answer[0].logits, &expected, 1e-4, &what);
        }
    }
}

/// AdapterHub's bottlenecks and LoRA, with heads of its own and that of transformers' class.
#[test]
fn adapters_of_adapterhub_say_what_they_say_there() {
    let golden = goldens().next().unwrap();
    let engine = golden.engine();
    let shape = engine.backbone().shape();
    let tensors = std::fs::read(support::fixture("pictures/vit-hub.safetensors")).unwrap();
    let file = TensorFile::open("goldens", &tensors).unwrap();
    let pictures: Vec<Picture> = (0..PICTURES).map(|index| golden.picture(index)).collect();
    for kind in ["pfeiffer", "houlsby", "lora", "static"] {
        let folder = support::fixture(&format!("pictures/vit-hub/{kind}"));
        let task = folder::load(kind, &support::folder(&folder), shape).unwrap();
        // what is written for the library is read back to the same
        let files = folder::save(&task, kind, folder::Library::AdapterHub, shape).unwrap();
        let head = String::from_utf8_lossy(&files["head_config.json"]);
        assert!(head.contains("\"image_classification\""), "{head}");
        let again = folder::load(kind, &files, shape).unwrap();
        for task in [&task, &again] {
            let answers = engine.answer(task, &pictures, kind).unwrap();
            for (index, answer) in answers.iter().enumerate() {
                let expected = file
                    .floats(&format!("{kind}.{index}.logits"), &[3])
                    .unwrap();
                support::assert_close(&answer.logits, &expected, 1e-4, &format!("{kind} {index}"));
            }
        }
    }
}

#[test]
fn a_converted_backbone_computes_nearly_the_same() {
    for golden in goldens() {
        let engine = golden.engine();
        let sequences = golden.sequences(engine.reader());
        let exact = states(&**engine.backbone(), &sequences, &NoHook);
        let model = ModelFolder::open(&golden.files).unwrap();
        for (dtype, least) in [
            (Dtype::F32, 0.999_999),
            (Dtype::F16, 0.999_999),
            (Dtype::Int8, 0.999),
        ] {
            let weights =
                convert_checkpoint(&model.config, &model.checkpoint, dtype, &mut |_| ()).unwrap();
            let encoder = Encoder::load(&model.config, &weights, "00").unwrap();
            for (found, exact) in states(&encoder, &sequences, &NoHook).iter().zip(&exact) {
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
                let cosine = dot(found, exact) / (dot(found, found) * dot(exact, exact)).sqrt();
                assert!(cosine >= least, "{} {dtype:?}: {cosine}", golden.name);
            }
        }
    }
}
