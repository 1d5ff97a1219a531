//! States below the adapter: the same bits whether they are kept, computed again, or a mixture of both.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeSet;

use graftlet::adapter::{Adapter, Config, FreshParams, GivenParams, LoraConfig, Parameter};
use graftlet::input::text::Encoded;
use graftlet::input::{Batch, Sequence};
use graftlet::model::{Backbone, Linear, LinearSite};
use graftlet::tensor::Tensor;
use graftlet::train::StateCache;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tiny::{Tiny, VOCABULARY, normals};

const LAYERS: usize = 3;

/// Sequences of 1 to 7 tokens.
fn examples() -> Vec<Sequence> {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    (1..=7)
        .map(|length| Encoded {
            ids: (0..length)
                .map(|_| rng.random_range(0..u32::try_from(VOCABULARY).unwrap()))
                .collect(),
            type_ids: vec![0; length],
            truncated: false,
        })
        .map(Sequence::from)
        .collect()
}

/// LoRA on the query of the layers from `lowest` on, with weights that are not zero.
fn adapter(backbone: &dyn Backbone, lowest: usize) -> Box<dyn Adapter> {
    let site = |layer| LinearSite::new(layer, Linear::Query);
    let config = LoraConfig {
        rank: 2,
        alpha: 3.0,
        rank_stabilised: false,
        targets: (lowest..LAYERS).map(site).collect::<BTreeSet<_>>(),
        ..LoraConfig::default()
    };
    let fresh = config
        .build(backbone.shape(), &mut FreshParams::new(1))
        .unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let parameters: Vec<Parameter> = fresh
        .parameters()
        .iter()
        .map(|parameter| {
            let shape = parameter.tensor.shape();
            let values = normals(&mut rng, parameter.tensor.len());
            Parameter {
                name: parameter.name,
                tensor: Tensor::new(values, shape),
            }
        })
        .collect();
    config
        .build(backbone.shape(), &mut GivenParams(&parameters))
        .unwrap()
}

#[test]
fn kept_states_are_those_of_a_whole_forward_pass() {
    let tiny = Tiny::new(LAYERS, 12, 5);
    let bert = tiny.bert();
    let examples = examples();
    // as an epoch has them: any order, some again, some for the first time
    let batches: [&[usize]; 5] = [&[3, 0], &[3, 0], &[6, 3, 1, 0], &[5], &[2, 4, 6, 5, 1]];
    for lowest in 0..LAYERS {
        let adapter = adapter(&bert, lowest);
        // nothing, one short example, half of them, all
        for limit in [0, 100, 700, 1 << 20] {
            let mut cache = StateCache::new(&bert, adapter.lowest_layer(), examples.len(), limit);
            for numbers in batches {
                let numbered: Vec<_> = numbers.iter().map(|&n| (n, &examples[n])).collect();
                let found = cache.forward(&bert, &*adapter, &numbered).unwrap();
                let batch = Batch::new(numbers.iter().map(|&n| &examples[n]));
                let expected = bert.forward(&batch, &*adapter).unwrap();
                assert_eq!(found.starts, expected.starts);
                let bits = |x: &Tensor| x.data().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(
                    bits(&found.x),
                    bits(&expected.x),
                    "layer {lowest}, limit {limit}"
                );
            }
            assert!(cache.bytes() <= limit);
            assert_eq!(cache.bytes() > 0, lowest > 0 && limit >= 100);
        }
    }
}

#[test]
fn an_adapter_of_no_layer_needs_the_backbone_once() {
    let tiny = Tiny::new(LAYERS, 12, 5);
    let bert = tiny.bert();
    let examples = examples();
    let mut cache = StateCache::new(&bert, None, examples.len(), 1 << 20);
    let hook = graftlet::model::NoHook;
    let numbered: Vec<_> = examples.iter().enumerate().collect();
    let first = cache.forward(&bert, &hook, &numbered).unwrap();
    let second = cache.forward(&bert, &hook, &numbered).unwrap();
    assert_eq!(first.x.data(), second.x.data());
    assert_eq!(cache.bytes(), size_of_val(first.x.data()));
}
