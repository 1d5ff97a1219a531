//! Compositions: against the states that AdapterHub computes for the same ones, against the same thing done by hand, and
//! everything that is refused.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

use rand::SeedableRng;
mod averages;
mod fusions;
mod goldens;
mod places;
mod ranks;
mod refused;
mod rows;

#[path = "../support/places.rs"]
mod in_places;

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/tiny.rs"]
mod tiny;

use std::collections::BTreeMap;
use std::rc::Rc;

use goldens::composition;
use graftlet::adapter::{FreshParams, GivenParams, Options, Parameter, Site, preset, presets};
use graftlet::engine::{Answer, Engine};
use graftlet::folder::TaskAdapter;
use graftlet::head::{Head, HeadConfig, Pairs, Pooling, SINGLE_LABEL};
use graftlet::input::Sequence;
use graftlet::input::text::{Encoded, Text};
use graftlet::model::{Backbone, Dtype};
use graftlet::tensor::Tensor;
use graftlet::tensor_file::FloatType;
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use tiny::{Tiny, normals};

type Adapters = BTreeMap<String, Rc<TaskAdapter>>;

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

// ---- by hand

const LAYERS: usize = 3;

fn labels() -> Vec<String> {
    ["x", "y", "z"].map(String::from).to_vec()
}

fn head_config(pooling: Pooling) -> HeadConfig {
    HeadConfig {
        problem: SINGLE_LABEL.fresh(),
        pairs: Pairs::Joint,
        pooling,
        dense: None,
        labels: labels(),
    }
}

/// An adapter of a preset whose parameters are all of some size.
fn random(backbone: &dyn Backbone, kind: &str, options: &Options, seed: u64) -> TaskAdapter {
    let shape = backbone.shape();
    let config = (preset(kind).unwrap().config)(options, shape).unwrap();
    let mut fresh = FreshParams::new(seed);
    let mut adapter = config.build(shape, &mut fresh).unwrap();
    let mut config = config;
    if let Some((finished, _)) = adapter.finished() {
        config = finished;
        adapter = config.build(shape, &mut fresh).unwrap();
    }
    let head = Head::build(head_config(Pooling::Mean), shape, &mut fresh).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut moved = |parameters: &[Parameter]| -> Vec<Parameter> {
        let parameters = parameters.iter().map(|parameter| {
            let noise = normals(&mut rng, parameter.tensor.len());
            let values = parameter.tensor.data().iter().zip(noise);
            let values: Vec<f32> = values.map(|(x, noise)| x + 0.2 * noise).collect();
            Parameter {
                name: parameter.name,
                tensor: Tensor::new(values, parameter.tensor.shape()),
            }
        });
        parameters.collect()
    };
    let (own, of_head) = (moved(adapter.parameters()), moved(head.parameters()));
    let head = Head::build(
        head_config(Pooling::Mean),
        shape,
        &mut GivenParams(&of_head),
    )
    .unwrap();
    TaskAdapter {
        adapter: config.build(shape, &mut GivenParams(&own)).unwrap(),
        head: Some(head),
        card: graftlet::folder::Card {
            labels: labels(),
            ..graftlet::folder::Card::default()
        },
        library: preset(kind).unwrap().library,
        original: None,
        float: FloatType::F32,
        bytes: 0,
    }
}

fn options() -> Options {
    Options {
        rank: Some(3),
        virtual_tokens: Some(2),
        reduction_factor: Some(2),
        ..Options::default()
    }
}

