//! Keys of AdapterHub's files, whatever wrapped the model and whatever version wrote them.

use std::collections::BTreeMap;

use crate::model::Anatomy;
use crate::order::Sorted;
use crate::tensor_file::TensorFile;

/// Modules that wrap a model: DataParallel and FSDP, `torch.compile`, a SentenceTransformer with its first module.
const WRAPPERS: [&str; 8] = [
    "module",
    "_fsdp_wrapped_module",
    "_orig_mod",
    "0",
    "auto_model",
    "model",
    "base_model",
    "transformer",
];

/// What a key below the encoder begins with.
const ROOTS: [&str; 5] = [
    "encoder",
    "prefix_tuning",
    "prompt_tuning",
    "invertible_adapters",
    "shared_parameters",
];

/// What stands before an adapter's name in a key.
const HOLDERS: [&str; 7] = [
    "adapters",
    "loras",
    "prefix_tunings",
    "prompt_tunings",
    "invertible_adapters",
    "shared_parameters",
    "adapter_fusion_layer",
];

/// A file's keys by what they are below the encoder in today's versions. A key that is nothing of the kind stands as it
/// is.
pub(crate) fn below_encoder<'a>(
    file: &'a TensorFile<'_>,
    anatomy: &Anatomy,
) -> BTreeMap<String, &'a str> {
    let below = |key: &str| {
        let key = current(key);
        let parts: Vec<&str> = key.split('.').collect();
        let root = parts.iter().position(|part| ROOTS.contains(part))?;
        let wrapped = parts[..root]
            .iter()
            .all(|part| *part == anatomy.base() || WRAPPERS.contains(part));
        wrapped.then(|| parts[root..].join("."))
    };
    file.names()
        .map(|key| (below(key).unwrap_or_else(|| key.to_owned()), key))
        .into_map()
}

/// The keys of a head's file without what wrapped the model.
pub(crate) fn unwrapped<'a>(file: &'a TensorFile<'_>) -> BTreeMap<String, &'a str> {
    let without = |key: &'a str| {
        let mut rest = key;
        while let Some((first, after)) = rest.split_once('.')
            && WRAPPERS.contains(&first)
        {
            rest = after;
        }
        (rest.to_owned(), key)
    };
    file.names().map(without).into_map()
}

/// The name of the adapter in a file's keys: the one that its configuration says, or the only one that is there.
pub(crate) fn adapter(keys: &BTreeMap<String, &str>, said: String) -> String {
    let mut found = keys.keys().filter_map(|key| holder(key)).into_set();
    if found.contains(said.as_str()) || found.len() != 1 {
        return said;
    }
    found.pop_first().map_or(said, str::to_owned)
}

/// The adapter's name in a key.
fn holder(key: &str) -> Option<&str> {
    let mut parts = key.split('.');
    parts.find(|part| HOLDERS.contains(part))?;
    parts.next()
}

/// The fusion's name in a key.
pub(crate) fn fusion(key: &str) -> Option<&str> {
    let mut parts = key.split('.');
    parts.find(|part| *part == "adapter_fusion_layer")?;
    parts.next()
}

/// A key as today's versions write it. Those before AdapterHub's `adapters` named the module after the
/// adapter's type.
fn current(key: &str) -> String {
    const RENAMED: [(&str, &str); 5] = [
        ("attention_text_task_adapters.", "adapters."),
        ("attention_text_lang_adapters.", "adapters."),
        ("layer_text_task_adapters.", "adapters."),
        ("layer_text_lang_adapters.", "adapters."),
        ("invertible_lang_adapters.", "invertible_adapters."),
    ];
    let old = RENAMED.iter().find(|(old, _)| key.contains(old));
    old.map_or_else(|| key.to_owned(), |(old, new)| key.replace(old, new))
}
