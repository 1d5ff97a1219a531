//! Tokens of texts and pairs, against the tokenizers crate's own `encode`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

mod support;
#[path = "support/tiny.rs"]
mod tiny;

use graftlet::input::text::{Text, Tokenizer};
use serde_json::{Value, json};
use tiny::tokenizer_json;
use tokenizers::{EncodeInput, TruncationParams};

const MAX_TOKENS: usize = 12;

/// Short, at the limit, past it; pairs of which the first, the second or both are cut; letters of several bytes.
fn texts() -> Vec<Text> {
    let words = |count: usize| vec!["good film bad"; count].join(" ");
    let mut texts: Vec<Text> = (1..6).map(|count| words(count).as_str().into()).collect();
    for (first, second) in [(1, 1), (1, 2), (2, 1), (1, 6), (6, 1), (4, 4), (5, 6)] {
        texts.push(Text::pair(&words(first), &words(second)));
    }
    texts.push("\u{c4}rger, \u{5b57}\u{5b57} [MASK] no-such-word".into());
    texts.push(Text::pair("", "film"));
    texts.push("  GOOD film42bad-film \u{2581}good b\u{e4}d ".into());
    texts.push(Text::pair(
        "\u{fb01}lm good\u{a0}film",
        "ba\u{301}d film, GOOD",
    ));
    texts
}

/// Compares all texts and gives how many of them were cut.
fn equals_the_crate(json: &[u8], what: &str) -> usize {
    let ours = Tokenizer::from_json(json, MAX_TOKENS).unwrap();
    let mut theirs = tokenizers::Tokenizer::from_bytes(json).unwrap();
    theirs.with_padding(None);
    let truncation = TruncationParams {
        max_length: MAX_TOKENS,
        ..TruncationParams::default()
    };
    theirs.with_truncation(Some(truncation)).unwrap();
    let mut cut = 0;
    for text in texts() {
        let input = || -> EncodeInput<'_> {
            match &text.second {
                Some(second) => (text.first.as_str(), second.as_str()).into(),
                None => text.first.as_str().into(),
            }
        };
        let expected = theirs.encode_fast(input(), true).unwrap();
        let tokens = ours.encode(&text).unwrap();
        assert_eq!(tokens.ids, expected.get_ids(), "{what}: {text:?}");
        assert_eq!(tokens.type_ids, expected.get_type_ids(), "{what}: {text:?}");
        assert_eq!(
            tokens.truncated,
            !expected.get_overflowing().is_empty(),
            "{what}: {text:?}"
        );
        cut += usize::from(tokens.truncated);

        let expected = theirs.encode_char_offsets(input(), true).unwrap();
        for word in ours.words(&text).unwrap() {
            let index = expected.get_word_ids()[word.token];
            let second = expected.get_sequence_ids()[word.token] == Some(1);
            assert_eq!(word.second, second, "{what}: {text:?}, {word:?}");
            let offsets = expected.get_word_ids().iter().zip(expected.get_offsets());
            let (mut start, mut end) = (usize::MAX, 0);
            for (token, (id, offset)) in offsets.enumerate() {
                if *id == index && (expected.get_sequence_ids()[token] == Some(1)) == second {
                    (start, end) = (start.min(offset.0), end.max(offset.1));
                }
            }
            assert_eq!(
                (word.start, word.end),
                (start, end),
                "{what}: {text:?}, {word:?}"
            );
        }
    }
    cut
}