/// An engine with an adapter of every preset, called as it, and a second called `preset-2`.
fn engine(dtype: Dtype) -> Engine {
    let mut engine = Tiny::new(LAYERS, 24, 3).engine(dtype);
    let backbone = engine.backbone().clone();
    for (index, preset) in presets().enumerate() {
        for copy in 0..2 {
            let mut options = options();
            // Compacter's factors must divide
            if preset.name.starts_with("compacter") {
                options.reduction_factor = Some(4);
            }
            let task = random(&*backbone, preset.name, &options, (index * 2 + copy) as u64);
            let name = if copy == 0 {
                preset.name.to_owned()
            } else {
                format!("{}-2", preset.name)
            };
            engine.insert(&name, task);
        }
    }
    // and one that changes the top layer only
    let top = Options {
        targets: None,
        ..options()
    };
    let shape = backbone.shape();
    let mut lora = random(&*backbone, "lora", &top, 99);
    let config = graftlet::adapter::LoraConfig {
        rank: 3,
        targets: [graftlet::model::LinearSite::new(
            LAYERS - 1,
            graftlet::model::Linear::Value,
        )]
        .into(),
        ..Default::default()
    };
    use graftlet::adapter::Config as _;
    let kept: Vec<_> = lora
        .adapter
        .parameters()
        .iter()
        .filter(|p| matches!(p.name.site, Site::Linear(site) if config.targets.contains(&site)))
        .cloned()
        .collect();
    lora.adapter = config.build(shape, &mut GivenParams(&kept)).unwrap();
    engine.insert("top", lora);
    engine
}

fn texts(count: usize) -> Vec<Text> {
    const TEXTS: [&str; 5] = [
        "the film is great",
        "a dull book was here .",
        "one cat sleeps",
        "red red green blue two three bird sings",
        "not very good",
    ];
    (0..count).map(|i| TEXTS[i % TEXTS.len()].into()).collect()
}

fn logits(answers: &[Answer]) -> Vec<Vec<u32>> {
    answers.iter().map(|answer| bits(&answer.logits)).collect()
}

fn sequences() -> Vec<Sequence> {
    let row = |ids: &[u32]| {
        Sequence::from(Encoded {
            ids: ids.to_vec(),
            type_ids: vec![0; ids.len()],
            truncated: false,
        })
    };
    vec![
        row(&[2, 7, 9, 3]),
        row(&[2, 12, 3]),
        row(&[2, 20, 21, 30, 8, 3]),
    ]
}

// ---- in use

#[test]
fn a_composition_can_be_in_use() {
    let mut engine = engine(Dtype::F32);
    let texts = texts(3);
    let stack = composition(&json!({ "stack": ["lora", "pfeiffer"] }));
    engine.activate_composition(stack.clone()).unwrap();
    assert_eq!(engine.in_use(), Some(&stack));
    assert_eq!(engine.active(), None, "it has no one name");
    let with = engine
        .classify_with_all(std::slice::from_ref(&stack), &texts)
        .unwrap();
    assert_eq!(engine.classify(&texts).unwrap(), with[0].answers);
    let vectors = engine.embed(&texts).unwrap();
    assert!(vectors.iter().all(|v| v.len() == tiny::HIDDEN));
    engine.activate(Some("pfeiffer")).unwrap();
    assert_ne!(engine.embed(&texts).unwrap(), vectors);
    let one = engine.embed(&texts).unwrap();
    engine.activate_composition("pfeiffer".into()).unwrap();
    assert_eq!(engine.active(), Some("pfeiffer"));
    assert_eq!(engine.embed(&texts).unwrap(), one);

    // whatever a composition names can no longer be in use once it is gone
    engine.activate_composition(stack.clone()).unwrap();
    engine.remove("top").unwrap();
    assert_eq!(engine.in_use(), Some(&stack));
    engine.remove("lora").unwrap();
    assert_eq!(engine.in_use(), None);
    let refused = engine.activate_composition(stack).unwrap_err();
    assert_eq!(refused.code(), "adapter_unknown");
    let bare = engine.embed(&texts).unwrap();
    assert_ne!(bare, one);

    let parallel = composition(&json!({ "parallel": ["houlsby", "pfeiffer"] }));
    engine.activate_composition(parallel).unwrap();
    for refused in [
        engine.classify(&texts).unwrap_err(),
        engine.embed(&texts).unwrap_err(),
    ] {
        assert_eq!(refused.code(), "composition_invalid");
    }
    let average = composition(&json!({ "average": ["houlsby", "houlsby-2"] }));
    engine.activate_composition(average).unwrap();
    assert!(engine.embed(&texts).is_ok());
    let refused = engine.classify(&texts).unwrap_err();
    assert_eq!(refused.code(), "head_missing");
    assert!(refused.to_string().contains("\"head\""), "{refused}");
}
