use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::output::outln;
use super::{compose, folders, target};
use crate::error::{Error, Result, escaped};
use crate::folder::{CONFIG, inspect};
use crate::head::{Head, HeadConfig};

/// Says what is in an adapter's or backbone's folder.
#[derive(Args)]
pub(super) struct Arguments {
    /// The folder.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// One JSON line instead of a list.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let folder = &arguments.folder;
    target::finish_interrupted(folder)?;
    let facts = if folder.join(CONFIG).is_file() {
        adapter(arguments)?
    } else if let Some(facts) = compose::inspect_fusion(folder)? {
        facts
    } else if folder.is_dir() {
        if !folder.join("config.json").is_file() {
            folders::refuse_adapters_inside(folder)?;
        }
        backbone(arguments)?
    } else {
        return Err(Error::FileMissing {
            place: folder.display().to_string(),
            file: format!("{CONFIG} or config.json"),
            hint: "name an adapter's or a backbone's folder",
        });
    };
    if arguments.json {
        return folders::print_json(&facts);
    }
    for (name, value) in &facts {
        match value {
            Value::String(text) => outln!("{name:<22} {}", escaped(text))?,
            Value::Array(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|item| item.as_str().map_or_else(|| item.to_string(), escaped))
                    .collect();
                outln!("{name:<22} {}", items.join(", "))?;
            }
            other => outln!("{name:<22} {other}")?,
        }
    }
    Ok(())
}

/// A model's name, where it is known.
fn named(name: &str) -> &str {
    if name.is_empty() {
        "not recorded"
    } else {
        name
    }
}

/// "bottleneckSize" as "bottleneck size".
fn words(name: &str) -> String {
    let word = |letter: char| match letter.is_ascii_uppercase() {
        true => format!(" {}", letter.to_ascii_lowercase()),
        false => letter.to_string(),
    };
    name.chars().map(word).collect()
}

fn adapter(arguments: &Arguments) -> Result<Map<String, Value>> {
    let files = folders::read_adapter(&arguments.folder)?;
    let name = arguments
        .folder
        .file_name()
        .map_or("adapter".into(), |name| name.to_string_lossy());
    let (task, shape) = inspect(&name, &files)?;
    let description = task.adapter.config().describe(&shape);
    let mut facts = Map::new();
    let mut say = |name: &str, value: Value| {
        if !value.is_null() {
            facts.insert(name.to_owned(), value);
        }
    };
    say("kind", json!(task.adapter.config().kind().name));
    say("title", json!(description.title));
    say("format", json!(task.library.title()));
    for (name, size) in description.sizes {
        say(&words(&name), size);
    }
    say("sites", json!(description.sites));
    say("layers", json!(description.layers));
    if !description.saved.is_empty() {
        say("trained whole", json!(description.saved));
    }
    say("parameters", json!(task.parameters()));
    say("bytes", json!(task.bytes));
    say(
        "head",
        json!(task.head.as_ref().map(|head| head.config().pooling)),
    );
    let config = task.head.as_ref().map(Head::config);
    say("pairs", json!(config.and_then(HeadConfig::said_pairs)));
    if let Some(head) = task.unused_head() {
        say(
            "head left out",
            json!(format!("one {head}, which is not computed here")),
        );
    }
    if let Some(elsewhere) = task.original.as_ref().map(|original| original.elsewhere)
        && elsewhere > 0
    {
        say("tensors of the other encoder", json!(elsewhere));
    }
    say("labels", json!(task.card.labels));
    say("task", json!(task.card.task));
    say(
        "metric",
        json!(task.card.metric.as_ref().map(|metric| metric.name())),
    );
    say("dev score", json!(task.card.dev_score));
    say("test score", json!(task.card.test_score));
    say("seed", json!(task.card.seed));
    say("backbone", json!(named(&shape.name)));
    say("hidden size", json!(shape.hidden_size));
    let fingerprint = if shape.fingerprint.is_empty() {
        "not recorded"
    } else {
        &shape.fingerprint
    };
    say("backbone fingerprint", json!(fingerprint));
    Ok(facts)
}

fn backbone(arguments: &Arguments) -> Result<Map<String, Value>> {
    let engine = folders::load_backbone(&arguments.folder)?;
    let shape = engine.backbone().shape();
    let mut facts = Map::new();
    let mut say = |name: &str, value: Value| facts.insert(name.to_owned(), value);
    say("backbone", json!(named(&shape.name)));
    if let Some(manifest) = folders::manifest(&arguments.folder)? {
        say("dtype", json!(manifest.dtype));
        say("bytes", json!(manifest.bytes()));
    }
    say("parameters", json!(shape.parameters));
    say("hidden size", json!(shape.hidden_size));
    say("layers", json!(shape.layers));
    say("heads", json!(shape.heads));
    say(
        "longest text",
        json!(format!("{} tokens", shape.max_tokens)),
    );
    say("pooler", json!(engine.backbone().shape().pooler));
    say("embedding", json!(engine.sentence()));
    say("backbone fingerprint", json!(shape.fingerprint));
    Ok(facts)
}
