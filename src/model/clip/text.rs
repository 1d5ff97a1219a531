use super::{PATHS, block, pooler};
use crate::error::Result;
use crate::input::text::Ending;
use crate::kernels::Reach;
use crate::model::anatomy::{Anatomy, Sizes};
use crate::model::family::{BASE, Family};
use crate::model::fields::ConfigFields;
use crate::model::place::{LinearSite, NormSite, Table};
use crate::model::plans::{BlockPlan, PoolerReads, StemPlan, TextStemPlan};
use crate::ops::Activation;

/// What the families differ in.
pub(super) struct Plan {
    sizes: Sizes,
    activation: Activation,
    reach: Reach,
    ending: fn(&ConfigFields) -> Result<Ending>,
    /// Path of the layer behind the blocks, the field that has its outputs, and whether it has a bias.
    projection: (&'static str, &'static str, bool),
}

pub(super) const CLIP: Plan = Plan {
    sizes: Sizes {
        hidden_size: 512,
        heads: 8,
        intermediate_size: 2048,
        vocab_size: 49408,
        max_tokens: 77,
        norm_eps: 1e-5,
        ..BASE
    },
    activation: Activation::QuickGelu,
    reach: Reach::CAUSAL,
    // the first models were saved with a wrong number, which transformers takes for this rule
    ending: |fields| match fields.token("eos_token_id", 49407)? {
        2 => Ok(Ending::AtHighest),
        id => Ok(Ending::At(id)),
    },
    projection: ("text_projection", "projection_dim", false),
};

pub(super) const SIGLIP: Plan = Plan {
    sizes: Sizes {
        vocab_size: 32000,
        max_tokens: 64,
        norm_eps: 1e-6,
        ..BASE
    },
    activation: Activation::GeluNew,
    reach: Reach::ALL,
    // it was trained on texts of one length, and reads what fills them
    ending: |fields| Ok(Ending::Filled(fields.token("pad_token_id", 1)?)),
    projection: ("head", "projection_size", true),
};

/// Numbers of CLIP's vectors where a configuration says nothing; SigLIP's have as many as its states.
const PROJECTION: usize = 512;

pub(super) fn anatomy(
    family: &'static Family,
    fields: &ConfigFields,
    plan: &Plan,
) -> Result<Anatomy> {
    let sizes = Sizes::read(fields, plan.sizes)?;
    let hidden = sizes.hidden_size;
    let mut anatomy = Anatomy::new(family, sizes);
    anatomy.stem = StemPlan::Text(TextStemPlan {
        padding: None,
        ending: (plan.ending)(fields)?,
    });
    let tables = [
        (Table::Words, "token", sizes.vocab_size),
        (Table::Positions, "position", sizes.max_tokens),
    ];
    for (table, name, rows) in tables {
        anatomy.table(table, &format!("embeddings.{name}_embedding"), rows, hidden);
    }
    let block = BlockPlan {
        reach: plan.reach,
        ..block(fields, plan.activation)?
    };
    anatomy.push_pre_norm_blocks(sizes.layers, block, &PATHS);
    anatomy.norm(NormSite::Final, "final_layer_norm", hidden, true);
    let (path, field, bias) = plan.projection;
    let width = fields.size(field, if bias { hidden } else { PROJECTION })?;
    anatomy.linear_layer(LinearSite::POOLER, path, [width, hidden], bias);
    anatomy.pooler = pooler(PoolerReads::Last, false);
    Ok(anatomy)
}
