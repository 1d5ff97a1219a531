//! Runs that go on from an adapter with new rows: what is replayed, what is kept by distillation, and which labels there
//! are then.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

#[path = "../support/labelled.rs"]
mod labelled;
mod labels;
mod refused;
#[path = "../support/tiny.rs"]
mod tiny;

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use graftlet::adapter::{Options, preset};
use graftlet::engine::Engine;
use graftlet::folder::{self, Files, Member, TaskAdapter};
use graftlet::head::{ProblemName, RANKING, SINGLE_LABEL, TOKEN_CLASSIFICATION};
use graftlet::input::Input;
use graftlet::model::Dtype;
use graftlet::train::{
    Computed, Dataset, Event, Learner, Origin, Reading, Row, Settings, Share, Trainer,
};
use labelled::{PROBLEMS, dataset, row, run, trainer};
use tiny::Tiny;

fn engine() -> Engine {
    Tiny::new(2, 32, 11).engine(Dtype::Int8)
}

fn trained(engine: &Engine, problem: ProblemName, kind: &str) -> Member {
    let settings = Settings {
        epochs: Some(6),
        batch_size: Some(8),
        learning_rate: Some(2e-2),
        adapter: Options {
            reduction_factor: (kind == "pfeiffer").then_some(4),
            ..Options::default()
        },
        ..Settings::default()
    };
    let data = |count, seed| dataset(engine, problem, &labelled::rows(problem, count, seed));
    let mut run_of = trainer(engine, kind, settings, data(40, 1), data(20, 2));
    run(&mut run_of);
    Member {
        name: "old".into(),
        task: Rc::new(run_of.finish().unwrap()),
    }
}

/// With everything that is random.
fn settings(start: &Member) -> Settings {
    Settings {
        epochs: Some(3),
        batch_size: Some(8),
        learning_rate: Some(1e-2),
        head_dropout: Some(0.1),
        distillation: Some(0.7),
        seed: Some(5),
        start: Some(start.clone()),
        ..Settings::default()
    }
}

fn reading(problem: ProblemName) -> Reading {
    Reading {
        problem,
        reject: None,
        pairs: None,
    }
}

/// New rows by the settings' scheme, with old rows and, where the problem can have them, texts beside them.
fn beside(engine: &Engine, problem: ProblemName, settings: &Settings, new: &[Row]) -> Dataset {
    let old = labelled::rows(problem, 14, 1);
    let scheme = settings
        .scheme("rows", new, &old, &reading(problem))
        .unwrap();
    let of = |rows: &[Row]| Dataset::with_scheme("rows", rows, engine.reader(), &scheme).unwrap();
    let data = of(new).beside(&of(&old));
    let texts: Vec<Input> = { labelled::rows(problem, 7, 9).into_iter() }
        .map(|row| row.input)
        .collect();
    match Dataset::of_texts("texts", &texts, engine.reader(), &scheme) {
        Ok(texts) => data.beside(&texts),
        Err(error) => {
            assert_eq!(error.code(), "option_invalid");
            assert!(
                [TOKEN_CLASSIFICATION, RANKING].contains(&problem),
                "{error}"
            );
            data
        }
    }
}

fn start_run(
    engine: &Engine,
    kind: &str,
    settings: &Settings,
    data: &Dataset,
    dev: &Dataset,
) -> Trainer {
    trainer(engine, kind, settings.clone(), data.clone(), dev.clone())
}

fn files(engine: &Engine, trainer: Trainer) -> Files {
    let task = trainer.finish().unwrap();
    folder::save(&task, "same", task.library, engine.backbone().shape()).unwrap()
}

// ---- interrupted and shared runs

