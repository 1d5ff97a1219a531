//! LoRA's variants and trained biases: values and gradients against the f64 model, as in `gradients.rs`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

#[path = "support/differences.rs"]
mod differences;
#[path = "support/reference.rs"]
mod reference;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeSet;

use differences::{Case, LAYERS, check_model, check_model_with, check_op};
use graftlet::adapter::{Bias, BitFitConfig, Config, LoraConfig};
use graftlet::backbone::{Linear, LinearSite};
use graftlet::head::Pooling;
use graftlet::ops::{Activation, divide, dropout, scale_columns};
use graftlet::tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use reference::Vector;
use tiny::normals;

fn sites(linears: &[Linear]) -> BTreeSet<LinearSite> {
    (0..LAYERS)
        .flat_map(|layer| {
            linears
                .iter()
                .map(move |&linear| LinearSite { layer, linear })
        })
        .collect()
}

fn case(config: impl Config + 'static, scale: f64) -> Case {
    Case {
        config: Box::new(config),
        scale,
        bottleneck: reference::Bottleneck::default(),
    }
}

fn lora(linears: &[Linear]) -> LoraConfig {
    LoraConfig {
        rank: 3,
        alpha: 4.0,
        targets: sites(linears),
        ..LoraConfig::default()
    }
}

#[test]
fn columns_scaled_and_divided() {
    let mut rng = ChaCha8Rng::seed_from_u64(51);
    let (x, v) = (normals(&mut rng, 21), normals(&mut rng, 7));
    check_op(
        "scale-columns",
        &[(&[3, 7], x), (&[7], v.clone())],
        |x| scale_columns(&x[0], &x[1]),
        |x| {
            let rows = x[0].chunks(7);
            rows.flat_map(|row| row.iter().zip(&x[1]).map(|(x, v)| x * v))
                .collect()
        },
    );
    let c: Vec<f32> = normals(&mut rng, 7).iter().map(|c| c.abs() + 0.5).collect();
    let constant = Tensor::new(c.clone(), &[7]);
    check_op(
        "divide",
        &[(&[7], v)],
        |x| divide(&x[0], &constant),
        |x| {
            let pairs = x[0].iter().zip(&c);
            pairs.map(|(v, &c)| v / f64::from(c)).collect()
        },
    );
}

#[test]
fn dropout_keeps_the_expectation_and_repeats() {
    let x = Tensor::new(vec![1.0; 4096], &[64, 64]);
    let y = dropout(&x, 0.25, [(7, x.dims2().0)]);
    let kept = y.data().iter().filter(|&&y| y > 0.0).count();
    assert!((2900..3250).contains(&kept), "{kept} of 4096 kept");
    assert!(
        y.data()
            .iter()
            .all(|&y| y == 0.0 || (y - 4.0 / 3.0).abs() < 1e-6)
    );
    assert_eq!(y.data(), dropout(&x, 0.25, [(7, x.dims2().0)]).data());
    assert_ne!(y.data(), dropout(&x, 0.25, [(8, x.dims2().0)]).data());
    // which elements stay does not depend on x, so the formula can take them from here
    let factors: Vector = dropout(&Tensor::new(vec![1.0; 20], &[4, 5]), 0.4, [(3, 4)])
        .data()
        .iter()
        .map(|&f| f64::from(f))
        .collect();
    check_op(
        "dropout",
        &[(&[4, 5], normals(&mut ChaCha8Rng::seed_from_u64(52), 20))],
        |x| dropout(&x[0], 0.4, [(3, 4)]),
        |x| x[0].iter().zip(&factors).map(|(x, f)| x * f).collect(),
    );
}

#[test]
fn ranks_and_alphas_of_single_layers() {
    let mut config = lora(&Linear::ALL);
    let site = |layer, linear| LinearSite { layer, linear };
    config.ranks = [(site(0, Linear::Query), 5), (site(1, Linear::FfnDown), 1)].into();
    config.alphas = [(site(0, Linear::Query), 2.0), (site(0, Linear::FfnUp), 7.0)].into();
    check_model_with(
        "LoRA, patterns",
        case(config, 4.0 / 3.0),
        Pooling::Mean,
        None,
        |model| {
            model.scales = [
                ("0.query".to_owned(), 2.0 / 5.0),
                ("0.ffn_up".to_owned(), 7.0 / 3.0),
                ("1.ffn_down".to_owned(), 4.0),
            ]
            .into();
        },
    );
}

#[test]
fn update_with_a_bias() {
    let config = LoraConfig {
        update_bias: true,
        ..lora(&[Linear::Query, Linear::Value, Linear::FfnUp])
    };
    check_model(
        "LoRA with lora_bias",
        case(config, 4.0 / 3.0),
        Pooling::First,
        None,
    );
}

#[test]
fn dora_on_every_layer() {
    // not on all at once: magnitudes far from the norms make most of what is behind them small
    for linears in [
        [Linear::Query, Linear::Value, Linear::FfnUp],
        [Linear::Key, Linear::AttentionOutput, Linear::FfnDown],
    ] {
        let config = LoraConfig {
            decomposed: true,
            ..lora(&linears)
        };
        let what = format!("DoRA on {linears:?}");
        check_model(&what, case(config, 4.0 / 3.0), Pooling::Mean, None);
    }
}

#[test]
fn rank_stabilised_dora_with_biases() {
    let config = LoraConfig {
        decomposed: true,
        rank_stabilised: true,
        bias: Bias::LoraOnly,
        ..lora(&[Linear::Query, Linear::AttentionOutput, Linear::FfnUp])
    };
    check_model(
        "DoRA, rank-stabilised, biases",
        case(config, 4.0 / 3f64.sqrt()),
        Pooling::Pooler,
        Some(Activation::Tanh),
    );
}

#[test]
fn lora_with_the_biases_of_its_layers() {
    let config = LoraConfig {
        bias: Bias::LoraOnly,
        ..lora(&[Linear::Query, Linear::Key, Linear::FfnDown])
    };
    check_model(
        "LoRA, its biases",
        case(config, 4.0 / 3.0),
        Pooling::Mean,
        None,
    );
}

#[test]
fn lora_with_all_biases() {
    let config = LoraConfig {
        bias: Bias::All,
        ..lora(&[Linear::Query, Linear::Value])
    };
    check_model(
        "LoRA, all biases",
        case(config, 4.0 / 3.0),
        Pooling::First,
        None,
    );
}

#[test]
fn bitfit() {
    check_model(
        "BitFit",
        case(BitFitConfig::default(), 1.0),
        Pooling::Mean,
        None,
    );
    check_model(
        "BitFit, pooler",
        case(BitFitConfig::default(), 1.0),
        Pooling::Pooler,
        None,
    );
}
