//! The tasks, their training, and what became of the earlier ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use graftlet::Result;
use graftlet::adapter::preset;
use graftlet::cli::rows;
use graftlet::engine::Engine;
use graftlet::error::Error;
use graftlet::hub::{Manifest, sha256};
use graftlet::input::Input;
use graftlet::model::{Anatomy, Checkpoint, SentenceEmbedding};
use graftlet::train::{Dataset, Event, Row, Settings, Trainer};

const TASKS: [&str; 10] = [
    "sst2",
    "trec",
    "sms_spam",
    "banking77",
    "clinc150",
    "clickbait",
    "cola",
    "language",
    "mrpc",
    "rte",
];
const KIND: &str = "lora";
/// Rows of a task to learn from, and at least so many of each class.
const TRAIN_ROWS: usize = 400;
const ROWS_OF_A_CLASS: usize = 4;
const DEV_ROWS: usize = 100;
const TEST_ROWS: usize = 200;
const EPOCHS: usize = 4;

/// What is remembered of a task when it has been learnt.
struct Learnt {
    name: &'static str,
    rows: usize,
    classes: usize,
    texts: Vec<Input>,
    labels: Vec<String>,
    /// Of its test logits, in order.
    bits: Vec<u32>,
    score: f64,
    bytes: usize,
}

pub(super) fn main() -> ExitCode {
    let mut folders = BTreeMap::new();
    let mut arguments = std::env::args().skip(1);
    while let (Some(name), Some(value)) = (arguments.next(), arguments.next()) {
        folders.insert(name, PathBuf::from(value));
    }
    let (Some(backbone), Some(data)) = (folders.get("--backbone"), folders.get("--data")) else {
        eprintln!("usage: continual_learning --backbone DIR --data DIR");
        return ExitCode::FAILURE;
    };
    match run(backbone, data) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(changed) => {
            eprintln!("{changed} logits changed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error[{}]: {error}", error.code());
            ExitCode::FAILURE
        }
    }
}

/// Number of logits of any task that changed after it was learnt, over all comparisons.
fn run(backbone: &Path, data: &Path) -> Result<usize> {
    let begin = Instant::now();
    let (mut engine, dtype, bytes) = load(backbone)?;
    let hash = engine.backbone().hash();
    let mut learnt: Vec<Learnt> = Vec::new();
    let (mut compared, mut changed) = (0, 0);
    for name in TASKS {
        let start = Instant::now();
        let task = learn(&mut engine, name, &data.join(name))?;
        for earlier in &learnt {
            let (bits, _) = answers(&engine, earlier)?;
            compared += bits.len();
            changed += differing(&bits, &earlier.bits);
        }
        if engine.backbone().hash() != hash {
            eprintln!("{name} changed the backbone");
            return Ok(usize::MAX);
        }
        eprintln!(
            "{name}: {:.3} in {:.0} s; {compared} logits of earlier tasks compared, {changed} changed",
            task.score,
            start.elapsed().as_secs_f64()
        );
        learnt.push(task);
    }
    println!(
        "| task | classes | rows learnt from | after its own training | after all ten | logits compared | changed | adapter |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for task in &learnt {
        let (bits, score) = answers(&engine, task)?;
        println!(
            "| `{}` | {} | {} | {:.3} | {score:.3} | {} | {} | {} |",
            task.name,
            task.classes,
            task.rows,
            task.score,
            bits.len(),
            differing(&bits, &task.bits),
            kilobytes(task.bytes),
        );
    }
    let adapters: usize = learnt.iter().map(|task| task.bytes).sum();
    let parameters = engine.backbone().shape().parameters;
    println!();
    println!("| on disk | size |");
    println!("| --- | --- |");
    println!("| one backbone, {dtype} | {} |", megabytes(bytes));
    println!(
        "| ten adapters with their heads | {} |",
        megabytes(adapters)
    );
    println!("| **together** | **{}** |", megabytes(bytes + adapters));
    println!(
        "| ten copies of the model, {dtype} | {} |",
        megabytes(10 * bytes)
    );
    println!(
        "| ten copies of the model, f32 | {} |",
        megabytes(10 * 4 * parameters)
    );
    println!();
    println!(
        "{compared} logits of earlier tasks were compared after the ten trainings, {changed} had other bits. \
         The backbone's hash is {}… before and after. {:.0} seconds.",
        &hash[..16],
        begin.elapsed().as_secs_f64()
    );
    Ok(changed)
}

