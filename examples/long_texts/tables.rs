//! Reads the data, answers, and prints.

mod labels;
mod tags;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use graftlet::Result;
use graftlet::cli::rows;
use graftlet::engine::{Engine, answers};
use graftlet::error::Error;
use graftlet::folder::{Files, TaskAdapter};
use graftlet::head::{Decision, Evaluation, Pooling, pool};
use graftlet::hub::Manifest;
use graftlet::input::text::{Text, Window};
use graftlet::input::{Batch, Sequence};
use graftlet::model::NoHook;
use graftlet::train::{Dataset, Outcomes, Row, Scheme};
use labels::all_labels;
use tags::tags;

use super::documents;
use super::rules::{Rule, Said, VECTORS, norm};

/// Most tokens of a window, and how many those share that a sentence is cut into.
const SIZES: [(usize, usize); 6] = [
    (512, 128),
    (256, 128),
    (128, 64),
    (64, 32),
    (48, 24),
    (32, 16),
];

/// For labels and vectors.
const FEW_SIZES: [(usize, usize); 3] = [(512, 128), (128, 64), (48, 24)];

/// Words of a joined document of tagged sentences; there are about 1.5 tokens to one.
const WORDS: usize = 1000;

struct Folders {
    adapters: PathBuf,
    data: PathBuf,
}

pub(super) fn main() -> ExitCode {
    let mut folders = BTreeMap::new();
    let mut arguments = std::env::args().skip(1);
    while let (Some(name), Some(value)) = (arguments.next(), arguments.next()) {
        folders.insert(name, PathBuf::from(value));
    }
    let folder = |name: &str| folders.get(name).cloned();
    let (Some(backbone), Some(adapters), Some(data)) =
        (folder("--backbone"), folder("--adapters"), folder("--data"))
    else {
        eprintln!("usage: long_texts --backbone DIR --adapters DIR --data DIR");
        return ExitCode::FAILURE;
    };
    let only = folders
        .get("--only")
        .and_then(|only| only.to_str())
        .unwrap_or_default();
    match print_all(&backbone, &Folders { adapters, data }, only) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error[{}]: {error}", error.code());
            ExitCode::FAILURE
        }
    }
}

fn print_all(backbone: &Path, folders: &Folders, only: &str) -> Result<()> {
    let mut engine = load(backbone)?;
    let begin = Instant::now();
    if matches!(only, "" | "tags") {
        tags(&mut engine, folders)?;
    }
    if matches!(only, "" | "labels") {
        all_labels(&mut engine, folders)?;
    }
    if matches!(only, "" | "vectors") {
        all_vectors(&engine, folders)?;
    }
    eprintln!("{:.0} s", begin.elapsed().as_secs_f64());
    Ok(())
}

fn all_vectors(engine: &Engine, folders: &Folders) -> Result<()> {
    println!(
        "\n| documents | rows of the class | window | {} |",
        names(&VECTORS)
    );
    println!("|{}", " --- |".repeat(3 + VECTORS.len()));
    for (task, own, of) in [("trec", 1, 3), ("banking77", 1, 4), ("clinc150", 1, 4)] {
        let read = read(folders, task, "test.csv")?;
        let documents = documents::of_classes(&some_classes(read), own, of, None);
        for size in sizes(&FEW_SIZES) {
            vectors(engine, task, &format!("{own} of {of}"), &documents, size)?;
        }
    }
    Ok(())
}

/// The sizes of the environment's variable SIZES, such as "64:32,32:16", or the table's.
fn sizes(all: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let Ok(chosen) = std::env::var("SIZES") else {
        return all.to_vec();
    };
    let size = |part: &str| {
        let (size, overlap) = part.split_once(':')?;
        Some((size.parse().ok()?, overlap.parse().ok()?))
    };
    chosen.split(',').filter_map(size).collect()
}

fn names(rules: &[Rule]) -> String {
    let names: Vec<&str> = rules.iter().map(|(name, _)| *name).collect();
    names.join(" | ")
}

fn load(folder: &Path) -> Result<Engine> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(Error::io(&path))
    };
    let manifest = Manifest::from_json(Manifest::FILE, &read(Manifest::FILE)?)?;
    Engine::new(
        &read("config.json")?,
        &read("tokenizer.json")?,
        &read(manifest.weights()?)?,
        &manifest.fingerprint,
    )
}

