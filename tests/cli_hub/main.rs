//! The command line with vectors, compositions, fusions and adapters that are trained further.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Write;
mod compositions;
mod settings;

#[path = "../support/tiny.rs"]
mod tiny;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tiny::Tiny;

fn graftlet(folder: &Path, arguments: &str, input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_graftlet"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // a command that reads nothing may have closed its end already
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

#[track_caller]
fn succeed(folder: &Path, arguments: &str, input: &str) -> String {
    let output = graftlet(folder, arguments, input.as_bytes());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn fail(folder: &Path, arguments: &str, code: &str, words: &[&str]) {
    let output = graftlet(folder, arguments, b"");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments}: {errors}");
    assert!(errors.contains(&format!("[{code}]")), "{errors}");
    for word in words {
        assert!(errors.contains(word), "\"{word}\" is not in: {errors}");
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

/// A backbone `b`, and rows that two words tell apart.
fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let tiny = Tiny::new(2, 32, 5);
    let write = |name: &str, content: &[u8]| std::fs::write(path.join(name), content).unwrap();
    std::fs::create_dir(path.join("b")).unwrap();
    write("b/config.json", &tiny.config_json());
    write("b/tokenizer.json", &tiny::tokenizer_json());
    write("b/model.safetensors", &tiny.checkpoint());
    let row = |index: usize, labels: [&str; 2]| {
        let word = if index.is_multiple_of(2) {
            "good"
        } else {
            "bad"
        };
        format!(
            "the {} was {word},{}\n",
            tiny::WORDS[index % 15 + 15],
            labels[index % 2]
        )
    };
    let rows = |labels: [&str; 2]| {
        format!(
            "text,label\n{}",
            (0..24).map(|i| row(i, labels)).collect::<String>()
        )
    };
    write("train.csv", rows(["yes", "no"]).as_bytes());
    write("other.csv", rows(["up", "down"]).as_bytes());
    write(
        "settings.json",
        br#"{"num_train_epochs": 6, "per_device_train_batch_size": 4, "learning_rate": 0.02}"#,
    );
    folder
}

fn train(path: &Path, more: &str) -> String {
    succeed(
        path,
        &format!("train --backbone b --config settings.json {more}"),
        "",
    )
}

fn read(path: &Path, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path.join(name)).unwrap()).unwrap()
}

/// Takes the head out of the adapter `a`.
fn remove_head(path: &Path) {
    const HEAD: &str = "graftlet_head.safetensors";
    std::fs::remove_file(path.join("a").join(HEAD)).unwrap();
    let mut card = read(path, "a/graftlet.json");
    let files = card["files"].as_array_mut().unwrap();
    files.retain(|file| file["name"] != HEAD);
    // by name alone, as whoever changes the side file would list them
    for file in files {
        *file = file["name"].clone();
    }
    std::fs::write(path.join("a/graftlet.json"), card.to_string()).unwrap();
}

