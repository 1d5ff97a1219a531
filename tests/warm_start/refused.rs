//! What does not go together.

use std::rc::Rc;
use std::sync::Arc;

use graftlet::adapter::preset;
use graftlet::folder::Member;
use graftlet::head::{Head, HeadConfig, SINGLE_LABEL};
use graftlet::ops::Activation;
use graftlet::params::FreshParams;
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

/// A fit knows of one layer, so a head with a dense layer is trained in epochs, by default and where nothing else is asked for.
#[test]
fn a_head_with_a_dense_layer_is_not_fitted() {
    let engine = engine();
    let problem = SINGLE_LABEL;
    let old = trained(&engine, problem, "lora");
    let mut task = Rc::into_inner(old.task).unwrap();
    let config = HeadConfig {
        dense: Some(Activation::Tanh.into()),
        ..task.head.as_ref().unwrap().config().clone()
    };
    let shape = engine.backbone().shape();
    task.head = Some(Head::build(config, shape, &mut FreshParams::new(3)).unwrap());
    let start = Member {
        name: "dense".into(),
        task: Rc::new(task),
    };
    let run_of = |change: &dyn Fn(&mut Settings)| {
        let mut own = Settings {
            start: Some(start.clone()),
            ..Settings::default()
        };
        change(&mut own);
        // a new label, which a head of one layer would be fitted to
        let rows = [
            labelled::rows(problem, 4, 4),
            vec![row("a blue bird", "zoo")],
        ]
        .concat();
        let scheme = own.scheme("rows", &rows, &[], &reading(problem)).unwrap();
        let data = Dataset::with_scheme("rows", &rows, engine.reader(), &scheme).unwrap();
        let backbone = Arc::clone(engine.backbone());
        Trainer::new(backbone, preset("lora").unwrap(), own, data.clone(), data)
    };
    assert!(run_of(&|_| ()).unwrap().resolved().epochs > 0);
    for change in [
        (&|own: &mut Settings| own.epochs = Some(0)) as &dyn Fn(&mut Settings),
        &|own| own.contrastive_steps = Some(5),
    ] {
        let error = run_of(change).err().unwrap();
        assert_eq!(error.code(), "option_invalid");
        assert!(error.to_string().contains("dense layer"), "{error}");
    }
}
