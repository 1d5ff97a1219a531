//! AdapterHub's folder: `adapter_config.json` and `adapter.safetensors`, and for the head
//! `head_config.json` and `model_head.safetensors`.

use serde_json::{Map, Value, json};

use super::{CONFIG, Fields, Files, Library, can_say, check_size, default_labels, float_type};
use super::{need, parse_object, to_json, write_tensors};
use crate::adapter::{Card, FileParams, KINDS, Kind, ParamName, TaskAdapter};
use crate::backbone::Shape;
use crate::error::{Error, Result};
use crate::head::{Head, HeadConfig, Pooling, field};
use crate::ops::Activation;
use crate::tensor_file::TensorFile;

pub(super) const WEIGHTS: &str = "adapter.safetensors";
pub(super) const HEAD_CONFIG: &str = "head_config.json";
pub(super) const HEAD_WEIGHTS: &str = "model_head.safetensors";

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
    let mut inner: Map<String, Value> = outer.parse("config", None)?;
    check_model(name, &outer, shape)?;
    honour_version(&outer, &mut inner)?;

    let architecture = inner.get("architecture").and_then(Value::as_str);
    let kind = kind_of(architecture)?;
    let Some((_, read)) = kind.adapterhub else {
        return Err(outer.invalid("AdapterHub has no such kind"));
    };
    let hint = "save it with use_safetensors=True";
    let file = TensorFile::parse(WEIGHTS, need(name, files, WEIGHTS, hint)?)?;
    let whole = Fields::new(CONFIG, &inner).counts("leave_out")?.is_empty();
    check_size(name, &file, shape, whole)?;
    let config = read(CONFIG, &inner, shape)?;

    let saved_name: String = outer.parse("name", Some(name.to_owned()))?;
    let key = |parameter: ParamName| {
        let key = config.key(Library::AdapterHub, shape.modules, parameter, &saved_name);
        format!("{}.{key}", shape.modules.base())
    };
    let mut source = FileParams::new(&file, &key);
    let adapter = config.build(shape, &mut source)?;
    source.finish()?;
    let head = match files.get(HEAD_CONFIG) {
        Some(json) => Some(load_head(name, json, files, &card, shape)?),
        None => None,
    };
    let float = float_type(&file);
    let original = Some((Library::AdapterHub, inner));
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
    let number = version.trim_start_matches("adapters.");
    let mut parts = number
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let old = (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < (1, 1);
    let is_lora = inner.get("architecture").and_then(Value::as_str) == Some("lora");
    if old
        && is_lora
        && let Some(rank) = inner.get("r").cloned()
    {
        inner.insert("alpha".into(), rank);
    }
    Ok(())
}

fn load_head(name: &str, json: &[u8], files: &Files, card: &Card, shape: &Shape) -> Result<Head> {
    let map = parse_object(HEAD_CONFIG, json)?;
    let outer = Fields::new(HEAD_CONFIG, &map);
    let inner: Map<String, Value> = outer.parse("config", None)?;
    let fields = Fields::new(HEAD_CONFIG, &inner);
    fields.refuse_unless("head_type", &[json!("classification")])?;
    fields.refuse_unless("bias", &[json!(true)])?;
    let layers = fields.count("layers", Some(2))?;
    if !(1..=2).contains(&layers) {
        return Err(fields.unsupported("layers", &json!(layers)));
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
        labels: head_labels(&fields, card)?,
    };
    let bytes = need(
        name,
        files,
        HEAD_WEIGHTS,
        "save the head with use_safetensors=True",
    )?;
    let file = TensorFile::parse(HEAD_WEIGHTS, bytes)?;
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
    let outer = |config: &Value| {
        json!({
            "config": config,
            "hidden_size": shape.hidden_size,
            "model_class": shape.modules.adapter_model_class(),
            "model_name": shape.name,
            "model_type": shape.modules.model_type(),
            "name": name,
            "version": VERSION,
        })
    };
    let config = task.adapter.config();
    let key = |parameter: ParamName| {
        let key = config.key(Library::AdapterHub, shape.modules, parameter, name);
        format!("{}.{key}", shape.modules.base())
    };
    let mut files = Files::new();
    files.insert(CONFIG.into(), to_json(&outer(&Value::Object(map)))?);
    let weights = write_tensors(&[(task.adapter.parameters(), &key)], task.float)?;
    files.insert(WEIGHTS.into(), weights);
    if let Some(head) = task
        .head
        .as_ref()
        .filter(|head| can_say(Library::AdapterHub, head))
    {
        let HeadConfig {
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
        let inner = json!({
            "head_type": "classification",
            "num_labels": labels.len(),
            "layers": layers,
            "activation_function": dense.unwrap_or(Activation::Tanh),
            "label2id": ids,
            "use_pooler": *pooling == Pooling::Pooler,
            "bias": true,
            "dropout_prob": null,
        });
        let key = |parameter: ParamName| head_key(parameter.field, name, layers);
        files.insert(HEAD_CONFIG.into(), to_json(&outer(&inner))?);
        files.insert(
            HEAD_WEIGHTS.into(),
            write_tensors(&[(head.parameters(), &key)], task.float)?,
        );
    }
    Ok(files)
}
