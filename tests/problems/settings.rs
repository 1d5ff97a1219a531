//! Settings of training.

use std::sync::Arc;

use graftlet::adapter::{Options, preset};
use graftlet::engine::Engine;
use graftlet::head::{MULTI_LABEL, Metric, REGRESSION, SINGLE_LABEL, TOKEN_CLASSIFICATION};
use graftlet::train::{
    Balanced, ClassWeights, Dataset, Event, Learner, Reading, Row, Settings, Share, Trainer,
};

use super::labelled::{self, dataset, row, run, trainer};
use super::{engine, settings};

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

/// Weights of several labels weigh the labels that a row has; the others count as before.
#[test]
fn positive_weights_of_several_labels_weigh() {
    let engine = engine();
    // "colour" is on 15 of 30 rows, "animal" on 10 and "act" on 6
    let rows = labelled::rows(MULTI_LABEL, 30, 1);
    let data = dataset(&engine, MULTI_LABEL, &rows);
    let of = |class_weights| {
        let settings = Settings {
            class_weights: Some(class_weights),
            ..Settings::default()
        };
        let resolved = settings.resolve(preset("lora").unwrap(), &data, 2).unwrap();
        resolved.loss_settings(&data).unwrap().class_weights
    };
    assert_eq!(data.labels(), ["act", "animal", "colour"]);
    let expected = [4f32.sqrt(), 2f32.sqrt(), 1.0];
    assert_eq!(of(ClassWeights::Named(Balanced::Balanced)), expected);
    let given = ClassWeights::Given([("animal".to_owned(), 5.0)].into());
    assert_eq!(of(given.clone()), [1.0, 5.0, 1.0]);

    let gradient = |class_weights| {
        let settings = Settings {
            class_weights,
            ..Settings::default()
        };
        let backbone = Arc::clone(engine.backbone());
        let preset = preset("lora").unwrap();
        let mut learner =
            Learner::new(backbone, preset, &settings, data.clone(), data.clone()).unwrap();
        let share = Share::Learn {
            step: 0,
            rows: (0..30).collect(),
            weight: 90.0,
        };
        let graftlet::train::Computed::Learnt(lesson) = learner.compute(&share).unwrap() else {
            panic!("a lesson was asked for")
        };
        // the head's bias is last: one slope a label
        lesson.gradient[lesson.gradient.len() - 3..].to_vec()
    };
    let (plain, weighed) = (gradient(None), gradient(Some(given)));
    for label in [0, 2] {
        assert!((plain[label] - weighed[label]).abs() < 1e-6, "{label}");
    }
    // 10 of the 30 rows pull it up five times as hard
    assert!(weighed[1] < plain[1] - 0.1, "{plain:?} {weighed:?}");
}

/// A label that hardly any row has does not count without end.
#[test]
fn balanced_positive_weights_are_bounded() {
    let engine = engine();
    let mut rows: Vec<Row> = (0..400)
        .map(|at| row(format!("a cat {at}").as_str(), "animal"))
        .collect();
    rows[0].label = Some("act|animal".into());
    let data = dataset(&engine, MULTI_LABEL, &rows);
    let weights = MULTI_LABEL.balanced(data.targets(), 2).unwrap();
    assert!((weights[0] - 10.0).abs() < 1e-6);
    // and one that all rows have counts less, and not nothing
    assert!((0.01..0.1).contains(&weights[1]), "{weights:?}");
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
    check("lora", tokens, with(given("O", 2.0)), "class_weights");
    check("lora", MULTI_LABEL, with(given("ugly", 1.0)), "ugly");
    check("lora", MULTI_LABEL, with(given("act", -1.0)), "above 0");
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
        pairs: None,
    };
    let rows = labelled::rows(REGRESSION, 4, 1);
    let error = Dataset::read("rows", &rows, engine.reader(), &reading).unwrap_err();
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
