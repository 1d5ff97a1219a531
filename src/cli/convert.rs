use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::folders::{self, PARTS};
use crate::backbone::{BertConfig, Dtype, convert};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::hub::{Manifest, ManifestFile, sha256};

/// Turns a BERT-family folder from a model hub into a backbone folder.
#[derive(Args)]
pub(super) struct Arguments {
    /// Folder with config.json, tokenizer.json and model.safetensors (f32, f16 or bf16).
    #[arg(long, value_name = "MODEL_DIR")]
    from: PathBuf,
    /// Folder to write.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// How the weights are stored.
    #[arg(long, value_enum)]
    dtype: DtypeName,
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
    let [config_json, tokenizer, checkpoint] = folders::read_parts(&arguments.from)?;
    let config = BertConfig::from_json(&config_json)?;
    let weights = convert(&config, &checkpoint, dtype)?;
    let fingerprint = sha256(&checkpoint);
    // what cannot be loaded is not written
    let engine = Engine::new(&config_json, &tokenizer, &weights, &fingerprint)?;

    let contents = [config_json, tokenizer, weights];
    let described: Vec<ManifestFile> = PARTS
        .iter()
        .zip(&contents)
        .map(|(name, bytes)| ManifestFile::of(name, bytes))
        .collect();
    let manifest = Manifest {
        format: 1,
        name: engine.backbone().shape().name.clone(),
        dtype: dtype.name().to_owned(),
        fingerprint,
        files: described,
    };
    let json = serde_json::to_vec_pretty(&manifest).map_err(|error| Error::FileInvalid {
        place: Manifest::FILE.into(),
        reason: error.to_string(),
    })?;
    let parts = PARTS.iter().map(|name| (*name).to_owned()).zip(contents);
    folders::write(&arguments.to, &parts.collect())?;
    // file first, manifest second: a folder with a manifest is whole
    folders::write(&arguments.to, &[(Manifest::FILE.to_owned(), json)].into())?;
    for file in &manifest.files {
        println!(
            "{:>12} bytes  {}  {}",
            file.bytes,
            &file.sha256[..16],
            file.name
        );
    }
    println!(
        "{}: {} parameters in {}, {} bytes, in {}",
        manifest.name,
        engine.backbone().shape().parameters,
        manifest.dtype,
        manifest.bytes(),
        arguments.to.display()
    );
    Ok(())
}
