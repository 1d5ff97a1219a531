//! The encoders with real weights against transformers, on three real files each: what `tests/python/real_encoders.py` wrote.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/mod.rs"]
mod support;

use std::path::Path;

use graftlet::engine::Engine;
use graftlet::input::picture::Picture;
use graftlet::input::sound::Sound;
use graftlet::input::{Batch, Input};
use graftlet::model::folder::{ModelFiles, ModelFolder};
use graftlet::model::{NoHook, ctranslate2};
use graftlet::tensor_file::TensorFile;

fn engine(files: &dyn ModelFiles) -> Engine {
    let model = ModelFolder::open(files).unwrap();
    let (config, reader) = (&model.config, &model.reader);
    Engine::assemble(config, reader, &model.checkpoint, "00", model.sentence).unwrap()
}

/// Compares the mean of the last states, the first and the last one: `[3, hidden size]`.
fn check(engine: &Engine, name: &str, input: &Input) {
    let tensors = std::fs::read(support::fixture("real/states.safetensors")).unwrap();
    let file = TensorFile::open("goldens", &tensors).unwrap();
    let sequence = engine.reader().read(input, usize::MAX).unwrap();
    let states = engine.backbone().forward(&Batch::new([&sequence]), &NoHook);
    let states = states.unwrap().x;
    let (steps, hidden) = states.dims2();
    let expected = file.floats(name, &[3, hidden]).unwrap();
    let mut found = vec![0f32; hidden];
    for row in states.rows() {
        found.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    found.iter_mut().for_each(|sum| *sum /= steps as f32);
    found.extend_from_slice(states.rows().next().unwrap());
    found.extend_from_slice(states.rows().last().unwrap());
    let farthest = { found.iter().zip(&expected) }
        .map(|(found, expected)| (found - expected).abs())
        .fold(0.0, f32::max);
    let largest = expected
        .iter()
        .fold(0f32, |largest, x| largest.max(x.abs()));
    println!("{name}: largest difference {farthest:e}, largest number {largest}");
    assert!(farthest <= 1e-5 * largest.max(1.0), "{name}: {farthest}");
}

#[test]
#[ignore = "needs whisper-tiny.en, which ./build.sh models fetches"]
fn whisper_tiny_en_has_the_states_of_transformers() {
    let path = "target/backbone/whisper/model.bin";
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let engine = engine(&ctranslate2::whisper_folder(path, &bytes).unwrap());
    for name in ["sound/four", "sound/six", "real/five"] {
        let bytes = std::fs::read(support::fixture(&format!("{name}.wav"))).unwrap();
        let sound = Sound::read(name, bytes).unwrap();
        let (_, name) = name.split_once('/').unwrap();
        check(&engine, name, &sound.into());
    }
}

#[test]
#[ignore = "needs dinov2-small, which ./build.sh models fetches"]
fn dinov2_small_has_the_states_of_transformers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/backbone/dinov2");
    let engine = engine(&support::folder(&folder));
    for name in ["airplane", "cat", "ship"] {
        let bytes = std::fs::read(support::fixture(&format!("real/{name}.png"))).unwrap();
        let picture = Picture::read(name, &bytes).unwrap();
        check(&engine, name, &picture.into());
    }
}
