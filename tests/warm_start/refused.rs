//! What does not go together.

use std::sync::Arc;

use graftlet::adapter::preset;
use graftlet::head::SINGLE_LABEL;
use graftlet::train::{Dataset, Origin, Settings, Trainer};

use super::labelled::{self, dataset, row};
use super::{beside, engine, reading, settings, trained};

#[test]
fn what_does_not_go_together_is_refused() {
    let engine = engine();
    let problem = SINGLE_LABEL;
    let start = trained(&engine, problem, "lora");
    let warm = settings(&start);
    let cold = Settings {
        start: None,
        ..warm.clone()
    };
    let rows = labelled::rows(problem, 12, 1);
    let error = cold
        .scheme("rows", &rows, &rows, &reading(problem))
        .unwrap_err();
    assert_eq!(error.code(), "option_invalid");
    assert!(error.to_string().contains("replay"), "{error}");
    let data = beside(&engine, problem, &warm, &rows);
    let refused = |settings: Settings, data: &Dataset| {
        let backbone = Arc::clone(engine.backbone());
        let preset = preset("lora").unwrap();
        let error = Trainer::new(backbone, preset, settings, data.clone(), data.clone()).err();
        let error = error.unwrap();
        assert_eq!(error.code(), "option_invalid", "{error}");
        error.to_string()
    };
    let new = data.select(&data.of_origin(Origin::New));
    let with = |change: &dyn Fn(&mut Settings)| {
        let mut changed = warm.clone();
        change(&mut changed);
        changed
    };
    for (settings, data, word) in [
        (cold.clone(), &new, "name it with \"from\""),
        (
            with(&|own| own.distillation = Some(-1.0)),
            &new,
            "distillation",
        ),
        (
            with(&|own| own.distillation = Some(f64::NAN)),
            &new,
            "distillation",
        ),
        (
            with(&|own| own.distillation = Some(0.0)),
            &data,
            "without distillation",
        ),
        (with(&|own| own.epochs = Some(0)), &data, "need labels"),
        (
            with(&|own| own.contrastive_steps = Some(5)),
            &data,
            "need labels",
        ),
    ] {
        let said = refused(settings, data);
        assert!(said.contains(word), "{word}: {said}");
    }
    // a head that is a fresh one has no teacher
    let two = || [row("a dog", "animal"), row("a song", "act")];
    let others = [two(), two(), two()].concat();
    let fresh = dataset(&engine, problem, &others);
    let said = refused(warm, &fresh);
    assert!(said.contains("fresh"), "{said}");
}
