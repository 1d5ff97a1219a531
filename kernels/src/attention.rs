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

use std::f32::consts::LOG2_E;

use super::Variant;
use super::pack::{column_panels, row_panels};
use super::parallel::{self, Disjoint};
use super::scratch::{self, pieces};
use super::softmax::{powers, softmax, softmax_backward};
use super::tiles::{Block, COLS, GROUP, ROWS, Sums, Tiles};

/// How the rows of `q`, `k`, `v` fall into sequences and their columns into heads.
#[derive(Clone, Copy, Debug)]
pub struct AttentionShape<'a> {
    /// Attention heads; head `h` has the columns `h * head_dim .. (h + 1) * head_dim`.
    pub heads: usize,
    /// Columns of one head.
    pub head_dim: usize,
    /// Where the sequences start, and where the last one ends: ascending from 0 to the number of
    /// tokens, `[sequences + 1]`. A sequence may be empty.
    pub starts: &'a [usize],
    /// The first `prefix` rows of `k` and `v` belong to no token and are seen by every sequence
    /// (prefix tuning); the row of token `i` is `prefix + i`.
    pub prefix: usize,
    /// Which keys of its sequence a query sees. The prefix is seen by all.
    pub reach: Reach,
    /// What is added to the scores; nothing to those of the prefix.
    pub bias: Option<&'a RelativeBias>,
}

/// How many keys before and after its own a query sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Keys before the query's own.
    pub before: usize,
    /// Keys after it.
    pub after: usize,
}

impl Reach {
    /// The whole sequence.
    pub const ALL: Self = Self {
        before: usize::MAX,
        after: usize::MAX,
    };
    /// The query's own key and all before it.
    pub const CAUSAL: Self = Self {
        before: usize::MAX,
        after: 0,
    };

    /// A window with as many keys on both sides of the query's own.
    #[must_use]
    pub const fn window(keys: usize) -> Self {
        Self {
            before: keys,
            after: keys,
        }
    }

    /// Whether the query at a position sees the key at another.
    #[inline(always)]
    fn sees(self, query: usize, key: usize) -> bool {
        key <= query.saturating_add(self.after) && query <= key.saturating_add(self.before)
    }
}

/// A frozen number for each head and each distance from a query to a key, which is added to their score
/// (T5's and MPNet's relative attention bias).
#[derive(Clone, Debug)]
pub struct RelativeBias {
    /// `[heads, 2 * farthest + 1]`: distances from `-farthest` to `farthest`.
    values: Vec<f32>,
    farthest: usize,
}

impl RelativeBias {
    /// `value(head, distance)` for the distances `key - query` from `-farthest` to `farthest`. What lies
    /// farther away has the value of the farthest.
    pub fn new(heads: usize, farthest: usize, value: impl Fn(usize, isize) -> f32) -> Self {
        let limit = farthest.cast_signed();
        let values = (0..heads).flat_map(|head| (-limit..=limit).map(move |d| (head, d)));
        Self {
            values: values
                .map(|(head, distance)| value(head, distance))
                .collect(),
            farthest,
        }
    }

    #[inline(always)]
    fn of(&self, head: usize, query: usize, key: usize) -> f32 {
        let distance = (key + self.farthest).saturating_sub(query);
        self.values[head * (2 * self.farthest + 1) + distance.min(2 * self.farthest)]
    }
}

/// The score of a key that a query does not see: its power of two is 0.
const UNSEEN: f32 = -1e30;

impl AttentionShape<'_> {
    fn width(&self) -> usize {
        self.heads * self.head_dim
    }

    fn tokens(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    /// Asserts that the shape is one and that rows of queries and of keys have the lengths it asks
    /// for.
    fn check<const Q: usize, const K: usize>(&self, queries: [&[f32]; Q], keys: [&[f32]; K]) {
        assert!(self.heads > 0 && self.head_dim > 0);
        assert!(self.starts.first() == Some(&0) && self.starts.is_sorted());
        for rows in queries {
            assert_eq!(rows.len(), self.tokens() * self.width());
        }
        for rows in keys {
            assert_eq!(rows.len(), (self.prefix + self.tokens()) * self.width());
        }
    }

    fn sequences(&self) -> usize {
        self.starts.len() - 1
    }

    /// Multiply-adds of one product over all sequences and heads.
    fn work(&self) -> usize {
        let pairs = |s: &[usize]| (s[1] - s[0]) * (self.prefix + s[1] - s[0]);
        self.starts.windows(2).map(pairs).sum::<usize>() * self.width()
    }

    /// One head of one sequence.
    fn part(&self, sequence: usize, head: usize) -> Part<'_> {
        let (start, end) = (self.starts[sequence], self.starts[sequence + 1]);
        Part {
            queries: end - start,
            keys: self.prefix + end - start,
            prefix: self.prefix,
            start,
            dim: self.head_dim,
            width: self.width(),
            head,
            reach: self.reach,
            bias: self.bias,
        }
    }
}

