//! Which of two texts is better: the mathematics against numpy and finite differences, rows as people write them, and a
//! run from them to answers.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    dead_code
)]

#[path = "support/labelled.rs"]
mod labelled;
#[path = "support/reference.rs"]
mod reference;
#[path = "support/tiny.rs"]
mod tiny;

use graftlet::adapter::{FreshParams, Options};
use graftlet::compose::Composition;
use graftlet::engine::{Answer, Engine, Said};
use graftlet::folder::TaskAdapter;
use graftlet::folder::{self, Library};
use graftlet::head::{
    Decision, Evaluation, FIRST, Head, HeadConfig, Metric, Pairs, Pooling, Prediction, RANKING,
    SECOND, SINGLE_LABEL, TIE, Targets,
};
use graftlet::input::Input;
use graftlet::input::text::{LongTexts, Text};
use graftlet::model::{Backbone, Dtype, Linear};
use graftlet::tensor::Tensor;
use graftlet::train::{Dataset, Outcomes, Reading, Row, Scheme, Settings, TokenStore};
use labelled::{dataset, row, run, trainer};
use reference::central_difference;
use serde::Deserialize;
use tiny::Tiny;

#[derive(Deserialize)]
struct Golden {
    scores: Vec<f32>,
    truth: Vec<u32>,
    loss: f64,
    slopes: Vec<f64>,
    probability: Vec<f64>,
    accuracy: f64,
    temperature: f64,
}

fn golden() -> Golden {
    let json = include_bytes!("fixtures/goldens/ranking.json");
    serde_json::from_slice(json).unwrap()
}

fn head() -> Head {
    let config = HeadConfig {
        problem: RANKING.fresh(),
        pairs: Pairs::Apart,
        pooling: Pooling::Mean,
        dense: None,
        labels: vec!["score".into()],
    };
    let bert = Tiny::new(1, 16, 5).bert();
    Head::build(config, bert.shape(), &mut FreshParams::new(4)).unwrap()
}

fn close(found: f64, expected: f64, what: &str) {
    let difference = (found - expected).abs() / expected.abs().max(1.0);
    assert!(difference < 1e-6, "{what}: {found} for {expected}");
}

/// `tests/python/ranking_goldens.py`
#[test]
fn losses_and_probabilities_are_those_of_numpy() {
    let golden = golden();
    let head = head();
    let logits = Tensor::variable(golden.scores.clone(), &[golden.scores.len(), 1]);
    let targets: Vec<&[u32]> = golden.truth.chunks(1).collect();
    let starts: Vec<usize> = (0..=golden.scores.len()).collect();
    let loss = head.loss(&logits, &starts, &targets);
    close(f64::from(loss.data()[0]), golden.loss, "loss");
    let gradients = loss.backward();
    let found = gradients.get(&logits).unwrap();
    assert_eq!(found.len(), golden.slopes.len());
    for (index, (found, expected)) in found.iter().zip(&golden.slopes).enumerate() {
        close(f64::from(*found), *expected, &format!("slope {index}"));
    }
    for (pair, expected) in golden.scores.chunks(2).zip(&golden.probability) {
        let Prediction::Label { best, scores } = head.prediction(pair) else {
            panic!("a pair has a better text")
        };
        close(f64::from(scores[0]), *expected, "probability of the first");
        close(
            f64::from(scores[1]),
            1.0 - *expected,
            "probability of the second",
        );
        assert_eq!(best, usize::from(pair[1] > pair[0]));
    }
}

