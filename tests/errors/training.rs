//! Rows and settings that cannot be trained with.

use std::sync::Arc;

use graftlet::adapter::{Options, preset};
use graftlet::engine::Engine;
use graftlet::folder::TaskAdapter;
use graftlet::head::Pairs;
use graftlet::model::Dtype;
use graftlet::train::{Dataset, Event, Reading, Row, Settings, Trainer};

use super::refused;
use super::tiny::{Tiny, WORDS};

// ---- rows and options

pub(super) fn row(text: &str, label: Option<&str>) -> Row {
    Row {
        input: text.into(),
        label: label.map(str::to_owned),
    }
}

fn rows(labels: &[Option<&str>]) -> Vec<Row> {
    labels
        .iter()
        .zip(WORDS)
        .map(|(label, word)| row(word, *label))
        .collect()
}

pub(super) fn trained(engine: &Engine, kind: &str) -> TaskAdapter {
    let rows = rows(&[Some("a"), Some("b"), Some("a"), Some("b")]);
    let data = Dataset::for_training("rows", &rows, engine.reader()).unwrap();
    let adapter = Options {
        reduction_factor: Some(4),
        ..Options::default()
    };
    let settings = Settings {
        epochs: Some(1),
        adapter,
        ..Settings::default()
    };
    let backbone = Arc::clone(engine.backbone());
    let preset = preset(kind).unwrap();
    let mut trainer = Trainer::new(backbone, preset, settings, data.clone(), data).unwrap();
    while !matches!(trainer.step().unwrap(), Event::Done { .. }) {}
    trainer.finish().unwrap()
}

#[test]
fn rows_that_teach_nothing() {
    let engine = Tiny::new(1, 16, 1).engine(Dtype::Int8);
    let place = "mine.csv";
    let training = |rows: &[Row]| Dataset::for_training(place, rows, engine.reader());
    let (a, b) = (Some("a"), Some("b"));
    training(&rows(&[a, b, a, b])).unwrap();
    refused(
        training(&[]),
        "rows_empty",
        &[place, "two rows of each class"],
    );
    refused(
        training(&rows(&[a, a, a])),
        "classes_too_few",
        &[place, "\"a\""],
    );
    refused(training(&rows(&[a])), "classes_too_few", &[place, "\"a\""]);
    let many: Vec<String> = (0..20_002).map(|i| format!("label {}", i / 2)).collect();
    let many: Vec<Row> = many.iter().map(|label| row("a", Some(label))).collect();
    let words = [place, "10001 labels", "10000"];
    refused(training(&many), "classes_too_many", &words);
    let words = [place, "\"b\"", "1 row"];
    refused(training(&rows(&[a, a, b, a])), "class_too_small", &words);
    for none in [None, Some(""), Some("  ")] {
        let words = [place, "2 row(s)", "row 2"];
        refused(
            training(&rows(&[a, none, b, none, a, b])),
            "rows_unlabelled",
            &words,
        );
        refused(
            training(&rows(&[none])),
            "rows_unlabelled",
            &[place, "row 1"],
        );
    }
    let mut empty = rows(&[a, b, a, b]);
    empty[2].input = " ".into();
    refused(training(&empty), "text_empty", &["text 3"]);

    // labels are compared without the white space around them
    let spaced = training(&rows(&[a, Some(" b"), Some("a "), b])).unwrap();
    assert_eq!(spaced.labels(), ["a", "b"]);

    let apart = Reading {
        pairs: Some(Pairs::Apart),
        ..Reading::default()
    };
    let unpaired = Dataset::read(place, &rows(&[a, b, a, b]), engine.reader(), &apart);
    let words = [place, "row 1", "second text"];
    refused(unpaired, "row_unpaired", &words);

    let known = ["a".to_owned(), "b".to_owned()];
    let dev = |rows: &[Row]| Dataset::with_labels(place, rows, engine.reader(), &known);
    dev(&rows(&[a, a])).unwrap();
    let words = [place, "row 3", "\"c\"", "a, b"];
    refused(
        dev(&rows(&[a, b, Some("c"), Some("d")])),
        "label_unknown",
        &words,
    );
    refused(dev(&[]), "rows_empty", &[place]);
    refused(dev(&rows(&[a, None])), "rows_unlabelled", &[place, "row 2"]);
}

/// Which runs a checkpoint is refused by is tests/checkpoint.rs's affair.
#[test]
fn a_checkpoint_of_another_run() {
    let engine = Tiny::new(1, 16, 1).engine(Dtype::Int8);
    let rows = rows(&[Some("a"), Some("b"), Some("a"), Some("b")]);
    let data = Dataset::for_training("rows", &rows, engine.reader()).unwrap();
    let preset = preset("lora").unwrap();
    let seeded = |seed| Settings {
        seed: Some(seed),
        ..Settings::default()
    };
    let backbone = || Arc::clone(engine.backbone());
    let trainer = Trainer::new(backbone(), preset, seeded(1), data.clone(), data.clone()).unwrap();
    let bytes = trainer.checkpoint().unwrap();
    let resume = |seed, bytes: &[u8]| {
        Trainer::resume(
            backbone(),
            preset,
            seeded(seed),
            data.clone(),
            data.clone(),
            bytes,
        )
    };
    resume(1, &bytes).unwrap();
    refused(
        resume(2, &bytes),
        "checkpoint_mismatch",
        &["settings", "\"seed\":1"],
    );
    refused(resume(1, &bytes[..99]), "file_truncated", &["checkpoint"]);
}

