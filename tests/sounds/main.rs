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

/// How many sounds there are.
const SOUNDS: usize = 3;

struct Golden {
    encoder: Encoder,
    tensors: Vec<u8>,
    anatomy: Anatomy,
    checkpoint: Vec<u8>,
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(support::fixture("sounds").join(path)).unwrap()
}

fn golden() -> Golden {
    let anatomy = Anatomy::from_json(&read("whisper/config.json")).unwrap();
    let checkpoint = read("whisper/model.safetensors");
    Golden {
        encoder: Encoder::load(&anatomy, &checkpoint, "00").unwrap(),
        tensors: read("whisper.safetensors"),
        anatomy,
        checkpoint,
    }
}

impl Golden {
    fn tensor(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let file = TensorFile::open("goldens", &self.tensors).unwrap();
        let shape = file.info(name).unwrap().0;
        let values = file.floats(name, &shape).unwrap();
        (shape, values)
    }

    fn sequence(&self, index: usize) -> Sequence {
        let (shape, values) = self.tensor(&format!("{index}.features"));
        let steps = shape[0].div_ceil(2);
        Sequence::from(Frames {
            values: values.into(),
            width: shape[1],
            steps,
            heard: 0..steps,
            truncated: false,
        })
    }

    /// The last states of each sound, computed together.
    fn states(&self, encoder: &Encoder, hook: &dyn Hook) -> Vec<Vec<f32>> {
        let sequences: Vec<Sequence> = (0..SOUNDS).map(|index| self.sequence(index)).collect();
        let states = encoder.forward(&Batch::new(&sequences), hook).unwrap();
        let width = encoder.shape().hidden_size;
        let rows = states.starts.windows(2);
        rows.map(|b| states.x.data()[b[0] * width..b[1] * width].to_vec())
            .collect()
    }
}

#[test]
fn states_are_those_of_transformers_after_every_layer() {
    let golden = golden();
    let layers = golden.encoder.shape().layers;
    for index in 0..SOUNDS {
        let batch = Batch::new(&[golden.sequence(index)]);
        for layer in 0..=layers {
            let mut states = golden.encoder.embed(&batch, &NoHook).unwrap();
            states = golden.encoder.run(states, 0..layer, &NoHook);
            let (_, expected) = golden.tensor(&format!("{index}.states.{layer}"));
            let what = format!("sound {index}, layer {layer}");
            support::assert_close(states.x.data(), &expected, 1e-5, &what);
        }
    }
}

#[test]
fn sounds_of_different_lengths_are_computed_together() {
    let golden = golden();
    let together = golden.states(&golden.encoder, &NoHook);
    for (index, states) in together.iter().enumerate() {
        let batch = Batch::new(&[golden.sequence(index)]);
        let alone = golden.encoder.forward(&batch, &NoHook).unwrap();
        assert_eq!(states, alone.x.data());
    }
}

#[test]
fn an_adapter_of_peft_has_the_states_that_it_has_there() {
    let golden = golden();
    let files = support::folder(&support::fixture("sounds/whisper-lora"));
    let task = folder::load("lora", &files, golden.encoder.shape()).unwrap();
    for (index, states) in golden
        .states(&golden.encoder, &*task.adapter)
        .iter()
        .enumerate()
    {
        let (_, expected) = golden.tensor(&format!("{index}.lora"));
        support::assert_close(states, &expected, 1e-4, &format!("sound {index}"));
    }
}

#[test]
fn a_converted_backbone_computes_nearly_the_same() {
    let golden = golden();
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
            assert!(cosine >= least, "{dtype:?}: {cosine}");
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
