//! AdapterHub's folder: `adapter_config.json` and `pytorch_adapter.bin` or `adapter.safetensors`, and
//! for the head `head_config.json` and `pytorch_model_head.bin` or `model_head.safetensors`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::policy::refuse_unknown;
use super::{CONFIG, FUSION_CONFIG, Fields, Files, Library, ReadFusion};
use super::{agreed, head, keep, open, parse_object, to_json, write_tensors};
use super::{check_size, default_labels, float_type};
use crate::adapter::fields_of;
use crate::adapter::{Card, Config, FileParams, KINDS, Kind, Original, ParamName, TaskAdapter};
use crate::backbone::Shape;
use crate::error::{Error, Result};
use crate::head::{Head, HeadConfig, Pooling, Problem, field};
use crate::ops::Activation;
use crate::tensor_file::TensorFile;

pub(super) const WEIGHTS: [&str; 2] = ["adapter.safetensors", "pytorch_adapter.bin"];
pub(super) const FUSION_WEIGHTS: [&str; 2] = [
    "model_adapter_fusion.safetensors",
    "pytorch_model_adapter_fusion.bin",
];
pub(super) const HEAD_CONFIG: &str = "head_config.json";
pub(super) const HEAD_WEIGHTS: [&str; 2] = ["model_head.safetensors", "pytorch_model_head.bin"];

// `head_type` of the heads that are read
const SINGLE_LABEL: &str = "classification";
const MULTI_LABEL: &str = "multilabel_classification";
const TOKENS: &str = "tagging";

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
    let mut inner = inner_config(CONFIG, &outer)?;
    check_model(name, &outer, shape)?;
    honour_version(&outer, &mut inner)?;

    refuse_unknown(CONFIG, Library::AdapterHub, &inner)?;
    let kind = kind_of(architecture(&inner))?;
    let Some((_, read)) = kind.adapterhub else {
        return Err(outer.invalid("AdapterHub has no such kind"));
    };
    let file = open(name, files, WEIGHTS)?;
    let whole = Fields::new(CONFIG, &inner).counts("leave_out")?.is_empty();
    check_size(name, &file, shape, whole)?;
    let config = read(CONFIG, &inner, shape)?;
    build(name, (CONFIG, map), &*config, &file, files, card, shape)
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
    let inner = inner_config(FUSION_CONFIG, &outer)?;
    check_model(name, &outer, shape)?;
    refuse_unknown(FUSION_CONFIG, Library::AdapterHub, &inner)?;
    let names: Vec<String> = outer.parse("adapter_names", None)?;
    let file = open(name, files, FUSION_WEIGHTS)?;
    check_size(name, &file, shape, true)?;
    let config = read(&names, &inner)?;
    build(
        name,
        (FUSION_CONFIG, map),
        &*config,
        &file,
        files,
        card,
        shape,
    )
}

/// The settings inside a configuration; versions long gone kept them elsewhere.
fn inner_config(place: &'static str, outer: &Fields<'_>) -> Result<Map<String, Value>> {
    if let Some(Value::String(hash)) = outer.get("config") {
        let feature = format!(
            "the configuration \"{hash}\", whose settings are kept elsewhere (load and save the adapter once with a newer AdapterHub),"
        );
        return Err(Error::UnsupportedFeature {
            place: place.into(),
            feature,
        });
    }
    outer.parse("config", None)
}

/// Builds what the settings say from the tensors of its file, and the head beside it.
fn build(
    name: &str,
    (place, map): (&str, &Map<String, Value>),
    config: &dyn Config,
    file: &TensorFile<'_>,
    files: &Files,
    card: Card,
    shape: &Shape,
) -> Result<TaskAdapter> {
    let outer = Fields::new(place, map);
    let saved_name: String = outer.parse("name", Some(name.to_owned()))?;
    let keys: BTreeMap<String, &str> = file.names().map(|key| (current_key(key), key)).collect();
    let key = |parameter: ParamName| {
        let key = config.key(Library::AdapterHub, shape.modules, parameter, &saved_name);
        let key = format!("{}.{key}", shape.modules.base());
        keys.get(&key)
            .map_or(key.clone(), |found| (*found).to_owned())
    };
    let mut source = FileParams::new(file, &key);
    let adapter = config.build(shape, &mut source)?;
    let repeats = |key: &&str| config.repeats(Library::AdapterHub, key);
    file.names()
        .filter(repeats)
        .for_each(|key| source.ignore(key));
    source.finish()?;
    let (head, head_map) = match files.get(HEAD_CONFIG) {
        Some(json) => {
            let map = parse_object(HEAD_CONFIG, json)?;
            (Some(load_head(name, &map, files, &card, shape)?), map)
        }
        None => (None, Map::new()),
    };
    let float = float_type(file);
    let original = Some(Original {
        library: Library::AdapterHub,
        config: map.clone(),
        head: head_map,
        unused_head: None,
    });
    let library = Library::AdapterHub;
    Ok(TaskAdapter {
        adapter,
        head,
        card,
        library,
        original,
        float,
        bytes: 0,
    })
}