#[test]
fn options_out_of_range() {
    let engine = Tiny::new(1, 16, 1).engine(Dtype::Int8);
    let shape = engine.backbone().shape();
    let option = |kind: &str, options: Options| (preset(kind).unwrap().config)(&options, shape);
    let rank = |rank: usize| {
        option(
            "lora",
            Options {
                rank: Some(rank),
                ..Options::default()
            },
        )
    };
    rank(16).unwrap();
    refused(rank(0), "option_invalid", &["rank is 0", "1 to 16"]);
    refused(rank(17), "option_invalid", &["rank is 17", "1 to 16"]);
    for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let options = Options {
            alpha: Some(alpha),
            ..Options::default()
        };
        refused(option("lora", options), "option_invalid", &["alpha"]);
    }
    let options = Options {
        targets: Some(Vec::new()),
        ..Options::default()
    };
    refused(option("lora", options), "option_invalid", &["targets"]);
    for kind in ["lora", "ia3", "pfeiffer"] {
        let layers = |layers: &[usize]| {
            let options = Options {
                layers: Some(layers.to_vec()),
                ..Options::default()
            };
            option(kind, options)
        };
        layers(&[0, 0]).unwrap();
        refused(layers(&[]), "option_invalid", &["layers is empty"]);
        refused(
            layers(&[0, 1]),
            "option_invalid",
            &["layers is 1", "0 to 0"],
        );
    }
    for kind in ["houlsby", "pfeiffer"] {
        let factor = |factor: usize| {
            option(
                kind,
                Options {
                    reduction_factor: Some(factor),
                    ..Options::default()
                },
            )
        };
        factor(16).unwrap();
        refused(
            factor(0),
            "option_invalid",
            &["reduction_factor is 0", "16"],
        );
        refused(
            factor(17),
            "option_invalid",
            &["reduction_factor is 17", "16"],
        );
    }

    let data = rows(&[Some("a"), Some("b"), Some("a"), Some("b")]);
    let data = Dataset::for_training("rows", &data, engine.reader()).unwrap();
    let start = |settings: Settings| {
        let (train, dev) = (data.clone(), data.clone());
        Trainer::new(
            Arc::clone(engine.backbone()),
            preset("lora").unwrap(),
            settings,
            train,
            dev,
        )
    };
    start(Settings::default()).unwrap();
    let default = Settings::default;
    for (settings, name) in [
        (
            Settings {
                epochs: Some(1001),
                ..default()
            },
            "epochs is 1001",
        ),
        (
            Settings {
                batch_size: Some(0),
                ..default()
            },
            "batch_size is 0",
        ),
        (
            Settings {
                batch_size: Some(4096),
                ..default()
            },
            "batch_size is 4096",
        ),
        (
            Settings {
                learning_rate: Some(0.0),
                ..default()
            },
            "learning_rate is 0",
        ),
        (
            Settings {
                learning_rate: Some(2.0),
                ..default()
            },
            "learning_rate is 2",
        ),
        (
            Settings {
                learning_rate: Some(f64::NAN),
                ..default()
            },
            "learning_rate is NaN",
        ),
        (
            Settings {
                weight_decay: Some(-0.1),
                ..default()
            },
            "weight_decay is -0.1",
        ),
        (
            Settings {
                warmup: Some(1.5),
                ..default()
            },
            "warmup is 1.5",
        ),
        (
            Settings {
                dev_share: Some(0.0),
                ..default()
            },
            "dev_share is 0",
        ),
        (
            Settings {
                dev_share: Some(1.0),
                ..default()
            },
            "dev_share is 1",
        ),
    ] {
        refused(start(settings), "option_invalid", &[name, "between"]);
    }
    // a run that diverges stops and says why
    let adapter = Options {
        alpha: Some(1e300),
        ..Options::default()
    };
    let mut trainer = start(Settings {
        adapter,
        ..default()
    })
    .unwrap();
    refused(
        trainer.step(),
        "option_invalid",
        &["learning_rate", "NaN", "step 1"],
    );
}

/// Settings that are misspelt are not settings that are not there.
#[test]
fn unknown_settings_are_refused() {
    assert!(Settings::from_json("s.json", br#"{"rank": 4}"#).is_ok());
    let misspelt = Settings::from_json("s.json", br#"{"rang": 4}"#);
    refused(misspelt, "config_invalid", &["s.json", "rang", "rank"]);
}
