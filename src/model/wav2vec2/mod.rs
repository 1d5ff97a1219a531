//! wav2vec 2.0 (Baevski et al. 2020, <https://arxiv.org/abs/2006.11477>): convolutions over samples, a grouped convolution over
//! the states in place of positions, and norms behind or before the halves.

use super::anatomy::{Anatomy, Sizes};
use super::family::{BASE, BlockPaths, Family, HeadLayout, Targets};
use super::fields::{ConfigFields, invalid, unsupported};
use super::module_plan::ModulePlan;
use super::place::{Linear, LinearSite, NormSite, Place};
use super::plans::{BlockPlan, ConvolutionNorm, ConvolutionPlan, SoundStemPlan, StemPlan};
use crate::error::Result;

/// The row of this family.
pub(super) static FAMILY: Family = Family {
    model_type: "wav2vec2",
    title: "wav2vec 2.0",
    class: "Wav2Vec2",
    adapter_model_class: "",
    adapter_prefix: "self_prefix",
    base: "wav2vec2",
    beside: &[],
    sibling: &[],
    tied: &[],
    attribute_map: &[],
    own_fields: &[],
    anatomy,
    bottlenecks: [
        "encoder.layers.{}.attention_adapters",
        "encoder.layers.{}.output_adapters",
    ],
    targets: Targets {
        lora: &[Linear::Query, Linear::Value],
        ia3: &[Linear::Key, Linear::Value, Linear::FfnDown],
        ia3_feedforward: &[Linear::FfnDown],
    },
    head: HeadLayout::PROJECTED_MEAN,
};

const PATHS: BlockPaths = BlockPaths {
    block: "encoder.layers.{}.",
    linears: [
        (Linear::Query, "attention.q_proj"),
        (Linear::Key, "attention.k_proj"),
        (Linear::Value, "attention.v_proj"),
        (Linear::AttentionOutput, "attention.out_proj"),
        (Linear::FfnUp, "feed_forward.intermediate_dense"),
        (Linear::FfnDown, "feed_forward.output_dense"),
    ],
    unbiased: &[],
    norms: ["layer_norm", "final_layer_norm"],
    scales: None,
};

/// 30 seconds: the model has no longest sequence of its own, but memory has.
const MOST_STEPS: usize = 1500;

/// Most convolutions before the blocks.
const MOST_CONVOLUTIONS: usize = 32;

fn anatomy(family: &'static Family, fields: &ConfigFields) -> Result<Anatomy> {
    for field in ["add_adapter", "adapter_attn_dim"] {
        if fields.get(field).is_some_and(|value| *value != false) {
            return Err(unsupported(format!(
                "this folder holds a {} model with {field}, whose modules between or behind the blocks are not computed here",
                family.title
            )));
        }
    }
    let default = Sizes {
        max_tokens: MOST_STEPS,
        norm_eps: 1e-5,
        ..BASE
    };
    let sizes = Sizes::read(fields, default)?;
    let mut anatomy = Anatomy::new(family, sizes);
    let stable = fields.flag("do_stable_layer_norm", false)?;
    let norm = match fields.text("feat_extract_norm").unwrap_or("group") {
        "group" => ConvolutionNorm::Time,
        "layer" => ConvolutionNorm::Channels,
        other => return Err(invalid(format!("feat_extract_norm is {other}"))),
    };
    let stem = stem(fields, norm)?;
    let width = push_convolutions(&mut anatomy, fields, &stem.convolutions)?;
    anatomy.embedding_size = width;
    anatomy.norm(
        NormSite::Embedding,
        "feature_projection.layer_norm",
        width,
        true,
    );
    let hidden = sizes.hidden_size;
    let site = LinearSite::EMBEDDING_PROJECTION;
    let path = "feature_projection.projection";
    anatomy.linear_layer(site, path, [hidden, width], true);
    push_positions(&mut anatomy, fields, &stem)?;
    anatomy.stem = StemPlan::Sound(stem);
    let mut last = NormSite::Entry;
    if stable {
        last = NormSite::Final;
        anatomy.push_pre_norm_blocks(sizes.layers, BlockPlan::pre_norm(fields)?, &PATHS);
    } else {
        anatomy.push_post_norm_blocks(sizes.layers, BlockPlan::post_norm(fields)?, &PATHS);
    }
    anatomy.norm(last, "encoder.layer_norm", hidden, true);
    Ok(anatomy)
}

