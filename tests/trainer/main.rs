//! Training from outside: what it leaves alone, what it repeats, what it learns, and what it hands over.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod support;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeSet;
use std::sync::Arc;

use graftlet::adapter::{FreshParams, GivenParams, Options};
use graftlet::adapter::{Parameter, Site, preset, presets};
use graftlet::engine::{Answer, Engine};
use graftlet::folder::TaskAdapter;
use graftlet::folder::{self, Files, Library};
use graftlet::head::{Head, HeadConfig, Metric, Pooling, SINGLE_LABEL};
use graftlet::input::text::{Batch, Text};
use graftlet::model::{Dtype, Linear, LinearSite};
use graftlet::ops::cross_entropy;
use graftlet::ops::row_loss;
use graftlet::tensor_file::{FloatType, TensorFile};
use graftlet::train::{AdamW, Dataset, Decay, Event, Row, Schedule, Settings, Trainer, clip_norm};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tiny::{Tiny, WORDS};

fn kinds() -> impl Iterator<Item = &'static str> {
    presets().map(|preset| preset.name)
}

fn row(text: &str, label: &str) -> Row {
    Row {
        text: text.into(),
        label: Some(label.to_owned()),
    }
}

/// Sentences that are "good" or "bad" by one word of theirs.
fn opinions(count: usize, seed: u64) -> Vec<Row> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let sides = [
        ("good", ["good", "great", "lovely"]),
        ("bad", ["bad", "awful", "dull"]),
    ];
    (0..count)
        .map(|index| {
            let (label, words) = &sides[index % 2];
            let noun = ["film", "book", "song", "meal"].choose(&mut rng).unwrap();
            let word = words.choose(&mut rng).unwrap();
            row(
                &format!(
                    "the {noun} is {word} {}",
                    if rng.random() { "here" } else { "." }
                ),
                label,
            )
        })
        .collect()
}

/// Labels that nothing explains, so that a run has ups and downs.
fn noise(count: usize, seed: u64) -> Vec<Row> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count)
        .map(|index| {
            let words: Vec<&str> = WORDS.choose_multiple(&mut rng, 4).copied().collect();
            row(&words.join(" "), ["x", "y", "z"][index % 3])
        })
        .collect()
}

fn tiny_int8() -> Engine {
    Tiny::new(2, 32, 11).engine(Dtype::Int8)
}

fn dataset(engine: &Engine, rows: &[Row]) -> Dataset {
    Dataset::for_training("rows", rows, engine.tokenizer()).unwrap()
}

fn label_of(data: &Dataset, row: usize) -> usize {
    data.scheme().problem.class(data.target(row)).unwrap()
}

fn trainer(engine: &Engine, kind: &str, settings: Settings, train: &[Row], dev: &[Row]) -> Trainer {
    let (train, dev) = (dataset(engine, train), dataset(engine, dev));
    Trainer::new(
        Arc::clone(engine.backbone()),
        preset(kind).unwrap(),
        settings,
        train,
        dev,
    )
    .unwrap()
}

/// Runs to the end.
fn run(trainer: &mut Trainer) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        events.push(trainer.step().unwrap());
        if matches!(events.last(), Some(Event::Done { .. })) {
            return events;
        }
    }
}

fn settings(epochs: usize, batch_size: usize, learning_rate: f64) -> Settings {
    Settings {
        epochs: Some(epochs),
        batch_size: Some(batch_size),
        learning_rate: Some(learning_rate),
        seed: Some(5),
        adapter: Options {
            rank: None,
            reduction_factor: Some(4),
            ..Options::default()
        },
        ..Settings::default()
    }
}

fn trained(engine: &Engine, kind: &str, settings: Settings) -> TaskAdapter {
    let rows = opinions(24, 1);
    let mut trainer = trainer(engine, kind, settings, &rows, &rows);
    run(&mut trainer);
    trainer.finish().unwrap()
}

