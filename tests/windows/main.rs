//! Texts that are longer than the model: every word is read and answered for once, short texts are answered with the
//! bits that they had, and neighbours in a call change nothing.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss
)]

#[path = "support/labelled.rs"]
mod labelled;
#[path = "support/tiny.rs"]
mod tiny;

use graftlet::compose::Composition;
use graftlet::engine::{Answer, Engine, answers};
use graftlet::folder::TaskAdapter;
use graftlet::head::{
    MULTI_LABEL, Pooling, Prediction, ProblemName, REGRESSION, SINGLE_LABEL, TOKEN_CLASSIFICATION,
    pool,
};
use graftlet::input::text::{Batch, Encoded, LongTexts, Reach, Text, Tokenizer, WINDOW, Windows};
use graftlet::model::{Dtype, NoHook};
use graftlet::train::{Dataset, Outcomes, Row, Scheme, Settings};
use labelled::{PROBLEMS, dataset, run, trainer};
use proptest::prelude::*;
use serde_json::json;
use tiny::{Tiny, WORDS, tokenizer_json};

const POSITIONS: usize = 32;
const REACH: Reach = Reach {
    limit: POSITIONS,
    window: WINDOW,
    lines: false,
    apart: false,
};

fn engine() -> Engine {
    Tiny::new(2, POSITIONS, 11).engine(Dtype::Int8)
}

/// `count` words, which are a token each.
fn words(count: usize) -> String {
    let words: Vec<&str> = { WORDS.iter().cycle() }.take(count).copied().collect();
    words.join(" ")
}

/// An adapter that has learnt rows of a problem for some epochs.
fn learnt(
    engine: &Engine,
    kind: &str,
    problem: ProblemName,
    rows: &[Row],
    epochs: usize,
) -> TaskAdapter {
    let data = dataset(engine, problem, rows);
    let settings = Settings {
        epochs: Some(epochs),
        batch_size: Some(8),
        learning_rate: Some(0.02),
        seed: Some(5),
        ..Settings::default()
    };
    let mut trainer = trainer(engine, kind, settings, data.clone(), data);
    run(&mut trainer);
    trainer.finish().unwrap()
}

fn adapter(engine: &Engine, kind: &str, problem: ProblemName) -> TaskAdapter {
    let mut task = learnt(engine, kind, problem, &labelled::rows(problem, 24, 1), 2);
    // these tests give it single texts and pairs
    task.card.pair = None;
    task
}

fn bits(answer: &Answer) -> Vec<u32> {
    answer.logits.iter().map(|x| x.to_bits()).collect()
}

