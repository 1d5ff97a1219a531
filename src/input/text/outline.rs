//! What the tokenizers crate takes for granted of a `tokenizer.json`, and would panic without.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::charsmap;

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
    model: Vocabulary,
}

/// The vocabulary of the file's model, counted and not kept: there may be hundreds of thousands of tokens.
#[derive(Default, Deserialize)]
struct Vocabulary {
    #[serde(default)]
    vocab: Count,
}

/// The number of entries of a list or an object.
#[derive(Default)]
struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counter;
        impl<'de> Visitor<'de> for Counter {
            type Value = Count;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a vocabulary")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
        }
        deserializer.deserialize_any(Counter)
    }
}

/// Most bytes of the file, and most tokens of its vocabulary: LaBSE's is the largest that is known, with 501,153 in 10 MB.
const MOST_BYTES: usize = 24 << 20;
pub(crate) const MOST_TOKENS: usize = 600_000;

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
    let outline: Outline = match serde_json::from_slice(file) {
        Ok(outline) => outline,
        Err(error) => return Some(error.to_string()),
    };
    let Count(tokens) = outline.model.vocab;
    if tokens > MOST_TOKENS {
        return Some(format!(
            "its vocabulary has {tokens} tokens, and at most {MOST_TOKENS} are read"
        ));
    }
    for node in nodes(&outline.normalizer) {
        let table = node.get("precompiled_charsmap").and_then(Value::as_str);
        if let Some(fault) = table.and_then(charsmap::fault) {
            return Some(format!(
                "the table of its precompiled normalizer is damaged: {fault}"
            ));
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
