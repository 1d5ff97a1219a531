//! What is printed, and where it cannot be.

use std::io::Read;
use std::process::Stdio;

use super::{command, train, workspace};

/// The reader of a pipe that goes away ends the program without a word.
#[cfg(unix)]
#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    let folder = workspace();
    let path = folder.path();
    train(path, "lora", "mean", "adapter");
    let data = "--backbone hub --adapter adapter --data train.csv";
    let lines = "the cat was good\n".repeat(5000);
    std::fs::write(path.join("lines.txt"), lines).unwrap();
    let commands = [
        "inspect adapter".to_owned(),
        "inspect hub --json".into(),
        format!("eval {data}"),
        format!("eval {data} --json"),
        "predict --backbone hub --adapter adapter".into(),
        "predict --backbone hub --adapter adapter --json".into(),
        "convert --from hub --to int8".into(),
        "merge --from hub --adapter adapter --to merged".into(),
        "train --backbone hub --data train.csv --kind lora --config mean.json --out again".into(),
        "suggest --backbone hub --data train.csv --config mean.json".into(),
        "--help".into(),
        "train --help".into(),
        "--version".into(),
    ];
    for arguments in commands {
        let mut child = command(path, &arguments)
            .stdin(std::fs::File::open(path.join("lines.txt")).unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut errors = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut errors)
            .unwrap();
        let code = child.wait().unwrap().code();
        assert!(!errors.contains("panicked"), "{arguments}: {errors}");
        assert!(!errors.contains("error["), "{arguments}: {errors}");
        assert!(
            matches!(code, Some(0 | 141)),
            "{arguments}: {code:?} {errors}"
        );
    }
    assert!(path.join("again/adapter_config.json").is_file());
    // nor does the end of standard error, whose messages nobody needs
    for (arguments, expected) in [
        (
            "train --backbone hub --data train.csv --kind lora --config mean.json --out last",
            0,
        ),
        ("inspect nowhere", 1),
        ("train --nonsense", 2),
        ("-v inspect hub", 0),
    ] {
        let mut child = command(path, arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(expected), "{arguments}");
    }
    assert!(path.join("last/adapter_config.json").is_file());
}

/// A full disk is said, and is no panic.
#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let folder = workspace();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = command(folder.path(), "inspect hub")
        .stdout(full)
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("[io]") && errors.contains("standard output"),
        "{errors}"
    );
}
