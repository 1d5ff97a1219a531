//! PEFT's folder: `adapter_config.json` and `adapter_model.safetensors`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{CONFIG, Fields, Files, Library, can_say, check_size, default_labels, float_type};
use super::{need, to_json, write_tensors};
use crate::adapter::{Card, FileParams, KINDS, ParamName, Site, TaskAdapter};
use crate::backbone::Shape;
use crate::error::{Error, Result};
use crate::head::{Head, HeadConfig, Pooling, field};
use crate::tensor_file::TensorFile;

pub(super) const WEIGHTS: &str = "adapter_model.safetensors";

pub(super) fn load(
    name: &str,
    map: &Map<String, Value>,
    files: &Files,
    card: Card,
    shape: &Shape,
) -> Result<TaskAdapter> {
    let fields = Fields::new(CONFIG, map);
    let peft_type: String = fields.parse("peft_type", None)?;
    let read = KINDS
        .iter()
        .filter_map(|kind| kind.peft)
        .find_map(|(name, read)| (name == peft_type).then_some(read))
        .ok_or_else(|| Error::UnknownKind {
            place: CONFIG.into(),
            kind: peft_type.clone(),
            known: KINDS
                .iter()
                .filter_map(|kind| Some(kind.peft?.0))
                .collect::<Vec<_>>()
                .join(", "),
        })?;

    let hint = "save it with safetensors (PEFT's default)";
    let file = TensorFile::parse(WEIGHTS, need(name, files, WEIGHTS, hint)?)?;
    let config = read(CONFIG, map, shape);
    // the size first: what does not fit this backbone is often not understood for that reason
    let whole = config
        .as_ref()
        .is_ok_and(|config| config.describe(shape).layers.len() == shape.layers);
    check_size(name, &file, shape, whole)?;
    let config = config?;

    let keys: BTreeMap<String, String> = file
        .names()
        .map(|key| (plain_key(key, shape), key.to_owned()))
        .collect();
    // a missing tensor is named as its neighbours are
    let base = format!("{}.", shape.modules.base());
    let is_inside = file.names().any(|key| key.contains(&format!(".{base}")));
    let base = if is_inside { base } else { String::new() };
    let key = |parameter: ParamName| {
        let (plain, base) = match parameter.site {
            Site::Head => (head_key(parameter.field, &keys), ""),
            _ => {
                let key = config.key(Library::Peft, shape.modules, parameter, name);
                (key, base.as_str())
            }
        };
        keys.get(&plain)
            .cloned()
            .unwrap_or_else(|| format!("base_model.model.{base}{plain}"))
    };
    let mut source = FileParams::new(&file, &key);
    let adapter = config.build(shape, &mut source)?;
    let head = match keys.get(&head_key(field::OUT, &keys)) {
        None => None,
        Some(key) => {
            let outputs = file.info(key)?.0.first().copied().unwrap_or_default();
            let labels = if card.labels.len() == outputs {
                card.labels.clone()
            } else {
                default_labels(WEIGHTS, outputs)?
            };
            let config = HeadConfig {
                pooling: Pooling::Pooler,
                dense: None,
                labels,
            };
            Some(Head::build(config, shape, &mut source)?)
        }
    };
    source.finish()?;
    let float = float_type(&file);
    let original = Some((Library::Peft, map.clone()));
    Ok(TaskAdapter {
        adapter,
        head,
        card,
        library: Library::Peft,
        original,
        float,
        bytes: 0,
    })
}

pub(super) fn save(
    task: &TaskAdapter,
    mut map: Map<String, Value>,
    shape: &Shape,
) -> Result<Files> {
    let head = task
        .head
        .as_ref()
        .filter(|head| can_say(Library::Peft, head));
    // a model with a head holds the encoder in an attribute, the bare encoder does not
    let (task_type, base) = match head {
        Some(_) => ("SEQ_CLS", format!("{}.", shape.modules.base())),
        None => ("FEATURE_EXTRACTION", String::new()),
    };
    map.insert("task_type".into(), json!(task_type));
    if head.is_some() {
        map.insert("modules_to_save".into(), json!(["classifier", "score"]));
    } else {
        map.insert("modules_to_save".into(), Value::Null);
    }
    map.entry("base_model_name_or_path")
        .or_insert_with(|| json!(shape.name));
    map.entry("revision").or_insert(Value::Null);
    map.entry("auto_mapping").or_insert(Value::Null);
    map.entry("inference_mode").or_insert(json!(true));

    let config = task.adapter.config();
    let adapter_key = |parameter: ParamName| {
        let key = config.key(Library::Peft, shape.modules, parameter, "default");
        format!("base_model.model.{base}{key}")
    };
    let classifier_key = |parameter: ParamName| {
        format!(
            "base_model.model.{}",
            head_key(parameter.field, &BTreeMap::new())
        )
    };
    let mut groups: Vec<super::Group<'_>> = vec![(task.adapter.parameters(), &adapter_key)];
    if let Some(head) = head {
        groups.push((head.parameters(), &classifier_key));
    }
    let weights = write_tensors(&groups, task.float)?;
    Ok([
        (CONFIG.to_owned(), to_json(&map)?),
        (WEIGHTS.to_owned(), weights),
    ]
    .into())
}

/// A key without what wrappers put around it: `encoder.layer.0.….lora_A.weight`, `classifier.bias`.
fn plain_key(key: &str, shape: &Shape) -> String {
    let mut key = key;
    for prefix in ["base_model.", "model."] {
        key = key.strip_prefix(prefix).unwrap_or(key);
    }
    key = key
        .strip_prefix(&format!("{}.", shape.modules.base()))
        .unwrap_or(key);
    key.replace("modules_to_save.", "").replace(".default", "")
}

/// `classifier.…`, or `score.…` where the file has that.
fn head_key(name: &str, keys: &BTreeMap<String, String>) -> String {
    let module = if keys.contains_key("score.weight") {
        "score"
    } else {
        "classifier"
    };
    let part = if name == field::OUT { "weight" } else { "bias" };
    format!("{module}.{part}")
}
