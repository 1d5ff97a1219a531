//! The keys of PEFT's tensors: the path of a module in the model that PEFT wrapped, with what wrappers put around it.

use std::collections::{BTreeMap, BTreeSet};

use crate::adapter::KINDS;
use crate::adapter::dialect::class_layout;
use crate::error::Result;
use crate::model::family::HeadLayout;
use crate::model::{Family, LinearSite, ModulePlan, NormSite, Place, Shape};
use crate::order::{alphabetical, sorted_by};
use crate::tensor_file::TensorFile;

/// A head for texts or tokens, by the two names that transformers has for it.
pub(super) const HEADS: [&str; 2] = ["classifier", "score"];

/// The tensor of virtual tokens.
const PROMPT: &str = "prompt_embeddings";

/// Wrappers that stand for the module inside them: of data parallelism, compilation and checkpointing.
const TRANSPARENT: [&str; 4] = [
    "module",
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
];

/// Whether a key is that of a module below one of these attributes.
pub(super) fn is_below(key: &str, attributes: &[&str]) -> bool {
    key.split('.').any(|part| attributes.contains(&part))
}

/// What the model's modules are called.
struct Names {
    /// The first parts of the paths of the encoder's.
    roots: BTreeSet<String>,
    /// Those of modules beside the encoder.
    beside: BTreeSet<String>,
    /// The paths of a head's modules.
    heads: BTreeSet<&'static str>,
    /// The paths of the encoder's, and of those beside it.
    paths: BTreeSet<String>,
}

impl Names {
    fn of(shape: &Shape) -> Self {
        let (mut roots, mut beside) = (BTreeSet::new(), BTreeSet::new());
        for module in shape.anatomy.modules() {
            let first = module.path.split('.').next().unwrap_or_default().to_owned();
            match shape.anatomy.is_beside(module.place) {
                true => beside.insert(first),
                false => roots.insert(first),
            };
        }
        let own = shape.anatomy.family.head.layers.iter();
        let modules = shape.anatomy.modules().iter();
        Self {
            roots,
            beside,
            heads: own.map(|(module, _)| *module).chain(HEADS).collect(),
            paths: modules.map(|module| module.path.clone()).collect(),
        }
    }

    /// Whether these are the parts of the path of a weight or bias that the model itself has.
    fn have(&self, parts: &[&str]) -> bool {
        let Some((_, module)) = parts.split_last() else {
            return false;
        };
        let module = module.join(".");
        self.heads.contains(module.as_str()) || self.paths.contains(&module)
    }

    /// Whether a part of a path begins that of a head.
    fn begins_head(&self, part: &str) -> bool {
        let mut heads = self.heads.iter();
        heads.any(|head| head.split('.').next() == Some(part))
    }
}

/// A key in parts.
struct Key {
    /// The path, with a dot at its end, of the encoder in the model; `None` for what is not the encoder's.
    prefix: Option<String>,
    /// Without anything that wrappers put around it: `encoder.layer.0.….lora_A.weight`, `classifier.bias`.
    plain: String,
    /// Whether it is the module as it was before training, of which PEFT keeps a copy.
    is_original: bool,
}

impl Key {
    fn of(key: &str, names: &Names) -> Self {
        let mut parts: Vec<&str> = key
            .split('.')
            .filter(|part| !TRANSPARENT.contains(part))
            .collect();
        for wrapper in ["base_model", "model"] {
            if parts.len() > 1 && parts[0] == wrapper {
                parts.remove(0);
            }
        }
        let is_original = parts.contains(&"original_module");
        let encoder = parts.iter().rposition(|part| names.roots.contains(*part));
        let prefix = encoder.map(|start| {
            let before = parts.drain(..start).collect::<Vec<_>>();
            before.iter().map(|part| format!("{part}.")).collect()
        });
        if prefix.is_none() {
            let known = |part: &&str| {
                names.begins_head(part) || names.beside.contains(*part) || *part == PROMPT
            };
            let start = parts.iter().position(known).unwrap_or_default();
            parts.drain(..start);
        }
        Self {
            prefix,
            plain: plain(parts, names),
            is_original,
        }
    }
}

/// Without the names of adapters.
fn plain(mut parts: Vec<&str>, names: &Names) -> String {
    let tensors = || KINDS.iter().flat_map(|kind| kind.peft_tensors);
    let named = |part: &&str| tensors().find(|(name, _)| name == part);
    if let Some(at) = parts.iter().position(|part| named(part).is_some()) {
        let ends = named(&parts[at]).is_some_and(|(_, ends)| *ends);
        let last = parts
            .last()
            .copied()
            .filter(|_| ends && at + 1 < parts.len());
        parts.truncate(at + 1);
        parts.extend(last);
    }
    parts.retain(|part| *part != "original_module");
    if let Some(at) = parts.iter().position(|part| *part == "modules_to_save") {
        parts.remove(at);
        // what follows is an adapter's name, or already a part of the module
        if !names.have(&parts) && at + 1 < parts.len() {
            parts.remove(at);
        }
    }
    if parts.last() != Some(&"weight") {
        parts.retain(|part| *part != "base_layer");
    }
    parts.join(".")
}

