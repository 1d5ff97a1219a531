//! Compositions: against the states that AdapterHub computes for the same ones, against the same thing done by hand, and
//! everything that is refused.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod support;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeMap;
use std::rc::Rc;

use graftlet::adapter::{FreshParams, GivenParams, Options, Parameter, Site, preset, presets};
use graftlet::compose::fusion::{self, Fusion, FusionConfig, Switches};
use graftlet::compose::{
    BLOCKS, Block, Composition, MAX_DEPTH, NESTING, Plan, Unit, average, forward, svd,
};
use graftlet::engine::{Answer, Engine};
use graftlet::error::{Error, Result};
use graftlet::folder::{self, Library, Member, TaskAdapter};
use graftlet::head::{Head, HeadConfig, Pooling, SINGLE_LABEL};
use graftlet::input::text::{Batch, Encoded, Text};
use graftlet::model::{Anatomy, Backbone, Dtype, Encoder};
use graftlet::tensor::Tensor;
use graftlet::tensor_file::FloatType;
use graftlet::train::{Dataset, Event, Row, Settings, Trainer};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use support::{assert_close, fixture, folder};
use tiny::{Tiny, normals};

type Adapters = BTreeMap<String, Rc<TaskAdapter>>;

fn find<'a>(adapters: &'a Adapters) -> impl Fn(&str) -> Result<Rc<TaskAdapter>> + 'a {
    |name| {
        let unknown = || Error::AdapterUnknown {
            name: name.to_owned(),
            loaded: "others".into(),
        };
        adapters.get(name).cloned().ok_or_else(unknown)
    }
}

