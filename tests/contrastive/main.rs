//! Runs that begin with contrastive steps, heads that are fitted in one go, and passes over all rows.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../support/labelled.rs"]
mod labelled;
mod refused;
#[path = "../support/tiny.rs"]
mod tiny;

use std::collections::BTreeSet;
use std::sync::Arc;

use graftlet::adapter::{Options, preset};
use graftlet::engine::Engine;
use graftlet::folder::{self, Files};
use graftlet::head::{MULTI_LABEL, ProblemName, REGRESSION, SINGLE_LABEL};
use graftlet::model::Dtype;
use graftlet::train::{Computed, Dataset, Event, Learner, Settings, Share, Trainer};
use labelled::{PROBLEMS, dataset, run, trainer};
use tiny::Tiny;

const CONTRASTED: [ProblemName; 3] = [SINGLE_LABEL, MULTI_LABEL, REGRESSION];

fn engine() -> Engine {
    Tiny::new(2, 32, 11).engine(Dtype::Int8)
}

fn data(engine: &Engine, problem: ProblemName, count: usize, seed: u64) -> Dataset {
    dataset(engine, problem, &labelled::rows(problem, count, seed))
}

/// Contrastive steps, a fit and an epoch.
fn settings() -> Settings {
    Settings {
        contrastive_steps: Some(5),
        contrastive_learning_rate: Some(5e-3),
        epochs: Some(1),
        batch_size: Some(8),
        learning_rate: Some(1e-3),
        seed: Some(5),
        adapter: Options {
            dropout: Some(0.1),
            ..Options::default()
        },
        ..Settings::default()
    }
}

fn files(engine: &Engine, trainer: Trainer) -> Files {
    let task = trainer.finish().unwrap();
    folder::save(&task, "same", task.library, engine.backbone().shape()).unwrap()
}

/// The run from every one of its events on, from its checkpoint: the same files in the end.
fn check_resuming(
    engine: &Engine,
    kind: &str,
    settings: &Settings,
    train: &Dataset,
    dev: &Dataset,
) {
    let fresh = || trainer(engine, kind, settings.clone(), train.clone(), dev.clone());
    let mut unbroken = fresh();
    let events = run(&mut unbroken);
    let report = unbroken.report().unwrap();
    let expected = files(engine, unbroken);
    for stop in 0..events.len() {
        let mut begun = fresh();
        for _ in 0..stop {
            begun.step().unwrap();
        }
        let checkpoint = begun.checkpoint().unwrap();
        let mut resumed = Trainer::resume(
            Arc::clone(engine.backbone()),
            preset(kind).unwrap(),
            settings.clone(),
            train.clone(),
            dev.clone(),
            &checkpoint,
        )
        .unwrap();
        assert!(resumed.checkpoint().unwrap() == checkpoint, "{kind} {stop}");
        run(&mut resumed);
        assert_eq!(resumed.report().unwrap(), report, "{kind} {stop}");
        assert!(
            files(engine, resumed) == expected,
            "{kind} after {stop} events"
        );
    }
}

#[test]
fn a_run_goes_on_from_any_of_its_events() {
    let engine = engine();
    for problem in CONTRASTED {
        for kind in ["lora", "pfeiffer"] {
            let (train, dev) = (data(&engine, problem, 20, 1), data(&engine, problem, 9, 2));
            check_resuming(&engine, kind, &settings(), &train, &dev);
        }
    }
}

#[test]
fn a_run_of_several_passes_goes_on_from_any_of_its_events() {
    let engine = engine();
    let problem = SINGLE_LABEL;
    let (train, dev) = (data(&engine, problem, 20, 1), data(&engine, problem, 9, 2));
    let folds = Settings {
        folds: Some(3),
        ..settings()
    };
    check_resuming(&engine, "lora", &folds, &train, &train.select(&[]));
    let refit = Settings {
        refit: Some(true),
        ..settings()
    };
    check_resuming(&engine, "lora", &refit, &train, &dev);
    let epochs = Settings {
        refit: Some(true),
        contrastive_steps: None,
        epochs: Some(2),
        ..settings()
    };
    check_resuming(&engine, "lora", &epochs, &train, &dev);
}

