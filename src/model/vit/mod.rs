//! Vision transformers: ViT (Dosovitskiy et al. 2020, <https://arxiv.org/abs/2010.11929>), DeiT (Touvron et al. 2020,
//! <https://arxiv.org/abs/2012.12877>), which has a second state before the patches, and DINOv2 (Oquab et al. 2023,
//! <https://arxiv.org/abs/2304.07193>), which scales the output of each half block.

use super::anatomy::{Anatomy, Sizes};
use super::family::{BASE, BlockPaths, Family, HeadLayout, HeadReads, Targets};
use super::fields::{ConfigFields, unsupported};
use super::place::{Linear, NormSite, Place, Table};
use super::plans::{BlockPlan, PictureStemPlan, StemPlan};
use crate::error::Result;

/// The row of ViT.
pub(super) static FAMILY: Family = Family {
    model_type: "vit",
    title: "ViT",
    class: "ViT",
    adapter_model_class: "ViTAdapterModel",
    adapter_prefix: "self_prefix",
    base: "vit",
    beside: &[],
    sibling: &[],
    tied: &[],
    attribute_map: &[],
    own_fields: &[],
    anatomy: |family, fields| anatomy(family, fields, &VIT),
    bottlenecks: [
        "encoder.layer.{}.attention_adapters",
        "encoder.layer.{}.output.output_adapters",
    ],
    targets: TARGETS,
    head: HeadLayout {
        reads: HeadReads::FirstToken,
        layers: &[("classifier", None)],
    },
};

/// The row of DeiT.
pub(super) static DEIT: Family = Family {
    model_type: "deit",
    title: "DeiT",
    class: "DeiT",
    adapter_model_class: "",
    base: "deit",
    anatomy: |family, fields| {
        let plan = Plan {
            leading: &[
                (Table::Class, "embeddings.cls_token"),
                (Table::Distillation, "embeddings.distillation_token"),
            ],
            ..VIT
        };
        anatomy(family, fields, &plan)
    },
    ..FAMILY
};

/// The row of DINOv2.
pub(super) static DINOV2: Family = Family {
    model_type: "dinov2",
    title: "DINOv2",
    class: "Dinov2",
    adapter_model_class: "",
    base: "dinov2",
    anatomy: |family, fields| {
        if fields.flag("use_swiglu_ffn", false)? {
            return Err(unsupported(
                "this folder holds a DINOv2 model with SwiGLU (the giant one); graftlet reads the small, base and large ones".into(),
            ));
        }
        anatomy(family, fields, &SCALED)
    },
    head: HeadLayout {
        reads: HeadReads::FirstAndOthers,
        layers: &[("classifier", None)],
    },
    ..FAMILY
};

const TARGETS: Targets = Targets {
    lora: &[Linear::Query, Linear::Value],
    ia3: &[Linear::Key, Linear::Value, Linear::FfnDown],
    ia3_feedforward: &[Linear::FfnDown],
};

const PATHS: BlockPaths = BlockPaths {
    block: "encoder.layer.{}.",
    linears: [
        (Linear::Query, "attention.attention.query"),
        (Linear::Key, "attention.attention.key"),
        (Linear::Value, "attention.attention.value"),
        (Linear::AttentionOutput, "attention.output.dense"),
        (Linear::FfnUp, "intermediate.dense"),
        (Linear::FfnDown, "output.dense"),
    ],
    unbiased: &[],
    norms: ["layernorm_before", "layernorm_after"],
    scales: None,
};

/// What the families differ in.
struct Plan {
    /// What stands before the patches.
    leading: &'static [(Table, &'static str)],
    paths: BlockPaths,
    /// Whether the checkpoint may have a pooler.
    pooler: bool,
    image_size: usize,
    patch_size: usize,
    norm_eps: f64,
}

const VIT: Plan = Plan {
    leading: &[(Table::Class, "embeddings.cls_token")],
    paths: PATHS,
    pooler: true,
    image_size: 224,
    patch_size: 16,
    norm_eps: 1e-12,
};

const SCALED: Plan = Plan {
    paths: BlockPaths {
        linears: [
            PATHS.linears[0],
            PATHS.linears[1],
            PATHS.linears[2],
            PATHS.linears[3],
            (Linear::FfnUp, "mlp.fc1"),
            (Linear::FfnDown, "mlp.fc2"),
        ],
        norms: ["norm1", "norm2"],
        scales: Some(["layer_scale1.lambda1", "layer_scale2.lambda1"]),
        ..PATHS
    },
    pooler: false,
    patch_size: 14,
    norm_eps: 1e-6,
    ..VIT
};

fn anatomy(family: &'static Family, fields: &ConfigFields, plan: &Plan) -> Result<Anatomy> {
    let hidden = fields.size("hidden_size", BASE.hidden_size)?;
    // DINOv2 says how many times as wide the feed-forward network is
    let ffn = fields.size("intermediate_size", hidden * fields.size("mlp_ratio", 4)?)?;
    let (image, patch) = (
        fields.size("image_size", plan.image_size)?,
        fields.size("patch_size", plan.patch_size)?,
    );
    let grid = image / patch;
    let leading = plan.leading.len();
    let positions = leading + grid * grid;
    let sizes = Sizes::read(
        fields,
        Sizes {
            intermediate_size: ffn,
            max_tokens: positions,
            norm_eps: plan.norm_eps,
            ..BASE
        },
    )?;
    let sizes = Sizes {
        intermediate_size: ffn,
        max_tokens: positions,
        ..sizes
    };
    let mut anatomy = Anatomy::new(family, sizes);
    let channels = fields.size("num_channels", 3)?;
    if channels != 3 {
        return Err(unsupported(format!(
            "this folder holds a {} model for pictures with {channels} channels; graftlet reads those with 3",
            family.title
        )));
    }
    anatomy.stem = StemPlan::Picture(PictureStemPlan {
        patch,
        grid,
        leading: plan.leading.iter().map(|(table, _)| *table).collect(),
    });
    for &(table, path) in plan.leading {
        anatomy.parameter(Place::Table(table), path, &[1, 1, hidden]);
    }
    let path = "embeddings.position_embeddings";
    anatomy.parameter(
        Place::Table(Table::Positions),
        path,
        &[1, positions, hidden],
    );
    let path = "embeddings.patch_embeddings.projection";
    let shape = [hidden, channels, patch, patch];
    anatomy.frozen_layer(Place::Convolution(0), path, &shape, true);
    let paths = BlockPaths {
        unbiased: match fields.flag("qkv_bias", true)? {
            true => &[],
            false => &[Linear::Query, Linear::Key, Linear::Value],
        },
        ..plan.paths
    };
    anatomy.push_pre_norm_blocks(sizes.layers, BlockPlan::pre_norm(fields)?, &paths);
    anatomy.norm(NormSite::Final, "layernorm", hidden, true);
    if plan.pooler {
        anatomy.push_pooler();
    }
    Ok(anatomy)
}
