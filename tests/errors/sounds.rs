//! Recordings that no model reads.

use graftlet::engine::Engine;
use graftlet::input::Input;
use graftlet::input::sound::{LogMel, Sound};
use graftlet::model::Dtype;

use super::refused;

#[test]
fn samples_and_rates() {
    let of = |samples: &[f32], rate| Sound::new("a.wav", samples.to_vec(), rate);
    refused(of(&[], 16_000), "sound_empty", &["a.wav", "empty"]);
    let nan = of(&[0.0, f32::NAN], 16_000);
    refused(nan, "sound_not_finite", &["a.wav", "sample 2", "NaN"]);
    let infinite = of(&[f32::INFINITY], 16_000);
    refused(infinite, "sound_not_finite", &["sample 1", "infinity"]);
    for rate in [0, 999, 384_001] {
        let words = ["a.wav", "1000 to 384000 Hz"];
        refused(of(&[0.0], rate), "sound_rate", &words);
    }
}

#[test]
fn files() {
    refused(
        Sound::read("a.wav", Vec::new()),
        "file_invalid",
        &["0 bytes"],
    );
    let text = b"This is not a recording. ".repeat(100);
    refused(
        Sound::read("a.mp3", text),
        "file_invalid",
        &["a.mp3", "WAV"],
    );
    let mut cut = std::fs::read(super::support::fixture("sound/six.wav")).unwrap();
    cut.truncate(5_000);
    refused(
        Sound::read("a.wav", cut),
        "file_truncated",
        &["a.wav", "5000"],
    );
}

#[test]
fn settings() {
    let read = |json: &str| LogMel::from_json("preprocessor_config.json", json.as_bytes());
    let words = ["preprocessor_config.json", "hop_length is 0"];
    refused(read(r#"{"hop_length": 0}"#), "config_invalid", &words);
}

#[test]
fn an_input_of_another_sort_is_refused() {
    let sound = Sound::new("a.wav", vec![0.1; 1600], 16_000).unwrap();
    let engine = super::tiny::Tiny::new(1, 16, 3).engine(Dtype::F32);
    let words = ["reads texts"];
    refused(
        engine.embed(&[Input::from(sound)]),
        "input_unsupported",
        &words,
    );
    let read =
        |file: &str| std::fs::read(super::support::fixture("sounds/whisper").join(file)).unwrap();
    let engine = Engine::new(
        &read("config.json"),
        &read("preprocessor_config.json"),
        &read("model.safetensors"),
        "00",
    )
    .unwrap();
    refused(
        engine.embed(&[Input::from("a text")]),
        "input_unsupported",
        &["reads sounds"],
    );
}