#[test]
fn the_measure_and_the_temperature_are_those_of_numpy() {
    let golden = golden();
    let scheme = Scheme {
        problem: RANKING,
        labels: vec!["score".into()],
        reject: None,
        pairs: Pairs::Apart,
    };
    let mut targets = Targets::empty(RANKING, 1);
    golden.truth.iter().for_each(|&which| targets.push([which]));
    let data = Dataset::from_parts(scheme, TokenStore::default(), targets);
    let outcomes = Outcomes {
        width: 1,
        logits: golden.scores.clone(),
    };
    let evaluation = Evaluation::of(&data, &outcomes, &Decision::default());
    assert_eq!(evaluation.rows, golden.truth.len());
    close(evaluation.loss, golden.loss, "loss");
    let accuracy = evaluation.score(&Metric::named("accuracy")).unwrap();
    close(accuracy, golden.accuracy, "accuracy");
    let decision = Decision::fit(&outcomes.judged(&data));
    let temperature = f64::from(decision.temperature.unwrap());
    assert!(
        (temperature / golden.temperature - 1.0).abs() < 1e-3,
        "{temperature}"
    );
    assert!(decision.error_after.unwrap() < decision.error_before.unwrap());
}

/// The loss of pairs, written as plainly as it can be.
fn formula(scores: &[f64], truth: &[u32]) -> f64 {
    let terms = scores.chunks(2).zip(truth).map(|(pair, which)| {
        let first = reference::sigmoid(pair[0] - pair[1]);
        match *which {
            FIRST => -first.ln(),
            SECOND => -(1.0 - first).ln(),
            _ => -0.5 * first.ln() - 0.5 * (1.0 - first).ln(),
        }
    });
    terms.sum::<f64>() / truth.len() as f64
}

#[test]
fn slopes_are_finite_differences() {
    let head = head();
    let truth = [FIRST, SECOND, TIE, SECOND];
    let scores = [0.3f32, -1.25, 0.5, 2.0, -0.75, 0.25, 1.5, 0.125];
    let logits = Tensor::variable(scores.to_vec(), &[8, 1]);
    let targets: Vec<&[u32]> = truth.chunks(1).collect();
    let starts: Vec<usize> = (0..=8).collect();
    let loss = head.loss(&logits, &starts, &targets);
    let mut z: Vec<f64> = scores.iter().copied().map(f64::from).collect();
    close(f64::from(loss.data()[0]), formula(&z, &truth), "loss");
    let gradients = loss.backward();
    let found = gradients.get(&logits).unwrap();
    for index in 0..z.len() {
        let x = z[index];
        let slope = central_difference(x, |x| {
            z[index] = x;
            formula(&z, &truth)
        });
        z[index] = x;
        assert!(
            (f64::from(found[index]) - slope).abs() < 1e-6,
            "score {index}"
        );
    }
}

fn engine() -> Engine {
    Tiny::new(2, 32, 11).engine(Dtype::F32)
}

fn compared(labels: &[&str]) -> Vec<Row> {
    let row = |label: &&str| row(Text::pair("a good film", "the bad song"), label);
    labels.iter().map(row).collect()
}

fn read(engine: &Engine, rows: &[Row]) -> graftlet::Result<Vec<u32>> {
    let reading = Reading {
        problem: RANKING,
        reject: None,
        pairs: None,
    };
    let data = Dataset::read("pairs.csv", rows, engine.reader(), &reading)?;
    assert_eq!(data.len(), rows.len());
    assert_eq!(data.labels(), ["score"]);
    Ok((0..rows.len()).map(|row| data.target(row)[0]).collect())
}

#[test]
fn rows_say_which_is_better_in_many_ways() {
    let engine = engine();
    let which = |labels: &[&str]| read(&engine, &compared(labels)).unwrap();
    assert_eq!(which(&["first", "Second", "TIE"]), [FIRST, SECOND, TIE]);
    assert_eq!(which(&["a", "B", "b"]), [FIRST, SECOND, SECOND]);
    assert_eq!(which(&["left", "right", "equal"]), [FIRST, SECOND, TIE]);
    assert_eq!(which(&["text", "text2"]), [FIRST, SECOND]);
    // numbers of the texts
    assert_eq!(which(&["1", "2", "1"]), [FIRST, SECOND, FIRST]);
    assert_eq!(which(&["2.0", "tie"]), [SECOND, TIE]);
    // differences of two scores
    assert_eq!(which(&["0.5", "-3", "0"]), [FIRST, SECOND, TIE]);
    assert_eq!(which(&["1", "-1"]), [FIRST, SECOND]);
    assert_eq!(which(&["0", "0.25", "-1e-3"]), [TIE, FIRST, SECOND]);
}

