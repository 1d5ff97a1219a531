//! Compositions that are refused.

use graftlet::adapter::FreshParams;
use graftlet::compose::fusion::{FusionConfig, Switches};
use graftlet::compose::{BLOCKS, Block, Composition, MAX_DEPTH, NESTING};
use graftlet::engine::Engine;
use graftlet::error::Result;
use graftlet::folder::Member;
use graftlet::model::Dtype;
use serde_json::{Value, json};

use super::{engine, options, random};

// ---- what is refused

#[track_caller]
pub(super) fn refused(result: Result<impl Sized>, code: &str, words: &[&str]) {
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

pub(super) fn with_fusion() -> Engine {
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
        &["[1, 2]", "the same number"],
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
