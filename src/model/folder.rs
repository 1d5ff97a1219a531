//! A model's folder as a hub has it: which file holds the weights, and in what form; where the tokenizer is; what
//! sentence-transformers says of it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::clip::{TowerName, of_tower, scale};
use super::model_name::model_name;
use super::sentence::{self, SentenceEmbedding};
use super::{Anatomy, Checkpoint, StemPlan, vocabulary};
use crate::error::{Error, Result};
use crate::json;
use crate::order::Sorted;

/// The configuration's file name.
pub const CONFIG: &str = "config.json";
/// The tokenizer's file name.
pub const TOKENIZER: &str = "tokenizer.json";
/// The name of the file that says how sounds and pictures are read.
pub const PREPROCESSOR: &str = "preprocessor_config.json";

/// Files of weights as transformers saves them, in the order that it looks for them, with the list of shards of a
/// model that is cut into several.
const WEIGHTS: [[&str; 2]; 2] = [
    ["model.safetensors", "model.safetensors.index.json"],
    ["pytorch_model.bin", "pytorch_model.bin.index.json"],
];

/// Files of a folder, wherever they are.
pub trait ModelFiles {
    /// Names the folder in errors.
    fn place(&self) -> String;

    /// The folders that lead to it, its own last, where they may say the model's name.
    fn folders(&self) -> Vec<String> {
        Vec::new()
    }

    /// The files' names, those in folders below with their path (`onnx/model.onnx`).
    ///
    /// # Errors
    /// [`Error::Io`].
    fn names(&self) -> Result<Vec<String>>;

    /// A file's content; `None` if there is no such file.
    ///
    /// # Errors
    /// [`Error::Io`].
    fn read(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>>;
}

impl ModelFiles for BTreeMap<String, Vec<u8>> {
    fn place(&self) -> String {
        "the model's files".into()
    }

    fn names(&self) -> Result<Vec<String>> {
        Ok(self.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>> {
        Ok(self.get(name).map(|bytes| bytes.as_slice().into()))
    }
}

/// What a backbone is made of.
pub struct ModelFolder<'a> {
    /// `config.json`, read, with the model's name as the folder says it.
    pub config: Anatomy,
    /// `config.json` as it is.
    pub config_json: Cow<'a, [u8]>,
    /// What says how inputs are read: `tokenizer.json`, made of `vocab.txt` where the folder has only that, or
    /// `preprocessor_config.json`.
    pub reader: Cow<'a, [u8]>,
    /// The weights.
    pub checkpoint: Checkpoint<'a>,
    /// How a text becomes a vector.
    pub sentence: SentenceEmbedding,
}

impl<'a> ModelFolder<'a> {
    /// Reads a folder from a model hub.
    ///
    /// # Errors
    /// [`Error::FileMissing`] that says which file is needed where the folder holds another format,
    /// [`Error::ModelUnsupported`] for another architecture, [`Error::ConfigInvalid`], [`Error::FileInvalid`].
    pub fn open(files: &'a dyn ModelFiles) -> Result<Self> {
        Self::open_tower(files, None)
    }

