//! Training from outside: what it leaves alone, what it repeats, what it learns, and what it hands over.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

use rand::Rng;
use rand::SeedableRng;
use rand::prelude::IndexedRandom;
mod pooler;
mod result;
mod splits;
mod steps;

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/tiny.rs"]
mod tiny;

use std::sync::Arc;

use graftlet::adapter::{Options, preset, presets};
use graftlet::engine::{Answer, Engine};
use graftlet::folder::TaskAdapter;
use graftlet::input::Input;
use graftlet::input::text::Text;
use graftlet::model::Dtype;
use graftlet::train::{Dataset, Decay, Event, Row, Schedule, Settings, Trainer};
use rand_chacha::ChaCha8Rng;
use tiny::{Tiny, WORDS};

fn kinds() -> impl Iterator<Item = &'static str> {
    presets().map(|preset| preset.name)
}

fn row(text: &str, label: &str) -> Row {
    Row {
        input: text.into(),
        label: Some(label.to_owned()),
    }
}

/// Sentences that are "good" or "bad" by one word of theirs.
fn opinions(count: usize, seed: u64) -> Vec<Row> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let sides = [
        ("good", ["good", "great", "lovely"]),
        ("bad", ["bad", "awful", "dull"]),
    ];
    (0..count)
        .map(|index| {
            let (label, words) = &sides[index % 2];
            let noun = ["film", "book", "song", "meal"].choose(&mut rng).unwrap();
            let word = words.choose(&mut rng).unwrap();
            row(
                &format!(
                    "the {noun} is {word} {}",
                    if rng.random() { "here" } else { "." }
                ),
                label,
            )
        })
        .collect()
}

/// Labels that nothing explains, so that a run has ups and downs.
fn noise(count: usize, seed: u64) -> Vec<Row> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count)
        .map(|index| {
            let words: Vec<&str> = WORDS.choose_multiple(&mut rng, 4).copied().collect();
            row(&words.join(" "), ["x", "y", "z"][index % 3])
        })
        .collect()
}

fn tiny_int8() -> Engine {
    Tiny::new(2, 32, 11).engine(Dtype::Int8)
}

fn dataset(engine: &Engine, rows: &[Row]) -> Dataset {
    Dataset::for_training("rows", rows, engine.reader()).unwrap()
}

fn label_of(data: &Dataset, row: usize) -> usize {
    data.scheme().problem.class(data.target(row)).unwrap()
}

fn trainer(engine: &Engine, kind: &str, settings: Settings, train: &[Row], dev: &[Row]) -> Trainer {
    let (train, dev) = (dataset(engine, train), dataset(engine, dev));
    Trainer::new(
        Arc::clone(engine.backbone()),
        preset(kind).unwrap(),
        settings,
        train,
        dev,
    )
    .unwrap()
}

/// Runs to the end.
fn run(trainer: &mut Trainer) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        events.push(trainer.step().unwrap());
        if matches!(events.last(), Some(Event::Done { .. })) {
            return events;
        }
    }
}

fn settings(epochs: usize, batch_size: usize, learning_rate: f64) -> Settings {
    Settings {
        epochs: Some(epochs),
        batch_size: Some(batch_size),
        learning_rate: Some(learning_rate),
        seed: Some(5),
        adapter: Options {
            rank: None,
            reduction_factor: Some(4),
            ..Options::default()
        },
        ..Settings::default()
    }
}

fn trained(engine: &Engine, kind: &str, settings: Settings) -> TaskAdapter {
    let rows = opinions(24, 1);
    let mut trainer = trainer(engine, kind, settings, &rows, &rows);
    run(&mut trainer);
    trainer.finish().unwrap()
}

