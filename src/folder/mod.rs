//! Adapter folders as PEFT and AdapterHub save them, read and written.
//!
//! Both call their configuration `adapter_config.json`; a `peft_type` in it tells them apart. A
//! third file, `graftlet.json`, may stand beside either: see [`Card`].

mod adapterhub;
mod head;
mod head_layout;
mod inspect;
mod library;
mod listing;
mod merge;
mod other_family;
mod peft;
mod peft_keys;
mod peft_task;
mod policy;
mod size;
mod task;

pub use crate::adapter::dialect::{CONFIG, Library};
pub use head::{load_head, save_head};
pub use inspect::inspect;
pub use listing::{ListedContent, ListedFile, list_files};
pub use merge::{CHECKPOINT, merge};
pub(crate) use policy::refuse_unknown;
pub use task::{BackboneRef, Card, Member, Original, TaskAdapter, UnusedHead};

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use listing::put_card;
use size::{Extent, MAX_LAYERS, check_size};

use crate::adapter::{Config, ParamName, Parameter};
use crate::error::{Error, Result};
use crate::head::{About, Head, HeadConfig, PROBLEMS, Problem, ProblemName};
use crate::json;
use crate::model::Shape;
use crate::order::Sorted;
use crate::tensor_file::{FloatType, TensorFile, TensorFileWriter};

/// A folder in memory: file name to content.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The configuration's file name of an AdapterFusion of AdapterHub.
pub const FUSION_CONFIG: &str = "adapter_fusion_config.json";
/// The side file.
pub const CARD: &str = "graftlet.json";
/// Holds a head that the library has no way to say.
pub const SIDE_HEAD: &str = "graftlet_head.safetensors";

/// Reads an adapter's folder for a backbone.
///
/// # Errors
/// Every way in which a folder can be wrong, see [`Error`].
pub fn load(name: &str, files: &Files, shape: &Shape) -> Result<TaskAdapter> {
    let files = &*listed(name, files)?;
    let config = need(name, files, CONFIG, "an adapter's folder has one")?;
    let card = read_card(files)?;
    card.check_backbone(name, shape)?;
    let library = Library::detect(config)?;
    let map = parse_object(CONFIG, config)?;
    let loaded = match library {
        Library::Peft => peft::load(name, &map, files, card, shape)?,
        Library::AdapterHub => adapterhub::load(name, &map, files, card, shape)?,
    };
    with_side_head(loaded, files, shape)
}

/// Makes the settings of a fusion from the names of its adapters and its inner configuration.
pub type ReadFusion<'a> = &'a dyn Fn(&[String], &Map<String, Value>) -> Result<Box<dyn Config>>;

/// Reads a fusion's folder for a backbone.
///
/// # Errors
/// Every way in which a folder can be wrong, see [`Error`], and those of `read`.
pub fn load_fusion(
    name: &str,
    files: &Files,
    shape: &Shape,
    read: ReadFusion<'_>,
) -> Result<TaskAdapter> {
    let files = &*listed(name, files)?;
    let config = need(name, files, FUSION_CONFIG, "a fusion's folder has one")?;
    let card = read_card(files)?;
    card.check_backbone(name, shape)?;
    let map = parse_object(FUSION_CONFIG, config)?;
    let loaded = adapterhub::load_fusion(name, &map, files, card, shape, read)?;
    with_side_head(loaded, files, shape)
}

/// Those of a folder's files that belong to its adapter. Where the side file lists files, the list decides: a file
/// that is not on it was left by another adapter that was once written into the same folder. Files that the list has
/// hashes of are checked.
///
/// # Errors
/// [`Error::FileMissing`] for a file that is on the list and not in the folder, [`Error::FileTruncated`] and
/// [`Error::ChecksumMismatch`] for one that is not as it was written.
fn listed<'a>(name: &str, files: &'a Files) -> Result<Cow<'a, Files>> {
    let card = read_card(files)?;
    listing::verify(&card, files)?;
    let list: Vec<String> = card.files.into_iter().map(|file| file.name).collect();
    if list.is_empty() {
        return Ok(Cow::Borrowed(files));
    }
    let known = [
        Library::Peft.files(),
        Library::AdapterHub.files(),
        Library::fusion_files(),
    ]
    .concat();
    for file in &list {
        // of a .bin and the safetensors file in its place one is enough
        let instead = Library::alternative(file).is_some_and(|name| files.contains_key(name));
        if known.contains(&file.as_str()) && !instead {
            need(name, files, file, "graftlet.json lists it; copy it too")?;
        }
    }
    // what says which files there are is always one of them
    let belongs = |file: &str| {
        [CONFIG, FUSION_CONFIG, CARD].contains(&file)
            || !known.contains(&file)
            || list.iter().any(|listed| listed == file)
    };
    if files.keys().all(|file| belongs(file)) {
        return Ok(Cow::Borrowed(files));
    }
    let own = files.iter().filter(|(file, _)| belongs(file));
    Ok(Cow::Owned(
        own.map(|(file, content)| (file.clone(), content.clone()))
            .into_map(),
    ))
}

