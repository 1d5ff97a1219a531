use std::borrow::Cow;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::folders::{self, OnDisk};
use super::output::{errln, outln};
use super::target::{self, Target};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::folder::Files;
use crate::hub::{Manifest, ManifestFile};
use crate::model::folder::{CONFIG, TOKENIZER};
use crate::model::{Checkpoint, Dtype, convert_checkpoint};

/// Turns a BERT-family folder from a model hub into a backbone folder.
///
/// It reads config.json; model.safetensors or pytorch_model.bin, whole or in shards with an index, in f32, f16 or
/// bf16; tokenizer.json or vocab.txt; and the files of sentence-transformers, whose longest text, pooling and
/// normalisation `embed` then follows.
#[derive(Args)]
pub(super) struct Arguments {
    /// Folder of the model, as a hub has it.
    #[arg(long, value_name = "MODEL_DIR")]
    from: PathBuf,
    /// Folder to write: a new one, or one that an earlier conversion wrote.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// How the weights are stored.
    #[arg(long, value_enum, default_value_t = DtypeName::Int8)]
    dtype: DtypeName,
    /// The model's name on its hub (organisation/name), which adapters trained on it will name as their base.
    /// Without it, what the folder says: the hub's cache, the model card, or the folder's own name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum DtypeName {
    Int8,
    F16,
    F32,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let dtype = match arguments.dtype {
        DtypeName::Int8 => Dtype::Int8,
        DtypeName::F16 => Dtype::F16,
        DtypeName::F32 => Dtype::F32,
    };
    let (from, to) = (&arguments.from, &arguments.to);
    let target = Target::model("--to", to, from, target::converted)?;
    if folders::manifest(from)?.is_some() {
        return Err(Error::OptionInvalid {
            option: "--from",
            value: from.display().to_string(),
            reason: "it was converted already; name the folder that it was converted from".into(),
        });
    }
    let files = OnDisk(from);
    let mut model = folders::open_model(&files)?;
    if let Some(name) = &arguments.name {
        model.config.name.clone_from(name);
    }
    let fingerprint = model.checkpoint.fingerprint();
    let weights = convert_checkpoint(&model.config, &model.checkpoint, dtype)?;
    // the original is not needed any more, and may be most of the memory
    drop(model.checkpoint);
    // what cannot be loaded is not written
    let checkpoint = Checkpoint::new(vec![(dtype.file().into(), Cow::Borrowed(&weights))]);
    let engine = Engine::assemble(
        &model.config,
        &model.tokenizer,
        &checkpoint,
        &fingerprint,
        model.sentence,
    )?;
    if let Err(reason) = engine.sentence().check() {
        errln!("note: {reason}");
    }

    let contents = [
        (CONFIG, model.config_json.into_owned()),
        (TOKENIZER, model.tokenizer.into_owned()),
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
