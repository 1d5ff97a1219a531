//! Heads in AdapterHub's files. A model class with flexible heads describes each in `head_config.json`; one of transformers' own
//! classes has a static head, of which the file names the class only.

use serde_json::{Map, Value, json};

use super::super::head_layout;
use super::super::{Card, Files, Library, TaskAdapter, UnusedHead};
use super::super::{agreed, keep, open, parse_object, refuse_unknown, write_tensors};
use super::{HEAD_CONFIG, HEAD_WEIGHTS, labels};
use crate::adapter::dialect::adapterhub::names;
use crate::adapter::dialect::{Fields, class_layout};
use crate::adapter::{FileParams, Init, ParamName, ParamSource, fields_of};
use crate::error::Result;
use crate::head::{About, Head, HeadConfig, PROBLEMS, Pooling, Reads, field};
use crate::input::Sort;
use crate::model::Shape;
use crate::ops::Activation;
use crate::tensor::Tensor;

// `head_type` of the heads that are read
const SINGLE_LABEL: &str = "classification";
const MULTI_LABEL: &str = "multilabel_classification";
const OF_PICTURES: &str = "image_classification";

/// The setting of a head of pictures that says which of the two others it is.
const SEVERAL_LABELS: &str = "multilabel";

/// Largest file of a head that is kept for writing it again, although it is not used.
const KEPT_BYTES: usize = 1 << 20;

/// What a folder says of a head.
pub(super) struct Found {
    /// The head, if there is one that can be used.
    pub(super) head: Option<Head>,
    /// One that cannot.
    pub(super) unused: Option<UnusedHead>,
    /// `head_config.json`; empty where there is none.
    pub(super) map: Map<String, Value>,
}

/// Reads the head of an adapter. `outer` is the adapter's own configuration.
///
/// # Errors
/// Those of reading the files; a head of a kind that is not computed here is no error.
pub(super) fn read(
    name: &str,
    outer: &Fields<'_>,
    files: &Files,
    card: &Card,
    shape: &Shape,
) -> Result<Found> {
    let has_weights = HEAD_WEIGHTS.iter().any(|name| files.contains_key(*name));
    let map = match files.get(HEAD_CONFIG) {
        Some(json) => parse_object(HEAD_CONFIG, json)?,
        // the first versions saved a static head's tensors alone
        None if has_weights => {
            let class = outer.get("model_class").cloned().unwrap_or_default();
            fields_of(json!({ "config": null, "model_class": class }))
        }
        None => Map::new(),
    };
    if map.is_empty() && !files.contains_key(HEAD_CONFIG) {
        return Ok(Found {
            head: None,
            unused: None,
            map,
        });
    }
    let read = match map.get("config") {
        Some(Value::Object(inner)) => flexible(name, &map, inner, files, card, shape)?,
        Some(Value::Null) => fixed(name, &map, files, card, shape)?,
        _ => {
            let reason = "\"config\" must be the head's settings, or null with the \"model_class\" whose head it is";
            return Err(Fields::new(HEAD_CONFIG, &map).invalid(reason));
        }
    };
    Ok(match read {
        Read::Head(head) => Found {
            head: Some(*head),
            unused: None,
            map,
        },
        Read::Unused(what) => Found {
            head: None,
            unused: Some(UnusedHead {
                what,
                files: kept(files),
            }),
            map,
        },
    })
}

enum Read {
    Head(Box<Head>),
    /// What it is, for a sentence: "for masked language modelling".
    Unused(String),
}

/// The files of a head, if they are small.
fn kept(files: &Files) -> Files {
    let own = files
        .iter()
        .filter(|(name, _)| *name == HEAD_CONFIG || HEAD_WEIGHTS.contains(&name.as_str()));
    let own: Files = own
        .map(|(name, bytes)| (name.clone(), bytes.clone()))
        .collect();
    let bytes: usize = own.values().map(Vec::len).sum();
    if bytes <= KEPT_BYTES {
        own
    } else {
        Files::new()
    }
}

/// What a head that is not computed here is for, by `head_type`.
fn purpose(head_type: &str) -> String {
    let known = match head_type {
        "masked_lm" => "for masked language modelling",
        "causal_lm" => "for text generation",
        "seq2seq_lm" => "for sequence-to-sequence generation",
        "question_answering" => "for extractive question answering",
        "multiple_choice" => "for multiple choice",
        "dependency_parsing" => "for dependency parsing",
        OF_PICTURES => "for images",
        "text_similarity" | "similarity" => "for similarity of texts",
        other => {
            let short: String = other.chars().take(60).collect();
            return format!("of type \"{short}\"");
        }
    };
    known.to_owned()
}