#[test]
fn vectors() {
    let folder = workspace();
    let path = folder.path();
    train(path, "--data train.csv --kind lora --out a");
    let texts = "the cat was good\n\nthe dog\twas bad\n";
    for more in ["", "--adapter a"] {
        let output = graftlet(
            path,
            &format!("embed --backbone b {more}"),
            texts.as_bytes(),
        );
        // the empty line has no vector, and the others live
        assert_eq!(output.status.code(), Some(1));
        let found = lines(&String::from_utf8(output.stdout).unwrap());
        assert_eq!(found.len(), 3);
        assert_eq!(found[0]["text"], "the cat was good");
        for index in [0, 2] {
            let vector = numbers(&found[index]["vector"]);
            assert_eq!(vector.len(), tiny::HIDDEN);
            let length: f64 = vector.iter().map(|x| x * x).sum();
            assert!((length - 1.0).abs() < 1e-5);
        }
        assert_eq!(found[1]["line"], 2);
        assert_eq!(found[1]["error"]["code"], "text_empty");
    }
    // bytes that are no UTF-8 are an error of their line
    let output = graftlet(path, "embed --backbone b", b"a cat\n\xff\xfe\na dog\r\n");
    let found = lines(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(found[1]["error"]["code"], "text_not_utf8");
    assert_eq!(found[2]["text"], "a dog");

    // a tab is white space: a vector is of one text
    let vector = |text: &[u8]| {
        let output = graftlet(path, "embed --backbone b", text);
        let found = lines(&String::from_utf8(output.stdout).unwrap());
        numbers(&found[0]["vector"])
    };
    assert_eq!(vector(b"a\tcat\n"), vector(b"a cat\n"));

    // an adapter without a head has vectors as well, the same ones
    let with_head = succeed(path, "embed --backbone b --adapter a", "a cat\n");
    remove_head(path);
    assert_eq!(
        succeed(path, "embed --backbone b --adapter a", "a cat\n"),
        with_head
    );
    assert_ne!(succeed(path, "embed --backbone b", "a cat\n"), with_head);

    succeed(path, "embed --backbone b --npy v.npy", "a cat\na dog\n");
    let bytes = std::fs::read(path.join("v.npy")).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let header = String::from_utf8_lossy(&bytes[10..128]).into_owned();
    assert!(
        header.contains(&format!("'shape': (2, {})", tiny::HIDDEN)) && header.ends_with('\n'),
        "{header}"
    );
    assert_eq!(bytes.len(), 128 + 2 * tiny::HIDDEN * 4);
    let first = f32::from_le_bytes(bytes[128..132].try_into().unwrap());
    let plain = lines(&succeed(path, "embed --backbone b", "a cat\n"));
    assert!((f64::from(first) - numbers(&plain[0]["vector"])[0]).abs() < 1e-6);
}

#[test]
fn training_goes_on_from_an_adapter() {
    let folder = workspace();
    let path = folder.path();
    train(path, "--data train.csv --kind lora --out a");
    // no step is large enough to change anything: what is written is what was read
    std::fs::write(
        path.join("still.json"),
        br#"{"epochs": 1, "learning_rate": 1e-8, "warmup": 1.0, "weight_decay": 0}"#,
    )
    .unwrap();
    let still = "train --backbone b --config still.json";
    succeed(
        path,
        &format!("{still} --data train.csv --from a --out same"),
        "",
    );
    let answers = |name: &str| {
        let line = succeed(
            path,
            &format!("predict --backbone b --adapter {name} --json"),
            "the cat was good\n",
        );
        numbers(&lines(&line)[0]["logits"])
    };
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    assert!(close(&answers("a"), &answers("same")));
    assert_eq!(read(path, "same/graftlet.json")["training"]["from"], "a");
    // other labels: a fresh head on the same adapter
    succeed(
        path,
        &format!("{still} --data other.csv --from a --out other"),
        "",
    );
    assert_eq!(
        read(path, "other/graftlet.json")["labels"],
        json!(["down", "up"])
    );
    assert!(!close(&answers("a"), &answers("other")));
    let vector = |name: &str| {
        let line = succeed(
            path,
            &format!("embed --backbone b --adapter {name}"),
            "the cat was good\n",
        );
        numbers(&lines(&line)[0]["vector"])
    };
    assert!(close(&vector("a"), &vector("other")));
    // no head
    remove_head(path);
    succeed(
        path,
        &format!("{still} --data train.csv --from a --out headless"),
        "",
    );
    assert!(close(&vector("a"), &vector("headless")));

    let go_on = "train --backbone b --data train.csv --from a --out x";
    fail(
        path,
        &format!("{go_on} --kind pfeiffer"),
        "option_invalid",
        &["\"lora\""],
    );
    std::fs::write(path.join("rank.json"), br#"{"r": 2}"#).unwrap();
    fail(
        path,
        &format!("{go_on} --config rank.json"),
        "option_invalid",
        &["\"rank\""],
    );

    // a checkpoint of another start is refused
    let begin = "train --backbone b --config still.json --data train.csv --checkpoint run";
    // the checkpoint is removed at the end, so the run is stopped before
    std::fs::write(path.join("many.json"), br#"{"epochs": 300}"#).unwrap();
    let begin = &begin.replace("still.json", "many.json");
    let mut child = Command::new(env!("CARGO_BIN_EXE_graftlet"))
        .args(begin.split_whitespace())
        .args(["--from", "a", "--out", "y"])
        .current_dir(path)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !path.join("run").is_file() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it had come to its end"
        );
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    fail(
        path,
        &format!("{begin} --from other --out y"),
        "checkpoint_mismatch",
        &["start"],
    );
    succeed(path, &format!("{begin} --from a --out y"), "");
}
