//! A run that is interrupted, and a run that several workers share: the same adapter as of one that is neither.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

#[path = "support/labelled.rs"]
mod labelled;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeSet;
use std::sync::Arc;

use graftlet::adapter::{Options, preset};
use graftlet::engine::Engine;
use graftlet::folder::{self, Files};
use graftlet::head::{ProblemName, SINGLE_LABEL};
use graftlet::model::Dtype;
use graftlet::train::{Computed, Dataset, Event, Learner, Row, Settings, Share, Trainer};
use labelled::{PROBLEMS, dataset, run, trainer};
use tiny::Tiny;

fn engine() -> Engine {
    Tiny::new(2, 32, 11).engine(Dtype::Int8)
}

/// With everything that is random, and an early end.
fn settings() -> Settings {
    Settings {
        epochs: Some(4),
        batch_size: Some(8),
        learning_rate: Some(1e-2),
        seed: Some(5),
        patience: Some(3),
        head_dropout: Some(0.1),
        adapter: Options {
            dropout: Some(0.2),
            reduction_factor: Some(4),
            ..Options::default()
        },
        ..Settings::default()
    }
}

fn data(engine: &Engine, problem: ProblemName, count: usize, seed: u64) -> Dataset {
    dataset(engine, problem, &labelled::rows(problem, count, seed))
}

fn files(engine: &Engine, trainer: Trainer) -> Files {
    let task = trainer.finish().unwrap();
    folder::save(&task, "same", task.library, engine.backbone().shape()).unwrap()
}

