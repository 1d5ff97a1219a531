//! Folders that the command line writes: nothing of theirs is stale, nothing of others is lost, and a crash leaves
//! the old files or the new ones.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

mod conversions;
mod output;

#[path = "../support/tiny.rs"]
mod tiny;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tiny::Tiny;

fn command(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_graftlet"));
    command
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

fn graftlet(folder: &Path, arguments: &str) -> Output {
    command(folder, arguments).output().unwrap()
}

#[track_caller]
fn succeed(folder: &Path, arguments: &str) -> String {
    let output = graftlet(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn fail(folder: &Path, arguments: &str, code: &str, words: &[&str]) {
    let output = graftlet(folder, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments}: {errors}");
    assert!(errors.contains(&format!("[{code}]")), "{errors}");
    for word in words {
        assert!(errors.contains(word), "{word} is not in: {errors}");
    }
}

/// A model's folder `hub`, rows, and settings of a short run.
fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let tiny = Tiny::new(2, 32, 5);
    std::fs::create_dir(path.join("hub")).unwrap();
    let write = |name: &str, content: &[u8]| std::fs::write(path.join(name), content).unwrap();
    write("hub/config.json", &tiny.config_json());
    write("hub/tokenizer.json", &tiny::tokenizer_json());
    write("hub/model.safetensors", &tiny.checkpoint());
    let rows: String = (0..24)
        .map(|i| match i % 2 {
            0 => format!("the {} was good,yes\n", tiny::WORDS[i % 15 + 15]),
            _ => format!("the {} was bad,no\n", tiny::WORDS[i % 15 + 15]),
        })
        .collect();
    write("train.csv", format!("text,label\n{rows}").as_bytes());
    let settings =
        r#"{"epochs": 3, "batch_size": 4, "learning_rate": 0.02, "rank": 2, "reduction_factor": 4"#;
    write("mean.json", format!("{settings}}}").as_bytes());
    write(
        "pooler.json",
        format!("{settings}, \"pooling\": \"pooler\"}}").as_bytes(),
    );
    folder
}

fn train(folder: &Path, kind: &str, settings: &str, out: &str) {
    succeed(
        folder,
        &format!(
            "train --backbone hub --data train.csv --kind {kind} --config {settings}.json --seed 2 --out {out}"
        ),
    );
}

fn eval(folder: &Path, adapter: &str) -> Value {
    let line = succeed(
        folder,
        &format!("eval --backbone hub --adapter {adapter} --data train.csv --json"),
    );
    serde_json::from_str(&line).unwrap()
}

/// Every file below a folder.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            let below = content(&entry.path());
            found.extend(below.into_iter().map(|(n, c)| (format!("{name}/{n}"), c)));
        } else {
            found.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
    found
}

/// An adapter written over another one of any form is the one that a new folder would hold, and what the
/// user keeps there stays.
#[test]
fn an_adapter_over_another_leaves_nothing_of_it() {
    let folder = workspace();
    let path = folder.path();
    // a head of graftlet's own, PEFT's, AdapterHub's, and no tensors but a head
    let forms = [
        ("lora", "mean"),
        ("lora", "pooler"),
        ("houlsby", "pooler"),
        ("houlsby", "mean"),
        ("head", "mean"),
    ];
    for (kind, settings) in forms {
        train(path, kind, settings, &format!("new-{kind}-{settings}"));
    }
    std::fs::create_dir_all(path.join("used/notes")).unwrap();
    std::fs::write(path.join("used/README.md"), "mine").unwrap();
    std::fs::write(path.join("used/notes/todo.txt"), "mine too").unwrap();
    // what the libraries left before: tensors of torch.save, and a fusion
    for name in [
        "adapter_model.bin",
        "pytorch_adapter.bin",
        "adapter_fusion_config.json",
        "pytorch_model_adapter_fusion.bin",
    ] {
        std::fs::write(path.join("used").join(name), "old").unwrap();
    }
    for (kind, settings) in forms.iter().chain(forms.iter().rev()) {
        train(path, kind, settings, "used/");
        let new = content(&path.join(format!("new-{kind}-{settings}")));
        let mut used = content(&path.join("used"));
        assert_eq!(used.remove("README.md").unwrap(), b"mine");
        assert_eq!(used.remove("notes/todo.txt").unwrap(), b"mine too");
        let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&used), names(&new), "{kind} {settings}");
        let fresh = format!("new-{kind}-{settings}");
        assert_eq!(eval(path, "used"), eval(path, &fresh), "{kind} {settings}");
    }
}

