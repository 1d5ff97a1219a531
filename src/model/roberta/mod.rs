//! RoBERTa (Liu et al. 2019, <https://arxiv.org/abs/1907.11692>) and the families that share its code: XLM-RoBERTa
//! (Conneau et al. 2020) and CamemBERT (Martin et al. 2020). Their positions begin behind the padding token's number.

use super::anatomy::{Anatomy, Sizes};
use super::family::{
    BASE, BERT_BOTTLENECKS, BERT_PATHS, Embeddings, Family, HeadLayout, HeadReads, Targets,
};
use super::fields::{ConfigFields, invalid};
use super::plans::{BlockPlan, StemPlan, TextStemPlan};
use crate::error::Result;
use crate::ops::Activation;

/// The row of RoBERTa.
pub(super) static FAMILY: Family = Family {
    model_type: "roberta",
    title: "RoBERTa",
    class: "Roberta",
    adapter_model_class: "RobertaAdapterModel",
    adapter_prefix: "self_prefix",
    base: "roberta",
    beside: &[],
    sibling: &[],
    tied: &["lm_head.decoder.weight"],
    attribute_map: &[],
    own_fields: &[],
    anatomy: |family, fields| anatomy(family, fields, 50265),
    bottlenecks: BERT_BOTTLENECKS,
    targets: Targets::SIX,
    head: HEAD,
};

/// The row of XLM-RoBERTa.
pub(super) static XLM: Family = Family {
    model_type: "xlm-roberta",
    title: "XLM-RoBERTa",
    class: "XLMRoberta",
    adapter_model_class: "XLMRobertaAdapterModel",
    adapter_prefix: "self_prefix",
    anatomy: |family, fields| anatomy(family, fields, BASE.vocab_size),
    ..FAMILY
};

/// The row of CamemBERT.
pub(super) static CAMEMBERT: Family = Family {
    model_type: "camembert",
    title: "CamemBERT",
    class: "Camembert",
    adapter_model_class: "",
    adapter_prefix: "self_prefix",
    anatomy: |family, fields| anatomy(family, fields, BASE.vocab_size),
    ..FAMILY
};

/// Two layers over the first token.
pub(super) const HEAD: HeadLayout = HeadLayout {
    reads: HeadReads::FirstToken,
    layers: &[
        ("classifier.dense", Some(Activation::Tanh)),
        ("classifier.out_proj", None),
    ],
};

fn anatomy(family: &'static Family, fields: &ConfigFields, vocabulary: usize) -> Result<Anatomy> {
    let default = Sizes {
        vocab_size: vocabulary,
        ..BASE
    };
    let mut sizes = Sizes::read(fields, default)?;
    let positions = sizes.max_tokens;
    let padding = fields.token("pad_token_id", 1)?;
    sizes.max_tokens = behind_padding(positions, padding)?;
    let mut anatomy = Anatomy::new(family, sizes);
    anatomy.stem = StemPlan::Text(TextStemPlan {
        padding: Some(padding),
        ..TextStemPlan::default()
    });
    anatomy.push_embeddings(Embeddings {
        positions,
        token_types: fields.size("type_vocab_size", 2)?,
        width: sizes.hidden_size,
    });
    anatomy.push_post_norm_blocks(sizes.layers, BlockPlan::post_norm(fields)?, &BERT_PATHS);
    anatomy.push_pooler();
    Ok(anatomy)
}

/// How many of the positions lie behind the padding token's.
pub(super) fn behind_padding(positions: usize, padding: u32) -> Result<usize> {
    let left = positions.checked_sub(padding as usize + 1);
    left.filter(|&left| left > 0).ok_or_else(|| {
        invalid(format!(
            "max_position_embeddings {positions} leaves no position behind pad_token_id {padding}"
        ))
    })
}
