//! Models of texts and pictures whose vectors can be compared: CLIP (Radford et al. 2021, <https://arxiv.org/abs/2103.00020>) and
//! SigLIP (Zhai et al. 2023, <https://arxiv.org/abs/2303.15343>). Each has two towers, and each tower is a backbone of its own.

mod text;
mod towers;
mod vision;

pub use towers::TowerName;
pub(super) use towers::{of_tower, scale};

use super::family::{BlockPaths, Family, HeadLayout, HeadReads, Targets};
use super::fields::ConfigFields;
use super::place::Linear;
use super::plans::{BlockPlan, PoolerPlan, PoolerReads};
use crate::error::Result;
use crate::ops::Activation;

/// The row of CLIP's tower of texts.
pub(super) static CLIP_TEXT: Family = Family {
    model_type: "clip_text_model",
    title: "CLIP text",
    class: "CLIPText",
    adapter_model_class: "CLIPTextModelWithProjection",
    adapter_prefix: "self_prefix",
    base: "text_model",
    beside: &["text_projection"],
    sibling: &["vision_model", "visual_projection"],
    tied: &[],
    attribute_map: &[],
    own_fields: &[],
    anatomy: |family, fields| text::anatomy(family, fields, &text::CLIP),
    bottlenecks: [
        "encoder.layers.{}.attention_adapters",
        "encoder.layers.{}.output_adapters",
    ],
    targets: Targets {
        lora: &[Linear::Query, Linear::Value],
        ia3: &[Linear::Key, Linear::Value, Linear::FfnDown],
        ia3_feedforward: &[Linear::FfnDown],
    },
    head: HeadLayout::NONE,
};

/// The row of CLIP's tower of pictures.
pub(super) static CLIP_VISION: Family = Family {
    model_type: "clip_vision_model",
    title: "CLIP vision",
    class: "CLIPVision",
    adapter_model_class: "CLIPVisionModelWithProjection",
    base: "vision_model",
    beside: &["visual_projection"],
    sibling: &["text_model", "text_projection"],
    anatomy: |family, fields| vision::anatomy(family, fields, &vision::CLIP),
    head: HeadLayout {
        reads: HeadReads::Others,
        layers: &[("classifier", None)],
    },
    ..CLIP_TEXT
};

/// The row of SigLIP's tower of texts.
pub(super) static SIGLIP_TEXT: Family = Family {
    model_type: "siglip_text_model",
    title: "SigLIP text",
    class: "SiglipText",
    adapter_model_class: "",
    beside: &[],
    sibling: &["vision_model"],
    anatomy: |family, fields| text::anatomy(family, fields, &text::SIGLIP),
    ..CLIP_TEXT
};

/// The row of SigLIP's tower of pictures.
pub(super) static SIGLIP_VISION: Family = Family {
    model_type: "siglip_vision_model",
    title: "SigLIP vision",
    class: "SiglipVision",
    adapter_model_class: "",
    beside: &[],
    sibling: &["text_model"],
    anatomy: |family, fields| vision::anatomy(family, fields, &vision::SIGLIP),
    head: HeadLayout {
        reads: HeadReads::Mean,
        layers: &[("classifier", None)],
    },
    ..CLIP_VISION
};

const PATHS: BlockPaths = BlockPaths {
    block: "encoder.layers.{}.",
    linears: [
        (Linear::Query, "self_attn.q_proj"),
        (Linear::Key, "self_attn.k_proj"),
        (Linear::Value, "self_attn.v_proj"),
        (Linear::AttentionOutput, "self_attn.out_proj"),
        (Linear::FfnUp, "mlp.fc1"),
        (Linear::FfnDown, "mlp.fc2"),
    ],
    unbiased: &[],
    norms: ["layer_norm1", "layer_norm2"],
    scales: None,
};

/// The plan of a block, with an activation for a configuration that names none.
fn block(fields: &ConfigFields, activation: Activation) -> Result<BlockPlan> {
    let plan = BlockPlan::pre_norm(fields)?;
    Ok(match fields.get("hidden_act") {
        Some(_) => plan,
        None => BlockPlan { activation, ..plan },
    })
}

/// A pooler whose vectors are those that the model compares.
const fn pooler(reads: PoolerReads, norm_first: bool) -> PoolerPlan {
    PoolerPlan {
        reads,
        activation: Activation::Linear,
        norm_first,
        embeds: true,
        of_tokens: false,
    }
}
