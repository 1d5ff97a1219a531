//! Reads the data, answers, and prints.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use graftlet::Result;
use graftlet::cli::rows;
use graftlet::engine::{Engine, answers};
use graftlet::error::Error;
use graftlet::folder::{Files, TaskAdapter};
use graftlet::head::{Decision, Evaluation};
use graftlet::head::{Pooling, pool};
use graftlet::hub::Manifest;
use graftlet::input::text::{Batch, Encoded, LongTexts, Text, Window};
use graftlet::model::NoHook;
use graftlet::train::{Dataset, Outcomes, Row, Scheme};

use super::documents;
use super::rules::{LOGITS, Rule, Said, VECTORS, norm};

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

fn all_labels(engine: &mut Engine, folders: &Folders) -> Result<()> {
    println!(
        "\n| documents | rows of the class | window | windows | score | {} |",
        names(&LOGITS)
    );
    println!("|{}", " --- |".repeat(5 + LOGITS.len()));
    let sets = [
        ("sst2", 1, 1, None),
        ("sst2", 2, 3, None),
        ("trec", 1, 1, None),
        ("trec", 1, 2, None),
        ("sms_spam", 1, 4, Some("ham")),
        ("clickbait", 2, 3, None),
        ("goemotions_ekman", 1, 1, Some("neutral")),
        ("goemotions_ekman", 1, 2, Some("neutral")),
    ];
    for (task, own, of, neutral) in sets {
        let read = read(folders, task, "test.csv")?;
        let documents = documents::of_classes(&read, own, of, neutral);
        labels(engine, folders, task, &format!("{own} of {of}"), &documents)?;
    }
    let read_pairs = read(folders, "stsb", "test.csv")?;
    for (one_long, what) in [(false, "both long"), (true, "one long")] {
        let documents = documents::of_pairs(&read_pairs, one_long);
        labels(engine, folders, "stsb", what, &documents)?;
    }
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

/// F1 of joined sentences, by overlap and rule, beside that of the sentences themselves.
fn tags(engine: &mut Engine, folders: &Folders) -> Result<()> {
    let sentences = read(folders, "wnut17", "test.conll")?;
    let documents = documents::sentences(&sentences, WORDS, " ");
    let lines = documents::sentences(&sentences, WORDS, "\n");
    let task = add(engine, folders, "wnut17")?;
    let covered: usize = documents
        .iter()
        .map(|row| row.text.first.split(' ').count())
        .sum();
    // the sentences that the documents are made of
    let mut words = 0;
    let alone: Vec<Row> = sentences
        .into_iter()
        .take_while(|row| {
            words += row.text.first.split(' ').count();
            words <= covered
        })
        .collect();
    println!(
        "wnut17: {} sentences, {} documents of {WORDS} words and more",
        alone.len(),
        documents.len()
    );
    println!("\n| read | F1 |\n| --- | --- |");
    let (f1, _) = engine_f1(engine, &task, &alone)?;
    println!("| single sentences | {f1:.4} |");
    engine.set_long_texts(LongTexts::Truncate);
    let (f1, _) = engine_f1(engine, &task, &documents)?;
    println!("| documents, cut at the limit | {f1:.4} |");
    engine.set_long_texts(LongTexts::Windows);
    let (f1, windows) = engine_f1(engine, &task, &documents)?;
    println!("| documents, as the engine reads them ({windows} windows) | {f1:.4} |");
    let (f1, windows) = engine_f1(engine, &task, &lines)?;
    println!(
        "| documents joined by line breaks, as the engine reads them ({windows} windows) | {f1:.4} |"
    );
    println!(
        "\n| window | overlap | windows | the window with the most context | mean of logits |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for (size, overlap) in sizes(&SIZES) {
        let (count, [nearest, mean]) = rules_f1(engine, &task, &documents, size, overlap)?;
        println!("| {size} | {overlap} | {count} | {nearest:.4} | {mean:.4} |");
    }
    Ok(())
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
        engine.tokenizer(),
        &Scheme::of(head),
        usize::MAX,
    )
}

/// The score of the engine's own answers, and the number of windows. Words behind the limit have the label "O" if
/// they are not read.
fn engine_f1(engine: &Engine, task: &TaskAdapter, rows: &[Row]) -> Result<(f64, usize)> {
    let data = dataset(engine, task, rows)?;
    let mut outcomes = Outcomes::new(data.labels().len());
    let (mut windows, width) = (0, data.labels().len());
    let outside = data.labels().iter().position(|label| label == "O");
    for (index, row) in rows.iter().enumerate() {
        let mut answers = engine.answer(task, std::slice::from_ref(&row.text), "adapter")?;
        if let Some(mut answer) = answers.pop() {
            windows += answer.windows;
            while answer.logits.len() < data.length(index) * width {
                let label = answer.logits.len() % width;
                answer
                    .logits
                    .push(if Some(label) == outside { 1.0 } else { 0.0 });
            }
            outcomes.add(&data, index, &answer.logits);
        }
    }
    Ok((judge(task, &data, &outcomes)?, windows))
}

