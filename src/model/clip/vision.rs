use super::{PATHS, block, pooler};
use crate::error::Result;
use crate::model::anatomy::{Anatomy, Sizes};
use crate::model::family::{BASE, Family};
use crate::model::fields::{ConfigFields, unsupported};
use crate::model::module_plan::ModulePlan;
use crate::model::place::{Attending, LinearSite, NormSite, Place, Table};
use crate::model::plans::{PictureStemPlan, PoolerReads, StemPlan};
use crate::ops::Activation;

/// What the families differ in.
pub(super) struct Plan {
    norm_eps: f64,
    patch: usize,
    activation: Activation,
    /// Whether a state stands before the patches, with a norm behind the stem and a projection behind the pooler; else a pooler
    /// attends to all states.
    class: bool,
}

pub(super) const CLIP: Plan = Plan {
    norm_eps: 1e-5,
    patch: 32,
    activation: Activation::QuickGelu,
    class: true,
};

pub(super) const SIGLIP: Plan = Plan {
    norm_eps: 1e-6,
    patch: 16,
    activation: Activation::GeluNew,
    class: false,
};

/// What both have where a configuration says nothing.
const IMAGE_SIZE: usize = 224;

pub(super) fn anatomy(
    family: &'static Family,
    fields: &ConfigFields,
    plan: &Plan,
) -> Result<Anatomy> {
    let image = fields.size("image_size", IMAGE_SIZE)?;
    let patch = fields.size("patch_size", plan.patch)?;
    let grid = image / patch;
    let leading = usize::from(plan.class);
    let positions = leading + grid * grid;
    let default = Sizes {
        norm_eps: plan.norm_eps,
        ..BASE
    };
    let sizes = Sizes {
        max_tokens: positions,
        ..Sizes::read(fields, default)?
    };
    let channels = fields.size("num_channels", 3)?;
    if channels != 3 {
        return Err(unsupported(format!(
            "this folder holds a {} model for pictures with {channels} channels; graftlet reads those with 3",
            family.title
        )));
    }
    let hidden = sizes.hidden_size;
    let mut anatomy = Anatomy::new(family, sizes);
    anatomy.stem = StemPlan::Picture(PictureStemPlan {
        patch,
        grid,
        leading: vec![Table::Class; leading],
    });
    if plan.class {
        let place = Place::Table(Table::Class);
        anatomy.parameter(place, "embeddings.class_embedding", &[hidden]);
    }
    let path = "embeddings.patch_embedding";
    let shape = [hidden, channels, patch, patch];
    anatomy.frozen_layer(Place::Convolution(0), path, &shape, !plan.class);
    let path = "embeddings.position_embedding";
    anatomy.table(Table::Positions, path, positions, hidden);
    if plan.class {
        // transformers spells it so
        anatomy.norm(NormSite::Embedding, "pre_layrnorm", hidden, true);
    }
    let block = block(fields, plan.activation)?;
    anatomy.push_pre_norm_blocks(sizes.layers, block, &PATHS);
    if plan.class {
        anatomy.norm(NormSite::Pooler, "post_layernorm", hidden, true);
        let width = fields.size("projection_dim", 512)?;
        let site = LinearSite::POOLER;
        anatomy.linear_layer(site, "visual_projection", [width, hidden], false);
        anatomy.pooler = pooler(PoolerReads::First, true);
        return Ok(anatomy);
    }
    anatomy.norm(NormSite::Final, "post_layernorm", hidden, true);
    if fields.flag("vision_use_head", true)? {
        push_attending(&mut anatomy);
        anatomy.pooler = pooler(PoolerReads::Attention(block.activation), false);
    }
    Ok(anatomy)
}

/// Adds a pooler that attends to all states.
fn push_attending(anatomy: &mut Anatomy) {
    let (hidden, ffn) = (anatomy.hidden_size, anatomy.intermediate_size);
    let place = Place::Table(Table::Probe);
    anatomy.parameter(place, "head.probe", &[1, 1, hidden]);
    let place = Place::Attending(Attending::Projections);
    let path = "head.attention.in_proj";
    anatomy.push(ModulePlan {
        bias: true,
        quantized: true,
        endings: ["_weight", "_bias"],
        ..ModulePlan::new(place, path, &[3 * hidden, hidden])
    });
    let layers = [
        (Attending::Output, "attention.out_proj", [hidden, hidden]),
        (Attending::Up, "mlp.fc1", [ffn, hidden]),
        (Attending::Down, "mlp.fc2", [hidden, ffn]),
    ];
    for (layer, name, shape) in layers {
        let path = format!("head.{name}");
        anatomy.frozen_layer(Place::Attending(layer), &path, &shape, true);
    }
    anatomy.norm(NormSite::Pooler, "head.layernorm", hidden, true);
}
