//! The command line as its users run it: each command on a tiny model, output and errors.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/tiny.rs"]
mod tiny;

use std::io::Write;
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
fn the_same_seed_gives_the_same_folder() {
    let folder = workspace();
    let path = folder.path();
    succeed(path, "convert --from hub --to b --dtype int8", "");
    let train = "train --backbone b --data train.csv --kind lora --config settings.json --seed 9";
    for out in ["one/x", "two/x"] {
        std::fs::create_dir_all(path.join(out)).unwrap();
        succeed(path, &format!("{train} --out {out}"), "");
    }
    for file in [
        "adapter_config.json",
        "adapter_model.safetensors",
        "graftlet.json",
    ] {
        let read = |out: &str| std::fs::read(path.join(out).join("x").join(file)).unwrap();
        assert_eq!(read("one"), read("two"), "{file}");
    }
}

/// Windows-1252, broken rows, an empty class and repeated rows: the good ones are trained on, the rest is named.
#[test]
fn good_rows_are_trained_on_and_the_rest_is_named() {
    let folder = workspace();
    let path = folder.path();
    succeed(path, "convert --from hub --to b --dtype int8", "");
    let mut rows = std::fs::read(path.join("train.csv")).unwrap();
    rows.extend_from_slice(
        b"the caf\xe9 was good,yes\n\"a film, good,yes\nthe cat\na,b,c\nthe caf\xe9 was good,yes\n\
          the book was cold,yes\nthe book was cold,no\nthe song was there,lonely\n,yes\nthe dog was good,\n",
    );
    std::fs::write(path.join("dirty.csv"), rows).unwrap();
    let train =
        "train --backbone b --data dirty.csv --kind lora --out x --config settings.json --json";
    let output = graftlet(path, train, "");
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{log}");
    for word in [
        "dirty.csv: CSV; text in “text”, labels in “label”",
        "read as Windows-1252",
        "25 rows, 9 left out",
        "Row 27 has quotes that do not match",
        "Row 29 has more cells",
        "Row 34 has no text",
        "Rows 28 and 35 have no label",
        "Rows 31 and 32 have texts that other rows give other labels",
        "Row 30 repeats an earlier row",
        "Row 33 is the only one of its class",
    ] {
        assert!(log.contains(word), "no {word:?} in {log}");
    }
    let report = json(std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!(report["metric"], "accuracy");
    assert_eq!(report["skipped"].as_array().unwrap().len(), 9);
    assert_eq!(
        report["trainRows"].as_u64().unwrap() + report["devRows"].as_u64().unwrap(),
        25
    );
    let hard = &report["hardest"][0];
    assert!(
        hard["line"].as_u64().unwrap() >= 2 && hard["text"].is_string(),
        "{hard}"
    );
    assert_eq!(
        report["evaluation"]["perLabel"].as_array().unwrap().len(),
        2
    );
    fail(path, &format!("{train} --strict"), "file_invalid");
    // so are held-out rows of a class that nothing is learnt of
    std::fs::write(
        path.join("dev.csv"),
        "text,label\nthe cat was good,yes\na song,lonely\n",
    )
    .unwrap();
    let output = graftlet(path, &format!("{train} --dev dev.csv"), "");
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{log}");
    assert!(
        log.contains("line 3: no row to learn from is labelled \"lonely\""),
        "{log}"
    );
}

/// A run that is killed goes on from its checkpoint, and writes the adapter that it would have written.
#[test]
fn a_killed_run_goes_on() {
    let folder = workspace();
    let path = folder.path();
    succeed(path, "convert --from hub --to b --dtype int8", "");
    std::fs::write(
        path.join("long.json"),
        r#"{"epochs": 300, "batch_size": 4, "rank": 2}"#,
    )
    .unwrap();
    let train = "train --backbone b --data train.csv --kind lora --config long.json --seed 9";
    std::fs::create_dir(path.join("one")).unwrap();
    std::fs::create_dir(path.join("two")).unwrap();
    succeed(path, &format!("{train} --out one/x"), "");
    let killed = format!("{train} --out two/x --checkpoint run.ckpt");
    let mut child = Command::new(env!("CARGO_BIN_EXE_graftlet"))
        .args(killed.split_whitespace())
        .current_dir(path)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // some epochs in, by what it says
    let mut log = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("epoch 3/") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut log, &mut line).unwrap() > 0);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!path.join("two/x").exists(), "it had come to its end");
    assert!(path.join("run.ckpt").is_file());
    let other = fail(
        path,
        &killed.replace("--seed 9", "--seed 8"),
        "checkpoint_mismatch",
    );
    assert!(
        other.contains("held-out rows") || other.contains("rows"),
        "{other}"
    );
    let output = graftlet(path, &killed, "");
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && !log.contains("epoch 1/"),
        "{log}"
    );
    assert!(!path.join("run.ckpt").exists());
    for file in [
        "adapter_config.json",
        "adapter_model.safetensors",
        "graftlet.json",
        "graftlet_head.safetensors",
    ] {
        let read = |out: &str| std::fs::read(path.join(out).join("x").join(file)).unwrap();
        assert!(read("one") == read("two"), "{file}");
    }
}

