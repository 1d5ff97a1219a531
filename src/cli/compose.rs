//! Compositions on the command line: which adapters there are, under which names, and what is made of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;
use serde_json::{Map, Value, json};

use super::folders;
use crate::compose::Composition;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::folder::Member;
use crate::folder::{CONFIG, FUSION_CONFIG, Files, Library};

/// Which adapter answers, or which several and how.
#[derive(Args)]
pub(super) struct Choice {
    /// Adapter folder, PEFT's or AdapterHub's; with --compose NAME=DIR, once for each adapter and fusion.
    #[arg(long, value_name = "[NAME=]DIR")]
    pub(super) adapter: Vec<String>,
    /// JSON file with a composition of adapters, as docs/composition.md has it; or a folder that AdapterHub's
    /// `save_adapter_setup` wrote.
    #[arg(long, value_name = "FILE")]
    pub(super) compose: Option<PathBuf>,
}

impl Choice {
    /// Loads what is chosen into an engine and puts it to use; `None` where nothing is chosen.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] for options that do not go together; those of reading folders and of
    /// [`Engine::activate_composition`].
    pub(super) fn load(&self, engine: &mut Engine) -> Result<Option<Composition>> {
        let composition = match (&self.compose, self.adapter.as_slice()) {
            (None, []) => return Ok(None),
            (None, [folder]) => {
                let path = single(folder)?;
                engine.insert(folder, folders::load_adapter(&path, engine)?);
                Composition::from(folder.as_str())
            }
            (None, several) => {
                return Err(invalid(
                    "adapter",
                    several.join(", "),
                    "only one adapter can answer; name them NAME=DIR and say with --compose FILE how they answer together",
                ));
            }
            (Some(path), adapters) => {
                let (composition, mut named) = read(path)?;
                for adapter in adapters {
                    let (name, folder) = pair("adapter", adapter)?;
                    named.insert(name, folder);
                }
                load_named(engine, &named)?;
                composition
            }
        };
        engine.activate_composition(composition.clone())?;
        Ok(Some(composition))
    }
}

fn invalid(option: &'static str, value: String, reason: &str) -> Error {
    Error::OptionInvalid {
        option,
        value,
        reason: reason.to_owned(),
    }
}

/// The folder of one adapter; a fusion's alone is not enough.
fn single(folder: &str) -> Result<PathBuf> {
    let folder = PathBuf::from(folder);
    if folder.join(FUSION_CONFIG).is_file() && !folder.join(CONFIG).is_file() {
        return Err(invalid(
            "adapter",
            folder.display().to_string(),
            "it is a fusion: name it and its adapters with --adapter NAME=DIR each, and its name in --compose FILE",
        ));
    }
    if folder.join(SETUP).is_file() && !folder.join(CONFIG).is_file() {
        return Err(invalid(
            "adapter",
            folder.display().to_string(),
            "it holds several adapters and how they are composed: name it with --compose, or one of the folders in it",
        ));
    }
    Ok(folder)
}

/// The listing of a fusion's folder, which cannot be read without its adapters; `None` for any other folder.
///
/// # Errors
/// [`Error::ConfigInvalid`] for what is no configuration.
pub(super) fn inspect_fusion(folder: &Path) -> Result<Option<Map<String, Value>>> {
    let path = folder.join(FUSION_CONFIG);
    if folder.join(CONFIG).is_file() || !path.is_file() {
        return Ok(None);
    }
    let place = path.display().to_string();
    let map: Map<String, Value> =
        serde_json::from_slice(&folders::read_part(&path)?).map_err(|error| {
            Error::ConfigInvalid {
                place,
                reason: error.to_string(),
            }
        })?;
    let mut facts = Map::new();
    let mut say = |name: &str, value: Option<&Value>| {
        if let Some(value) = value.filter(|value| !value.is_null() && **value != json!("")) {
            facts.insert(name.to_owned(), value.clone());
        }
    };
    say("kind", Some(&json!("fusion")));
    say("format", Some(&json!(Library::AdapterHub.title())));
    let names = map.get("adapter_names").or_else(|| map.get("name"));
    say("adapters", names);
    say("backbone", map.get("model_name"));
    say("hidden size", map.get("hidden_size"));
    Ok(Some(facts))
}

/// `NAME=DIR`.
fn pair(option: &'static str, text: &str) -> Result<(String, PathBuf)> {
    match text.split_once('=') {
        Some((name, folder)) if !name.is_empty() && !folder.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(folder)))
        }
        _ => Err(invalid(
            option,
            text.to_owned(),
            "write the adapter's name and its folder as NAME=DIR",
        )),
    }
}

/// Loads folders under their names, fusions after the adapters that they are of.
fn load_named(engine: &mut Engine, named: &BTreeMap<String, PathBuf>) -> Result<()> {
    let mut fusions = Vec::new();
    for (name, folder) in named {
        if folder.join(FUSION_CONFIG).is_file() && !folder.join(CONFIG).is_file() {
            fusions.push((name, read_fusion(folder)?));
        } else {
            engine.add(name, &folders::read_adapter(folder)?)?;
        }
    }
    for (name, files) in fusions {
        engine.add(name, &files)?;
    }
    Ok(())
}

