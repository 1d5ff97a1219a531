use std::path::PathBuf;

use clap::Args;

use super::{folders, progress, rows};
use crate::adapter::format;
use crate::adapter::preset;
use crate::error::Result;
use crate::hub::sha256;
use crate::train::{Dataset, Event, Settings, Trainer};

/// Trains an adapter on labelled rows.
#[derive(Args)]
pub(super) struct Arguments {
    /// Backbone folder.
    #[arg(long, value_name = "DIR")]
    backbone: PathBuf,
    /// Rows to learn from: CSV, TSV or JSONL with text[,text2],label.
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
    /// JSON file with settings: epochs, batch_size, learning_rate, rank, targets, …
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Seed of initialisation, split and order.
    #[arg(long)]
    seed: Option<u64>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let preset = preset(&arguments.kind)?;
    let mut settings = settings(arguments)?;
    settings.seed = arguments.seed.or(settings.seed);
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
    let train = Dataset::for_training(&place, &train_rows, engine.tokenizer())?;
    let (train, dev) = match (&dev_rows, &arguments.dev) {
        (Some(rows), Some(path)) => {
            let place = path.display().to_string();
            let dev = Dataset::with_labels(&place, rows, engine.tokenizer(), &train.labels)?;
            (train, dev)
        }
        _ => {
            let resolved = settings.resolve(train.examples.len())?;
            train.split(resolved.dev_share, resolved.seed)
        }
    };
    let backbone = engine.backbone().clone();
    let mut trainer = Trainer::new(backbone, preset, settings, train, dev)?;
    tracing::debug!(settings = ?trainer.resolved(), steps = trainer.steps(), "training");
    let bar = progress::bar(trainer.steps(), preset.title);
    let mut losses = (0.0, 0usize);
    loop {
        match trainer.step()? {
            Event::Step { loss, .. } => {
                losses = (losses.0 + loss, losses.1 + 1);
                bar.inc(1);
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
            }
            Event::Done {
                metric,
                score,
                parameters,
                ..
            } => {
                bar.finish_and_clear();
                eprintln!("best dev {metric} {score:.4}, {parameters} trainable parameters");
                break;
            }
        }
    }

    let mut task = trainer.finish()?;
    task.card.data_sha256 = Some(data_sha256);
    let name = arguments
        .out
        .file_name()
        .map_or("adapter".into(), |name| name.to_string_lossy());
    let files = format::save(&task, &name, task.library, engine.backbone().shape())?;
    folders::write(&arguments.out, &files)?;
    eprintln!("written: {}", arguments.out.display());
    Ok(())
}

fn settings(arguments: &Arguments) -> Result<Settings> {
    match &arguments.config {
        Some(path) => Settings::from_json(&path.display().to_string(), &folders::read(path)?),
        None => Ok(Settings::default()),
    }
}
