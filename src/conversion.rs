//! From a model's folder as a hub has it to a backbone folder: what `graftlet convert` writes to the disk, and what a
//! browser keeps. Both are the same, byte for byte.

use std::borrow::Cow;

use crate::adapter::format::Files;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::hub::{Manifest, ManifestFile};
use crate::model::folder::{CONFIG, ModelFiles, ModelFolder, TOKENIZER};
use crate::model::{Checkpoint, Dtype, convert_checkpoint};

/// A backbone folder.
pub struct Converted {
    /// The files of the folder, the manifest among them.
    pub files: Files,
    /// What `manifest.json` says.
    pub manifest: Manifest,
    /// Number of parameters.
    pub parameters: usize,
    /// Whether the backbone gives the vectors that its model is for.
    pub vectors: Result<()>,
}

/// Converts a model's folder. `name` stands in place of the name that the folder says. `progress` is told which share of
/// the parameters, 0 to 1, is done. The backbone is loaded once, so that what cannot be loaded is not written.
///
/// # Errors
/// Those of [`ModelFolder::open`] and [`Engine::assemble`].
pub fn convert_folder(
    files: &dyn ModelFiles,
    name: Option<&str>,
    dtype: Dtype,
    progress: &mut dyn FnMut(f64),
) -> Result<Converted> {
    let mut model = ModelFolder::open(files)?;
    if let Some(name) = name {
        name.clone_into(&mut model.config.name);
    }
    let fingerprint = model.checkpoint.fingerprint();
    let weights = convert_checkpoint(&model.config, &model.checkpoint, dtype, progress)?;
    // the original is not needed any more, and may be most of the memory
    drop(model.checkpoint);
    let checkpoint = Checkpoint::new(vec![(dtype.file().into(), Cow::Borrowed(&weights))]);
    let engine = Engine::assemble(
        &model.config,
        &model.tokenizer,
        &checkpoint,
        &fingerprint,
        model.sentence,
    )?;
    let invalid = |error: serde_json::Error| Error::FileInvalid {
        place: Manifest::FILE.into(),
        reason: error.to_string(),
    };
    let shape = engine.backbone().shape();
    let (name, parameters) = (shape.name.clone(), shape.parameters);
    let embedding = serde_json::to_value(engine.sentence()).map_err(invalid)?;
    let vectors = engine.sentence().check();
    drop(engine);

    let contents = [
        (CONFIG, model.config_json.into_owned()),
        (TOKENIZER, model.tokenizer.into_owned()),
        (dtype.file(), weights),
    ];
    let manifest = Manifest {
        format: 1,
        name,
        dtype: dtype.name().to_owned(),
        fingerprint,
        embedding: Some(embedding),
        files: contents
            .iter()
            .map(|(name, bytes)| ManifestFile::of(name, bytes))
            .collect(),
    };
    let json = serde_json::to_vec_pretty(&manifest).map_err(invalid)?;
    let mut files: Files = contents
        .into_iter()
        .map(|(name, content)| (name.to_owned(), content))
        .collect();
    files.insert(Manifest::FILE.to_owned(), json);
    Ok(Converted {
        files,
        manifest,
        parameters,
        vectors,
    })
}