/// One head of one sequence: where its queries and keys lie.
#[derive(Clone, Copy)]
struct Part<'a> {
    queries: usize,
    keys: usize,
    prefix: usize,
    start: usize,
    dim: usize,
    width: usize,
    head: usize,
    reach: Reach,
    bias: Option<&'a RelativeBias>,
}

impl Part<'_> {
    /// Where query `i` begins. One beyond the last stands for the last.
    fn query(&self, i: usize) -> usize {
        (self.start + i.min(self.queries - 1)) * self.width + self.head * self.dim
    }

    /// Where key `i` begins: the prefix first, then the sequence. One beyond the last stands for
    /// the last.
    fn key(&self, i: usize) -> usize {
        let i = i.min(self.keys - 1);
        let row = if i < self.prefix { i } else { self.start + i };
        row * self.width + self.head * self.dim
    }

    /// What scores are multiplied by.
    fn scale(&self) -> f32 {
        1.0 / (self.dim as f32).sqrt()
    }

    /// Keys, as many as whole tiles have.
    fn padded_keys(&self) -> usize {
        self.keys.next_multiple_of(GROUP)
    }

    /// Groups of eight queries.
    fn groups(&self) -> usize {
        self.queries.div_ceil(COLS)
    }

    /// Columns of a head, as many as whole panels of activations have.
    fn padded_dim(&self) -> usize {
        self.dim.next_multiple_of(ROWS)
    }

    /// Adds to the scores of group `group` of the queries, `[key][8 queries]` in units of ln 2, what
    /// depends on places alone.
    #[inline(always)]
    fn place(&self, group: usize, scores: &mut [[f32; COLS]]) {
        if self.reach == Reach::ALL && self.bias.is_none() {
            return;
        }
        for (key, scores) in scores.iter_mut().skip(self.prefix).enumerate() {
            for (r, score) in scores.iter_mut().enumerate() {
                let query = group * COLS + r;
                if let Some(bias) = self.bias {
                    *score += bias.of(self.head, query, key) * LOG2_E;
                }
                if !self.reach.sees(query, key) {
                    *score = UNSEEN;
                }
            }
        }
    }

    /// Packs group `group` of the queries' rows of `x` as a panel `[dim][8]`, times `scale`.
    #[inline(always)]
    fn pack_queries(&self, x: &[f32], group: usize, scale: f32, panel: &mut [f32]) {
        row_panels::<COLS>(self.dim, |i| &x[self.query(group * COLS + i)..], panel);
        panel.iter_mut().for_each(|x| *x *= scale);
    }
}

/// Writes `values * scale` to `out`, as far as it reaches.
#[inline(always)]
fn store_scaled(values: &[f32; COLS], scale: f32, out: &mut [f32]) {
    if let Some(out) = out.first_chunk_mut::<COLS>() {
        for i in 0..COLS {
            out[i] = values[i] * scale;
        }
    } else {
        out.iter_mut()
            .zip(values)
            .for_each(|(out, value)| *out = value * scale);
    }
}

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

/// The transpose of `a[columns, inner] * b[inner, 8]`, eight columns at a time: `put` is given each
/// row's number, its first column and eight values.
#[inline(always)]
fn times_turned(
    tiles: Tiles,
    a: &[f32],
    b: &[f32],
    mut put: impl FnMut(usize, usize, &[f32; COLS]),
) {
    let inner = b.len() / COLS;
    for (index, a) in a.chunks(GROUP * inner).enumerate() {
        let mut sums: Sums<f32> = [[0.0; COLS]; GROUP];
        (tiles.f32)(a, b, &mut sums);
        let mut turned: Block<f32> = [0.0; COLS * COLS];
        if let Ok(sums) = sums.as_flattened().try_into() {
            (tiles.turn_f32)(sums, &mut turned);
        }
        for (row, values) in turned.as_chunks().0.iter().enumerate() {
            put(row, index * GROUP, values);
        }
    }
}

/// Attention of `q[tokens, heads * head_dim]` over `k`, `v` `[prefix + tokens, heads * head_dim]`
/// into `out[tokens, heads * head_dim]`.
///
/// A sequence's result does not depend, bit for bit, on the sequences beside it. Scores of any
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

/// The gradients of [`attention`] with respect to `q`, `k` and `v`, in their shapes, for `d_out` in
/// the shape of `out`.
///
/// The bias is frozen and gets none. The probabilities `p` are computed again. With `dp = d_out v^T` and `ds = p * (dp - sum(p *
/// dp))`, row by row: `dv = p^T d_out`, `dq = ds k / sqrt(head_dim)`, `dk = ds^T q /
/// sqrt(head_dim)`. Rows of the prefix get the sum over the sequences, in their order. Asserts that
/// the lengths agree and that the variant is available; without tokens the gradient of the prefix
/// is zero.
#[allow(clippy::too_many_arguments)] // three inputs, their three gradients
pub fn attention_backward(
    variant: Variant,
    q: &[f32],
    k: &[f32],
    v: &[f32],
    d_out: &[f32],
    shape: AttentionShape<'_>,
    dq: &mut [f32],
    dk: &mut [f32],
    dv: &mut [f32],
) {
    let tiles = Tiles::of(variant);
    shape.check([q, d_out, dq], [k, v, dk, dv]);
    dk[..shape.prefix * shape.width()].fill(0.0);
    dv[..shape.prefix * shape.width()].fill(0.0);
    let (dq, dk, dv) = (Disjoint::new(dq), Disjoint::new(dk), Disjoint::new(dv));
    // A task is a head, not a head of a sequence: sequences share the prefix's rows.
    parallel::for_each(shape.heads, 5 * shape.work(), |head| {
        for part in (0..shape.sequences()).map(|sequence| shape.part(sequence, head)) {
            if part.queries > 0 {
                // SAFETY: only this task has the columns of this head.
                unsafe { backward_part(tiles, [q, k, v, d_out], part, [&dq, &dk, &dv]) };
            }
        }
    });
}

