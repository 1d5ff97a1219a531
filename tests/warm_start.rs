//! Runs that go on from an adapter with new rows: what is replayed, what is kept by distillation, and which labels there
//! are then.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

#[path = "support/labelled.rs"]
mod labelled;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use graftlet::adapter::{Options, preset};
use graftlet::engine::Engine;
use graftlet::folder::{self, Files, Member, TaskAdapter};
use graftlet::head::{MULTI_LABEL, ProblemName, RANKING, SINGLE_LABEL, TOKEN_CLASSIFICATION};
use graftlet::input::text::Text;
use graftlet::model::Dtype;
use graftlet::train::{
    Computed, Dataset, Event, Learner, Origin, Reading, Row, Settings, Share, Trainer,
};
use labelled::{PROBLEMS, dataset, row, run, trainer};
use tiny::Tiny;

fn engine() -> Engine {
    Tiny::new(2, 32, 11).engine(Dtype::Int8)
}

fn trained(engine: &Engine, problem: ProblemName, kind: &str) -> Member {
    let settings = Settings {
        epochs: Some(6),
        batch_size: Some(8),
        learning_rate: Some(2e-2),
        adapter: Options {
            reduction_factor: (kind == "pfeiffer").then_some(4),
            ..Options::default()
        },
        ..Settings::default()
    };
    let data = |count, seed| dataset(engine, problem, &labelled::rows(problem, count, seed));
    let mut run_of = trainer(engine, kind, settings, data(40, 1), data(20, 2));
    run(&mut run_of);
    Member {
        name: "old".into(),
        task: Rc::new(run_of.finish().unwrap()),
    }
}

/// With everything that is random.
fn settings(start: &Member) -> Settings {
    Settings {
        epochs: Some(3),
        batch_size: Some(8),
        learning_rate: Some(1e-2),
        head_dropout: Some(0.1),
        distillation: Some(0.7),
        seed: Some(5),
        start: Some(start.clone()),
        ..Settings::default()
    }
}

fn reading(problem: ProblemName) -> Reading {
    Reading {
        problem,
        reject: None,
        pairs: None,
    }
}

/// New rows by the settings' scheme, with old rows and, where the problem can have them, texts beside them.
fn beside(engine: &Engine, problem: ProblemName, settings: &Settings, new: &[Row]) -> Dataset {
    let old = labelled::rows(problem, 14, 1);
    let scheme = settings
        .scheme("rows", new, &old, &reading(problem))
        .unwrap();
    let of =
        |rows: &[Row]| Dataset::with_scheme("rows", rows, engine.tokenizer(), &scheme).unwrap();
    let data = of(new).beside(&of(&old));
    let texts: Vec<Text> = { labelled::rows(problem, 7, 9).into_iter() }
        .map(|row| row.text)
        .collect();
    match Dataset::of_texts("texts", &texts, engine.tokenizer(), &scheme) {
        Ok(texts) => data.beside(&texts),
        Err(error) => {
            assert_eq!(error.code(), "option_invalid");
            assert!(
                [TOKEN_CLASSIFICATION, RANKING].contains(&problem),
                "{error}"
            );
            data
        }
    }
}

fn start_run(
    engine: &Engine,
    kind: &str,
    settings: &Settings,
    data: &Dataset,
    dev: &Dataset,
) -> Trainer {
    trainer(engine, kind, settings.clone(), data.clone(), dev.clone())
}

fn files(engine: &Engine, trainer: Trainer) -> Files {
    let task = trainer.finish().unwrap();
    folder::save(&task, "same", task.library, engine.backbone().shape()).unwrap()
}

// ---- interrupted and shared runs

#[test]
fn a_warm_start_goes_on_from_any_of_its_steps() {
    let engine = engine();
    for problem in PROBLEMS {
        for kind in ["lora", "pfeiffer"] {
            let start = trained(&engine, problem, kind);
            let settings = settings(&start);
            let data = beside(&engine, problem, &settings, &labelled::rows(problem, 9, 4));
            let dev = dataset(&engine, problem, &labelled::rows(problem, 40, 3));
            let fresh = || start_run(&engine, kind, &settings, &data, &dev);
            let mut unbroken = fresh();
            let events = run(&mut unbroken);
            let expected = files(&engine, unbroken);
            for stop in 0..events.len() {
                let mut before = fresh();
                for _ in 0..stop {
                    before.step().unwrap();
                }
                let checkpoint = before.checkpoint().unwrap();
                drop(before);
                let mut resumed = fresh();
                resumed.restore(&checkpoint).unwrap();
                assert_eq!(run(&mut resumed), events[stop..], "after {stop} events");
                assert!(
                    files(&engine, resumed) == expected,
                    "{kind}, {problem:?}: other files after {stop} events"
                );
            }
            // of other rows
            let checkpoint = fresh().checkpoint().unwrap();
            let none_old = data.select(&data.of_origin(Origin::New));
            let other = &mut start_run(&engine, kind, &settings, &none_old, &dev);
            let error = other.restore(&checkpoint).unwrap_err();
            assert_eq!(error.code(), "checkpoint_mismatch");
        }
    }
}

