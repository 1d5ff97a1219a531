//! What every kind of adapter must do, over the whole table of kinds, all presets and the variants in
//! `support/rows.rs`: a kind without a row there fails.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::float_cmp
)]

use rand::SeedableRng;
use rand::prelude::IndexedRandom;
mod saved;

#[path = "../support/bottlenecks.rs"]
mod bottlenecks;

#[path = "../support/differences.rs"]
mod differences;

#[path = "../support/reference.rs"]
mod reference;

#[path = "../support/rows.rs"]
mod rows;

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/tiny.rs"]
mod tiny;

use std::collections::BTreeSet;

use differences::{Case, LAYERS, check_model_with};
use graftlet::adapter::{FreshParams, GivenParams, KINDS, Options, Parameter, presets};
use graftlet::engine::{Engine, argmax};
use graftlet::folder::TaskAdapter;
use graftlet::head::{Head, HeadConfig, Pairs, Pooling, SINGLE_LABEL};
use graftlet::input::Batch;
use graftlet::input::text::Text;
use graftlet::model::{Backbone, Dtype, Hook, NoHook};
use graftlet::ops::{Activation, cross_entropy};
use graftlet::tensor::Tensor;
use graftlet::train::{AdamW, clip_norm};
use rand_chacha::ChaCha8Rng;
use rows::{Row, rows};
use tiny::{Tiny, WORDS};

const DTYPES: [Dtype; 2] = [Dtype::F32, Dtype::Int8];

fn tiny() -> Tiny {
    Tiny::new(LAYERS, 32, 7)
}

fn texts() -> Vec<Text> {
    vec![
        "the film is lovely".into(),
        ".".into(),
        "bad good unknownword , one two three cat".into(),
        Text::pair("the cat sleeps", "a dog sings very fine here"),
    ]
}

fn batch(engine: &Engine, texts: &[Text]) -> Batch {
    Batch::new(&engine.tokenizer().unwrap().encode_all(texts).unwrap())
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

fn state_bits(engine: &Engine, hook: &dyn Hook) -> Vec<u32> {
    let states = engine.backbone().forward(&batch(engine, &texts()), hook);
    bits(states.unwrap().x.data())
}

fn answer_bits(engine: &Engine, name: &str) -> Vec<Vec<u32>> {
    let answers = engine.classify_with(name, &texts()).unwrap();
    answers.iter().map(|answer| bits(&answer.logits)).collect()
}

fn head_config() -> HeadConfig {
    HeadConfig {
        problem: SINGLE_LABEL.fresh(),
        pairs: Pairs::Joint,
        pooling: Pooling::Mean,
        dense: None,
        labels: ["x", "y", "z"].map(String::from).to_vec(),
    }
}

fn moved(row: &Row, engine: &Engine, seed: u64) -> TaskAdapter {
    rows::moved(row, head_config(), engine.backbone().shape(), seed)
}

fn states(engine: &Engine, hook: &dyn Hook) -> Tensor {
    let states = engine.backbone().forward(&batch(engine, &texts()), hook);
    states.unwrap().x
}

#[test]
fn every_kind_has_rows() {
    let engine = tiny().engine(Dtype::F32);
    let rows = rows(engine.backbone().shape());
    for kind in KINDS {
        let of_kind = || {
            rows.iter()
                .filter(|row| row.config.kind().name == kind.name)
        };
        let name = kind.name;
        for preset in kind.presets {
            let preset = format!("preset {}", preset.name);
            assert!(of_kind().any(|row| row.name == preset), "{name}");
        }
        // it has no parameters
        if name != "none" {
            assert!(
                of_kind().any(|row| row.reference.is_some()),
                "{name}: no gradient is checked"
            );
        }
        // these act on the embeddings, everywhere, or nowhere
        if !["prompt", "bitfit", "none"].contains(&name) {
            assert!(
                of_kind().any(|row| row.lowest > Some(0)),
                "{name}: no row leaves out a layer"
            );
        }
        if ["lora", "ia3", "bottleneck"].contains(&name) {
            let scaled = |row: &Row| row.reference.as_ref().is_some_and(|r| r.scale != 1.0);
            assert!(of_kind().any(scaled), "{name}: no scale but 1");
        }
    }
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names.len(), rows.len(), "two rows have one name");
}

