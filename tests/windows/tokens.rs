//! Which window holds which token.

use graftlet::head::TOKEN_CLASSIFICATION;
use graftlet::input::Input;
use graftlet::input::text::{Reach, Text, Tokenizer, WINDOW, Windows};
use proptest::prelude::*;
use serde_json::json;

use super::tiny::{self, tokenizer_json};
use super::{POSITIONS, REACH, engine, labelled, learnt, words};

/// Checks what must hold of any windows, and gives the whole text's token ids as they say.
pub(super) fn whole(windows: &Windows, size: usize) -> Vec<u32> {
    let mut ids = vec![None; windows.tokens];
    for window in &windows.windows {
        assert!(
            window.encoded.ids.len() <= size,
            "{} tokens",
            window.encoded.ids.len()
        );
        assert_eq!(window.encoded.ids.len(), window.places.len());
        assert!(!window.encoded.truncated);
        for (&id, place) in window.encoded.ids.iter().zip(&window.places) {
            if let Some(place) = place {
                let slot = &mut ids[*place as usize];
                assert_eq!(*slot, None, "token {place} is answered for twice");
                *slot = Some(id);
            }
        }
    }
    ids.into_iter()
        .map(|id| id.expect("a token that no window answers for"))
        .collect()
}

pub(super) fn tokenizer() -> Tokenizer {
    Tokenizer::from_json(&tokenizer_json(), POSITIONS).unwrap()
}

