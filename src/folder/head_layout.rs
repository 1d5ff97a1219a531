//! The heads of transformers' own model classes, as both libraries save them.

use crate::head::{HeadConfig, Pooling, field};
use crate::model::Shape;
use crate::model::family::{HeadLayout, HeadReads};

/// What such a head reads.
pub(super) fn pooling(layout: &HeadLayout) -> Pooling {
    match layout.reads {
        HeadReads::Pooler => Pooling::Pooler,
        HeadReads::FirstToken => Pooling::First,
        HeadReads::Mean => Pooling::Mean,
        HeadReads::Others => Pooling::Others,
        HeadReads::FirstAndOthers => Pooling::FirstAndOthers,
    }
}

/// The key of a parameter of such a head.
pub(super) fn key(layout: &HeadLayout, name: &str) -> String {
    let dense = layout.dense().map_or("", |(module, _)| module);
    let (module, part) = match name {
        field::DENSE => (dense, "weight"),
        field::DENSE_BIAS => (dense, "bias"),
        field::OUT => (layout.last(), "weight"),
        _ => (layout.last(), "bias"),
    };
    format!("{module}.{part}")
}

/// The layout of a head that a class of the family has, if one has it.
pub(super) fn of_head(config: &HeadConfig, shape: &Shape) -> Option<HeadLayout> {
    if config.problem.kind.reads_tokens() {
        let fits = config.reads_pooler(shape) == shape.anatomy.pooler.of_tokens;
        return (fits && config.dense.is_none()).then_some(HeadLayout::TOKENS);
    }
    let layout = shape.anatomy.family.head;
    let dense = layout.dense().map(|(_, activation)| activation);
    let exists = !layout.layers.is_empty();
    let own = config.dense.map(|dense| dense.activation);
    let fits = exists && config.pooling == pooling(&layout) && own == dense;
    fits.then_some(layout)
}
