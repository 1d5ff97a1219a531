//! AdapterHub's folder: `adapter_config.json` and `pytorch_adapter.bin` or `adapter.safetensors`, and
//! for the head `head_config.json` and `pytorch_model_head.bin` or `model_head.safetensors`.

mod heads;
mod labels;

use serde_json::{Map, Value, json};

use super::{CONFIG, Card, FUSION_CONFIG, Files, Library, Original, ReadFusion, TaskAdapter};
use super::{check_size, float_type, head, keep, open, refuse_unknown, to_json, write_tensors};
use crate::adapter::dialect::Fields;
use crate::adapter::dialect::adapterhub::{names, settings};
use crate::adapter::{Config, FileParams, KINDS, Kind, ParamName, Site, fields_of};
use crate::error::{Error, Result};
use crate::model::{Shape, StemPlan};
use crate::tensor_file::TensorFile;

pub(super) const WEIGHTS: [&str; 2] = ["adapter.safetensors", "pytorch_adapter.bin"];
pub(super) const FUSION_WEIGHTS: [&str; 2] = [
    "model_adapter_fusion.safetensors",
    "pytorch_model_adapter_fusion.bin",
];
pub(super) const HEAD_CONFIG: &str = "head_config.json";
pub(super) const HEAD_WEIGHTS: [&str; 2] = ["model_head.safetensors", "pytorch_model_head.bin"];

/// What `version` says in files that are written here.
const VERSION: &str = "adapters.1.3.0";

pub(super) fn load(
    name: &str,
    map: &Map<String, Value>,
    files: &Files,
    card: Card,
    shape: &Shape,
) -> Result<TaskAdapter> {
    let outer = Fields::new(CONFIG, map);
    let file = open(name, files, WEIGHTS);
    // in earlier versions every bottleneck's settings named an invertible adapter, and few had one
    let invertible = |file: &TensorFile<'_>| file.names().any(|key| key.contains("invertible"));
    let inner = settings::read(CONFIG, &outer, file.as_ref().is_ok_and(invertible))?;
    check_model(name, &outer, shape)?;
    refuse_unknown(CONFIG, Library::AdapterHub, &inner, None)?;
    let kind = kind_of(settings::architecture(&inner))?;
    let Some((_, read)) = kind.adapterhub else {
        return Err(outer.invalid("AdapterHub has no such kind"));
    };
    let file = file?;
    let whole = Fields::new(CONFIG, &inner).counts("leave_out")?.is_empty();
    check_size(name, &file, shape, whole)?;
    let config = read(CONFIG, &inner, shape)?;
    let read = Folder {
        name,
        place: CONFIG,
        map,
        settings: inner,
        files,
    };
    read.build(&*config, &file, card, shape)
}

/// A fusion; `read` makes its settings from the names of its adapters and the inner configuration.
pub(super) fn load_fusion(
    name: &str,
    map: &Map<String, Value>,
    files: &Files,
    card: Card,
    shape: &Shape,
    read: ReadFusion<'_>,
) -> Result<TaskAdapter> {
    let outer = Fields::new(FUSION_CONFIG, map);
    let inner = settings::read_fusion(&outer)?;
    check_model(name, &outer, shape)?;
    let file = open(name, files, FUSION_WEIGHTS)?;
    check_size(name, &file, shape, true)?;
    let config = read(&members(&outer, &file)?, &inner)?;
    let read = Folder {
        name,
        place: FUSION_CONFIG,
        map,
        settings: inner,
        files,
    };
    read.build(&*config, &file, card, shape)
}

/// The names of a fusion's adapters, in their order. Earlier versions have them in its own name only, joined by commas.
fn members(outer: &Fields<'_>, file: &TensorFile<'_>) -> Result<Vec<String>> {
    let split = |names: &str| -> Vec<String> {
        let names = names.split(',').map(str::trim);
        names
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    };
    match outer.get("adapter_names") {
        Some(Value::String(names)) => return Ok(split(names)),
        Some(_) => return outer.parse("adapter_names", None),
        None => {}
    }
    let said: Option<String> = outer.parse("name", Some(None))?;
    let in_keys = file.names().find_map(names::fusion).map(str::to_owned);
    let several = said
        .into_iter()
        .chain(in_keys)
        .find(|name| name.contains(','));
    several.map(|names| split(&names)).ok_or_else(|| {
        outer.invalid(
            "it does not say which adapters it is a fusion of; add their names in their order as \"adapter_names\": [\"a\", \"b\"]",
        )
    })
}

/// A folder that is being read.
struct Folder<'a> {
    name: &'a str,
    /// The configuration's file.
    place: &'static str,
    /// The configuration.
    map: &'a Map<String, Value>,
    /// The settings in it, in today's fields.
    settings: Map<String, Value>,
    files: &'a Files,
}