/// The number of windows, and F1 by either rule.
fn rules_f1(
    engine: &Engine,
    task: &TaskAdapter,
    rows: &[Row],
    size: usize,
    overlap: usize,
) -> Result<(usize, [f64; 2])> {
    let data = dataset(engine, task, rows)?;
    let width = data.labels().len();
    let mut outcomes = [Outcomes::new(width), Outcomes::new(width)];
    let mut count = 0;
    for (index, row) in rows.iter().enumerate() {
        let windows = windows(engine, &row.text, size, overlap)?;
        count += windows.len();
        let mut nearest = vec![0.0; data.length(index) * width];
        let mut sums = nearest.clone();
        for (window, said) in windows.iter().zip(said(engine, task, &windows)?) {
            // the places of its other tokens follow from that of one of its own, special tokens apart
            let own = window.places.iter().enumerate().skip(1);
            let Some((token, place)) = { own }.find_map(|(token, place)| Some((token, (*place)?)))
            else {
                continue;
            };
            let first = place as usize - token;
            let last = window.encoded.ids.len() - 1;
            for (token, said) in said
                .values
                .chunks_exact(width)
                .enumerate()
                .take(last)
                .skip(1)
            {
                let at = (first + token) * width..(first + token + 1) * width;
                sums[at.clone()]
                    .iter_mut()
                    .zip(said)
                    .for_each(|(sum, x)| *sum += x);
                if window.places[token].is_some() {
                    nearest[at].copy_from_slice(said);
                }
            }
        }
        outcomes[0].add(&data, index, &nearest);
        outcomes[1].add(&data, index, &sums);
    }
    let [nearest, sums] = outcomes;
    Ok((
        count,
        [judge(task, &data, &nearest)?, judge(task, &data, &sums)?],
    ))
}

fn windows(engine: &Engine, text: &Text, size: usize, overlap: usize) -> Result<Vec<Window>> {
    let pieces = engine.tokenizer().pieces(text)?;
    Ok(pieces.windows_with(size, overlap)?.windows)
}

#[allow(clippy::cast_precision_loss)]
fn said(engine: &Engine, task: &TaskAdapter, windows: &[Window]) -> Result<Vec<Said>> {
    let encoded: Vec<Encoded> = windows
        .iter()
        .map(|window| window.encoded.clone())
        .collect();
    let answers = answers(&**engine.backbone(), task, &encoded, "adapter")?;
    let said = answers
        .into_iter()
        .zip(windows)
        .map(|(answer, window)| Said {
            values: answer.logits,
            weight: window.own() as f32,
        });
    Ok(said.collect())
}

/// A line of the table of scores by rule.
fn labels(
    engine: &mut Engine,
    folders: &Folders,
    name: &str,
    what: &str,
    rows: &[Row],
) -> Result<()> {
    for (size, overlap) in sizes(&FEW_SIZES) {
        labels_by(engine, folders, (name, what), rows, (size, overlap))?;
    }
    Ok(())
}

fn labels_by(
    engine: &mut Engine,
    folders: &Folders,
    (name, what): (&str, &str),
    rows: &[Row],
    (size, overlap): (usize, usize),
) -> Result<()> {
    let task = add(engine, folders, name)?;
    let data = dataset(engine, &task, rows)?;
    let mut all = Vec::with_capacity(rows.len());
    let mut count = 0;
    for row in rows {
        let windows = windows(engine, &row.text, size, overlap)?;
        count += windows.len();
        all.push(said(engine, &task, &windows)?);
    }
    let metric = data.scheme().problem.metric().name();
    print!(
        "| {name} | {what} | {size} | {} | {metric} |",
        count / rows.len()
    );
    for (_, rule) in LOGITS {
        let mut outcomes = Outcomes::new(data.labels().len());
        for (index, said) in all.iter().enumerate() {
            outcomes.add(&data, index, &rule(said));
        }
        print!(" {:.3} |", judge(&task, &data, &outcomes)?);
    }
    println!();
    Ok(())
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
        for window in windows(engine, &row.text, size, overlap)? {
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