#[test]
fn a_checkpoint_knows_which_rows_are_old() {
    let engine = engine();
    let half = |seed| {
        dataset(
            &engine,
            SINGLE_LABEL,
            &labelled::rows(SINGLE_LABEL, 9, seed),
        )
    };
    let all = [
        labelled::rows(SINGLE_LABEL, 9, 1),
        labelled::rows(SINGLE_LABEL, 9, 2),
    ]
    .concat();
    let all_new = dataset(&engine, SINGLE_LABEL, &all);
    let beside = half(1).beside(&half(2));
    assert_eq!(beside.targets(), all_new.targets());
    assert_ne!(beside.hash(), all_new.hash());
}

/// The losses and the parameters of a run whose work is done by as many learners.
fn shared(
    engine: &Engine,
    settings: &Settings,
    data: &Dataset,
    dev: &Dataset,
    workers: usize,
) -> (Vec<f64>, Vec<f32>) {
    let mut leader = start_run(engine, "lora", settings, data, dev);
    let learner = || {
        let backbone = Arc::clone(engine.backbone());
        let preset = preset("lora").unwrap();
        Learner::new(backbone, preset, settings, data.clone(), dev.clone()).unwrap()
    };
    let mut learners: Vec<Learner> = (0..workers).map(|_| learner()).collect();
    let mut losses = Vec::new();
    while !leader.is_done() {
        let parameters = leader.learner().parameters();
        let plan = leader.plan(workers);
        let computed = plan.iter().zip(&mut learners).map(|(share, learner)| {
            learner.set_parameters(&parameters).unwrap();
            learner.compute(share).unwrap()
        });
        let computed: Vec<Computed> = computed.collect();
        if let Event::Step { loss, .. } = leader.apply(computed).unwrap() {
            losses.push(loss);
        }
    }
    (losses, leader.learner().parameters())
}

#[test]
fn several_workers_keep_what_one_keeps() {
    let engine = engine();
    for problem in PROBLEMS {
        let start = trained(&engine, problem, "lora");
        let settings = settings(&start);
        let data = beside(&engine, problem, &settings, &labelled::rows(problem, 9, 4));
        let dev = dataset(&engine, problem, &labelled::rows(problem, 40, 3));
        let of = |workers| shared(&engine, &settings, &data, &dev, workers);
        let (one, two) = (of(1), of(2));
        assert!(of(2) == two, "{problem:?}: other bits");
        assert_eq!(one.0.len(), two.0.len());
        for (a, b) in one.0.iter().zip(&two.0) {
            assert!(
                (a - b).abs() < 1e-3 * (1.0 + b.abs()),
                "{problem:?}: {a} {b}"
            );
        }
        let far = one
            .1
            .iter()
            .zip(&two.1)
            .map(|(a, b)| f64::from((a - b).abs()));
        let far = far.sum::<f64>() / one.1.len() as f64;
        assert!(far < 1e-3, "{problem:?}: parameters off by {far}");
    }
}

// ---- what a batch is made of

#[test]
fn every_batch_is_half_of_new_rows_and_every_old_row_has_its_turn() {
    let engine = engine();
    let problem = SINGLE_LABEL;
    let start = trained(&engine, problem, "lora");
    for new_rows in [1, 3, 4, 9] {
        let settings = Settings {
            epochs: Some(8),
            ..settings(&start)
        };
        let new = labelled::rows(problem, new_rows, 4);
        let data = beside(&engine, problem, &settings, &new);
        let mut trainer = start_run(&engine, "lora", &settings, &data, &data.select(&[0]));
        let (mut seen, mut of_epoch) = (BTreeSet::new(), BTreeSet::new());
        while !trainer.is_done() {
            if let [Share::Learn { rows, .. }] = &trainer.plan(1)[..] {
                let is_new = |row: &&usize| data.origin(**row) == Origin::New;
                assert_eq!(rows.len(), 8);
                assert_eq!(rows.iter().filter(is_new).count(), 4, "{rows:?}");
                seen.extend(rows.iter().copied());
                of_epoch.extend(rows.iter().filter(is_new).copied());
            }
            if let Event::Eval { .. } = trainer.step().unwrap() {
                assert_eq!(of_epoch.len(), new_rows, "each new row in each epoch");
                of_epoch.clear();
            }
        }
        assert_eq!(seen.len(), data.len(), "{new_rows} new rows");
    }
}

