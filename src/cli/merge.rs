use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::folders::{self, OnDisk};
use super::output::outln;
use super::target::{self, Target};
use crate::adapter::format::SIDE_HEAD;
use crate::adapter::merge;
use crate::backbone::folder::{CONFIG, ModelFiles, ModelFolder, TOKENIZER};
use crate::error::{Error, Result};

/// Writes a copy of a model with an adapter merged into its weights, in f32, as transformers and
/// `graftlet convert` read it. The adapter's head stands beside it in graftlet_head.safetensors.
#[derive(Args)]
pub(super) struct Arguments {
    /// Folder of the model: one from a model hub, or a backbone folder.
    #[arg(long, value_name = "MODEL_DIR")]
    from: PathBuf,
    /// Adapter folder, PEFT's or AdapterHub's.
    #[arg(long, value_name = "DIR")]
    adapter: PathBuf,
    /// Folder to write: a new one, or one that an earlier merge wrote.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

/// Files that belong to a tokenizer, or say how vectors are made of the hidden states, and are copied if they are
/// there.
const COPIED: [&str; 8] = [
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
];

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let from = &arguments.from;
    let target = Target::model("--to", &arguments.to, from, target::merged)?;
    let engine = folders::load_backbone(from)?;
    let task = folders::load_adapter(&arguments.adapter, &engine)?;
    let mut files = merge(&task, &**engine.backbone())?;
    let source = OnDisk(from);
    let (config, tokenizer) = match folders::manifest(from)? {
        Some(_) => (
            folders::read(&from.join(CONFIG))?,
            folders::read(&from.join(TOKENIZER))?,
        ),
        None => {
            let model = ModelFolder::open(&source)?;
            (model.config_json.into_owned(), model.tokenizer.into_owned())
        }
    };
    files.insert(CONFIG.into(), in_f32(config)?);
    files.insert(TOKENIZER.into(), tokenizer);
    for name in COPIED {
        if let Some(content) = source.read(name)? {
            files.insert(name.into(), content.into_owned());
        }
    }
    target.write(&files)?;
    outln!(
        "{} merged into {}, in {}",
        task.adapter.config().kind().name,
        engine.backbone().shape().name,
        arguments.to.display()
    )?;
    if files.contains_key(SIDE_HEAD) {
        outln!("its head, which a plain model has no place for, is in {SIDE_HEAD}")?;
    }
    Ok(())
}

/// A `config.json` that says, if it says anything of it, that the weights are f32.
fn in_f32(config: Vec<u8>) -> Result<Vec<u8>> {
    let invalid = |error: serde_json::Error| Error::ConfigInvalid {
        place: CONFIG.into(),
        reason: error.to_string(),
    };
    let mut map: Map<String, Value> = serde_json::from_slice(&config).map_err(invalid)?;
    let wanted = json!("float32");
    let mut is_other = false;
    for field in ["dtype", "torch_dtype"] {
        if let Some(value) = map.get_mut(field).filter(|value| **value != wanted) {
            value.clone_from(&wanted);
            is_other = true;
        }
    }
    match is_other {
        true => serde_json::to_vec_pretty(&map).map_err(invalid),
        false => Ok(config),
    }
}