fn composition(json: &Value) -> Composition {
    let composition = Composition::from_json(json).unwrap();
    assert_eq!(
        Composition::from_json(&composition.to_json()).unwrap(),
        composition
    );
    composition
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

// ---- AdapterHub's own states

/// The random model and the adapters of `tests/python/compose_goldens.py`.
fn golden() -> (Encoder, Adapters, Value) {
    let root = fixture("goldens/compose-tiny");
    let read = |name: &str| std::fs::read(root.join(name)).unwrap();
    let mut config = Anatomy::from_json(&read("config.json")).unwrap();
    config.name = "tiny".into();
    let bert = Encoder::load(&config, &read("model.safetensors"), "tiny").unwrap();
    let mut adapters = Adapters::new();
    let mut fusions = Vec::new();
    for entry in std::fs::read_dir(&root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.join(folder::FUSION_CONFIG).exists() {
            fusions.push((name, path));
        } else if path.is_dir() {
            let task = folder::load(&name, &folder(&path), bert.shape()).unwrap();
            adapters.insert(name, Rc::new(task));
        }
    }
    for (name, path) in fusions {
        let task = fusion::load(&name, &folder(&path), &find(&adapters), bert.shape()).unwrap();
        adapters.insert(name, Rc::new(task));
    }
    let expected = serde_json::from_slice(&read("expected.json")).unwrap();
    (bert, adapters, expected)
}

fn sequences_of(expected: &Value) -> Vec<Encoded> {
    let rows: Vec<Vec<u32>> = serde_json::from_value(expected["ids"].clone()).unwrap();
    let rows = rows.into_iter().map(|ids| Encoded {
        type_ids: vec![0; ids.len()],
        ids,
        truncated: false,
    });
    rows.collect()
}

/// States of all rows, channel by channel, as the library has them.
fn states_of(backbone: &dyn Backbone, plan: &Plan, sequences: &[Encoded]) -> Vec<f32> {
    let mut found = vec![Vec::new(); plan.channels.len() * sequences.len()];
    plan.run(backbone, sequences, 1 << 20, &mut |places, _, states| {
        let width = states.x.dims2().1;
        for (&(channel, row), bounds) in places.iter().zip(states.starts.windows(2)) {
            let own = &states.x.data()[bounds[0] * width..bounds[1] * width];
            found[channel * sequences.len() + row] = own.to_vec();
        }
        Ok(())
    })
    .unwrap();
    found.concat()
}

#[test]
fn states_are_those_of_adapterhub() {
    let (bert, adapters, expected) = golden();
    let sequences = sequences_of(&expected);
    let cases = expected["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 36);
    let mut blocks = BTreeMap::new();
    let mut largest = 0f32;
    for case in cases {
        let states: Vec<f32> = serde_json::from_value(case["states"].clone()).unwrap();
        let plan = match &case["merged"] {
            Value::Null => {
                let composition = composition(&case["composition"]);
                *blocks.entry(composition.block().name()).or_insert(0) += 1;
                Plan::new(
                    &composition,
                    sequences.len(),
                    &find(&adapters),
                    bert.shape(),
                )
                .unwrap()
            }
            merged => {
                let Composition::Average(settings) = composition(merged) else {
                    panic!("{merged}")
                };
                let task = average(&settings, &find(&adapters), bert.shape()).unwrap();
                let own: Adapters = [("merged".to_owned(), Rc::new(task))].into();
                Plan::new(&"merged".into(), sequences.len(), &find(&own), bert.shape()).unwrap()
            }
        };
        let found = states_of(&bert, &plan, &sequences);
        // states are about 1; the model has 18 products in f32, the reference is f64
        largest = largest.max(assert_close(&found, &states, 2e-5, &case.to_string()[..80]));
    }
    println!("{blocks:?}: states within {largest:.1e}");
    assert_eq!(blocks.len(), 5, "every block is among the cases");
}

#[test]
fn a_fusion_is_written_as_it_was_read() {
    let (bert, adapters, expected) = golden();
    let sequences = sequences_of(&expected);
    for name in ["dynamic", "static", "other"] {
        let task = &adapters[name];
        let files = folder::save(task, name, Library::AdapterHub, bert.shape()).unwrap();
        assert!(files.contains_key("model_adapter_fusion.safetensors"));
        let mut before: Value = serde_json::from_slice(
            &folder(&fixture("goldens/compose-tiny").join(name))[folder::FUSION_CONFIG],
        )
        .unwrap();
        let after: Value = serde_json::from_slice(&files[folder::FUSION_CONFIG]).unwrap();
        before["model_name"] = json!("tiny");
        assert_eq!(before, after);
        let again = fusion::load(name, &files, &find(&adapters), bert.shape()).unwrap();
        for (a, b) in task
            .adapter
            .parameters()
            .iter()
            .zip(again.adapter.parameters())
        {
            assert_eq!(a.name, b.name);
            assert_eq!(bits(a.tensor.data()), bits(b.tensor.data()));
        }
        // the name alone stands for the fusion of its own adapters
        let members: Vec<_> = Fusion::of(&*task.adapter)
            .unwrap()
            .members()
            .map(|m| m.name.clone())
            .collect();
        let by_hand = composition(&json!({ "fuse": members, "fusion": name }));
        let states = |composition: &Composition| {
            let plan = Plan::new(composition, sequences.len(), &find(&adapters), bert.shape());
            states_of(&bert, &plan.unwrap(), &sequences)
        };
        assert_eq!(bits(&states(&name.into())), bits(&states(&by_hand)));
        let refused = folder::save(task, name, Library::Peft, bert.shape())
            .err()
            .unwrap();
        assert_eq!(refused.code(), "adapter_format");
    }
}

// ---- by hand

const LAYERS: usize = 3;

fn labels() -> Vec<String> {
    ["x", "y", "z"].map(String::from).to_vec()
}

fn head_config(pooling: Pooling) -> HeadConfig {
    HeadConfig {
        problem: SINGLE_LABEL.fresh(),
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

#[test]
fn a_row_of_a_split_is_its_adapter_alone_bit_for_bit() {
    for dtype in [Dtype::F32, Dtype::Int8] {
        let engine = engine(dtype);
        let names: Vec<String> = engine.adapters().map(|(name, _)| name.to_owned()).collect();
        // every kind, two rows each, and then each of them once more in the other order
        let mut shares: Vec<Value> = names
            .iter()
            .map(|name| json!({ "adapter": name, "rows": 2 }))
            .collect();
        shares.extend(names.iter().rev().map(|name| json!(name)));
        let rows = 3 * names.len();
        let texts = texts(rows);
        let composed = engine
            .classify_with_all(&[composition(&json!({ "split": shares }))], &texts)
            .unwrap();
        assert_eq!(composed.len(), 1);
        let of_row = names
            .iter()
            .flat_map(|name| [name, name])
            .chain(names.iter().rev());
        for (row, name) in of_row.enumerate() {
            let alone = engine.classify_with(name, &texts[row..=row]).unwrap();
            let found = &composed[0].answers[row..=row];
            assert_eq!(
                logits(found),
                logits(&alone),
                "{dtype:?}, {name}, row {row}"
            );
            assert_eq!(found, alone);
        }
    }
}

#[test]
fn parallel_adapters_are_each_alone_bit_for_bit() {
    for dtype in [Dtype::F32, Dtype::Int8] {
        let engine = engine(dtype);
        let names: Vec<Composition> = engine.adapters().map(|(name, _)| name.into()).collect();
        let texts = texts(5);
        let together = engine.classify_with_all(&names, &texts).unwrap();
        let parallel = Composition::Parallel(names.clone());
        let block = engine.classify_with_all(&[parallel], &texts).unwrap();
        for ((name, composed), other) in names.iter().zip(&together).zip(&block) {
            let Composition::Adapter(name) = name else {
                panic!()
            };
            let alone = engine.classify_with(name, &texts).unwrap();
            assert_eq!(
                logits(&composed.answers),
                logits(&alone),
                "{dtype:?}, {name}"
            );
            assert_eq!(composed.answers, other.answers, "{name}");
            assert_eq!(composed.heads.len(), texts.len());
        }
    }
}

/// Many texts are computed in several passes, and it shows in nothing.
#[test]
fn many_texts_are_cut_into_passes() {
    let engine = engine(Dtype::F32);
    let texts = texts(150);
    let of: Vec<Composition> = ["lora", "houlsby", "top", "prompt"]
        .map(Composition::from)
        .into();
    let together = engine.classify_with_all(&of, &texts).unwrap();
    for (name, composed) in ["lora", "houlsby", "top", "prompt"].iter().zip(&together) {
        let alone = engine.classify_with(name, &texts).unwrap();
        assert_eq!(logits(&composed.answers), logits(&alone), "{name}");
    }
    let nothing = engine.classify_with_all(&of, &[]).unwrap();
    assert!(nothing.iter().all(|composed| composed.answers.is_empty()));
}

#[test]
fn a_block_of_one_is_that_one() {
    let engine = engine(Dtype::F32);
    let texts = texts(4);
    for (name, _) in engine.adapters() {
        let alone = engine.classify_with(name, &texts).unwrap();
        for block in ["stack", "parallel"] {
            let one = engine.classify_with_all(&[composition(&json!({ block: [name] }))], &texts);
            let found = &one.unwrap()[0];
            assert_eq!(logits(&found.answers), logits(&alone), "{block} of {name}");
        }
    }
}

#[test]
fn blocks_that_tell_rows_apart_come_out_on_top() {
    let engine = engine(Dtype::F32);
    let texts = texts(4);
    let ask = |json: Value, texts: &[Text]| {
        engine
            .classify_with_all(&[composition(&json)], texts)
            .unwrap()
    };
    let nested = ask(
        json!({ "stack": ["lora", { "split": [{ "adapter": "pfeiffer", "rows": 3 }, "houlsby"] }, "ia3"] }),
        &texts,
    );
    let by_hand = [
        ask(json!({ "stack": ["lora", "pfeiffer", "ia3"] }), &texts[..3]),
        ask(json!({ "stack": ["lora", "houlsby", "ia3"] }), &texts[3..]),
    ];
    let by_hand: Vec<_> = by_hand.iter().flat_map(|c| logits(&c[0].answers)).collect();
    assert_eq!(logits(&nested[0].answers), by_hand);

    let parallel = ask(
        json!({ "stack": ["prefix", { "parallel": ["pfeiffer", { "split": [{ "adapter": "lora", "rows": 2 }, { "adapter": "lora-2", "rows": 2 }] }] }] }),
        &texts,
    );
    assert_eq!(parallel.len(), 2);
    let first = ask(json!({ "stack": ["prefix", "pfeiffer"] }), &texts);
    assert_eq!(logits(&parallel[0].answers), logits(&first[0].answers));
    let second = ask(json!({ "stack": ["prefix", "lora-2"] }), &texts[2..]);
    assert_eq!(
        logits(&parallel[1].answers[2..]),
        logits(&second[0].answers)
    );

    let averaged = ask(
        json!({ "average": [{ "adapter": { "split": [{ "adapter": "lora", "rows": 1 }, { "adapter": "houlsby", "rows": 3 }] }, "weight": 0.5 }, { "adapter": "ia3", "weight": 0.5 }], "head": "lora" }),
        &texts,
    );
    let by_hand = ask(
        json!({ "average": [{ "adapter": "houlsby", "weight": 0.5 }, { "adapter": "ia3", "weight": 0.5 }], "head": "lora" }),
        &texts[1..],
    );
    assert_eq!(
        logits(&averaged[0].answers[1..]),
        logits(&by_hand[0].answers)
    );
}

/// Weights (1, 0) give the first adapter, (1, 1) of one alone twice its update.
#[test]
fn an_average_sums_what_each_changes() {
    let mut engine = engine(Dtype::F32);
    let texts = texts(3);
    let ask = |engine: &Engine, json: Value| {
        let composed = engine
            .classify_with_all(&[composition(&json)], &texts)
            .unwrap();
        composed[0]
            .answers
            .iter()
            .flat_map(|a| a.logits.clone())
            .collect::<Vec<_>>()
    };
    for kind in [
        "lora",
        "ia3",
        "ia3_adapterhub",
        "houlsby",
        "pfeiffer",
        "parallel",
        "compacter",
    ] {
        let second = format!("{kind}-2");
        let alone: Vec<f32> = engine
            .classify_with(kind, &texts)
            .unwrap()
            .iter()
            .flat_map(|a| a.logits.clone())
            .collect();
        let one = ask(
            &engine,
            json!({ "average": [{ "adapter": kind, "weight": 1.0 }, { "adapter": second, "weight": 0.0 }], "head": kind }),
        );
        assert_close(&one, &alone, 1e-5, kind);
        let two = ask(
            &engine,
            json!({ "average": [{ "adapter": kind, "weight": 2.5 }, { "adapter": kind, "weight": -1.5 }], "head": kind }),
        );
        assert_close(&two, &alone, 1e-4, kind);
    }
    // twice an update is a LoRA of twice the scale
    let twice = ask(
        &engine,
        json!({ "average": [{ "adapter": "lora", "weight": 1.0 }, { "adapter": "lora", "weight": 1.0 }], "head": "lora" }),
    );
    let options = Options {
        alpha: Some(12.0),
        ..options()
    };
    let backbone = engine.backbone().clone();
    let config = (preset("lora").unwrap().config)(&options, backbone.shape()).unwrap();
    let task = engine.get("lora").unwrap();
    let adapter = config
        .build(
            backbone.shape(),
            &mut GivenParams(task.adapter.parameters()),
        )
        .unwrap();
    let head = task.head.as_ref().unwrap();
    let head = Head::build(
        head.config().clone(),
        backbone.shape(),
        &mut GivenParams(head.parameters()),
    )
    .unwrap();
    let mut doubled = random(&*backbone, "lora", &options, 0);
    (doubled.adapter, doubled.head) = (adapter, Some(head));
    engine.insert("doubled", doubled);
    let by_hand: Vec<f32> = engine
        .classify_with("doubled", &texts)
        .unwrap()
        .iter()
        .flat_map(|a| a.logits.clone())
        .collect();
    assert_close(&twice, &by_hand, 1e-5, "twice");
}

// ---- one adapter of several

#[test]
fn averaged_parameters_are_the_weighted_sum_of_each() {
    let mut engine = engine(Dtype::F32);
    let (v, w) = (0.75, -0.5);
    for preset in presets() {
        let (name, second) = (preset.name, format!("{}-2", preset.name));
        let json = json!({ "average": [{ "adapter": name, "weight": v }, { "adapter": second, "weight": w }] });
        engine.compose("new", &composition(&json)).unwrap();
        let get = |name: &str| engine.get(name).unwrap();
        let (new, a, b) = (get("new"), get(name), get(&second));
        assert_eq!(new.card.labels, labels());
        assert_eq!(new.library, a.library);
        let all = |task: &TaskAdapter| -> Vec<Parameter> {
            let head = task.head.as_ref().unwrap().parameters();
            [task.adapter.parameters(), head].concat()
        };
        let (new, a, b) = (all(new), all(a), all(b));
        assert_eq!(new.len(), a.len(), "{name}");
        for ((new, a), b) in new.iter().zip(&a).zip(&b) {
            assert_eq!(new.name, a.name);
            let sum = a.tensor.data().iter().zip(b.tensor.data());
            let sum: Vec<f32> = sum
                .map(|(a, b)| (v * f64::from(*a) + w * f64::from(*b)) as f32)
                .collect();
            assert_eq!(
                bits(new.tensor.data()),
                bits(&sum),
                "{name}: {:?}",
                new.name
            );
        }
        // an ordinary adapter: it can be saved and read
        let files = engine.export("new", preset.library).unwrap();
        let texts = texts(3);
        let before = engine.classify_with("new", &texts).unwrap();
        engine.add("again", &files).unwrap();
        assert_eq!(
            before,
            engine.classify_with("again", &texts).unwrap(),
            "{name}"
        );
    }
    let equal = composition(&json!({ "average": ["lora", "lora-2"] }));
    engine.compose("equal", &equal).unwrap();
    let halves = composition(
        &json!({ "average": [{ "adapter": "lora", "weight": 0.5 }, { "adapter": "lora-2", "weight": 0.5 }] }),
    );
    engine.compose("halves", &halves).unwrap();
    let parameters = |name: &str| -> Vec<u32> {
        let task = engine.get(name).unwrap();
        task.adapter
            .parameters()
            .iter()
            .flat_map(|p| bits(p.tensor.data()))
            .collect()
    };
    assert_eq!(parameters("equal"), parameters("halves"));
    // averages of averages
    let nested = composition(
        &json!({ "average": [{ "adapter": { "average": ["lora", "lora-2"] }, "weight": 1.0 }] }),
    );
    engine.compose("nested", &nested).unwrap();
    let task = engine.get("nested").unwrap();
    let found: Vec<u32> = task
        .adapter
        .parameters()
        .iter()
        .flat_map(|p| bits(p.tensor.data()))
        .collect();
    let task = engine.get("equal").unwrap();
    let expected: Vec<u32> = task
        .adapter
        .parameters()
        .iter()
        .flat_map(|p| bits(p.tensor.data()))
        .collect();
    assert_eq!(found, expected);
}

/// LoRAs of different ranks and scales, as a LoRA whose rank has room for both, and cut to less.
#[test]
fn loras_of_different_ranks_are_summed_as_updates() {
    let mut engine = engine(Dtype::F32);
    let backbone = engine.backbone().clone();
    let other = Options {
        rank: Some(5),
        alpha: Some(7.0),
        ..options()
    };
    engine.insert("wide", random(&*backbone, "lora", &other, 50));
    let texts = texts(4);
    let parts =
        json!([{ "adapter": "lora", "weight": 1.5 }, { "adapter": "wide", "weight": -0.5 }]);
    let running = json!({ "average": parts, "head": "lora" });
    let running = engine
        .classify_with_all(&[composition(&running)], &texts)
        .unwrap();
    let full = composition(&json!({ "average": parts, "head": "lora", "rank": 8 }));
    engine.compose("full", &full).unwrap();
    let full = engine.classify_with("full", &texts).unwrap();
    for (a, b) in running[0].answers.iter().zip(&full) {
        assert_close(&a.logits, &b.logits, 1e-5, "rank of both");
    }
    // without a rank it is the larger one's
    let cut = composition(&json!({ "average": parts, "head": "lora" }));
    engine.compose("cut", &cut).unwrap();
    let description = engine
        .get("cut")
        .unwrap()
        .adapter
        .config()
        .describe(backbone.shape());
    assert_eq!(description.sizes["rank"], 5);
    let files = engine.export("cut", Library::Peft).unwrap();
    engine.add("again", &files).unwrap();
    assert_eq!(
        engine.classify_with("cut", &texts).unwrap(),
        engine.classify_with("again", &texts).unwrap()
    );
    // each update is as near to the sum as its rank allows: the tail of the singular values (Eckart and Young 1936)
    let update = |name: &str| {
        let task = engine.get(name).unwrap();
        let mut found = BTreeMap::new();
        for parameter in task.adapter.parameters() {
            let Site::Linear(site) = parameter.name.site else {
                panic!()
            };
            found
                .entry(site)
                .or_insert_with(Vec::new)
                .push(parameter.tensor.clone());
        }
        let site = *found.keys().next().unwrap();
        let [a, b] = &found[&site][..] else { panic!() };
        let lora = (task.adapter.config() as &dyn std::any::Any)
            .downcast_ref::<graftlet::adapter::LoraConfig>();
        let scale = lora.unwrap().scale_of(site);
        let product = |row: usize, column: usize| -> f64 {
            let (rank, width) = a.dims2();
            let terms = (0..rank).map(|i| {
                f64::from(b.data()[row * rank + i]) * f64::from(a.data()[i * width + column])
            });
            scale * terms.sum::<f64>()
        };
        let (rows, columns) = (b.dims2().0, a.dims2().1);
        (0..rows * columns)
            .map(|at| product(at / columns, at % columns))
            .collect::<Vec<f64>>()
    };
    let (lora, wide, cut) = (update("lora"), update("wide"), update("cut"));
    let sum: Vec<f64> = lora
        .iter()
        .zip(&wide)
        .map(|(a, b)| 1.5 * a - 0.5 * b)
        .collect();
    let width = tiny::HIDDEN;
    let columns: Vec<Vec<f64>> = (0..width)
        .map(|j| sum.iter().skip(j).step_by(width).copied().collect())
        .collect();
    let unit: Vec<Vec<f64>> = (0..width)
        .map(|j| (0..width).map(|i| f64::from(u8::from(i == j))).collect())
        .collect();
    let values = svd(&columns, &unit).values;
    let tail: f64 = values[5..].iter().map(|s| s * s).sum();
    let missed: f64 = sum.iter().zip(&cut).map(|(a, b)| (a - b).powi(2)).sum();
    assert!(tail > 1e-4, "something is cut");
    assert!((missed - tail).abs() < 1e-5 * tail, "{missed} {tail}");
}

#[test]
fn singular_values_and_vectors() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut vectors = |count: usize, length: usize| -> Vec<Vec<f64>> {
        (0..count)
            .map(|_| {
                normals(&mut rng, length)
                    .into_iter()
                    .map(f64::from)
                    .collect()
            })
            .collect()
    };
    for (inner, rows, columns) in [(1, 1, 1), (3, 7, 5), (6, 20, 30), (9, 4, 6), (40, 33, 33)] {
        let (mut p, mut q) = (vectors(inner, rows), vectors(inner, columns));
        if inner > 4 {
            // directions that add nothing, and nothing at all
            p[1] = p[0].clone();
            q[3] = vec![0.0; columns];
            p[2].iter_mut().for_each(|x| *x *= 1e-6);
        }
        let found = svd(&p, &q);
        let (rank, most) = (found.values.len(), inner.min(rows).min(columns));
        assert!(
            rank <= most && (inner > 4 || rank == most),
            "{rank} of {inner}"
        );
        assert!(found.values.windows(2).all(|pair| pair[0] >= pair[1]));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        for i in 0..rank {
            for j in 0..rank {
                let expected = f64::from(u8::from(i == j));
                assert!(
                    (dot(&found.left[i], &found.left[j]) - expected).abs() < 1e-9,
                    "{inner}: u{i} u{j}"
                );
                assert!(
                    (dot(&found.right[i], &found.right[j]) - expected).abs() < 1e-9,
                    "{inner}: v{i} v{j}"
                );
            }
        }
        let scale = found.values[0];
        for row in 0..rows {
            for column in 0..columns {
                let product: f64 = p.iter().zip(&q).map(|(p, q)| p[row] * q[column]).sum();
                let sum: f64 = (0..rank)
                    .map(|i| found.left[i][row] * found.values[i] * found.right[i][column])
                    .sum();
                assert!(
                    (product - sum).abs() < 1e-12 * scale.max(1.0),
                    "{inner}: {product} {sum}"
                );
            }
        }
    }
    let nothing = svd(&[vec![0.0; 3]], &[vec![0.0; 2]]);
    assert!(nothing.values.is_empty());
    assert!(svd(&[], &[]).values.is_empty());
}

// ---- fusion

#[test]
fn a_fresh_fusion_mixes_evenly_and_trains() {
    let engine = engine(Dtype::F32);
    let backbone = engine.backbone().clone();
    let members = ["pfeiffer", "pfeiffer-2"].map(|name| Member {
        name: name.to_owned(),
        task: engine.shared(name).unwrap(),
    });
    let config =
        FusionConfig::new(Switches::default(), members.to_vec(), backbone.shape()).unwrap();
    use graftlet::adapter::Config as _;
    let fresh = config
        .build(backbone.shape(), &mut FreshParams::new(1))
        .unwrap();
    assert_eq!(fresh.parameters().len(), 5 * LAYERS);
    // a value matrix near the identity costs next to nothing
    let width = tiny::HIDDEN as f32;
    let expected = 0.01 * LAYERS as f32 * width * (width - 1.0) * 1e-12;
    let penalty = fresh.penalty().unwrap().data()[0];
    assert!(
        (penalty - expected).abs() < 1e-3 * expected,
        "{penalty} {expected}"
    );
    // the members are constants
    let batch = Batch::new(&sequences());
    let states = backbone.forward(&batch, &*fresh).unwrap();
    assert!(states.x.is_tracked());
    let gradients = states
        .x
        .clone()
        .backward_from(&normals(&mut ChaCha8Rng::seed_from_u64(1), states.x.len()));
    for parameter in fresh.parameters() {
        assert!(
            gradients.get(&parameter.tensor).is_some(),
            "{:?}",
            parameter.name
        );
    }
    for member in &members {
        for parameter in member.task.adapter.parameters() {
            assert!(gradients.get(&parameter.tensor).is_none());
        }
    }
}

fn sequences() -> Vec<Encoded> {
    let row = |ids: &[u32]| Encoded {
        ids: ids.to_vec(),
        type_ids: vec![0; ids.len()],
        truncated: false,
    };
    vec![
        row(&[2, 7, 9, 3]),
        row(&[2, 12, 3]),
        row(&[2, 20, 21, 30, 8, 3]),
    ]
}

/// A fusion is trained like any adapter, over members that stay as they are, and is saved and read again.
#[test]
fn a_trained_fusion() {
    let mut engine = engine(Dtype::F32);
    let member = |name: &str| Member {
        name: name.to_owned(),
        task: engine.shared(name).unwrap(),
    };
    let before: Vec<u32> = { engine.get("pfeiffer").unwrap().adapter.parameters().iter() }
        .flat_map(|p| bits(p.tensor.data()))
        .collect();
    let row = |(text, label): (&str, &str)| -> Row {
        serde_json::from_value(json!({ "text": text, "label": label })).unwrap()
    };
    let rows: Vec<Row> = [
        ("the film is good", "up"),
        ("a great song", "up"),
        ("a lovely meal", "up"),
        ("a warm book", "up"),
        ("the film is bad", "down"),
        ("a poor song", "down"),
        ("an awful meal", "down"),
        ("a cold book", "down"),
    ]
    .map(row)
    .into();
    let train = |members: Vec<Member>, learning_rate: f64| -> Result<_> {
        let settings = Settings {
            epochs: Some(40),
            batch_size: Some(8),
            learning_rate: Some(learning_rate),
            members,
            ..Settings::default()
        };
        let data = Dataset::for_training("rows", &rows, engine.tokenizer())?;
        let dev = data.clone();
        let preset = fusion::preset("fusion")?;
        let mut trainer = Trainer::new(engine.backbone().clone(), preset, settings, data, dev)?;
        let mut losses = Vec::new();
        loop {
            match trainer.step()? {
                Event::Step { loss, .. } => losses.push(loss),
                Event::Done { .. } => break,
                _ => {}
            }
        }
        Ok((losses, trainer.finish()?))
    };
    let (losses, task) = train(vec![member("pfeiffer"), member("pfeiffer-2")], 0.02).unwrap();
    assert!(losses[losses.len() - 1] < 0.5 * losses[0], "{losses:?}");
    let after: Vec<u32> = { engine.get("pfeiffer").unwrap().adapter.parameters().iter() }
        .flat_map(|p| bits(p.tensor.data()))
        .collect();
    assert_eq!(before, after);
    assert_eq!(task.adapter.config().kind().name, "fusion");
    engine.insert("mixed", task);
    let texts = texts(3);
    let answers = engine.classify_with("mixed", &texts).unwrap();
    let files = engine.export("mixed", Library::AdapterHub).unwrap();
    engine.add("again", &files).unwrap();
    assert_eq!(engine.classify_with("again", &texts).unwrap(), answers);
    let by_hand = composition(&json!({ "fuse": ["pfeiffer", "pfeiffer-2"], "fusion": "again" }));
    let by_hand = engine.classify_with_all(&[by_hand], &texts).unwrap();
    assert_eq!(by_hand[0].answers, answers);
    // it keeps its members
    engine.remove("pfeiffer").unwrap();
    assert_eq!(engine.classify_with("again", &texts).unwrap(), answers);

    let train = |members: Vec<Member>| {
        let settings = Settings {
            members,
            ..Settings::default()
        };
        let data = Dataset::for_training("rows", &rows, engine.tokenizer()).unwrap();
        let preset = fusion::preset("fusion").unwrap();
        Trainer::new(
            engine.backbone().clone(),
            preset,
            settings,
            data.clone(),
            data,
        )
    };
    refused(
        train(Vec::new()),
        "composition_invalid",
        &["no place in common"],
    );
    let lora = Member {
        name: "lora".into(),
        task: engine.shared("lora").unwrap(),
    };
    refused(
        train(vec![lora]),
        "composition_invalid",
        &["\"lora\" is lora"],
    );
    assert_eq!(fusion::preset("lora").unwrap().name, "lora");
    refused(fusion::preset("fussion"), "unknown_kind", &["fussion"]);
}

// ---- the pass

#[test]
fn units_may_share_and_repeat_sequences() {
    let engine = engine(Dtype::F32);
    let (backbone, sequences) = (engine.backbone(), sequences());
    let hook = |name: &str| engine.shared(name).unwrap();
    let (top, lora, prompt) = (hook("top"), hook("lora"), hook("prompt"));
    let units = [
        (&top, vec![2, 0]),
        (&prompt, vec![1]),
        (&lora, vec![0, 0, 2]),
        (&top, vec![]),
        (&top, vec![1]),
    ];
    let passing: Vec<Unit<'_>> = units
        .iter()
        .map(|(task, sequences)| Unit {
            hook: &*task.adapter,
            sequences: sequences.clone(),
        })
        .collect();
    let states = forward(&**backbone, &sequences, &passing).unwrap();
    assert_eq!(states.len(), units.len());
    for ((task, own), states) in units.iter().zip(&states) {
        let batch = Batch::new(own.iter().map(|&index| &sequences[index]));
        if own.is_empty() {
            assert_eq!(states.x.dims2(), (0, tiny::HIDDEN));
            continue;
        }
        let alone = backbone.forward(&batch, &*task.adapter).unwrap();
        assert_eq!(states.starts, alone.starts);
        assert_eq!(bits(states.x.data()), bits(alone.x.data()));
    }
    assert!(forward(&**backbone, &sequences, &[]).unwrap().is_empty());
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

// ---- what is refused

#[track_caller]
fn refused(result: Result<impl Sized>, code: &str, words: &[&str]) {
    let error = result.err().unwrap();
    let text = error.to_string();
    assert_eq!(error.code(), code, "{text}");
    for word in words {
        assert!(text.contains(word), "\"{word}\" is not in: {text}");
    }
}

#[test]
fn json_that_is_no_composition() {
    let deep = (0..=MAX_DEPTH).fold(json!("a"), |inner, _| json!({ "stack": [inner] }));
    let many: Vec<Value> = (0..1000).map(|i| json!(format!("{i}"))).collect();
    for (json, words) in [
        (json!(3), &["the composition cannot", "3 is neither"][..]),
        (json!(null), &["null"]),
        (json!(["a"]), &["a list"]),
        (json!({}), &["names no block", "stack"]),
        (json!({ "adapter": "a" }), &["names no block"]),
        (
            json!({ "stack": ["a"], "fuse": ["b"] }),
            &["\"stack\"", "\"fuse\""],
        ),
        (json!({ "stack": "a" }), &["must be a list"]),
        (json!({ "stack": [] }), &["0 parts"]),
        (json!({ "stack": many }), &["1000 parts"]),
        (json!({ "stack": ["a"], "weight": 1 }), &["\"weight\""]),
        (
            json!({ "stack": ["a", { "split": [["b"]] }] }),
            &["at stack[1].split[0]", "a list"],
        ),
        (json!({ "fuse": ["a"] }), &["\"fusion\""]),
        (json!({ "fuse": ["a"], "fusion": 3 }), &["\"fusion\" is 3"]),
        (
            json!({ "average": [{ "adapter": "a", "weight": "much" }] }),
            &["at average[0]", "\"much\""],
        ),
        (
            json!({ "average": [{ "adapter": "a", "weight": null }] }),
            &["null"],
        ),
        (
            json!({ "average": [{ "adapter": "a", "rows": 1 }] }),
            &["\"rows\" is not known"],
        ),
        (
            json!({ "average": ["a"], "method": "mean" }),
            &["\"mean\"", "svd"],
        ),
        (json!({ "average": ["a"], "rank": 0 }), &["\"rank\" is 0"]),
        (json!({ "average": ["a"], "rank": 1.5 }), &["1.5"]),
        (
            json!({ "average": ["a"], "head": {} }),
            &["\"head\" is an object"],
        ),
        (
            json!({ "split": [{ "adapter": "a", "rows": -1 }] }),
            &["\"rows\" is -1"],
        ),
        (
            json!({ "split": [{ "adapter": "a", "rows": 1e30 }] }),
            &["\"rows\""],
        ),
        (deep, &["deep"]),
    ] {
        refused(Composition::from_json(&json), "composition_invalid", words);
    }
    let rows =
        Composition::from_json(&json!({ "split": [{ "adapter": "a", "rows": 2.0 }] })).unwrap();
    assert_eq!(
        rows.to_json(),
        json!({ "split": [{ "adapter": "a", "rows": 2 }] })
    );
}

/// An example of a block that holds another.
fn holding(outer: Block, inner: &Value) -> Value {
    match outer {
        Block::Adapter => inner.clone(),
        Block::Fuse => json!({ "fuse": [inner, "pfeiffer-2"], "fusion": "fusion" }),
        Block::Average => json!({ "average": [inner], "head": "pfeiffer" }),
        _ => json!({ outer.name(): [inner] }),
    }
}

fn with_fusion() -> Engine {
    let mut engine = engine(Dtype::F32);
    let backbone = engine.backbone().clone();
    let members = ["pfeiffer", "pfeiffer-2"].map(|name| Member {
        name: name.to_owned(),
        task: engine.shared(name).unwrap(),
    });
    let config = FusionConfig::new(Switches::default(), members.into(), backbone.shape()).unwrap();
    use graftlet::adapter::Config as _;
    let mut task = random(&*backbone, "pfeiffer", &options(), 1);
    task.adapter = config
        .build(backbone.shape(), &mut FreshParams::new(1))
        .unwrap();
    engine.insert("fusion", task);
    engine
}

/// Every pair of blocks is allowed or refused as the table says, and the table is in the documentation.
#[test]
fn blocks_nest_as_the_table_says() {
    let mut engine = with_fusion();
    for outer in BLOCKS.into_iter().filter(|block| *block != Block::Adapter) {
        let (_, allowed) = NESTING.iter().find(|(block, _)| *block == outer).unwrap();
        for inner in BLOCKS {
            let json = holding(outer, &holding(inner, &json!("pfeiffer")));
            let composition = Composition::from_json(&json).unwrap();
            let result = engine.activate_composition(composition);
            if allowed.contains(&inner) {
                result.unwrap_or_else(|error| panic!("{json}: {error}"));
            } else {
                let place = format!("at {}[0]", outer.name());
                let words = [&place, inner.name(), outer.name(), "may hold: adapter"];
                refused(result, "composition_invalid", &words);
            }
        }
    }
    let documentation =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/composition.md");
    let documentation = std::fs::read_to_string(documentation).unwrap();
    for (outer, allowed) in NESTING {
        let mark = |block: &Block| {
            if allowed.contains(block) {
                "yes"
            } else {
                "–"
            }
        };
        let cells: Vec<_> = BLOCKS.iter().map(mark).collect();
        let row = format!("| `{}` | {} |", outer.name(), cells.join(" | "));
        assert!(
            documentation.contains(&row),
            "docs/composition.md needs the row\n{row}"
        );
    }
}

#[test]
fn what_cannot_stand_together() {
    let mut engine = with_fusion();
    let mut check = |json: Value, words: &[&str]| {
        let composition = Composition::from_json(&json).unwrap();
        let result = engine.activate_composition(composition);
        refused(result, "composition_invalid", words);
    };
    let stack = |names: &[&str]| json!({ "stack": names });
    check(
        stack(&["prompt", "prompt-2"]),
        &["[\"prompt\", \"prompt-2\"]", "first layer"],
    );
    check(stack(&["bitfit", "prompt"]), &["first layer"]);
    check(stack(&["lora", "dora"]), &["\"dora\" is DoRA"]);
    check(stack(&["dora", "ia3"]), &["\"dora\" is DoRA"]);
    check(
        stack(&["pfeiffer", "parallel"]),
        &["ffn of layer 0", "\"parallel\" stands beside"],
    );
    check(
        stack(&["bitfit", "houlsby"]),
        &["\"bitfit\" replaces the bias of a layer norm"],
    );
    check(
        json!({ "stack": ["lora", { "split": ["ia3", { "stack": ["dora", "pfeiffer"] }] }] }),
        &["DoRA"],
    );
    check(
        json!({ "parallel": ["lora", { "stack": ["lora", "dora"] }] }),
        &["at parallel[1] cannot", "DoRA"],
    );
    for kind in ["dora", "bitfit", "prefix", "prompt", "fusion"] {
        let name = if kind == "dora" { "DoRA" } else { kind };
        check(
            json!({ "average": ["lora", kind] }),
            &[&format!("\"{kind}\" is {name}"), "parameters"],
        );
    }
    check(
        json!({ "average": ["houlsby", "parallel"] }),
        &["[\"houlsby\", \"parallel\"]", "different places"],
    );
    check(json!({ "average": ["lora"], "rank": 2 }), &["new adapter"]);
    check(
        json!({ "average": ["lora"], "method": "svd" }),
        &["new adapter"],
    );
    check(
        json!({ "average": [{ "adapter": "lora", "weight": 1e39 }] }),
        &["at average[0]", "finite"],
    );
    check(
        json!({ "fuse": ["pfeiffer", "lora"], "fusion": "fusion" }),
        &["\"lora\" is lora", "bottlenecks"],
    );
    check(
        json!({ "fuse": ["pfeiffer", "parallel"], "fusion": "fusion" }),
        &["\"parallel\"", "beside"],
    );
    check(
        json!({ "fuse": ["pfeiffer"], "fusion": "fusion" }),
        &["of 2 adapters", "here are 1"],
    );
    check(
        json!({ "fuse": ["pfeiffer", "houlsby"], "fusion": "lora" }),
        &["\"lora\" is an adapter and no fusion"],
    );
    check(
        json!({ "stack": [{ "average": [{ "stack": [{ "parallel": ["lora"] }] }] }] }),
        &["at stack[0].average[0].stack[0]", "outermost"],
    );
    check(
        json!({ "stack": [{ "parallel": ["lora"] }, { "parallel": ["lora", "ia3"] }] }),
        &["[1, 2]", "as many"],
    );
    for unknown in [
        json!("nobody"),
        json!({ "stack": ["lora", "nobody"] }),
        json!({ "fuse": ["pfeiffer", "houlsby"], "fusion": "nobody" }),
        json!({ "average": ["lora"], "head": "nobody" }),
    ] {
        let composition = Composition::from_json(&unknown).unwrap();
        refused(
            engine.activate_composition(composition),
            "adapter_unknown",
            &["\"nobody\""],
        );
    }
    assert_eq!(engine.in_use(), None, "what is refused is not used");
    // weights that no JSON can say
    let nan = Composition::Average(graftlet::compose::Average {
        of: vec![graftlet::compose::Weighted {
            composition: "lora".into(),
            weight: Some(f64::NAN),
        }],
        ..Default::default()
    });
    refused(
        engine.activate_composition(nan.clone()),
        "composition_invalid",
        &["NaN"],
    );
    refused(
        engine.compose("x", &nan).map(drop),
        "composition_invalid",
        &["NaN"],
    );
    let empty = Composition::Stack(Vec::new());
    refused(
        engine.activate_composition(empty),
        "composition_invalid",
        &["\"stack\" has no parts"],
    );
}

#[test]
fn a_split_is_of_as_many_rows_as_the_call() {
    let engine = engine(Dtype::F32);
    let split = composition(&json!({ "split": ["lora", { "adapter": "ia3", "rows": 3 }] }));
    let result = engine.classify_with_all(&[split], &texts(3)).map(|_| ());
    refused(result, "composition_invalid", &["4 rows", "the call has 3"]);
}

/// An update that widens cannot be read by the next; AdapterHub fails there.
#[test]
fn updates_of_other_width_are_not_stacked() {
    let mut engine = engine(Dtype::F32);
    let backbone = engine.backbone().clone();
    let options = Options {
        targets: Some(vec![graftlet::model::Linear::FfnUp]),
        ..options()
    };
    for name in ["up", "up-2"] {
        engine.insert(name, random(&*backbone, "lora", &options, 7));
    }
    let stack = composition(&json!({ "stack": ["up", "up-2"] }));
    let words = ["ffn_up of layer 0", "32 features", "reads 16", "weights 1"];
    refused(
        engine.activate_composition(stack),
        "composition_invalid",
        &words,
    );
    let sum = composition(
        &json!({ "average": [{ "adapter": "up", "weight": 1.0 }, { "adapter": "up-2", "weight": 1.0 }] }),
    );
    engine.activate_composition(sum).unwrap();
}

#[test]
fn adapters_whose_parameters_cannot_be_averaged() {
    let mut engine = with_fusion();
    let backbone = engine.backbone().clone();
    let wide = Options {
        rank: Some(4),
        reduction_factor: Some(4),
        bias: Some(graftlet::adapter::Bias::All),
        ..options()
    };
    engine.insert("wide", random(&*backbone, "lora", &wide, 5));
    engine.insert("narrow", random(&*backbone, "houlsby", &wide, 5));
    let mut check = |json: Value, words: &[&str]| {
        let composition = Composition::from_json(&json).unwrap();
        refused(
            engine.compose("x", &composition).map(drop),
            "composition_invalid",
            words,
        );
    };
    check(json!("lora"), &["only an \"average\""]);
    check(json!({ "stack": ["lora"] }), &["only an \"average\""]);
    check(
        json!({ "average": [{ "stack": ["lora"] }] }),
        &["\"stack\" has no parameters"],
    );
    check(
        json!({ "average": ["lora", "ia3"] }),
        &["\"ia3\"", "ia3", "LoRA"],
    );
    check(
        json!({ "average": ["lora", "ia3"], "method": "linear" }),
        &["[\"lora\", \"ia3\"]", "one is lora, the other ia3"],
    );
    check(
        json!({ "average": ["houlsby", "narrow"], "method": "linear" }),
        &["settings differ"],
    );
    check(
        json!({ "average": ["lora", "wide"] }),
        &["\"wide\"", "more than its update"],
    );
    check(
        json!({ "average": ["lora", "lora-2"], "method": "linear", "rank": 4 }),
        &["svd"],
    );
    check(
        json!({ "average": [{ "adapter": "lora", "weight": 3e38 }, { "adapter": "lora", "weight": 3e38 }] }),
        &["too large"],
    );
    let rank =
        Composition::from_json(&json!({ "average": ["lora", "lora-2"], "rank": 4000 })).unwrap();
    refused(
        engine.compose("x", &rank).map(drop),
        "composition_invalid",
        &["rank", "4000", "16"],
    );
    let headless = json!({ "average": ["lora", "lora-2"], "head": "bare" });
    let mut bare = random(&*backbone, "lora", &options(), 6);
    bare.head = None;
    engine.insert("bare", bare);
    let headless = Composition::from_json(&headless).unwrap();
    refused(
        engine.compose("x", &headless).map(drop),
        "composition_invalid",
        &["\"bare\" has no head"],
    );
    // heads that differ: there is none, unless one is named
    let without = Composition::from_json(&json!({ "average": ["lora", "bare"] })).unwrap();
    assert!(engine.compose("x", &without).unwrap().head.is_none());
    let with =
        Composition::from_json(&json!({ "average": ["lora", "bare"], "head": "lora-2" })).unwrap();
    assert!(engine.compose("x", &with).unwrap().head.is_some());
}

#[test]
fn fusions_that_cannot_be_read() {
    let (bert, adapters, _) = golden();
    let files = folder(&fixture("goldens/compose-tiny/dynamic"));
    let load = |change: &dyn Fn(&mut Value), adapters: &Adapters| {
        let mut files = files.clone();
        let mut config: Value = serde_json::from_slice(&files[folder::FUSION_CONFIG]).unwrap();
        change(&mut config);
        files.insert(
            folder::FUSION_CONFIG.into(),
            config.to_string().into_bytes(),
        );
        fusion::load("dynamic", &files, &find(adapters), bert.shape()).map(drop)
    };
    load(&|_| {}, &adapters).unwrap();
    refused(
        load(&|_| {}, &Adapters::new()),
        "adapter_unknown",
        &["pfeiffer_a"],
    );
    refused(
        load(&|c| c["config"]["temperature"] = json!(true), &adapters),
        "unsupported_feature",
        &["temperature"],
    );
    refused(
        load(&|c| c["config"]["new_switch"] = json!(true), &adapters),
        "unsupported_feature",
        &["new_switch"],
    );
    refused(
        load(&|c| c["config"] = json!("hash"), &adapters),
        "config_invalid",
        &[folder::FUSION_CONFIG, "hash", "dynamic"],
    );
    refused(
        load(&|c| c["hidden_size"] = json!(99), &adapters),
        "backbone_mismatch",
        &["99"],
    );
    refused(
        load(&|c| c["adapter_names"] = json!([]), &adapters),
        "composition_invalid",
        &["no place in common"],
    );
    refused(
        load(&|c| c["adapter_names"] = json!(3), &adapters),
        "config_invalid",
        &["adapter_names"],
    );
    refused(
        load(&|c| c["adapter_names"] = json!(["lora_a"]), &adapters),
        "composition_invalid",
        &["\"lora_a\" is lora"],
    );
    refused(
        load(&|c| c["config"]["key"] = json!(false), &adapters),
        "unsupported_feature",
        &["key"],
    );
    refused(
        load(&|c| c["config"]["key"] = json!(3), &adapters),
        "config_invalid",
        &["key"],
    );
    let mut without = files.clone();
    without.remove("model_adapter_fusion.safetensors");
    let result = fusion::load("dynamic", &without, &find(&adapters), bert.shape());
    refused(
        result.map(drop),
        "file_missing",
        &["model_adapter_fusion.safetensors"],
    );
    let result = fusion::load(
        "dynamic",
        &Default::default(),
        &find(&adapters),
        bert.shape(),
    );
    refused(result.map(drop), "file_missing", &[folder::FUSION_CONFIG]);
}
