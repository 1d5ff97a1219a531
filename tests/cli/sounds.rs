//! A model of sounds on the command line: folders and tables of recordings, and lines that name them.

use std::path::Path;

use super::{fail, graftlet, json, succeed};

/// A WAV file of a tone, at 16 kHz in 16 bits. Full scale is 1.
pub(super) fn wav(frequency: f32, seconds: f32, height: f32) -> Vec<u8> {
    let rate = 16_000u32;
    let count = (seconds * rate as f32) as u32;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + 2 * count).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    // PCM, one channel
    bytes.extend([1, 0, 1, 0]);
    bytes.extend(rate.to_le_bytes());
    bytes.extend((2 * rate).to_le_bytes());
    bytes.extend([2, 0, 16, 0]);
    bytes.extend(b"data");
    bytes.extend((2 * count).to_le_bytes());
    for at in 0..count {
        let turns = at as f32 / rate as f32 * frequency;
        let value = height * (turns * std::f32::consts::TAU).sin();
        bytes.extend(((value * 32_767.0) as i16).to_le_bytes());
    }
    bytes
}

/// A folder with a model of sounds as a hub has it, and a folder of recordings for each of two labels.
pub(super) fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sounds/whisper");
    std::fs::create_dir(path.join("hub")).unwrap();
    for file in [
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
    ] {
        std::fs::copy(source.join(file), path.join("hub").join(file)).unwrap();
    }
    for (label, base) in [("high", 3000.0), ("low", 200.0)] {
        std::fs::create_dir_all(path.join("rows").join(label)).unwrap();
        for take in 0..8u8 {
            let sound = wav(
                base * (1.0 + 0.03 * f32::from(take)),
                0.15 + 0.01 * f32::from(take),
                0.4,
            );
            std::fs::write(path.join(format!("rows/{label}/{take}.wav")), sound).unwrap();
        }
    }
    folder
}

#[test]
fn from_folders_of_recordings_to_answers() {
    let folder = workspace();
    let path = folder.path();
    succeed(path, "convert --from hub --to model", "");
    assert!(path.join("model/preprocessor_config.json").is_file());
    assert!(!path.join("model/tokenizer.json").exists());
    for kind in ["head", "lora", "pfeiffer"] {
        let train = format!("train --backbone model --data rows --kind {kind} --out {kind}");
        succeed(path, &format!("{train} --seed 1"), "");
        let eval = format!("eval --backbone model --adapter {kind} --data rows --json");
        let scored = json(&succeed(path, &eval, ""));
        assert_eq!(
            (&scored["score"], &scored["n"]),
            (&1.0.into(), &16.into()),
            "{kind}"
        );
        // a table names files by their path from its own folder
        std::fs::write(
            path.join("rows/table.csv"),
            "text,label\nhigh/1.wav,high\nlow/7.wav,low\n",
        )
        .unwrap();
        let eval = eval.replace("--data rows", "--data rows/table.csv");
        assert_eq!(json(&succeed(path, &eval, ""))["n"], 2);
    }
    let lines = "rows/low/3.wav\nrows/low/none.wav\nmodel/config.json\nrows/high/2.wav\n";
    let output = graftlet(
        path,
        "predict --backbone model --adapter lora --json",
        lines,
    );
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    let said: Vec<_> = said.lines().map(json).collect();
    assert_eq!(
        (&said[0]["label"], &said[0]["file"]),
        (&"low".into(), &"rows/low/3.wav".into())
    );
    assert_eq!(said[1]["error"]["code"], "io");
    assert_eq!(said[2]["error"]["code"], "file_invalid");
    assert_eq!(said[3]["label"], "high");
    let vectors = succeed(path, "embed --backbone model", "rows/low/3.wav\n");
    assert_eq!(json(&vectors)["vector"].as_array().unwrap().len(), 16);
}

/// What a text's words are made into has no counterpart in a recording.
#[test]
fn an_adapter_is_corrected_with_recordings_and_old_ones_are_replayed() {
    let folder = workspace();
    let path = folder.path();
    let train = "train --backbone hub --seed 1";
    succeed(
        path,
        &format!("{train} --data rows --kind lora --out first"),
        "",
    );
    for (label, take) in [("high", 3), ("low", 4)] {
        std::fs::create_dir_all(path.join("new").join(label)).unwrap();
        let own = format!("{label}/{take}.wav");
        std::fs::copy(path.join("rows").join(&own), path.join("new").join(&own)).unwrap();
    }
    std::fs::write(path.join("config.json"), "{\"epochs\": 2}").unwrap();
    let further = format!("{train} --config config.json --data new --from first");
    for more in ["--out second", "--replay rows --out third"] {
        succeed(path, &format!("{further} {more}"), "");
    }
    let eval = "eval --backbone hub --adapter third --data rows --json";
    assert_eq!(json(&succeed(path, eval, ""))["score"], 1.0);
}

/// The names of files are no texts.
#[test]
fn a_folder_of_files_is_no_table_of_texts() {
    let folder = workspace();
    let path = folder.path();
    let tiny = super::Tiny::new(1, 16, 5);
    std::fs::create_dir(path.join("text")).unwrap();
    std::fs::write(path.join("text/config.json"), tiny.config_json()).unwrap();
    std::fs::write(
        path.join("text/tokenizer.json"),
        super::tiny::tokenizer_json(),
    )
    .unwrap();
    std::fs::write(path.join("text/model.safetensors"), tiny.checkpoint()).unwrap();
    let train = "train --backbone text --data rows --kind head --out x";
    let said = fail(path, train, "file_invalid");
    assert!(said.contains("name a file of rows"), "{said}");
}

#[test]
fn what_is_no_folder_of_recordings_is_refused() {
    let folder = workspace();
    let path = folder.path();
    let said = fail(
        path,
        "train --backbone hub --data hub --kind head --out x",
        "file_invalid",
    );
    assert!(said.contains("a folder for each label"), "{said}");
    std::fs::write(path.join("rows/high/9.wav"), b"RIFF").unwrap();
    let said = fail(
        path,
        "train --backbone hub --data rows --kind head --out x",
        "file_invalid",
    );
    assert!(said.contains("9.wav"), "{said}");
    std::fs::remove_file(path.join("hub/preprocessor_config.json")).unwrap();
    let said = fail(path, "embed --backbone hub", "file_missing");
    assert!(said.contains("preprocessor_config.json"), "{said}");
}
