//! Inputs without an end: what is read of them is bounded, and what is too large is refused with a typed error.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/tiny.rs"]
mod tiny;

use graftlet::Error;
use graftlet::engine::Engine;
use graftlet::input::text::{LongTexts, MAX_CHARACTERS, Text, Tokenizer};
use tiny::Tiny;

fn engine() -> Engine {
    let tiny = Tiny::new(2, 32, 7);
    let (config, weights) = (tiny.config_json(), tiny.checkpoint());
    Engine::new(&config, &tiny::tokenizer_json(), &weights, "").unwrap()
}

#[test]
fn a_text_is_read_to_its_last_character_that_is_read_and_says_so() {
    let mut engine = engine();
    let long = "the film was bad . ".repeat(40);
    let tail = |characters: usize| " ".repeat(characters - long.len());
    let whole = Text::from(format!("{long}{}", tail(MAX_CHARACTERS)).as_str());
    let cut = Text::from(format!("{long}{}good good good", tail(MAX_CHARACTERS)).as_str());
    for way in [LongTexts::Windows, LongTexts::Truncate] {
        engine.set_long_texts(way);
        let read = engine.embed_long(&[whole.clone(), cut.clone()]).unwrap();
        assert_eq!(read[0].vector, read[1].vector);
        assert_eq!(read[0].tokens, read[1].tokens);
        assert!(read[1].truncated);
        assert_eq!(read[0].truncated, way == LongTexts::Truncate);
    }
}

#[test]
fn characters_are_counted_and_not_bytes() {
    let engine = engine();
    for character in ["x", "é", "中", "😀"] {
        let read = |count: usize| {
            let text = Text::from(character.repeat(count).as_str());
            engine.embed_long(&[text]).unwrap()[0].truncated
        };
        assert!(!read(MAX_CHARACTERS), "{character}");
        assert!(read(MAX_CHARACTERS + 1), "{character}");
    }
}

#[test]
fn each_text_of_a_pair_is_cut() {
    let long = "x".repeat(50_000_000);
    let engine = engine();
    for text in [Text::pair(&long, "good"), Text::pair("good", &long)] {
        assert!(text.is_cut());
        let read = engine.embed_long(&[text]).unwrap();
        assert!(read[0].truncated);
        assert!(read[0].tokens < 10);
    }
}

#[test]
fn what_is_not_read_makes_no_text() {
    let text = format!("{}good", " ".repeat(MAX_CHARACTERS));
    let error = engine().embed(&[Text::from("a"), text.as_str().into()]);
    assert!(matches!(error, Err(Error::TextEmpty { index: 1 })));
}

#[test]
fn a_vocabulary_without_an_end_is_refused() {
    let mut json: serde_json::Value = serde_json::from_slice(&tiny::tokenizer_json()).unwrap();
    let vocab = json["model"]["vocab"].as_object_mut().unwrap();
    for id in vocab.len()..600_001 {
        vocab.insert(format!("t{id}"), id.into());
    }
    let refused = |json: &serde_json::Value| {
        let error = Tokenizer::from_json(json.to_string().as_bytes(), 32);
        error.map(drop).unwrap_err()
    };
    let error = refused(&json);
    assert_eq!(error.code(), "file_invalid");
    assert!(error.to_string().contains("600001 tokens"), "{error}");
    json["version"] = "1".repeat(30 << 20).into();
    assert!(refused(&json).to_string().contains("bytes"));
}
