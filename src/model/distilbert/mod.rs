//! DistilBERT (Sanh et al. 2019, <https://arxiv.org/abs/1910.01108>): BERT without token types and pooler, under other
//! names.

use super::anatomy::{Anatomy, Sizes};
use super::family::{BASE, BlockPaths, Embeddings, Family, HeadLayout, HeadReads, Targets};
use super::fields::ConfigFields;
use super::place::Linear;
use super::plans::BlockPlan;
use crate::error::Result;
use crate::ops::Activation;

/// The row of this family.
pub(super) static FAMILY: Family = Family {
    model_type: "distilbert",
    title: "DistilBERT",
    class: "DistilBert",
    adapter_model_class: "DistilBertAdapterModel",
    adapter_prefix: "self",
    base: "distilbert",
    beside: &[],
    sibling: &[],
    tied: &["vocab_projector.weight"],
    attribute_map: &[
        ("hidden_size", "dim"),
        ("num_hidden_layers", "n_layers"),
        ("num_attention_heads", "n_heads"),
        ("intermediate_size", "hidden_dim"),
    ],
    own_fields: &[("hidden_act", "activation")],
    anatomy,
    bottlenecks: [
        "transformer.layer.{}.attention_adapters",
        "transformer.layer.{}.output_adapters",
    ],
    targets: Targets::SIX,
    head: HeadLayout {
        reads: HeadReads::FirstToken,
        layers: &[
            ("pre_classifier", Some(Activation::Relu)),
            ("classifier", None),
        ],
    },
};

const PATHS: BlockPaths = BlockPaths {
    block: "transformer.layer.{}.",
    linears: [
        (Linear::Query, "attention.q_lin"),
        (Linear::Key, "attention.k_lin"),
        (Linear::Value, "attention.v_lin"),
        (Linear::AttentionOutput, "attention.out_lin"),
        (Linear::FfnUp, "ffn.lin1"),
        (Linear::FfnDown, "ffn.lin2"),
    ],
    unbiased: &[],
    norms: ["sa_layer_norm", "output_layer_norm"],
    scales: None,
};

fn anatomy(family: &'static Family, fields: &ConfigFields) -> Result<Anatomy> {
    let default = Sizes { layers: 6, ..BASE };
    let mut sizes = Sizes::read(fields, default)?;
    // no configuration changes it
    sizes.norm_eps = BASE.norm_eps;
    let mut anatomy = Anatomy::new(family, sizes);
    anatomy.push_embeddings(Embeddings {
        positions: sizes.max_tokens,
        token_types: 0,
        width: sizes.hidden_size,
    });
    anatomy.push_post_norm_blocks(sizes.layers, BlockPlan::post_norm(fields)?, &PATHS);
    Ok(anatomy)
}