/// The backbone with the type of its weights and the length of their file.
fn load(folder: &Path) -> Result<(Engine, String, usize)> {
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(Error::io(&path))
    };
    let manifest = Manifest::from_json(Manifest::FILE, &read(Manifest::FILE)?)?;
    let weights = read(manifest.weights()?)?;
    let mut config = Anatomy::from_json(&read("config.json")?)?;
    config.name.clone_from(&manifest.name);
    let engine = Engine::assemble(
        &config,
        &read("tokenizer.json")?,
        &Checkpoint::single(&weights),
        &manifest.fingerprint,
        SentenceEmbedding::default(),
    )?;
    Ok((engine, manifest.dtype, weights.len()))
}

/// Trains a task's adapter and puts it into the engine.
fn learn(engine: &mut Engine, name: &'static str, folder: &Path) -> Result<Learnt> {
    let read = |file: &str| Ok::<_, Error>(rows::read(&folder.join(file))?.rows);
    let all = read("train.csv")?;
    let classes = classes(&all);
    let train = balanced(&all, TRAIN_ROWS.max(ROWS_OF_A_CLASS * classes));
    let dev = balanced(&read("dev.csv")?, DEV_ROWS);
    let test = balanced(&read("test.csv")?, TEST_ROWS);
    let reader = engine.reader();
    let rows = train.len();
    let data_sha256 = sha256(format!("{train:?}").as_bytes());
    let train = Dataset::for_training(name, &train, reader)?;
    let dev = Dataset::with_labels(name, &dev, reader, train.labels())?;
    let settings = Settings {
        epochs: Some(EPOCHS),
        seed: Some(1),
        half: Some(true),
        task: Some(name.to_owned()),
        ..Settings::default()
    };
    let backbone = Arc::clone(engine.backbone());
    let mut trainer = Trainer::new(backbone, preset(KIND)?, settings, train, dev)?;
    while !matches!(trainer.step()?, Event::Done { .. }) {}
    let mut adapter = trainer.finish()?;
    adapter.card.data_sha256 = Some(data_sha256);
    let library = adapter.library;
    engine.insert(name, adapter);
    let files = engine.export(name, library)?;
    let mut task = Learnt {
        name,
        rows,
        classes,
        texts: test.iter().map(|row| row.input.clone()).collect(),
        labels: test.into_iter().filter_map(|row| row.label).collect(),
        bits: Vec::new(),
        score: 0.0,
        bytes: files.values().map(Vec::len).sum(),
    };
    (task.bits, task.score) = answers(engine, &task)?;
    Ok(task)
}

/// The bits of all test logits, and the share of right answers.
#[allow(clippy::cast_precision_loss)]
fn answers(engine: &Engine, task: &Learnt) -> Result<(Vec<u32>, f64)> {
    let answers = engine.classify_with(task.name, &task.texts)?;
    let labels = &engine.get(task.name)?.card.labels;
    let is_right = |(answer, label): (&graftlet::engine::Answer, &String)| {
        answer
            .label()
            .is_some_and(|(best, _)| labels[best] == *label)
    };
    let right = answers
        .iter()
        .zip(&task.labels)
        .filter(|pair| is_right(*pair))
        .count();
    let bits = answers.iter().flat_map(|answer| &answer.logits);
    Ok((
        bits.map(|x| x.to_bits()).collect(),
        right as f64 / answers.len() as f64,
    ))
}

fn differing(found: &[u32], expected: &[u32]) -> usize {
    let pairs = found.iter().zip(expected);
    pairs.filter(|(a, b)| a != b).count() + found.len().abs_diff(expected.len())
}

fn classes(rows: &[Row]) -> usize {
    let labels: std::collections::BTreeSet<_> = rows.iter().map(|row| &row.label).collect();
    labels.len()
}

/// The first rows of each class in turn, until there are `count`.
fn balanced(rows: &[Row], count: usize) -> Vec<Row> {
    let mut seen: BTreeMap<&Option<String>, usize> = BTreeMap::new();
    let mut numbered: Vec<(usize, &Row)> = rows
        .iter()
        .map(|row| {
            let before = seen.entry(&row.label).or_default();
            *before += 1;
            (*before, row)
        })
        .collect();
    // stable, so that rows of one number stay in the file's order
    numbered.sort_by_key(|(number, _)| *number);
    numbered
        .into_iter()
        .take(count)
        .map(|(_, row)| row.clone())
        .collect()
}

#[allow(clippy::cast_precision_loss)]
fn kilobytes(bytes: usize) -> String {
    format!("{:.0} KB", bytes as f64 / 1e3)
}

#[allow(clippy::cast_precision_loss)]
fn megabytes(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
