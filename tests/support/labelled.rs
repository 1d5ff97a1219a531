//! Rows of every problem in the words of the tiny model, and whole runs on them.
#![allow(dead_code, unreachable_pub)]

use std::sync::Arc;

use graftlet::adapter::preset;
use graftlet::engine::Engine;
use graftlet::head::{
    MULTI_LABEL, ProblemName, RANKING, REGRESSION, SINGLE_LABEL, TOKEN_CLASSIFICATION,
};
use graftlet::input::Input;
use graftlet::input::text::Text;
use graftlet::train::{Dataset, Event, Reading, Row, Settings, Trainer};
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

pub const PROBLEMS: [ProblemName; 5] = [
    SINGLE_LABEL,
    MULTI_LABEL,
    REGRESSION,
    TOKEN_CLASSIFICATION,
    RANKING,
];

pub fn row(input: impl Into<Input>, label: &str) -> Row {
    Row {
        input: input.into(),
        label: Some(label.to_owned()),
    }
}

/// Rows that can be learnt, with or without a second text.
pub fn rows(problem: ProblemName, count: usize, seed: u64) -> Vec<Row> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut pick = |words: &[&'static str]| *words.choose(&mut rng).unwrap();
    (0..count)
        .map(|index| match problem.name() {
            "single_label" => {
                let (label, words) = [
                    ("bad", ["bad", "awful", "dull"]),
                    ("good", ["good", "great", "lovely"]),
                    ("odd", ["red", "green", "blue"]),
                ][index % 3];
                let text = Text::pair(
                    &format!("the {}", pick(&["film", "book", "song"])),
                    &format!("was {} {}", pick(&["very", "not"]), pick(&words)),
                );
                row(text, label)
            }
            "multi_label" => {
                let has = [index % 2 == 0, index % 3 == 0, index % 5 == 0];
                let words = ["red", "cat", "sings"]
                    .iter()
                    .zip(["colour", "animal", "act"]);
                let chosen: Vec<_> = words
                    .zip(has)
                    .filter(|(_, has)| *has)
                    .map(|(w, _)| w)
                    .collect();
                let text: Vec<&str> = chosen.iter().map(|(word, _)| **word).collect();
                let labels: Vec<&str> = chosen.iter().map(|(_, label)| *label).collect();
                let text = format!("{} {}", pick(&["the", "a", "very"]), text.join(" "));
                row(text.as_str(), &labels.join("|"))
            }
            "regression" => {
                // 100 to 500 in steps of 100, by the number of a word
                let count = index % 5;
                let text = format!("{} {}", pick(&["the", "a"]), "good ".repeat(count));
                row(text.as_str(), &(100 * (count + 1)).to_string())
            }
            "token_classification" => {
                let name = pick(&["cat", "dog", "bird"]);
                let (first, tag) = if index % 2 == 0 {
                    ("red", "B-x")
                } else {
                    ("very", "O")
                };
                let last = if index % 2 == 0 { "I-x" } else { "O" };
                row(
                    format!("the {first} {name} {}", pick(&["runs", "sings"])).as_str(),
                    &format!("O {tag} {last} O"),
                )
            }
            "ranking" => {
                // the better text says "good" more often
                let (first, second) = (index % 3, (index + 1 + index / 3 % 2) % 3);
                let text =
                    |count| format!("{} film {}", pick(&["the", "a"]), "good ".repeat(count));
                let mut text = text;
                let pair = Text::pair(&text(first), &text(second));
                row(pair, if first > second { "first" } else { "second" })
            }
            other => panic!("there are no rows for {other}"),
        })
        .collect()
}

pub fn dataset(engine: &Engine, problem: ProblemName, rows: &[Row]) -> Dataset {
    let reading = Reading {
        problem,
        reject: None,
        pairs: None,
    };
    Dataset::read("rows", rows, engine.reader(), &reading).unwrap()
}

pub fn trainer(
    engine: &Engine,
    kind: &str,
    settings: Settings,
    train: Dataset,
    dev: Dataset,
) -> Trainer {
    let backbone = Arc::clone(engine.backbone());
    Trainer::new(backbone, preset(kind).unwrap(), settings, train, dev).unwrap()
}

/// Runs to the end.
pub fn run(trainer: &mut Trainer) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        events.push(trainer.step().unwrap());
        if matches!(events.last(), Some(Event::Done { .. })) {
            return events;
        }
    }
}