/// Whether a Python version such as "1.0.2" or "1.1.0.dev0" comes before 1.1.0.
fn is_before_1_1_0(version: &str) -> bool {
    let mut parts = version.split('.');
    let mut number = || parts.next().unwrap_or_default().parse::<u32>();
    match (number(), number(), number()) {
        (Ok(major), Ok(minor), Ok(_)) if (major, minor) != (1, 1) => (major, minor) < (1, 1),
        // a fourth part, or letters in the third, mark what came before a release
        (Ok(1), Ok(1), Ok(0)) => parts.next().is_some_and(|part| part.starts_with("dev")),
        (Ok(1), Ok(1), third) => third.is_err() && version.starts_with("1.1.0"),
        (Ok(major), Ok(minor), _) => (major, minor) < (1, 1),
        _ => false,
    }
}

/// A key as today's versions write it. Those before AdapterHub's `adapters` named the module after the
/// adapter's type.
fn current_key(key: &str) -> String {
    const RENAMED: [(&str, &str); 5] = [
        (".attention_text_task_adapters.", ".adapters."),
        (".attention_text_lang_adapters.", ".adapters."),
        (".layer_text_task_adapters.", ".adapters."),
        (".layer_text_lang_adapters.", ".adapters."),
        (".invertible_lang_adapters.", ".invertible_adapters."),
    ];
    let old = RENAMED.iter().find(|(old, _)| key.contains(old));
    old.map_or_else(|| key.to_owned(), |(old, new)| key.replace(old, new))
}

