//! The labels that an adapter has after it was trained further, and corrections of a few of its answers.

use graftlet::folder::TaskAdapter;
use graftlet::head::{MULTI_LABEL, SINGLE_LABEL, TOKEN_CLASSIFICATION};
use graftlet::train::{Dataset, Event, Row, Settings};

use super::labelled::{self, row, run};
use super::{engine, files, reading, settings, start_run, trained};

#[test]
fn labels_of_the_adapter_come_first_and_new_ones_follow() {
    let engine = engine();
    let start = trained(&engine, SINGLE_LABEL, "lora");
    let with = |distillation| Settings {
        distillation,
        ..settings(&start)
    };
    let labels = |settings: &Settings, rows: &[Row], old: &[Row]| {
        let scheme = settings.scheme("rows", rows, old, &reading(SINGLE_LABEL));
        scheme.unwrap().labels
    };
    let own = ["bad", "good", "odd"];
    assert_eq!(labels(&with(None), &[row("a cat", "odd")], &[]), own);
    let two = [
        row("a cat", "odd"),
        row("a dog", "animal"),
        row("a song", "act"),
    ];
    let five = ["bad", "good", "odd", "act", "animal"];
    assert_eq!(labels(&with(None), &two, &[]), five);
    // one label that is new is an addition, and so are others beside old rows
    let new = [row("a dog", "animal"), row("a cat", "animal")];
    assert_eq!(
        labels(&with(None), &new, &[]),
        ["bad", "good", "odd", "animal"]
    );
    let others = [
        new.to_vec(),
        vec![row("a song", "act"), row("the song", "act")],
    ]
    .concat();
    assert_eq!(labels(&with(None), &others, &[row("bad", "bad")]), five);
    assert_eq!(labels(&with(Some(1.0)), &others, &[]), five);
    // another task
    assert_eq!(labels(&with(None), &others, &[]), ["act", "animal"]);
}

#[test]
fn a_head_that_gets_more_labels_keeps_its_rows() {
    let engine = engine();
    for problem in [SINGLE_LABEL, MULTI_LABEL, TOKEN_CLASSIFICATION] {
        let start = trained(&engine, problem, "lora");
        let mut settings = settings(&start);
        let new = match problem == TOKEN_CLASSIFICATION {
            true => row("the red cat runs", "O B-y I-y O"),
            false => row("a blue bird", "zoo"),
        };
        let scheme = settings
            .scheme("rows", std::slice::from_ref(&new), &[], &reading(problem))
            .unwrap();
        let head = start.task.head.as_ref().unwrap();
        let own = head.config().labels.len();
        assert!(scheme.labels.len() > own, "{:?}", scheme.labels);
        assert_eq!(scheme.labels[..own], head.config().labels);
        let data = Dataset::with_scheme("rows", &[new], engine.reader(), &scheme).unwrap();
        let (data, dev) = settings.split(data).unwrap();
        // as it is before the first step
        let task = start_run(&engine, "lora", &settings, &data, &dev)
            .finish()
            .unwrap();
        let grown = task.head.as_ref().unwrap();
        for (old, grown) in head.parameters().iter().zip(grown.parameters()) {
            let old = old.tensor.data();
            assert!(grown.tensor.len() > old.len());
            assert_eq!(&grown.tensor.data()[..old.len()], old);
        }
        // and it can be trained, saved and read again
        let mut trainer = start_run(&engine, "lora", &settings, &data, &dev);
        run(&mut trainer);
        assert!(!files(&engine, trainer).is_empty());
    }
}

