//! The folder that a command writes: checked before the work begins, and replaced in one go at its end.
//!
//! The new files are written to a hidden folder inside the target, brought to the disk, and committed by one
//! rename of that folder. Then they take their places. A crash before the commit leaves the old files; after it
//! the next command that reads or writes the folder finishes what was begun ([`finish_interrupted`]). Meanwhile the
//! folder lacks its configuration, so that no program reads old and new files together. Because the target
//! itself is never renamed, it may be a symbolic link, a mount point or the current directory, and what
//! else lies in it is not touched.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::folders::read;
use crate::error::{Error, Result};
use crate::folder::{CONFIG as ADAPTER_CONFIG, FUSION_CONFIG, Files, Library};
use crate::hub::Manifest;
use crate::model::folder::{CONFIG, is_checkpoint};

/// New files, not all of which need be there.
const STAGED: &str = ".graftlet-new";
/// New files, all of which are on the disk, with their names in [`LIST`].
const READY: &str = ".graftlet-ready";
/// JSON list of the new files' names, inside [`READY`]: what the target lacks at the end, and what it keeps.
const LIST: &str = ".graftlet-list";

/// A file without which no program takes the folder for an adapter or a model.
fn is_key(name: &str) -> bool {
    [ADAPTER_CONFIG, FUSION_CONFIG, CONFIG, Manifest::FILE].contains(&name)
}

/// A folder that may be written.
pub(super) struct Target {
    folder: PathBuf,
    /// Files that an earlier write may have left and that go if they are not among the new ones.
    owned: Vec<String>,
}

impl Target {
    /// A folder for an adapter. `option` names it in errors.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if it is a file or holds a model, [`Error::Io`] if it cannot be written.
    pub(super) fn adapter(option: &'static str, folder: &Path) -> Result<Self> {
        let refuse = |reason: String| refusal(option, folder, reason);
        let names = checked_names(option, folder)?;
        if let Some(name) = names
            .iter()
            .find(|name| is_checkpoint(name) || *name == Manifest::FILE && is_converted(folder))
        {
            return Err(refuse(format!(
                "it holds a model ({name}), and an adapter has a folder of its own; name another folder"
            )));
        }
        let libraries = [
            Library::Peft.files(),
            Library::AdapterHub.files(),
            Library::fusion_files(),
        ];
        Ok(Self {
            folder: folder.to_owned(),
            owned: libraries.concat().iter().map(|&name| name.into()).collect(),
        })
    }

    /// A folder for a backbone or a merged model, made of the folder `from`. `earlier` gives the files of an earlier
    /// result, which may be replaced.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if it is a file, is `from`, or holds an adapter or another model;
    /// [`Error::Io`] if it cannot be written.
    pub(super) fn model(
        option: &'static str,
        folder: &Path,
        from: &Path,
        earlier: impl Fn(&Path) -> Option<Vec<String>>,
    ) -> Result<Self> {
        let refuse = |reason: String| Err(refusal(option, folder, reason));
        if is_same(folder, from) {
            return refuse(
                "it is the folder that is read, and its weights would be lost; name another folder"
                    .into(),
            );
        }
        let names = checked_names(option, folder)?;
        let is_adapter = |name: &&String| [ADAPTER_CONFIG, FUSION_CONFIG].contains(&name.as_str());
        if let Some(name) = names.iter().find(is_adapter) {
            return refuse(format!("it holds an adapter ({name}); name another folder"));
        }
        let owned = earlier(folder).unwrap_or_default();
        let foreign = |name: &&String| is_checkpoint(name) && !owned.contains(name);
        if let Some(name) = names.iter().find(foreign) {
            return refuse(format!(
                "it holds a model's weights ({name}), which would be lost; name another folder, or remove them first"
            ));
        }
        if is_inside(folder, from) && owned.is_empty() && !names.is_empty() {
            return refuse(
                "it lies in the folder that is read, and may be a part of that model; name another folder".into(),
            );
        }
        // files that would be replaced must be an earlier result's
        let taken = [
            "config.json",
            "tokenizer.json",
            "preprocessor_config.json",
            Manifest::FILE,
        ];
        let other = |name: &&String| taken.contains(&name.as_str()) && !owned.contains(name);
        if let Some(name) = names.iter().find(other) {
            return refuse(format!(
                "it holds a {name} that graftlet did not write, which would be lost; name another folder"
            ));
        }
        Ok(Self {
            folder: folder.to_owned(),
            owned,
        })
    }

