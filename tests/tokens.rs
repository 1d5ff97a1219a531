//! Tokens of texts and pairs, against the tokenizers crate's own `encode`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

mod support;
#[path = "support/tiny.rs"]
mod tiny;

use graftlet::input::text::{Text, Tokenizer};
use serde_json::Value;
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

/// Fewer tokens than the special ones take: nothing of the text is read, and nothing panics.
#[test]
fn no_room_for_any_token() {
    for room in 0..3 {
        let tokenizer = Tokenizer::from_json(&tokenizer_json(), room).unwrap();
        let tokens = tokenizer.encode(&"good film".into()).unwrap();
        assert_eq!((tokens.ids.len(), tokens.truncated), (2, true), "{room}");
    }
}
