//! ELECTRA (Clark et al. 2020, <https://arxiv.org/abs/2003.10555>): BERT's blocks behind embeddings that may be narrower.

use super::anatomy::{Anatomy, Sizes};
use super::family::{
    BASE, BERT_BOTTLENECKS, BERT_PATHS, Embeddings, Family, HeadLayout, HeadReads, Targets,
};
use super::fields::ConfigFields;
use super::plans::BlockPlan;
use crate::error::Result;
use crate::ops::Activation;

/// The row of this family.
pub(super) static FAMILY: Family = Family {
    model_type: "electra",
    title: "ELECTRA",
    class: "Electra",
    adapter_model_class: "ElectraAdapterModel",
    adapter_prefix: "self_prefix",
    base: "electra",
    beside: &[],
    sibling: &[],
    tied: &["generator_lm_head.weight"],
    attribute_map: &[],
    own_fields: &[],
    anatomy,
    bottlenecks: BERT_BOTTLENECKS,
    targets: Targets::SIX,
    head: HeadLayout {
        reads: HeadReads::FirstToken,
        layers: &[
            ("classifier.dense", Some(Activation::Gelu)),
            ("classifier.out_proj", None),
        ],
    },
};

fn anatomy(family: &'static Family, fields: &ConfigFields) -> Result<Anatomy> {
    let default = Sizes {
        hidden_size: 256,
        heads: 4,
        intermediate_size: 1024,
        ..BASE
    };
    let sizes = Sizes::read(fields, default)?;
    let mut anatomy = Anatomy::new(family, sizes);
    anatomy.push_embeddings(Embeddings {
        positions: sizes.max_tokens,
        token_types: fields.size("type_vocab_size", 2)?,
        width: fields.size("embedding_size", 128)?,
    });
    anatomy.push_post_norm_blocks(sizes.layers, BlockPlan::post_norm(fields)?, &BERT_PATHS);
    Ok(anatomy)
}