/// With the head that the library has no way to say, if there is one.
fn with_side_head(mut loaded: TaskAdapter, files: &Files, shape: &Shape) -> Result<TaskAdapter> {
    if let Some(head) = head::read(files, &loaded.card, shape)? {
        loaded.head = Some(head);
    } else if let (Some(head), false) = (&loaded.head, loaded.card.labels.is_empty()) {
        check_labels(&loaded.card.labels, head.config().labels.len())?;
    }
    head::check_pairs(&loaded)?;
    if let Some(calibration) = &loaded.card.calibration {
        calibration.check(CARD)?;
    }
    if let Some(head) = &mut loaded.head {
        head.calibrate(loaded.card.calibration.clone());
        let HeadConfig {
            problem, labels, ..
        } = head.config();
        if problem.kind.reads_tokens() && loaded.adapter.config().adds_tokens() {
            return Err(Error::UnsupportedFeature {
                place: CONFIG.into(),
                feature: "a head for tokens behind virtual tokens".into(),
            });
        }
        loaded.card.labels.clone_from(labels);
        loaded.card.problem = problem.said();
    }
    loaded.bytes = files.values().map(Vec::len).sum();
    Ok(loaded)
}

/// Writes an adapter as a library's folder.
///
/// # Errors
/// [`Error::AdapterFormat`] if the library has no such kind.
pub fn save(task: &TaskAdapter, name: &str, library: Library, shape: &Shape) -> Result<Files> {
    let reads_tokens = task.head.as_ref().is_some_and(Head::reads_tokens);
    if reads_tokens && task.adapter.config().adds_tokens() {
        return Err(Error::AdapterFormat {
            what: "a head for tokens behind virtual tokens".into(),
            format: library.title(),
            hint: "it cannot tell which state is which token's; train another kind".into(),
        });
    }
    let mut map = task.adapter.config().write(library, shape)?;
    // fields that change nothing here are kept for the library that wrote them
    if let Some(original) = &task.original
        && original.library == library
    {
        let before = match library {
            Library::Peft => Some(&original.config),
            Library::AdapterHub => original.config.get("config").and_then(Value::as_object),
        };
        keep(&mut map, before);
    }
    let name: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let name = Some(name).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| "adapter".to_owned());
    let mut files = match library {
        Library::Peft => peft::save(task, map, shape)?,
        Library::AdapterHub => adapterhub::save(task, &name, map, shape)?,
    };
    let mut card = task.card.clone();
    if let Some(head) = &task.head {
        card.labels.clone_from(&head.config().labels);
        card.problem = head.config().problem.said();
        card.calibration = head.calibration().cloned();
        if !head::can_say(library, head, shape) {
            head::put_aside(head, task.float, &mut card, &mut files)?;
        }
    }
    put_card(card, &mut files)?;
    Ok(files)
}

/// Adds the fields that a configuration had before and does not have now.
fn keep(map: &mut Map<String, Value>, before: Option<&Map<String, Value>>) {
    for (field, value) in before.into_iter().flatten() {
        map.entry(field.clone()).or_insert_with(|| value.clone());
    }
}

/// The side file, or an empty card where there is none.
fn read_card(files: &Files) -> Result<Card> {
    let Some(json) = files.get(CARD) else {
        return Ok(Card::default());
    };
    json::parse(json).map_err(|error| Error::ConfigInvalid {
        place: CARD.into(),
        reason: error.to_string(),
    })
}

/// The problem of a head that a library's file describes as `is_it` says: the card's if it is such a
/// one, and where the card names none the first of the table, with one output if the head has one.
///
/// # Errors
/// [`Error::ConfigInvalid`] if the card names one that the file does not describe.
fn agreed(
    place: &str,
    is_it: impl Fn(&About) -> bool,
    outputs: usize,
    card: &Card,
) -> Result<Problem> {
    let mut described = PROBLEMS.iter().filter(|problem| is_it(problem.about()));
    let of_outputs = |problem: &&ProblemName| problem.about().one_output == (outputs == 1);
    let found = described.clone().find(of_outputs).or(described.next());
    let found = found.copied().unwrap_or_default();
    match &card.problem {
        None => Ok(found.fresh()),
        Some(said) if is_it(said.kind.about()) => Ok(said.clone()),
        Some(said) => Err(Error::ConfigInvalid {
            place: CARD.into(),
            reason: format!(
                "it says that the head answers {}, {place} that it answers {}",
                said.kind.about().title,
                found.about().title
            ),
        }),
    }
}

/// Most labels of a head: a damaged file must not ask for any amount of memory.
const MAX_LABELS: usize = 1 << 16;

