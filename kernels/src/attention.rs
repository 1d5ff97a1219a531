//! Multi-head scaled dot-product attention over packed sequences (Vaswani et al.,
//! <https://arxiv.org/abs/1706.03762>). Per sequence and head:
//!
//! `out = softmax(q k^T / sqrt(head_dim) + bias) v`
//!
//! over the keys within each query's [`Reach`]. The bias is absent or depends on the distance between
//! key and query alone ([`RelativeBias`]).
//!
//! Each sequence and head is a few small products on the same micro-kernels as the linear layers.
//! Queries come in groups of eight, which are the columns of a tile: scores are `[key][8 queries]`,
//! the layout in which softmax works on eight rows at once and the next product reads its weights.
//! Nothing is transposed on the way but the results, by blocks of 8 x 8.

mod backward;
mod part;
mod shape;

#[cfg(test)]
mod tests;

use std::f32::consts::LOG2_E;

use backward::times_turned;
use part::{Part, store_scaled};

use super::Variant;
use super::pack::{column_panels, row_panels};
use super::parallel::{self, Disjoint};
use super::scratch::{self, pieces};
use super::softmax::powers;
use super::tiles::{COLS, GROUP, ROWS, Tiles};

pub use backward::attention_backward;
pub use shape::{AttentionShape, Reach, RelativeBias};

/// `a[rows, inner] * b[inner, 8]` with packed `a`: eight rows of the product at a time, `[row][8]`.
#[inline(always)]
fn times(tiles: Tiles, a: &[f32], b: &[f32], products: &mut [f32]) {
    let inner = b.len() / COLS;
    let products = products
        .as_chunks_mut::<COLS>()
        .0
        .as_chunks_mut::<GROUP>()
        .0;
    for (a, sums) in a.chunks(GROUP * inner).zip(products) {
        (tiles.f32)(a, b, sums);
    }
}

/// Attention of `q[queries, heads * head_dim]` over `k`, `v` `[prefix + tokens, heads * head_dim]`
/// into `out[queries, heads * head_dim]`. There is a query for every token, unless the shape names some.
///
/// A query's result does not depend, bit for bit, on the queries and sequences beside it. Scores of any
/// finite size are safe. Asserts that the lengths agree and that the variant is available; no
/// tokens does nothing.
pub fn attention(
    variant: Variant,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    shape: AttentionShape<'_>,
    out: &mut [f32],
) {
    let tiles = Tiles::of(variant);
    shape.check([q, out], [k, v]);
    let out = Disjoint::new(out);
    parallel::for_each(shape.sequences() * shape.heads, 2 * shape.work(), |task| {
        let part = shape.part(task / shape.heads, task % shape.heads);
        if part.queries == 0 {
            return;
        }
        let Part { keys, dim, .. } = part;
        let lens = [
            part.padded_keys() * dim,  // k as activations
            part.padded_dim() * keys,  // the transpose of v as activations
            dim * COLS,                // eight queries
            part.padded_keys() * COLS, // their scores
        ];
        scratch::with_f32(lens.iter().sum(), |buffer| {
            let [k_packed, v_turned, q_panel, scores] = pieces(buffer, lens);
            row_panels::<ROWS>(dim, |i| &k[part.key(i)..], k_packed);
            column_panels::<ROWS>(keys, dim, |i| &v[part.key(i)..], v_turned);
            for group in 0..part.groups() {
                part.pack_queries(q, group, part.scale() * LOG2_E, q_panel);
                times(tiles, k_packed, q_panel, scores);
                let p = &mut scores[..keys * COLS];
                part.place(group, p.as_chunks_mut().0);
                let scale = powers(p.as_chunks_mut().0);
                let used = COLS.min(part.queries - group * COLS);
                times_turned(tiles, v_turned, p, |r, column, values| {
                    if r < used {
                        let start = part.query(group * COLS + r) + column;
                        // SAFETY: a task writes the columns of its head in the rows of its sequence
                        // only.
                        let out = unsafe { out.slice(start, COLS.min(dim - column)) };
                        store_scaled(values, scale[r], out);
                    }
                });
            }
        });
    });
}