#[test]
fn a_fresh_adapter_is_none_where_it_promises_it() {
    for dtype in DTYPES {
        let engine = tiny().engine(dtype);
        let shape = engine.backbone().shape();
        let bare = state_bits(&engine, &NoHook);
        for row in rows(shape) {
            let adapter = row.config.build(shape, &mut FreshParams::new(3)).unwrap();
            let is_none = state_bits(&engine, &*adapter) == bare;
            assert_eq!(is_none, row.fresh_is_none, "{}, {dtype:?}", row.name);
        }
    }
}

#[test]
fn switching_back_gives_the_same_bits() {
    for dtype in DTYPES {
        let mut engine = tiny().engine(dtype);
        let (hash, bare) = (engine.backbone().hash(), state_bits(&engine, &NoHook));
        let rows = rows(engine.backbone().shape());
        for (index, row) in rows.iter().enumerate() {
            let other = &rows[(index + 1) % rows.len()];
            let (a, b) = (moved(row, &engine, 4), moved(other, &engine, 5));
            engine.insert("a", a);
            engine.insert("b", b);
            let mut answers = |name: &str| {
                engine.activate(Some(name)).unwrap();
                let vectors = engine.embed(&texts()).unwrap().concat();
                (answer_bits(&engine, name), bits(&vectors))
            };
            let (a, b) = (answers("a"), answers("b"));
            let what = format!("{}, {dtype:?}", row.name);
            assert_ne!(a, b, "{what}");
            assert_eq!(answers("a"), a, "{what}");
            assert_eq!(answers("b"), b, "{what}");
        }
        engine.activate(Some("a")).unwrap();
        engine.remove("a").unwrap();
        assert_eq!(engine.active(), None);
        assert_eq!(state_bits(&engine, &NoHook), bare, "{dtype:?}");
        assert_eq!(engine.backbone().hash(), hash, "{dtype:?}");
    }
}

#[test]
fn every_gradient() {
    let poolings = [
        Pooling::Mean,
        Pooling::First,
        Pooling::Pooler,
        Pooling::Others,
        Pooling::FirstAndOthers,
    ];
    let shape = tiny().bert().shape().clone();
    let rows = rows(&shape).into_iter();
    let checked = rows.filter_map(|mut row| Some((row.reference.take()?, row)));
    for (index, (reference, row)) in checked.enumerate() {
        let case = Case {
            config: row.config,
            scale: reference.scale,
            bottleneck: reference.bottleneck,
        };
        let dense = (index % 2 == 1).then_some(Activation::Tanh);
        let pooling = match row.at_pooler {
            true => Pooling::Pooler,
            false => poolings[index % poolings.len()],
        };
        check_model_with(&row.name, case, pooling, dense, reference.adjust);
    }
}

/// Labels that nothing explains but the row itself.
fn sixteen() -> (Vec<Text>, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let mut text = |_| {
        let words: Vec<&str> = WORDS.choose_multiple(&mut rng, 4).copied().collect();
        words.join(" ").as_str().into()
    };
    (
        (0..16).map(&mut text).collect(),
        (0..16).map(|row| row % 3).collect(),
    )
}

#[test]
fn sixteen_rows_are_learnt_by_heart_and_the_backbone_stays() {
    for dtype in DTYPES {
        let engine = tiny().engine(dtype);
        let (backbone, hash) = (&**engine.backbone(), engine.backbone().hash());
        let (texts, labels) = sixteen();
        let batch = batch(&engine, &texts);
        for row in rows(backbone.shape()) {
            let passes = passes_to_learn(&row, backbone, &batch, &labels);
            println!("{}, {dtype:?}: {passes:?} passes", row.name);
            assert!(passes.is_some(), "{}, {dtype:?}", row.name);
            assert_eq!(backbone.hash(), hash, "{}, {dtype:?}", row.name);
        }
    }
}

