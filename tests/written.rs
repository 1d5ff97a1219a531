//! What the crate writes, as the Python libraries read it: every kind in every library that can say it, heads, and
//! merged models. `tests/python/check_written.py` loads the folders that this suite writes and records the logits of
//! PyTorch in `check_written.json`; here what is written is read back and compared with the record.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/bottlenecks.rs"]
mod bottlenecks;
#[path = "support/differences.rs"]
mod differences;
#[path = "support/reference.rs"]
mod reference;
#[path = "support/rows.rs"]
mod rows;
mod support;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use differences::{LAYERS, sequences};
use graftlet::folder::{self, Files, Library};
use graftlet::folder::{CHECKPOINT, TaskAdapter, merge};
use graftlet::head::{
    HeadConfig, MULTI_LABEL, Pooling, Problem, REGRESSION, SINGLE_LABEL, TOKEN_CLASSIFICATION,
};
use graftlet::hub::sha256;
use graftlet::input::Batch;
use graftlet::input::text::Encoded;
use graftlet::model::{Backbone, Encoder, Hook, NoHook};
use rows::{Row, moved};
use serde::Deserialize;
use serde_json::json;
use tiny::{Tiny, tokenizer_json};

fn tiny() -> Tiny {
    Tiny::new(LAYERS, 32, 7)
}

fn head(problem: Problem, pooling: Pooling) -> HeadConfig {
    let labels: &[&str] = match problem.kind.name() {
        "regression" => &["score"],
        "token_classification" => &["O", "B-X", "I-X"],
        _ => &["x", "y", "z"],
    };
    HeadConfig {
        pairs: problem.kind.pairs(),
        problem,
        pooling,
        dense: None,
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
    }
}

/// A folder by its name, with what it must answer each of [`sequences`].
struct Case {
    name: String,
    /// "peft", "adapterhub" or "merged".
    reader: &'static str,
    files: Files,
    logits: Vec<Vec<f32>>,
    /// Where Python finds the head.
    head: &'static str,
    labels: usize,
}

fn reader(library: Library) -> &'static str {
    match library {
        Library::Peft => "peft",
        Library::AdapterHub => "adapterhub",
    }
}

fn cases(bert: &Encoder) -> Vec<Case> {
    let shape = bert.shape();
    let table = rows::rows(shape);
    let mut cases = Vec::new();
    let mut add = |row: &Row, library: Library, config: HeadConfig, name: String| {
        let labels = config.labels.len();
        let task = moved(row, config, shape, 11);
        let files = folder::save(&task, "mine", library, shape).unwrap();
        cases.push(Case {
            name,
            reader: reader(library),
            logits: logits(bert, &task),
            head: match files.contains_key(folder::SIDE_HEAD) {
                true => "side",
                false => "library",
            },
            files,
            labels,
        });
    };
    for row in &table {
        for &library in row.files {
            // a third have a head that the library's own classes do not have
            let letters: usize = row.name.bytes().map(usize::from).sum();
            let pooling = match (letters % 3, library) {
                (2, _) => Pooling::Mean,
                (1, Library::AdapterHub) => Pooling::First,
                _ => Pooling::Pooler,
            };
            let pooling = if row.at_pooler {
                Pooling::Pooler
            } else {
                pooling
            };
            let config = head(SINGLE_LABEL.fresh(), pooling);
            add(row, library, config, row.name.clone());
        }
    }
    let lora = table.iter().find(|row| row.name == "preset lora").unwrap();
    let second = table
        .iter()
        .find(|row| row.name == "LoRA in the second layer only")
        .unwrap();
    let multi = Problem {
        kind: MULTI_LABEL,
        thresholds: vec![0.5; 3],
    };
    for problem in [multi, REGRESSION.fresh(), TOKEN_CLASSIFICATION.fresh()] {
        for (library, lora) in [(Library::Peft, lora), (Library::AdapterHub, second)] {
            let config = head(problem.clone(), Pooling::Pooler);
            add(
                lora,
                library,
                config,
                format!("head: {}", problem.kind.about().title),
            );
        }
    }
    for row in table.iter().filter(|row| row.merges) {
        let pooling = match row.at_pooler {
            true => Pooling::Pooler,
            false => Pooling::Mean,
        };
        let task = moved(row, head(SINGLE_LABEL.fresh(), pooling), shape, 11);
        let mut files = merge(&task, bert).unwrap();
        files.insert("config.json".into(), tiny().config_json());
        files.insert("tokenizer.json".into(), tokenizer_json());
        cases.push(Case {
            name: row.name.clone(),
            reader: "merged",
            files,
            logits: logits(bert, &task),
            head: "side",
            labels: 3,
        });
    }
    cases
}