/// A head whose configuration says what it is.
fn flexible(
    name: &str,
    outer: &Map<String, Value>,
    inner: &Map<String, Value>,
    files: &Files,
    card: &Card,
    shape: &Shape,
) -> Result<Read> {
    let outer = Fields::new(HEAD_CONFIG, outer);
    let fields = Fields::new(HEAD_CONFIG, inner);
    let mut head_type: String = fields.parse("head_type", Some(SINGLE_LABEL.to_owned()))?;
    if head_type == OF_PICTURES && shape.anatomy.stem.sort() == Sort::Picture {
        // the library has one type for all problems of pictures
        head_type = match fields.flag(SEVERAL_LABELS, false)? {
            true => MULTI_LABEL.to_owned(),
            false => SINGLE_LABEL.to_owned(),
        };
    }
    let is_type = |about: &&About| about.adapterhub == head_type;
    let known = || {
        PROBLEMS
            .iter()
            .map(|problem| problem.about())
            .filter(is_type)
    };
    let Some(about) = known().next() else {
        return Ok(Read::Unused(purpose(&head_type)));
    };
    refuse_unknown(HEAD_CONFIG, Library::AdapterHub, inner, None)?;
    let default = if about.reads == Reads::Tokens { 1 } else { 2 };
    let layers = fields.count("layers", Some(default))?;
    if !(1..=2).contains(&layers) {
        return Ok(Read::Unused(format!("with {layers} layers")));
    }
    if layers == 2 && inner.get("activation_function") == Some(&Value::Null) {
        return Ok(Read::Unused(
            "of two layers without a nonlinearity between them".into(),
        ));
    }
    let labels = labels::read(HEAD_CONFIG, &fields, card)?;
    // as in the library, one output is a number where it can be one
    let one_output = labels.len() == 1 && known().any(|about| about.one_output);
    let is_it = |about: &About| is_type(&about) && about.one_output == one_output;
    let problem = agreed(HEAD_CONFIG, is_it, labels.len(), card)?;
    let activation: Activation = fields.parse("activation_function", Some(Activation::Tanh))?;
    let config = HeadConfig {
        pooling: if fields.flag("use_pooler", false)? {
            Pooling::Pooler
        } else {
            Pooling::First
        },
        dense: (layers == 2).then_some(activation.into()),
        pairs: problem.kind.pairs(),
        problem,
        labels,
    };
    let has_bias = fields.flag("bias", true)?;
    let saved_name: String = outer.parse("name", Some(name.to_owned()))?;
    let key = |field: &str| key(field, &saved_name, layers);
    build(name, config, has_bias, &key, files, shape).map(|head| Read::Head(Box::new(head)))
}

/// The head of one of transformers' own model classes.
fn fixed(
    name: &str,
    map: &Map<String, Value>,
    files: &Files,
    card: &Card,
    shape: &Shape,
) -> Result<Read> {
    let fields = Fields::new(HEAD_CONFIG, map);
    let class: String = fields.parse("model_class", Some(String::new()))?;
    let of_tokens = match class.split_once("For").map(|(_, task)| task) {
        Some("SequenceClassification" | "ImageClassification" | "AudioClassification") => false,
        Some("TokenClassification") => true,
        Some("MaskedLM" | "PreTraining") => return Ok(Read::Unused(purpose("masked_lm"))),
        Some("QuestionAnswering") => return Ok(Read::Unused(purpose("question_answering"))),
        Some("MultipleChoice") => return Ok(Read::Unused(purpose("multiple_choice"))),
        Some("NextSentencePrediction") => {
            return Ok(Read::Unused("for next-sentence prediction".into()));
        }
        Some("CausalLM") => return Ok(Read::Unused(purpose("causal_lm"))),
        Some("ConditionalGeneration") => return Ok(Read::Unused(purpose("seq2seq_lm"))),
        None if class.is_empty() && files.contains_key(HEAD_CONFIG) => {
            return Err(
                fields.invalid("neither \"config\" nor \"model_class\" says what the head is")
            );
        }
        None => return Ok(Read::Unused(format!("that no {HEAD_CONFIG} describes"))),
        Some(_) => {
            let short: String = class.chars().take(60).collect();
            return Ok(Read::Unused(format!("of the class {short}")));
        }
    };
    let layout = class_layout(shape.anatomy.family, of_tokens);
    let mut counted = map.clone();
    if fields.get("num_labels").is_none() {
        let file = open(name, files, HEAD_WEIGHTS)?;
        let outputs = names::unwrapped(&file)
            .get(&head_layout::key(&layout, field::OUT_BIAS))
            .map(|key| file.info(key));
        if let Some(Some(&count)) = outputs.transpose()?.as_ref().map(|(dims, _)| dims.first()) {
            counted.insert("num_labels".into(), json!(count));
        }
    }
    let labels = labels::read(HEAD_CONFIG, &Fields::new(HEAD_CONFIG, &counted), card)?;
    // the class has one head for all problems of texts, and its files do not say which it was trained as
    let is_it = |about: &About| (about.reads == Reads::Tokens) == of_tokens;
    let problem = agreed(HEAD_CONFIG, is_it, labels.len(), card)?;
    let config = HeadConfig {
        pairs: problem.kind.pairs(),
        problem,
        pooling: match of_tokens && !shape.anatomy.pooler.of_tokens {
            true => Pooling::First,
            false => head_layout::pooling(&layout),
        },
        dense: layout.dense().map(|(_, activation)| activation.into()),
        labels,
    };
    let key = |field: &str| head_layout::key(&layout, field);
    build(name, config, true, &key, files, shape).map(|head| Read::Head(Box::new(head)))
}

