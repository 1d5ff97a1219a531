//! What a model is called on its hub, so that adapters trained on it name the right base. Empty rather than wrong:
//! `_name_or_path` in `config.json` names where the weights were before they were trained further.

use super::folder::ModelFiles;
use crate::error::Result;

/// Folder names that say nothing about the model inside.
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

/// The model card, whose front matter may say the name.
const CARD: &str = "README.md";

/// The name of the model in a folder: from the hub's cache (`models--org--name/snapshots/…`) or address
/// (`org/name/resolve/main`), else from its model card, else the folder's own unless that is a word that any model's
/// folder may have.
///
/// # Errors
/// Those of reading the card.
pub(super) fn model_name(files: &dyn ModelFiles) -> Result<String> {
    let folders = files.folders();
    if let Some(name) = name_in_path(&folders) {
        return Ok(name);
    }
    let card = files.read(CARD)?;
    let card = card.as_deref().map(String::from_utf8_lossy);
    let own = folders.last().filter(|name| is_telling(name));
    let name = card.as_deref().and_then(name_in_card);
    Ok(name.or_else(|| own.cloned()).unwrap_or_default())
}

fn name_in_path(folders: &[String]) -> Option<String> {
    let cached = folders.iter().rev().find_map(|folder| {
        let name = folder.strip_prefix("models--")?;
        Some(name.replace("--", "/"))
    });
    let at_hub = || {
        let end = folders.iter().rposition(|folder| folder == "resolve")?;
        let name = &folders[end.saturating_sub(2)..end];
        (!name.is_empty() && name.iter().all(|part| is_telling(part))).then(|| name.join("/"))
    };
    cached.or_else(at_hub)
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
#[allow(clippy::panic)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    struct Folder<'a>(&'a str, Option<&'a str>);

    impl ModelFiles for Folder<'_> {
        fn place(&self) -> String {
            self.0.to_owned()
        }

        fn folders(&self) -> Vec<String> {
            let parts = self.0.split('/').filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        }

        fn names(&self) -> Result<Vec<String>> {
            Ok(Vec::new())
        }

        fn read(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>> {
            assert_eq!(name, CARD);
            Ok(self.1.map(|card| card.as_bytes().into()))
        }
    }

    fn name(path: &str, card: Option<&str>) -> String {
        model_name(&Folder(path, card)).unwrap_or_else(|error| panic!("{error}"))
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
    fn an_address_of_a_hub_names_the_model() {
        let card = Some("---\nmodel_name: other/card\n---\n");
        assert_eq!(
            name(
                "/sentence-transformers/all-MiniLM-L6-v2/resolve/main/",
                card
            ),
            "sentence-transformers/all-MiniLM-L6-v2"
        );
        assert_eq!(
            name("/bert-base-uncased/resolve/0a1b/", None),
            "bert-base-uncased"
        );
        assert_eq!(
            name("/mirror/hub/org/name-1/resolve/main/", None),
            "org/name-1"
        );
        // a folder of that name is no hub's
        assert_eq!(name("/resolve/main/", card), "other/card");
        assert_eq!(name("/resolve/all-MiniLM-L6-v2", None), "all-MiniLM-L6-v2");
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
