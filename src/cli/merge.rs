use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use super::folders::{self, OnDisk};
use super::output::outln;
use super::target::Target;
use crate::error::{Error, Result};
use crate::folder::{CARD, SIDE_HEAD};
use crate::folder::{CHECKPOINT, Card, merge};
use crate::hub::sha256;
use crate::model::SentenceEmbedding;
use crate::model::folder::{CONFIG, ModelFiles, ModelFolder, PREPROCESSOR, TOKENIZER};

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
    let target = Target::model("--to", &arguments.to, from, earlier)?;
    let engine = folders::load_backbone(from)?;
    let task = folders::load_adapter(&arguments.adapter, &engine)?;
    let mut files = merge(&task, &**engine.backbone())?;
    let source = OnDisk(from);
    let is_converted = folders::manifest(from)?.is_some();
    let reader_file = engine.backbone().shape().anatomy.stem.reader_file();
    let (config, reader) = match is_converted {
        true => (
            folders::read_part(&from.join(CONFIG))?,
            folders::read_part(&from.join(reader_file))?,
        ),
        false => {
            let model = ModelFolder::open(&source)?;
            (model.config_json.into_owned(), model.reader.into_owned())
        }
    };
    files.insert(CONFIG.into(), in_f32(config)?);
    files.insert(reader_file.into(), reader);
    // where they stand in other places than their list says, it would be wrong in the copy
    let copied = match from.join(CONFIG).is_file() {
        true => &COPIED[..],
        false => &COPIED[..4],
    };
    for &name in copied {
        if let Some(content) = source.read(name)? {
            files.insert(name.into(), content.into_owned());
        }
    }
    if is_converted && *engine.sentence() != SentenceEmbedding::default() {
        let hidden = engine.backbone().shape().hidden_size;
        for (name, content) in engine.sentence().files(hidden) {
            files.insert(name.into(), content.to_string().into_bytes());
        }
    }
    target.write(&files)?;
    let name = match engine.backbone().shape().name.as_str() {
        "" => "the model",
        name => name,
    };
    outln!(
        "{} merged into {name}, in {}",
        task.adapter.config().kind().name,
        arguments.to.display()
    )?;
    if files.contains_key(SIDE_HEAD) {
        outln!("its head, which a plain model has no place for, is in {SIDE_HEAD}")?;
    }
    Ok(())
}

/// What an earlier merge of an adapter with a head wrote into a folder: its side file has the hash of the weights.
fn earlier(folder: &Path) -> Option<Vec<String>> {
    let card: Card = serde_json::from_slice(&std::fs::read(folder.join(CARD)).ok()?).ok()?;
    let weights = std::fs::read(folder.join(CHECKPOINT)).ok()?;
    if card.backbone?.fingerprint != sha256(&weights) {
        return None;
    }
    let names = [CHECKPOINT, CARD, SIDE_HEAD, CONFIG, TOKENIZER, PREPROCESSOR];
    Some(
        names
            .iter()
            .chain(&COPIED)
            .map(|&name| name.into())
            .collect(),
    )
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
