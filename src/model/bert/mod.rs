//! BERT (Devlin et al. 2019, <https://arxiv.org/abs/1810.04805>).

use super::anatomy::{Anatomy, Sizes};
use super::family::{BASE, BERT_BOTTLENECKS, BERT_PATHS, Embeddings, Family, HeadLayout, Targets};
use super::fields::ConfigFields;
use super::plans::BlockPlan;
use crate::error::Result;

/// The row of this family.
pub(super) static FAMILY: Family = Family {
    model_type: "bert",
    title: "BERT",
    class: "Bert",
    adapter_model_class: "BertAdapterModel",
    adapter_prefix: "self_prefix",
    base: "bert",
    beside: &[],
    sibling: &[],
    tied: &["cls.predictions.decoder.weight"],
    attribute_map: &[],
    own_fields: &[],
    anatomy,
    bottlenecks: BERT_BOTTLENECKS,
    targets: Targets::SIX,
    head: HeadLayout::POOLED,
};

fn anatomy(family: &'static Family, fields: &ConfigFields) -> Result<Anatomy> {
    let sizes = Sizes::read(fields, BASE)?;
    let mut anatomy = Anatomy::new(family, sizes);
    anatomy.push_embeddings(Embeddings {
        positions: sizes.max_tokens,
        token_types: fields.size("type_vocab_size", 2)?,
        width: sizes.hidden_size,
    });
    anatomy.push_post_norm_blocks(sizes.layers, BlockPlan::post_norm(fields)?, &BERT_PATHS);
    anatomy.push_pooler();
    Ok(anatomy)
}
