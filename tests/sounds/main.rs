//! Encoders of sound against transformers and PEFT, on tiny random models that `tests/python/sound_models.py` made.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/mod.rs"]
mod support;

use graftlet::folder;
use graftlet::input::{Batch, Frames, Sequence};
use graftlet::model::{
    Anatomy, Backbone, Checkpoint, Dtype, Encoder, Hook, NoHook, convert_checkpoint,
};
use graftlet::tensor_file::TensorFile;

/// The models, and the adapters of each.
const MODELS: [(&str, [&str; 2]); 3] = [
    ("whisper", ["lora", "ia3"]),
    ("wav2vec2", ["lora", "all"]),
    ("wav2vec2-stable", ["lora", "all"]),
];

/// How many sounds there are.
const SOUNDS: usize = 3;

struct Golden {
    name: &'static str,
    adapters: [&'static str; 2],
    encoder: Encoder,
    tensors: Vec<u8>,
    anatomy: Anatomy,
    checkpoint: Vec<u8>,
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(support::fixture("sounds").join(path)).unwrap()
}

fn goldens() -> impl Iterator<Item = Golden> {
    MODELS.into_iter().map(|(name, adapters)| {
        let anatomy = Anatomy::from_json(&read(&format!("{name}/config.json"))).unwrap();
        let checkpoint = read(&format!("{name}/model.safetensors"));
        Golden {
            name,
            adapters,
            encoder: Encoder::load(&anatomy, &checkpoint, "00").unwrap(),
            tensors: read(&format!("{name}.safetensors")),
            anatomy,
            checkpoint,
        }
    })
}

fn golden() -> Golden {
    goldens().next().unwrap()
}

impl Golden {
    fn tensor(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let file = TensorFile::open("goldens", &self.tensors).unwrap();
        let shape = file.info(name).unwrap().0;
        let values = file.floats(name, &shape).unwrap();
        (shape, values)
    }

    fn sequence(&self, index: usize) -> Sequence {
        let (shape, values) = self.tensor(&format!("{index}.frames"));
        let (states, _) = self.tensor(&format!("{index}.states.0"));
        let steps = states[0];
        Sequence::from(Frames {
            values: values.into(),
            width: shape[1],
            steps,
            heard: 0..steps,
            truncated: false,
        })
    }

    fn sequences(&self) -> Vec<Sequence> {
        (0..SOUNDS).map(|index| self.sequence(index)).collect()
    }

