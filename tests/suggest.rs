//! Comparing kinds on a few rows: what it says is what runs on the folds give.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "support/labelled.rs"]
mod labelled;
#[path = "support/tiny.rs"]
mod tiny;

use std::sync::Arc;

use graftlet::engine::Engine;
use graftlet::head::ProblemName;
use graftlet::model::Dtype;
use graftlet::train::{CANDIDATES, Dataset, Event, Settings, SuggestEvent, Suggester, Suggestion};
use labelled::{PROBLEMS, dataset, trainer};
use tiny::Tiny;

fn engine() -> Engine {
    Tiny::new(2, 32, 11).engine(Dtype::Int8)
}

fn settings() -> Settings {
    let mut settings = Settings {
        epochs: Some(5),
        batch_size: Some(8),
        seed: Some(3),
        ..Settings::default()
    };
    settings.adapter.reduction_factor = Some(4);
    settings
}

fn compared(engine: &Engine, data: Dataset) -> (Vec<SuggestEvent>, Suggestion) {
    let backbone = Arc::clone(engine.backbone());
    let mut suggester = Suggester::new(backbone, data, settings()).unwrap();
    let mut events = Vec::new();
    loop {
        match suggester.step().unwrap() {
            SuggestEvent::Done { suggestion } => {
                // asked again, it says so again
                let again = suggester.step().unwrap();
                let same = suggestion.clone();
                assert_eq!(again, SuggestEvent::Done { suggestion: same });
                return (events, suggestion);
            }
            event => events.push(event),
        }
    }
}

#[test]
fn scores_are_those_of_runs_on_the_folds() {
    let engine = engine();
    for problem in PROBLEMS {
        let data = dataset(&engine, problem, &labelled::rows(problem, 30, 1));
        let (events, suggestion) = compared(&engine, data.clone());
        let mut last = 0.0;
        for event in &events {
            let (SuggestEvent::Working { done, .. } | SuggestEvent::Scored { done, .. }) = event
            else {
                panic!("{event:?}")
            };
            assert!((last..=1.0).contains(done), "{done} after {last}");
            last = *done;
        }
        assert!(last > 0.999, "{last}");
        let folds = data.folds(5, 3);
        for (candidate, kind) in suggestion.candidates.iter().zip(CANDIDATES) {
            assert_eq!((candidate.kind, candidate.scores.len()), (kind, 5));
            for (held, found) in folds.iter().zip(&candidate.scores) {
                let kept: Vec<usize> = (0..30).filter(|row| !held.contains(row)).collect();
                let (train, dev) = (data.select(&kept), data.select(held));
                let mut trainer = trainer(&engine, kind, settings(), train, dev);
                let mut expected = None;
                while !trainer.is_done() {
                    if let Event::Eval { score, .. } = trainer.step().unwrap() {
                        expected = Some(score);
                    }
                }
                assert_eq!(expected, Some(*found), "{kind}, {problem:?}");
            }
            let mean = candidate.scores.iter().sum::<f64>() / 5.0;
            assert!((mean - candidate.mean).abs() < 1e-12);
        }
        let of = |kind: &str| {
            suggestion
                .candidates
                .iter()
                .find(|c| c.kind == kind)
                .unwrap()
        };
        let chosen = of(suggestion.choice);
        assert!(chosen.kind == "head" || chosen.gain > chosen.error);
        assert!(chosen.mean >= of("head").mean);
    }
}

/// Labels that nothing explains: there is no reason for more than a head.
#[test]
fn noise_is_worth_no_adapter() {
    let engine = engine();
    let problem = ProblemName::SingleLabel;
    let mut rows = labelled::rows(problem, 60, 1);
    let labels: Vec<_> = rows.iter().map(|row| row.label.clone()).collect();
    for (index, row) in rows.iter_mut().enumerate() {
        row.label.clone_from(&labels[index * 7 % 60 / 4]);
    }
    let (_, suggestion) = compared(&engine, dataset(&engine, problem, &rows));
    assert_eq!(suggestion.choice, "head", "{suggestion:?}");
}

#[test]
fn too_few_rows_are_refused_and_many_are_sampled() {
    let engine = engine();
    let problem = ProblemName::SingleLabel;
    let few = dataset(&engine, problem, &labelled::rows(problem, 6, 1)).select(&[0, 1, 2, 3]);
    let error = Suggester::new(Arc::clone(engine.backbone()), few, settings())
        .err()
        .unwrap();
    assert_eq!(error.code(), "option_invalid");
    assert!(error.to_string().contains("kind"), "{error}");
    let many = dataset(&engine, problem, &labelled::rows(problem, 3000, 1));
    let mut settings = settings();
    settings.epochs = Some(1);
    let mut suggester = Suggester::new(Arc::clone(engine.backbone()), many, settings).unwrap();
    let mut steps = 0;
    while !matches!(suggester.step().unwrap(), SuggestEvent::Scored { .. }) {
        steps += 1;
    }
    // 300 of the rows, four fifths of them learnt from, eight a step
    assert!((27..=35).contains(&steps), "{steps}");
}