    /// Replaces the folder's files by these. What is not the format's stays.
    ///
    /// # Errors
    /// [`Error::Io`]; the old files are then still there.
    pub(super) fn write(&self, files: &Files) -> Result<()> {
        let folder = &self.folder;
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        let _lock = lock(folder);
        finish(folder)?;
        if let Some(name) = files.keys().find(|name| folder.join(name).is_dir()) {
            return Err(Error::OptionInvalid {
                option: "the folder to write",
                value: folder.display().to_string(),
                reason: format!("a folder called {name} is in the way; remove it"),
            });
        }
        let staged = folder.join(STAGED);
        stage(&staged, files, &self.owned).inspect_err(|_| {
            // the reason is what is reported
            let _ = std::fs::remove_dir_all(&staged);
        })?;
        let ready = folder.join(READY);
        std::fs::rename(&staged, &ready).map_err(Error::io(&ready))?;
        sync_folder(folder);
        finish(folder)
    }
}

/// What an earlier `graftlet convert` wrote into a folder; `None` if it did not.
pub(super) fn converted(folder: &Path) -> Option<Vec<String>> {
    let manifest = std::fs::read(folder.join(Manifest::FILE)).ok()?;
    let manifest = Manifest::from_json(Manifest::FILE, &manifest).ok()?;
    let names = manifest.files.into_iter().map(|file| file.name);
    Some(names.chain([Manifest::FILE.to_owned()]).collect())
}

fn is_converted(folder: &Path) -> bool {
    converted(folder).is_some()
}

/// Finishes a write that a crash interrupted after its commit, so that the folder is whole before it is read.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn finish_interrupted(folder: &Path) -> Result<()> {
    if !folder.join(READY).is_dir() {
        return Ok(());
    }
    let _lock = lock(folder);
    finish(folder)
}

/// Writes the new files and their list to the disk.
fn stage(staged: &Path, files: &Files, owned: &[String]) -> Result<()> {
    std::fs::create_dir(staged).map_err(Error::io(staged))?;
    for (name, content) in files {
        let path = staged.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        write_synced(&path, content)?;
    }
    let stale: Vec<&String> = owned
        .iter()
        .filter(|name| !files.contains_key(*name))
        .collect();
    let list = serde_json::json!({ "files": files.keys().collect::<Vec<_>>(), "stale": stale });
    write_synced(&staged.join(LIST), list.to_string().as_bytes())?;
    sync_folder(staged);
    Ok(())
}

