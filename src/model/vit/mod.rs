//! Vision transformers: ViT (Dosovitskiy et al. 2020, <https://arxiv.org/abs/2010.11929>), DeiT (Touvron et al. 2020,
//! <https://arxiv.org/abs/2012.12877>), which has a second state before the patches, and DINOv2 (Oquab et al. 2023,
//! <https://arxiv.org/abs/2304.07193>), which scales the output of each half block.

use super::anatomy::{Anatomy, Sizes};
use super::family::{BASE, Family, HeadLayout, HeadReads, Targets};
use super::fields::{ConfigFields, unsupported};
use super::place::{Linear, LinearSite, NormSite, Place, Sublayer, SublayerSite, Table};
use super::plans::{BlockPlan, PictureStemPlan, StemPlan};
use crate::error::Result;
use crate::kernels::Reach;

/// The row of ViT.
pub(super) static FAMILY: Family = Family {
    model_type: "vit",
    title: "ViT",
    class: "ViT",
    // AdapterHub has one, which nobody has compared with yet
    adapter_model_class: "",
    adapter_prefix: "self_prefix",
    base: "vit",
    pooler_is_beside: false,
    tied: &[],
    attribute_map: &[],
    own_fields: &[],
    anatomy: |family, fields| anatomy(family, fields, &VIT),
    bottlenecks: [
        "encoder.layer.{}.attention_adapters",
        "encoder.layer.{}.output_adapters",
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
    base: "dinov2",
    anatomy: |family, fields| {
        if fields.flag("use_swiglu_ffn", false)? {
            return Err(unsupported(
                "this folder holds a DINOv2 model with SwiGLU (the giant one); graftlet reads the small, base and large ones".into(),
            ));
        }
        anatomy(family, fields, &SCALED)
    },
    // its class reads the first state and the mean of the others
    head: HeadLayout::NONE,
    ..FAMILY
};

const TARGETS: Targets = Targets {
    lora: &[Linear::Query, Linear::Value],
    ia3: &[Linear::Key, Linear::Value, Linear::FfnDown],
    ia3_feedforward: &[Linear::FfnDown],
};

/// What the families differ in.
struct Plan {
    /// What stands before the patches.
    leading: &'static [(Table, &'static str)],
    norms: [&'static str; 2],
    feed_forward: [&'static str; 2],
    /// What the outputs of the half blocks are multiplied with, if they are.
    scales: Option<[&'static str; 2]>,
    /// Whether the checkpoint may have a pooler.
    pooler: bool,
    image_size: usize,
    patch_size: usize,
    norm_eps: f64,
}

const VIT: Plan = Plan {
    leading: &[(Table::Class, "embeddings.cls_token")],
    norms: ["layernorm_before", "layernorm_after"],
    feed_forward: ["intermediate.dense", "output.dense"],
    scales: None,
    pooler: true,
    image_size: 224,
    patch_size: 16,
    norm_eps: 1e-12,
};

const SCALED: Plan = Plan {
    norms: ["norm1", "norm2"],
    feed_forward: ["mlp.fc1", "mlp.fc2"],
    scales: Some(["layer_scale1.lambda1", "layer_scale2.lambda1"]),
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
    anatomy.convolution(0, path, &[hidden, channels, patch, patch]);
    let bias = fields.flag("qkv_bias", true)?;
    let [up, down] = plan.feed_forward;
    let linears = [
        (
            Linear::Query,
            "attention.attention.query",
            [hidden, hidden],
            bias,
        ),
        (
            Linear::Key,
            "attention.attention.key",
            [hidden, hidden],
            bias,
        ),
        (
            Linear::Value,
            "attention.attention.value",
            [hidden, hidden],
            bias,
        ),
        (
            Linear::AttentionOutput,
            "attention.output.dense",
            [hidden, hidden],
            true,
        ),
        (Linear::FfnUp, up, [ffn, hidden], true),
        (Linear::FfnDown, down, [hidden, ffn], true),
    ];
    let block = BlockPlan {
        norm_first: true,
        activation: fields.activation("hidden_act")?,
        gated: false,
        rotary: None,
        reach: Reach::ALL,
    };
    for layer in 0..sizes.layers {
        let path = |name: &str| format!("encoder.layer.{layer}.{name}");
        for (sublayer, name) in Sublayer::ALL.into_iter().zip(plan.norms) {
            let site = NormSite::Block(SublayerSite { layer, sublayer });
            anatomy.norm(site, &path(name), hidden, true);
        }
        for (linear, name, shape, bias) in linears {
            anatomy.linear_layer(LinearSite::new(layer, linear), &path(name), shape, bias);
        }
        for (sublayer, name) in Sublayer::ALL
            .into_iter()
            .zip(plan.scales.into_iter().flatten())
        {
            let place = Place::Scale(SublayerSite { layer, sublayer });
            anatomy.parameter(place, &path(name), &[hidden]);
        }
        anatomy.blocks.push(block);
    }
    anatomy.norm(NormSite::Final, "layernorm", hidden, true);
    if plan.pooler {
        anatomy.push_pooler();
    }
    Ok(anatomy)
}
