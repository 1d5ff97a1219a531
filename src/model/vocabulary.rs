//! A `tokenizer.json` made of `vocab.txt`, as transformers' `BertTokenizerFast` makes it.

use serde_json::{Map, Value, json};

use super::folder::{Read, object};
use crate::error::{Error, Result};
use crate::input::text::MOST_TOKENS;
use crate::order::sorted_by;

const VOCABULARY: &str = "vocab.txt";
const CONFIG: &str = "tokenizer_config.json";
const SPECIAL: &str = "special_tokens_map.json";
const ADDED: &str = "added_tokens.json";

/// Tokenizers that split words as BERT's does, by their names in `tokenizer_config.json`.
const KNOWN: [&str; 7] = [
    "BertTokenizer",
    "BertTokenizerFast",
    "DistilBertTokenizer",
    "DistilBertTokenizerFast",
    "ElectraTokenizer",
    "ElectraTokenizerFast",
    "PreTrainedTokenizerFast",
];

/// The tokens with a part in the model, with the names of their settings and their defaults.
const ROLES: [(&str, &str); 5] = [
    ("pad_token", "[PAD]"),
    ("unk_token", "[UNK]"),
    ("cls_token", "[CLS]"),
    ("sep_token", "[SEP]"),
    ("mask_token", "[MASK]"),
];

