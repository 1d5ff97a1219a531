use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::rows::{File, RowOptions};
use super::{folders, progress, report};
use crate::engine::answers;
use crate::error::{Error, Result};
use crate::text::Encoded;
use crate::train::{Dataset, Decision, Evaluation, Outcomes, Reading, Scheme, default_metric};

/// Scores an adapter on labelled rows.
#[derive(Args)]
pub(super) struct Arguments {
    /// Backbone folder.
    #[arg(long, value_name = "DIR")]
    backbone: PathBuf,
    /// Adapter folder, PEFT's or AdapterHub's.
    #[arg(long, value_name = "DIR")]
    adapter: PathBuf,
    /// Rows with labels: CSV, TSV, JSONL, JSON or CoNLL, as for training.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// One JSON line instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    rows: RowOptions,
}

/// Rows answered between two movements of the progress bar.
const CHUNK: usize = 64;

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let path = &arguments.data;
    let file = File::open(path, folders::read(path)?, &arguments.rows)?;
    let engine = folders::load_backbone(&arguments.backbone)?;
    let task = folders::load_adapter(&arguments.adapter, &engine)?;
    let head = task.head.as_ref().ok_or_else(|| Error::FileMissing {
        place: arguments.adapter.display().to_string(),
        file: "head".into(),
        hint: "only an adapter with one can be scored",
    })?;
    let scheme = Scheme::of(head);
    let reading = Reading {
        problem: scheme.problem,
        reject: scheme.reject.clone(),
    };
    let found = file.rows(&reading, true)?;
    found.refuse_half_pairs(path)?;
    file.announce(scheme.problem);
    found.warn(path);
    drop(file);
    let place = arguments.data.display().to_string();
    let data = Dataset::with_scheme(&place, &found.rows, engine.tokenizer(), &scheme)?;
    drop(found.rows);

    let bar = progress::bar(data.len(), "rows");
    let mut outcomes = Outcomes::new(scheme.labels.len());
    let order: Vec<usize> = (0..data.len()).collect();
    for chunk in order.chunks(CHUNK) {
        let tokens: Vec<Encoded> = chunk.iter().map(|&row| data.tokens(row)).collect();
        let answers = answers(&**engine.backbone(), &task, &tokens, "adapter")?;
        for (&row, answer) in chunk.iter().zip(answers) {
            outcomes.add(&data, row, &answer.logits);
        }
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();

    let evaluation = Evaluation::of(&data, &outcomes, &Decision::of(head));
    let metric = task.card.metric.clone();
    let metric = metric.unwrap_or_else(|| default_metric(scheme.problem));
    let score = evaluation.score(&metric)?;
    if arguments.json {
        let mut line = serde_json::Map::new();
        line.insert("metric".into(), json!(metric.name()));
        line.insert("score".into(), json!(score));
        line.insert("n".into(), json!(evaluation.rows));
        let scores = evaluation.scores.iter();
        line.extend(scores.map(|(name, score)| ((*name).to_owned(), json!(score))));
        line.insert("loss".into(), json!(evaluation.loss));
        line.insert("skipped".into(), json!(found.skipped.len()));
        line.insert("truncated".into(), json!(data.truncated()));
        line.insert("per_label".into(), json!(evaluation.per_label));
        line.insert("confusion".into(), json!(evaluation.confusion));
        return folders::print_json(&line);
    }
    println!(
        "{} {score:.4} on {} rows, loss {:.4}",
        metric.name(),
        evaluation.rows,
        evaluation.loss
    );
    for (name, score) in &evaluation.scores {
        println!("{name:<24} {score:>9.4}");
    }
    report::print_labels(&evaluation);
    if data.truncated() > 0 {
        println!(
            "{} texts were longer than {} tokens and cut",
            data.truncated(),
            engine.tokenizer().max_tokens()
        );
    }
    Ok(())
}
