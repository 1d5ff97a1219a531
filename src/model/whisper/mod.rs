//! The encoder of Whisper (Radford et al. 2022, <https://arxiv.org/abs/2212.04356>): two convolutions over the frames of a sound,
//! sinusoidal positions, norms before the halves, and keys without a bias.

use super::anatomy::{Anatomy, Sizes};
use super::family::{BASE, Family, HeadLayout, Targets};
use super::fields::ConfigFields;
use super::place::{Linear, LinearSite, NormSite, Sublayer, SublayerSite};
use super::plans::{BlockPlan, ConvolutionPlan, SoundStemPlan, StemPlan};
use crate::error::Result;
use crate::kernels::Reach;
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
    pooler_is_beside: false,
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
    // its class projects to 256 numbers before the last layer
    head: HeadLayout::NONE,
};

/// Frames that a convolution sees.
const KERNEL: usize = 3;

/// Linear layers of a block under transformers' names, and whether they have a bias.
const LINEARS: [(Linear, &str, bool); 6] = [
    (Linear::Query, "self_attn.q_proj", true),
    (Linear::Key, "self_attn.k_proj", false),
    (Linear::Value, "self_attn.v_proj", true),
    (Linear::AttentionOutput, "self_attn.out_proj", true),
    (Linear::FfnUp, "fc1", true),
    (Linear::FfnDown, "fc2", true),
];

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
    let (hidden, ffn) = (sizes.hidden_size, sizes.intermediate_size);
    let mut anatomy = Anatomy::new(family, sizes);
    let bands = fields.size("num_mel_bins", 80)?;
    let convolution = |stride| ConvolutionPlan {
        kernel: KERNEL,
        stride,
        padding: 1,
        // whatever the blocks have
        activation: Activation::Gelu,
    };
    anatomy.stem = StemPlan::Sound(SoundStemPlan {
        convolutions: vec![convolution(1), convolution(2)],
    });
    anatomy.convolution(0, "conv1", &[hidden, bands, KERNEL]);
    anatomy.convolution(1, "conv2", &[hidden, hidden, KERNEL]);
    let plan = BlockPlan {
        norm_first: true,
        activation: fields.activation("hidden_act")?,
        gated: false,
        rotary: None,
        reach: Reach::ALL,
    };
    for layer in 0..sizes.layers {
        let path = |name: &str| format!("layers.{layer}.{name}");
        let norm = |sublayer| NormSite::Block(SublayerSite { layer, sublayer });
        anatomy.norm(
            norm(Sublayer::Attention),
            &path("self_attn_layer_norm"),
            hidden,
            true,
        );
        for (linear, name, bias) in LINEARS {
            let shape = match linear {
                Linear::FfnUp => [ffn, hidden],
                Linear::FfnDown => [hidden, ffn],
                _ => [hidden, hidden],
            };
            anatomy.linear_layer(LinearSite::new(layer, linear), &path(name), shape, bias);
        }
        anatomy.norm(norm(Sublayer::Ffn), &path("final_layer_norm"), hidden, true);
        anatomy.blocks.push(plan);
    }
    anatomy.norm(NormSite::Final, "layer_norm", hidden, true);
    Ok(anatomy)
}
