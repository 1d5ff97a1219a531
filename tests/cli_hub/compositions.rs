//! Compositions and fusions.

use std::path::Path;

use serde_json::{Value, json};

use super::{fail, graftlet, lines, numbers, read, succeed, tiny, train, workspace};

#[test]
fn compositions_and_fusions() {
    let folder = workspace();
    let path = folder.path();
    train(path, "--data train.csv --kind pfeiffer --out one --seed 1");
    train(path, "--data train.csv --kind pfeiffer --out two --seed 2");
    train(
        path,
        "--data train.csv --kind fusion --fuse one=one --fuse two=two --out mixed",
    );
    let config = read(path, "mixed/adapter_fusion_config.json");
    assert_eq!(config["adapter_names"], json!(["one", "two"]));
    let facts = lines(&succeed(path, "inspect mixed --json", ""));
    assert_eq!(facts[0]["kind"], "fusion");
    assert_eq!(facts[0]["adapters"], json!(["one", "two"]));

    let write =
        |name: &str, value: Value| std::fs::write(path.join(name), value.to_string()).unwrap();
    write("parallel.json", json!({"parallel": ["one", "two"]}));
    write(
        "fuse.json",
        json!({"composition": "mixed", "adapters": {"one": "one", "two": "two"}}),
    );
    write("stack.json", json!({"stack": ["x", "y"]}));
    write(
        "split.json",
        json!({"split": ["one", {"adapter": "two", "rows": 2}]}),
    );
    let texts = "the cat was good\nthe dog was bad\nthe bird was good\n";
    let predict = |more: &str| {
        lines(&succeed(
            path,
            &format!("predict --backbone b --json {more}"),
            texts,
        ))
    };

    // beside the file lie the adapters
    let both = predict("--compose parallel.json");
    let alone: Vec<Vec<Value>> = ["one", "two"]
        .iter()
        .map(|name| predict(&format!("--adapter {name}")))
        .collect();
    for (row, answers) in both.iter().enumerate() {
        assert_eq!(answers["text"], alone[0][row]["text"]);
        for (part, single) in alone.iter().enumerate() {
            assert_eq!(answers["answers"][part]["logits"], single[row]["logits"]);
        }
    }
    let split = predict("--compose split.json");
    assert_eq!(split[0]["logits"], alone[0][0]["logits"]);
    assert_eq!(split[1]["logits"], alone[1][1]["logits"]);
    assert_eq!(split[2]["logits"], alone[1][2]["logits"]);

    let fused = predict("--compose fuse.json");
    assert_eq!(fused.len(), 3);
    assert!(fused[0]["label"].is_string());
    assert_ne!(fused[0]["logits"], alone[0][0]["logits"]);
    let stacked = predict("--compose stack.json --adapter x=one --adapter y=two");
    assert_ne!(stacked[0]["logits"], fused[0]["logits"]);
    // plain lines: a label and its score
    let plain = succeed(
        path,
        "predict --backbone b --compose stack.json --adapter x=one --adapter y=two",
        texts,
    );
    assert_eq!(plain.lines().count(), 3);
    assert!(
        plain.lines().all(|line| line.split('\t').count() == 2),
        "{plain}"
    );
    // vectors of a composition
    let vectors = succeed(
        path,
        "embed --backbone b --compose stack.json --adapter x=one --adapter y=two",
        texts,
    );
    assert_eq!(lines(&vectors).len(), 3);

    fail(
        path,
        "predict --backbone b --compose stack.json",
        "adapter_unknown",
        &["\"x\""],
    );
    fail(
        path,
        "predict --backbone b --adapter one --adapter two",
        "option_invalid",
        &["--compose"],
    );
    fail(
        path,
        "predict --backbone b",
        "option_invalid",
        &["--adapter"],
    );
    fail(
        path,
        "predict --backbone b --adapter mixed",
        "option_invalid",
        &["fusion", "--compose"],
    );
    fail(
        path,
        "predict --backbone b --compose stack.json --adapter one",
        "option_invalid",
        &["NAME=DIR"],
    );
    write("wrong.json", json!({"heap": ["one"]}));
    fail(
        path,
        "predict --backbone b --compose wrong.json",
        "composition_invalid",
        &["composition"],
    );
    let train = "train --backbone b --data train.csv --out n";
    fail(
        path,
        &format!("{train} --kind fusion"),
        "option_invalid",
        &["--fuse NAME=DIR"],
    );
    fail(
        path,
        &format!("{train} --kind lora --fuse one=one"),
        "option_invalid",
        &["--kind fusion"],
    );
    fail(
        path,
        &format!("{train} --kind fusion --fuse one"),
        "option_invalid",
        &["NAME=DIR"],
    );
    assert!(!path.join("n").exists());

    // a split at the end of the texts: what is left has no answer, and the exit code says so
    let output = graftlet(
        path,
        "predict --backbone b --json --compose split.json",
        b"a cat\na dog\n",
    );
    assert_eq!(output.status.code(), Some(1));
    let left = lines(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(left[0]["error"]["code"], "composition_invalid");
}

/// AdapterHub's `save_adapter_setup`: a folder of folders.
#[test]
fn a_setup_of_adapterhub() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/goldens/hub-tiny");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("b")).unwrap();
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(root.join(name), path.join("b").join(name)).unwrap();
    }
    std::fs::write(path.join("b/tokenizer.json"), tiny::tokenizer_json()).unwrap();
    let setup = root.join("setup");
    let found = succeed(
        path,
        &format!("embed --backbone b --compose {}", setup.display()),
        "the cat\n",
    );
    let plain = succeed(path, "embed --backbone b", "the cat\n");
    assert_ne!(
        numbers(&lines(&found)[0]["vector"]),
        numbers(&lines(&plain)[0]["vector"])
    );
}