fn of_one(bert: &Encoder, sequence: &Encoded, hook: &dyn Hook) -> graftlet::model::States {
    bert.forward(&Batch::new([sequence]), hook).unwrap()
}

fn logits(bert: &Encoder, task: &TaskAdapter) -> Vec<Vec<f32>> {
    let head = task.head.as_ref().unwrap();
    let one = |sequence: &Encoded| {
        let states = of_one(bert, sequence, &*task.adapter);
        head.logits(bert, &*task.adapter, &states).data().to_vec()
    };
    sequences().iter().map(one).collect()
}

#[derive(Deserialize)]
struct Record {
    cases: BTreeMap<String, Found>,
}

#[derive(Deserialize)]
struct Found {
    difference: f64,
    logits: Vec<Vec<f32>>,
}

fn record() -> BTreeMap<String, Record> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/check_written.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// What Python found, and what is read back, are what was written.
#[test]
fn what_is_written_answers_as_it_does_in_python() {
    let bert = tiny().bert();
    let record = record();
    let (mut count, mut worst) = (0, 0f32);
    for case in cases(&bert) {
        let what = format!("{} for {}", case.name, case.reader);
        let found = record
            .get(case.reader)
            .and_then(|r| r.cases.get(&case.name));
        let found = found.unwrap_or_else(|| {
            panic!("{what} was never loaded in Python: run tests/python/check_written.py")
        });
        assert!(found.difference <= 1e-4, "{what}: {}", found.difference);
        let again = match case.reader {
            "merged" => {
                let config = tiny().config();
                let checkpoint = &case.files[CHECKPOINT];
                let merged = Encoder::load(&config, checkpoint, &sha256(checkpoint)).unwrap();
                let files = &case.files;
                let head = folder::load_head(files, merged.shape()).unwrap().unwrap();
                let one = |sequence: &Encoded| {
                    let states = of_one(&merged, sequence, &NoHook);
                    head.logits(&merged, &NoHook, &states).data().to_vec()
                };
                sequences().iter().map(one).collect()
            }
            _ => logits(
                &bert,
                &folder::load("mine", &case.files, bert.shape()).unwrap(),
            ),
        };
        let rows = again.iter().zip(&found.logits).zip(&case.logits);
        for ((again, python), written) in rows {
            worst = worst.max(support::assert_close(again, python, 1e-4, &what));
            support::assert_close(again, written, 1e-5, &what);
        }
        count += 1;
    }
    let recorded: usize = record.values().map(|record| record.cases.len()).sum();
    assert_eq!(recorded, count, "the record has cases that are no more");
    println!("{count} folders: logits at most {worst:.1e} from those of PyTorch");
}

/// For `check_written.py`, which names the folder: every case, what it must answer, and the backbone.
#[test]
#[ignore = "run by tests/python/check_written.py"]
fn write_everything() {
    let root = PathBuf::from(std::env::var_os("GRAFTLET_WRITE_TO").unwrap());
    let write = |folder: &Path, files: &Files| {
        std::fs::create_dir_all(folder).unwrap();
        for (name, content) in files {
            std::fs::write(folder.join(name), content).unwrap();
        }
    };
    let tiny = tiny();
    let backbone = [
        ("config.json".to_owned(), tiny.config_json()),
        ("tokenizer.json".to_owned(), tokenizer_json()),
        (CHECKPOINT.to_owned(), tiny.checkpoint()),
    ];
    write(&root.join("backbone"), &backbone.into());
    let mut list = Vec::new();
    for (index, case) in cases(&tiny.bert()).into_iter().enumerate() {
        let folder = index.to_string();
        write(&root.join(&folder), &case.files);
        list.push(json!({
            "folder": folder, "name": case.name, "reader": case.reader, "head": case.head,
            "labels": case.labels, "logits": case.logits,
        }));
    }
    let sequences: Vec<_> = sequences()
        .iter()
        .map(|sequence| json!({"ids": sequence.ids, "type_ids": sequence.type_ids}))
        .collect();
    let all = json!({"sequences": sequences, "cases": list});
    std::fs::write(root.join("cases.json"), all.to_string()).unwrap();
}
