//! The command line as its users run it: each command on a tiny model, output and errors.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Write;
mod listening;
mod pictures;
mod predictions;
mod sounds;
mod training;

#[path = "../support/tiny.rs"]
mod tiny;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tiny::Tiny;

fn graftlet(folder: &Path, arguments: &str, input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_graftlet"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // a command that reads nothing may have closed its end already
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn succeed(folder: &Path, arguments: &str, input: &str) -> String {
    let output = graftlet(folder, arguments, input);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code 1, nothing on standard output, one line on standard error with this code in it.
#[track_caller]
fn fail(folder: &Path, arguments: &str, code: &str) -> String {
    let output = graftlet(folder, arguments, "");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments}: {errors}");
    assert!(output.stdout.is_empty());
    // before the error it may say what a file of rows was read as
    let lines = errors.trim_end().lines();
    let own: Vec<&str> = lines.filter(|line| !line.contains("; text in “")).collect();
    assert_eq!(own.len(), 1, "{errors}");
    assert!(own[0].starts_with(&format!("error[{code}]")), "{errors}");
    errors
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))
}

/// A folder with a model as a hub has it, and rows that two words tell apart.
fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let tiny = Tiny::new(2, 32, 5);
    let write = |name: &str, content: &[u8]| std::fs::write(path.join(name), content).unwrap();
    std::fs::create_dir(path.join("hub")).unwrap();
    write("hub/config.json", &tiny.config_json());
    write("hub/tokenizer.json", &tiny::tokenizer_json());
    write("hub/model.safetensors", &tiny.checkpoint());
    let row = |index: usize| {
        let (word, label) = if index.is_multiple_of(2) {
            ("good", "yes")
        } else {
            ("bad", "no")
        };
        format!("the {} was {word},{label}\n", tiny::WORDS[index % 15 + 15])
    };
    let rows = |range: std::ops::Range<usize>| {
        format!("text,label\n{}", range.map(row).collect::<String>())
    };
    write("train.csv", rows(0..24).as_bytes());
    write("test.csv", rows(24..32).as_bytes());
    write(
        "settings.json",
        br#"{"epochs": 30, "batch_size": 4, "learning_rate": 0.02, "rank": 2, "reduction_factor": 4}"#,
    );
    folder
}

#[test]
fn from_a_hub_folder_to_predictions() {
    let folder = workspace();
    let path = folder.path();
    for dtype in ["int8", "f16", "f32"] {
        succeed(
            path,
            &format!("convert --from hub --to {dtype} --dtype {dtype}"),
            "",
        );
        let facts = json(&succeed(path, &format!("inspect {dtype} --json"), ""));
        assert_eq!(facts["dtype"], dtype);
        assert_eq!(facts["hidden size"], tiny::HIDDEN);
    }
    for kind in ["lora", "houlsby", "pfeiffer"] {
        let train = format!("train --backbone int8 --data train.csv --kind {kind} --out {kind}");
        let output = graftlet(
            path,
            &format!("{train} --config settings.json --seed 4"),
            "",
        );
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{log}");
        assert_eq!(
            log.lines()
                .filter(|line| line.contains("dev accuracy"))
                .count(),
            31,
            "{log}"
        );

        let scored = succeed(
            path,
            &format!("eval --backbone int8 --adapter {kind} --data test.csv --json"),
            "",
        );
        let scored = json(&scored);
        assert_eq!(
            (scored["metric"].as_str(), scored["n"].as_u64()),
            (Some("accuracy"), Some(8))
        );
        assert!(scored["score"].as_f64().unwrap() > 0.9, "{kind}: {scored}");

        // an adapter runs on every conversion of its checkpoint
        let predict = format!("predict --backbone f32 --adapter {kind} --json");
        let lines = succeed(path, &predict, "the cat was good\nthe dog was bad\n");
        let lines: Vec<Value> = lines.lines().map(json).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["label"], "yes", "{kind}");
        assert_eq!(lines[0]["scores"].as_array().unwrap().len(), 2);
        assert_eq!(lines[0]["logits"].as_array().unwrap().len(), 2);
        assert_eq!(lines[1]["text"], "the dog was bad");
        assert_eq!(
            (&lines[1]["windows"], &lines[1]["truncated"]),
            (&1.into(), &false.into())
        );

        let facts = json(&succeed(path, &format!("inspect {kind} --json"), ""));
        assert_eq!(facts["labels"], serde_json::json!(["no", "yes"]));
        assert_eq!(facts["hidden size"], tiny::HIDDEN);
        assert_eq!(facts["backbone fingerprint"].as_str().unwrap().len(), 64);
        let listing = succeed(path, &format!("inspect {kind}"), "");
        assert!(
            listing.contains("parameters") && listing.contains("no, yes"),
            "{listing}"
        );
    }
}