/// The events of a run by as many workers, and its parameters.
fn shared(problem: ProblemName, settings: &Settings, workers: usize) -> (Vec<f64>, Vec<f32>) {
    let engine = engine();
    let (train, dev) = (data(&engine, problem, 40, 1), data(&engine, problem, 12, 2));
    let mut leader = trainer(
        &engine,
        "lora",
        settings.clone(),
        train.clone(),
        dev.clone(),
    );
    let learner = || {
        let backbone = Arc::clone(engine.backbone());
        let preset = preset("lora").unwrap();
        Learner::new(backbone, preset, settings, train.clone(), dev.clone()).unwrap()
    };
    let mut learners: Vec<Learner> = (0..workers).map(|_| learner()).collect();
    let (mut losses, mut shares) = (Vec::new(), BTreeSet::new());
    while !leader.is_done() {
        let parameters = leader.learner().parameters();
        let plan = leader.plan(workers);
        let compute = |(share, learner): (&Share, &mut Learner)| {
            learner.set_parameters(&parameters).unwrap();
            learner.compute(share).unwrap()
        };
        let computed: Vec<Computed> = plan.iter().zip(&mut learners).map(compute).collect();
        shares.extend(plan.first().map(|share| match share {
            Share::Contrast { .. } => "contrast",
            Share::Encode { .. } => "encode",
            Share::Pull { .. } => "pull",
            Share::Read { .. } => "read",
            Share::Learn { .. } => "learn",
            Share::Judge { .. } => "judge",
        }));
        if let Event::Step { loss, .. } | Event::Eval { loss, .. } = leader.apply(computed).unwrap()
        {
            losses.push(loss);
        }
    }
    let alone = ["contrast", "judge", "learn", "read"];
    let together = ["encode", "judge", "learn", "pull", "read"];
    let expected: BTreeSet<&str> = match workers {
        1 => alone.into(),
        _ => together.into(),
    };
    assert_eq!(shares, expected);
    (losses, leader.learner().parameters())
}

#[test]
fn several_workers_learn_what_one_learns() {
    for problem in CONTRASTED {
        let one = shared(problem, &settings(), 1);
        for workers in [2, 3] {
            let (losses, parameters) = shared(problem, &settings(), workers);
            assert_eq!(losses.len(), one.0.len());
            for (a, b) in losses.iter().zip(&one.0) {
                assert!(
                    (a - b).abs() < 1e-3 * (1.0 + b.abs()),
                    "{problem:?}: {losses:?} {:?}",
                    one.0
                );
            }
            let distance = parameters.iter().zip(&one.1);
            let distance: f64 = distance.map(|(a, b)| f64::from((a - b).abs())).sum();
            #[allow(clippy::cast_precision_loss)]
            let mean = distance / parameters.len() as f64;
            assert!(mean < 1e-3, "{problem:?}: {mean}");
        }
        assert!(shared(problem, &settings(), 3) == shared(problem, &settings(), 3));
    }
}