    /// [`open`](Self::open) of one of the towers of a model with two.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if the model has two and nobody said which, or if it has one, and those of [`open`](Self::open).
    pub fn open_tower(files: &'a dyn ModelFiles, tower: Option<TowerName>) -> Result<Self> {
        let modules = sentence::Modules::read(files)?;
        let encoder = Below {
            files,
            path: modules.encoder_path(),
        };
        let Some(config_json) = encoder.read(CONFIG)? else {
            return Err(without(files, CONFIG));
        };
        let config_json = of_tower(config_json, tower)?;
        let mut config = Anatomy::from_json(&config_json)?;
        let checkpoint = encoder.checkpoint()?;
        let reader = match &config.stem {
            StemPlan::Text(_) => encoder.tokenizer()?,
            StemPlan::Sound(_) | StemPlan::Picture(_) => {
                encoder.read(PREPROCESSOR)?.ok_or_else(|| Error::FileMissing {
                    place: files.place(),
                    file: PREPROCESSOR.to_owned(),
                    hint: "it says how recordings or pictures are read; copy it from where the model is from",
                })?
            }
        };
        let mut sentence = modules.embedding(files, &|name| encoder.read(name), &config)?;
        if sentence.reads_pooler() {
            [sentence.logit_scale, sentence.logit_bias] = scale(&checkpoint);
        }
        config.name = model_name(files)?;
        Ok(Self {
            config,
            config_json,
            reader,
            checkpoint,
            sentence,
        })
    }
}

/// Which files of a folder are to be fetched next, of those in `known` (a name without content is that of a file that
/// the folder does not have, and the content of weights may be empty). First come the small files, one after the other,
/// as each says what else there is; then the weights, together. None once all are known.
///
/// # Errors
/// Those of [`ModelFolder::open`], as soon as the small files show them.
pub fn missing(known: &dyn KnownFiles) -> Result<Vec<String>> {
    let asked = Asked {
        known,
        next: RefCell::default(),
        weights: RefCell::default(),
    };
    let opened = ModelFolder::open(&asked).map(drop);
    if let Some(next) = asked.next.take() {
        return Ok(vec![next]);
    }
    opened.map(|()| asked.weights.take())
}

/// Files of a folder that is being fetched.
pub trait KnownFiles: ModelFiles {
    /// Whether it has been found out if there is such a file.
    fn is_known(&self, name: &str) -> bool;
}

/// Notes what [`ModelFolder::open`] asks for. Weights that are not known are taken to be there.
struct Asked<'a> {
    known: &'a dyn KnownFiles,
    next: RefCell<Option<String>>,
    weights: RefCell<Vec<String>>,
}

impl ModelFiles for Asked<'_> {
    fn place(&self) -> String {
        self.known.place()
    }

    fn folders(&self) -> Vec<String> {
        self.known.folders()
    }

    fn names(&self) -> Result<Vec<String>> {
        self.known.names()
    }

    fn read(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>> {
        let is_weights = is_tensor_file(name);
        if !self.known.is_known(name) {
            if !is_weights {
                self.next.replace(Some(name.to_owned()));
                // this ends the reading, and nobody sees it
                return Err(without(self.known, name));
            }
            self.weights.borrow_mut().push(name.to_owned());
            return Ok(Some(Cow::default()));
        }
        let content = self.known.read(name)?;
        Ok(content.map(|content| if is_weights { Cow::default() } else { content }))
    }
}

/// Whether a file holds tensors, by its name.
#[must_use]
pub fn is_tensor_file(name: &str) -> bool {
    let extension = name.rsplit('.').next();
    matches!(extension, Some("safetensors" | "bin"))
}

/// The folder of the encoder, which old releases of sentence-transformers put below the model's own.
struct Below<'a> {
    files: &'a dyn ModelFiles,
    path: String,
}

impl<'a> Below<'a> {
    fn read(&self, name: &str) -> Result<Option<Cow<'a, [u8]>>> {
        self.files.read(&format!("{}{name}", self.path))
    }

    fn tokenizer(&self) -> Result<Cow<'a, [u8]>> {
        if let Some(tokenizer) = self.read(TOKENIZER)? {
            return Ok(tokenizer);
        }
        let made = vocabulary::tokenizer(&|name| self.read(name))?;
        let made = made.ok_or_else(|| Error::FileMissing {
            place: self.files.place(),
            file: format!("{TOKENIZER} or vocab.txt"),
            hint: "one of them holds the model's vocabulary; copy it from where the model is from",
        })?;
        Ok(made.into())
    }

    /// The weights, from the first of the files that may hold them.
    fn checkpoint(&self) -> Result<Checkpoint<'a>> {
        for [single, index] in WEIGHTS {
            if let Some(bytes) = self.read(single)? {
                check_is_file(single, &bytes)?;
                return Ok(Checkpoint::new(vec![(single.to_owned(), bytes)]));
            }
            if let Some(bytes) = self.read(index)? {
                return self.shards(index, &bytes);
            }
        }
        Err(without(self.files, WEIGHTS[0][0]))
    }

    fn shards(&self, index: &str, bytes: &[u8]) -> Result<Checkpoint<'a>> {
        #[derive(Deserialize)]
        struct Index {
            weight_map: BTreeMap<String, String>,
        }
        let parsed: Index = json::parse(bytes).map_err(|error| Error::ConfigInvalid {
            place: index.to_owned(),
            reason: error.to_string(),
        })?;
        let names = parsed.weight_map.into_values().into_set();
        let mut shards = Vec::with_capacity(names.len());
        for name in names {
            // names are joined to the folder's path: they must not lead out of it
            if name.is_empty() || name.contains(['/', '\\']) || name == ".." {
                return Err(Error::ConfigInvalid {
                    place: index.to_owned(),
                    reason: format!("\"{name}\" is no plain file name"),
                });
            }
            let bytes = self.read(&name)?.ok_or_else(|| Error::FileMissing {
                place: self.files.place(),
                file: name.clone(),
                hint: "it is a part of the weights that the index names; fetch it too",
            })?;
            check_is_file(&name, &bytes)?;
            shards.push((name, bytes));
        }
        Ok(Checkpoint::new(shards))
    }
}

