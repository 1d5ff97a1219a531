//! Settings and rows that do not go together.

use std::sync::Arc;

use graftlet::adapter::preset;
use graftlet::head::{SINGLE_LABEL, TOKEN_CLASSIFICATION};
use graftlet::train::{Dataset, Settings, Trainer};

use super::{data, engine, settings};

#[test]
fn what_cannot_be_is_refused() {
    let engine = engine();
    let problem = TOKEN_CLASSIFICATION;
    let (train, dev) = (data(&engine, problem, 12, 1), data(&engine, problem, 6, 2));
    let code = |settings: Settings, train: &Dataset| {
        let backbone = Arc::clone(engine.backbone());
        let preset = preset("lora").unwrap();
        let run = Trainer::new(backbone, preset, settings, train.clone(), dev.clone());
        run.err().map(|error| (error.code(), error.to_string()))
    };
    let (found, said) = code(settings(), &train).unwrap();
    assert_eq!(found, "option_invalid");
    assert!(said.contains("contrastive_steps"), "{said}");
    for (settings, word) in [
        (
            Settings {
                contrastive_steps: Some(20_000),
                ..Settings::default()
            },
            "contrastive_steps",
        ),
        (
            Settings {
                c: Some(0.0),
                ..Settings::default()
            },
            "\"c\"",
        ),
        (
            Settings {
                folds: Some(1),
                ..Settings::default()
            },
            "folds",
        ),
        (
            Settings {
                head_learning_rate: Some(-1.0),
                ..Settings::default()
            },
            "head_learning_rate",
        ),
        (
            Settings {
                contrastive_learning_rate: Some(2.0),
                contrastive_steps: Some(1),
                ..Settings::default()
            },
            "contrastive_learning_rate",
        ),
    ] {
        let rows = data(&engine, SINGLE_LABEL, 12, 1);
        let backbone = Arc::clone(engine.backbone());
        let run = Trainer::new(
            backbone,
            preset("lora").unwrap(),
            settings,
            rows.clone(),
            rows.select(&[0]),
        );
        let error = run.err().unwrap();
        assert_eq!(error.code(), "option_invalid");
        assert!(
            error.to_string().contains(word.trim_matches('"')),
            "{error}"
        );
    }
}