/// A file's keys by their plain form.
pub(super) struct Keys {
    names: Names,
    keys: BTreeMap<String, String>,
    /// Those whose tensors say nothing new.
    pub(super) repeated: Vec<String>,
    /// Those that belong to the other encoder of a model with two.
    pub(super) elsewhere: Vec<String>,
    /// The path, with a dot at its end, of the encoder in the model that the file was saved from.
    pub(super) prefix: String,
}

impl Keys {
    /// A module that is saved whole, as a head is, may be there three times: as it was before training,
    /// and as it was trained under two names.
    pub(super) fn of(file: &TensorFile<'_>, shape: &Shape) -> Result<Self> {
        let names = Names::of(shape);
        let all: Vec<&str> = file.names().collect();
        let all = alphabetical(&all).into_iter().map(|place| all[place]);
        #[allow(clippy::cast_precision_loss)]
        let all = sorted_by(all.collect(), |name| name.len() as f64);
        let (mut keys, mut repeated) = (BTreeMap::new(), Vec::new());
        let sibling = shape.anatomy.family.sibling;
        let (elsewhere, all): (Vec<&str>, Vec<&str>) =
            all.into_iter().partition(|name| is_below(name, sibling));
        let mut prefix = None;
        for name in all {
            let key = Key::of(name, &names);
            prefix = prefix.or(key.prefix);
            let is_repeated = match keys.get(&key.plain) {
                _ if key.is_original => true,
                Some(first) => {
                    let (dims, _) = file.info(name)?;
                    let first: &String = first;
                    file.info(first)?.0 == dims
                        && file.floats(first, &dims)? == file.floats(name, &dims)?
                }
                None => false,
            };
            if is_repeated {
                repeated.push(name.to_owned());
            } else {
                keys.entry(key.plain).or_insert_with(|| name.to_owned());
            }
        }
        Ok(Self {
            names,
            keys,
            repeated,
            elsewhere: elsewhere.into_iter().map(str::to_owned).collect(),
            prefix: prefix.unwrap_or_default(),
        })
    }

    /// The file's key of a tensor, by its key without wrappers.
    pub(super) fn get(&self, key: &str) -> Option<&String> {
        self.keys.get(&Key::of(key, &self.names).plain)
    }

    /// All plain keys with the file's own.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.keys
            .iter()
            .map(|(plain, key)| (plain.as_str(), key.as_str()))
    }

    /// The file's keys of what belongs to a linear layer.
    pub(super) fn of_linear(&self, site: LinearSite, shape: &Shape) -> Vec<String> {
        let path = format!("{}.", shape.anatomy.linear(site));
        let own = self.keys.iter().filter(|(key, _)| key.starts_with(&path));
        own.map(|(_, key)| key.clone()).collect()
    }

    /// The modules whose weights are in the file, which PEFT's `modules_to_save` names: linear layers, and layer norms that
    /// do not end a half block.
    pub(super) fn saved(&self, shape: &Shape) -> impl Iterator<Item = Place> {
        let modules = shape.anatomy.modules().iter();
        let is_saved = |module: &&ModulePlan| match module.place {
            Place::Norm(NormSite::Block(_)) => false,
            _ if module.is_optional() && !shape.pooler => false,
            Place::Linear(_) | Place::Norm(_) => {
                self.keys.contains_key(&format!("{}.weight", module.path))
            }
            _ => false,
        };
        modules.filter(is_saved).map(|module| module.place)
    }

    /// What belongs to no module that is known here, by the first part of its path: `qa_outputs`.
    pub(super) fn of_other_heads(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut found = BTreeMap::<&str, Vec<&str>>::new();
        for (plain, key) in self.iter() {
            let first = plain.split('.').next().unwrap_or_default();
            let module = plain.rsplit_once('.').map_or("", |(module, _)| module);
            let names = &self.names;
            let is_known = names.heads.contains(module)
                || names.roots.contains(first)
                || names.beside.contains(first);
            if !is_known && first != PROMPT {
                found.entry(first).or_default().push(key);
            }
        }
        found
    }

    /// The file's key of the weight of a head's last layer, and how the head is laid out, if it has one: as the class of
    /// the family for that task has it, else in one layer.
    pub(super) fn head(&self, of_tokens: bool, family: &Family) -> Option<(&String, HeadLayout)> {
        let own = class_layout(family, of_tokens);
        if own.layers.is_empty() {
            return None;
        }
        let plain = |layers| HeadLayout {
            layers,
            ..HeadLayout::TOKENS
        };
        let layouts = [
            own,
            plain(&[("classifier", None)]),
            plain(&[("score", None)]),
        ];
        layouts.into_iter().find_map(|layout| {
            let key = self.keys.get(&format!("{}.weight", layout.last()))?;
            Some((key, layout))
        })
    }
}