#[test]
fn the_gradient_of_a_step_is_that_of_its_loss() {
    // activations that are rounded to int8 would make steps of the loss
    let engine = Tiny::new(2, 32, 11).engine(Dtype::F32);
    for problem in CONTRASTED {
        let train = data(&engine, problem, 12, 1);
        let dev = data(&engine, problem, 9, 2);
        let mut run = trainer(&engine, "lora", settings(), train, dev);
        let rows: Vec<usize> = (0..12).collect();
        let learner = run.learner();
        let learnt = |computed| match computed {
            Computed::Learnt(lesson) => lesson,
            _ => panic!("no gradient"),
        };
        let share = Share::Contrast {
            step: 3,
            rows: rows.clone(),
        };
        let whole = learnt(learner.compute(&share).unwrap());
        let share = Share::Encode {
            step: 3,
            rows: rows.clone(),
        };
        let Computed::Vectors(vectors) = learner.compute(&share).unwrap() else {
            panic!("no vectors");
        };
        assert!(!vectors.is_empty() && vectors.len().is_multiple_of(12));
        assert!(whole.loss > 0.0 && whole.gradient.iter().any(|x| x.abs() > 1e-6));
        // the parameters' gradient is that of the loss: by differences along the gradient itself
        let before = learner.parameters();
        let square: f32 = whole.gradient.iter().map(|x| x * x).sum();
        let mut along = |by: f32| -> f64 {
            let moved = before.iter().zip(&whole.gradient).map(|(p, g)| p + by * g);
            learner.set_parameters(&moved.collect::<Vec<_>>()).unwrap();
            let share = Share::Contrast {
                step: 3,
                rows: rows.clone(),
            };
            learnt(learner.compute(&share).unwrap()).loss
        };
        let step = 1e-3 / square.sqrt();
        let slope = (along(step) - along(-step)) / f64::from(2.0 * step);
        let expected = f64::from(square);
        assert!(
            (slope - expected).abs() < 0.05 * expected,
            "{problem:?}: {slope} {expected}"
        );
    }
}

#[test]
fn near_vectors_make_a_better_head() {
    let engine = engine();
    let problem = SINGLE_LABEL;
    let (train, dev) = (
        data(&engine, problem, 24, 1),
        data(&engine, problem, 300, 2),
    );
    let settings = |steps| Settings {
        contrastive_steps: Some(steps),
        contrastive_learning_rate: Some(1e-2),
        epochs: Some(0),
        seed: Some(1),
        ..Settings::default()
    };
    let loss = |steps| {
        let mut trainer = trainer(&engine, "lora", settings(steps), train.clone(), dev.clone());
        let events = run(&mut trainer);
        let eval = events.iter().find_map(|event| match event {
            Event::Eval { loss, .. } => Some(*loss),
            _ => None,
        });
        eval.unwrap()
    };
    let (before, after) = (loss(0), loss(40));
    assert!(after < before, "{after} {before}");
}

#[test]
fn a_head_alone_is_fitted_without_steps() {
    let engine = engine();
    for problem in PROBLEMS {
        let (train, dev) = (data(&engine, problem, 60, 1), data(&engine, problem, 30, 2));
        let mut trainer = trainer(
            &engine,
            "head",
            Settings::default(),
            train.clone(),
            dev.clone(),
        );
        let events = run(&mut trainer);
        assert_eq!(trainer.steps(), 0);
        let evals = events
            .iter()
            .filter(|event| matches!(event, Event::Eval { .. }));
        assert_eq!(evals.count(), 1);
        assert!(
            !events
                .iter()
                .any(|event| matches!(event, Event::Step { .. }))
        );
        let report = trainer.report().unwrap().unwrap();
        assert!(report.score.is_finite() && report.evaluation.loss.is_finite());
        check_resuming(&engine, "head", &Settings::default(), &train, &dev);
    }
}

#[test]
fn folds_answer_every_row_and_the_adapter_learns_from_all() {
    let engine = engine();
    let problem = SINGLE_LABEL;
    let train = data(&engine, problem, 30, 1);
    let settings = Settings {
        folds: Some(3),
        ..settings()
    };
    let mut run_of = trainer(&engine, "lora", settings, train.clone(), train.select(&[]));
    let events = run(&mut run_of);
    let report = run_of.report().unwrap().unwrap();
    assert_eq!(
        (report.train_rows, report.dev_rows, report.evaluation.rows),
        (30, 30, 30)
    );
    let Some(Event::Done {
        train_rows,
        dev_rows,
        ..
    }) = events.last()
    else {
        panic!("{events:?}");
    };
    assert_eq!((*train_rows, *dev_rows), (30, 30));
    let (mut last, steps) = (0, run_of.steps());
    for event in &events {
        if let Event::Step {
            step, steps: all, ..
        } = event
        {
            assert!(*step > last && *step <= steps && *all == steps);
            last = *step;
        }
    }
    assert_eq!(last, steps);
}
