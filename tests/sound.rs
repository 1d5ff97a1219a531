//! Recordings as models of sound read them, against the transformers library. `tests/python/sound.py` wrote the files.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::unwrap_used
)]

use std::path::Path;

use graftlet::input::sound::{LogMel, Sound, normalised};
use safetensors::SafeTensors;

fn bytes(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sound");
    std::fs::read(folder.join(name)).unwrap()
}

fn sound(name: &str) -> Sound {
    Sound::read(name, bytes(name)).unwrap()
}

/// Shape and values of a tensor of the expected ones.
fn expected(name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = bytes("expected.safetensors");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor(name).unwrap();
    let floats = tensor.data().as_chunks().0.iter();
    (
        tensor.shape().to_vec(),
        floats.map(|&x| f32::from_le_bytes(x)).collect(),
    )
}

fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn log_mel_is_that_of_transformers() {
    for (digit, shape) in [("six", [52, 80]), ("four", [50, 40])] {
        let log_mel = LogMel::from_json(digit, &bytes(&format!("{digit}.json"))).unwrap();
        let found = log_mel.of(&sound(&format!("{digit}.wav"))).unwrap();
        assert_eq!([found.frames, found.bands], shape, "{digit}");
        assert!(!found.truncated);
        // transformers computes in f32, and its own two ways differ by 1.5e-5
        let (expected_shape, values) = expected(&format!("{digit}.log_mel"));
        assert_eq!(expected_shape, shape);
        let off = difference(&found.values, &values);
        println!("{digit}: {off:e} from transformers");
        assert!(off < 3e-5, "{digit}: {off}");
    }
}

#[test]
fn log_mel_is_exact() {
    // the same in f64, as transformers computes it without torch
    let log_mel = LogMel::from_json("four", &bytes("four.json")).unwrap();
    let found = log_mel.of(&sound("four.wav")).unwrap();
    let off = difference(&found.values, &expected("four.log_mel_f64").1);
    println!("{off:e} from transformers in f64");
    assert!(off < 1e-6, "{off}");
}

#[test]
fn waveforms_are_those_of_transformers() {
    for digit in ["six", "four"] {
        let values = normalised(sound(&format!("{digit}.wav")).samples());
        let off = difference(&values[..1_000], &expected(&format!("{digit}.waveform")).1);
        println!("{digit}: {off:e} from transformers");
        assert!(off < 1e-5, "{digit}: {off}");
    }
}

/// Numbers from -1 to 1 that are the same each time.
fn noise(count: usize) -> Vec<f32> {
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(state >> 8) / f64::from(1 << 23) - 1.0) as f32
    };
    (0..count).map(next).collect()
}

/// Start and end in milliseconds of what is spoken, after `before` samples.
fn spoken(sound: &Sound, before: usize) -> [f64; 2] {
    let found = sound.spoken().unwrap();
    let after = |at: usize| (at as f64 - before as f64) * 1000.0 / f64::from(sound.rate());
    [after(found.start), after(found.end)]
}

// of the whole data set, 95 % of the recordings are as near
#[test]
fn silence_around_a_recording_is_not_spoken() {
    let names = [
        "0_george_0.wav",
        "3_theo_5.wav",
        "5_jackson_3.wav",
        "2_george_0.wav",
        "six.wav",
    ];
    for name in names {
        let alone = sound(name);
        let half = alone.rate() as usize / 2;
        let mean =
            alone.samples().iter().map(|x| x * x).sum::<f32>() / alone.samples().len() as f32;
        // none, and 30 dB below the recording
        for loud in [0.0, mean.sqrt() * 0.0316 * 1.73] {
            let mut samples = noise(2 * half + alone.samples().len());
            samples.iter_mut().for_each(|x| *x *= loud);
            samples[half..][..alone.samples().len()].copy_from_slice(alone.samples());
            let padded = Sound::new(name, samples, alone.rate()).unwrap();
            let (expected, found) = (spoken(&alone, 0), spoken(&padded, half));
            for (expected, found) in expected.into_iter().zip(found) {
                assert!(
                    (found - expected).abs() <= 60.0,
                    "{name}: {found} {expected}"
                );
            }
        }
    }
}

#[test]
fn recordings_are_resampled_to_what_the_model_reads() {
    let sound = sound("2_george_0.wav");
    let log_mel = LogMel::from_json("four", &bytes("four.json")).unwrap();
    let again = sound.at(log_mel.rate()).unwrap();
    assert_eq!(again.samples().len(), 2 * sound.samples().len());
    assert_eq!(log_mel.of(&sound).unwrap(), log_mel.of(&again).unwrap());
}