#[test]
fn rows_that_compare_nothing_are_refused() {
    let engine = engine();
    let refused = |rows: &[Row], part: &str| {
        let error = read(&engine, rows).unwrap_err();
        assert_eq!(error.code(), "option_invalid");
        let said = error.to_string();
        assert!(
            said.contains(part) && said.contains("of pairs.csv"),
            "{said}"
        );
    };
    refused(
        &compared(&["first", "third"]),
        "row 2 of pairs.csv is labelled \"third\"",
    );
    refused(&compared(&["good"]), "\"first\", \"second\" or \"tie\"");
    refused(&compared(&["NaN"]), "row 1");
    // some data sets call the first text 0, and others the text that is better 1
    refused(&compared(&["1", "0", "1"]), "write 1 and 2");
    refused(&compared(&["0"]), "write 1 and 2");
    // Places with ties, scores and chances have no sign either.
    refused(&compared(&["0", "1", "2"]), "differences of scores");
    refused(&compared(&["1", "2", "3"]), "differences of scores");
    refused(&compared(&["0.2", "0.9"]), "differences of scores");
    refused(&[row("a good film", "first")], "has one text");
    let empty = read(&engine, &[row(Text::pair("a film", " "), "first")]);
    assert_eq!(empty.unwrap_err().code(), "text_empty");
    let unlabelled = read(&engine, &compared(&["first", ""]));
    assert_eq!(unlabelled.unwrap_err().code(), "rows_unlabelled");
}

fn learnt(engine: &Engine) -> TaskAdapter {
    let settings = Settings {
        epochs: Some(15),
        batch_size: Some(8),
        learning_rate: Some(2e-2),
        seed: Some(5),
        // in places that both libraries have
        adapter: Options {
            targets: Some(vec![Linear::Query, Linear::Value]),
            ..Options::default()
        },
        ..Settings::default()
    };
    let data = |count, seed| dataset(engine, RANKING, &labelled::rows(RANKING, count, seed));
    let mut trainer = trainer(engine, "lora", settings, data(60, 1), data(30, 2));
    run(&mut trainer);
    let report = trainer.report().unwrap().unwrap();
    assert_eq!(report.metric, "accuracy");
    assert!(report.score > 0.9, "{report:?}");
    assert!(report.suspects.is_empty());
    assert!(
        report
            .hardest
            .iter()
            .all(|row| ["first", "second"].contains(&&*row.answer))
    );
    trainer.finish().unwrap()
}

fn label(answer: &Answer) -> (usize, f32) {
    match &answer.prediction {
        Prediction::Label { best, scores } => (*best, scores[*best]),
        other => panic!("{other:?}"),
    }
}