/// What older versions left: the side file's list decides.
#[test]
fn a_stale_file_that_the_list_does_not_name_is_not_read() {
    let folder = workspace();
    let path = folder.path();
    train(path, "lora", "mean", "old");
    train(path, "lora", "pooler", "new");
    let right = eval(path, "new");
    let stale = "graftlet_head.safetensors";
    std::fs::copy(path.join("old").join(stale), path.join("new").join(stale)).unwrap();
    assert_eq!(eval(path, "new"), right);
    // stale files of the other library, and tensors of another type
    train(path, "houlsby", "pooler", "hub-old");
    for name in [
        "head_config.json",
        "model_head.safetensors",
        "adapter.safetensors",
    ] {
        std::fs::copy(path.join("hub-old").join(name), path.join("new").join(name)).unwrap();
    }
    std::fs::write(path.join("new/adapter_model.bin"), "old").unwrap();
    assert_eq!(eval(path, "new"), right);
    succeed(path, "inspect new");
    // a file that the list names must be there
    std::fs::remove_file(path.join("old").join(stale)).unwrap();
    let eval = "eval --backbone hub --adapter old --data train.csv";
    fail(
        path,
        eval,
        "file_missing",
        &[stale, "graftlet.json lists it"],
    );
    fail(path, "inspect old", "file_missing", &[stale]);
}

#[test]
fn out_may_be_any_folder_but_a_models() {
    let folder = workspace();
    let path = folder.path();
    let run = |out: &str| {
        format!("train --backbone hub --data train.csv --kind lora --config mean.json --out {out}")
    };
    let before = content(&path.join("hub"));
    fail(
        path,
        &run("train.csv"),
        "option_invalid",
        &["--out", "is a file"],
    );
    fail(
        path,
        &run("hub"),
        "option_invalid",
        &["holds a model", "another folder"],
    );
    fail(
        path,
        &run("./hub/../hub/"),
        "option_invalid",
        &["holds a model"],
    );
    succeed(path, "convert --from hub --to int8");
    fail(path, &run("int8"), "option_invalid", &["holds a model"]);
    assert_eq!(content(&path.join("hub")), before);
    // the folder of the rows, which is the current one
    let rows = std::fs::read(path.join("train.csv")).unwrap();
    succeed(path, &run("."));
    assert_eq!(std::fs::read(path.join("train.csv")).unwrap(), rows);
    assert_eq!(content(&path.join("hub")), before);
    succeed(path, "inspect .");
    // folders that are yet to be made
    succeed(path, &run("a/b/c"));
    assert!(path.join("a/b/c/adapter_config.json").is_file());
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_permissions_stay() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = workspace();
    let path = folder.path();
    std::fs::create_dir(path.join("real")).unwrap();
    std::fs::set_permissions(path.join("real"), std::fs::Permissions::from_mode(0o750)).unwrap();
    std::fs::write(path.join("real/run.sh"), "mine").unwrap();
    std::fs::set_permissions(
        path.join("real/run.sh"),
        std::fs::Permissions::from_mode(0o740),
    )
    .unwrap();
    symlink("real", path.join("link")).unwrap();
    train(path, "lora", "mean", "link");
    train(path, "houlsby", "pooler", "link/");
    assert!(path.join("link").is_symlink());
    let mode = |name: &str| path.join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("real"), mode("real/run.sh")), (0o750, 0o740));
    assert!(path.join("real/adapter.safetensors").is_file());
    assert!(!path.join("real/adapter_model.safetensors").exists());
    // a file that links elsewhere, as in a hub's cache, is replaced and not written through
    std::fs::write(path.join("blob"), "blob").unwrap();
    std::fs::remove_file(path.join("real/adapter.safetensors")).unwrap();
    symlink("../blob", path.join("real/adapter.safetensors")).unwrap();
    train(path, "houlsby", "pooler", "link");
    assert_eq!(std::fs::read(path.join("blob")).unwrap(), b"blob");
    symlink("nowhere", path.join("dangling")).unwrap();
    fail(
        path,
        "train --backbone hub --data train.csv --kind lora --out dangling",
        "option_invalid",
        &["not there"],
    );
}