/// Labels as the libraries name them when nobody did. `place` is the file that says how many.
fn default_labels(place: &str, count: usize) -> Result<Vec<String>> {
    if count > MAX_LABELS {
        return Err(Error::ConfigInvalid {
            place: place.to_owned(),
            reason: format!("it has {count} labels, and at most {MAX_LABELS} can be read"),
        });
    }
    Ok((0..count).map(|index| format!("LABEL_{index}")).collect())
}

/// Refuses a side file's labels that are not the head's: one for each output, each once.
///
/// # Errors
/// [`Error::ConfigInvalid`] that says what is wrong with them.
fn check_labels(labels: &[String], outputs: usize) -> Result<()> {
    let invalid = |what: String| Error::ConfigInvalid {
        place: CARD.into(),
        reason: format!(
            "{what}; \"labels\" must name each of the head's outputs once, in their order"
        ),
    };
    if labels.len() != outputs {
        let count = labels.len();
        return Err(invalid(format!(
            "it lists {count} label(s), and the head has {outputs} output(s)"
        )));
    }
    let mut seen = BTreeSet::new();
    for (index, label) in labels.iter().enumerate() {
        if label.trim().is_empty() {
            return Err(invalid(format!("label {} is empty", index + 1)));
        }
        if !seen.insert(label) {
            return Err(invalid(format!("label \"{label}\" is there twice")));
        }
    }
    Ok(())
}

/// Parameters with what gives each its key in a file.
type Group<'a> = (&'a [Parameter], &'a dyn Fn(ParamName) -> String);

/// A tensor file from groups of parameters, each with its keys.
fn write_tensors(groups: &[Group<'_>], float: FloatType) -> Result<Vec<u8>> {
    let mut writer = TensorFileWriter::default();
    for (parameters, key) in groups {
        for parameter in *parameters {
            let (tensor, key) = (&parameter.tensor, key(parameter.name));
            writer.floats(&key, tensor.shape(), tensor.data(), float);
        }
    }
    writer.finish("pt")
}

/// 16 bits if all of a file's tensors have no more, so that what was read so is written so.
fn float_type(file: &TensorFile<'_>) -> FloatType {
    let half = file.names().all(|name| {
        matches!(
            file.info(name),
            Ok((_, safetensors::Dtype::F16 | safetensors::Dtype::BF16))
        )
    });
    if half { FloatType::F16 } else { FloatType::F32 }
}

fn need<'a>(place: &str, files: &'a Files, file: &str, hint: &'static str) -> Result<&'a [u8]> {
    files
        .get(file)
        .map(Vec::as_slice)
        .ok_or_else(|| Error::FileMissing {
            place: format!("adapter \"{place}\""),
            file: file.to_owned(),
            hint,
        })
}

/// A file of tensors under the first of its names that is there: safetensors, then PyTorch's own.
fn open<'a>(adapter: &str, files: &'a Files, names: [&'static str; 2]) -> Result<TensorFile<'a>> {
    let [safe, torch] = names;
    match (files.get(safe), files.get(torch)) {
        (None, Some(bytes)) => TensorFile::open(torch, bytes),
        _ => {
            let hint = "it is saved beside the configuration, as .safetensors or .bin";
            TensorFile::open(safe, need(adapter, files, safe, hint)?)
        }
    }
}

fn parse_object(place: &str, json: &[u8]) -> Result<Map<String, Value>> {
    let invalid = |reason: String| Error::ConfigInvalid {
        place: place.to_owned(),
        reason,
    };
    if json.len() > MOST_CONFIG_BYTES {
        let bytes = json.len();
        return Err(invalid(format!(
            "it has {bytes} bytes, and at most {MOST_CONFIG_BYTES} are read; an adapter's settings take a few thousand"
        )));
    }
    let value = serde_json::from_slice(json).map_err(|error| invalid(error.to_string()))?;
    if let Some(entries) = crowded(&value) {
        return Err(invalid(format!(
            "a list or object in it has {entries} entries, and at most {MOST_CONFIG_ENTRIES} are read"
        )));
    }
    match value {
        Value::Object(map) => Ok(map),
        _ => Err(invalid("it must hold a JSON object".into())),
    }
}

/// Most bytes of a configuration, and most entries of a list or object in it: each may be compared with every module of
/// the model.
const MOST_CONFIG_BYTES: usize = 4 << 20;
const MOST_CONFIG_ENTRIES: usize = 10_000;

/// The number of entries of a list or object that has too many.
fn crowded(value: &Value) -> Option<usize> {
    let (entries, inside) = match value {
        Value::Object(map) => (map.len(), map.values().find_map(crowded)),
        Value::Array(list) => (list.len(), list.iter().find_map(crowded)),
        _ => return None,
    };
    inside.or((entries > MOST_CONFIG_ENTRIES).then_some(entries))
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(value).map_err(|error| Error::ConfigInvalid {
        place: "output".into(),
        reason: error.to_string(),
    })?;
    json.push(b'\n');
    Ok(json)
}
