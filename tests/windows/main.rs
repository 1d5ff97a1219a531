//! Texts that are longer than the model: every word is read and answered for once, short texts are answered with the
//! bits that they had, and neighbours in a call change nothing.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_precision_loss
)]

mod pairs;
mod tokens;

#[path = "../support/labelled.rs"]
mod labelled;

#[path = "../support/tiny.rs"]
mod tiny;

use graftlet::compose::Composition;
use graftlet::engine::{Answer, Engine, answers};
use graftlet::folder::TaskAdapter;
use graftlet::head::{MULTI_LABEL, Pooling, Prediction, ProblemName, TOKEN_CLASSIFICATION, pool};
use graftlet::input::text::{LongTexts, Reach, Text, WINDOW};
use graftlet::input::{Batch, Sequence};
use graftlet::model::{Dtype, NoHook};
use graftlet::train::{Dataset, Outcomes, Row, Scheme, Settings};
use labelled::{PROBLEMS, dataset, run, trainer};
use tiny::{Tiny, WORDS};
use tokens::{tokenizer, whole};

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
            let tokens = engine.tokenizer().unwrap().encode(&text).unwrap();
            let one = answers(&**engine.backbone(), &task, &[tokens.into()], "x").unwrap();
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
        .unwrap()
        .pieces(&text)
        .unwrap()
        .windows(REACH)
        .unwrap();
    let sequences: Vec<Sequence> = windows
        .windows
        .iter()
        .map(|w| w.encoded.clone().into())
        .collect();
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
    let text: Vec<&str> = rows
        .iter()
        .map(|row| row.input.text().unwrap().first.as_str())
        .collect();
    let tags: Vec<&str> = rows.iter().filter_map(|row| row.label.as_deref()).collect();
    let joined = labelled::row(text.join(" ").as_str(), &tags.join(" "));
    let scheme = Scheme::of(task.head.as_ref().unwrap());
    let read = |limit| {
        Dataset::within(
            "x",
            std::slice::from_ref(&joined),
            engine.reader(),
            &scheme,
            limit,
        )
        .unwrap()
    };
    let all = read(usize::MAX);
    assert_eq!((all.length(0), all.truncated()), (4 * 60 + 2, 0));
    assert_eq!(all.vectors_of(&[0]), 4 * 60);
    let answer = engine
        .answer(&task, std::slice::from_ref(&joined.input), "x")
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
            .answer(&task, &[words(count).as_str()], "x")
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