fn read(folders: &Folders, task: &str, file: &str) -> Result<Vec<Row>> {
    Ok(rows::read(&folders.data.join(task).join(file))?.rows)
}

fn add(engine: &mut Engine, folders: &Folders, task: &str) -> Result<std::rc::Rc<TaskAdapter>> {
    let folder = folders.adapters.join(task);
    let mut files = Files::new();
    for entry in std::fs::read_dir(&folder).map_err(Error::io(&folder))? {
        let path = entry.map_err(Error::io(&folder))?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            files.insert(
                name.to_owned(),
                std::fs::read(&path).map_err(Error::io(&path))?,
            );
        }
    }
    engine.add(task, &files)?;
    engine.shared(task)
}

/// The rows of the first twenty classes: with all of them a document would hold a row or two of each.
fn some_classes(rows: Vec<Row>) -> Vec<Row> {
    let mut classes: Vec<Option<String>> = rows.iter().map(|row| row.label.clone()).collect();
    classes.sort();
    classes.dedup();
    classes.truncate(20);
    rows.into_iter()
        .filter(|row| classes.contains(&row.label))
        .collect()
}

fn judge(task: &TaskAdapter, data: &Dataset, outcomes: &Outcomes) -> Result<f64> {
    let Some(head) = &task.head else {
        return Ok(f64::NAN);
    };
    let metric = data.scheme().problem.metric();
    Evaluation::of(data, outcomes, &Decision::of(head)).score(&metric)
}

fn dataset(engine: &Engine, task: &TaskAdapter, rows: &[Row]) -> Result<Dataset> {
    let Some(head) = &task.head else {
        return Err(Error::AdapterNotInUse);
    };
    Dataset::within(
        "documents",
        rows,
        engine.reader(),
        &Scheme::of(head),
        usize::MAX,
    )
}

fn windows(engine: &Engine, text: &Text, size: usize, overlap: usize) -> Result<Vec<Window>> {
    let pieces = engine.tokenizer()?.pieces(text)?;
    Ok(pieces.windows_with(size, overlap)?.windows)
}

#[allow(clippy::cast_precision_loss)]
fn said(engine: &Engine, task: &TaskAdapter, windows: &[Window]) -> Result<Vec<Said>> {
    let sequences: Vec<Sequence> = windows
        .iter()
        .map(|window| window.encoded.clone().into())
        .collect();
    let answers = answers(&**engine.backbone(), task, &sequences, "adapter")?;
    let said = answers
        .into_iter()
        .zip(windows)
        .map(|(answer, window)| Said {
            values: answer.logits,
            weight: window.own() as f32,
        });
    Ok(said.collect())
}

/// How many documents have one of their own class as the nearest, by rule.
#[allow(clippy::cast_precision_loss)]
fn vectors(
    engine: &Engine,
    name: &str,
    what: &str,
    rows: &[Row],
    (size, overlap): (usize, usize),
) -> Result<()> {
    let backbone = &**engine.backbone();
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let mut said = Vec::new();
        for window in windows(engine, documents::text_of(row), size, overlap)? {
            let states = backbone.forward(&Batch::new([&window.encoded]), &NoHook)?;
            let mean = pool(Pooling::Mean, backbone, &NoHook, &states);
            said.push(Said {
                values: mean.data().to_vec(),
                weight: window.own() as f32,
            });
        }
        all.push(said);
    }
    print!("| {name} | {what} | {size} |");
    for (_, rule) in VECTORS {
        let vectors: Vec<Vec<f32>> = all.iter().map(|said| rule(said)).collect();
        let alike = |a: &[f32], b: &[f32]| {
            let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            dot / norm(a) / norm(b)
        };
        let mut right = 0;
        for (index, vector) in vectors.iter().enumerate() {
            let others = (0..vectors.len()).filter(|&other| other != index);
            let nearest = others
                .max_by(|&a, &b| alike(&vectors[a], vector).total_cmp(&alike(&vectors[b], vector)));
            right += usize::from(
                nearest.is_some_and(|nearest| rows[nearest].label == rows[index].label),
            );
        }
        print!(" {:.3} |", right as f64 / rows.len() as f64);
    }
    println!();
    Ok(())
}
