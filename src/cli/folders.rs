//! Backbone and adapter folders on disk.

use std::borrow::Cow;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::output::outln;
use super::target;

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::folder::TaskAdapter;
use crate::folder::{self, CONFIG as ADAPTER_CONFIG, Files, Library};
use crate::hub::Manifest;
use crate::model::folder::{CONFIG, ModelFiles, ModelFolder, check_is_file};
use crate::model::{Anatomy, Checkpoint, SentenceEmbedding};

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(Error::io(path))
}

/// A file of a model or an adapter, and not what a failed download left in its place.
pub(super) fn read_part(path: &Path) -> Result<Vec<u8>> {
    let bytes = read(path)?;
    check_is_file(&path.display().to_string(), &bytes)?;
    Ok(bytes)
}

/// Writes a file so that it is never half written.
pub(super) fn write_file(path: &Path, content: &[u8]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = path.with_file_name(format!(".{name}.partial"));
    std::fs::write(&partial, content).map_err(Error::io(&partial))?;
    std::fs::rename(&partial, path).map_err(Error::io(path))
}

/// A model's folder on the disk.
pub(super) struct OnDisk<'a>(pub(super) &'a Path);

impl ModelFiles for OnDisk<'_> {
    fn place(&self) -> String {
        self.0.display().to_string()
    }

    fn folders(&self) -> Vec<String> {
        let path = self.0.canonicalize();
        let path = path.as_deref().unwrap_or(self.0);
        let parts = path.iter().filter_map(|part| part.to_str());
        parts.map(str::to_owned).collect()
    }

    fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let mut waiting = vec![(self.0.to_owned(), String::new())];
        while let Some((folder, path)) = waiting.pop() {
            for entry in std::fs::read_dir(&folder).map_err(Error::io(&folder))? {
                let entry = entry.map_err(Error::io(&folder))?;
                let name = format!("{path}{}", entry.file_name().to_string_lossy());
                if !entry.path().is_dir() {
                    names.push(name);
                } else if path.is_empty() {
                    // no library puts anything deeper
                    waiting.push((entry.path(), format!("{name}/")));
                }
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn read(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>> {
        let path = self.0.join(name);
        if !path.is_file() {
            return Ok(None);
        }
        // a card is text, and may begin with HTML
        let bytes = if name.ends_with(".md") {
            read(&path)
        } else {
            read_part(&path)
        };
        bytes.map(|bytes| Some(bytes.into()))
    }
}

/// The manifest of a folder that `graftlet convert` wrote; `None` for one from a model hub.
pub(super) fn manifest(folder: &Path) -> Result<Option<Manifest>> {
    target::finish_interrupted(folder)?;
    let path = folder.join(Manifest::FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let json = read(&path)?;
    // other programs have a file of that name too
    let is_ours = |value: &Value| {
        ["fingerprint", "files"]
            .iter()
            .any(|field| value.get(field).is_some())
    };
    if serde_json::from_slice(&json).is_ok_and(|value| !is_ours(&value)) {
        return Ok(None);
    }
    Manifest::from_json(&path.display().to_string(), &json).map(Some)
}

/// Refuses a path that no model's folder is at.
pub(super) fn check_is_folder(files: &OnDisk<'_>) -> Result<()> {
    if files.0.is_dir() {
        return Ok(());
    }
    Err(Error::FileMissing {
        place: files.place(),
        file: "folder".into(),
        hint: "name a model's folder",
    })
}

/// Loads a backbone: a converted folder, which is checked against its manifest, or one as a model
/// hub has it.
pub(super) fn load_backbone(folder: &Path) -> Result<Engine> {
    let engine = match manifest(folder)? {
        Some(manifest) => load_converted(folder, manifest)?,
        None => {
            let files = OnDisk(folder);
            check_is_folder(&files)?;
            let model = ModelFolder::open(&files)?;
            let fingerprint = model.checkpoint.fingerprint();
            Engine::assemble(
                &model.config,
                &model.reader,
                &model.checkpoint,
                &fingerprint,
                model.sentence,
            )?
        }
    };
    let shape = engine.backbone().shape();
    tracing::debug!(
        name = shape.name,
        parameters = shape.parameters,
        fingerprint = shape.fingerprint,
        "backbone loaded"
    );
    Ok(engine)
}

fn load_converted(folder: &Path, manifest: Manifest) -> Result<Engine> {
    let files = OnDisk(folder);
    let part = |name: &str| {
        let Some(content) = files.read(name)? else {
            return Err(Error::FileMissing {
                place: files.place(),
                file: name.to_owned(),
                hint: "its manifest names it; convert the backbone again",
            });
        };
        match manifest.files.iter().find(|file| file.name == name) {
            Some(file) => file.verify(&content).map(|()| content),
            None => Ok(content),
        }
    };
    let weights = manifest.weights()?;
    let mut config = Anatomy::from_json(&part(CONFIG)?)?;
    config.name.clone_from(&manifest.name);
    let checkpoint = Checkpoint::new(vec![(weights.to_owned(), part(weights)?)]);
    let sentence = match &manifest.embedding {
        Some(json) => SentenceEmbedding::from_json(Manifest::FILE, json)?,
        None => SentenceEmbedding::default(),
    };
    Engine::assemble(
        &config,
        &part(config.stem.reader_file())?,
        &checkpoint,
        &manifest.fingerprint,
        sentence,
    )
}

/// Reads the files of an adapter's folder that its library knows.
pub(super) fn read_adapter(folder: &Path) -> Result<Files> {
    target::finish_interrupted(folder)?;
    let config = folder.join(ADAPTER_CONFIG);
    if !config.is_file() {
        refuse_adapters_inside(folder)?;
        return Err(Error::FileMissing {
            place: folder.display().to_string(),
            file: ADAPTER_CONFIG.to_owned(),
            hint: "name the folder that PEFT, AdapterHub or this program saved",
        });
    }
    let config = read_part(&config)?;
    let mut files = Files::new();
    for name in Library::detect(&config)?.files() {
        let path = folder.join(name);
        if path.is_file() {
            files.insert((*name).to_owned(), read_part(&path)?);
        }
    }
    Ok(files)
}

/// Refuses a folder that holds adapters in sub-folders: PEFT saves all but the default one into a folder
/// of its name.
pub(super) fn refuse_adapters_inside(folder: &Path) -> Result<()> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let hidden = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with('.');
    let adapters = entries
        .filter(|entry| !hidden(&entry.file_name()))
        .filter(|entry| entry.path().join(ADAPTER_CONFIG).is_file());
    let mut names: Vec<String> = adapters
        .map(|entry| format!("\"{}\"", entry.file_name().to_string_lossy()))
        .collect();
    names.sort_unstable();
    if names.is_empty() {
        return Ok(());
    }
    Err(Error::ConfigInvalid {
        place: folder.display().to_string(),
        reason: format!(
            "there is no {ADAPTER_CONFIG} in it, but in its sub-folder(s) {}; name one of these",
            names.join(", ")
        ),
    })
}

/// Loads an adapter's folder for a backbone.
pub(super) fn load_adapter(folder: &Path, engine: &Engine) -> Result<TaskAdapter> {
    let name = folder
        .file_name()
        .map_or("adapter".into(), |name| name.to_string_lossy());
    folder::load(&name, &read_adapter(folder)?, engine.backbone().shape())
}

/// One JSON object on a line of standard output.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    let line = serde_json::to_string(value).map_err(|error| Error::FileInvalid {
        place: "standard output".into(),
        reason: error.to_string(),
    })?;
    outln!("{line}")?;
    Ok(())
}