fn texts() -> Vec<Text> {
    let rows = opinions(7, 2).into_iter();
    let mut texts: Vec<Text> = rows.filter_map(|row| row.input.text().cloned()).collect();
    texts.push("bad good unknownword".into());
    texts.push("the cat sleeps a dog sings very fine here".into());
    texts
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

fn answer_bits(answers: &[Answer]) -> Vec<Vec<u32>> {
    answers.iter().map(|answer| bits(&answer.logits)).collect()
}

// ---- the run

#[test]
fn events_come_in_order_and_add_up() {
    let engine = tiny_int8();
    // 19 rows in steps of 8: two full ones and a rest; the dev rows take more than one call
    let (rows, dev) = (opinions(19, 4), opinions(400, 5));
    let mut settings = settings(3, 8, 1e-2);
    settings.warmup = Some(0.25);
    let mut trainer = trainer(&engine, "lora", settings, &rows, &dev);
    assert_eq!(trainer.steps(), 9);
    let schedule = Schedule {
        peak: 1e-2,
        warmup: 2,
        steps: 9,
        decay: Decay::Linear,
    };
    let events = run(&mut trainer);
    let mut events = events.into_iter().peekable();
    let mut taken = 0;
    for round in 1..=3 {
        for _ in 0..3 {
            let Some(Event::Step {
                step,
                steps,
                epoch,
                epochs,
                loss,
                learning_rate,
            }) = events.next()
            else {
                panic!("epoch {round}: a step was expected")
            };
            assert!((learning_rate - schedule.rate(taken)).abs() < 1e-12);
            taken += 1;
            assert_eq!((step, steps, epoch, epochs), (taken, 9, round, 3));
            assert!(loss.is_finite() && loss > 0.0);
        }
        let mut seen = 0;
        while let Some(Event::Evaluating {
            done,
            total,
            step,
            steps,
        }) = events.next_if(|event| matches!(event, Event::Evaluating { .. }))
        {
            assert!(done > seen && done < total);
            assert_eq!((total, step, steps), (400, taken, 9));
            seen = done;
        }
        assert!(seen > 0, "400 rows are more than one call");
        let Some(Event::Eval {
            epoch,
            epochs,
            metric,
            score,
            best,
            step,
            steps,
            ..
        }) = events.next()
        else {
            panic!("epoch {round}: its score was expected")
        };
        assert_eq!(
            (epoch, epochs, metric, step, steps),
            (round, 3, "accuracy", taken, 9)
        );
        assert!((0.0..=1.0).contains(&score));
        assert!(best || round > 1, "the first is the best so far");
    }
    let Some(Event::Done {
        epochs,
        steps,
        train_rows,
        dev_rows,
        parameters,
        ..
    }) = events.next()
    else {
        panic!("the end was expected")
    };
    assert_eq!((epochs, steps, train_rows, dev_rows), (3, 9, 19, 400));
    assert_eq!(events.next(), None);
    // every linear layer of two layers, rank 8, hidden size 16 (32 in the middle of the feed-forward layer); head of two labels
    let (attention, ffn) = (4 * 8 * (16 + 16), 2 * 8 * (16 + tiny::FFN));
    assert_eq!(parameters, 2 * (attention + ffn) + 2 * 16 + 2);
    // asked again, a finished run says so again
    assert!(matches!(
        trainer.step().unwrap(),
        Event::Done { steps: 9, .. }
    ));
    assert_eq!(trainer.finish().unwrap().parameters(), parameters);
}

#[test]
fn sixteen_rows_are_learnt_by_heart() {
    let mut engine = support::engine_int8().unwrap_or_else(tiny_int8);
    // what a label hangs on is nothing but the row itself
    let rows: Vec<Row> = noise(48, 8).into_iter().take(16).collect();
    for kind in kinds() {
        let mut trainer = trainer(&engine, kind, settings(60, 16, 3e-3), &rows, &rows);
        let (mut best, mut passes) = (0f64, 0);
        while best < 1.0 {
            match trainer.step().unwrap() {
                Event::Eval { score, epoch, .. } => (best, passes) = (best.max(score), epoch),
                Event::Done { .. } => panic!("{kind}: {best} of the rows after {passes} passes"),
                _ => {}
            }
        }
        println!("{kind}: sixteen rows by heart after {passes} passes");
        let task = trainer.finish().unwrap();
        engine.insert(kind, task);
        let texts: Vec<Input> = rows.iter().map(|row| row.input.clone()).collect();
        let task = engine.get(kind).unwrap();
        for (answer, row) in engine
            .classify_with(kind, &texts)
            .unwrap()
            .iter()
            .zip(&rows)
        {
            assert_eq!(
                Some(&task.card.labels[answer.label().unwrap().0]),
                row.label.as_ref(),
                "{kind}"
            );
        }
    }
}
