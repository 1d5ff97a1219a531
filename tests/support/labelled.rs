//! Rows of every problem in the words of the tiny model, and whole runs on them.
#![allow(dead_code, unreachable_pub)]

use std::sync::Arc;

use graftlet::adapter::preset;
use graftlet::engine::Engine;
use graftlet::head::ProblemName;
use graftlet::input::text::Text;
use graftlet::train::{Dataset, Event, Reading, Row, Settings, Trainer};
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

pub const PROBLEMS: [ProblemName; 4] = [
    ProblemName::SingleLabel,
    ProblemName::MultiLabel,
    ProblemName::Regression,
    ProblemName::TokenClassification,
];

pub fn row(text: impl Into<Text>, label: &str) -> Row {
    Row {
        text: text.into(),
        label: Some(label.to_owned()),
    }
}

/// Rows that can be learnt, with or without a second text.
pub fn rows(problem: ProblemName, count: usize, seed: u64) -> Vec<Row> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut pick = |words: &[&'static str]| *words.choose(&mut rng).unwrap();
    (0..count)
        .map(|index| match problem {
            ProblemName::SingleLabel => {
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
            ProblemName::MultiLabel => {
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
            ProblemName::Regression => {
                // 100 to 500 in steps of 100, by the number of a word
                let count = index % 5;
                let text = format!("{} {}", pick(&["the", "a"]), "good ".repeat(count));
                row(text.as_str(), &(100 * (count + 1)).to_string())
            }
            ProblemName::TokenClassification => {
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
        })
        .collect()
}

pub fn dataset(engine: &Engine, problem: ProblemName, rows: &[Row]) -> Dataset {
    let reading = Reading {
        problem,
        reject: None,
    };
    Dataset::read("rows", rows, engine.tokenizer(), &reading).unwrap()
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
