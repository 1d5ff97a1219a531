//! `predict`, line by line.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{fail, graftlet, json, succeed, workspace};

/// Trains `x` on rows of the workspace's model `b`.
fn trained(path: &Path, rows: &str, options: &str) {
    std::fs::write(path.join("rows.csv"), rows).unwrap();
    succeed(path, "convert --from hub --to b --dtype int8", "");
    let train = "train --backbone b --data rows.csv --config settings.json --kind lora --out x";
    succeed(path, &format!("{train} {options}"), "");
}

pub(super) fn predict(
    path: &Path,
    options: &str,
    input: &[u8],
) -> (Option<i32>, Vec<String>, Vec<String>) {
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