/// Builds a head of the tensors in its file; `key` gives the key of a field.
fn build(
    name: &str,
    config: HeadConfig,
    has_bias: bool,
    key: &dyn Fn(&str) -> String,
    files: &Files,
    shape: &Shape,
) -> Result<Head> {
    let file = open(name, files, HEAD_WEIGHTS)?;
    let keys = names::unwrapped(&file);
    // the library also saves heads whose names contain this one's
    let out = key(field::OUT);
    let own = out.rsplitn(3, '.').nth(2).map(|head| format!("{head}."));
    let key = |parameter: ParamName| {
        let key = key(parameter.field);
        keys.get(&key).map_or(key, |found| (*found).to_owned())
    };
    let mut source = HeadParams {
        file: FileParams::new(&file, &key),
        has_bias,
    };
    if let Some(own) = own {
        let others = keys
            .iter()
            .filter(|(key, _)| key.starts_with("heads.") && !key.starts_with(&own));
        others.for_each(|(_, found)| source.file.ignore(found));
    }
    let head = Head::build(config, shape, &mut source)?;
    source.file.finish()?;
    Ok(head)
}

/// A head's tensors; one without a bias at its end has zeros there.
struct HeadParams<'a> {
    file: FileParams<'a>,
    has_bias: bool,
}

impl ParamSource for HeadParams<'_> {
    fn get(&mut self, name: ParamName, shape: &[usize], init: Init) -> Result<Tensor> {
        if name.field == field::OUT_BIAS && !self.has_bias {
            return Ok(Tensor::new(vec![0.0; shape.iter().product()], shape));
        }
        self.file.get(name, shape, init)
    }
}

/// The head is a sequence: dropout 0, linear 1, and with two layers activation 2, dropout 3, linear 4.
fn key(name: &str, adapter: &str, layers: usize) -> String {
    let (index, part) = match name {
        field::DENSE => (1, "weight"),
        field::DENSE_BIAS => (1, "bias"),
        field::OUT => (if layers == 2 { 4 } else { 1 }, "weight"),
        _ => (if layers == 2 { 4 } else { 1 }, "bias"),
    };
    format!("heads.{adapter}.{index}.{part}")
}

/// Puts settings into the configuration around them, with what a configuration had before.
type Wrap<'a> = dyn Fn(&Value, Option<&Map<String, Value>>) -> Map<String, Value> + 'a;

/// The files of a head that AdapterHub has a way to say. `outer` wraps its settings; `before` is `head_config.json` as
/// it was read.
///
/// # Errors
/// None in practice.
pub(super) fn write(
    task: &TaskAdapter,
    head: &Head,
    is_of_pictures: bool,
    name: &str,
    before: Option<&Map<String, Value>>,
    outer: &Wrap<'_>,
) -> Result<Files> {
    let HeadConfig {
        problem,
        pooling,
        dense,
        labels,
        pairs: _,
    } = head.config();
    let layers = if dense.is_some() { 2 } else { 1 };
    let ids = labels.iter().enumerate();
    let ids: Map<String, Value> = ids.map(|(id, label)| (label.clone(), json!(id))).collect();
    let mut inner = fields_of(json!({
        "head_type": problem.kind.about().adapterhub,
        "num_labels": labels.len(),
        "layers": layers,
        "activation_function": dense.map_or(Activation::Tanh, |dense| dense.activation),
        "label2id": ids,
        "dropout_prob": null,
    }));
    // the library's head for tokens knows neither
    if !problem.kind.reads_tokens() {
        inner.insert("use_pooler".into(), json!(*pooling == Pooling::Pooler));
        inner.insert("bias".into(), json!(true));
    }
    if is_of_pictures && !problem.kind.reads_tokens() {
        let several = inner.insert("head_type".into(), json!(OF_PICTURES));
        inner.insert(
            SEVERAL_LABELS.into(),
            json!(several == Some(json!(MULTI_LABEL))),
        );
    }
    // what stood beside a static head is said by the settings now
    let before = before.filter(|head| head.get("config").is_some_and(Value::is_object));
    keep(
        &mut inner,
        before.and_then(|head| head.get("config")?.as_object()),
    );
    let key = |parameter: ParamName| key(parameter.field, name, layers);
    let mut files = Files::new();
    let config = outer(&Value::Object(inner), before);
    files.insert(HEAD_CONFIG.into(), super::super::to_json(&config)?);
    let weights = write_tensors(&[(head.parameters(), &key)], task.float)?;
    files.insert(HEAD_WEIGHTS[0].into(), weights);
    Ok(files)
}