#[test]
fn a_run_goes_on_from_any_of_its_steps_as_if_it_had_not_stopped() {
    let engine = engine();
    for problem in PROBLEMS {
        for kind in ["lora", "pfeiffer"] {
            // the held-out rows take several calls
            let (train, dev) = (
                data(&engine, problem, 20, 1),
                data(&engine, problem, 700, 2),
            );
            let fresh = || trainer(&engine, kind, settings(), train.clone(), dev.clone());
            let mut unbroken = fresh();
            let events = run(&mut unbroken);
            let report = unbroken.report().unwrap();
            let expected = files(&engine, unbroken);
            let mut phases = BTreeSet::new();
            for stop in 0..=events.len() {
                let mut trainer = fresh();
                for _ in 0..stop {
                    trainer.step().unwrap();
                }
                let checkpoint = trainer.checkpoint().unwrap();
                drop(trainer);
                let mut resumed = Trainer::resume(
                    Arc::clone(engine.backbone()),
                    preset(kind).unwrap(),
                    settings(),
                    train.clone(),
                    dev.clone(),
                    &checkpoint,
                )
                .unwrap();
                assert!(
                    resumed.checkpoint().unwrap() == checkpoint,
                    "after {stop} events"
                );
                let rest = run(&mut resumed);
                assert_eq!(
                    rest,
                    events[stop.min(events.len() - 1)..],
                    "after {stop} events"
                );
                assert_eq!(resumed.report().unwrap(), report);
                let found = files(&engine, resumed);
                assert!(
                    found == expected,
                    "{kind}, {problem:?}: other files after {stop} events"
                );
                phases.insert(match events.get(stop) {
                    Some(Event::Step { .. }) => "train",
                    Some(Event::Evaluating { .. }) => "evaluate",
                    Some(Event::Eval { .. }) => "end of epoch",
                    _ => "done",
                });
            }
            assert_eq!(phases.len(), 4, "{phases:?}");
        }
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused_by_name() {
    let engine = engine();
    let problem = SINGLE_LABEL;
    let (train, dev) = (data(&engine, problem, 20, 1), data(&engine, problem, 9, 2));
    let mut started = trainer(&engine, "lora", settings(), train.clone(), dev.clone());
    started.step().unwrap();
    let checkpoint = started.checkpoint().unwrap();
    let resume = |engine: &Engine, kind, settings, train: &Dataset, dev: &Dataset, bytes: &[u8]| {
        let backbone = Arc::clone(engine.backbone());
        let (train, dev) = (train.clone(), dev.clone());
        let resumed = Trainer::resume(backbone, preset(kind).unwrap(), settings, train, dev, bytes);
        resumed.err()
    };
    assert!(resume(&engine, "lora", settings(), &train, &dev, &checkpoint).is_none());
    let other = data(&engine, problem, 20, 3);
    let mut rows = labelled::rows(problem, 20, 1);
    let (first, others) = rows.split_at_mut(1);
    std::mem::swap(&mut first[0].label, &mut others[0].label);
    let relabelled = dataset(&engine, problem, &rows);
    let longer = Settings {
        epochs: Some(5),
        ..settings()
    };
    let mut larger = settings();
    larger.adapter.rank = Some(4);
    let f32 = Tiny::new(2, 32, 11).engine(Dtype::F32);
    let start = &engine;
    for (error, what) in [
        (
            resume(start, "lora", settings(), &other, &dev, &checkpoint),
            "its rows is",
        ),
        (
            resume(start, "lora", settings(), &relabelled, &dev, &checkpoint),
            "its rows is",
        ),
        (
            resume(start, "lora", settings(), &train, &other, &checkpoint),
            "its held-out rows is",
        ),
        (
            resume(start, "houlsby", settings(), &train, &dev, &checkpoint),
            "its kind is lora",
        ),
        (
            resume(start, "lora", longer, &train, &dev, &checkpoint),
            "its settings is",
        ),
        (
            resume(start, "lora", larger, &train, &dev, &checkpoint),
            "its adapter settings is",
        ),
        (
            resume(&f32, "lora", settings(), &train, &dev, &checkpoint),
            "its backbone is",
        ),
    ] {
        let error = error.unwrap_or_else(|| panic!("{what}: accepted"));
        assert_eq!(error.code(), "checkpoint_mismatch", "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
    // what is cut or is something else is refused too, whatever it is
    for length in (0..checkpoint.len()).step_by(97) {
        let error = resume(
            start,
            "lora",
            settings(),
            &train,
            &dev,
            &checkpoint[..length],
        );
        assert_eq!(error.unwrap().code(), "file_truncated", "{length} bytes");
    }
    let error = resume(start, "lora", settings(), &train, &dev, &engine_weights());
    assert_eq!(error.unwrap().code(), "tensor_missing");
}

fn engine_weights() -> Vec<u8> {
    Tiny::new(1, 8, 1).checkpoint()
}

// ---- several workers

/// A run whose work is done by as many learners.
fn shared(
    engine: &Engine,
    kind: &str,
    problem: ProblemName,
    workers: usize,
) -> (Vec<Event>, Trainer) {
    let (train, dev) = (data(engine, problem, 40, 1), data(engine, problem, 500, 2));
    let mut leader = trainer(engine, kind, settings(), train.clone(), dev.clone());
    let mut learners: Vec<Learner> = (0..workers)
        .map(|_| {
            let backbone = Arc::clone(engine.backbone());
            let preset = preset(kind).unwrap();
            Learner::new(backbone, preset, &settings(), train.clone(), dev.clone()).unwrap()
        })
        .collect();
    let mut events = Vec::new();
    let (mut widest, mut judges) = (0, 0);
    loop {
        let parameters = leader.learner().parameters();
        let plan = leader.plan(workers);
        widest = widest.max(plan.len());
        if matches!(plan[..], [Share::Judge { .. }, ..]) {
            judges = judges.max(plan.len());
        }
        let computed: Vec<Computed> = plan
            .iter()
            .zip(&mut learners)
            .map(|(share, learner)| {
                learner.set_parameters(&parameters).unwrap();
                learner.compute(share).unwrap()
            })
            .collect();
        events.push(leader.apply(computed).unwrap());
        if leader.is_done() {
            assert_eq!((widest, judges), (workers, workers));
            return (events, leader);
        }
    }
}

#[test]
fn several_workers_learn_what_one_learns() {
    let engine = engine();
    for problem in PROBLEMS {
        for kind in ["lora", "houlsby"] {
            let curves = |workers| -> (Vec<f64>, Vec<f32>) {
                let (events, mut leader) = shared(&engine, kind, problem, workers);
                let losses = events.iter().filter_map(|event| match event {
                    Event::Step { loss, .. } | Event::Eval { loss, .. } => Some(*loss),
                    _ => None,
                });
                (losses.collect(), leader.learner().parameters())
            };
            let one = curves(1);
            for workers in [2, 3] {
                let (losses, parameters) = curves(workers);
                assert_eq!(losses.len(), one.0.len());
                let difference = |a: f64, b: f64| (a - b).abs() / (1.0 + b.abs());
                let worst = losses.iter().zip(&one.0).map(|(a, b)| difference(*a, *b));
                let worst = worst.fold(0.0, f64::max);
                assert!(
                    worst < 1e-3,
                    "{kind}, {problem:?}, {workers} workers: losses off by {worst}"
                );
                let distance = parameters
                    .iter()
                    .zip(&one.1)
                    .map(|(a, b)| f64::from((a - b).abs()));
                let distance = distance.sum::<f64>() / parameters.len() as f64;
                assert!(
                    distance < 1e-3,
                    "{kind}, {problem:?}: parameters off by {distance}"
                );
                println!(
                    "{kind}, {problem:?}, {workers} workers: losses within {worst:.1e}, parameters {distance:.1e}"
                );
            }
            // and as many workers give the same bits again
            assert!(curves(3) == curves(3));
        }
    }
}

#[test]
fn work_that_was_not_planned_is_refused() {
    let engine = engine();
    let problem = SINGLE_LABEL;
    let (train, dev) = (
        data(&engine, problem, 20, 1),
        data(&engine, problem, 500, 2),
    );
    let start = || trainer(&engine, "lora", settings(), train.clone(), dev.clone());
    let code = |result: graftlet::Result<Event>| result.err().map(|error| error.code());
    let refused = Some("option_invalid");
    assert_eq!(code(start().apply(Vec::new())), refused);
    let mut trainer = start();
    let judged = trainer
        .learner()
        .compute(&Share::Judge { rows: vec![0, 1] })
        .unwrap();
    assert_eq!(code(trainer.apply(vec![judged.clone()])), refused);
    let mut trainer = start();
    while !matches!(trainer.plan(1)[..], [Share::Judge { .. }]) {
        trainer.step().unwrap();
    }
    assert_eq!(code(trainer.apply(vec![judged])), refused);
    for share in [
        Share::Judge {
            rows: vec![519, 520],
        },
        Share::Learn {
            step: 0,
            rows: vec![0, 520],
            weight: 1.0,
        },
    ] {
        let error = start().learner().compute(&share).unwrap_err();
        assert_eq!(error.code(), "option_invalid", "{error}");
    }
}

/// Rows with labels that do not fit what they say: the run doubts exactly those.
#[test]
fn wrong_labels_are_doubted() {
    let engine = engine();
    let problem = SINGLE_LABEL;
    let mut wrong: Vec<Row> = labelled::rows(problem, 90, 1);
    for index in [10, 41] {
        let other = wrong[index + 1].label.clone();
        wrong[index].label = other;
    }
    let mut dev: Vec<Row> = labelled::rows(problem, 30, 2);
    dev[7].label = dev[8].label.clone();
    let settings = Settings {
        epochs: Some(6),
        patience: None,
        ..settings()
    };
    let (train, dev) = (
        dataset(&engine, problem, &wrong),
        dataset(&engine, problem, &dev),
    );
    let mut trainer = trainer(&engine, "lora", settings, train, dev);
    run(&mut trainer);
    let report = trainer.report().unwrap().unwrap();
    let found: BTreeSet<(bool, usize)> = report
        .suspects
        .iter()
        .map(|suspect| (suspect.held_out, suspect.row))
        .collect();
    assert_eq!(
        found,
        [(false, 10), (false, 41), (true, 7)].into(),
        "{:?}",
        report.suspects
    );
    assert_eq!(report.hardest[0].row, 7);
    assert_ne!(report.hardest[0].label, report.hardest[0].answer);
}
