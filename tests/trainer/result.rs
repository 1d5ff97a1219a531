//! What a run gives.

use std::collections::BTreeSet;
use std::sync::Arc;

use graftlet::adapter::preset;
use graftlet::folder::{self, Files, Library, TaskAdapter};
use graftlet::head::{Metric, Pooling};
use graftlet::input::{Batch, Input};
use graftlet::ops::row_loss;
use graftlet::tensor_file::{FloatType, TensorFile};
use graftlet::train::{Event, Settings, Trainer};

use super::{
    answer_bits, bits, dataset, kinds, noise, opinions, run, settings, texts, tiny_int8, trained,
    trainer,
};

#[test]
fn the_result_is_the_best_epoch() {
    let mut engine = tiny_int8();
    let (rows, dev) = (noise(24, 18), noise(30, 19));
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
    let texts: Vec<Input> = dev.iter().map(|row| row.input.clone()).collect();
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
    let batch = Batch::new(&engine.tokenizer().unwrap().encode_all(&texts()).unwrap());
    let states = engine.backbone().forward(&batch, &*task.adapter).unwrap();
    assert!(!states.x.is_tracked());
    let head = task.head.as_ref().unwrap();
    let logits = head.logits(&**engine.backbone(), &*task.adapter, &states);
    assert!(!logits.is_tracked());
}
