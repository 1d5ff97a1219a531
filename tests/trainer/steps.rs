//! Single steps, and what they leave unchanged.

use rand::SeedableRng;
use rand::prelude::IndexedRandom;
use std::collections::BTreeSet;

use graftlet::adapter::{FreshParams, GivenParams, Parameter, preset};
use graftlet::folder::{self, Files};
use graftlet::head::{Head, HeadConfig, Pairs, Pooling, SINGLE_LABEL};
use graftlet::input::Batch;
use graftlet::model::Dtype;
use graftlet::ops::cross_entropy;
use graftlet::train::{AdamW, Decay, Event, Row, Schedule, Settings, clip_norm};
use rand_chacha::ChaCha8Rng;

use super::tiny::{Tiny, WORDS};
use super::{
    dataset, kinds, label_of, opinions, row, run, settings, support, tiny_int8, trained, trainer,
};

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
            pairs: Pairs::Joint,
            pooling,
            dense: None,
            labels,
        };
        let head = Head::build(head, backbone.shape(), &mut params).unwrap();
        let head_config = head.config().clone();
        let mut parameters = [adapter.parameters(), head.parameters()].concat();
        let mut optimizer = AdamW::new(&parameters, resolved.weight_decay, 1.0);
        let warmup = (EPOCHS as f64 * resolved.warmup).round() as usize;
        let schedule = Schedule {
            peak: resolved.learning_rate,
            warmup,
            steps: EPOCHS,
            decay: Decay::Linear,
        };
        let sequences: Vec<_> = (0..data.len())
            .flat_map(|row| data.sequences(row))
            .collect();
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