/// Checks what must hold of any windows, and gives the whole text's token ids as they say.
fn whole(windows: &Windows, size: usize) -> Vec<u32> {
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

fn tokenizer() -> Tokenizer {
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

/// Lines that are each answered as they are alone, where no two fit in a window.
#[test]
fn paragraphs_are_read_apart() {
    let engine = engine();
    let problem = TOKEN_CLASSIFICATION;
    let task = adapter(&engine, "lora", problem);
    let lines: Vec<String> = (0..5).map(|at| words(20 + at)).collect();
    let texts: Vec<Text> = lines.iter().map(|line| line.as_str().into()).collect();
    let alone = engine.answer(&task, &texts, "x").unwrap();
    let joined = Text::from(lines.join("\n").as_str());
    let answer = engine.answer(&task, &[joined], "x").unwrap().remove(0);
    assert_eq!(answer.windows, 5);
    let width = task.card.labels.len();
    let mut at = width;
    let mut start = 0;
    let Prediction::Spans(mut found) = answer.prediction.clone() else {
        panic!()
    };
    for (line, one) in lines.iter().zip(&alone) {
        let own = &one.logits[width..one.logits.len() - width];
        assert_eq!(&answer.logits[at..at + own.len()], own);
        at += own.len();
        let Prediction::Spans(spans) = &one.prediction else {
            panic!()
        };
        // a span may go on from line to line: the first of a line only where it begins there
        for span in spans.iter().skip(1) {
            let place = found
                .iter()
                .position(|found| found.start == span.start + start);
            assert!(place.is_some_and(|place| found.remove(place).label == span.label));
        }
        start += line.len() + 1;
    }
}

/// What the engine gave before there were windows.
#[test]
fn texts_that_fit_have_the_bits_of_one_sequence() {
    let engine = engine();
    for problem in PROBLEMS {
        let task = adapter(&engine, "lora", problem);
        for count in [1, 7, POSITIONS - 3, POSITIONS - 2] {
            let text = Text::from(words(count).as_str());
            let tokens = engine.tokenizer().encode(&text).unwrap();
            let one = answers(&**engine.backbone(), &task, &[tokens], "x").unwrap();
            let found = engine.answer(&task, &[text], "x").unwrap();
            assert_eq!(bits(&found[0]), bits(&one[0]), "{problem:?}, {count} words");
            assert_eq!((found[0].windows, found[0].truncated), (1, false));
            assert_eq!(found[0].tokens, count + 2);
        }
    }
}

#[test]
fn long_and_short_together_are_as_each_alone() {
    let mut engine = engine();
    for problem in PROBLEMS {
        let mut kinds = vec!["lora", "prompt", "pfeiffer"];
        // virtual tokens have no tags
        kinds.retain(|&kind| kind != "prompt" || problem != TOKEN_CLASSIFICATION);
        for kind in &kinds {
            let task = adapter(&engine, kind, problem);
            engine.insert(kind, task);
        }
        let texts: Vec<Text> = [3, 200, 30, 31, 23, 24, 90, 1]
            .iter()
            .map(|&count| Text::from(words(count).as_str()))
            .collect();
        let of: Vec<Composition> = kinds.iter().map(|&kind| Composition::from(kind)).collect();
        let all = engine.classify_with_all(&of, &texts).unwrap();
        for (kind, composed) in kinds.iter().zip(&all) {
            let together = engine.classify_with(kind, &texts).unwrap();
            assert_eq!(together, composed.answers, "{kind}");
            for (text, answer) in texts.iter().zip(&together) {
                let alone = engine
                    .classify_with(kind, std::slice::from_ref(text))
                    .unwrap();
                assert_eq!(bits(&alone[0]), bits(answer), "{kind}, {problem:?}");
                assert_eq!(alone[0], *answer);
            }
        }
    }
}

/// The rules of `docs/long-texts.md`, computed here from each window alone.
#[test]
fn windows_are_combined_by_the_rules() {
    let mut engine = engine();
    let text = Text::from(words(100).as_str());
    let windows = engine
        .tokenizer()
        .pieces(&text)
        .unwrap()
        .windows(REACH)
        .unwrap();
    let sequences: Vec<Encoded> = windows.windows.iter().map(|w| w.encoded.clone()).collect();
    assert!(sequences.len() > 3);
    let weights: Vec<f64> = windows
        .windows
        .iter()
        .map(|w| w.own() as f64 / 102.0)
        .collect();
    assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let mean = |vectors: &[Vec<f32>]| -> Vec<f64> {
        (0..vectors[0].len())
            .map(|at| {
                vectors
                    .iter()
                    .zip(&weights)
                    .map(|(v, w)| f64::from(v[at]) * w)
                    .sum()
            })
            .collect()
    };
    for problem in PROBLEMS {
        let task = adapter(&engine, "lora", problem);
        let each = answers(&**engine.backbone(), &task, &sequences, "x").unwrap();
        let answer = engine
            .answer(&task, std::slice::from_ref(&text), "x")
            .unwrap()
            .remove(0);
        assert_eq!(
            (answer.windows, answer.tokens, answer.truncated),
            (sequences.len(), 102, false)
        );
        if problem == TOKEN_CLASSIFICATION {
            let width = task.card.labels.len();
            for (window, said) in windows.windows.iter().zip(&each) {
                for (token, place) in window.places.iter().enumerate() {
                    let Some(place) = place else { continue };
                    let at = *place as usize * width;
                    let own = &said.logits[token * width..(token + 1) * width];
                    assert_eq!(&answer.logits[at..at + width], own);
                }
            }
            continue;
        }
        let logits: Vec<Vec<f32>> = each.iter().map(|one| one.logits.clone()).collect();
        for (found, expected) in answer.logits.iter().zip(mean(&logits)) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-5 * expected.abs().max(1.0),
                "{found} {expected}"
            );
        }
        let head = task.head.as_ref().unwrap();
        assert_eq!(answer.prediction, head.prediction(&answer.logits));
    }
    engine.activate(None).unwrap();
    let vector = engine.embed(std::slice::from_ref(&text)).unwrap().remove(0);
    let means = sequences.iter().map(|sequence| {
        let states = engine
            .backbone()
            .forward(&Batch::new([sequence]), &NoHook)
            .unwrap();
        pool(
            Pooling::Mean,
            &**engine.backbone(),
            &graftlet::model::NoHook,
            &states,
        )
        .data()
        .to_vec()
    });
    let expected = mean(&means.collect::<Vec<_>>());
    let norm = expected.iter().map(|x| x * x).sum::<f64>().sqrt();
    for (found, expected) in vector.iter().zip(expected) {
        assert!((f64::from(*found) - expected / norm).abs() < 1e-5);
    }
}