fn value(answer: &Answer) -> f32 {
    match answer.prediction {
        Prediction::Number(value) => value,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn a_ranking_is_learnt_saved_and_answers_pairs_and_single_texts() {
    let mut engine = engine();
    let task = learnt(&engine);
    assert_eq!(task.card.problem, Some(RANKING.fresh()));
    assert_eq!(task.card.pair, Some(true));
    let texts = ["the film good", "a film good good", "a film"].map(Text::from);
    let pairs: Vec<Text> = [(0, 1), (1, 0), (1, 2), (2, 2)]
        .map(|(a, b): (usize, usize)| Text::pair(&texts[a].first, &texts[b].first))
        .into();
    for library in [Library::Peft, Library::AdapterHub] {
        let files = folder::save(&task, "rank", library, engine.backbone().shape()).unwrap();
        engine.add("rank", &files).unwrap();
        let compared = engine.classify_with("rank", &pairs).unwrap();
        let alone = engine.classify_with("rank", &texts).unwrap();
        // the order of the texts changes nothing
        let ((one, score), (other, again)) = (label(&compared[0]), label(&compared[1]));
        assert_eq!((one, other), (1, 0));
        assert_eq!(score.to_bits(), again.to_bits());
        assert_eq!(label(&compared[2]).0, 0);
        assert_eq!(label(&compared[3]), (0, 0.5));
        // a pair's logits are those of its texts, whose values differ by the logit of the probability
        assert_eq!(compared[0].logits, [alone[0].logits[0], alone[1].logits[0]]);
        assert_eq!(compared[0].tokens, alone[0].tokens + alone[1].tokens);
        let logit = f64::from(value(&alone[1])) - f64::from(value(&alone[0]));
        assert!((reference::sigmoid(logit) - f64::from(score)).abs() < 1e-6);
        let mut sorted: Vec<usize> = (0..3).collect();
        sorted.sort_by(|&a, &b| value(&alone[b]).total_cmp(&value(&alone[a])));
        assert_eq!(sorted, [1, 0, 2]);
        // pairs and single texts in one call, and beside an adapter that reads a pair as one sequence
        let mixed: Vec<Text> = [&pairs[..1], &texts[..1]].concat();
        let together = engine.classify_with("rank", &mixed).unwrap();
        assert_eq!(together[0], compared[0]);
        assert_eq!(together[1], alone[0]);
    }
    let rows = labelled::rows(SINGLE_LABEL, 24, 1);
    let settings = Settings {
        epochs: Some(1),
        ..Settings::default()
    };
    let data = dataset(&engine, SINGLE_LABEL, &rows);
    let mut other = trainer(&engine, "lora", settings, data.clone(), data);
    run(&mut other);
    engine.insert("labels", other.finish().unwrap());
    let of = ["rank", "labels"].map(Composition::from);
    let both = engine.classify_with_all(&of, &pairs).unwrap();
    for (name, composed) in ["rank", "labels"].iter().zip(&both) {
        assert_eq!(
            composed.answers,
            engine.classify_with(name, &pairs).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn long_texts_are_compared_in_windows() {
    let mut engine = engine();
    let task = learnt(&engine);
    engine.insert("rank", task);
    let long = "good film ".repeat(60);
    let pair = [Text::pair(&long, "a film")];
    let both = engine.classify_with("rank", &pair).unwrap();
    let alone = engine
        .classify_with("rank", &[Text::from(long.as_str()), Text::from("a film")])
        .unwrap();
    assert_eq!(both[0].logits, [alone[0].logits[0], alone[1].logits[0]]);
    assert!(both[0].windows > 1 && both[0].windows == alone[0].windows);
    engine.set_long_texts(LongTexts::Truncate);
    let cut = engine.classify_with("rank", &pair).unwrap();
    assert!(cut[0].truncated && cut[0].windows == 1);
    let blank = [Text::pair("a film", " ")];
    assert_eq!(
        engine.classify_with("rank", &blank).unwrap_err().code(),
        "text2_missing"
    );
    let blank = [Text::pair(" ", "a film")];
    assert_eq!(
        engine.classify_with("rank", &blank).unwrap_err().code(),
        "text_empty"
    );
}

#[test]
fn answers_are_said_in_both_forms() {
    let engine = engine();
    let task = learnt(&engine);
    let head = task.head.as_ref().unwrap();
    let texts = [
        Input::from(Text::pair("a film good good", "a film")),
        "a film".into(),
    ];
    let answers = engine.answer(&task, &texts, "x").unwrap();
    let said = Said::new(head, &answers[0], &texts[0]);
    let object = serde_json::to_value(said.object(1.0)).unwrap();
    assert_eq!(object["problem"], "ranking");
    assert_eq!(object["form"], "label");
    assert_eq!(object["label"], "first");
    assert_eq!(object["scores"][1]["label"], "second");
    assert_eq!(said.fields()["label"], "first");
    assert!(said.line().starts_with("first\t"), "{}", said.line());
    let said = Said::new(head, &answers[1], &texts[1]);
    let object = serde_json::to_value(said.object(1.0)).unwrap();
    assert_eq!(
        (&object["form"], &object["label"]),
        (&"number".into(), &serde_json::Value::Null)
    );
    assert_eq!(object["value"], said.fields()["value"]);
    assert!(said.line().parse::<f32>().is_ok());
}