// ---- distillation

/// The loss and the gradient of some rows at the start of a run.
fn first_step(
    engine: &Engine,
    settings: &Settings,
    data: &Dataset,
    rows: &[usize],
    weight: f64,
) -> (f64, Vec<f32>) {
    let backbone = Arc::clone(engine.backbone());
    let preset = preset("lora").unwrap();
    let mut learner = Learner::new(backbone, preset, settings, data.clone(), data.clone()).unwrap();
    let share = Share::Learn {
        step: 0,
        rows: rows.to_vec(),
        weight,
    };
    match learner.compute(&share).unwrap() {
        Computed::Learnt(lesson) => (lesson.loss, lesson.gradient),
        other => panic!("{other:?}"),
    }
}

/// Before the first step the head says what the teacher says: texts without labels pull nowhere, and rows with one only by
/// their label.
#[test]
fn the_teacher_is_the_adapter_that_the_run_starts_from() {
    let engine = engine();
    for problem in PROBLEMS {
        let start = trained(&engine, problem, "lora");
        let settings = Settings {
            head_dropout: None,
            ..settings(&start)
        };
        let data = beside(&engine, problem, &settings, &labelled::rows(problem, 9, 4));
        let texts = data.of_origin(Origin::Unlabelled);
        if !texts.is_empty() {
            let (loss, gradient) = first_step(&engine, &settings, &data, &texts, 7.0);
            assert!(loss.abs() < 1e-6, "{problem:?}: {loss}");
            let largest = gradient.iter().fold(0f32, |most, x| most.max(x.abs()));
            assert!(largest < 1e-4, "{problem:?}: {largest}");
        }
    }
}

/// A run that only has texts without labels beside one new row moves less, the more distillation weighs.
#[test]
fn distillation_keeps_the_answers() {
    let engine = engine();
    let problem = SINGLE_LABEL;
    let start = trained(&engine, problem, "lora");
    let texts: Vec<Text> = { labelled::rows(problem, 30, 8).into_iter() }
        .map(|row| row.text)
        .collect();
    // what the adapter says is "good" is called "odd"
    let wrong = [row(labelled::rows(problem, 2, 4)[1].text.clone(), "odd")];
    let answers = |task: &TaskAdapter| -> Vec<Vec<f32>> {
        let answers = engine.answer(task, &texts, "it").unwrap();
        answers
            .iter()
            .map(|answer| answer.scores().to_vec())
            .collect()
    };
    let before = answers(&start.task);
    let moved = |distillation: f64| {
        let mut settings = Settings {
            distillation: Some(distillation),
            head_dropout: None,
            epochs: Some(10),
            ..settings(&start)
        };
        let scheme = settings
            .scheme("rows", &wrong, &[], &reading(problem))
            .unwrap();
        let data = Dataset::with_scheme("rows", &wrong, engine.tokenizer(), &scheme).unwrap();
        let (data, dev) = settings.split(data).unwrap();
        let data = match distillation > 0.0 {
            true => data
                .beside(&Dataset::of_texts("texts", &texts, engine.tokenizer(), &scheme).unwrap()),
            false => data,
        };
        let mut trainer = start_run(&engine, "lora", &settings, &data, &dev);
        run(&mut trainer);
        let after = answers(&trainer.finish().unwrap());
        let pairs = before.iter().flatten().zip(after.iter().flatten());
        pairs.map(|(a, b)| (a - b).abs()).sum::<f32>() / texts.len() as f32
    };
    let (free, held) = (moved(0.0), moved(4.0));
    assert!(held < 0.7 * free, "{free} {held}");
}

// ---- labels

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
        let data = Dataset::with_scheme("rows", &[new], engine.tokenizer(), &scheme).unwrap();
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

// ---- corrections

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
        let text = labelled::rows(problem, 2, 4)[1].text.clone();
        let label = if problem == SINGLE_LABEL {
            "odd"
        } else {
            "act"
        };
        let wrong = [row(text.clone(), label)];
        let scheme = settings
            .scheme("rows", &wrong, &[], &reading(problem))
            .unwrap();
        let data = Dataset::with_scheme("rows", &wrong, engine.tokenizer(), &scheme).unwrap();
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
        let answers = engine.answer(&task, &[text], "it").unwrap();
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
        let data = Dataset::with_scheme("rows", &rows, engine.tokenizer(), &scheme).unwrap();
        let (train, dev) = asked.split(data).unwrap();
        assert_eq!((train.len() + dev.len(), dev.is_learnt()), (20, false));
    }
}

// ---- what does not go together

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