/// Whether a name is that of a file of weights, of any library.
#[must_use]
pub fn is_checkpoint(name: &str) -> bool {
    let is_shard = |start: &str, end: &str| name.starts_with(start) && name.ends_with(end);
    WEIGHTS.as_flattened().contains(&name)
        || name == super::Dtype::Int8.file()
        || is_shard("model-", ".safetensors")
        || is_shard("pytorch_model-", ".bin")
        || foreign_format(name).is_some()
}

/// The format of a file of weights that is not read here.
fn foreign_format(name: &str) -> Option<&'static str> {
    let file = name.rsplit('/').next().unwrap_or(name);
    let formats = [
        (".onnx", "ONNX"),
        (".gguf", "GGUF"),
        (".ggml", "GGML"),
        (".h5", "TensorFlow"),
        (".ckpt.index", "TensorFlow"),
        (".msgpack", "Flax"),
        (".ot", "rust-bert"),
        (".mlmodel", "Core ML"),
        (".tflite", "TensorFlow Lite"),
    ];
    let found = formats.iter().find(|(end, _)| file.ends_with(end));
    let openvino = (file == "openvino_model.xml").then_some("OpenVINO");
    found.map(|(_, format)| *format).or(openvino)
}

/// That a file is not there, and what the folder is instead.
fn without(files: &dyn ModelFiles, file: &str) -> Error {
    let names = files.names().unwrap_or_default();
    let has = |name: &str| names.iter().any(|found| found == name);
    let missing = |hint| Error::FileMissing {
        place: files.place(),
        file: file.to_owned(),
        hint,
    };
    if has("adapter_config.json") {
        return missing("this is an adapter's folder; name that of the model it was trained on");
    }
    let formats = names.iter().filter_map(|n| foreign_format(n)).into_set();
    if !formats.is_empty()
        && !names
            .iter()
            .any(|name| WEIGHTS.as_flattened().contains(&name.as_str()))
    {
        let formats: Vec<&str> = formats.into_iter().collect();
        return Error::ModelUnsupported {
            place: files.place(),
            reason: format!(
                "this folder holds weights only as {}; graftlet reads model.safetensors or pytorch_model.bin, with config.json and a tokenizer: fetch those",
                formats.join(" and ")
            ),
        };
    }
    missing(
        "a model's folder holds config.json, tokenizer.json or vocab.txt, and model.safetensors or pytorch_model.bin",
    )
}

/// Refuses what stands in a file's place where a download went wrong.
///
/// # Errors
/// [`Error::FileInvalid`] for a pointer of Git LFS and for a web page.
pub fn check_is_file(name: &str, bytes: &[u8]) -> Result<()> {
    let start = bytes.trim_ascii_start();
    let reason = if bytes.starts_with(b"version https://git-lfs.github.com/") {
        "it is a Git LFS pointer, not the file; fetch the file itself with `git lfs pull`"
    } else if start.starts_with(b"<!DOCTYPE") || start.starts_with(b"<html") {
        "it is a web page; fetch the file itself"
    } else {
        return Ok(());
    };
    Err(Error::FileInvalid {
        place: name.to_owned(),
        reason: reason.to_owned(),
    })
}

/// A JSON object, or an empty one where the file is absent.
pub(super) fn object(name: &str, bytes: Option<Cow<'_, [u8]>>) -> Result<Value> {
    let Some(bytes) = bytes else {
        return Ok(Value::Null);
    };
    serde_json::from_slice(&bytes).map_err(|error| Error::ConfigInvalid {
        place: name.to_owned(),
        reason: error.to_string(),
    })
}

/// Reads one of a folder's files by its name.
pub(super) type Read<'a, 'f> = &'f dyn Fn(&str) -> Result<Option<Cow<'a, [u8]>>>;
