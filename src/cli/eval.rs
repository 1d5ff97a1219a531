use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::backbones::Backbones;
use super::output::outln;
use super::rows::{File, RowOptions};
use super::{folders, media, progress, report};
use crate::engine::head_of;
use crate::error::Result;
use crate::head::{Decision, Evaluation};
use crate::input::Input;
use crate::input::text::LongTexts;
use crate::train::{Dataset, Outcomes, Reading, Scheme};

/// Scores an adapter on labelled rows.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    backbones: Backbones,
    /// Adapter folder, PEFT's or AdapterHub's.
    #[arg(long, value_name = "DIR")]
    adapter: PathBuf,
    /// Rows with labels: CSV, TSV, JSONL, JSON or CoNLL, as for training.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Reads only the beginning of texts that are longer than the model, instead of all of them in windows.
    #[arg(long)]
    truncate: bool,
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
    let file = File::open(path, media::table(path)?, &arguments.rows)?;
    let mut engine = arguments.backbones.load()?;
    let task = folders::load_adapter(&arguments.adapter, &engine)?;
    let head = head_of(&arguments.adapter.display().to_string(), &task)?;
    let scheme = Scheme::of(head);
    let reading = Reading {
        problem: scheme.problem,
        reject: scheme.reject.clone(),
        pairs: Some(scheme.pairs),
    };
    let found = file.rows(&reading, true)?;
    found.refuse_half_pairs(path)?;
    file.announce(scheme.problem);
    found.warn(path);
    drop(file);
    let place = arguments.data.display().to_string();
    let name = arguments.adapter.display().to_string();
    let limit = engine.limit(&*task.adapter);
    let reach = if arguments.truncate {
        engine.set_long_texts(LongTexts::Truncate);
        limit
    } else {
        usize::MAX
    };
    let rows = media::rows(&engine, &arguments.data, &found.rows, false)?;
    let data = Dataset::within(&place, &rows, engine.reader(), &scheme, reach)?;

    let bar = progress::bar(data.len(), "rows");
    let mut outcomes = Outcomes::new(scheme.labels.len());
    let mut windowed = 0;
    for (chunk, first) in rows.chunks(CHUNK).zip((0..).step_by(CHUNK)) {
        let inputs: Vec<Input> = chunk.iter().map(|row| row.input.clone()).collect();
        let answers = engine
            .answer(&task, &inputs, &name)
            .map_err(|error| error.behind(first))?;
        for (row, answer) in (first..).zip(answers) {
            outcomes.add(&data, row, &answer.logits);
            windowed += usize::from(answer.windows > 1);
        }
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();

    let evaluation = Evaluation::of(&data, &outcomes, &Decision::of(head));
    let metric = task.card.metric.clone();
    let metric = metric.unwrap_or_else(|| scheme.problem.metric());
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
        line.insert("windowed".into(), json!(windowed));
        line.insert("truncated".into(), json!(data.truncated()));
        line.insert("per_label".into(), json!(evaluation.per_label));
        line.insert("confusion".into(), json!(evaluation.confusion));
        return folders::print_json(&line);
    }
    outln!(
        "{} {score:.4} on {} rows, loss {:.4}",
        metric.name(),
        evaluation.rows,
        evaluation.loss
    )?;
    for (name, score) in &evaluation.scores {
        outln!("{name:<24} {score:>9.4}")?;
    }
    report::print_labels(&evaluation)?;
    if windowed > 0 {
        outln!("{windowed} texts were longer than {limit} tokens and read in windows")?;
    }
    if data.truncated() > 0 {
        let cut = data.truncated();
        outln!("{cut} texts were longer than {limit} tokens; their ends were not read")?;
    }
    Ok(())
}