fn stem(fields: &ConfigFields, norm: ConvolutionNorm) -> Result<SoundStemPlan> {
    let kernels = fields.sizes("conv_kernel", &[10, 3, 3, 3, 3, 2, 2])?;
    let strides = fields.sizes("conv_stride", &[5, 2, 2, 2, 2, 2, 2])?;
    let activation = fields.activation("feat_extract_activation")?;
    let layers = kernels.len();
    if layers != strides.len() || layers > MOST_CONVOLUTIONS {
        return Err(invalid(format!(
            "conv_kernel has {layers} entries and conv_stride {}; there is one of each for every convolution, at most {MOST_CONVOLUTIONS}",
            strides.len()
        )));
    }
    let layers = kernels.into_iter().zip(strides).enumerate();
    let convolutions = layers.map(|(index, (kernel, stride))| ConvolutionPlan {
        kernel,
        stride,
        padding: 0,
        norm: match norm {
            // one convolution alone has it
            ConvolutionNorm::Time if index > 0 => ConvolutionNorm::None,
            norm => norm,
        },
        activation,
    });
    let kernel = fields.size("num_conv_pos_embeddings", 128)?;
    Ok(SoundStemPlan {
        convolutions: convolutions.collect(),
        samples: true,
        positions: Some(ConvolutionPlan {
            kernel,
            stride: 1,
            padding: kernel / 2,
            norm: ConvolutionNorm::None,
            activation,
        }),
    })
}

/// Adds the convolutions over samples. Answers with the channels of the last.
fn push_convolutions(
    anatomy: &mut Anatomy,
    fields: &ConfigFields,
    plans: &[ConvolutionPlan],
) -> Result<usize> {
    let channels = fields.sizes("conv_dim", &[512; 7])?;
    if channels.len() != plans.len() {
        return Err(invalid(format!(
            "conv_dim has {} entries for {} convolutions",
            channels.len(),
            plans.len()
        )));
    }
    let bias = fields.flag("conv_bias", false)?;
    let mut before = 1;
    for (index, (plan, out)) in plans.iter().zip(channels).enumerate() {
        let path = format!("feature_extractor.conv_layers.{index}");
        let shape = [out, before, plan.kernel];
        let place = Place::Convolution(index);
        anatomy.frozen_layer(place, &format!("{path}.conv"), &shape, bias);
        if plan.norm != ConvolutionNorm::None {
            let place = Place::ConvolutionNorm(index);
            let path = format!("{path}.layer_norm");
            anatomy.push(ModulePlan {
                bias: true,
                ..ModulePlan::new(place, &path, &[out])
            });
        }
        before = out;
    }
    Ok(before)
}

/// Adds the convolution over the states.
fn push_positions(
    anatomy: &mut Anatomy,
    fields: &ConfigFields,
    stem: &SoundStemPlan,
) -> Result<()> {
    let hidden = anatomy.hidden_size;
    let groups = fields.size("num_conv_pos_embedding_groups", 16)?;
    if !hidden.is_multiple_of(groups) {
        return Err(invalid(format!(
            "hidden_size {hidden} is not a multiple of num_conv_pos_embedding_groups {groups}"
        )));
    }
    let kernel = stem.positions.map_or(1, |plan| plan.kernel);
    let place = Place::Convolution(stem.convolutions.len());
    let path = "encoder.pos_conv_embed.conv";
    anatomy.push(ModulePlan {
        bias: true,
        quantized: true,
        groups,
        weight_norm: true,
        ..ModulePlan::new(place, path, &[hidden, hidden / groups, kernel])
    });
    Ok(())
}