fn texts() -> Vec<Text> {
    let mut texts: Vec<Text> = opinions(7, 2).into_iter().map(|row| row.text).collect();
    texts.push("bad good unknownword".into());
    texts.push("the cat sleeps a dog sings very fine here".into());
    texts
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

fn answer_bits(answers: &[Answer]) -> Vec<Vec<u32>> {
    answers.iter().map(|answer| bits(&answer.logits)).collect()
}

// ---- the backbone

#[test]
fn twenty_steps_change_no_byte_of_the_backbone() {
    let engine = support::engine_int8().unwrap_or_else(tiny_int8);
    let before = engine.backbone().hash();
    for kind in kinds() {
        let rows = opinions(16, 3);
        let mut trainer = trainer(&engine, kind, settings(10, 8, 1e-2), &rows, &rows[..4]);
        let mut steps = 0;
        while steps < 20 {
            steps += usize::from(matches!(trainer.step().unwrap(), Event::Step { .. }));
        }
        assert_eq!(engine.backbone().hash(), before, "{kind}");
    }
}

/// Without this the test above would prove nothing.
#[test]
fn the_hash_sees_every_tensor() {
    for dtype in [Dtype::F32, Dtype::Int8] {
        let tiny = Tiny::new(1, 8, 11);
        let mut hashes = BTreeSet::from([tiny.engine(dtype).backbone().hash()]);
        for index in 0..tiny.tensors.len() {
            let mut changed = Tiny::new(1, 8, 11);
            *changed.tensors[index].2.last_mut().unwrap() += 0.25;
            let fresh = hashes.insert(changed.engine(dtype).backbone().hash());
            assert!(
                fresh,
                "{dtype:?}: a change of {} is not seen",
                tiny.tensors[index].0
            );
        }
    }
}

// ---- the run

#[test]
fn events_come_in_order_and_add_up() {
    let engine = tiny_int8();
    // 19 rows in steps of 8: two full ones and a rest; the dev rows take more than one call
    let (rows, dev) = (opinions(19, 4), opinions(400, 5));
    let mut settings = settings(3, 8, 1e-2);
    settings.warmup = Some(0.25);
    let mut trainer = trainer(&engine, "lora", settings, &rows, &dev);
    assert_eq!(trainer.steps(), 9);
    let schedule = Schedule {
        peak: 1e-2,
        warmup: 2,
        steps: 9,
        decay: Decay::Linear,
    };
    let events = run(&mut trainer);
    let mut events = events.into_iter().peekable();
    let mut taken = 0;
    for round in 1..=3 {
        for _ in 0..3 {
            let Some(Event::Step {
                step,
                steps,
                epoch,
                epochs,
                loss,
                learning_rate,
            }) = events.next()
            else {
                panic!("epoch {round}: a step was expected")
            };
            assert!((learning_rate - schedule.rate(taken)).abs() < 1e-12);
            taken += 1;
            assert_eq!((step, steps, epoch, epochs), (taken, 9, round, 3));
            assert!(loss.is_finite() && loss > 0.0);
        }
        let mut seen = 0;
        while let Some(Event::Evaluating {
            done,
            total,
            step,
            steps,
        }) = events.next_if(|event| matches!(event, Event::Evaluating { .. }))
        {
            assert!(done > seen && done < total);
            assert_eq!((total, step, steps), (400, taken, 9));
            seen = done;
        }
        assert!(seen > 0, "400 rows are more than one call");
        let Some(Event::Eval {
            epoch,
            epochs,
            metric,
            score,
            best,
            step,
            steps,
            ..
        }) = events.next()
        else {
            panic!("epoch {round}: its score was expected")
        };
        assert_eq!(
            (epoch, epochs, metric, step, steps),
            (round, 3, "accuracy", taken, 9)
        );
        assert!((0.0..=1.0).contains(&score));
        assert!(best || round > 1, "the first is the best so far");
    }
    let Some(Event::Done {
        epochs,
        steps,
        train_rows,
        dev_rows,
        parameters,
        ..
    }) = events.next()
    else {
        panic!("the end was expected")
    };
    assert_eq!((epochs, steps, train_rows, dev_rows), (3, 9, 19, 400));
    assert_eq!(events.next(), None);
    // query and value of two layers, rank 8, hidden size 16; head of two labels
    assert_eq!(parameters, 2 * 2 * (8 * 16 + 16 * 8) + 2 * 16 + 2);
    // asked again, a finished run says so again
    assert!(matches!(
        trainer.step().unwrap(),
        Event::Done { steps: 9, .. }
    ));
    assert_eq!(trainer.finish().unwrap().parameters(), parameters);
}

#[test]
fn the_seed_is_all_the_luck_there_is() {
    let engine = tiny_int8();
    let shape = engine.backbone().shape();
    for kind in kinds() {
        let library = preset(kind).unwrap().library;
        let files = |seed: u64| -> Files {
            let settings = Settings {
                seed: Some(seed),
                ..settings(2, 8, 1e-2)
            };
            folder::save(&trained(&engine, kind, settings), "same", library, shape).unwrap()
        };
        let first = files(1);
        assert!(first == files(1), "{kind}: the same seed gave other files");
        let weights = |files: &Files| -> Vec<Vec<u8>> {
            let of_tensors = files
                .iter()
                .filter(|(name, _)| name.ends_with(".safetensors"));
            of_tensors.map(|(_, bytes)| bytes.clone()).collect()
        };
        assert!(
            weights(&first) != weights(&files(2)),
            "{kind}: another seed gave the same weights"
        );
    }
}

#[test]
fn sixteen_rows_are_learnt_by_heart() {
    let mut engine = support::engine_int8().unwrap_or_else(tiny_int8);
    // what a label hangs on is nothing but the row itself
    let rows: Vec<Row> = noise(48, 8).into_iter().take(16).collect();
    for kind in kinds() {
        let mut trainer = trainer(&engine, kind, settings(60, 16, 3e-3), &rows, &rows);
        let (mut best, mut passes) = (0f64, 0);
        while best < 1.0 {
            match trainer.step().unwrap() {
                Event::Eval { score, epoch, .. } => (best, passes) = (best.max(score), epoch),
                Event::Done { .. } => panic!("{kind}: {best} of the rows after {passes} passes"),
                _ => {}
            }
        }
        println!("{kind}: sixteen rows by heart after {passes} passes");
        let task = trainer.finish().unwrap();
        engine.insert(kind, task);
        let texts: Vec<Text> = rows.iter().map(|row| row.text.clone()).collect();
        let task = engine.get(kind).unwrap();
        for (answer, row) in engine
            .classify_with(kind, &texts)
            .unwrap()
            .iter()
            .zip(&rows)
        {
            assert_eq!(
                Some(&task.card.labels[answer.label().unwrap().0]),
                row.label.as_ref(),
                "{kind}"
            );
        }
    }
}

/// Rows that are too long together for one backward pass are learnt from in parts; the step is that of the whole.
#[test]
fn a_step_in_parts_is_the_step_of_the_whole() {
    const EPOCHS: usize = 4;
    let engine = Tiny::new(2, 512, 11).engine(Dtype::F32);
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let lengths = [500, 40, 30, 480, 20, 300, 10, 200, 5, 5];
    let rows: Vec<Row> = lengths
        .iter()
        .enumerate()
        .map(|(index, &length)| {
            let words: Vec<&str> = (0..length)
                .map(|_| *WORDS.choose(&mut rng).unwrap())
                .collect();
            row(&words.join(" "), ["x", "y"][index % 2])
        })
        .collect();
    for kind in kinds() {
        let settings = settings(EPOCHS, rows.len(), 1e-2);
        let mut trainer = trainer(&engine, kind, settings.clone(), &rows, &rows);
        let resolved = trainer.resolved().clone();
        let data = dataset(&engine, &rows);
        assert!((0..data.len()).map(|row| data.length(row)).sum::<usize>() > 1024);
        let losses: Vec<f64> = run(&mut trainer)
            .into_iter()
            .filter_map(|event| match event {
                Event::Step { loss, .. } => Some(loss),
                _ => None,
            })
            .collect();
        assert_eq!(losses.len(), EPOCHS, "one step an epoch");

        // the same in one piece
        let backbone = &**engine.backbone();
        let mut params = FreshParams::new(resolved.seed);
        let config = (preset(kind).unwrap().config)(&settings.adapter, backbone.shape()).unwrap();
        let mut shape = backbone.shape().clone();
        shape.pooler = resolved.pooling == Pooling::Pooler;
        let adapter = config.build(&shape, &mut params).unwrap();
        let (pooling, labels) = (resolved.pooling, data.labels().to_vec());
        let head = HeadConfig {
            problem: SINGLE_LABEL.fresh(),
            pooling,
            dense: None,
            labels,
        };
        let head = Head::build(head, backbone.shape(), &mut params).unwrap();
        let head_config = head.config().clone();
        let mut parameters = [adapter.parameters(), head.parameters()].concat();
        let mut optimizer = AdamW::new(&parameters, resolved.weight_decay);
        let warmup = (EPOCHS as f64 * resolved.warmup).round() as usize;
        let schedule = Schedule {
            peak: resolved.learning_rate,
            warmup,
            steps: EPOCHS,
            decay: Decay::Linear,
        };
        let sequences: Vec<_> = (0..data.len()).flat_map(|row| data.tokens(row)).collect();
        let batch = Batch::new(&sequences);
        let labels: Vec<usize> = (0..data.len()).map(|row| label_of(&data, row)).collect();
        let mut largest = 0f64;
        for (step, found) in losses.iter().enumerate() {
            let mut params = GivenParams(&parameters);
            let adapter = config.build(backbone.shape(), &mut params).unwrap();
            let head = Head::build(head_config.clone(), backbone.shape(), &mut params).unwrap();
            let states = backbone.forward(&batch, &*adapter).unwrap();
            let loss = cross_entropy(&head.logits(backbone, &*adapter, &states), &labels);
            let difference = (f64::from(loss.data()[0]) - found).abs();
            let store = loss.backward();
            let gradient = |p: &Parameter| store.get(&p.tensor).unwrap().to_vec();
            let mut gradients: Vec<f32> = parameters.iter().flat_map(gradient).collect();
            clip_norm(&mut gradients, 1.0);
            optimizer.step(&mut parameters, &gradients, schedule.rate(step));
            assert!(
                difference < 1e-5,
                "{kind}, step {step}: the loss is off by {difference}"
            );
            largest = largest.max(difference);
        }
        assert!(losses[EPOCHS - 1] < losses[0], "{kind}: nothing was learnt");
        println!("{kind}: losses in parts within {largest:.1e} of those in one piece");
    }
}

#[test]
fn the_result_is_the_best_epoch() {
    let mut engine = tiny_int8();
    let (rows, dev) = (noise(24, 12), noise(30, 13));
    // fast enough to overshoot, so that the best epoch is not the last
    let mut trainer = trainer(&engine, "houlsby", settings(8, 6, 5e-2), &rows, &dev);
    let mut epochs = Vec::new();
    let mut done = None;
    for event in run(&mut trainer) {
        match event {
            Event::Eval {
                score, loss, best, ..
            } => epochs.push((score, loss, best)),
            Event::Done { score, .. } => done = Some(score),
            _ => {}
        }
    }
    // in rows that are answered right: the last epoch that is at most one short of the most so far
    let (mut best, mut most) = (0, 0);
    for (index, &(score, _, is_best)) in epochs.iter().enumerate() {
        let right = |score: f64| (score * dev.len() as f64).round() as usize;
        most = most.max(right(score));
        assert_eq!(is_best, right(score) + 1 >= most, "{epochs:?}");
        if is_best {
            best = index;
        }
    }
    let highest = (0..epochs.len()).max_by(|&a, &b| epochs[a].0.total_cmp(&epochs[b].0));
    assert!(
        best + 1 < epochs.len() && Some(best) != highest,
        "the last epoch or the highest is the best, this run shows nothing: {epochs:?}"
    );
    let best = epochs[best];
    assert_eq!(done, Some(best.0));

    let task = trainer.finish().unwrap();
    assert_eq!(task.card.dev_score, Some(best.0));
    engine.insert("best", task);
    let texts: Vec<Text> = dev.iter().map(|row| row.text.clone()).collect();
    let answers = engine.classify_with("best", &texts).unwrap();
    let labels = &engine.get("best").unwrap().card.labels;
    let (mut right, mut loss) = (0, 0.0);
    for (answer, row) in answers.iter().zip(&dev) {
        let truth = labels
            .iter()
            .position(|label| Some(label) == row.label.as_ref())
            .unwrap();
        right += usize::from(answer.label().unwrap().0 == truth);
        loss += row_loss(&answer.logits, truth, 1.0) / dev.len() as f64;
    }
    assert!((right as f64 / dev.len() as f64 - best.0).abs() < 1e-12);
    assert!(
        (loss - best.1).abs() < 1e-5,
        "loss {loss}, the best epoch's was {}",
        best.1
    );
}

#[test]
fn the_metric_chooses() {
    let engine = tiny_int8();
    let rows = opinions(16, 1);
    let with = |positive: &str| {
        let metric = Some(Metric::f1(positive));
        let settings = Settings {
            metric,
            ..settings(1, 8, 1e-2)
        };
        let (train, dev) = (dataset(&engine, &rows), dataset(&engine, &rows));
        let backbone = Arc::clone(engine.backbone());
        Trainer::new(backbone, preset("lora").unwrap(), settings, train, dev)
    };
    let mut trainer = with("bad").unwrap();
    let last = run(&mut trainer).pop();
    assert!(
        matches!(last, Some(Event::Done { metric: "f1", .. })),
        "{last:?}"
    );
    assert_eq!(
        with("ugly").err().map(|error| error.code()),
        Some("option_invalid")
    );
}

#[test]
fn a_split_is_stratified_and_repeatable() {
    let engine = tiny_int8();
    let rows: Vec<Row> = (0..50)
        .map(|index| {
            row(
                WORDS[index % WORDS.len()],
                if index < 3 { "rare" } else { "common" },
            )
        })
        .collect();
    let split = |seed: u64| dataset(&engine, &rows).split(0.2, seed);
    let (kept, held) = split(1);
    assert_eq!((kept.len(), held.len()), (40, 10));
    let of = |data: &Dataset, label: usize| {
        (0..data.len())
            .filter(|&row| label_of(data, row) == label)
            .count()
    };
    // common comes first in the alphabet: 47 and 3 rows, of which a fifth is 9 and 1
    assert_eq!((of(&held, 0), of(&held, 1)), (9, 1));
    assert_eq!(split(1).1, held);
    assert_ne!(split(2).1, held);
    // whatever the share, a class keeps a row to learn from and gives one to be judged on
    for share in [0.0, 1.0] {
        let (kept, held) = dataset(&engine, &rows).split(share, 1);
        for label in 0..2 {
            assert!(
                of(&kept, label) >= 1 && of(&held, label) >= 1,
                "share {share}"
            );
        }
    }
}

#[test]
fn the_last_rows_are_held_out_where_so_many_are_asked_for() {
    let engine = tiny_int8();
    let rows: Vec<Row> = (0..12)
        .map(|index| row(WORDS[index % WORDS.len()], ["a", "b"][index % 2]))
        .collect();
    let data = dataset(&engine, &rows);
    let split = |count| {
        let settings = Settings {
            dev_rows: Some(count),
            ..Settings::default()
        };
        settings.split(data.clone())
    };
    for count in [1, 5, 11] {
        let (kept, held) = split(count).unwrap();
        let numbers = |data: &Dataset| -> Vec<usize> {
            (0..data.len()).map(|row| data.number(row)).collect()
        };
        assert_eq!(numbers(&kept), (0..12 - count).collect::<Vec<_>>());
        assert_eq!(numbers(&held), (12 - count..12).collect::<Vec<_>>());
    }
    for count in [0, 12] {
        let error = split(count).unwrap_err();
        assert_eq!(error.code(), "option_invalid");
        let sentence = error.to_string();
        assert!(
            sentence.contains(&format!("dev_rows is {count}")),
            "{sentence}"
        );
        assert!(sentence.contains("between 1 and 11"), "{sentence}");
    }
}

// ---- the pooler

/// Below it nothing changes, so the states are computed once, and what is learnt is the pooler's.
#[test]
fn the_pooler_alone_can_be_trained() {
    let mut engine = tiny_int8();
    for kind in ["lora", "dora", "ia3"] {
        let at_pooler = |pooling| Settings {
            pooling: Some(pooling),
            adapter: Options {
                targets: Some(vec![Linear::Pooler]),
                dropout: (kind != "ia3").then_some(0.1),
                ..Options::default()
            },
            ..settings(8, 8, 2e-2)
        };
        let task = trained(&engine, kind, at_pooler(Pooling::Pooler));
        assert_eq!(task.adapter.lowest_layer(), None, "{kind}");
        let site = Site::Linear(LinearSite::POOLER);
        let parameters = task.adapter.parameters();
        assert!(parameters.iter().all(|p| p.name.site == site), "{kind}");
        // what begins as zeros or ones has moved
        let last = parameters.last().unwrap().tensor.data();
        assert!(
            last.iter().all(|&x| x.abs() > 0.0 && (x - 1.0).abs() > 0.0),
            "{kind}"
        );
        engine.insert(kind, task);
        let (answers, files) = (
            engine.classify_with(kind, &texts()).unwrap(),
            engine.export(kind, Library::Peft).unwrap(),
        );
        engine.add("again", &files).unwrap();
        let again = engine.classify_with("again", &texts()).unwrap();
        assert_eq!(answer_bits(&again), answer_bits(&answers), "{kind}");
        // a head that does not read it would leave it as it was
        let rows = opinions(8, 3);
        let (train, dev) = (dataset(&engine, &rows), dataset(&engine, &rows));
        let error = Trainer::new(
            Arc::clone(engine.backbone()),
            preset(kind).unwrap(),
            at_pooler(Pooling::Mean),
            train,
            dev,
        )
        .err()
        .unwrap();
        assert_eq!(error.code(), "option_invalid", "{kind}");
        assert!(
            error.to_string().contains("does not read the pooler"),
            "{error}"
        );
    }
}

/// All biases are the pooler's too, if the head reads it.
#[test]
fn the_poolers_bias_is_trained_where_it_is_read() {
    let engine = tiny_int8();
    for (pooling, trains) in [(Pooling::Pooler, true), (Pooling::Mean, false)] {
        let settings = Settings {
            pooling: Some(pooling),
            ..settings(2, 8, 1e-2)
        };
        let task = trained(&engine, "bitfit", settings);
        let site = Site::Linear(LinearSite::POOLER);
        let found = task
            .adapter
            .parameters()
            .iter()
            .any(|p| p.name.site == site);
        assert_eq!(found, trains, "{pooling:?}");
    }
}

// ---- the result

#[test]
fn saved_and_loaded_again_the_answers_are_the_same_bits() {
    let mut engine = tiny_int8();
    let texts = texts();
    for kind in kinds() {
        for pooling in [Pooling::Mean, Pooling::First, Pooling::Pooler] {
            for half in [false, true] {
                let settings = Settings {
                    pooling: Some(pooling),
                    half: Some(half),
                    task: Some("opinions".into()),
                    ..settings(2, 8, 1e-2)
                };
                engine.insert("trained", trained(&engine, kind, settings));
                let answers = engine.classify_with("trained", &texts).unwrap();
                for library in [Library::Peft, Library::AdapterHub] {
                    let files = match engine.export("trained", library) {
                        Err(error) if library != preset(kind).unwrap().library => {
                            assert_eq!(error.code(), "adapter_format", "{kind}");
                            continue;
                        }
                        files => files.unwrap(),
                    };
                    let what = format!("{kind}, {pooling:?}, half {half}, {}", library.title());
                    check_floats(&files, half, &what);
                    let task = engine.add("again", &files).unwrap();
                    assert_eq!(task.library, library, "{what}");
                    assert_eq!(
                        task.head.as_ref().unwrap().config().pooling,
                        pooling,
                        "{what}"
                    );
                    // the card has learnt what stands beside it, and nothing else
                    let mut card = task.card.clone();
                    let named: BTreeSet<String> =
                        card.files.drain(..).map(|file| file.name).collect();
                    assert_eq!(named, files.keys().cloned().collect(), "{what}");
                    assert_eq!(card, engine.get("trained").unwrap().card, "{what}");
                    let again = engine.classify_with("again", &texts).unwrap();
                    assert_eq!(answer_bits(&again), answer_bits(&answers), "{what}");
                    // and once more, from what was read
                    assert!(
                        engine
                            .export("again", library)
                            .unwrap()
                            .contains_key(folder::CARD)
                    );
                    let files = engine.export("again", library).unwrap();
                    engine.add("third", &files).unwrap();
                    let third = engine.classify_with("third", &texts).unwrap();
                    assert_eq!(answer_bits(&third), answer_bits(&answers), "{what}, twice");
                }
            }
        }
    }
}

/// All tensors of a folder have the float type it was trained for.
fn check_floats(files: &Files, half: bool, what: &str) {
    for (name, bytes) in files
        .iter()
        .filter(|(name, _)| name.ends_with(".safetensors"))
    {
        let file = TensorFile::parse(name, bytes).unwrap();
        for tensor in file.names() {
            let dtype = format!("{:?}", file.info(tensor).unwrap().1);
            assert_eq!(
                dtype,
                if half { "F16" } else { "F32" },
                "{what}: {tensor} of {name}"
            );
        }
    }
}

#[test]
fn half_rounds_to_sixteen_bits() {
    let engine = tiny_int8();
    let tasks = [false, true].map(|half| {
        trained(
            &engine,
            "lora",
            Settings {
                half: Some(half),
                ..settings(2, 8, 1e-2)
            },
        )
    });
    assert_eq!(tasks[0].float, FloatType::F32);
    assert_eq!(tasks[1].float, FloatType::F16);
    let values = |task: &TaskAdapter| -> Vec<f32> {
        let head = task.head.as_ref().unwrap().parameters();
        let all = task.adapter.parameters().iter().chain(head);
        all.flat_map(|p| p.tensor.data().to_vec()).collect()
    };
    let (full, half) = (values(&tasks[0]), values(&tasks[1]));
    let rounded: Vec<f32> = full
        .iter()
        .map(|&x| half::f16::from_f32(x).to_f32())
        .collect();
    assert_ne!(bits(&full), bits(&rounded));
    assert_eq!(bits(&half), bits(&rounded));
}

/// What was trained is no variable any more: using it builds no graph.
#[test]
fn a_finished_adapter_is_not_tracked() {
    let engine = tiny_int8();
    let task = trained(&engine, "pfeiffer", settings(1, 8, 1e-2));
    let batch = Batch::new(&engine.tokenizer().encode_all(&texts()).unwrap());
    let states = engine.backbone().forward(&batch, &*task.adapter).unwrap();
    assert!(!states.x.is_tracked());
    let head = task.head.as_ref().unwrap();
    let logits = head.logits(&**engine.backbone(), &*task.adapter, &states);
    assert!(!logits.is_tracked());
}