/// Before its commit an interrupted write leaves the old files; after it, at any step, the new ones.
#[test]
fn an_interrupted_write_leaves_the_old_or_the_new() {
    let folder = workspace();
    let path = folder.path();
    train(path, "lora", "mean", "old");
    train(path, "houlsby", "pooler", "new");
    let (old, new) = (content(&path.join("old")), content(&path.join("new")));
    let write = |files: &BTreeMap<String, Vec<u8>>, below: &str| {
        std::fs::create_dir_all(path.join(below)).unwrap();
        for (name, content) in files {
            std::fs::write(path.join(below).join(name), content).unwrap();
        }
    };
    let inspect = |name: &str| succeed(path, &format!("inspect {name} --json"));
    // half of the new files, not committed
    write(&old, "a");
    write(
        &new.iter()
            .take(2)
            .map(|(n, c)| (n.clone(), c.clone()))
            .collect(),
        "a/.graftlet-new",
    );
    let facts: Value = serde_json::from_str(&inspect("a")).unwrap();
    assert_eq!(facts["kind"], "lora");
    train(path, "lora", "mean", "a");
    assert_eq!(
        content(&path.join("a")).keys().collect::<Vec<_>>(),
        old.keys().collect::<Vec<_>>()
    );
    // committed, with none, some or all of them in place
    let stale: Vec<&String> = old.keys().filter(|name| !new.contains_key(*name)).collect();
    let list = serde_json::json!({"files": new.keys().collect::<Vec<_>>(), "stale": stale});
    for done in 0..=new.len() {
        let name = format!("b{done}");
        write(&old, &name);
        let mut waiting = new.clone();
        let place: BTreeMap<_, _> = new
            .iter()
            .take(done)
            .map(|(n, c)| (n.clone(), c.clone()))
            .collect();
        waiting.retain(|name, _| !place.contains_key(name));
        write(&place, &name);
        let ready = format!("{name}/.graftlet-ready");
        write(&waiting, &ready);
        std::fs::write(path.join(&ready).join(".graftlet-list"), list.to_string()).unwrap();
        inspect(&name);
        assert_eq!(content(&path.join(&name)), new, "{done} in place");
    }
}

/// The base that an adapter names is the model's name on its hub, or none.
#[test]
fn adapters_name_the_base_that_they_were_trained_on() {
    let folder = workspace();
    let path = folder.path();
    let base = |adapter: &str| -> (Value, Value) {
        let read = |name: &str| -> Value {
            let text = std::fs::read_to_string(path.join(adapter).join(name)).unwrap();
            serde_json::from_str(&text).unwrap()
        };
        let config = read("adapter_config.json");
        let base = config
            .get("base_model_name_or_path")
            .or(config.get("model_name"));
        (
            base.unwrap().clone(),
            read("graftlet.json")["backbone"]["name"].clone(),
        )
    };
    let run = |backbone: &str, kind: &str, out: &str| {
        let run = "train --data train.csv --config mean.json";
        succeed(
            path,
            &format!("{run} --backbone {backbone} --kind {kind} --out {out}"),
        );
    };
    // `_name_or_path` says "tiny", the folder's name says nothing
    run("hub", "lora", "unnamed");
    assert_eq!(base("unnamed"), (Value::Null, "".into()));
    run("hub", "houlsby", "unnamed");
    assert_eq!(base("unnamed"), ("".into(), "".into()));
    succeed(path, "inspect unnamed");
    succeed(path, "convert --from hub --to named --name org/model-7");
    for kind in ["lora", "houlsby"] {
        run("named", kind, "adapter");
        assert_eq!(
            base("adapter"),
            ("org/model-7".into(), "org/model-7".into())
        );
    }
    // as the hub's cache has it, directly and converted
    let cache = "cache/models--sentence-transformers--tiny-L2/snapshots/0123abcd";
    std::fs::create_dir_all(path.join(cache)).unwrap();
    for (name, content) in content(&path.join("hub")) {
        std::fs::write(path.join(cache).join(name), content).unwrap();
    }
    run(cache, "lora", "adapter");
    assert_eq!(base("adapter").0, "sentence-transformers/tiny-L2");
    succeed(path, &format!("convert --from {cache} --to from-cache"));
    run("from-cache", "lora", "adapter");
    assert_eq!(base("adapter").1, "sentence-transformers/tiny-L2");
    // another name of the same checkpoint is no other backbone
    eval(path, "adapter");
}
