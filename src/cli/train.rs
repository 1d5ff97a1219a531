mod replay;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::backbones::Backbones;
use super::output::errln;
use super::rows::{File, Found, RowOptions};
use super::target::Target;
use super::{compose, folders, media, progress, report, suggest};
use crate::adapter::{self, Preset, presets};
use crate::compose::fusion::{self, preset};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::folder::{self, Member};
use crate::head::{PROBLEMS, ProblemName};
use crate::hub::sha256;
use crate::train::{Dataset, Event, Reading, Settings, Trainer, preset_of};

use replay::replayed;

fn kind_help() -> String {
    let names: Vec<&str> = presets().map(|preset| preset.name).collect();
    format!(
        "Kind of adapter: {}. fusion goes with --fuse; auto takes what `graftlet suggest` says. Not needed with --from",
        names.join(", ")
    )
}

fn config_help() -> String {
    let (mut own, mut peft) = (Vec::new(), Vec::new());
    for setting in adapter::settings() {
        let names = [&[setting.name], setting.others].concat().join("/");
        if !own.contains(&names) {
            own.push(names);
        }
    }
    for setting in adapter::peft_settings().filter(|setting| setting.name != "target_modules") {
        if !peft.contains(&setting.name) {
            peft.push(setting.name);
        }
    }
    format!(
        "JSON file with settings of the run (learning_rate, num_train_epochs, …) and of the adapter: {}; PEFT's \
         target_modules, {}. docs/training.md explains them",
        own.join(", "),
        peft.join(", ")
    )
}

/// Trains an adapter on labelled rows.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    backbones: Backbones,
    /// Rows to learn from: CSV, TSV, JSONL, JSON or CoNLL. Format, columns and what the labels say are found by
    /// looking, and said on standard error.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Rows to choose the best epoch by; without them a part of the data is held out.
    #[arg(long, value_name = "FILE")]
    dev: Option<PathBuf>,
    #[arg(long, required_unless_present = "from", help = kind_help())]
    kind: Option<String>,
    /// Adapter folder to go on from: all of it is trained further, with its head if the rows have any of its labels.
    /// Labels that it does not have are added.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Rows that the adapter of --from has learnt before, or others like them: half of each batch are of these, so that
    /// they are not forgotten.
    #[arg(long, value_name = "FILE", requires = "from")]
    replay: Option<PathBuf>,
    /// Texts without labels, one per line, with a tab between the two texts of a pair: the adapter keeps what it says of
    /// them. They help where there are no rows to replay.
    #[arg(long, value_name = "FILE", requires = "from")]
    replay_texts: Option<PathBuf>,
    /// Trained bottleneck that a fusion mixes, once for each.
    #[arg(long, value_name = "NAME=DIR")]
    fuse: Vec<String>,
    /// Folder to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[arg(long, value_name = "FILE", help = config_help())]
    config: Option<PathBuf>,
    /// Seed of initialisation, split and order.
    #[arg(long)]
    seed: Option<u64>,
    /// File that keeps the state of the run after each epoch; where it is there the run goes on from it. It
    /// is removed when the adapter is written.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Refuses rows that cannot be used, which are otherwise named and left out.
    #[arg(long)]
    strict: bool,
    /// The report as one JSON line instead of text.
    #[arg(long)]
    json: bool,
    /// What the labels say; without it what they look like.
    #[arg(long, value_parser = problems())]
    problem: Option<ProblemName>,
    /// The label of texts that have none of the other labels.
    #[arg(long, value_name = "LABEL")]
    reject: Option<String>,
    /// The label of recordings of the background: what is learnt from is also mixed with them.
    #[arg(long, value_name = "LABEL")]
    background: Option<String>,
    #[command(flatten)]
    rows: RowOptions,
}

/// The values of `--problem`: the names of the table, and their aliases.
pub(super) fn problems() -> impl TypedValueParser<Value = ProblemName> {
    let values = PROBLEMS.iter().map(|problem| {
        let about = problem.about();
        PossibleValue::new(about.name)
            .help(about.label)
            .aliases(about.aliases)
    });
    PossibleValuesParser::new(values).map(|name| ProblemName::named(&name).unwrap_or_default())
}

