//! Bottlenecks in every placement that AdapterHub knows, and Compacter, each with how the reference computes it.
#![allow(unreachable_pub)]

use graftlet::adapter::{
    BottleneckConfig, Hypercomplex, OutputNorm, Placement, Reads, Reduction, Scaling, Skip,
};
use graftlet::model::Sublayer;
use graftlet::ops::Activation;

use crate::differences::LAYERS;
use crate::reference::{self, Bottleneck};

/// Every placement of AdapterHub's configuration once with each kind of what it may be combined with.
pub fn bottlenecks() -> Vec<(&'static str, BottleneckConfig, Bottleneck)> {
    let plain = |mut config: BottleneckConfig| {
        config.reduction = Reduction::Same(5.0);
        config.scaling = Scaling::Fixed(0.7);
        config
    };
    let houlsby = plain(BottleneckConfig::houlsby(LAYERS));
    let pfeiffer = plain(BottleneckConfig::pfeiffer(LAYERS));
    let parallel = plain(BottleneckConfig::parallel(LAYERS));
    let placed = |reads, skip, norm_after| Placement {
        reads,
        skip,
        norm_after,
    };
    let swish = Bottleneck {
        activation: reference::swish,
        ..Bottleneck::default()
    };
    let relu = Bottleneck {
        activation: reference::relu,
        ..swish
    };
    let normed = Bottleneck {
        reads: "norm",
        ..relu
    };
    let beside = Bottleneck { reads: "r", ..relu };
    let gelu = Bottleneck {
        activation: reference::gelu,
        ..swish
    };
    let half = |rank, factorised_rule, shared_rule, shared_weights, bias| {
        let mut config = houlsby.clone();
        config.activation = Activation::Gelu;
        config.reduction = Reduction::Same(4.0);
        // a weight that is a product of four small numbers is smaller than a difference can see
        if factorised_rule {
            config.scaling = Scaling::Fixed(30.0);
        }
        config.hypercomplex = Some(Hypercomplex {
            dimension: 2,
            rank,
            factorised_rule,
            shared_rule,
            shared_weights,
            bias,
        });
        config
    };
    vec![
        ("Houlsby", houlsby.clone(), swish),
        ("Pfeiffer", pfeiffer.clone(), normed),
        ("parallel", parallel.clone(), beside),
        (
            "parallel at both halves, with norms and a learned factor per feature",
            BottleneckConfig {
                sublayers: Sublayer::ALL.into(),
                input_norm: true,
                output_norm: Some(OutputNorm::Update),
                scaling: Scaling::LearnedPerFeature,
                ..parallel.clone()
            },
            beside,
        ),
        (
            "parallel without the norm after it",
            BottleneckConfig {
                placement: placed(Reads::Residual, Skip::Output, false),
                ..parallel
            },
            Bottleneck {
                norm_after: false,
                ..beside
            },
        ),
        (
            "after the attention alone, reading the norm",
            BottleneckConfig {
                sublayers: [Sublayer::Attention].into(),
                activation: Activation::Gelu,
                ..pfeiffer.clone()
            },
            Bottleneck {
                activation: reference::gelu,
                ..normed
            },
        ),
        (
            "after both, reading the norm, a width by layer",
            BottleneckConfig {
                sublayers: Sublayer::ALL.into(),
                activation: Activation::LeakyRelu,
                reduction: Reduction::ByLayer {
                    layers: [(1, 8.0)].into(),
                    default: Some(3.0),
                },
                ..pfeiffer.clone()
            },
            Bottleneck {
                activation: reference::leaky_relu,
                ..normed
            },
        ),
        (
            "around the sum, a learned factor per feature",
            BottleneckConfig {
                placement: placed(Reads::Normalised, Skip::Sum, true),
                scaling: Scaling::LearnedPerFeature,
                ..pfeiffer.clone()
            },
            Bottleneck {
                skip: "h + r",
                ..normed
            },
        ),
        (
            "around the norm, one learned factor",
            BottleneckConfig {
                placement: placed(Reads::Normalised, Skip::Input, true),
                scaling: Scaling::Learned,
                ..pfeiffer.clone()
            },
            Bottleneck {
                skip: "x",
                ..normed
            },
        ),
        (
            "around the norm without another (AdapterPlus)",
            BottleneckConfig {
                placement: placed(Reads::Normalised, Skip::Input, false),
                activation: Activation::Gelu,
                scaling: Scaling::LearnedPerFeature,
                ..pfeiffer.clone()
            },
            Bottleneck {
                skip: "x",
                norm_after: false,
                activation: reference::gelu,
                ..normed
            },
        ),
        (
            "with a norm of its own before",
            BottleneckConfig {
                input_norm: true,
                ..houlsby.clone()
            },
            swish,
        ),
        (
            "with a norm of its own after",
            BottleneckConfig {
                output_norm: Some(OutputNorm::Update),
                ..houlsby.clone()
            },
            swish,
        ),
        (
            "with a norm of its own after the sum",
            BottleneckConfig {
                output_norm: Some(OutputNorm::Sum),
                input_norm: true,
                ..pfeiffer
            },
            Bottleneck {
                norms_sum: true,
                ..normed
            },
        ),
        (
            "in the second layer only",
            BottleneckConfig {
                layers: [1].into(),
                ..houlsby.clone()
            },
            swish,
        ),
        ("Compacter", half(Some(1), false, true, false, true), gelu),
        (
            "Compacter with whole matrices and rules of their own",
            half(None, false, false, false, true),
            gelu,
        ),
        (
            "Compacter with factorised rules, no bias",
            half(Some(2), true, false, false, false),
            gelu,
        ),
        (
            "Compacter with one factorised rule, no bias",
            half(Some(2), true, true, false, false),
            gelu,
        ),
        (
            "Compacter that shares all",
            half(Some(2), false, true, true, true),
            gelu,
        ),
        (
            "Compacter++ of dimension 4",
            BottleneckConfig {
                reduction: Reduction::Same(4.0),
                scaling: Scaling::Fixed(1.3),
                ..BottleneckConfig::compacter_plus_plus(LAYERS)
            },
            Bottleneck {
                reads: "norm",
                ..gelu
            },
        ),
    ]
}
