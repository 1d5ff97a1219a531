//! `graftlet listen`, and what it needs of a training.

use super::sounds::{wav, workspace};
use super::{fail, json, succeed};

/// Trains an adapter `words` on the takes of the workspace, with a recording of the background.
fn trained() -> tempfile::TempDir {
    let folder = workspace();
    let path = folder.path();
    succeed(path, "convert --from hub --to model", "");
    std::fs::create_dir(path.join("rows/background")).unwrap();
    let hum = wav(50.0, 6.0, 0.05);
    std::fs::write(path.join("rows/background/1.wav"), hum).unwrap();
    let train =
        "train --backbone model --data rows --kind head --out words --background background";
    let report = succeed(path, train, "");
    // rows that were made are named by the file that they are made of
    assert!(report.contains(".wav"), "{report}");
    folder
}

#[test]
fn words_in_a_file() {
    let folder = trained();
    let path = folder.path();
    // half a second of silence before and behind a word
    let silence = vec![0u8; 16_000];
    let mut stream = silence.clone();
    for frequency in [210.0, 3_050.0] {
        stream.extend_from_slice(&wav(frequency, 0.3, 0.4)[44..]);
        stream.extend_from_slice(&silence);
        stream.extend_from_slice(&silence);
    }
    let mut file = wav(1.0, stream.len() as f32 / 32_000.0, 0.0);
    file.truncate(44);
    file.extend_from_slice(&stream);
    std::fs::write(path.join("stream.wav"), file).unwrap();
    let listen =
        "listen --backbone model --adapter words --threshold 0.5 --refractory 1 stream.wav";
    let found = succeed(path, listen, "");
    let labels: Vec<&str> = found
        .lines()
        .filter_map(|line| line.split('\t').nth(2))
        .collect();
    assert_eq!(labels, ["low", "high"], "{found}");
    let lines = succeed(path, &format!("{listen} --json --scores"), "");
    let lines: Vec<_> = lines.lines().map(json).collect();
    let found = lines.iter().filter(|line| line.get("label").is_some());
    assert_eq!(found.count(), 2);
    let scored = lines.iter().filter(|line| line["scores"].is_object());
    assert!(scored.count() >= 8);
    let word = lines.iter().find(|line| line["label"] == "low").unwrap();
    assert!(word["start"].as_f64() < word["end"].as_f64());
    assert!(word["end"].as_f64() <= word["at"].as_f64());
}

#[test]
fn samples_from_standard_input() {
    let folder = trained();
    let listen = "listen --backbone model --adapter words --json --rate 8000 -";
    // as text: 16-bit samples that are 0, and half a one
    assert_eq!(succeed(folder.path(), listen, &"\0".repeat(4_001)), "");
    assert_eq!(succeed(folder.path(), listen, ""), "");
}

#[test]
fn what_cannot_listen_is_refused() {
    let folder = trained();
    let path = folder.path();
    let listen = "listen --backbone model --adapter words";
    fail(path, &format!("{listen} none.wav"), "io");
    fail(path, &format!("{listen} model/config.json"), "file_invalid");
    let said = fail(
        path,
        &format!("{listen} --hop 2 rows/low/1.wav"),
        "option_invalid",
    );
    assert!(said.contains("hop"), "{said}");
    let said = fail(
        path,
        "listen --backbone model rows/low/1.wav",
        "option_invalid",
    );
    assert!(said.contains("--adapter"), "{said}");
    let train = "train --backbone model --data rows --kind head --out x --background hum";
    let said = fail(path, train, "option_invalid");
    assert!(said.contains("no row has this label"), "{said}");
}
