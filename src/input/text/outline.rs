//! What the tokenizers crate takes for granted of a `tokenizer.json`, and would panic without.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::charsmap;
use crate::json;

/// The parts of the file that are looked at; of the rest only that it is JSON.
#[derive(Deserialize)]
struct Outline {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    model: Value,
}

/// Most bytes of the file, and most tokens of its vocabulary: LaBSE's is the largest that is known, with 501,153 in 10 MB.
const MOST_BYTES: usize = 24 << 20;
const MOST_TOKENS: usize = 600_000;

/// Most bytes of a regular expression; what it is compiled to is some hundred times as long.
const MOST_PATTERN: usize = 10_000;

/// Says what is wrong with the file, if it is something that the crate does not say itself.
pub(super) fn fault(file: &[u8]) -> Option<String> {
    if file.len() > MOST_BYTES {
        return Some(format!(
            "it has {} bytes, and at most {MOST_BYTES} are read; no model has so many tokens",
            file.len()
        ));
    }
    let outline: Outline = match json::parse(file) {
        Ok(outline) => outline,
        Err(error) => return Some(error.to_string()),
    };
    let tokens = match outline.model.get("vocab") {
        Some(Value::Object(map)) => map.len(),
        Some(Value::Array(list)) => list.len(),
        _ => 0,
    };
    if tokens > MOST_TOKENS {
        return Some(format!(
            "its vocabulary has {tokens} tokens, and at most {MOST_TOKENS} are read"
        ));
    }
    let is_precompiled =
        |node: &&Map<String, Value>| node.get("type") == Some(&"Precompiled".into());
    for node in nodes(&outline.normalizer).filter(is_precompiled) {
        let table = node.get("precompiled_charsmap").and_then(Value::as_str);
        if !table.is_some_and(charsmap::is_sound) {
            return Some("the table of its precompiled normalizer is damaged".into());
        }
    }
    let parts = nodes(&outline.normalizer).chain(nodes(&outline.pre_tokenizer));
    let patterns = { parts }.filter_map(|node| node.get("Regex").and_then(Value::as_str));
    if let Some(long) = { patterns }.find(|pattern| pattern.len() > MOST_PATTERN) {
        return Some(format!(
            "it has a regular expression of {} bytes, and at most {MOST_PATTERN} are read",
            long.len()
        ));
    }
    let templates: Vec<_> = nodes(&outline.post_processor)
        .filter(|node| node.contains_key("single"))
        .collect();
    if templates.len() > 1 {
        return Some("it has more than one template".into());
    }
    let pieces = |template: &Map<String, Value>, sort: &str| {
        let pieces = template.get(sort).and_then(Value::as_array).cloned();
        pieces.unwrap_or_default()
    };
    for template in templates {
        let known = |token: &Value| {
            let token = token.as_str().unwrap_or_default();
            let tokens = template.get("special_tokens");
            tokens.is_some_and(|tokens| tokens.get(token).is_some())
        };
        for (sort, piece) in ["single", "pair"]
            .into_iter()
            .flat_map(|sort| pieces(template, sort).into_iter().map(move |p| (sort, p)))
        {
            if let Some(token) = piece.pointer("/SpecialToken/id").filter(|id| !known(id)) {
                return Some(format!("its template has a token {token} without an id"));
            }
            if sort == "single" && piece.pointer("/Sequence/id") == Some(&Value::from("B")) {
                return Some("its template for one text asks for a second".into());
            }
        }
    }
    None
}

/// Every object of a processor: itself, and those of a sequence.
fn nodes(value: &Value) -> Box<dyn Iterator<Item = &Map<String, Value>> + '_> {
    let below = match value {
        Value::Object(map) => Box::new(map.values()) as Box<dyn Iterator<Item = &Value>>,
        Value::Array(list) => Box::new(list.iter()),
        _ => Box::new(std::iter::empty()),
    };
    Box::new(value.as_object().into_iter().chain(below.flat_map(nodes)))
}
