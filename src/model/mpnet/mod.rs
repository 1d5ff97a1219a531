//! MPNet (Song et al. 2020, <https://arxiv.org/abs/2004.09297>): BERT's blocks with a bias by the distance between two
//! tokens, and RoBERTa's positions.

use super::anatomy::{Anatomy, Sizes};
use super::family::{BASE, BlockPaths, Embeddings, Family, Targets};
use super::fields::ConfigFields;
use super::place::{Linear, Table};
use super::plans::{BlockPlan, RelativePositions, StemPlan, TextStemPlan};
use super::roberta::{HEAD, behind_padding};
use crate::error::Result;

/// The row of this family.
pub(super) static FAMILY: Family = Family {
    model_type: "mpnet",
    title: "MPNet",
    class: "MPNet",
    adapter_model_class: "",
    adapter_prefix: "self_prefix",
    base: "mpnet",
    beside: &[],
    sibling: &[],
    tied: &["lm_head.decoder.weight"],
    attribute_map: &[],
    own_fields: &[],
    anatomy,
    bottlenecks: ["encoder.layer.{}.attention", "encoder.layer.{}.output"],
    targets: Targets::SIX,
    head: HEAD,
};

const PATHS: BlockPaths = BlockPaths {
    block: "encoder.layer.{}.",
    linears: [
        (Linear::Query, "attention.attn.q"),
        (Linear::Key, "attention.attn.k"),
        (Linear::Value, "attention.attn.v"),
        (Linear::AttentionOutput, "attention.attn.o"),
        (Linear::FfnUp, "intermediate.dense"),
        (Linear::FfnDown, "output.dense"),
    ],
    unbiased: &[],
    norms: ["attention.LayerNorm", "output.LayerNorm"],
    scales: None,
};

/// Whatever the configuration says, as in transformers.
const PADDING: u32 = 1;
/// The same: `relative_attention_num_buckets` is only the size of the table.
const RELATIVE: RelativePositions = RelativePositions {
    buckets: 32,
    max_distance: 128,
};

fn anatomy(family: &'static Family, fields: &ConfigFields) -> Result<Anatomy> {
    let default = Sizes {
        vocab_size: 30527,
        ..BASE
    };
    let mut sizes = Sizes::read(fields, default)?;
    let positions = sizes.max_tokens;
    sizes.max_tokens = behind_padding(positions, PADDING)?;
    let rows = fields.size("relative_attention_num_buckets", RELATIVE.buckets)?;
    if rows < RELATIVE.buckets {
        return Err(super::fields::invalid(format!(
            "relative_attention_num_buckets is {rows}, and the model looks up {}",
            RELATIVE.buckets
        )));
    }
    let mut anatomy = Anatomy::new(family, sizes);
    anatomy.stem = StemPlan::Text(TextStemPlan {
        padding: Some(PADDING),
        ..TextStemPlan::default()
    });
    anatomy.relative_positions = Some(RELATIVE);
    anatomy.push_embeddings(Embeddings {
        positions,
        token_types: 0,
        width: sizes.hidden_size,
    });
    let table = Table::RelativePositions;
    anatomy.table(table, "encoder.relative_attention_bias", rows, sizes.heads);
    anatomy.push_post_norm_blocks(sizes.layers, BlockPlan::post_norm(fields)?, &PATHS);
    anatomy.push_pooler();
    Ok(anatomy)
}