fn read_fusion(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    for name in Library::fusion_files() {
        let path = folder.join(name);
        if path.is_file() {
            files.insert((*name).to_owned(), folders::read_part(&path)?);
        }
    }
    Ok(files)
}

/// Adapters that a new fusion is to mix, each as `NAME=DIR`.
///
/// # Errors
/// Those of reading folders.
pub(super) fn members(engine: &Engine, named: &[String]) -> Result<Vec<Member>> {
    let mut members: Vec<Member> = Vec::new();
    for text in named {
        let (name, folder) = pair("fuse", text)?;
        if members.iter().any(|member| member.name == name) {
            return Err(invalid(
                "fuse",
                text.clone(),
                "another adapter has that name already",
            ));
        }
        let task = Rc::new(folders::load_adapter(&folder, engine)?);
        members.push(Member { name, task });
    }
    Ok(members)
}

/// A composition and the folders of its adapters, from a file. The file holds the composition itself, or
/// `{"composition": …, "adapters": {NAME: DIR}}`, whose folders are relative to it. An adapter whose folder is not said is looked
/// for beside the file.
fn read(path: &Path) -> Result<(Composition, BTreeMap<String, PathBuf>)> {
    let setup = path.join(SETUP);
    let path = if path.is_dir() { &setup } else { path };
    let place = path.display().to_string();
    let invalid = |reason: String| Error::ConfigInvalid {
        place: place.clone(),
        reason,
    };
    let value: Value = serde_json::from_slice(&folders::read(path)?)
        .map_err(|error| invalid(error.to_string()))?;
    let beside = path.parent().unwrap_or(Path::new(""));
    let mut named = BTreeMap::new();
    let value = match value {
        Value::Object(mut map) if map.contains_key("adapter_setup") => {
            from_setup(&map.shift_remove("adapter_setup").unwrap_or_default()).map_err(&invalid)?
        }
        Value::Object(mut map) if map.contains_key("composition") => {
            let folders: BTreeMap<String, PathBuf> = match map.shift_remove("adapters") {
                Some(folders) => serde_json::from_value(folders)
                    .map_err(|error| invalid(format!("\"adapters\": {error}")))?,
                None => BTreeMap::new(),
            };
            named.extend(
                folders
                    .into_iter()
                    .map(|(name, folder)| (name, beside.join(folder))),
            );
            let composition = map.shift_remove("composition").unwrap_or_default();
            if let Some(unknown) = map.keys().next() {
                return Err(invalid(format!(
                    "there is no field \"{unknown}\" beside \"composition\" and \"adapters\""
                )));
            }
            composition
        }
        other => other,
    };
    let composition = Composition::from_json(&value)?;
    for name in composition.names() {
        let folder = beside.join(name);
        if !named.contains_key(name) && is_plain(name) && folder.is_dir() {
            named.insert(name.to_owned(), folder);
        }
    }
    Ok((composition, named))
}

/// What AdapterHub's `save_adapter_setup` writes beside its adapters' folders.
const SETUP: &str = "adapter_setup.json";

/// Whether a name can be a folder's beside the file, and leads nowhere else.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\'])
}

/// AdapterHub's setup as a composition.
fn from_setup(setup: &Value) -> std::result::Result<Value, String> {
    let kind = setup["type"].as_str().unwrap_or_default();
    let empty = Vec::new();
    let children = setup["children"].as_array().unwrap_or(&empty);
    if kind == "single" {
        let name = children.first().and_then(Value::as_str);
        return name
            .map(|name| json!(name))
            .ok_or_else(|| "a block of type \"single\" names no adapter".into());
    }
    let parts = children.iter().map(|child| match child {
        Value::String(name) => Ok(json!(name)),
        block => from_setup(block),
    });
    let parts: Vec<Value> = parts.collect::<std::result::Result<_, String>>()?;
    let list = |field: &str| setup[field].as_array().cloned();
    Ok(match kind {
        "Stack" => json!({ "stack": parts }),
        "Parallel" => json!({ "parallel": parts }),
        "Fuse" => {
            let names: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
            let fusion = setup["name"]
                .as_str()
                .map_or_else(|| names.join(","), str::to_owned);
            json!({ "fuse": parts, "fusion": fusion })
        }
        "Average" => {
            let weights = list("weights").unwrap_or_default();
            let weighted = parts
                .iter()
                .enumerate()
                .map(|(index, part)| match weights.get(index) {
                    Some(weight) => json!({ "adapter": part, "weight": weight }),
                    None => part.clone(),
                });
            json!({ "average": weighted.collect::<Vec<_>>() })
        }
        "BatchSplit" => {
            let sizes = list("batch_sizes").unwrap_or_default();
            let shares = parts.iter().enumerate();
            let shares = shares.map(|(index, part)| json!({ "adapter": part, "rows": sizes.get(index).unwrap_or(&json!(1)) }));
            json!({ "split": shares.collect::<Vec<_>>() })
        }
        other => {
            return Err(format!(
                "a block of type \"{other}\" cannot be used here; write the composition as docs/composition.md has it"
            ));
        }
    })
}

/// Texts that a composition must be given at once.
pub(super) fn rows(composition: &Composition) -> usize {
    match composition {
        Composition::Split(of) => of.iter().map(|share| share.rows).sum(),
        other => other.children().into_iter().map(rows).max().unwrap_or(1),
    }
    .max(1)
}