/// Removes what an interrupted write left before its commit; brings committed files to their places. May be
/// interrupted and begun again at any point.
fn finish(folder: &Path) -> Result<()> {
    for name in [STAGED, READY] {
        if folder.join(name).is_file() {
            return Err(Error::OptionInvalid {
                option: "the folder to write",
                value: folder.display().to_string(),
                reason: format!("a file called {name} is in the way; remove it"),
            });
        }
    }
    let staged = folder.join(STAGED);
    if staged.is_dir() {
        std::fs::remove_dir_all(&staged).map_err(Error::io(&staged))?;
    }
    let ready = folder.join(READY);
    if !ready.is_dir() {
        return Ok(());
    }
    let list = ready.join(LIST);
    let names = |field: &str| -> Result<Vec<String>> {
        let list: serde_json::Value =
            serde_json::from_slice(&read(&list)?).map_err(|error| Error::FileInvalid {
                place: list.display().to_string(),
                reason: error.to_string(),
            })?;
        let names = list[field].as_array().into_iter().flatten();
        let names = names.filter_map(|name| name.as_str().map(str::to_owned));
        // a list that was tampered with must not lead out of the folder
        Ok(names.filter(|name| is_below(name)).collect())
    };
    // the list goes last, so a folder without one has nothing left to do
    if list.is_file() {
        let mut waiting = names("files")?;
        waiting.retain(|name| ready.join(name).is_file());
        waiting.sort_by_key(|name| is_key(name));
        let keys = waiting.iter().filter(|name| is_key(name)).cloned();
        let stale = names("stale")?;
        let (stale_keys, stale): (Vec<_>, Vec<_>) = stale.into_iter().partition(|n| is_key(n));
        for name in keys.chain(stale_keys).chain(stale) {
            remove_file(&folder.join(name))?;
        }
        sync_folder(folder);
        for name in &waiting {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
            }
            std::fs::rename(ready.join(name), &path).map_err(Error::io(&path))?;
        }
        sync_folder(folder);
    }
    std::fs::remove_dir_all(&ready).map_err(Error::io(&ready))
}

/// Whether a name stays below the folder that it is joined to.
fn is_below(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    !name.is_empty() && parts.all(|part| matches!(part, std::path::Component::Normal(_)))
}

fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path)(error)),
        _ => Ok(()),
    }
}

fn write_synced(path: &Path, content: &[u8]) -> Result<()> {
    use std::io::Write as _;
    let write = || -> std::io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(Error::io(path))
}

/// Brings a folder's list of names to the disk, where the system can.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

/// Keeps two programs from writing one folder at once, where the system can lock a folder. Dropping it unlocks.
fn lock(folder: &Path) -> Option<File> {
    let folder = File::open(folder).ok()?;
    folder.lock().ok()?;
    Some(folder)
}

fn refusal(option: &'static str, folder: &Path, reason: String) -> Error {
    Error::OptionInvalid {
        option,
        value: folder.display().to_string(),
        reason,
    }
}

/// The names in a folder that can be written, none if it is yet to be made. Shown by making a folder in it, or in
/// the nearest one above it: a run of an hour must not fail at its end.
fn checked_names(option: &'static str, folder: &Path) -> Result<Vec<String>> {
    if folder.is_file() {
        return Err(refusal(
            option,
            folder,
            "it is a file; name a folder".into(),
        ));
    }
    if folder.is_symlink() && !folder.exists() {
        let reason =
            "it is a link to a folder that is not there; make that folder, or name another";
        return Err(refusal(option, folder, reason.into()));
    }
    finish_interrupted(folder)?;
    let above = folder.ancestors().find(|above| above.exists());
    if let Some(file) = above.filter(|above| above.is_file()) {
        let reason = format!("{} is a file; name a folder", file.display());
        return Err(refusal(option, folder, reason));
    }
    let existing = folder.ancestors().find(|above| above.is_dir());
    let probe = existing.unwrap_or(Path::new("."));
    let probe = probe.join(format!(".graftlet-probe-{}", std::process::id()));
    std::fs::create_dir(&probe).map_err(Error::io(folder))?;
    std::fs::remove_dir(&probe).map_err(Error::io(&probe))?;
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).map_err(Error::io(folder))?;
    Ok(entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect())
}

/// Whether a folder, there or not, lies below another.
fn is_inside(folder: &Path, above: &Path) -> bool {
    let real = folder.ancestors().find_map(|path| {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        path.canonicalize().ok()
    });
    matches!((real, above.canonicalize()), (Some(real), Ok(above)) if real.starts_with(&above))
}

/// Whether two paths lead to one folder: by links, by `..`, or by a second mount of it.
fn is_same(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        if let (Ok(a), Ok(b)) = (a.metadata(), b.metadata())
            && (a.dev(), a.ino()) == (b.dev(), b.ino())
        {
            return true;
        }
    }
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