#[test]
fn a_warm_start_goes_on_from_any_of_its_steps() {
    let engine = engine();
    for problem in PROBLEMS {
        for kind in ["lora", "pfeiffer"] {
            let start = trained(&engine, problem, kind);
            let settings = settings(&start);
            let data = beside(&engine, problem, &settings, &labelled::rows(problem, 9, 4));
            let dev = dataset(&engine, problem, &labelled::rows(problem, 40, 3));
            let fresh = || start_run(&engine, kind, &settings, &data, &dev);
            let mut unbroken = fresh();
            let events = run(&mut unbroken);
            let expected = files(&engine, unbroken);
            for stop in 0..events.len() {
                let mut before = fresh();
                for _ in 0..stop {
                    before.step().unwrap();
                }
                let checkpoint = before.checkpoint().unwrap();
                drop(before);
                let mut resumed = fresh();
                resumed.restore(&checkpoint).unwrap();
                assert_eq!(run(&mut resumed), events[stop..], "after {stop} events");
                assert!(
                    files(&engine, resumed) == expected,
                    "{kind}, {problem:?}: other files after {stop} events"
                );
            }
            // of other rows
            let checkpoint = fresh().checkpoint().unwrap();
            let none_old = data.select(&data.of_origin(Origin::New));
            let other = &mut start_run(&engine, kind, &settings, &none_old, &dev);
            let error = other.restore(&checkpoint).unwrap_err();
            assert_eq!(error.code(), "checkpoint_mismatch");
        }
    }
}

#[test]
fn a_checkpoint_knows_which_rows_are_old() {
    let engine = engine();
    let half = |seed| {
        dataset(
            &engine,
            SINGLE_LABEL,
            &labelled::rows(SINGLE_LABEL, 9, seed),
        )
    };
    let all = [
        labelled::rows(SINGLE_LABEL, 9, 1),
        labelled::rows(SINGLE_LABEL, 9, 2),
    ]
    .concat();
    let all_new = dataset(&engine, SINGLE_LABEL, &all);
    let beside = half(1).beside(&half(2));
    assert_eq!(beside.targets(), all_new.targets());
    assert_ne!(beside.hash(), all_new.hash());
}

/// The losses and the parameters of a run whose work is done by as many learners.
fn shared(
    engine: &Engine,
    settings: &Settings,
    data: &Dataset,
    dev: &Dataset,
    workers: usize,
) -> (Vec<f64>, Vec<f32>) {
    let mut leader = start_run(engine, "lora", settings, data, dev);
    let learner = || {
        let backbone = Arc::clone(engine.backbone());
        let preset = preset("lora").unwrap();
        Learner::new(backbone, preset, settings, data.clone(), dev.clone()).unwrap()
    };
    let mut learners: Vec<Learner> = (0..workers).map(|_| learner()).collect();
    let mut losses = Vec::new();
    while !leader.is_done() {
        let parameters = leader.learner().parameters();
        let plan = leader.plan(workers);
        let computed = plan.iter().zip(&mut learners).map(|(share, learner)| {
            learner.set_parameters(&parameters).unwrap();
            learner.compute(share).unwrap()
        });
        let computed: Vec<Computed> = computed.collect();
        if let Event::Step { loss, .. } = leader.apply(computed).unwrap() {
            losses.push(loss);
        }
    }
    (losses, leader.learner().parameters())
}

#[test]
fn several_workers_keep_what_one_keeps() {
    let engine = engine();
    for problem in PROBLEMS {
        let start = trained(&engine, problem, "lora");
        let settings = settings(&start);
        let data = beside(&engine, problem, &settings, &labelled::rows(problem, 9, 4));
        let dev = dataset(&engine, problem, &labelled::rows(problem, 40, 3));
        let of = |workers| shared(&engine, &settings, &data, &dev, workers);
        let (one, two) = (of(1), of(2));
        assert!(of(2) == two, "{problem:?}: other bits");
        assert_eq!(one.0.len(), two.0.len());
        for (a, b) in one.0.iter().zip(&two.0) {
            assert!(
                (a - b).abs() < 1e-3 * (1.0 + b.abs()),
                "{problem:?}: {a} {b}"
            );
        }
        let far = one
            .1
            .iter()
            .zip(&two.1)
            .map(|(a, b)| f64::from((a - b).abs()));
        let far = far.sum::<f64>() / one.1.len() as f64;
        assert!(far < 1e-3, "{problem:?}: parameters off by {far}");
    }
}

// ---- what a batch is made of