/// `architecture`, and "ia3" for what the library takes for a LoRA that scales.
fn architecture(inner: &Map<String, Value>) -> Option<&str> {
    let text = |field| inner.get(field).and_then(Value::as_str);
    match (text("architecture"), text("composition_mode")) {
        (Some("lora"), Some("scale")) => Some("ia3"),
        (architecture, _) => architecture,
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
    let expected = shape.modules.model_type();
    let model: String = outer.parse("model_type", Some(expected.to_owned()))?;
    if model != expected {
        return mismatch("model type", expected.to_owned(), model);
    }
    Ok(())
}

/// Older files mean other things by the same words.
fn honour_version(outer: &Fields<'_>, inner: &mut Map<String, Value>) -> Result<()> {
    let version: Option<String> = outer.parse("version", Some(None))?;
    let Some(version) = version else {
        // before "adapters", gelu was the approximation and gelu_orig the exact function
        if let Some(Value::String(name)) = inner.get_mut("non_linearity") {
            match name.as_str() {
                "gelu" => "gelu_new".clone_into(name),
                "gelu_orig" => "gelu".clone_into(name),
                _ => {}
            }
        }
        return Ok(());
    };
    // before adapters 1.1.0 the scale was left out of LoRA's forward pass: as if alpha were r
    let old = version
        .strip_prefix("adapters.")
        .is_some_and(is_before_1_1_0);
    let is_lora = inner.get("architecture").and_then(Value::as_str) == Some("lora");
    if old
        && is_lora
        && let Some(rank) = inner.get("r").cloned()
    {
        inner.insert("alpha".into(), rank);
    }
    Ok(())
}

fn load_head(
    name: &str,
    map: &Map<String, Value>,
    files: &Files,
    card: &Card,
    shape: &Shape,
) -> Result<Head> {
    let outer = Fields::new(HEAD_CONFIG, map);
    let inner: Map<String, Value> = outer.parse("config", None)?;
    let fields = Fields::new(HEAD_CONFIG, &inner);
    refuse_unknown(HEAD_CONFIG, Library::AdapterHub, &inner)?;
    let head_type: String = fields.parse("head_type", Some(SINGLE_LABEL.to_owned()))?;
    let labels = head_labels(&fields, card)?;
    let problem = match head_type.as_str() {
        // as in the library, one output is a number
        SINGLE_LABEL if labels.len() == 1 => Problem::Regression,
        SINGLE_LABEL => Problem::SingleLabel,
        MULTI_LABEL => Problem::MultiLabel {
            thresholds: Vec::new(),
        },
        TOKENS => Problem::TokenClassification,
        other => return Err(fields.unsupported("head_type", &json!(other))),
    };
    let problem = agreed(HEAD_CONFIG, problem, card)?;
    fields.refuse_unless("bias", &[json!(true)])?;
    let default = if head_type == TOKENS { 1 } else { 2 };
    let layers = fields.count("layers", Some(default))?;
    if !(1..=2).contains(&layers) {
        return Err(fields.unsupported("layers", &json!(layers)));
    }
    if let Some(null @ Value::Null) = inner.get("activation_function")
        && layers == 2
    {
        return Err(fields.unsupported("activation_function", null));
    }
    let activation: Activation = fields.parse("activation_function", Some(Activation::Tanh))?;
    let pooler = fields.flag("use_pooler", false)?;
    let config = HeadConfig {
        pooling: if pooler {
            Pooling::Pooler
        } else {
            Pooling::First
        },
        dense: (layers == 2).then_some(activation),
        problem,
        labels,
    };
    let file = open(name, files, HEAD_WEIGHTS)?;
    let saved_name: String = outer.parse("name", Some(name.to_owned()))?;
    let key = |parameter: ParamName| head_key(parameter.field, &saved_name, layers);
    let mut source = FileParams::new(&file, &key);
    let head = Head::build(config, shape, &mut source)?;
    source.finish()?;
    Ok(head)
}

/// `label2id` in the order of its ids, unless the card knows better names.
fn head_labels(fields: &Fields<'_>, card: &Card) -> Result<Vec<String>> {
    let ids: Map<String, Value> = fields.parse("label2id", Some(Map::new()))?;
    let count = fields.count(
        "num_labels",
        Some(if ids.is_empty() { 2 } else { ids.len() }),
    )?;
    if card.labels.len() == count {
        return Ok(card.labels.clone());
    }
    let mut labels = default_labels(HEAD_CONFIG, count)?;
    for (label, id) in &ids {
        let slot = id
            .as_u64()
            .and_then(|id| labels.get_mut(usize::try_from(id).ok()?));
        match slot {
            Some(slot) => slot.clone_from(label),
            None => return Err(fields.invalid(&format!("label2id[\"{label}\"] is {id}"))),
        }
    }
    Ok(labels)
}

/// The head is a sequence: dropout 0, linear 1, and with two layers activation 2, dropout 3, linear 4.
fn head_key(name: &str, adapter: &str, layers: usize) -> String {
    let (index, part) = match name {
        field::DENSE => (1, "weight"),
        field::DENSE_BIAS => (1, "bias"),
        field::OUT => (if layers == 2 { 4 } else { 1 }, "weight"),
        _ => (if layers == 2 { 4 } else { 1 }, "bias"),
    };
    format!("heads.{adapter}.{index}.{part}")
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
            "model_class": shape.modules.adapter_model_class(),
            "model_name": shape.name,
            "model_type": shape.modules.model_type(),
            "name": name,
            "version": VERSION,
        }));
        keep(&mut outer, before);
        outer
    };
    let config = task.adapter.config();
    let key = |parameter: ParamName| {
        let key = config.key(Library::AdapterHub, shape.modules, parameter, name);
        format!("{}.{key}", shape.modules.base())
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
    if let Some(head) = task
        .head
        .as_ref()
        .filter(|own| head::can_say(Library::AdapterHub, own))
    {
        let HeadConfig {
            problem,
            pooling,
            dense,
            labels,
        } = head.config();
        let layers = if dense.is_some() { 2 } else { 1 };
        let ids: Map<String, Value> = labels
            .iter()
            .enumerate()
            .map(|(id, label)| (label.clone(), json!(id)))
            .collect();
        let mut inner = fields_of(json!({
            "head_type": match problem {
                Problem::SingleLabel | Problem::Regression => SINGLE_LABEL,
                Problem::MultiLabel { .. } => MULTI_LABEL,
                Problem::TokenClassification => TOKENS,
            },
            "num_labels": labels.len(),
            "layers": layers,
            "activation_function": dense.unwrap_or(Activation::Tanh),
            "label2id": ids,
            "dropout_prob": null,
        }));
        // the library's head for tokens knows neither
        if *problem != Problem::TokenClassification {
            inner.insert("use_pooler".into(), json!(*pooling == Pooling::Pooler));
            inner.insert("bias".into(), json!(true));
        }
        let key = |parameter: ParamName| head_key(parameter.field, name, layers);
        let before = original.map(|original| &original.head);
        keep(
            &mut inner,
            before.and_then(|head| head.get("config")?.as_object()),
        );
        let config = outer(&Value::Object(inner), before);
        files.insert(HEAD_CONFIG.into(), to_json(&config)?);
        files.insert(
            HEAD_WEIGHTS[0].into(),
            write_tensors(&[(head.parameters(), &key)], task.float)?,
        );
    }
    Ok(files)
}
