use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::folders::{self, OnDisk};
use super::output::{errln, outln};
use super::target::{self, Target};
use crate::conversion::{Converted, convert_folder};
use crate::error::{Error, Result};
use crate::model::Dtype;

/// Turns a text encoder's folder from a model hub into a backbone folder.
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
    let source = OnDisk(from);
    folders::check_is_folder(&source)?;
    let Converted {
        files,
        manifest,
        parameters,
        vectors,
    } = convert_folder(&source, arguments.name.as_deref(), dtype, &mut |_| ())?;
    if let Err(reason) = vectors {
        errln!("note: {reason}");
    }
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