#[test]
fn every_batch_is_half_of_new_rows_and_every_old_row_has_its_turn() {
    let engine = engine();
    let problem = SINGLE_LABEL;
    let start = trained(&engine, problem, "lora");
    for new_rows in [1, 3, 4, 9] {
        let settings = Settings {
            epochs: Some(8),
            ..settings(&start)
        };
        let new = labelled::rows(problem, new_rows, 4);
        let data = beside(&engine, problem, &settings, &new);
        let mut trainer = start_run(&engine, "lora", &settings, &data, &data.select(&[0]));
        let (mut seen, mut of_epoch) = (BTreeSet::new(), BTreeSet::new());
        while !trainer.is_done() {
            if let [Share::Learn { rows, .. }] = &trainer.plan(1)[..] {
                let is_new = |row: &&usize| data.origin(**row) == Origin::New;
                assert_eq!(rows.len(), 8);
                assert_eq!(rows.iter().filter(is_new).count(), 4, "{rows:?}");
                seen.extend(rows.iter().copied());
                of_epoch.extend(rows.iter().filter(is_new).copied());
            }
            if let Event::Eval { .. } = trainer.step().unwrap() {
                assert_eq!(of_epoch.len(), new_rows, "each new row in each epoch");
                of_epoch.clear();
            }
        }
        assert_eq!(seen.len(), data.len(), "{new_rows} new rows");
    }
}

// ---- distillation

/// The loss and the gradient of some rows at the start of a run.
fn first_step(
    engine: &Engine,
    settings: &Settings,
    data: &Dataset,
    rows: &[usize],
    weight: f64,
) -> (f64, Vec<f32>) {
    let backbone = Arc::clone(engine.backbone());
    let preset = preset("lora").unwrap();
    let mut learner = Learner::new(backbone, preset, settings, data.clone(), data.clone()).unwrap();
    let share = Share::Learn {
        step: 0,
        rows: rows.to_vec(),
        weight,
    };
    match learner.compute(&share).unwrap() {
        Computed::Learnt(lesson) => (lesson.loss, lesson.gradient),
        other => panic!("{other:?}"),
    }
}

/// Before the first step the head says what the teacher says: texts without labels pull nowhere, and rows with one only by
/// their label.
#[test]
fn the_teacher_is_the_adapter_that_the_run_starts_from() {
    let engine = engine();
    for problem in PROBLEMS {
        let start = trained(&engine, problem, "lora");
        let settings = Settings {
            head_dropout: None,
            ..settings(&start)
        };
        let data = beside(&engine, problem, &settings, &labelled::rows(problem, 9, 4));
        let texts = data.of_origin(Origin::Unlabelled);
        if !texts.is_empty() {
            let (loss, gradient) = first_step(&engine, &settings, &data, &texts, 7.0);
            assert!(loss.abs() < 1e-6, "{problem:?}: {loss}");
            let largest = gradient.iter().fold(0f32, |most, x| most.max(x.abs()));
            assert!(largest < 1e-4, "{problem:?}: {largest}");
        }
    }
}

/// A run that only has texts without labels beside one new row moves less, the more distillation weighs.
#[test]
fn distillation_keeps_the_answers() {
    let engine = engine();
    let problem = SINGLE_LABEL;
    let start = trained(&engine, problem, "lora");
    let texts: Vec<Input> = { labelled::rows(problem, 30, 8).into_iter() }
        .map(|row| row.input)
        .collect();
    // what the adapter says is "good" is called "odd"
    let wrong = [row(labelled::rows(problem, 2, 4)[1].input.clone(), "odd")];
    let answers = |task: &TaskAdapter| -> Vec<Vec<f32>> {
        let answers = engine.answer(task, &texts, "it").unwrap();
        answers
            .iter()
            .map(|answer| answer.scores().to_vec())
            .collect()
    };
    let before = answers(&start.task);
    let moved = |distillation: f64| {
        let mut settings = Settings {
            distillation: Some(distillation),
            head_dropout: None,
            epochs: Some(10),
            ..settings(&start)
        };
        let scheme = settings
            .scheme("rows", &wrong, &[], &reading(problem))
            .unwrap();
        let data = Dataset::with_scheme("rows", &wrong, engine.reader(), &scheme).unwrap();
        let (data, dev) = settings.split(data).unwrap();
        let data = match distillation > 0.0 {
            true => {
                data.beside(&Dataset::of_texts("texts", &texts, engine.reader(), &scheme).unwrap())
            }
            false => data,
        };
        let mut trainer = start_run(&engine, "lora", &settings, &data, &dev);
        run(&mut trainer);
        let after = answers(&trainer.finish().unwrap());
        let pairs = before.iter().flatten().zip(after.iter().flatten());
        pairs.map(|(a, b)| (a - b).abs()).sum::<f32>() / texts.len() as f32
    };
    let (free, held) = (moved(0.0), moved(4.0));
    assert!(held < 0.7 * free, "{free} {held}");
}