#[test]
fn tokens_are_the_crates() {
    let tiny: Value = serde_json::from_slice(&tokenizer_json()).unwrap();
    let cut = equals_the_crate(tiny.to_string().as_bytes(), "tiny");
    assert!(cut > 5, "{cut} texts were cut");
    for missing in ["post_processor", "pre_tokenizer", "normalizer"] {
        let mut without = tiny.clone();
        without[missing] = Value::Null;
        let what = format!("without {missing}");
        equals_the_crate(without.to_string().as_bytes(), &what);
    }
    // a file's own padding and truncation are of no account
    let mut padded = tiny.clone();
    padded["padding"] = serde_json::json!({
        "strategy": {"Fixed": 40}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0,
        "pad_token": "[PAD]",
    });
    padded["truncation"] = serde_json::json!({
        "direction": "Left", "max_length": 4, "strategy": "OnlyFirst", "stride": 1,
    });
    equals_the_crate(padded.to_string().as_bytes(), "padded");
    if let Some([_, tokenizer, _]) = support::checkpoint() {
        equals_the_crate(tokenizer, "all-MiniLM-L6-v2");
    }
}

/// Every type of part that the crate knows, with its fields as files have them.
#[test]
fn every_part_is_the_crates() {
    let tiny: Value = serde_json::from_slice(&tokenizer_json()).unwrap();
    let regex = json!({"Regex": "[a-f]|\\s+(?!\\S)"});
    let bert = |strip: Value, lowercase: bool| {
        json!({
            "type": "BertNormalizer", "clean_text": !lowercase, "handle_chinese_chars": lowercase,
            "strip_accents": strip, "lowercase": lowercase,
        })
    };
    let normalizers = [
        bert(Value::Null, true),
        bert(json!(true), false),
        json!({"type": "ByteLevel"}),
        json!({"type": "Lowercase"}),
        json!({"type": "NFC"}),
        json!({"type": "NFD"}),
        json!({"type": "NFKC"}),
        json!({"type": "NFKD"}),
        json!({"type": "Nmt"}),
        json!({"type": "Prepend", "prepend": "good "}),
        json!({"type": "Replace", "pattern": {"String": "good"}, "content": "bad"}),
        json!({"type": "Replace", "pattern": regex, "content": " film "}),
        json!({"type": "Strip", "strip_left": true, "strip_right": false}),
        json!({"type": "Sequence", "normalizers": []}),
        json!({"type": "Sequence", "normalizers": [
            {"type": "NFD"},
            {"type": "Sequence", "normalizers": [{"type": "StripAccents"}, {"type": "Lowercase"}]},
        ]}),
    ];
    let metaspace = |scheme: &str| json!({"type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": scheme, "split": true});
    let split = |behavior: &str, pattern: &Value, invert: bool| json!({"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert});
    let pre_tokenizers = [
        json!({"type": "BertPreTokenizer"}),
        json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true}),
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}),
        json!({"type": "CharDelimiterSplit", "delimiter": "o"}),
        json!({"type": "Digits", "individual_digits": true}),
        json!({"type": "Digits", "individual_digits": false}),
        json!({"type": "FixedLength"}),
        json!({"type": "FixedLength", "length": 3}),
        metaspace("first"),
        metaspace("always"),
        metaspace("never"),
        json!({"type": "Metaspace", "replacement": "_", "add_prefix_space": false, "prepend_scheme": "never", "split": false}),
        json!({"type": "Metaspace", "replacement": "\u{2581}", "add_prefix_space": true, "str_rep": "\u{2581}"}),
        json!({"type": "Punctuation"}),
        json!({"type": "Punctuation", "behavior": "MergedWithNext"}),
        split("Isolated", &json!({"String": "film"}), false),
        split("Removed", &regex, true),
        split("Contiguous", &regex, false),
        json!({"type": "UnicodeScripts"}),
        json!({"type": "Whitespace"}),
        json!({"type": "WhitespaceSplit"}),
        json!({"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"}, {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}]},
        ]}),
    ];
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let (sep, cls) = (json!(["[SEP]", 3]), json!(["[CLS]", 2]));
    let post_processors = [
        json!({"type": "BertProcessing", "sep": sep, "cls": cls}),
        json!({"type": "RobertaProcessing", "sep": sep, "cls": cls, "trim_offsets": false, "add_prefix_space": false}),
        json!({"type": "RobertaProcessing", "sep": sep, "cls": cls, "trim_offsets": true, "add_prefix_space": true}),
        byte_level.clone(),
        json!({"type": "Sequence", "processors": [byte_level, tiny["post_processor"]]}),
    ];
    let sorts = [
        ("normalizer", &normalizers[..]),
        ("pre_tokenizer", &pre_tokenizers),
        ("post_processor", &post_processors),
    ];
    for (sort, parts) in sorts {
        for part in parts {
            let mut changed = tiny.clone();
            changed[sort] = part.clone();
            equals_the_crate(changed.to_string().as_bytes(), &part.to_string());
        }
    }
}

