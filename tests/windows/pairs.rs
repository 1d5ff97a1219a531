//! Pairs of texts.

use graftlet::compose::Composition;
use graftlet::head::{Pairs, REGRESSION, SINGLE_LABEL};
use graftlet::input::text::{LongTexts, Text};
use graftlet::train::{Dataset, Row, Scheme};
use serde_json::json;

use super::{POSITIONS, REACH, adapter, engine, labelled, learnt, words};

#[test]
fn pairs_of_any_lengths() {
    let mut engine = engine();
    let task = adapter(&engine, "lora", SINGLE_LABEL);
    let pair = |a, b| Text::pair(&words(a), &words(b));
    for (first, second) in [(3, 200), (200, 3), (90, 80), (0, 90), (14, 15), (15, 15)] {
        let text = pair(first, second);
        let answer = engine
            .answer(&task, std::slice::from_ref(&text), "x")
            .unwrap()
            .remove(0);
        assert_eq!(answer.tokens, first + second + 3);
        assert_eq!(
            answer.windows > 1,
            answer.tokens > POSITIONS,
            "{first} and {second} words"
        );
    }
    // as many windows as the longer needs, not as many as there are combinations
    let windows = engine
        .tokenizer()
        .unwrap()
        .pieces(&pair(300, 300))
        .unwrap()
        .windows(REACH)
        .unwrap();
    assert!(windows.windows.len() < 60, "{}", windows.windows.len());
    engine.set_long_texts(LongTexts::Truncate);
    let answer = engine
        .answer(&task, &[pair(90, 80)], "x")
        .unwrap()
        .remove(0);
    assert_eq!(
        (answer.tokens, answer.windows, answer.truncated),
        (POSITIONS, 1, true)
    );
}

#[test]
fn a_split_counts_texts() {
    let mut engine = engine();
    for name in ["one", "two"] {
        let task = adapter(
            &engine,
            if name == "one" { "lora" } else { "pfeiffer" },
            SINGLE_LABEL,
        );
        engine.insert(name, task);
    }
    let texts: Vec<Text> = [100, 5, 80]
        .iter()
        .map(|&count| words(count).as_str().into())
        .collect();
    let split = json!({"split": [{"adapter": "one", "rows": 2}, {"adapter": "two", "rows": 1}]});
    engine
        .activate_composition(Composition::from_json(&split).unwrap())
        .unwrap();
    let found = engine.classify(&texts).unwrap();
    let one = engine.classify_with("one", &texts[..2]).unwrap();
    let two = engine.classify_with("two", &texts[2..]).unwrap();
    assert_eq!(found, [one, two].concat());
    assert!(found[0].windows > 1 && found[1].windows == 1 && found[2].windows > 1);
    assert_eq!(engine.embed(&texts).unwrap().len(), 3);
}

/// A task that was trained on pairs is not scored on single texts, nor the reverse.
#[test]
fn pairs_and_single_texts_are_told_apart() {
    let mut engine = engine();
    let pairs = labelled::rows(SINGLE_LABEL, 24, 1);
    let compares = learnt(&engine, "lora", SINGLE_LABEL, &pairs, 1);
    let single = labelled::rows(REGRESSION, 24, 1);
    let reads_one = learnt(&engine, "lora", REGRESSION, &single, 1);
    assert_eq!(
        (compares.card.pair, reads_one.card.pair),
        (Some(true), Some(false))
    );
    let files = graftlet::folder::save(
        &compares,
        "compares",
        graftlet::folder::Library::Peft,
        engine.backbone().shape(),
    );
    engine.add("compares", &files.unwrap()).unwrap();
    engine.insert("reads_one", reads_one);
    let texts: [Text; 2] = [
        Text::pair("the film", "was good"),
        "the film was good".into(),
    ];
    let refused = |name: &str| {
        let direct = engine.classify_with(name, &texts).unwrap_err();
        let of = [Composition::from(name)];
        let composed = engine
            .classify_with_all(&of, &texts)
            .map(|_| ())
            .unwrap_err();
        assert_eq!(direct.to_string(), composed.to_string());
        (direct.code(), direct.to_string())
    };
    let (code, sentence) = refused("compares");
    assert_eq!(code, "text2_missing");
    assert!(
        sentence.contains("text 2") && sentence.contains("compares"),
        "{sentence}"
    );
    let (code, sentence) = refused("reads_one");
    assert_eq!(code, "text2_unexpected");
    assert!(sentence.contains("text 1"), "{sentence}");
    // rows of both sorts, or a folder without a side file, say nothing
    let mixed = [&pairs[..12], &single[..1]].concat();
    let mixed: Vec<Row> = mixed
        .into_iter()
        .map(|row| Row {
            label: Some("x".into()),
            ..row
        })
        .collect();
    let scheme = Scheme {
        problem: SINGLE_LABEL,
        labels: vec!["x".into()],
        reject: None,
        pairs: Pairs::Joint,
    };
    let data = Dataset::with_scheme("x", &mixed, engine.reader(), &scheme).unwrap();
    assert_eq!(data.pair(), None);
    assert_eq!(data.select(&[0, 1]).pair(), None);
}