/// The file's text; `None` if there is no `vocab.txt`.
pub(super) fn tokenizer(read: Read<'_, '_>) -> Result<Option<Vec<u8>>> {
    let Some(bytes) = read(VOCABULARY)? else {
        return Ok(None);
    };
    let invalid = |place: &str, reason: String| Error::ConfigInvalid {
        place: place.to_owned(),
        reason,
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| Error::FileInvalid {
        place: VOCABULARY.into(),
        reason: "it is not UTF-8".into(),
    })?;
    let config = object(CONFIG, read(CONFIG)?)?;
    let special = object(SPECIAL, read(SPECIAL)?)?;
    if let Some(class) = config["tokenizer_class"].as_str()
        && !KNOWN.contains(&class)
    {
        return Err(Error::ModelUnsupported {
            place: CONFIG.into(),
            reason: format!(
                "its tokenizer is {class}, and of {VOCABULARY} only BERT's can be made; save the tokenizer with transformers, as tokenizer.json"
            ),
        });
    }
    let flag = |name: &str| config[name].as_bool();
    if flag("do_basic_tokenize") == Some(false) {
        return Err(Error::ModelUnsupported {
            place: CONFIG.into(),
            reason: "do_basic_tokenize = false is not supported; save the tokenizer with transformers, as tokenizer.json".into(),
        });
    }

    let tokens = text.bytes().filter(|&byte| byte == b'\n').count();
    if tokens > MOST_TOKENS {
        return Err(invalid(
            VOCABULARY,
            format!("it has {tokens} tokens, and at most {MOST_TOKENS} are read"),
        ));
    }

    // a token that stands there twice has its last number, as in transformers
    let mut vocabulary = Map::new();
    let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    for (id, line) in lines.enumerate() {
        let token = line.strip_suffix('\r').unwrap_or(line);
        vocabulary.insert(token.to_owned(), json!(id));
    }
    let mut added: Vec<(u64, Value)> = Vec::new();
    let mut roles = Vec::new();
    for (role, default) in ROLES {
        let said = [&config[role], &special[role]]
            .into_iter()
            .find(|v| !v.is_null());
        let content = said.and_then(content_of).unwrap_or(default).to_owned();
        let id = vocabulary.get(&content).and_then(Value::as_u64);
        if let Some(id) = id {
            put(&mut added, id, token(id, &content, said, true));
        }
        roles.push((content, id));
    }
    let extra = object(ADDED, read(ADDED)?)?;
    let more = [&config, &special].map(|map| map["additional_special_tokens"].as_array());
    for value in more.into_iter().flatten().flatten() {
        let Some(content) = content_of(value) else {
            continue;
        };
        let id = vocabulary.get(content).or_else(|| extra.get(content));
        if let Some(id) = id.and_then(Value::as_u64) {
            put(&mut added, id, token(id, content, Some(value), true));
        }
    }
    for (content, id) in extra.as_object().into_iter().flatten() {
        let id = id
            .as_u64()
            .ok_or_else(|| invalid(ADDED, format!("\"{content}\" has the number {id}")))?;
        // a token of the vocabulary keeps its entry
        if vocabulary.get(content).is_none() && added.iter().all(|(known, _)| *known != id) {
            added.push((id, token(id, content, None, false)));
        }
    }
    for (id, value) in config["added_tokens_decoder"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let (Ok(id), Some(content)) = (id.parse::<u64>(), content_of(value)) else {
            return Err(invalid(CONFIG, format!("added token {id} is {value}")));
        };
        let is_special = value["special"].as_bool().unwrap_or_default();
        put(&mut added, id, token(id, content, Some(value), is_special));
    }
    #[allow(clippy::cast_precision_loss)]
    let added = sorted_by(added, |(id, _)| *id as f64);
    let mut next = vocabulary.len() as u64;
    for (id, token) in &added {
        let content = content_of(token).unwrap_or_default();
        if vocabulary.contains_key(content) {
            continue;
        }
        // the tokenizers crate counts on, whatever the file says
        if *id != next {
            return Err(invalid(
                ADDED,
                format!(
                    "token \"{content}\" has the number {id}, and {next} is the next that is free; save the tokenizer with transformers, as tokenizer.json"
                ),
            ));
        }
        next += 1;
    }

    let [_, (unknown, _), (cls, cls_id), (sep, sep_id), _] = roles.as_slice() else {
        return Err(invalid(CONFIG, "it lacks the special tokens".into()));
    };
    let (Some(cls_id), Some(sep_id), true) = (cls_id, sep_id, vocabulary.contains_key(unknown))
    else {
        return Err(invalid(
            VOCABULARY,
            format!(
                "it lacks one of \"{unknown}\", \"{cls}\" and \"{sep}\", which every text needs; it is not this model's vocabulary"
            ),
        ));
    };
    let single = |name: &str, kind: u32| json!({"SpecialToken": {"id": name, "type_id": kind}});
    let sequence = |name: &str, kind: u32| json!({"Sequence": {"id": name, "type_id": kind}});
    let entry = |name: &str, id: u64| json!({"id": name, "ids": [id], "tokens": [name]});
    let mut special_tokens = Map::new();
    special_tokens.insert(cls.clone(), entry(cls, *cls_id));
    special_tokens.insert(sep.clone(), entry(sep, *sep_id));
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added.into_iter().map(|(_, token)| token).collect::<Vec<_>>(),
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": true,
            "handle_chinese_chars": flag("tokenize_chinese_chars").unwrap_or(true),
            "strip_accents": flag("strip_accents"),
            "lowercase": flag("do_lower_case").unwrap_or(true),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [single(cls, 0), sequence("A", 0), single(sep, 0)],
            "pair": [single(cls, 0), sequence("A", 0), single(sep, 0), sequence("B", 1), single(sep, 1)],
            "special_tokens": special_tokens,
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {
            "type": "WordPiece",
            "unk_token": unknown,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    });
    serde_json::to_vec(&tokenizer)
        .map(Some)
        .map_err(|error| invalid(VOCABULARY, error.to_string()))
}

/// The text of a token, which is written as a string or as an object with settings.
fn content_of(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value["content"].as_str())
}

/// An entry of `added_tokens`. A special token is looked for in the text as it came, another one in the normalised
/// text, unless the settings say otherwise.
fn token(id: u64, content: &str, settings: Option<&Value>, special: bool) -> Value {
    let flag = |name: &str, default: bool| {
        settings
            .and_then(|settings| settings[name].as_bool())
            .unwrap_or(default)
    };
    json!({
        "id": id,
        "content": content,
        "single_word": flag("single_word", false),
        "lstrip": flag("lstrip", false),
        "rstrip": flag("rstrip", false),
        "normalized": flag("normalized", !special),
        "special": special,
    })
}

/// Adds an entry in place of an earlier one of the same number.
fn put(added: &mut Vec<(u64, Value)>, id: u64, token: Value) {
    match added.iter_mut().find(|(known, _)| *known == id) {
        Some((_, known)) => *known = token,
        None => added.push((id, token)),
    }
}