/// What stands at the end of a long text is found, in its place; words that no border doubles or cuts.
#[test]
fn a_late_entity_is_found() {
    let engine = engine();
    let problem = TOKEN_CLASSIFICATION;
    let rows = labelled::rows(problem, 60, 1);
    let task = learnt(&engine, "lora", problem, &rows, 60);
    // lines that leave the last one no room in their window, so that it is read as a row that was learnt
    let line = format!("{}\n", "the very dog runs ".repeat((POSITIONS - 2) / 4));
    let quiet = line.repeat(10);
    let text = format!("{quiet}the red cat sings");
    let answer = engine
        .answer(&task, &[Text::from(text.as_str())], "x")
        .unwrap()
        .remove(0);
    assert!(answer.windows > 4);
    let Prediction::Spans(spans) = &answer.prediction else {
        panic!()
    };
    let last = spans.last().expect("the last words are a span");
    assert_eq!(&text[last.start..last.end], "red cat");
    let mut cut = engine;
    cut.set_long_texts(LongTexts::Truncate);
    let answer = cut
        .answer(&task, &[Text::from(text.as_str())], "x")
        .unwrap()
        .remove(0);
    assert_eq!(
        (answer.windows, answer.tokens, answer.truncated),
        (1, POSITIONS, true)
    );
    let Prediction::Spans(spans) = &answer.prediction else {
        panic!()
    };
    assert!(spans.iter().all(|span| span.end < quiet.len()));
}

/// Rows behind the limit are scored as they are answered.
#[test]
fn long_rows_are_scored_whole() {
    let engine = engine();
    let problem = TOKEN_CLASSIFICATION;
    let rows = labelled::rows(problem, 60, 1);
    let task = learnt(&engine, "lora", problem, &rows, 10);
    let text: Vec<&str> = rows.iter().map(|row| row.text.first.as_str()).collect();
    let tags: Vec<&str> = rows.iter().filter_map(|row| row.label.as_deref()).collect();
    let joined = labelled::row(text.join(" ").as_str(), &tags.join(" "));
    let scheme = Scheme::of(task.head.as_ref().unwrap());
    let read = |limit| {
        Dataset::within(
            "x",
            std::slice::from_ref(&joined),
            engine.tokenizer(),
            &scheme,
            limit,
        )
        .unwrap()
    };
    let all = read(usize::MAX);
    assert_eq!((all.length(0), all.truncated()), (4 * 60 + 2, 0));
    assert_eq!(all.vectors_of(0..1), 4 * 60);
    let answer = engine
        .answer(&task, std::slice::from_ref(&joined.text), "x")
        .unwrap()
        .remove(0);
    let mut outcomes = Outcomes::new(scheme.labels.len());
    outcomes.add(&all, 0, &answer.logits);
    assert_eq!(outcomes.logits.len() / outcomes.width, 4 * 60);
    assert_eq!((read(20).length(0), read(20).truncated()), (20, 1));
}

/// Eight virtual tokens take eight of the 32 positions.
#[test]
fn virtual_tokens_leave_fewer_positions() {
    let mut engine = engine();
    let task = adapter(&engine, "prompt", MULTI_LABEL);
    assert_eq!(engine.limit(&*task.adapter), POSITIONS - 8);
    let read = |engine: &Engine, count| {
        let answer = engine
            .answer(&task, &[words(count).as_str().into()], "x")
            .unwrap()
            .remove(0);
        (answer.windows, answer.tokens, answer.truncated)
    };
    assert_eq!(read(&engine, 22), (1, 24, false));
    assert_eq!(read(&engine, 23), (2, 25, false));
    assert_eq!(read(&engine, 400).1, 402);
    engine.set_long_texts(LongTexts::Truncate);
    assert_eq!(read(&engine, 22), (1, 24, false));
    assert_eq!(read(&engine, 23), (1, 24, true));
}

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
    };
    let data = Dataset::with_scheme("x", &mixed, engine.tokenizer(), &scheme).unwrap();
    assert_eq!(data.pair(), None);
    assert_eq!(data.select(&[0, 1]).pair(), None);
}

/// Where words are labelled, a line that fits is read alone, so that joined rows are read as the rows are.
#[test]
fn lines_are_read_alone() {
    let engine = engine();
    let problem = TOKEN_CLASSIFICATION;
    let task = learnt(&engine, "lora", problem, &labelled::rows(problem, 24, 1), 5);
    let rows: Vec<Text> = labelled::rows(problem, 30, 3)
        .into_iter()
        .map(|row| row.text)
        .collect();
    let joined: Vec<&str> = rows.iter().map(|text| text.first.as_str()).collect();
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

/// A text is tokenised once, to its last character that is read; time is that of its windows.
#[test]
fn a_very_long_text() {
    let tokenizer = tokenizer();
    let count = 10_000;
    let text = Text::from(words(count).as_str());
    assert!(text.first.len() > 40_000);
    let windows = tokenizer.pieces(&text).unwrap().windows(REACH).unwrap();
    assert_eq!(windows.tokens, count + 2);
    whole(&windows, POSITIONS);
    assert_eq!(tokenizer.all_words(&text).unwrap().len(), count);
}
