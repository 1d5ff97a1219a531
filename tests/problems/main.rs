//! Training of every problem from outside: rows in, an adapter out that answers as its report says.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

#[path = "support/labelled.rs"]
mod labelled;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeMap;
use std::sync::Arc;

use graftlet::adapter::{Options, preset};
use graftlet::engine::{Engine, answers};
use graftlet::folder::TaskAdapter;
use graftlet::folder::{self, CARD, Library};
use graftlet::head::{
    Decision, Evaluation, MULTI_LABEL, Metric, OUTSIDE, Prediction, ProblemName, REGRESSION,
    SINGLE_LABEL, TOKEN_CLASSIFICATION,
};
use graftlet::input::text::{Encoded, Text};
use graftlet::model::Dtype;
use graftlet::tensor_file::FloatType;
use graftlet::train::{
    Balanced, ClassWeights, Dataset, Event, Learner, Outcomes, Reading, Row, Scheme, Settings,
    Share, Trainer,
};
use labelled::{PROBLEMS, dataset, row, run, trainer};
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
    let data = Dataset::with_scheme("test", rows, engine.tokenizer(), &scheme).unwrap();
    let tokens: Vec<Encoded> = (0..data.len()).flat_map(|row| data.tokens(row)).collect();
    let mut outcomes = Outcomes::new(scheme.labels.len());
    let found = answers(&**engine.backbone(), task, &tokens, "x").unwrap();
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
    let texts: Vec<Text> = dev.iter().map(|row| row.text.clone()).collect();
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
    let tokens: Vec<Encoded> = (0..data.len()).flat_map(|row| data.tokens(row)).collect();
    let mut outcomes = Outcomes::new(3);
    for (row, answer) in answers(&**engine.backbone(), &task, &tokens, "x")
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
    };
    let rows = with_strangers(80, 1);
    let read = |rows: &[Row]| Dataset::read("rows", rows, engine.tokenizer(), &reading).unwrap();
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
    let texts: Vec<Text> = test.iter().map(|row| row.text.clone()).collect();
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
    // noise: a run that learns it by heart is far too sure of itself
    let noise = |seed| {
        let mut rows = labelled::rows(problem, 60, seed);
        let labels: Vec<_> = rows.iter().map(|row| row.label.clone()).collect();
        for (index, row) in rows.iter_mut().enumerate() {
            row.label
                .clone_from(&labels[(index * 7 + index / 3) % labels.len()]);
        }
        dataset(&engine, problem, &rows)
    };
    let settings = Settings {
        metric: Some(Metric::named("macro_f1")),
        ..settings(40, 3e-2)
    };
    let mut trainer = trainer(&engine, "lora", settings, noise(1), noise(2));
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

fn read(engine: &Engine, problem: ProblemName, rows: &[Row]) -> graftlet::Result<Dataset> {
    let reading = Reading {
        problem,
        reject: None,
    };
    Dataset::read("mine.csv", rows, engine.tokenizer(), &reading)
}

#[test]
fn labels_of_another_problem_are_named() {
    let engine = engine();
    let check = |problem, labels: &[&str], words: &[&str]| {
        let rows: Vec<Row> = labels
            .iter()
            .map(|label| row("the cat runs", label))
            .collect();
        let error = read(&engine, problem, &rows).unwrap_err();
        let sentence = error.to_string();
        for word in words {
            assert!(sentence.contains(word), "{sentence}: no {word}");
        }
    };
    let single = SINGLE_LABEL;
    check(
        single,
        &["1.5", "2", "3.25"],
        &["problem", "regression", "mine.csv"],
    );
    check(single, &["a|b", "b", "a"], &["multi_label"]);
    check(
        single,
        &["O O B-x", "O O O", "O O O"],
        &["token_classification"],
    );
    check(single, &["this", "that", "that"], &["\"this\"", "1 row"]);
    check(
        REGRESSION,
        &["1", "good"],
        &["row 2", "\"good\"", "no number"],
    );
    check(REGRESSION, &["1", "inf"], &["row 2", "no number"]);
    let tokens = TOKEN_CLASSIFICATION;
    check(tokens, &["O O O", "O O"], &["row 2", "3 words", "2 tags"]);
    check(MULTI_LABEL, &["", ""], &["2 row(s) have no label"]);
}

#[test]
fn a_text_may_have_no_labels_or_one_twice() {
    let engine = engine();
    let rows = [
        row("the cat", "a| b |a"),
        row("a dog", ""),
        row("one bird", "b|"),
    ];
    let data = read(&engine, MULTI_LABEL, &rows).unwrap();
    assert_eq!(data.labels(), ["a", "b"]);
    let targets: Vec<&[u32]> = (0..3).map(|row| data.target(row)).collect();
    // a bit a label: both, none, the second
    assert_eq!(targets, [[0b11], [0b00], [0b10]]);
}