/// The backward of one head of one sequence.
///
/// # Safety
/// Nothing else uses the columns of this head in the outputs meanwhile.
unsafe fn backward_part(
    tiles: Tiles,
    [q, k, v, d_out]: [&[f32]; 4],
    part: Part<'_>,
    [dq, dk, dv]: [&Disjoint<'_>; 3],
) {
    let Part { keys, dim, .. } = part;
    let (padded_keys, padded_queries) = (part.padded_keys(), part.groups() * COLS);
    let lens = [
        padded_keys * dim,                  // k and v as activations
        padded_keys * dim,                  //
        part.padded_dim() * keys,           // the transposes of k, q and d_out as activations
        part.padded_dim() * padded_queries, //
        part.padded_dim() * padded_queries, //
        dim * COLS,                         // eight queries, and their rows of d_out
        dim * COLS,                         //
        padded_keys * COLS,                 // their p and ds
        padded_keys * COLS,                 //
        padded_keys * padded_queries,       // p and ds of all queries, [keys / 8][query][8]
        padded_keys * padded_queries,       //
    ];
    scratch::with_f32(lens.iter().sum(), |buffer| {
        let [
            k_packed,
            v_packed,
            k_turned,
            q_turned,
            d_turned,
            q_panel,
            d_panel,
            p,
            ds,
            all_p,
            all_ds,
        ] = pieces(buffer, lens);
        row_panels::<ROWS>(dim, |i| &k[part.key(i)..], k_packed);
        row_panels::<ROWS>(dim, |i| &v[part.key(i)..], v_packed);
        column_panels::<ROWS>(keys, dim, |i| &k[part.key(i)..], k_turned);
        column_panels::<ROWS>(padded_queries, dim, |i| &q[part.query(i)..], q_turned);
        column_panels::<ROWS>(padded_queries, dim, |i| &d_out[part.query(i)..], d_turned);

        for group in 0..part.groups() {
            let used = COLS.min(part.queries - group * COLS);
            part.pack_queries(q, group, part.scale() * LOG2_E, q_panel);
            part.pack_queries(d_out, group, 1.0, d_panel);
            times(tiles, k_packed, q_panel, p);
            times(tiles, v_packed, d_panel, ds);
            let (p_lanes, ds_lanes) = (p.as_chunks_mut().0, ds.as_chunks_mut().0);
            part.place(group, &mut p_lanes[..keys]);
            softmax(&mut p_lanes[..keys]);
            softmax_backward(&p_lanes[..keys], &mut ds_lanes[..keys]);
            // what fills up the last group must not count in the sums over queries
            for lanes in p_lanes.iter_mut().chain(&mut *ds_lanes) {
                lanes[used..].fill(0.0);
            }
            times_turned(tiles, k_turned, &ds[..keys * COLS], |r, column, values| {
                if r < used {
                    let start = part.query(group * COLS + r) + column;
                    // SAFETY: this function's contract.
                    let dq = unsafe { dq.slice(start, COLS.min(dim - column)) };
                    store_scaled(values, part.scale(), dq);
                }
            });
            for (from, all) in [(&*p, &mut *all_p), (&*ds, &mut *all_ds)] {
                let panels = all.chunks_exact_mut(padded_queries * COLS);
                for (from, panel) in from.as_chunks().0.iter().zip(panels) {
                    let panel = &mut panel[group * COLS * COLS..];
                    if let Some(to) = panel.first_chunk_mut() {
                        (tiles.turn_f32)(from, to);
                    }
                }
            }
        }

        for (all, turned, scale, out) in [
            (&*all_p, &*d_turned, 1.0, dv),
            (&*all_ds, &*q_turned, part.scale(), dk),
        ] {
            for (index, panel) in all.chunks_exact(padded_queries * COLS).enumerate() {
                times_turned(tiles, turned, panel, |r, column, values| {
                    let key = index * COLS + r;
                    if key >= keys {
                        return;
                    }
                    let start = part.key(key) + column;
                    // SAFETY: this function's contract.
                    let out = unsafe { out.slice(start, COLS.min(dim - column)) };
                    if key < part.prefix {
                        out.iter_mut()
                            .zip(values)
                            .for_each(|(out, value)| *out += value * scale);
                    } else {
                        store_scaled(values, scale, out);
                    }
                });
            }
        }
    });
}

#[cfg(test)]
#[path = "attention_tests.rs"]
mod tests;
