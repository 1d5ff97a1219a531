//! A family that nobody has: one folder, and the one row that the test hands over. It has what no other family has
//! together: narrow embeddings without a norm, norms before the halves, rotary positions, a bias by distance, windows in
//! every other layer, a gate, and a norm at the end.
#![allow(unreachable_pub)]

use graftlet::kernels::Reach;
use graftlet::model::family::{Family, HeadLayout, Targets};
use graftlet::model::{
    Anatomy, BlockPlan, ConfigFields, Linear, LinearSite, NormSite, RelativePositions, Sizes,
    Sublayer, SublayerSite, Table,
};
use graftlet::ops::Activation;

pub static FAMILY: Family = Family {
    model_type: "made-up",
    title: "Made-up",
    class: "MadeUp",
    adapter_model_class: "",
    adapter_prefix: "self_prefix",
    base: "made_up",
    beside: &[],
    sibling: &[],
    tied: &[],
    attribute_map: &[("hidden_size", "d_model")],
    own_fields: &[],
    anatomy,
    bottlenecks: ["blocks.{}.mix", "blocks.{}.feed"],
    targets: Targets::SIX,
    head: HeadLayout::POOLED,
};

pub const THETA: f64 = 50.0;
pub const WINDOW: usize = 2;
pub const RELATIVE: RelativePositions = RelativePositions {
    buckets: 8,
    max_distance: 6,
};

fn anatomy(family: &'static Family, fields: &ConfigFields) -> graftlet::Result<Anatomy> {
    let sizes = Sizes::read(
        fields,
        Sizes {
            hidden_size: 8,
            layers: 2,
            heads: 2,
            intermediate_size: 6,
            vocab_size: 11,
            max_tokens: 9,
            norm_eps: 1e-6,
        },
    )?;
    let narrow = fields.size("narrow", 6)?;
    let (hidden, ffn) = (sizes.hidden_size, sizes.intermediate_size);
    let mut anatomy = Anatomy::new(family, sizes);
    anatomy.embedding_size = narrow;
    anatomy.relative_positions = Some(RELATIVE);
    anatomy.table(Table::Words, "tokens", sizes.vocab_size, narrow);
    anatomy.table(Table::Positions, "places", sizes.max_tokens, narrow);
    anatomy.linear_layer(
        LinearSite::EMBEDDING_PROJECTION,
        "widen",
        [hidden, narrow],
        true,
    );
    anatomy.table(
        Table::RelativePositions,
        "distances",
        RELATIVE.buckets,
        sizes.heads,
    );
    for layer in 0..sizes.layers {
        let linears = [
            (Linear::Query, "mix.q", [hidden, hidden], false),
            (Linear::Key, "mix.k", [hidden, hidden], false),
            (Linear::Value, "mix.v", [hidden, hidden], true),
            (Linear::AttentionOutput, "mix.o", [hidden, hidden], true),
            (Linear::FfnUp, "feed.up", [2 * ffn, hidden], true),
            (Linear::FfnDown, "feed.down", [hidden, ffn], false),
        ];
        for (linear, name, shape, bias) in linears {
            let path = format!("blocks.{layer}.{name}");
            anatomy.linear_layer(LinearSite::new(layer, linear), &path, shape, bias);
        }
        for (sublayer, name) in [
            (Sublayer::Attention, "mix.norm"),
            (Sublayer::Ffn, "feed.norm"),
        ] {
            let site = NormSite::Block(SublayerSite { layer, sublayer });
            anatomy.norm(site, &format!("blocks.{layer}.{name}"), hidden, layer == 0);
        }
        anatomy.blocks.push(BlockPlan {
            norm_first: true,
            activation: Activation::Swish,
            gated: true,
            rotary: Some(THETA),
            reach: if layer % 2 == 0 {
                Reach::ALL
            } else {
                Reach::window(WINDOW)
            },
        });
    }
    anatomy.norm(NormSite::Final, "last_norm", hidden, true);
    Ok(anatomy)
}
