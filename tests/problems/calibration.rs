//! Calibrated scores, thresholds, and texts outside of all labels.

use std::collections::BTreeMap;

use graftlet::engine::{Engine, answers};
use graftlet::folder::{self, CARD, Library};
use graftlet::head::{
    Decision, Evaluation, MULTI_LABEL, Metric, OUTSIDE, Prediction, ProblemName, SINGLE_LABEL,
};
use graftlet::input::text::Text;
use graftlet::input::{Input, Sequence};
use graftlet::train::{Dataset, Outcomes, Reading, Row, Settings};

use super::labelled::{self, dataset, row, run, trainer};
use super::{engine, judged, settings};

#[test]
fn thresholds_of_several_labels_are_chosen_and_kept() {
    let engine = engine();
    let problem = MULTI_LABEL;
    let data = |seed| dataset(&engine, problem, &labelled::rows(problem, 40, seed));
    let mut trainer = trainer(&engine, "lora", settings(4, 1e-2), data(1), data(2));
    run(&mut trainer);
    let report = trainer.report().unwrap().unwrap();
    let task = trainer.finish().unwrap();
    let problem = task.card.problem.as_ref().unwrap();
    assert_eq!(problem.kind, MULTI_LABEL);
    let thresholds = &problem.thresholds;
    assert_eq!(thresholds.len(), 3);
    // without them the same logits are judged worse, or the choice was idle
    let mut plain = Decision::of(task.head.as_ref().unwrap());
    assert_eq!(plain.thresholds, *thresholds);
    plain.thresholds.clear();
    let data = data(2);
    let sequences: Vec<Sequence> = (0..data.len())
        .flat_map(|row| data.sequences(row))
        .collect();
    let mut outcomes = Outcomes::new(3);
    for (row, answer) in answers(&**engine.backbone(), &task, &sequences, "x")
        .unwrap()
        .iter()
        .enumerate()
    {
        outcomes.add(&data, row, &answer.logits);
    }
    let score = Evaluation::of(&data, &outcomes, &plain)
        .score(&Metric::named("macro_f1"))
        .unwrap();
    assert!(score < report.score, "{score} {}", report.score);
}

/// Opinions, and sentences about nothing of the kind.
fn with_strangers(count: usize, seed: u64) -> Vec<Row> {
    let mut rows = labelled::rows(SINGLE_LABEL, count, seed);
    for (index, stranger) in rows.iter_mut().step_by(4).enumerate() {
        let verb = ["runs", "sleeps", "sings"][index % 3];
        *stranger = row(
            format!("a bird {verb} there {}", "one ".repeat(index % 4)).as_str(),
            "none",
        );
    }
    rows
}

#[test]
fn texts_outside_all_labels_are_rejected() {
    let mut engine = engine();
    let reading = Reading {
        problem: SINGLE_LABEL,
        reject: Some("none".into()),
        pairs: None,
    };
    let rows = with_strangers(80, 1);
    let read = |rows: &[Row]| Dataset::read("rows", rows, engine.reader(), &reading).unwrap();
    let (train, dev) = (read(&rows), read(&with_strangers(48, 2)));
    assert_eq!(train.labels(), ["bad", "good", "odd"]);
    assert_eq!(train.target(0), [OUTSIDE]);
    let settings = Settings {
        reject: Some("none".into()),
        ..settings(20, 2e-2)
    };
    let mut trainer = trainer(&engine, "lora", settings, train, dev);
    run(&mut trainer);
    let report = trainer.report().unwrap().unwrap();
    assert!(
        report.evaluation.scores["recall_out_of_scope"] > 0.8,
        "{report:?}"
    );
    assert!(
        report.evaluation.scores["accuracy_in_scope"] > 0.8,
        "{report:?}"
    );
    assert_eq!(
        report.evaluation.per_label.len(),
        4,
        "the rejection has a row of its own"
    );
    assert_eq!(report.evaluation.per_label[3].label, "none");
    let task = trainer.finish().unwrap();
    let shape = engine.backbone().shape();
    let files = folder::save(&task, "x", Library::Peft, shape).unwrap();
    engine.add("again", &files).unwrap();
    let test = with_strangers(48, 3);
    let texts: Vec<Input> = test.iter().map(|row| row.input.clone()).collect();
    let found = engine.classify_with("again", &texts).unwrap();
    let evaluation = judged(&engine, engine.get("again").unwrap(), &test);
    let rejected = found.iter().filter(|answer| match &answer.prediction {
        Prediction::Rejected { label, .. } => label == "none",
        _ => false,
    });
    let counted: usize = evaluation.confusion.iter().map(|row| row[3]).sum();
    assert_eq!(rejected.count(), counted);
    assert!(counted > 0);
}