impl Folder<'_> {
    /// Builds what the settings say from the tensors of its file, and the head beside it.
    fn build(
        self,
        config: &dyn Config,
        file: &TensorFile<'_>,
        card: Card,
        shape: &Shape,
    ) -> Result<TaskAdapter> {
        let outer = Fields::new(self.place, self.map);
        let keys = names::below_encoder(file, &shape.anatomy);
        let said: String = outer.parse("name", Some(self.name.to_owned()))?;
        let saved_name = names::adapter(&keys, said);
        let key = |parameter: ParamName| {
            let key = config.key(Library::AdapterHub, &shape.anatomy, parameter, &saved_name);
            match keys.get(&key) {
                Some(found) => (*found).to_owned(),
                None => format!("{}.{key}", shape.anatomy.base()),
            }
        };
        // A flat prefix has one axis.
        let mut source = FileParams::new(file, &key).flat_at(Site::Encoder);
        let adapter = config.build(shape, &mut source)?;
        let repeats = |key: &&str| config.repeats(Library::AdapterHub, key);
        file.names()
            .filter(repeats)
            .for_each(|key| source.ignore(key));
        source.finish()?;
        let heads::Found { head, unused, map } =
            heads::read(self.name, &outer, self.files, &card, shape)?;
        let mut whole = self.map.clone();
        // what is kept for writing are the settings, also where a name stood for them
        whole.insert("config".into(), Value::Object(self.settings));
        Ok(TaskAdapter {
            adapter,
            head,
            card,
            library: Library::AdapterHub,
            original: Some(Original {
                library: Library::AdapterHub,
                config: whole,
                head: map,
                unused_head: unused,
                elsewhere: 0,
            }),
            float: float_type(file),
            bytes: 0,
        })
    }
}

fn kind_of(architecture: Option<&str>) -> Result<&'static Kind> {
    let known = || {
        KINDS
            .iter()
            .filter_map(|kind| Some((*kind, kind.adapterhub?.0)))
    };
    known()
        .find_map(|(kind, name)| (name == architecture).then_some(kind))
        .ok_or_else(|| {
            let names: Vec<_> = known()
                .map(|(_, name)| name.unwrap_or("null (bottleneck)"))
                .collect();
            Error::UnknownKind {
                place: CONFIG.into(),
                kind: architecture.unwrap_or_default().to_owned(),
                known: names.join(", "),
            }
        })
}

fn check_model(name: &str, outer: &Fields<'_>, shape: &Shape) -> Result<()> {
    let mismatch = |property, expected: String, found: String| {
        Err(Error::BackboneMismatch {
            adapter: name.to_owned(),
            property,
            expected,
            found,
        })
    };
    let hidden = outer.count("hidden_size", Some(shape.hidden_size))?;
    if hidden != shape.hidden_size {
        return mismatch(
            "hidden size",
            shape.hidden_size.to_string(),
            hidden.to_string(),
        );
    }
    let expected = shape.anatomy.family.model_type;
    let model: String = outer.parse("model_type", Some(expected.to_owned()))?;
    if model != expected {
        return mismatch("model type", expected.to_owned(), model);
    }
    // what is written here for a family that AdapterHub has no class of names none
    let class: String = outer.parse("model_class", Some(String::new()))?;
    let family = shape.anatomy.family;
    if family.adapter_model_class.is_empty() && !class.is_empty() {
        return Err(Error::MethodUnsupported {
            place: CONFIG.into(),
            method: format!("AdapterHub's interface to {}", family.title),
            hint: "it puts its parts elsewhere in each model; train the adapter with PEFT, or here"
                .into(),
        });
    }
    Ok(())
}

pub(super) fn save(
    task: &TaskAdapter,
    name: &str,
    map: Map<String, Value>,
    shape: &Shape,
) -> Result<Files> {
    let original = task
        .original
        .as_ref()
        .filter(|original| original.library == Library::AdapterHub);
    let outer = |config: &Value, before: Option<&Map<String, Value>>| {
        let mut outer = fields_of(json!({
            "config": config,
            "hidden_size": shape.hidden_size,
            "model_class": shape.anatomy.family.adapter_model_class,
            "model_name": shape.name,
            "model_type": shape.anatomy.family.model_type,
            "name": name,
            "version": VERSION,
        }));
        keep(&mut outer, before);
        outer
    };
    let config = task.adapter.config();
    let key = |parameter: ParamName| {
        let key = config.key(Library::AdapterHub, &shape.anatomy, parameter, name);
        format!("{}.{key}", shape.anatomy.base())
    };
    let mut whole = outer(
        &Value::Object(map),
        original.map(|original| &original.config),
    );
    let (config_file, weights_file) = match config.made_of() {
        Some(names) => {
            whole.insert("adapter_names".into(), json!(names));
            (FUSION_CONFIG, FUSION_WEIGHTS[0])
        }
        None => (CONFIG, WEIGHTS[0]),
    };
    let mut files = Files::new();
    files.insert(config_file.into(), to_json(&whole)?);
    let stored = task.adapter.stored(Library::AdapterHub);
    let weights = write_tensors(&[(&stored, &key)], task.float)?;
    files.insert(weights_file.into(), weights);
    let before = original.map(|original| &original.head);
    let is_of_pictures = matches!(shape.anatomy.stem, StemPlan::Picture(_));
    let head = task.head.as_ref();
    if let Some(head) = head.filter(|own| head::can_say(Library::AdapterHub, own, shape)) {
        files.extend(heads::write(
            task,
            head,
            is_of_pictures,
            name,
            before,
            &outer,
        )?);
    } else if head.is_none()
        && let Some(unused) = original.and_then(|original| original.unused_head.as_ref())
    {
        files.extend(unused.files.clone());
    }
    Ok(files)
}
