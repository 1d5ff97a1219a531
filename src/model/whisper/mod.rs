//! The encoder of Whisper (Radford et al. 2022, <https://arxiv.org/abs/2212.04356>): two convolutions over the frames of a sound,
//! sinusoidal positions, norms before the halves, and keys without a bias.

use super::anatomy::{Anatomy, Sizes};
use super::family::{BASE, BlockPaths, Family, HeadLayout, Targets};
use super::fields::ConfigFields;
use super::place::{Linear, NormSite, Place};
use super::plans::{BlockPlan, ConvolutionNorm, ConvolutionPlan, SoundStemPlan, StemPlan};
use crate::error::Result;
use crate::ops::Activation;

/// The row of this family.
pub(super) static FAMILY: Family = Family {
    model_type: "whisper",
    title: "Whisper",
    class: "Whisper",
    // AdapterHub has one, which nobody has compared with yet
    adapter_model_class: "",
    adapter_prefix: "self_prefix",
    base: "encoder",
    beside: &[],
    sibling: &[],
    tied: &[],
    attribute_map: &[
        ("hidden_size", "d_model"),
        ("num_attention_heads", "encoder_attention_heads"),
    ],
    own_fields: &[
        ("num_hidden_layers", "encoder_layers"),
        ("intermediate_size", "encoder_ffn_dim"),
        ("max_position_embeddings", "max_source_positions"),
        ("hidden_act", "activation_function"),
    ],
    anatomy,
    bottlenecks: ["layers.{}.attention_adapters", "layers.{}.output_adapters"],
    targets: Targets {
        lora: &[Linear::Query, Linear::Value],
        ia3: &[Linear::Key, Linear::Value, Linear::FfnUp],
        ia3_feedforward: &[Linear::FfnUp],
    },
    head: HeadLayout::PROJECTED_MEAN,
};

/// Frames that a convolution sees.
const KERNEL: usize = 3;

const PATHS: BlockPaths = BlockPaths {
    block: "layers.{}.",
    linears: [
        (Linear::Query, "self_attn.q_proj"),
        (Linear::Key, "self_attn.k_proj"),
        (Linear::Value, "self_attn.v_proj"),
        (Linear::AttentionOutput, "self_attn.out_proj"),
        (Linear::FfnUp, "fc1"),
        (Linear::FfnDown, "fc2"),
    ],
    unbiased: &[Linear::Key],
    norms: ["self_attn_layer_norm", "final_layer_norm"],
    scales: None,
};

fn anatomy(family: &'static Family, fields: &ConfigFields) -> Result<Anatomy> {
    let sizes = Sizes::read(
        fields,
        Sizes {
            hidden_size: 384,
            layers: 4,
            heads: 6,
            intermediate_size: 1536,
            max_tokens: 1500,
            norm_eps: 1e-5,
            ..BASE
        },
    )?;
    let hidden = sizes.hidden_size;
    let mut anatomy = Anatomy::new(family, sizes);
    let bands = fields.size("num_mel_bins", 80)?;
    let convolution = |stride| ConvolutionPlan {
        kernel: KERNEL,
        stride,
        padding: 1,
        norm: ConvolutionNorm::None,
        // whatever the blocks have
        activation: Activation::Gelu,
    };
    anatomy.stem = StemPlan::Sound(SoundStemPlan {
        convolutions: vec![convolution(1), convolution(2)],
        samples: false,
        positions: None,
    });
    let place = Place::Convolution;
    anatomy.frozen_layer(place(0), "conv1", &[hidden, bands, KERNEL], true);
    anatomy.frozen_layer(place(1), "conv2", &[hidden, hidden, KERNEL], true);
    anatomy.push_pre_norm_blocks(sizes.layers, BlockPlan::pre_norm(fields)?, &PATHS);
    anatomy.norm(NormSite::Final, "layer_norm", hidden, true);
    Ok(anatomy)
}