    /// The last states of each sound, computed together.
    fn states(&self, encoder: &Encoder, hook: &dyn Hook) -> Vec<Vec<f32>> {
        let states = encoder
            .forward(&Batch::new(&self.sequences()), hook)
            .unwrap();
        let width = encoder.shape().hidden_size;
        let rows = states.starts.windows(2);
        rows.map(|b| states.x.data()[b[0] * width..b[1] * width].to_vec())
            .collect()
    }
}

#[test]
fn states_are_those_of_transformers_after_every_layer() {
    for golden in goldens() {
        let layers = golden.encoder.shape().layers;
        for index in 0..SOUNDS {
            let batch = Batch::new(&[golden.sequence(index)]);
            for layer in 0..=layers {
                let mut states = golden.encoder.embed(&batch, &NoHook).unwrap();
                states = golden.encoder.run(states, 0..layer, &NoHook);
                let (_, expected) = golden.tensor(&format!("{index}.states.{layer}"));
                let what = format!("{}, sound {index}, layer {layer}", golden.name);
                support::assert_close(states.x.data(), &expected, 1e-5, &what);
            }
        }
    }
}

#[test]
fn sounds_of_different_lengths_are_computed_together() {
    for golden in goldens() {
        let together = golden.states(&golden.encoder, &NoHook);
        for (index, states) in together.iter().enumerate() {
            let batch = Batch::new(&[golden.sequence(index)]);
            let alone = golden.encoder.forward(&batch, &NoHook).unwrap();
            assert_eq!(states, alone.x.data(), "{}", golden.name);
        }
    }
}

#[test]
fn adapters_of_peft_say_what_they_say_there() {
    for golden in goldens() {
        for kind in golden.adapters {
            let folder = support::fixture(&format!("sounds/{}-{kind}", golden.name));
            let loaded = folder::load(kind, &support::folder(&folder), golden.encoder.shape());
            let task = loaded.unwrap();
            let hook = &*task.adapter;
            for (index, states) in golden.states(&golden.encoder, hook).iter().enumerate() {
                let (_, expected) = golden.tensor(&format!("{index}.{kind}"));
                let what = format!("{}-{kind}, sound {index}", golden.name);
                support::assert_close(states, &expected, 1e-4, &what);
            }
            let batch = Batch::new(&golden.sequences());
            let states = golden.encoder.forward(&batch, hook).unwrap();
            let head = task.head.as_ref().unwrap();
            let logits = head.logits(&golden.encoder, hook, &states);
            for (index, logits) in logits.rows().enumerate() {
                let (_, expected) = golden.tensor(&format!("{index}.{kind}.logits"));
                let what = format!("{}-{kind}, logits of sound {index}", golden.name);
                support::assert_close(logits, &expected, 1e-4, &what);
            }
        }
    }
}

/// The head has a layer of another width than the encoder, which both libraries' files and the side file must keep.
#[test]
fn a_saved_adapter_says_the_same() {
    for golden in goldens() {
        let shape = golden.encoder.shape();
        let folder = support::fixture(&format!("sounds/{}-lora", golden.name));
        let task = folder::load("lora", &support::folder(&folder), shape).unwrap();
        let batch = Batch::new(&golden.sequences());
        let said = |task: &folder::TaskAdapter| {
            let states = golden.encoder.forward(&batch, &*task.adapter).unwrap();
            let head = task.head.as_ref().unwrap();
            let logits = head.logits(&golden.encoder, &*task.adapter, &states);
            logits.data().to_vec()
        };
        for library in [folder::Library::Peft, folder::Library::AdapterHub] {
            let files = folder::save(&task, "lora", library, shape).unwrap();
            let again = folder::load("lora", &files, shape).unwrap();
            assert_eq!(said(&task), said(&again), "{} {library:?}", golden.name);
        }
    }
}

/// transformers stores a normalised weight in two tensors, and reads a merged checkpoint so too.
#[test]
fn a_merged_checkpoint_has_the_states_of_the_adapter() {
    for golden in goldens() {
        let folder = support::fixture(&format!("sounds/{}-lora", golden.name));
        let shape = golden.encoder.shape();
        let task = folder::load("lora", &support::folder(&folder), shape).unwrap();
        let files = folder::merge(&task, &golden.encoder).unwrap();
        let merged = &files[folder::CHECKPOINT];
        let file = TensorFile::open("merged", merged).unwrap();
        let normed = "encoder.pos_conv_embed.conv.parametrizations.weight.original0";
        assert_eq!(file.contains(normed), golden.name != "whisper");
        let encoder = Encoder::load(&golden.anatomy, merged, "00").unwrap();
        let expected = golden.states(&golden.encoder, &*task.adapter);
        for (found, expected) in golden.states(&encoder, &NoHook).iter().zip(&expected) {
            support::assert_close(found, expected, 1e-4, golden.name);
        }
    }
}

#[test]
fn a_converted_backbone_computes_nearly_the_same() {
    for golden in goldens() {
        let exact = golden.states(&golden.encoder, &NoHook);
        for (dtype, least) in [
            (Dtype::F32, 0.999_999),
            (Dtype::F16, 0.999_999),
            (Dtype::Int8, 0.999),
        ] {
            let source = Checkpoint::single(&golden.checkpoint);
            let weights = convert_checkpoint(&golden.anatomy, &source, dtype, &mut |_| ()).unwrap();
            let encoder = Encoder::load(&golden.anatomy, &weights, "00").unwrap();
            for (found, exact) in golden.states(&encoder, &NoHook).iter().zip(&exact) {
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
                let cosine = dot(found, exact) / (dot(found, found) * dot(exact, exact)).sqrt();
                assert!(cosine >= least, "{} {dtype:?}: {cosine}", golden.name);
            }
        }
    }
}

#[test]
fn a_text_is_refused_by_a_model_of_sounds() {
    let golden = golden();
    let text = graftlet::input::text::Encoded {
        ids: vec![1, 2],
        type_ids: vec![0, 0],
        truncated: false,
    };
    let error = golden
        .encoder
        .forward(&Batch::new(&[text]), &NoHook)
        .unwrap_err();
    assert_eq!(error.code(), "input_unsupported");
    assert!(error.to_string().contains("sounds"), "{error}");
}
