//! Backbone and adapter folders on disk.

use std::path::Path;

use serde::Serialize;

use crate::adapter::TaskAdapter;
use crate::adapter::format::{self, CONFIG, Files, Library};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::hub::{Manifest, sha256};

/// A backbone's three files.
pub(super) const PARTS: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(Error::io(path))
}

/// Writes a file so that it is never half written.
pub(super) fn write_file(path: &Path, content: &[u8]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = path.with_file_name(format!(".{name}.partial"));
    std::fs::write(&partial, content).map_err(Error::io(&partial))?;
    std::fs::rename(&partial, path).map_err(Error::io(path))
}

/// Writes a folder's files.
pub(super) fn write(folder: &Path, files: &Files) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    for (name, content) in files {
        write_file(&folder.join(name), content)?;
    }
    Ok(())
}

/// The files that a folder needs, or an error that names the first absent one.
pub(super) fn read_parts(folder: &Path) -> Result<[Vec<u8>; 3]> {
    let part = |name: &str| {
        let path = folder.join(name);
        if path.is_file() {
            return read(&path);
        }
        Err(Error::FileMissing {
            place: folder.display().to_string(),
            file: name.to_owned(),
            hint: "a backbone's folder holds config.json, tokenizer.json and model.safetensors",
        })
    };
    Ok([part(PARTS[0])?, part(PARTS[1])?, part(PARTS[2])?])
}

/// Loads a backbone: a converted folder, which is checked against its manifest, or one as a model
/// hub has it.
pub(super) fn load_backbone(folder: &Path) -> Result<Engine> {
    let [config, tokenizer, weights] = read_parts(folder)?;
    let manifest = folder.join(Manifest::FILE);
    let fingerprint = if manifest.is_file() {
        let manifest = Manifest::from_json(&manifest.display().to_string(), &read(&manifest)?)?;
        for (name, content) in PARTS.iter().zip([&config, &tokenizer, &weights]) {
            if let Some(file) = manifest.files.iter().find(|file| file.name == *name) {
                file.verify(content)?;
            }
        }
        manifest.fingerprint
    } else {
        sha256(&weights)
    };
    let engine = Engine::new(&config, &tokenizer, &weights, &fingerprint)?;
    let shape = engine.backbone().shape();
    tracing::debug!(
        name = shape.name,
        parameters = shape.parameters,
        fingerprint,
        "backbone loaded"
    );
    Ok(engine)
}

/// Reads the files of an adapter's folder that its library knows.
pub(super) fn read_adapter(folder: &Path) -> Result<Files> {
    let config = folder.join(CONFIG);
    if !config.is_file() {
        refuse_adapters_inside(folder)?;
        return Err(Error::FileMissing {
            place: folder.display().to_string(),
            file: CONFIG.to_owned(),
            hint: "name the folder that PEFT, AdapterHub or this program saved",
        });
    }
    let config = read(&config)?;
    let mut files = Files::new();
    for name in Library::detect(&config)?.files() {
        let path = folder.join(name);
        if path.is_file() {
            files.insert((*name).to_owned(), read(&path)?);
        }
    }
    Ok(files)
}

/// Refuses a folder that holds adapters in sub-folders: PEFT saves all but the default one into a folder
/// of its name.
pub(super) fn refuse_adapters_inside(folder: &Path) -> Result<()> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let adapters = entries.filter(|entry| entry.path().join(CONFIG).is_file());
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
            "there is no {CONFIG} in it, but in its sub-folder(s) {}; name one of these",
            names.join(", ")
        ),
    })
}

/// Loads an adapter's folder for a backbone.
pub(super) fn load_adapter(folder: &Path, engine: &Engine) -> Result<TaskAdapter> {
    let name = folder
        .file_name()
        .map_or("adapter".into(), |name| name.to_string_lossy());
    format::load(&name, &read_adapter(folder)?, engine.backbone().shape())
}

/// One JSON object on a line of standard output.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    let line = serde_json::to_string(value).map_err(|error| Error::FileInvalid {
        place: "standard output".into(),
        reason: error.to_string(),
    })?;
    println!("{line}");
    Ok(())
}
