use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{folders, progress, rows};
use crate::engine::answers;
use crate::error::{Error, Result};
use crate::head::{HeadConfig, Problem};
use crate::train::{Dataset, Evaluation, row_loss};

/// Scores an adapter on labelled rows.
#[derive(Args)]
pub(super) struct Arguments {
    /// Backbone folder.
    #[arg(long, value_name = "DIR")]
    backbone: PathBuf,
    /// Adapter folder, PEFT's or AdapterHub's.
    #[arg(long, value_name = "DIR")]
    adapter: PathBuf,
    /// Rows with labels: CSV, TSV or JSONL.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// One JSON line instead of a table.
    #[arg(long)]
    json: bool,
}

/// Rows answered between two movements of the progress bar.
const CHUNK: usize = 64;

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let rows = rows::read(&arguments.data)?;
    let engine = folders::load_backbone(&arguments.backbone)?;
    let task = folders::load_adapter(&arguments.adapter, &engine)?;
    let HeadConfig {
        problem, labels, ..
    } = task
        .head
        .as_ref()
        .map(|head| head.config().clone())
        .ok_or_else(|| Error::FileMissing {
            place: arguments.adapter.display().to_string(),
            file: "classification head".into(),
            hint: "only an adapter with one can be scored",
        })?;
    if problem != Problem::SingleLabel {
        return Err(Error::OptionInvalid {
            option: "adapter",
            value: arguments.adapter.display().to_string(),
            reason: format!(
                "its head answers {}, and rows of one label score one that answers one label",
                problem.title()
            ),
        });
    }
    let place = arguments.data.display().to_string();
    let data = Dataset::with_labels(&place, &rows, engine.tokenizer(), &labels)?;

    let bar = progress::bar(data.examples.len(), "rows");
    let mut evaluation = Evaluation::new(&labels);
    let mut truncated = 0;
    for chunk in data.examples.chunks(CHUNK) {
        let tokens: Vec<_> = chunk.iter().map(|example| example.tokens.clone()).collect();
        let answers = answers(&**engine.backbone(), &task, &tokens, "adapter")?;
        for (example, answer) in chunk.iter().zip(answers) {
            let (best, _) = answer.label().unwrap_or_default();
            evaluation.add(example.label, best, row_loss(&answer.logits, example.label));
            truncated += usize::from(answer.truncated);
        }
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();

    let metric = task.card.metric.clone().unwrap_or_default();
    let score = evaluation.score(&metric)?;
    if arguments.json {
        return folders::print_json(&json!({
            "metric": metric.name(),
            "score": score,
            "n": evaluation.rows(),
            "accuracy": evaluation.accuracy(),
            "loss": evaluation.loss,
            "truncated": truncated,
            "per_label": evaluation.per_label(),
            "confusion": evaluation.confusion,
        }));
    }
    println!(
        "{} {score:.4} on {} rows, loss {:.4}",
        metric.name(),
        evaluation.rows(),
        evaluation.loss
    );
    println!(
        "{:<24} {:>9} {:>9} {:>9} {:>7}",
        "label", "precision", "recall", "f1", "rows"
    );
    for label in evaluation.per_label() {
        println!(
            "{:<24} {:>9.4} {:>9.4} {:>9.4} {:>7}",
            label.label, label.precision, label.recall, label.f1, label.rows
        );
    }
    if truncated > 0 {
        println!(
            "{truncated} texts were longer than {} tokens and cut",
            engine.tokenizer().max_tokens()
        );
    }
    Ok(())
}
