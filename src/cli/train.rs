use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{folders, progress, report, rows};
use crate::adapter::format;
use crate::adapter::preset;
use crate::error::{Error, Result};
use crate::head::ProblemName;
use crate::hub::sha256;
use crate::train::{Dataset, Event, Settings, Trainer};

/// Trains an adapter on labelled rows.
#[derive(Args)]
pub(super) struct Arguments {
    /// Backbone folder.
    #[arg(long, value_name = "DIR")]
    backbone: PathBuf,
    /// Rows to learn from: CSV, TSV or JSONL with text[,text2],label, or CoNLL.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Rows to choose the best epoch by; without them a part of the data is held out.
    #[arg(long, value_name = "FILE")]
    dev: Option<PathBuf>,
    /// Kind of adapter: lora, houlsby, pfeiffer, parallel, compacter, ia3 or another of the README's list.
    #[arg(long)]
    kind: String,
    /// Folder to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// JSON file with settings: problem, epochs, batch_size, learning_rate, rank, targets, …
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Seed of initialisation, split and order.
    #[arg(long)]
    seed: Option<u64>,
    /// File that keeps the state of the run after each epoch; where it is there the run goes on from it. It
    /// is removed when the adapter is written.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// The report as one JSON line instead of text.
    #[arg(long)]
    json: bool,
    /// What the labels say; without it tags in a CoNLL file and else one label a text.
    #[arg(long, value_enum)]
    problem: Option<ProblemOption>,
    /// The label of texts that have none of the other labels.
    #[arg(long, value_name = "LABEL")]
    reject: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum ProblemOption {
    SingleLabel,
    MultiLabel,
    Regression,
    TokenClassification,
}

impl From<ProblemOption> for ProblemName {
    fn from(option: ProblemOption) -> Self {
        match option {
            ProblemOption::SingleLabel => Self::SingleLabel,
            ProblemOption::MultiLabel => Self::MultiLabel,
            ProblemOption::Regression => Self::Regression,
            ProblemOption::TokenClassification => Self::TokenClassification,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let preset = preset(&arguments.kind)?;
    let mut settings = settings(arguments)?;
    settings.seed = arguments.seed.or(settings.seed);
    settings.problem = arguments
        .problem
        .map(ProblemName::from)
        .or(settings.problem);
    settings.reject = arguments.reject.clone().or(settings.reject);
    let data = folders::read(&arguments.data)?;
    let data_sha256 = sha256(&data);
    let train_rows = rows::parse(&arguments.data, data)?;
    let dev_rows = arguments
        .dev
        .as_ref()
        .map(|dev| rows::read(dev))
        .transpose()?;
    let engine = folders::load_backbone(&arguments.backbone)?;

    let place = arguments.data.display().to_string();
    let reading = settings.reading(rows::problem(&arguments.data));
    let train = Dataset::read(&place, &train_rows, engine.tokenizer(), &reading)?;
    let (train, dev) = match (&dev_rows, &arguments.dev) {
        (Some(rows), Some(path)) => {
            let place = path.display().to_string();
            let dev = Dataset::with_scheme(&place, rows, engine.tokenizer(), train.scheme())?;
            (train, dev)
        }
        _ => settings.split(train)?,
    };
    let backbone = engine.backbone().clone();
    let mut trainer = match &arguments.checkpoint {
        Some(path) if path.is_file() => {
            let checkpoint = folders::read(path)?;
            Trainer::resume(backbone, preset, settings, train, dev, &checkpoint)?
        }
        _ => Trainer::new(backbone, preset, settings, train, dev)?,
    };
    tracing::debug!(settings = ?trainer.resolved(), steps = trainer.steps(), "training");
    train_to_the_end(&mut trainer, preset.title, arguments.checkpoint.as_deref())?;
    let report = trainer.report()?;

    let mut task = trainer.finish()?;
    task.card.data_sha256 = Some(data_sha256);
    let name = arguments
        .out
        .file_name()
        .map_or("adapter".into(), |name| name.to_string_lossy());
    let files = format::save(&task, &name, task.library, engine.backbone().shape())?;
    folders::write(&arguments.out, &files)?;
    eprintln!("written: {}", arguments.out.display());
    if let Some(path) = arguments.checkpoint.as_ref().filter(|path| path.is_file()) {
        std::fs::remove_file(path).map_err(Error::io(path))?;
    }
    match &report {
        Some(report) if arguments.json => folders::print_json(report),
        Some(report) => {
            report::print(
                report,
                &train_rows,
                dev_rows.as_deref().unwrap_or(&train_rows),
            );
            Ok(())
        }
        None => Ok(()),
    }
}

/// Says on standard error how it goes; writes the checkpoint after each epoch.
fn train_to_the_end(
    trainer: &mut Trainer,
    title: &'static str,
    checkpoint: Option<&Path>,
) -> Result<()> {
    let bar = progress::bar(trainer.steps(), title);
    let mut losses = (0.0, 0usize);
    loop {
        match trainer.step()? {
            Event::Step { loss, step, .. } => {
                losses = (losses.0 + loss, losses.1 + 1);
                bar.set_position(step as u64);
                bar.set_prefix(format!("loss {loss:.4}"));
            }
            Event::Evaluating { .. } => {}
            Event::Eval {
                epoch,
                epochs,
                metric,
                score,
                loss,
                best,
                ..
            } => {
                #[allow(clippy::cast_precision_loss)]
                let mean = losses.0 / losses.1.max(1) as f64;
                losses = (0.0, 0);
                let mark = if best { " *" } else { "" };
                bar.suspend(|| {
                    eprintln!(
                        "epoch {epoch}/{epochs}  loss {mean:.4}  dev loss {loss:.4}  dev {metric} {score:.4}{mark}"
                    );
                });
                if let Some(path) = checkpoint {
                    folders::write_file(path, &trainer.checkpoint()?)?;
                }
            }
            Event::Done {
                metric,
                score,
                parameters,
                ..
            } => {
                bar.finish_and_clear();
                eprintln!("best dev {metric} {score:.4}, {parameters} trainable parameters");
                return Ok(());
            }
        }
    }
}

fn settings(arguments: &Arguments) -> Result<Settings> {
    match &arguments.config {
        Some(path) => Settings::from_json(&path.display().to_string(), &folders::read(path)?),
        None => Ok(Settings::default()),
    }
}
