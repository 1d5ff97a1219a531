//! PEFT's folder: `adapter_config.json` and `adapter_model.safetensors`, or an older
//! `adapter_model.bin`.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::other_family::other_family;
use super::peft_keys::{HEADS, Keys};
use super::peft_task::{CHOICE, FEATURES, TEXTS, TOKENS, class_of, problem, task_type};
use super::{CONFIG, Files, Library, check_labels, check_size, default_labels};
use super::{Card, Original, TaskAdapter, UnusedHead};
use super::{float_type, head, head_layout, open, refuse_unknown, to_json, write_tensors};
use crate::adapter::dialect::{Fields, peft_methods, peft_targets};
use crate::adapter::saved::{SavedConfig, is_saved};
use crate::adapter::{Config, FileParams, KINDS, ParamName, Site};
use crate::error::{Error, Result};
use crate::head::{Dense, Head, HeadConfig, field};
use crate::model::family::{HeadLayout, HeadReads};
use crate::model::{LinearSite, Place, Shape};
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
    let mut claims = KINDS.iter().filter_map(|kind| kind.claim.as_ref());
    let claim = claims.find(|claim| (claim.test)(map));
    let types = KINDS.iter().flat_map(|kind| kind.peft);
    let by_type = types.clone().find(|(name, _)| *name == peft_type);
    let read = claim.map(|claim| claim.read);
    let Some(read) = read.or(by_type.map(|(_, read)| *read)) else {
        return Err(peft_methods::unsupported(
            &peft_type,
            types.map(|(name, _)| *name),
        ));
    };

    refuse_unknown(CONFIG, Library::Peft, map, None)?;
    let file = open(name, files, WEIGHTS)?;
    let keys = Keys::of(&file, shape)?;
    other_family(name, &file, shape)?;
    let of_tokens = task_type(&fields)?.as_deref() == Some(TOKENS);
    let found = keys.head(of_tokens, shape.anatomy.family);
    let (needed, unread) = with_pooler(name, &fields, &keys, shape)?;
    let mut settings = map.clone();
    settings.insert(peft_targets::PREFIX.into(), json!(keys.prefix));
    let config = read(CONFIG, &settings, &needed);
    // the size first: what does not fit this backbone is often not understood for that reason
    let whole = config
        .as_ref()
        .is_ok_and(|config| config.describe(shape).layers.len() == shape.layers);
    check_size(name, &file, shape, whole)?;
    let (mut sites, mut norms) = (BTreeSet::new(), BTreeSet::new());
    for place in keys.saved(shape) {
        match place {
            Place::Linear(site) => drop(sites.insert(site)),
            Place::Norm(site) => drop(norms.insert(site)),
            _ => {}
        }
    }
    let config: Box<dyn Config> = match sites.is_empty() && norms.is_empty() {
        true => config?,
        false => Box::new(SavedConfig {
            inner: Rc::from(config?),
            sites,
            norms,
        }),
    };

    // a missing tensor is named as its neighbours are
    let prefix = match keys.prefix.is_empty() {
        true => String::new(),
        false => format!("{}.", shape.anatomy.base()),
    };
    let key = |parameter: ParamName| {
        let (plain, prefix) = match parameter.site {
            Site::Head => {
                let layout = found.as_ref().map(|(_, layout)| layout);
                (
                    head_layout::key(layout.unwrap_or(&HeadLayout::TOKENS), parameter.field),
                    "",
                )
            }
            _ => {
                let key = config.key(Library::Peft, &shape.anatomy, parameter, name);
                (key, prefix.as_str())
            }
        };
        keys.get(&plain)
            .cloned()
            .unwrap_or_else(|| format!("base_model.model.{prefix}{plain}"))
    };
    let mut source = FileParams::new(&file, &key);
    let ignored = keys.repeated.iter().chain(&unread).chain(&keys.elsewhere);
    ignored.for_each(|key| source.ignore(key));
    let adapter = config.build(shape, &mut source)?;
    let head = match &found {
        // one output for each of the choices
        Some(_) if class_of(&fields).ends_with(CHOICE) => None,
        None => None,
        Some((key, layout)) => {
            let outputs = file.info(key)?.0.first().copied().unwrap_or_default();
            let labels = match card.labels.is_empty() {
                true => default_labels(file.place(), outputs)?,
                false => {
                    check_labels(&card.labels, outputs)?;
                    card.labels.clone()
                }
            };
            let problem = problem(&fields, outputs, &card)?;
            let config = HeadConfig {
                pairs: problem.kind.pairs(),
                problem,
                pooling: head_layout::pooling(layout),
                dense: dense(layout, &keys, &file, shape)?,
                labels,
            };
            Some(Head::build(config, shape, &mut source)?)
        }
    };
    let layout = &shape.anatomy.family.head;
    let unused_head = unused_head(&fields, &keys, layout, &mut |key| source.ignore(key))?;
    source.finish()?;
    let float = float_type(&file);
    let original = Some(Original {
        library: Library::Peft,
        config: kept(map),
        head: Map::new(),
        unused_head,
        elsewhere: keys.elsewhere.len(),
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

/// The layer before the last one of a head that is laid out so, of the size that it has in the file.
fn dense(
    layout: &HeadLayout,
    keys: &Keys,
    file: &TensorFile<'_>,
    shape: &Shape,
) -> Result<Option<Dense>> {
    let Some((_, activation)) = layout.dense() else {
        return Ok(None);
    };
    let size = match keys.get(&head_layout::key(layout, field::DENSE_BIAS)) {
        Some(key) => file.info(key)?.0.first().copied(),
        None => None,
    };
    Ok(Some(Dense {
        activation,
        size: size.filter(|&size| size != shape.hidden_size),
    }))
}

/// The shape of the model that the configuration speaks of: not every model of a family has the pooler. Beside it the
/// file's keys of a pooler that the checkpoint lacks and nothing reads: PEFT had one of random weights.
///
/// # Errors
/// [`Error::BackboneMismatch`] if the adapter acts on a pooler that its head reads, and the backbone has none.
fn with_pooler(
    name: &str,
    fields: &Fields<'_>,
    keys: &Keys,
    shape: &Shape,
) -> Result<(Shape, Vec<String>)> {
    let of_pooler = keys.of_linear(LinearSite::POOLER, shape);
    let in_file = !of_pooler.is_empty();
    // in such a family only the bare model has one, and checkpoints seldom do
    let is_unread = shape.anatomy.family.head.reads == HeadReads::FirstToken;
    let is_bare = task_type(fields)?.as_deref() == Some(FEATURES);
    if in_file && !shape.pooler && is_bare && is_unread {
        return Ok((shape.clone(), of_pooler));
    }
    if in_file && !shape.pooler {
        return Err(Error::BackboneMismatch {
            adapter: name.to_owned(),
            property: "pooler",
            expected: "absent".into(),
            found: "changed".into(),
        });
    }
    // a model that classifies texts has one if its head reads it; of another only the file can tell
    let family = shape.anatomy.family;
    let of_tokens = task_type(fields)?.as_deref() == Some(TOKENS);
    let has_head = keys.head(of_tokens, family).is_some();
    let classifies = match of_tokens {
        true => shape.anatomy.pooler.of_tokens && has_head,
        false => {
            task_type(fields)?.as_deref() == Some(TEXTS)
                && has_head
                && family.head.reads == HeadReads::Pooler
        }
    };
    let needed = Shape {
        pooler: shape.pooler && (in_file || classifies),
        ..shape.clone()
    };
    Ok((needed, Vec::new()))
}

/// What the heads are for that the file holds and that cannot be used here. Each is passed over by
/// `ignore`; a tensor that nothing says is a head's is left for an error.
fn unused_head(
    fields: &Fields<'_>,
    keys: &Keys,
    layout: &HeadLayout,
    ignore: &mut dyn FnMut(&str),
) -> Result<Option<UnusedHead>> {
    let saved = fields.strings("modules_to_save", &[])?;
    let mut found = Vec::new();
    let of_head = |plain: &str| {
        plain
            .split('.')
            .next()
            .is_some_and(|name| HEADS.contains(&name))
    };
    let own: Vec<_> = keys.iter().filter(|(plain, _)| of_head(plain)).collect();
    let title = match class_of(fields).ends_with(CHOICE) {
        true => Some("for multiple choice (classifier)"),
        false if layout.layers.is_empty() && !own.is_empty() => {
            Some("of another shape (classifier)")
        }
        false => None,
    };
    if let Some(title) = title {
        found.push(title.to_owned());
        own.into_iter().for_each(|(_, key)| ignore(key));
    }
    for (module, tensors) in keys.of_other_heads() {
        let known = OTHER_HEADS.iter().find(|(name, _)| *name == module);
        let is_saved = saved
            .iter()
            .any(|name| name.split('.').next() == Some(module));
        let title = match known {
            Some((_, title)) => format!("for {title} ({module})"),
            None if HEADS.contains(&module) => format!("of several parts ({module})"),
            None if is_saved => format!("called {module}"),
            None => continue,
        };
        found.push(title);
        tensors.into_iter().for_each(&mut *ignore);
    }
    Ok((!found.is_empty()).then(|| UnusedHead {
        what: found.join(", and one "),
        files: Files::new(),
    }))
}

/// The heads of transformers' models that are none for texts or tokens, and what they are for.
const OTHER_HEADS: [(&str, &str); 3] = [
    ("qa_outputs", "question answering"),
    ("cls", "masked language modelling"),
    ("lm_head", "language modelling"),
];

/// The fields of a configuration that are written back. What P_TUNING says of its encoder is of no use
/// beside what the encoder gave.
fn kept(map: &Map<String, Value>) -> Map<String, Value> {
    let is_encoder = |field: &str| field.starts_with("encoder_");
    let is_p_tuning = map.get("peft_type") == Some(&json!("P_TUNING"));
    let mut kept = map.clone();
    kept.retain(|field, _| !(is_p_tuning && is_encoder(field)));
    kept
}

pub(super) fn save(
    task: &TaskAdapter,
    mut map: Map<String, Value>,
    shape: &Shape,
) -> Result<Files> {
    let head = task
        .head
        .as_ref()
        .filter(|own| head::can_say(Library::Peft, own, shape));
    let layout = head.and_then(|head| head_layout::of_head(head.config(), shape));
    let layout = layout.unwrap_or(HeadLayout::TOKENS);
    // a model with a head holds the encoder in an attribute, the bare encoder does not
    let (task_type, base) = match head.map(|head| head.config().problem.kind.about().peft) {
        Some(task_type) => (task_type, format!("{}.", shape.anatomy.base())),
        // a model of one of two encoders holds it in its attribute too
        None if !shape.anatomy.family.sibling.is_empty() => {
            (FEATURES, format!("{}.", shape.anatomy.base()))
        }
        None => (FEATURES, String::new()),
    };
    map.insert("task_type".into(), json!(task_type));
    let config = task.adapter.config();
    // a model has its head under one of these names
    let heads = layout.attributes().chain(["score"]);
    let heads = heads.filter(|_| head.is_some());
    let mut whole: Vec<String> = heads.map(str::to_owned).collect();
    whole.extend(saved_modules(task, shape));
    let whole = (!whole.is_empty()).then_some(whole);
    map.insert("modules_to_save".into(), json!(whole));
    map.entry("base_model_name_or_path")
        // no base rather than a wrong one
        .or_insert_with(|| match shape.name.as_str() {
            "" => Value::Null,
            name => json!(name),
        });
    map.entry("revision").or_insert(Value::Null);
    // it stands in for a task type, and there is one
    map.insert("auto_mapping".into(), Value::Null);
    map.entry("inference_mode").or_insert(json!(true));

    // around prompt learning there is one wrapper less, and its own tensors are no module's
    let is_prompt_learning = config.is_prompt_learning();
    let wrappers = match is_prompt_learning {
        true => "base_model.",
        false => "base_model.model.",
    };
    // what stands beside the encoder is not below its attribute
    let base_of = |parameter: ParamName| match parameter.site {
        Site::Linear(site) if shape.anatomy.is_beside(Place::Linear(site)) => "",
        Site::Norm(site) if shape.anatomy.is_beside(Place::Norm(site)) => "",
        _ => base.as_str(),
    };
    let adapter_key = |parameter: ParamName| {
        let key = config.key(Library::Peft, &shape.anatomy, parameter, "default");
        match is_prompt_learning && !is_saved(parameter) {
            true => key,
            false => format!("{wrappers}{}{key}", base_of(parameter)),
        }
    };
    let classifier_key =
        |parameter: ParamName| format!("{wrappers}{}", head_layout::key(&layout, parameter.field));
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

/// `modules_to_save` of the modules that are trained whole: the names that the configuration had for
/// them, else their paths.
fn saved_modules(task: &TaskAdapter, shape: &Shape) -> Vec<String> {
    let original = task.original.as_ref();
    let before = original.and_then(|original| original.config.get("modules_to_save"));
    let before: Vec<&str> = before
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let mut names = Vec::new();
    for site in task.adapter.config().replaces() {
        let path = shape.anatomy.linear(site);
        let whole = format!(".{}.", shape.anatomy.path_with_head(site));
        let name = before
            .iter()
            .find(|name| whole.contains(&format!(".{name}.")))
            .map_or(path, |name| (*name).to_owned());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
