//! PEFT's folder: `adapter_config.json` and `adapter_model.safetensors`, or an older
//! `adapter_model.bin`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::policy::refuse_unknown;
use super::{CONFIG, Fields, Files, Library, check_size, default_labels, float_type};
use super::{agreed, head, open, to_json, write_tensors};
use crate::adapter::{Card, FileParams, KINDS, Original, ParamName, Site, TaskAdapter};
use crate::backbone::Shape;
use crate::error::{Error, Result};
use crate::head::{Head, HeadConfig, Pooling, Problem, field};
use crate::tensor_file::TensorFile;

pub(super) const WEIGHTS: [&str; 2] = ["adapter_model.safetensors", "adapter_model.bin"];

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

    refuse_unknown(CONFIG, Library::Peft, map)?;
    let file = open(name, files, WEIGHTS)?;
    let config = read(CONFIG, map, shape);
    // the size first: what does not fit this backbone is often not understood for that reason
    let whole = config
        .as_ref()
        .is_ok_and(|config| config.describe(shape).layers.len() == shape.layers);
    check_size(name, &file, shape, whole)?;
    let config = config?;

    let Keys { keys, repeated } = Keys::of(&file, shape)?;
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
        keys.get(&plain_key(&plain, shape))
            .cloned()
            .unwrap_or_else(|| format!("base_model.model.{base}{plain}"))
    };
    let mut source = FileParams::new(&file, &key);
    repeated.iter().for_each(|key| source.ignore(key));
    let adapter = config.build(shape, &mut source)?;
    let head = match keys.get(&head_key(field::OUT, &keys)) {
        None => None,
        Some(key) => {
            let outputs = file.info(key)?.0.first().copied().unwrap_or_default();
            let labels = if card.labels.len() == outputs {
                card.labels.clone()
            } else {
                default_labels(file.place(), outputs)?
            };
            let config = HeadConfig {
                problem: problem(&fields, outputs, &card)?,
                pooling: Pooling::Pooler,
                dense: None,
                labels,
            };
            Some(Head::build(config, shape, &mut source)?)
        }
    };
    source.finish()?;
    let float = float_type(&file);
    let original = Some(Original {
        library: Library::Peft,
        config: map.clone(),
        head: Map::new(),
        unused_head: None,
    });
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
        .filter(|own| head::can_say(Library::Peft, own));
    // a model with a head holds the encoder in an attribute, the bare encoder does not
    let problem = head.map(|head| &head.config().problem);
    let (task_type, base) = match problem {
        Some(Problem::TokenClassification) => (TOKENS, format!("{}.", shape.modules.base())),
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
        // no base rather than a wrong one
        .or_insert_with(|| match shape.name.as_str() {
            "" => Value::Null,
            name => json!(name),
        });
    map.entry("revision").or_insert(Value::Null);
    map.entry("auto_mapping").or_insert(Value::Null);
    map.entry("inference_mode").or_insert(json!(true));

    let config = task.adapter.config();
    // around prompt learning there is one wrapper less, and its tensors are no module's
    let (wrappers, base) = if config.is_prompt_learning() {
        ("base_model.", String::new())
    } else {
        ("base_model.model.", format!("base_model.model.{base}"))
    };
    let adapter_key = |parameter: ParamName| {
        let key = config.key(Library::Peft, shape.modules, parameter, "default");
        format!("{base}{key}")
    };
    let classifier_key = |parameter: ParamName| {
        let key = head_key(parameter.field, &BTreeMap::new());
        format!("{wrappers}{key}")
    };
    let stored = task.adapter.stored(Library::Peft);
    let mut groups: Vec<super::Group<'_>> = vec![(&stored, &adapter_key)];
    if let Some(head) = head {
        groups.push((head.parameters(), &classifier_key));
    }
    let weights = write_tensors(&groups, task.float)?;
    Ok([
        (CONFIG.to_owned(), to_json(&map)?),
        (WEIGHTS[0].to_owned(), weights),
    ]
    .into())
}

/// `task_type` of a model that labels tokens.
const TOKENS: &str = "TOKEN_CLS";

/// What a head answers. PEFT says only whether of tokens; of a text's head transformers takes one
/// output for a regression, and whether several labels hold at once stands in the model's own
/// configuration, or on the card.
fn problem(fields: &Fields<'_>, outputs: usize, card: &Card) -> Result<Problem> {
    let task_type: Option<String> = fields.parse("task_type", Some(None))?;
    if task_type.as_deref() == Some(TOKENS) {
        return agreed(CONFIG, Problem::TokenClassification, card);
    }
    match (&card.problem, outputs) {
        (None, 1) => Ok(Problem::Regression),
        (None, _) => Ok(Problem::SingleLabel),
        (Some(Problem::TokenClassification), _) => agreed(CONFIG, Problem::SingleLabel, card),
        (Some(said), _) => Ok(said.clone()),
    }
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
    key.replace("modules_to_save.", "")
        .replace(".default", "")
        .replace(".base_layer", "")
}

/// A file's keys by their plain form.
struct Keys {
    keys: BTreeMap<String, String>,
    /// Those whose tensors say nothing new.
    repeated: Vec<String>,
}

impl Keys {
    /// With all biases PEFT saves three of the head's: that of the module before training, and that of
    /// the trained one under two names. It also saves the pooler's, which must be the backbone's.
    fn of(file: &TensorFile<'_>, shape: &Shape) -> Result<Self> {
        let mut names: Vec<&str> = file.names().collect();
        names.sort_unstable_by_key(|name| (name.len(), *name));
        let (mut keys, mut repeated) = (BTreeMap::new(), Vec::new());
        let pooler_bias = format!("{}.bias", shape.modules.pooler());
        for name in names {
            let plain = plain_key(name, shape);
            let is_repeated = if plain.contains("original_module.") {
                true
            } else if plain == pooler_bias {
                let pooler = shape.frozen.pooler().and_then(|pooler| pooler.bias());
                let bias = file.floats(name, &[shape.hidden_size])?;
                pooler.is_none_or(|pooler| pooler == bias)
            } else if let Some(first) = keys.get(&plain) {
                let (dims, _) = file.info(name)?;
                let first: &String = first;
                file.info(first)?.0 == dims
                    && file.floats(first, &dims)? == file.floats(name, &dims)?
            } else {
                false
            };
            if is_repeated {
                repeated.push(name.to_owned());
            } else {
                keys.entry(plain).or_insert_with(|| name.to_owned());
            }
        }
        Ok(Self { keys, repeated })
    }
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
