//! Training of every problem from outside: rows in, an adapter out that answers as its report says.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod calibration;
mod labels;
mod settings;

#[path = "../support/labelled.rs"]
mod labelled;

#[path = "../support/tiny.rs"]
mod tiny;

use graftlet::engine::{Engine, answers};
use graftlet::folder::{self, Library, TaskAdapter};
use graftlet::head::{Decision, Evaluation, Metric, Prediction, REGRESSION};
use graftlet::input::{Input, Sequence};
use graftlet::model::Dtype;
use graftlet::tensor_file::FloatType;
use graftlet::train::{Dataset, Event, Outcomes, Row, Scheme, Settings};
use labelled::{PROBLEMS, dataset, run, trainer};
use tiny::Tiny;

fn engine() -> Engine {
    Tiny::new(2, 32, 11).engine(Dtype::Int8)
}

fn settings(epochs: usize, learning_rate: f64) -> Settings {
    Settings {
        epochs: Some(epochs),
        batch_size: Some(8),
        learning_rate: Some(learning_rate),
        seed: Some(5),
        ..Settings::default()
    }
}

/// The answers of an adapter to rows, judged.
fn judged(engine: &Engine, task: &TaskAdapter, rows: &[Row]) -> Evaluation {
    let head = task.head.as_ref().unwrap();
    let scheme = Scheme::of(head);
    let data = Dataset::with_scheme("test", rows, engine.reader(), &scheme).unwrap();
    let sequences: Vec<Sequence> = (0..data.len())
        .flat_map(|row| data.sequences(row))
        .collect();
    let mut outcomes = Outcomes::new(scheme.labels.len());
    let found = answers(&**engine.backbone(), task, &sequences, "x").unwrap();
    for (row, answers) in found.chunks(data.sequences_per_row()).enumerate() {
        let logits: Vec<f32> = answers
            .iter()
            .flat_map(|answer| answer.logits.clone())
            .collect();
        outcomes.add(&data, row, &logits);
    }
    Evaluation::of(&data, &outcomes, &Decision::of(head))
}

#[test]
fn every_problem_is_learnt_saved_and_scored_alike() {
    let engine = engine();
    for problem in PROBLEMS {
        let (train, dev) = (
            labelled::rows(problem, 60, 1),
            labelled::rows(problem, 30, 2),
        );
        for kind in ["lora", "houlsby"] {
            let mut settings = settings(20, 2e-2);
            settings.adapter.reduction_factor = Some(4);
            let mut trainer = trainer(
                &engine,
                kind,
                settings,
                dataset(&engine, problem, &train),
                dataset(&engine, problem, &dev),
            );
            assert!(trainer.report().unwrap().is_none());
            run(&mut trainer);
            let report = trainer.report().unwrap().unwrap();
            assert!(report.score > 0.9, "{kind}, {problem:?}: {report:?}");
            assert_eq!((report.train_rows, report.dev_rows), (60, 30));
            assert_eq!(report.hardest.len(), 20);
            let task = trainer.finish().unwrap();
            let library = task.library;
            let shape = engine.backbone().shape();
            let files = folder::save(&task, "x", library, shape).unwrap();
            let again = folder::load("x", &files, shape).unwrap();
            let saved = |task: &TaskAdapter| {
                let config = task.head.as_ref().unwrap().config();
                (config.problem.clone(), config.labels.clone())
            };
            assert_eq!(saved(&again), saved(&task));
            for task in [&task, &again] {
                let evaluation = judged(&engine, task, &dev);
                for (name, score) in &report.evaluation.scores {
                    // numbers change their unit when the head is finished
                    let difference = (evaluation.scores[name] - score).abs();
                    let tolerance = if problem == REGRESSION { 1e-4 } else { 0.0 };
                    assert!(
                        difference <= tolerance,
                        "{kind}, {problem:?}, {name}: {difference}"
                    );
                }
                assert_eq!(evaluation.confusion, report.evaluation.confusion);
                assert!((evaluation.loss / report.evaluation.loss - 1.0).abs() < 1e-2);
            }
        }
    }
}

#[test]
fn a_number_is_answered_in_the_unit_of_the_rows() {
    let engine = engine();
    let problem = REGRESSION;
    let (train, dev) = (
        labelled::rows(problem, 60, 1),
        labelled::rows(problem, 30, 2),
    );
    let (train, dev_data) = (
        dataset(&engine, problem, &train),
        dataset(&engine, problem, &dev),
    );
    let mut trainer = trainer(&engine, "lora", settings(30, 2e-2), train, dev_data);
    let mut losses = Vec::new();
    for event in run(&mut trainer) {
        if let Event::Eval { loss, .. } = event {
            losses.push(loss);
        }
    }
    // in the unit of learning, the standard deviation, a guess of the mean costs 1
    assert!(
        losses[0] < 10.0 && losses[losses.len() - 1] < 0.2,
        "{losses:?}"
    );
    let task = trainer.finish().unwrap();
    assert_eq!(task.card.problem, Some(REGRESSION.fresh()));
    assert_eq!(task.card.metric, Some(Metric::named("spearman")));
    let texts: Vec<Input> = dev.iter().map(|row| row.input.clone()).collect();
    for (answer, row) in engine.answer(&task, &texts, "x").unwrap().iter().zip(&dev) {
        let Prediction::Number(found) = answer.prediction else {
            panic!("{answer:?}")
        };
        let expected: f32 = row.label.as_ref().unwrap().parse().unwrap();
        assert!(
            (found - expected).abs() < 100.0,
            "{found}, expected {expected}"
        );
        assert_eq!(answer.logits, [found]);
    }
}

/// A bias of a million is no 16-bit float: the file keeps 32 bits rather than an infinity.
#[test]
fn numbers_too_large_for_half_are_kept_whole() {
    let engine = engine();
    let problem = REGRESSION;
    for (factor, float) in [(1.0, FloatType::F16), (10_000.0, FloatType::F32)] {
        let mut rows = labelled::rows(problem, 20, 1);
        for row in &mut rows {
            let number: f64 = row.label.as_ref().unwrap().parse().unwrap();
            row.label = Some((number * factor).to_string());
        }
        let data = dataset(&engine, problem, &rows);
        let settings = Settings {
            half: Some(true),
            ..settings(2, 1e-2)
        };
        let mut trainer = trainer(&engine, "lora", settings, data.clone(), data);
        run(&mut trainer);
        let task = trainer.finish().unwrap();
        assert_eq!(task.float, float);
        let shape = engine.backbone().shape();
        let files = folder::save(&task, "x", Library::Peft, shape).unwrap();
        folder::load("x", &files, shape).unwrap();
    }
}