#[test]
fn the_first_tokens_of_words_have_their_tags() {
    let engine = engine();
    // the tokenizer parts what the rows do not: "red." is two words to it, "cat-dog" three
    let rows = [
        row("the red. cat-dog runs", "O B-x B-y O"),
        row("red cat", "I-x I-x"),
    ];
    let data = read(&engine, TOKEN_CLASSIFICATION, &rows).unwrap();
    // "I-y" does not occur, and may occur elsewhere
    assert_eq!(data.labels(), ["B-x", "B-y", "I-x", "I-y", "O"]);
    let tagged: Vec<(u32, u32, bool)> = data
        .tagged(0)
        .map(|t| (t.token, t.label, t.begins))
        .collect();
    // [CLS] the red . cat - dog runs
    assert_eq!(
        tagged,
        [
            (1, 4, true),
            (2, 0, true),
            (3, 2, false),
            (4, 1, true),
            (5, 3, false),
            (6, 3, false),
            (7, 4, true)
        ]
    );
    assert_eq!(data.vectors_of(0..2), 6);
    // what no token stands for has no tag
    let cut = "cat ".repeat(40);
    let rows = [row(cut.trim_end(), &"O ".repeat(40)), row("a", "B-x")];
    let data = read(&engine, TOKEN_CLASSIFICATION, &rows).unwrap();
    assert_eq!((data.tagged(0).len(), data.truncated()), (30, 1));
}

#[test]
fn splits_spread_what_is_rare() {
    let engine = engine();
    for problem in PROBLEMS {
        let data = dataset(&engine, problem, &labelled::rows(problem, 60, 1));
        let (kept, held) = data.clone().split(0.2, 3);
        assert_eq!(kept.len() + held.len(), 60, "{problem:?}");
        assert!(
            (8..=16).contains(&held.len()),
            "{problem:?}: {}",
            held.len()
        );
        let mut numbers: Vec<usize> = (0..kept.len()).map(|row| kept.number(row)).collect();
        numbers.extend((0..held.len()).map(|row| held.number(row)));
        numbers.sort_unstable();
        assert_eq!(numbers, (0..60).collect::<Vec<_>>(), "{problem:?}");
        assert!(data.tokens(held.number(0)).eq(held.tokens(0)));
        assert_eq!(data.target(held.number(0)), held.target(0));
        let folds = data.folds(5, 1);
        assert!(folds.iter().all(|fold| fold.len() == 12), "{problem:?}");
        let mut all: Vec<usize> = folds.concat();
        all.sort_unstable();
        assert_eq!(all, (0..60).collect::<Vec<_>>());
    }
}

// ---- settings

fn learner(engine: &Engine, settings: &Settings, rows: &[Row]) -> Learner {
    let data = dataset(engine, SINGLE_LABEL, rows);
    let backbone = Arc::clone(engine.backbone());
    let preset = preset("lora").unwrap();
    Learner::new(backbone, preset, settings, data.clone(), data).unwrap()
}

#[test]
fn class_weights_weigh() {
    let engine = engine();
    let mut rows = labelled::rows(SINGLE_LABEL, 12, 1);
    rows.retain(|row| row.label.as_deref() != Some("odd"));
    rows.push(row("a cat", "odd"));
    rows.push(row("a dog", "odd"));
    let loss = |class_weights: Option<ClassWeights>| {
        let settings = Settings {
            class_weights,
            ..Settings::default()
        };
        let mut learner = learner(&engine, &settings, &rows);
        let data = dataset(&engine, SINGLE_LABEL, &rows);
        let weight_of = |row: usize| match (&settings.class_weights, data.target(row)) {
            (None, _) => 1.0,
            // 10 rows, 3 labels of 4, 4 and 2 rows
            (Some(ClassWeights::Named(_)), [2]) => 10.0 / 6.0,
            (Some(ClassWeights::Named(_)), _) => 10.0 / 12.0,
            (Some(ClassWeights::Given(_)), [0]) => 5.0,
            (Some(ClassWeights::Given(_)), _) => 1.0,
        };
        let weights: Vec<f64> = (0..10).map(weight_of).collect();
        let weight = weights.iter().sum();
        let share = Share::Learn {
            step: 0,
            rows: (0..10).collect(),
            weight,
        };
        let graftlet::train::Computed::Learnt(lesson) = learner.compute(&share).unwrap() else {
            panic!("a lesson was asked for")
        };
        let traces = lesson.traces.iter().zip(&weights);
        let expected = traces.map(|(t, w)| f64::from(t.loss) * w).sum::<f64>() / weight;
        assert!(
            (lesson.loss - expected).abs() < 1e-5,
            "{} {expected}",
            lesson.loss
        );
        lesson.loss
    };
    let given = ClassWeights::Given([("bad".to_owned(), 5.0)].into());
    let plain = loss(None);
    assert!((loss(Some(ClassWeights::Named(Balanced::Balanced))) - plain).abs() > 1e-4);
    assert!((loss(Some(given)) - plain).abs() > 1e-4);
}