#[test]
fn corrections_are_all_learnt_from_and_what_was_fitted_is_kept() {
    let engine = engine();
    for problem in [SINGLE_LABEL, MULTI_LABEL] {
        let start = trained(&engine, problem, "lora");
        let mut settings = Settings {
            epochs: None,
            head_dropout: None,
            distillation: None,
            ..settings(&start)
        };
        let input = labelled::rows(problem, 2, 4)[1].input.clone();
        let label = if problem == SINGLE_LABEL {
            "odd"
        } else {
            "act"
        };
        let wrong = [row(input.clone(), label)];
        let scheme = settings
            .scheme("rows", &wrong, &[], &reading(problem))
            .unwrap();
        let data = Dataset::with_scheme("rows", &wrong, engine.reader(), &scheme).unwrap();
        let (train, dev) = settings.split(data.clone()).unwrap();
        assert_eq!((train.len(), dev.len(), dev.is_learnt()), (1, 1, true));
        let mut trainer = start_run(&engine, "lora", &settings, &train, &dev);
        let Some(Event::Done { dev_rows, .. }) = run(&mut trainer).pop() else {
            panic!("it does not end")
        };
        assert_eq!(
            (dev_rows, trainer.report().unwrap().unwrap().dev_rows),
            (0, 0)
        );
        let task = trainer.finish().unwrap();
        assert_eq!(task.card.dev_score, None);
        let head = |task: &TaskAdapter| {
            let head = task.head.as_ref().unwrap();
            (
                head.calibration().cloned(),
                head.config().problem.thresholds.clone(),
            )
        };
        assert_eq!(head(&task), head(&start.task));
        let answers = engine.answer(&task, &[input], "it").unwrap();
        if problem == SINGLE_LABEL {
            let (best, _) = answers[0].label().unwrap();
            assert_eq!(task.head.as_ref().unwrap().config().labels[best], "odd");
        }
        // whoever asks for held-out rows gets them
        let mut asked = Settings {
            dev_share: Some(0.2),
            ..settings
        };
        let rows = labelled::rows(problem, 20, 4);
        let scheme = asked.scheme("rows", &rows, &[], &reading(problem)).unwrap();
        let data = Dataset::with_scheme("rows", &rows, engine.reader(), &scheme).unwrap();
        let (train, dev) = asked.split(data).unwrap();
        assert_eq!((train.len() + dev.len(), dev.is_learnt()), (20, false));
    }
}

/// A few rows of new labels: the head is fitted near what it was, and the adapter stays as it is.
#[test]
fn new_labels_are_fitted_beside_the_old_ones() {
    let engine = engine();
    for problem in [SINGLE_LABEL, MULTI_LABEL] {
        let start = trained(&engine, problem, "lora");
        let settings = |distillation, epochs| Settings {
            epochs,
            head_dropout: None,
            learning_rate: None,
            distillation,
            ..settings(&start)
        };
        let new = [row("a blue bird", "zoo"), row("the blue bird runs", "zoo")];
        let old = labelled::rows(problem, 30, 4);
        for (distillation, old) in [(None, &old[..]), (Some(1.0), &[][..])] {
            let mut own = settings(distillation, None);
            let scheme = own.scheme("rows", &new, old, &reading(problem)).unwrap();
            let read = |rows: &[Row]| {
                Dataset::with_scheme("rows", rows, engine.reader(), &scheme).unwrap()
            };
            let (train, dev) = own.split(read(&new)).unwrap();
            let train = match old {
                [] => train,
                old => train.beside(&read(old)),
            };
            let mut trainer = start_run(&engine, "lora", &own, &train, &dev);
            assert_eq!((trainer.steps(), trainer.resolved().epochs), (0, 0));
            let events = run(&mut trainer);
            assert!(
                !events
                    .iter()
                    .any(|event| matches!(event, Event::Step { .. }))
            );
            let task = trainer.finish().unwrap();
            for (before, after) in
                { start.task.adapter.parameters().iter() }.zip(task.adapter.parameters())
            {
                assert_eq!(before.tensor.data(), after.tensor.data());
            }
            let head = |task: &TaskAdapter| task.head.as_ref().unwrap().config().labels.clone();
            assert_eq!(head(&task)[..head(&start.task).len()], head(&start.task));
            // what is asked for is done all the same
            let asked = settings(distillation, Some(3));
            let asked = start_run(&engine, "lora", &asked, &train, &dev);
            assert_eq!(asked.resolved().epochs, 3);
            if problem == SINGLE_LABEL {
                let texts: Vec<_> = new.iter().map(|row| row.input.clone()).collect();
                for answer in engine.answer(&task, &texts, "it").unwrap() {
                    let (best, _) = answer.label().unwrap();
                    assert_eq!(head(&task)[best], "zoo");
                }
            }
        }
    }
}