/// The merged folder is one as a model hub has it; the head stands beside.
#[test]
fn merged_into_a_copy_of_the_model() {
    let folder = workspace();
    let path = folder.path();
    std::fs::write(path.join("hub/vocab.txt"), "[PAD]\n").unwrap();
    let mut config = json(&std::fs::read_to_string(path.join("hub/config.json")).unwrap());
    config["torch_dtype"] = "float16".into();
    std::fs::write(path.join("hub/config.json"), config.to_string()).unwrap();
    for kind in ["lora", "prefix"] {
        let train = format!("train --backbone hub --data train.csv --kind {kind} --out {kind}");
        succeed(path, &format!("{train} --config settings.json"), "");
    }
    let merge = |kind: &str| format!("merge --from hub --adapter {kind} --to merged-{kind}");
    let said = succeed(path, &merge("lora"), "");
    assert!(said.contains("graftlet_head.safetensors"), "{said}");
    let read = |name: &str| std::fs::read(path.join("merged-lora").join(name)).unwrap();
    assert_eq!(read("vocab.txt"), b"[PAD]\n");
    let merged = json(&String::from_utf8(read("config.json")).unwrap());
    assert_eq!(merged["torch_dtype"], "float32");
    assert_eq!(merged["hidden_size"], tiny::HIDDEN);
    let card = json(&String::from_utf8(read("graftlet.json")).unwrap());
    assert_eq!(card["labels"], serde_json::json!(["no", "yes"]));
    succeed(
        path,
        "convert --from merged-lora --to int8 --dtype int8",
        "",
    );
    let manifest = std::fs::read_to_string(path.join("int8/manifest.json")).unwrap();
    assert_eq!(
        json(&manifest)["fingerprint"],
        card["backbone"]["fingerprint"]
    );
    // an adapter of the model that it was merged into no longer fits
    let error = fail(
        path,
        "eval --backbone int8 --adapter lora --data test.csv",
        "backbone_mismatch",
    );
    assert!(error.contains("lora"), "{error}");
    let error = fail(path, &merge("prefix"), "adapter_format");
    assert!(error.contains("\"prefix\""), "{error}");
    assert!(!path.join("merged-prefix").exists());
}

#[test]
fn errors_are_one_line_and_exit_code_one() {
    let folder = workspace();
    let path = folder.path();
    succeed(path, "convert --from hub --to b --dtype int8", "");
    let missing = fail(
        path,
        "convert --from nowhere --to x --dtype int8",
        "file_missing",
    );
    assert!(missing.contains("nowhere: no folder there"), "{missing}");
    assert!(!path.join("x").exists());
    let train = "train --backbone b --data train.csv --out x --kind";
    let unknown = fail(path, &format!("{train} vera"), "unknown_kind");
    for kind in ["lora", "ia3", "houlsby", "pfeiffer", "compacter"] {
        assert!(unknown.contains(kind), "{unknown}");
    }
    std::fs::write(path.join("bad.json"), b"{\"rnak\": 3}").unwrap();
    fail(
        path,
        &format!("{train} lora --config bad.json"),
        "config_invalid",
    );
    fail(
        path,
        "eval --backbone b --adapter b --data test.csv",
        "file_missing",
    );
    fail(path, "inspect .", "file_missing");

    std::fs::write(path.join("half.csv"), "text,label\na cat,yes\na dog,\n").unwrap();
    let rows = fail(
        path,
        "train --backbone b --data half.csv --kind lora --out x --strict",
        "file_invalid",
    );
    assert!(
        rows.contains("half.csv, line 3") && rows.contains("no label"),
        "{rows}"
    );

    // a backbone file that was cut is told by its manifest
    let weights = path.join("b/backbone.safetensors");
    let content = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &content[..content.len() - 9]).unwrap();
    fail(path, "inspect b", "file_truncated");
}
