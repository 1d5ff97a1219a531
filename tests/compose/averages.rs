//! Averages of what adapters change, and of their parameters.

use graftlet::adapter::{GivenParams, Options, Parameter, preset, presets};
use graftlet::compose::Composition;
use graftlet::engine::Engine;
use graftlet::folder::TaskAdapter;
use graftlet::head::Head;
use graftlet::model::Dtype;
use serde_json::{Value, json};

use super::goldens::composition;
use super::refused::{refused, with_fusion};
use super::support::assert_close;
use super::{bits, engine, labels, options, random, texts};

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
