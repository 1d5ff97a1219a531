//! The variants of LoRA.

use graftlet::adapter::{Bias, LoraConfig};
use graftlet::folder::Library::{AdapterHub, Peft};
use graftlet::model::{Linear, LinearSite};

use super::{Row, SIX, boxed, everywhere, site};

pub(super) fn loras() -> Vec<Row> {
    use Linear::{AttentionOutput, FfnDown, FfnUp, Key, Query, Value};
    let on = |linears: &[Linear]| LoraConfig {
        rank: 3,
        alpha: 4.0,
        targets: everywhere(linears),
        ..LoraConfig::default()
    };
    let (plain, stable) = (4.0 / 3.0, 4.0 / 3f64.sqrt());
    let mut patterns = on(&SIX);
    patterns.ranks = [(site(0, Query), 5), (site(1, FfnDown), 1)].into();
    patterns.alphas = [(site(0, Query), 2.0), (site(0, FfnUp), 7.0)].into();
    let row = |name: &str, config: LoraConfig| Row::new(name, boxed(config));
    vec![
        row("LoRA on every layer", on(&SIX)).scale(plain),
        row(
            "LoRA on every layer and the pooler",
            on(&[&SIX[..], &[Linear::Pooler]].concat()),
        )
        .scale(plain)
        .at_pooler(),
        row(
            "LoRA on values and the pooler, with their biases",
            LoraConfig {
                ranks: [(LinearSite::POOLER, 2)].into(),
                alphas: [(LinearSite::POOLER, 5.0)].into(),
                bias: Bias::LoraOnly,
                ..on(&[Value, Linear::Pooler])
            },
        )
        .adjusted(plain, |model| {
            model.scales = [("pooler".to_owned(), 5.0 / 2.0)].into();
        })
        .at_pooler(),
        row(
            "DoRA on queries and the pooler",
            LoraConfig {
                decomposed: true,
                ..on(&[Query, Linear::Pooler])
            },
        )
        .scale(plain)
        .at_pooler(),
        row(
            "LoRA, rank-stabilised",
            LoraConfig {
                rank_stabilised: true,
                ..on(&SIX)
            },
        )
        .scale(stable),
        row("LoRA, ranks and alphas of single layers", patterns).adjusted(plain, |model| {
            model.scales = [
                ("0.query".to_owned(), 2.0 / 5.0),
                ("0.ffn_up".to_owned(), 7.0 / 3.0),
                ("1.ffn_down".to_owned(), 4.0),
            ]
            .into();
        }),
        row(
            "LoRA in the second layer only",
            LoraConfig {
                targets: [Key, FfnUp, FfnDown].map(|linear| site(1, linear)).into(),
                ..on(&[])
            },
        )
        .scale(plain)
        .lowest(1)
        .files(&[Peft, AdapterHub]),
        row(
            "LoRA, other places in each layer",
            LoraConfig {
                targets: [site(0, AttentionOutput), site(1, Query)].into(),
                ..on(&[])
            },
        )
        .scale(plain),
        row(
            "LoRA whose update has a bias",
            LoraConfig {
                update_bias: true,
                ..on(&[Query, Value, FfnUp])
            },
        )
        .scale(plain),
        row(
            "LoRA with the biases of its layers",
            LoraConfig {
                bias: Bias::LoraOnly,
                ..on(&[Query, Key, FfnDown])
            },
        )
        .scale(plain),
        row(
            "LoRA with all biases",
            LoraConfig {
                bias: Bias::All,
                ..on(&[Query, Value])
            },
        )
        .scale(plain),
        // not on all layers at once: magnitudes far from the norms make most of what is behind them small
        row(
            "DoRA on half of the layers",
            LoraConfig {
                decomposed: true,
                ..on(&[Query, Value, FfnUp])
            },
        )
        .scale(plain),
        row(
            "DoRA on the other half",
            LoraConfig {
                decomposed: true,
                ..on(&[Key, AttentionOutput, FfnDown])
            },
        )
        .scale(plain),
        row(
            "DoRA, rank-stabilised, with biases",
            LoraConfig {
                decomposed: true,
                rank_stabilised: true,
                bias: Bias::LoraOnly,
                ..on(&[Query, AttentionOutput, FfnUp])
            },
        )
        .scale(stable),
        row(
            "DoRA in the second layer only",
            LoraConfig {
                decomposed: true,
                targets: [Query, FfnUp].map(|linear| site(1, linear)).into(),
                ..on(&[])
            },
        )
        .scale(plain)
        .lowest(1),
    ]
}