#[test]
fn settings_that_do_not_fit_the_rows_are_refused() {
    let engine = engine();
    let start = |kind: &str, problem, settings| {
        let data = dataset(&engine, problem, &labelled::rows(problem, 12, 1));
        let backbone = Arc::clone(engine.backbone());
        let trainer = Trainer::new(
            backbone,
            preset(kind).unwrap(),
            settings,
            data.clone(),
            data,
        );
        trainer.err().map(|error| {
            assert_eq!(error.code(), "option_invalid");
            error.to_string()
        })
    };
    let check = |kind, problem, settings, word: &str| {
        let error = start(kind, problem, settings);
        assert!(
            error.as_ref().is_some_and(|error| error.contains(word)),
            "{word}: {error:?}"
        );
    };
    let default = Settings::default;
    let balanced = Some(ClassWeights::Named(Balanced::Balanced));
    let given =
        |label: &str, weight| Some(ClassWeights::Given([(label.to_owned(), weight)].into()));
    let with = |class_weights| Settings {
        class_weights,
        ..default()
    };
    let (single, tokens) = (SINGLE_LABEL, TOKEN_CLASSIFICATION);
    check("lora", REGRESSION, with(balanced), "class_weights");
    check("lora", single, with(given("ugly", 1.0)), "ugly");
    check("lora", single, with(given("bad", 0.0)), "above 0");
    check("prompt", tokens, default(), "kind is prompt");
    let metric = |metric| Settings {
        metric: Some(metric),
        ..default()
    };
    check(
        "lora",
        single,
        metric(Metric::named("spearman")),
        "spearman",
    );
    check(
        "lora",
        tokens,
        metric(Metric::named("matthews")),
        "matthews",
    );
    for (settings, word) in [
        (
            Settings {
                patience: Some(0),
                ..default()
            },
            "patience is 0",
        ),
        (
            Settings {
                accumulation: Some(0),
                ..default()
            },
            "accumulation is 0",
        ),
        (
            Settings {
                gradient_clip: Some(0.0),
                ..default()
            },
            "gradient_clip is 0",
        ),
        (
            Settings {
                head_dropout: Some(1.0),
                ..default()
            },
            "head_dropout is 1",
        ),
        (
            Settings {
                label_smoothing: Some(1.0),
                ..default()
            },
            "label_smoothing is 1",
        ),
    ] {
        check("lora", single, settings, word);
    }
    let reading = Reading {
        problem: REGRESSION,
        reject: Some("x".into()),
    };
    let rows = labelled::rows(REGRESSION, 4, 1);
    let error = Dataset::read("rows", &rows, engine.tokenizer(), &reading).unwrap_err();
    assert!(error.to_string().contains("reject"), "{error}");
}

#[test]
fn patience_ends_a_run_and_keeps_the_best() {
    let engine = engine();
    let problem = SINGLE_LABEL;
    let data = dataset(&engine, problem, &labelled::rows(problem, 24, 1));
    let settings = Settings {
        patience: Some(2),
        // nothing is learnt, so nothing gets better
        ..settings(30, 1e-8)
    };
    let mut trainer = trainer(&engine, "lora", settings, data.clone(), data);
    let events = run(&mut trainer);
    let evaluations: Vec<bool> = events
        .iter()
        .filter_map(|event| match event {
            Event::Eval { best, .. } => Some(*best),
            _ => None,
        })
        .collect();
    assert_eq!(
        evaluations, [true; 3],
        "the first is the highest, the others are equal to it"
    );
}

#[test]
fn dropout_does_not_depend_on_neighbours() {
    let engine = engine();
    let rows = labelled::rows(SINGLE_LABEL, 9, 1);
    let settings = Settings {
        head_dropout: Some(0.3),
        adapter: Options {
            dropout: Some(0.4),
            ..Options::default()
        },
        ..Settings::default()
    };
    let mut learner = learner(&engine, &settings, &rows);
    // a fresh LoRA does nothing whatever is dropped: begin with other numbers
    let mut parameters = learner.parameters();
    parameters
        .iter_mut()
        .enumerate()
        .for_each(|(i, x)| *x += ((i * 37 % 11) as f32 - 5.0) / 20.0);
    learner.set_parameters(&parameters).unwrap();
    assert!(learner.set_parameters(&parameters[1..]).is_err());
    let mut losses = |step, rows: &[usize]| -> Vec<u32> {
        let share = Share::Learn {
            step,
            rows: rows.to_vec(),
            weight: 9.0,
        };
        match learner.compute(&share).unwrap() {
            graftlet::train::Computed::Learnt(lesson) => lesson
                .traces
                .iter()
                .map(|trace| trace.loss.to_bits())
                .collect(),
            other => panic!("{other:?}"),
        }
    };
    let all: Vec<usize> = (0..9).collect();
    let together = losses(3, &all);
    let apart: Vec<u32> = [&all[..2], &all[2..3], &all[3..]]
        .iter()
        .flat_map(|rows| losses(3, rows))
        .collect();
    assert_eq!(together, apart);
    assert_ne!(together, losses(4, &all), "another step drops others");
}