#[test]
fn a_comparison_chooses_the_kind() {
    let folder = workspace();
    let path = folder.path();
    succeed(path, "convert --from hub --to b --dtype int8", "");
    let suggestion = json(&succeed(
        path,
        "suggest --backbone b --data train.csv --config settings.json --seed 2 --json",
        "",
    ));
    let kinds: Vec<&str> = suggestion["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|candidate| candidate["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["head", "lora", "pfeiffer"]);
    let choice = suggestion["choice"].as_str().unwrap();
    assert!(kinds.contains(&choice));
    let table = succeed(
        path,
        "suggest --backbone b --data train.csv --config settings.json --seed 2",
        "",
    );
    assert!(table.contains(&format!("train {choice}")), "{table}");
    let train =
        "train --backbone b --data train.csv --kind auto --out x --config settings.json --seed 2";
    let output = graftlet(path, train, "");
    assert!(output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("kind "));
}

#[test]
fn every_problem_by_the_command_line() {
    let folder = workspace();
    let path = folder.path();
    succeed(path, "convert --from hub --to b --dtype int8", "");
    let tags: String = (0..16)
        .map(|index| format!("the\tO\n{}\tB-x\n\n", tiny::WORDS[index + 10]))
        .collect();
    std::fs::write(path.join("tags.conll"), tags).unwrap();
    let numbers: String = (0..16)
        .map(|i| format!("{} good,{i}\n", tiny::WORDS[i + 10]))
        .collect();
    std::fs::write(path.join("numbers.csv"), format!("text,label\n{numbers}")).unwrap();
    let several: String = (0..16)
        .map(|i| {
            format!(
                "{} good,{}\n",
                tiny::WORDS[i + 10],
                ["", "a", "b", "a|b"][i % 4]
            )
        })
        .collect();
    std::fs::write(path.join("several.csv"), format!("text,label\n{several}")).unwrap();
    let out_of_scope: String = (0..24)
        .map(|i| {
            format!(
                "the {} here,{}\n",
                tiny::WORDS[i + 10],
                ["x", "y", "oos"][i % 3]
            )
        })
        .collect();
    std::fs::write(path.join("oos.csv"), format!("text,label\n{out_of_scope}")).unwrap();
    std::fs::write(path.join("short.json"), r#"{"epochs": 2}"#).unwrap();
    for (file, flags, metric, answer) in [
        ("tags.conll", "", "entity_f1", "spans"),
        ("numbers.csv", "", "spearman", "value"),
        ("several.csv", "", "macro_f1", "labels"),
        ("oos.csv", "--reject oos", "accuracy", "label"),
    ] {
        let train = format!(
            "train --backbone b --data {file} --kind ia3 --out x --config short.json {flags}"
        );
        let report = succeed(path, &train, "");
        assert!(report.contains(metric), "{file}: {report}");
        let scored = succeed(
            path,
            &format!("eval --backbone b --adapter x --data {file} --json"),
            "",
        );
        let scored = json(&scored);
        assert_eq!(scored["metric"], metric, "{file}");
        if file == "oos.csv" {
            assert!(scored["recall_out_of_scope"].is_number(), "{scored}");
        }
        let line = succeed(
            path,
            "predict --backbone b --adapter x --json",
            "the good film\n",
        );
        assert!(json(&line)[answer] != Value::Null, "{file}: {line}");
    }
    let wrong = fail(
        path,
        "train --backbone b --data numbers.csv --kind lora --out y --problem single_label",
        "option_invalid",
    );
    assert!(wrong.contains("regression"), "{wrong}");
}

/// Trains `x` on rows of the workspace's model `b`.
fn trained(path: &Path, rows: &str, options: &str) {
    std::fs::write(path.join("rows.csv"), rows).unwrap();
    succeed(path, "convert --from hub --to b --dtype int8", "");
    let train = "train --backbone b --data rows.csv --config settings.json --kind lora --out x";
    succeed(path, &format!("{train} {options}"), "");
}

fn predict(path: &Path, options: &str, input: &[u8]) -> (Option<i32>, Vec<String>, Vec<String>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_graftlet"))
        .args("predict --backbone b --adapter x".split_whitespace())
        .args(options.split_whitespace())
        .current_dir(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let lines = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    (
        output.status.code(),
        lines(output.stdout),
        lines(output.stderr),
    )
}

#[test]
fn a_line_that_cannot_be_answered_does_not_stop_the_others() {
    let folder = workspace();
    let path = folder.path();
    let rows = std::fs::read_to_string(path.join("train.csv")).unwrap();
    trained(path, &rows, "");
    let input = b"\xef\xbb\xbfthe cat was good\r\n\r\nthe \xff film\n \nthe dog\twas bad\nthe \0 dog was bad\nthe cat was good";
    let (code, answers, errors) = predict(path, "", input);
    assert_eq!(code, Some(1));
    let first: Vec<&str> = answers
        .iter()
        .map(|a| a.split('\t').next().unwrap())
        .collect();
    let expected = [
        "yes",
        "error[text_empty]",
        "error[text_not_utf8]",
        "error[text_empty]",
        "error[text2_unexpected]",
        "no",
        "yes",
    ];
    assert_eq!(first, expected);
    let last = errors.last().unwrap();
    assert!(
        last.contains("lines_failed") && last.contains("4 of 7"),
        "{last}"
    );
    assert_eq!(
        answers[0], answers[6],
        "byte order mark and line end are no part of a text"
    );
    assert_eq!(errors.len(), 5, "{errors:?}");
    for (line, error) in [2, 3, 4, 5].iter().zip(&errors) {
        assert!(
            error.starts_with(&format!("line {line}: error[text")),
            "{error}"
        );
        assert!(error.contains(&format!("text {line} ")), "{error}");
    }
    assert!(
        errors[4].contains("[lines_failed]") && errors[4].contains("4 of 7"),
        "{errors:?}"
    );

    let (code, lines, errors) = predict(path, "--json", input);
    assert_eq!((code, lines.len(), errors.len()), (Some(1), 7, 1));
    let lines: Vec<Value> = lines.iter().map(|line| json(line)).collect();
    assert_eq!(
        (&lines[0]["label"], &lines[0]["text"]),
        (&"yes".into(), &"the cat was good".into())
    );
    assert_eq!(
        (&lines[2]["line"], &lines[2]["error"]["code"]),
        (&3.into(), &"text_not_utf8".into())
    );
    assert!(
        lines[2]["error"]["message"]
            .as_str()
            .unwrap()
            .contains("byte 5")
    );
    assert_eq!(lines[5]["label"], "no");

    let (code, lines, errors) = predict(path, "", b"");
    assert_eq!((code, lines.len(), errors.len()), (Some(0), 0, 0));
    // more lines than are answered together, and the same answers
    let many = b"the cat was good\n".repeat(100);
    let (code, lines, _) = predict(path, "", &many);
    assert_eq!((code, lines.len()), (Some(0), 100));
    assert!(lines.iter().all(|line| *line == answers[0]));
}

/// What stands in files of others does not reach the terminal as it is.
#[test]
fn control_characters_are_escaped() {
    let folder = workspace();
    let path = folder.path();
    let rows = std::fs::read_to_string(path.join("train.csv")).unwrap();
    trained(path, &rows, "");
    let card = path.join("x/graftlet.json");
    let mut unlisted: Value = serde_json::from_slice(&std::fs::read(&card).unwrap()).unwrap();
    // whoever changes the files does not list their hashes either
    unlisted.as_object_mut().unwrap().remove("files");
    std::fs::write(&card, serde_json::to_vec_pretty(&unlisted).unwrap()).unwrap();
    let config = path.join("x/adapter_config.json");
    let kept = std::fs::read_to_string(&config).unwrap();
    let evil = kept.replace("\"LORA\"", "\"\\u001b[2J\\u0007\\n\\u009bX\"");
    assert_ne!(evil, kept);
    std::fs::write(&config, evil).unwrap();
    for command in ["inspect x", "predict --backbone b --adapter x"] {
        let output = graftlet(path, command, "a\n");
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8(told).unwrap();
        assert!(told.contains("\\u001b[2J"), "{told}");
        let obeyed = |c: char| c.is_control() && c != '\n' && c != '\t';
        assert!(!told.contains(obeyed), "{told:?}");
    }
    // a label, which is printed as it is otherwise
    std::fs::write(&config, kept).unwrap();
    let json = std::fs::read_to_string(&card).unwrap();
    let (before, label) = json.split_once("\"labels\": [").unwrap();
    let label = label
        .replacen('"', "\"\\u001b[31m", 1)
        .replacen("\",", "\\u009b\",", 1);
    std::fs::write(&card, format!("{before}\"labels\": [{label}")).unwrap();
    for options in ["", "--json"] {
        let (_, lines, _) = predict(path, options, b"the cat was good\nthe film was bad\n");
        let told = lines.concat();
        assert!(told.contains("\\u001b[31m"), "{told:?}");
        assert!(
            !told.contains(|c: char| c.is_control() && c != '\t'),
            "{told:?}"
        );
    }
}

/// Of a line without an end the beginning is answered, and the lines around it are as ever.
#[test]
fn lines_without_an_end_are_cut() {
    let folder = workspace();
    let path = folder.path();
    let rows = std::fs::read_to_string(path.join("train.csv")).unwrap();
    trained(path, &rows, "");
    let word = |character: &str| character.repeat(100_001);
    for (long, last) in [
        (word("x"), 'x'),
        (word("中"), '中'),
        (word("😀"), '😀'),
        ("x".repeat(5_000_000), 'x'),
        (format!("{}\r", "é".repeat(3_000_000)), 'é'),
    ] {
        let input = format!("the cat was good\n{long}\nthe cat was good");
        let (code, lines, errors) = predict(path, "", input.as_bytes());
        assert_eq!(
            (code, lines.len(), errors.len()),
            (Some(0), 3, 1),
            "{errors:?}"
        );
        assert_eq!(lines[0], lines[2]);
        assert!(
            errors[0].starts_with("line 2: the text has more than 100000 characters"),
            "{errors:?}"
        );
        let (_, lines, _) = predict(path, "--json", input.as_bytes());
        let read = json(&lines[1]);
        assert_eq!(read["truncated"], true);
        let text = read["text"].as_str().unwrap();
        assert!(text.chars().count() > 100_000 && text.ends_with(last));
    }
    // a long first text of a pair does not hide the second
    let pair = format!("{}\tgood", "x".repeat(5_000_000));
    let (_, lines, _) = predict(path, "--json", pair.as_bytes());
    assert!(lines[0].contains("text2_unexpected") || json(&lines[0])["text2"] == "good");
    let long = format!("{}\nthe cat", "the film ".repeat(200_000));
    let lines = succeed(path, "embed --backbone b --truncate", &long);
    let vectors: Vec<_> = lines.lines().map(json).collect();
    assert_eq!(vectors[0]["truncated"], true);
    assert_eq!(vectors[1]["truncated"], false);
}

#[test]
fn long_lines_are_read_whole_or_said_to_be_cut() {
    let folder = workspace();
    let path = folder.path();
    let rows = std::fs::read_to_string(path.join("train.csv")).unwrap();
    trained(path, &rows, "");
    let input = format!("the cat was good\n{}", "the film was bad . ".repeat(5000));
    let (code, lines, errors) = predict(path, "--json", input.as_bytes());
    assert_eq!((code, errors.len()), (Some(0), 0));
    let long = json(&lines[1]);
    assert_eq!(
        (&long["tokens"], &long["truncated"]),
        (&25_002.into(), &false.into())
    );
    // every window holds the same sentences
    let window = "the film was bad . ".repeat(6);
    let (_, lines, _) = predict(path, "--json", window.as_bytes());
    assert_eq!(json(&lines[0])["windows"], 1);
    assert_eq!(json(&lines[0])["label"], long["label"]);
    assert!(long["windows"].as_u64().unwrap() > 800);
    let (_, _, errors) = predict(path, "", input.as_bytes());
    assert!(errors.is_empty(), "{errors:?}");
    let (code, lines, errors) = predict(path, "--truncate", input.as_bytes());
    assert_eq!((code, lines.len(), errors.len()), (Some(0), 2, 1));
    assert!(
        errors[0].starts_with("line 2: the text has more than 32 tokens"),
        "{errors:?}"
    );
    let (_, lines, errors) = predict(path, "--truncate --json", input.as_bytes());
    assert_eq!(
        (json(&lines[1])["truncated"].clone(), errors.len()),
        (true.into(), 0)
    );

    // eval reads as predict does
    let row = format!(
        "text,label\n{},no\nthe cat was good,yes\n",
        "the film was bad . ".repeat(20)
    );
    std::fs::write(path.join("long.csv"), row).unwrap();
    let eval = "eval --backbone b --adapter x --data long.csv";
    let line = json(&succeed(path, &format!("{eval} --json"), ""));
    assert_eq!(
        (&line["windowed"], &line["truncated"]),
        (&1.into(), &0.into())
    );
    let line = json(&succeed(path, &format!("{eval} --json --truncate"), ""));
    assert_eq!(
        (&line["windowed"], &line["truncated"]),
        (&0.into(), &1.into())
    );
    assert!(
        succeed(path, eval, "").contains("1 texts were longer than 32 tokens and read in windows")
    );
    assert!(succeed(path, &format!("{eval} --truncate"), "").contains("their ends were not read"));
}

#[test]
fn pairs_and_single_texts_on_the_command_line() {
    let folder = workspace();
    let path = folder.path();
    let rows: String = (0..24)
        .map(|at| {
            format!(
                "the film {at},was {},{}\n",
                ["good", "bad"][at % 2],
                ["yes", "no"][at % 2]
            )
        })
        .collect();
    trained(path, &format!("text,text2,label\n{rows}"), "");
    let card = json(&std::fs::read_to_string(path.join("x/graftlet.json")).unwrap());
    assert_eq!(card["pair"], true);
    let (code, lines, errors) = predict(path, "", b"the film\twas good\nthe film was good\n");
    assert_eq!(code, Some(1));
    assert!(lines[0].starts_with("yes"), "{lines:?}");
    assert_eq!(lines[1], "error[text2_missing]");
    assert!(
        errors[0].contains("text 2 has no second text"),
        "{errors:?}"
    );
    fail(
        path,
        "eval --backbone b --adapter x --data test.csv",
        "text2_missing",
    );
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
