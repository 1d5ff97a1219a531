use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::backbones::Backbones;
use super::output::outln;
use super::rows::RowOptions;
use super::train::{problems, settings, usable};
use super::{folders, media, progress};
use crate::engine::Engine;
use crate::error::Result;
use crate::head::ProblemName;
use crate::train::{Dataset, Scheme, Settings, SuggestEvent, Suggester, Suggestion};

/// Compares a head alone, LoRA and a bottleneck on a few rows, and says what to train.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    backbones: Backbones,
    /// Rows to learn from: CSV, TSV, JSONL, JSON or CoNLL, as for training.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// JSON file with settings, as for training.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Seed of the folds and runs.
    #[arg(long)]
    seed: Option<u64>,
    /// What the labels say; without it what they look like.
    #[arg(long, value_parser = problems())]
    problem: Option<ProblemName>,
    /// The label of texts that have none of the other labels.
    #[arg(long, value_name = "LABEL")]
    reject: Option<String>,
    /// One JSON line instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    rows: RowOptions,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let settings = settings(
        arguments.config.as_deref(),
        arguments.seed,
        arguments.problem,
        arguments.reject.as_ref(),
    )?;
    let content = media::table(&arguments.data)?;
    let (reading, mut found) = usable(&arguments.data, content, &settings, &arguments.rows, false)?;
    let engine = arguments.backbones.load()?;
    let place = arguments.data.display().to_string();
    let made = media::in_background(&engine, &arguments.data, &mut found, &settings)?;
    let scheme = Scheme::found_in(&place, &found.rows, &reading)?;
    let data = media::dataset(&engine, &arguments.data, &found, made, &scheme)?;
    let suggestion = suggest(&engine, data, settings)?;
    if arguments.json {
        return folders::print_json(&suggestion);
    }
    outln!(
        "{:<10} {:>9} {:>9} {:>9}",
        "kind",
        suggestion.metric,
        "gain",
        "error"
    )?;
    for candidate in &suggestion.candidates {
        outln!(
            "{:<10} {:>9.4} {:>9.4} {:>9.4}",
            candidate.kind,
            candidate.mean,
            candidate.gain,
            candidate.error
        )?;
    }
    outln!("train {}", suggestion.choice)?;
    Ok(())
}

/// Compares to the end, with a progress bar.
pub(super) fn suggest(engine: &Engine, data: Dataset, settings: Settings) -> Result<Suggestion> {
    let mut suggester = Suggester::new(Arc::clone(engine.backbone()), data, settings)?;
    let bar = progress::bar(PARTS, "comparing");
    loop {
        match suggester.step()? {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            SuggestEvent::Working { kind, done } | SuggestEvent::Scored { kind, done, .. } => {
                bar.set_position((done * PARTS as f64) as u64);
                bar.set_prefix(kind);
            }
            SuggestEvent::Done { suggestion } => {
                bar.finish_and_clear();
                return Ok(suggestion);
            }
        }
    }
}

/// Parts of the progress bar.
const PARTS: usize = 1000;
