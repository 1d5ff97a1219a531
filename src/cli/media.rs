//! Inputs that are files: what a line of standard input, or a row of a table, names.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::folders;
use super::output::errln;
use super::rows::Found;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::input::picture::Picture;
use crate::input::sound::Sound;
use crate::input::text::Text;
use crate::input::{Input, Sort};
use crate::train::{Dataset, InBackground, Row, Scheme, Settings};

/// Share of samples at full scale from which a recording is called clipped.
const CLIPPED: f64 = 0.01;

/// What a text is to an engine: itself, the path of a file, or a pair of these. Paths are relative to a folder. With `whole` a
/// recording is kept itself.
pub(super) fn input(engine: &Engine, text: &Text, folder: &Path, whole: bool) -> Result<Input> {
    let sort = engine.reader().sort();
    let one = |sort, half: &Text| one(engine, sort, half, folder, whole);
    let Some([first, second]) = engine.reader().halves() else {
        return one(sort, text);
    };
    let mut halves = text.apart();
    let Some(half) = halves.next() else {
        return Err(Error::TextEmpty { index: 0 });
    };
    let half = one(first, &half)?;
    match halves.next() {
        Some(other) => Ok(Input::pair(half, one(second, &other)?)),
        None => Ok(half),
    }
}

/// An input of one sort. A recording or a picture itself, which can be much larger than what the model reads of it, is kept only
/// if it is wanted `whole`, or if the model does not read all of it at once.
fn one(engine: &Engine, sort: Sort, text: &Text, folder: &Path, whole: bool) -> Result<Input> {
    let path = folder.join(&text.first);
    let reader = engine.reader();
    let input = match sort {
        Sort::Text | Sort::Pair => return Ok(text.clone().into()),
        Sort::Picture => picture(&path)?,
        Sort::Sound => sound(&path)?,
    };
    if whole {
        return Ok(input);
    }
    let read = reader.read(&input, reader.max_steps())?;
    match read.truncated() {
        true => Ok(input),
        false => Ok(read.into()),
    }
}

/// The content of a table of rows. Of a folder it is made: a row for each file of a folder in it, whose name is the label.
///
/// # Errors
/// [`Error::Io`]; [`Error::FileInvalid`] for a folder without such files.
pub(super) fn table(path: &Path) -> Result<Vec<u8>> {
    if !path.is_dir() {
        return folders::read(path);
    }
    let mut rows = Vec::new();
    for label in sorted(path)?.iter().filter(|entry| entry.is_dir()) {
        let name = name_of(label);
        for file in sorted(label)?.iter().filter(|entry| entry.is_file()) {
            let row = json!({ "text": format!("{name}/{}", name_of(file)), "label": name });
            rows.extend_from_slice(row.to_string().as_bytes());
            rows.push(b'\n');
        }
    }
    if rows.is_empty() {
        return Err(Error::FileInvalid {
            place: path.display().to_string(),
            reason:
                "the folder must hold a folder for each label, with the files that have this label"
                    .into(),
        });
    }
    Ok(rows)
}

/// The entries of a folder by their names, without hidden ones.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if !name_of(&path).starts_with('.') {
            entries.push(path);
        }
    }
    entries.sort();
    Ok(entries)
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The rows of a table with copies of them in a background, if the settings ask for these. `found` has the copies too
/// afterwards.
///
/// # Errors
/// Those of [`rows`] and [`Settings::in_background`].
pub(super) fn in_background(
    engine: &Engine,
    table: &Path,
    found: &mut Found,
    settings: &Settings,
) -> Result<Option<InBackground>> {
    if settings.background.is_none() {
        return Ok(None);
    }
    let inputs = rows(engine, table, &found.rows, true)?;
    let made = settings.in_background(&inputs)?;
    if let Some(made) = &made {
        found.repeat(&made.origins);
    }
    Ok(made)
}

/// The rows of a table as a data set; those that were `made` of them, if there are any.
///
/// # Errors
/// Those of [`rows`] and [`Dataset::with_scheme`].
pub(super) fn dataset(
    engine: &Engine,
    table: &Path,
    found: &Found,
    made: Option<InBackground>,
    scheme: &Scheme,
) -> Result<Dataset> {
    let place = table.display().to_string();
    match made {
        Some(made) => {
            let data = Dataset::with_scheme(&place, &made.rows, engine.reader(), scheme)?;
            Ok(data.grouped(made.groups))
        }
        None => {
            let inputs = rows(engine, table, &found.rows, false)?;
            Dataset::with_scheme(&place, &inputs, engine.reader(), scheme)
        }
    }
}

/// Rows whose texts name files, relative to the folder of `table`, as what the engine's model reads of the files. Of an engine
/// that reads texts the rows are what they were. With `whole` the files themselves are kept.
///
/// # Errors
/// Those of reading the files; [`Error::FileInvalid`] for a folder of files in place of texts.
pub(super) fn rows<'a>(
    engine: &Engine,
    table: &Path,
    rows: &'a [Row],
    whole: bool,
) -> Result<Cow<'a, [Row]>> {
    let is_folder = table.is_dir();
    let reads_texts = engine.reader().sort() == Sort::Text;
    if is_folder && reads_texts {
        return Err(Error::FileInvalid {
            place: table.display().to_string(),
            reason: "it is a folder, and this model reads texts: name a file of rows".into(),
        });
    }
    if reads_texts {
        return Ok(Cow::Borrowed(rows));
    }
    let folder = match is_folder {
        true => table,
        false => table.parent().unwrap_or(Path::new("")),
    };
    let read = |row: &Row| {
        let input = match &row.input {
            Input::Text(text) => input(engine, text, folder, whole)?,
            input => input.clone(),
        };
        Ok(Row {
            input,
            label: row.label.clone(),
        })
    };
    rows.iter().map(read).collect::<Result<_>>().map(Cow::Owned)
}

fn sound(path: &Path) -> Result<Input> {
    let place = path.display().to_string();
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let sound = Sound::read(&place, bytes)?;
    if sound.clipped() > CLIPPED {
        errln!(
            "{place}: warning: {:.0} % of the samples are at full scale, so the recording is distorted; record it again, farther from the microphone",
            100.0 * sound.clipped()
        );
    }
    Ok(sound.into())
}

fn picture(path: &Path) -> Result<Input> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    Ok(Picture::read(&path.display().to_string(), &bytes)?.into())
}

/// The name of an input in an object of JSON.
pub(super) fn field(input: &Input) -> &'static str {
    match input {
        Input::Text(_) | Input::Pair(_) => "text",
        _ => "file",
    }
}