/// The kind that stands for what a comparison chooses.
const AUTO: &str = "auto";

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let named = match arguments.kind.as_deref() {
        Some(AUTO) | None => None,
        Some(name) => Some(preset(name)?),
    };
    check_start(arguments)?;
    let mut settings = settings(
        arguments.config.as_deref(),
        arguments.seed,
        arguments.problem,
        arguments.reject.as_ref(),
    )?;
    settings.background = arguments.background.clone().or(settings.background);
    let out = Target::adapter("--out", &arguments.out)?;
    let engine = arguments.backbones.load()?;
    settings.members = compose::members(&engine, &arguments.fuse)?;
    if let Some(folder) = &arguments.from {
        settings.start = Some(start(folder, named, &engine)?);
    }
    let content = media::table(&arguments.data)?;
    let data_sha256 = sha256(&content);
    let (reading, mut train_rows) = usable(
        &arguments.data,
        content,
        &settings,
        &arguments.rows,
        arguments.strict,
    )?;

    let place = arguments.data.display().to_string();
    let old = replayed(arguments, &reading)?;
    let made = media::in_background(&engine, &arguments.data, &mut train_rows, &settings)?;
    let scheme = settings.scheme(&place, &train_rows.rows, &old.rows, &reading)?;
    let train = media::dataset(&engine, &arguments.data, &train_rows, made, &scheme)?;
    let (train, dev, dev_rows) = match &arguments.dev {
        Some(path) => {
            let (place, scheme) = (path.display().to_string(), train.scheme());
            let file = File::open(path, media::table(path)?, &arguments.rows)?;
            let mut found = file.rows(&reading, true)?;
            found.keep_known(scheme);
            let found = checked(found, path, arguments.strict)?;
            let rows = media::rows(&engine, path, &found.rows, false)?;
            let dev = Dataset::with_scheme(&place, &rows, engine.reader(), scheme)?;
            (train, dev, Some(found))
        }
        None => {
            let (train, dev) = settings.split(train)?;
            (train, dev, None)
        }
    };
    let train = old.beside(train, &engine)?;
    let preset = match (&settings.start, named) {
        (Some(member), _) => preset_of(&member.task, engine.backbone().shape())?,
        (None, Some(preset)) => preset,
        (None, None) => {
            let suggestion = suggest::suggest(&engine, train.clone(), settings.clone())?;
            errln!("kind {}", suggestion.choice);
            preset(suggestion.choice)?
        }
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
    let files = folder::save(&task, &name, task.library, engine.backbone().shape())?;
    out.write(&files)?;
    errln!("written: {}", arguments.out.display());
    if let Some(path) = arguments.checkpoint.as_ref().filter(|path| path.is_file()) {
        std::fs::remove_file(path).map_err(Error::io(path))?;
    }
    let Some(report) = report else {
        return Ok(());
    };
    let dev_rows = dev_rows.as_ref().unwrap_or(&train_rows);
    if arguments.json {
        return folders::print_json(&report::json(&report, &train_rows, dev_rows));
    }
    report::print(&report, &train_rows, dev_rows)
}

/// Refuses options that do not go together.
fn check_start(arguments: &Arguments) -> Result<()> {
    let invalid = |option, value: &str, reason: &str| {
        Err(Error::OptionInvalid {
            option,
            value: value.to_owned(),
            reason: reason.to_owned(),
        })
    };
    let kind = arguments.kind.as_deref();
    let fused = kind == Some(fusion::KIND.name);
    match (&arguments.from, arguments.fuse.as_slice()) {
        (None, []) if fused => invalid(
            "kind",
            "fusion",
            "name the adapters that it mixes with --fuse NAME=DIR each",
        ),
        (None, []) | (Some(_), []) => Ok(()),
        (_, [first, ..]) if !fused => invalid("fuse", first, "only --kind fusion mixes adapters"),
        (Some(folder), _) => invalid(
            "from",
            &folder.display().to_string(),
            "a fusion is always trained from scratch; leave out --from",
        ),
        (None, _) => Ok(()),
    }
}

/// The adapter that is trained further.
fn start(folder: &Path, named: Option<&'static Preset>, engine: &Engine) -> Result<Member> {
    let task = folders::load_adapter(folder, engine)?;
    let own = preset_of(&task, engine.backbone().shape())?;
    if let Some(named) = named.filter(|named| named.name != own.name) {
        return Err(Error::OptionInvalid {
            option: "kind",
            value: named.name.to_owned(),
            reason: format!(
                "the adapter of --from is of kind \"{}\"; leave out --kind",
                own.name
            ),
        });
    }
    Ok(Member {
        name: folder.display().to_string(),
        task: Rc::new(task),
    })
}

/// How a file is read, and its rows that something can be learnt from.
pub(super) fn usable(
    path: &Path,
    content: Vec<u8>,
    settings: &Settings,
    options: &RowOptions,
    strict: bool,
) -> Result<(Reading, Found)> {
    let file = File::open(path, content, options)?;
    let reading = settings.reading(file.problem());
    // one row of a class is enough where an adapter knows others, or where copies of it are made
    let one = settings.start.is_some() || settings.background.is_some();
    let found = file.rows(&reading, one)?;
    if strict {
        found.refuse_skipped(path)?;
    }
    file.announce(reading.problem);
    found.warn(path);
    Ok((reading, found))
}

/// What else is in a file is named on standard error, or refused if `strict`.
fn checked(found: Found, path: &Path, strict: bool) -> Result<Found> {
    if strict {
        found.refuse_skipped(path)?;
    }
    found.warn(path);
    Ok(found)
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
            Event::Working { .. } | Event::Evaluating { .. } => {}
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
                    errln!(
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
                errln!("best dev {metric} {score:.4}, {parameters} trainable parameters");
                return Ok(());
            }
        }
    }
}

/// The settings of a file, and what the command line says.
pub(super) fn settings(
    config: Option<&Path>,
    seed: Option<u64>,
    problem: Option<ProblemName>,
    reject: Option<&String>,
) -> Result<Settings> {
    let mut settings = match config {
        Some(path) => Settings::from_json(&path.display().to_string(), &folders::read(path)?)?,
        None => Settings::default(),
    };
    settings.seed = seed.or(settings.seed);
    settings.problem = problem.or(settings.problem);
    settings.reject = reject.cloned().or(settings.reject);
    Ok(settings)
}
