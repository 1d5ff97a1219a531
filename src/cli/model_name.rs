//! What a model is called on its hub, so that adapters trained on it name the right base. Empty rather than wrong:
//! `_name_or_path` in `config.json` names where the weights were before they were trained further.

use std::path::Path;

/// Names of folders that say nothing of the model in them.
const GENERIC: [&str; 29] = [
    "backbone",
    "base",
    "bert",
    "best",
    "checkpoint",
    "checkpoints",
    "ckpt",
    "data",
    "download",
    "downloads",
    "encoder",
    "f16",
    "f32",
    "final",
    "hub",
    "int8",
    "last",
    "latest",
    "main",
    "merged",
    "model",
    "models",
    "out",
    "output",
    "pretrained",
    "source",
    "src",
    "tmp",
    "weights",
];

/// The name of the model in a folder: from the hub's cache (`models--org--name/snapshots/…`), else from its
/// model card, else the folder's own unless that is a word that any model's folder may have.
pub(super) fn model_name(folder: &Path, card: Option<&str>) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let parts: Vec<&str> = folder.iter().filter_map(|part| part.to_str()).collect();
    let cached = parts.iter().rev().find_map(|part| {
        let name = part.strip_prefix("models--")?;
        Some(name.replace("--", "/"))
    });
    let own = parts.last().copied().filter(|name| is_telling(name));
    cached
        .or_else(|| card.and_then(name_in_card))
        .or_else(|| own.map(str::to_owned))
        .unwrap_or_default()
}

fn is_telling(name: &str) -> bool {
    let lower = name.to_lowercase();
    let word = lower.trim_end_matches(|c: char| c.is_ascii_digit() || "-_.".contains(c));
    let is_hash = name.len() >= 32 && name.chars().all(|c| c.is_ascii_hexdigit());
    let is_plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    word.len() > 1
        && !GENERIC.contains(&lower.as_str())
        && !GENERIC.contains(&word)
        && !is_hash
        && !name.starts_with('.')
        && name.chars().all(is_plain)
}

/// `model_name` or `model_id` in the front matter of a `README.md`, if it has the form of a hub's name.
fn name_in_card(card: &str) -> Option<String> {
    let front = card.trim_start_matches('\u{feff}').strip_prefix("---")?;
    let front = front.split("\n---").next()?;
    front.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        let value = value.trim().trim_matches(['"', '\'']);
        let is_name = ["model_name", "model_id"].contains(&field)
            && value.split('/').count() == 2
            && value.split('/').all(is_telling);
        is_name.then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str, card: Option<&str>) -> String {
        model_name(Path::new(path), card)
    }

    #[test]
    fn names_come_from_the_cache_the_card_or_the_folder() {
        let cache = "/x/models--sentence-transformers--all-MiniLM-L6-v2/snapshots/c9745ed1d9f207416be6d2e6f8de32d1f16199bf";
        assert_eq!(name(cache, None), "sentence-transformers/all-MiniLM-L6-v2");
        assert_eq!(
            name("/x/models--bert-base-uncased/snapshots/main", None),
            "bert-base-uncased"
        );
        let card = "---\nlicense: mit\nmodel_name: org/name-1\n---\n# Title";
        assert_eq!(name("/x/source", Some(card)), "org/name-1");
        assert_eq!(name("/nowhere/all-MiniLM-L6-v2", None), "all-MiniLM-L6-v2");
    }

    #[test]
    fn a_word_that_any_folder_has_is_no_name() {
        for folder in [
            "model",
            "Source",
            "checkpoint-1200",
            "int8",
            ".tmpAb12",
            "c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
            "my model",
        ] {
            assert_eq!(name(&format!("/nowhere/{folder}"), None), "", "{folder}");
        }
        let card = "---\nmodel_name: outputs\nbase_model: a/b\n---\n";
        assert_eq!(name("/nowhere/model", Some(card)), "");
        assert_eq!(name("/nowhere/model", Some("model_name: a/bc\n")), "");
    }
}