#[test]
fn scores_are_calibrated_and_logits_are_not() {
    let mut engine = engine();
    let problem = SINGLE_LABEL;
    // What the training rows say without a doubt is wrong for every fourth of the others, so the run is far too sure of itself.
    let rows = |seed, wrong: bool| {
        let mut rows = labelled::rows(problem, 60, seed);
        let labels: Vec<_> = rows.iter().map(|row| row.label.clone()).collect();
        for (index, row) in rows.iter_mut().enumerate() {
            let other = labels
                .iter()
                .cycle()
                .skip(index)
                .find(|label| **label != row.label);
            if wrong && index % 4 == 0 {
                row.label.clone_from(other.unwrap());
            }
        }
        dataset(&engine, problem, &rows)
    };
    let settings = Settings {
        metric: Some(Metric::named("macro_f1")),
        ..settings(40, 3e-2)
    };
    let mut trainer = trainer(&engine, "lora", settings, rows(1, false), rows(2, true));
    run(&mut trainer);
    let report = trainer.report().unwrap().unwrap();
    let (before, after) = (
        report.calibration_error_before.unwrap(),
        report.calibration_error.unwrap(),
    );
    let temperature = report.temperature.unwrap();
    assert!(temperature > 1.2, "{temperature}");
    assert!(after < before, "{before} {after}");
    let task = trainer.finish().unwrap();
    let shape = engine.backbone().shape();
    let files = folder::save(&task, "x", Library::Peft, shape).unwrap();
    assert!(String::from_utf8_lossy(&files[CARD]).contains("temperature"));
    engine.add("again", &files).unwrap();
    let answer = &engine
        .classify_with("again", &[Text::pair("the film", "was good")])
        .unwrap()[0];
    let z: Vec<f64> = answer
        .logits
        .iter()
        .map(|&z| f64::from(z / temperature).exp())
        .collect();
    let sum: f64 = z.iter().sum();
    for (score, z) in answer.scores().iter().zip(&z) {
        assert!((f64::from(*score) - z / sum).abs() < 1e-5);
    }
}

#[test]
fn a_damaged_calibration_is_refused() {
    let engine = engine();
    let problem = SINGLE_LABEL;
    let data = dataset(&engine, problem, &labelled::rows(problem, 12, 1));
    let mut trainer = trainer(&engine, "lora", settings(1, 1e-3), data.clone(), data);
    run(&mut trainer);
    let task = trainer.finish().unwrap();
    let shape = engine.backbone().shape();
    let files = folder::save(&task, "x", Library::Peft, shape).unwrap();
    for calibration in [
        r#"{"temperature": 0}"#,
        r#"{"temperature": -1}"#,
        r#"{"temperature": 1e-60}"#,
        r#"{"temperature": 1, "reject": {"label": "x", "threshold": 2}}"#,
        r#"{"temperature": "warm"}"#,
    ] {
        let mut card: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(&files[CARD]).unwrap();
        // a file that is changed on purpose has no list to be compared with
        card.remove("files");
        card.insert(
            "calibration".into(),
            serde_json::from_str(calibration).unwrap(),
        );
        let mut files = files.clone();
        files.insert(CARD.into(), serde_json::to_vec(&card).unwrap());
        let error = folder::load("x", &files, shape)
            .err()
            .map(|error| error.code());
        assert_eq!(error, Some("config_invalid"), "{calibration}");
    }
}

// ---- the rows

pub(super) fn read(
    engine: &Engine,
    problem: ProblemName,
    rows: &[Row],
) -> graftlet::Result<Dataset> {
    let reading = Reading {
        problem,
        reject: None,
        pairs: None,
    };
    Dataset::read("mine.csv", rows, engine.reader(), &reading)
}
