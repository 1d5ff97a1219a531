//! A folder in which the commands of the documents run.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Rows that a word tells apart.
fn rows(range: std::ops::Range<usize>) -> String {
    let row = |index: usize| match index % 2 {
        0 => format!("number {index} was good,yes\n"),
        _ => format!("number {index} was bad,no\n"),
    };
    format!("text,label\n{}", range.map(row).collect::<String>())
}

/// A folder with a model, rows, settings and adapters under the names that documents use.
pub struct Workspace(tempfile::TempDir);

impl Workspace {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        for made in ["MODEL_DIR", "www/public/models", "adapters", "bin"] {
            std::fs::create_dir_all(path.join(made)).unwrap();
        }
        for name in [
            "config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "model.safetensors",
        ] {
            let from = fixtures.join("families/bert").join(name);
            std::fs::copy(from, path.join("MODEL_DIR").join(name)).unwrap();
        }
        for (from, to) in [
            ("tiny-q4.bin", "e5-small-q4.bin"),
            ("tokenizer.json", "tokenizer.json"),
        ] {
            std::fs::copy(fixtures.join("e5/tiny").join(from), path.join(to)).unwrap();
        }
        let program = env!("CARGO_BIN_EXE_graftlet");
        let shim = format!("#!/bin/sh\nexec '{program}' \"$@\"\n");
        std::fs::write(path.join("bin/graftlet"), shim).unwrap();
        for (name, range) in [
            ("train.csv", 0..24),
            ("dev.csv", 24..32),
            ("test.csv", 32..40),
            ("more.csv", 40..64),
            ("rows.csv", 0..24),
        ] {
            std::fs::write(path.join(name), rows(range)).unwrap();
        }
        std::fs::write(path.join("texts.txt"), "it was good\nit was bad\n").unwrap();
        std::fs::write(
            path.join("settings.json"),
            "{\"r\": 2, \"num_train_epochs\": 2}",
        )
        .unwrap();
        std::fs::write(
            path.join("stacked.json"),
            "{\"r\": 2, \"num_train_epochs\": 2, \"target_modules\": [\"query\", \"value\"]}",
        )
        .unwrap();
        let space = Self(folder);
        space.run(
            "chmod +x bin/graftlet\n\
             graftlet convert --from MODEL_DIR --to www/public/models/minilm-l6\n\
             cp -r www/public/models/minilm-l6 b\n",
        );
        // what is stacked gives as many features as it reads
        let small = "--config settings.json";
        let stacked = "--config stacked.json";
        for (kind, settings, names) in [
            ("lora", stacked, ["de", "sst"]),
            ("pfeiffer", small, ["mnli", "qqp"]),
        ] {
            for name in names {
                space.run(&format!(
                    "graftlet train --backbone b --data train.csv --kind {kind} {settings} --out adapters/{name}"
                ));
            }
        }
        space
    }

    /// Runs a script whose first failure ends it.
    pub fn output(&self, script: &str) -> Output {
        let folder = self.0.path();
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = folder.join("bin");
        std::fs::write(folder.join("script.sh"), script).unwrap();
        let mut shell = Command::new("bash");
        shell
            .args(["-euo", "pipefail", "-x", "script.sh"])
            .current_dir(folder);
        shell.env("PATH", format!("{}:{path}", bin.display()));
        shell.stdin(Stdio::null()).output().unwrap()
    }

    #[track_caller]
    pub fn run(&self, script: &str) {
        let output = self.output(script);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{errors}");
    }
}
