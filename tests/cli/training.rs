//! Training from the command line.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::{fail, graftlet, json, succeed, tiny, workspace};

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
    // so few rows are all learnt from in the end, those too that were held out before
    assert_eq!(report["trainRows"], 25);
    assert!((1..25).contains(&report["devRows"].as_u64().unwrap()));
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

/// A correction with old rows and texts beside it: it is learnt, a new label is added, and what does not go together is
/// refused.
#[test]
fn corrections_go_on_from_an_adapter() {
    let folder = workspace();
    let path = folder.path();
    succeed(path, "convert --from hub --to b --dtype int8", "");
    let train = "train --backbone b --kind lora --config settings.json --out old";
    succeed(path, &format!("{train} --data train.csv"), "");
    std::fs::write(path.join("fix.csv"), "text,label\na blue bird,maybe\n").unwrap();
    std::fs::write(path.join("texts.txt"), "the cat runs\n\na dog sings\n").unwrap();
    std::fs::write(path.join("empty.txt"), "\n \n").unwrap();
    std::fs::write(path.join("bytes.txt"), [0xff, 0xfe, 0x00]).unwrap();
    std::fs::write(path.join("off.json"), r#"{"distillation": 0}"#).unwrap();
    let warm = "train --backbone b --data fix.csv --from old --out new";
    let said = succeed(
        path,
        &format!("{warm} --replay train.csv --replay-texts texts.txt"),
        "",
    );
    assert!(said.contains("no row was held out"), "{said}");
    let card = std::fs::read_to_string(path.join("new/graftlet.json")).unwrap();
    let labels = json(&card)["labels"].clone();
    assert_eq!(labels.as_array().unwrap().last().unwrap(), "maybe");
    succeed(path, "predict --backbone b --adapter new", "a blue bird\n");
    fail(
        path,
        &format!("{warm} --replay-texts empty.txt"),
        "file_invalid",
    );
    fail(
        path,
        &format!("{warm} --replay-texts bytes.txt"),
        "file_invalid",
    );
    let off = format!("{warm} --replay-texts texts.txt --config off.json");
    let said = fail(path, &off, "option_invalid");
    assert!(said.contains("without distillation"), "{said}");
}