/// A tokenizer with the crate's other processor for BERT, or none.
fn tokenizers() -> Vec<Tokenizer> {
    let json: serde_json::Value = serde_json::from_slice(&tokenizer_json()).unwrap();
    let processors = [
        json["post_processor"].clone(),
        json!({"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}),
        serde_json::Value::Null,
    ];
    let with = |processor| {
        let mut json = json.clone();
        json["post_processor"] = processor;
        Tokenizer::from_json(json.to_string().as_bytes(), POSITIONS).unwrap()
    };
    processors.map(with).into()
}

#[test]
fn every_token_is_answered_for_once_around_the_limit() {
    for tokenizer in tokenizers() {
        for size in [5, 8, 16, 31] {
            for count in [
                1,
                size - 3,
                size - 2,
                size - 1,
                size,
                size + 1,
                2 * size,
                2 * size + 1,
                9 * size,
            ] {
                let text = Text::from(words(count).as_str());
                let all = tokenizer.encode_within(&text, usize::MAX).unwrap();
                let pieces = tokenizer.pieces(&text).unwrap();
                assert_eq!(pieces.tokens(), all.ids.len());
                for overlap in [0, 3, 100] {
                    let windows = pieces.windows_with(size, overlap).unwrap();
                    assert_eq!(whole(&windows, size), all.ids, "{count} words in {size}");
                    assert_eq!(windows.windows.len() == 1, all.ids.len() <= size);
                }
            }
        }
    }
}

#[test]
fn special_tokens_stand_around_each_window() {
    let tokenizer = tokenizer();
    let text = Text::from(words(100).as_str());
    for window in &tokenizer
        .pieces(&text)
        .unwrap()
        .windows(REACH)
        .unwrap()
        .windows
    {
        let ids = &window.encoded.ids;
        assert_eq!((ids[0], ids[ids.len() - 1]), (2, 3));
        assert!(!ids[1..ids.len() - 1].iter().any(|id| [2, 3].contains(id)));
    }
    let pair = Text::pair(&words(4), &words(100));
    for window in &tokenizer
        .pieces(&pair)
        .unwrap()
        .windows(REACH)
        .unwrap()
        .windows
    {
        let (ids, types) = (&window.encoded.ids, &window.encoded.type_ids);
        let separators: Vec<usize> = (0..ids.len()).filter(|&at| ids[at] == 3).collect();
        assert_eq!(
            separators,
            [5, ids.len() - 1],
            "the short text is whole in every window"
        );
        assert!(types[..=5].iter().all(|&id| id == 0) && types[6..].iter().all(|&id| id == 1));
    }
}

#[test]
fn words_are_not_split() {
    let mut json: serde_json::Value = serde_json::from_slice(&tokenizer_json()).unwrap();
    json["model"]["vocab"]["##s"] = json!(tiny::VOCABULARY);
    let tokenizer = Tokenizer::from_json(json.to_string().as_bytes(), POSITIONS).unwrap();
    // two tokens a word
    let text = Text::from(vec!["cats"; 60].join(" ").as_str());
    let pieces = tokenizer.pieces(&text).unwrap();
    assert_eq!(pieces.tokens(), 122);
    for (size, overlap) in [(9, 3), (10, 4), (31, 7), (32, 15)] {
        let windows = pieces.windows_with(size, overlap).unwrap();
        whole(&windows, size);
        for window in &windows.windows {
            let ids = &window.encoded.ids[1..window.encoded.ids.len() - 1];
            assert_ne!(u64::from(ids[0]), tiny::VOCABULARY as u64);
            assert!(ids.len().is_multiple_of(2));
            let own: Vec<u32> = window.places.iter().flatten().copied().collect();
            let first = own.iter().find(|&&place| place > 0).unwrap();
            assert!(
                (first - 1).is_multiple_of(2),
                "a word's tokens are answered for by one window"
            );
        }
    }
    // one word longer than any window is split, and nothing of it is lost
    let pieces = tokenizer
        .pieces(&Text::from(format!("cat{} dog", "s".repeat(90)).as_str()))
        .unwrap();
    whole(&pieces.windows_with(16, 4).unwrap(), 16);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_or_pair_is_covered(
        first in 0usize..300, second in proptest::option::of(0usize..300), size in 4usize..40, overlap in 0usize..40,
    ) {
        let text = match second {
            Some(second) => Text::pair(&words(first), &words(second)),
            None => Text::from(words(first).as_str()),
        };
        prop_assume!(!text.is_empty());
        // a pair's third special token leaves no room for both below five
        prop_assume!(second.is_none() || size >= 5);
        let tokenizer = tokenizer();
        let all = tokenizer.encode_within(&text, usize::MAX).unwrap();
        let windows = tokenizer.pieces(&text).unwrap().windows_with(size, overlap).unwrap();
        prop_assert_eq!(whole(&windows, size), all.ids);
        prop_assert_eq!(tokenizer.all_words(&text).unwrap(), tokenizer.words_within(&text, usize::MAX).unwrap());
    }
}

/// Where words are labelled, a line that fits is read alone, so that joined rows are read as the rows are.
#[test]
fn lines_are_read_alone() {
    let engine = engine();
    let problem = TOKEN_CLASSIFICATION;
    let task = learnt(&engine, "lora", problem, &labelled::rows(problem, 24, 1), 5);
    let rows: Vec<Input> = labelled::rows(problem, 30, 3)
        .into_iter()
        .map(|row| row.input)
        .collect();
    let joined: Vec<&str> = rows
        .iter()
        .map(|row| row.text().unwrap().first.as_str())
        .collect();
    let joined = Text::from(joined.join("\n").as_str());
    let whole = engine.answer(&task, &[joined], "x").unwrap().remove(0);
    assert_eq!(whole.windows, rows.len());
    // without the special tokens: the first window's begins the whole, the last one's ends it
    let width = task.card.labels.len();
    let apart: Vec<f32> = engine
        .answer(&task, &rows, "x")
        .unwrap()
        .iter()
        .flat_map(|answer| answer.logits[width..answer.logits.len() - width].to_vec())
        .collect();
    assert_eq!(whole.logits[width..whole.logits.len() - width], apart);
}

/// A model with more positions than a window has tokens.
#[test]
fn windows_are_no_longer_than_they_need_be() {
    let tokenizer = Tokenizer::from_json(&tokenizer_json(), 512).unwrap();
    let pieces = |count| Text::from(words(count).as_str());
    let windows = |count| {
        tokenizer
            .pieces(&pieces(count))
            .unwrap()
            .windows(Reach {
                limit: 512,
                window: WINDOW,
                lines: false,
                apart: false,
            })
            .unwrap()
    };
    assert_eq!(windows(510).windows.len(), 1);
    let long = windows(511);
    assert!(
        long.windows
            .iter()
            .all(|window| window.encoded.ids.len() <= WINDOW)
    );
    whole(&long, WINDOW);
}