#[test]
fn parts_that_are_no_parts() {
    let tiny: Value = serde_json::from_slice(&tokenizer_json()).unwrap();
    let long = "AAAA".repeat(3);
    let broken = [
        ("normalizer", json!([]), "its normalizer is not an object"),
        (
            "normalizer",
            json!({"lowercase": true}),
            "its normalizer has no type",
        ),
        (
            "normalizer",
            json!({"type": "Lowercas"}),
            "its normalizer is of the unknown type Lowercas",
        ),
        (
            "normalizer",
            json!({"type": "Strip", "strip_left": true}),
            "Strip has no `strip_right`",
        ),
        (
            "normalizer",
            json!({"type": "Strip", "strip_left": 1, "strip_right": true}),
            "`strip_left` of its normalizer",
        ),
        (
            "normalizer",
            json!({"type": "Sequence"}),
            "has no list `normalizers`",
        ),
        (
            "normalizer",
            json!({"type": "Sequence", "normalizers": [{"type": "N"}]}),
            "unknown type N",
        ),
        (
            "normalizer",
            json!({"type": "Replace", "pattern": {"Regex": "("}, "content": ""}),
            "file_invalid",
        ),
        (
            "normalizer",
            json!({"type": "Replace", "pattern": {"Regex": 1}, "content": ""}),
            "must have a `String`",
        ),
        (
            "normalizer",
            json!({"type": "Precompiled", "precompiled_charsmap": long}),
            "file_invalid",
        ),
        (
            "pre_tokenizer",
            json!({"type": "CharDelimiterSplit", "delimiter": "ab"}),
            "`delimiter` of its pre-tokenizer",
        ),
        (
            "pre_tokenizer",
            json!({"type": "FixedLength", "length": -1}),
            "`length` of its pre-tokenizer",
        ),
        (
            "pre_tokenizer",
            json!({"type": "Metaspace", "replacement": "_", "add_prefix_space": false, "prepend_scheme": "first"}),
            "disagree",
        ),
        (
            "pre_tokenizer",
            json!({"type": "Split", "pattern": {"String": "a"}, "behavior": "Kept", "invert": false}),
            "Kept",
        ),
        (
            "post_processor",
            json!({"type": "BertProcessing", "sep": ["[SEP]"], "cls": ["[CLS]", 2]}),
            "`sep` of its post-processor",
        ),
        (
            "post_processor",
            json!({"type": "TemplateProcessing", "single": []}),
            "its post-processor",
        ),
    ];
    for (sort, part, words) in broken {
        let mut changed = tiny.clone();
        changed[sort] = part.clone();
        let error = Tokenizer::from_json(changed.to_string().as_bytes(), MAX_TOKENS);
        let error = error.err().unwrap_or_else(|| panic!("{part} is read"));
        assert_eq!(error.code(), "file_invalid", "{part}");
        let said = format!("{} {error}", error.code());
        assert!(said.contains(words), "{part}: {said}");
    }
}

/// Fewer tokens than the special ones take: nothing of the text is read, and nothing panics.
#[test]
fn no_room_for_any_token() {
    for room in 0..3 {
        let tokenizer = Tokenizer::from_json(&tokenizer_json(), room).unwrap();
        let tokens = tokenizer.encode(&"good film".into()).unwrap();
        assert_eq!((tokens.ids.len(), tokens.truncated), (2, true), "{room}");
    }
}