/// Passes until every row is right, with adapter and head trained together.
fn passes_to_learn(
    row: &Row,
    backbone: &dyn Backbone,
    batch: &Batch,
    labels: &[usize],
) -> Option<usize> {
    let config = &row.config;
    let mut head_config = head_config();
    let mut shape = backbone.shape().clone();
    match row.at_pooler {
        true => head_config.pooling = Pooling::Pooler,
        false => shape.pooler = false,
    }
    let (shape, head_config) = (&shape, || head_config.clone());
    let mut params = FreshParams::new(5);
    let adapter = config.build(shape, &mut params).unwrap();
    let head = Head::build(head_config(), shape, &mut params).unwrap();
    let mut parameters: Vec<Parameter> = [adapter.parameters(), head.parameters()].concat();
    drop((adapter, head));
    let mut optimizer = AdamW::new(&parameters, 0.0, 1.0);
    for pass in 0..400 {
        let mut params = GivenParams(&parameters);
        let adapter = config.build(shape, &mut params).unwrap();
        let head = Head::build(head_config(), shape, &mut params).unwrap();
        let logits = head.logits(
            backbone,
            &*adapter,
            &backbone.forward(batch, &*adapter).unwrap(),
        );
        if logits.rows().map(argmax).eq(labels.iter().copied()) {
            return Some(pass);
        }
        let store = cross_entropy(&logits, labels).backward();
        let gradient = |parameter: &Parameter| store.get(&parameter.tensor).unwrap().to_vec();
        let mut gradients: Vec<f32> = parameters.iter().flat_map(gradient).collect();
        drop((adapter, head, store));
        clip_norm(&mut gradients, 1.0);
        optimizer.step(&mut parameters, &gradients, 1e-2);
    }
    None
}

#[test]
fn a_sequence_has_the_same_bits_alone_and_in_a_batch() {
    for dtype in DTYPES {
        let engine = tiny().engine(dtype);
        for row in rows(engine.backbone().shape()) {
            let adapter = moved(&row, &engine, 6).adapter;
            let together = state_bits(&engine, &*adapter);
            let texts = texts();
            let alone = texts.iter().flat_map(|text| {
                let batch = batch(&engine, std::slice::from_ref(text));
                let states = engine.backbone().forward(&batch, &*adapter).unwrap();
                bits(states.x.data())
            });
            assert!(alone.eq(together), "{}, {dtype:?}", row.name);
        }
    }
}

#[test]
fn states_below_the_lowest_layer_are_the_bare_ones() {
    let engine = tiny().engine(Dtype::Int8);
    let (backbone, batch) = (engine.backbone(), batch(&engine, &texts()));
    for row in rows(backbone.shape()) {
        let adapter = moved(&row, &engine, 6).adapter;
        assert_eq!(adapter.lowest_layer(), row.lowest, "{}", row.name);
        if let Some(lowest @ 1..) = row.lowest {
            let below = |hook: &dyn Hook| {
                let states = backbone.embed(&batch, hook).unwrap();
                bits(backbone.run(states, 0..lowest, hook).x.data())
            };
            assert_eq!(below(&*adapter), below(&NoHook), "{}", row.name);
        }
        let changes = state_bits(&engine, &*adapter) != state_bits(&engine, &NoHook);
        assert_eq!(changes, row.lowest.is_some(), "{}", row.name);
    }
}

/// Of the kinds that are in layers; the others refuse the choice, and a head alone has nothing that it could be about.
#[test]
fn a_preset_is_in_the_layers_that_were_chosen() {
    let engine = tiny().engine(Dtype::Int8);
    let shape = engine.backbone().shape();
    let options = Options {
        layers: Some(vec![1]),
        reduction_factor: Some(4),
        ..Options::default()
    };
    for preset in presets() {
        let config = (preset.config)(&options, shape);
        if ["prompt", "bitfit"].contains(&preset.name) {
            let Err(error) = config else {
                panic!("{} takes a choice of layers", preset.name)
            };
            assert_eq!(error.code(), "option_invalid", "{}", preset.name);
            continue;
        }
        let config = config.unwrap();
        let adapter = config.build(shape, &mut FreshParams::new(1)).unwrap();
        let (layers, lowest) = match preset.name {
            "head" => (vec![], None),
            _ => (vec![1], Some(1)),
        };
        assert_eq!(config.describe(shape).layers, layers, "{}", preset.name);
        assert_eq!(adapter.lowest_layer(), lowest, "{}", preset.name);
    }
}
