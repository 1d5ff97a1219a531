//! Multi-head scaled dot-product attention over packed sequences, without a causal mask (Vaswani et
//! al., <https://arxiv.org/abs/1706.03762>). Per sequence and head:
//!
//! `out = softmax(q k^T / sqrt(head_dim)) v`
//!
//! Each sequence and head is four small products (`q k^T` and `p v`, and their transposes in the
//! backward), which run on the same micro-kernels as the linear layers, eight queries at a time.

use super::pack::{column_panels, row_panels};
use super::parallel::{self, Disjoint};
use super::scratch::{self, pieces};
use super::softmax::{softmax, softmax_backward};
use super::tiles::{COLS, GROUP, ROWS, Sums, Tiles};
use super::{Variant, gemm_f32::store};

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
}

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
    fn part(&self, sequence: usize, head: usize) -> Part {
        let (start, end) = (self.starts[sequence], self.starts[sequence + 1]);
        Part {
            queries: end - start,
            keys: self.prefix + end - start,
            prefix: self.prefix,
            start,
            dim: self.head_dim,
            width: self.width(),
            column: head * self.head_dim,
        }
    }
}

/// One head of one sequence: where its queries and keys lie.
#[derive(Clone, Copy)]
struct Part {
    queries: usize,
    keys: usize,
    prefix: usize,
    start: usize,
    dim: usize,
    width: usize,
    column: usize,
}

impl Part {
    /// Where query `i` begins. One beyond the last stands for the last.
    fn query(&self, i: usize) -> usize {
        (self.start + i.min(self.queries - 1)) * self.width + self.column
    }

    /// Where key `i` begins: the prefix first, then the sequence. One beyond the last stands for
    /// the last.
    fn key(&self, i: usize) -> usize {
        let i = i.min(self.keys - 1);
        let row = if i < self.prefix { i } else { self.start + i };
        row * self.width + self.column
    }

    /// What scores are multiplied by.
    fn scale(&self) -> f32 {
        1.0 / (self.dim as f32).sqrt()
    }

    fn padded_keys(&self) -> usize {
        self.keys.next_multiple_of(COLS)
    }

    fn padded_dim(&self) -> usize {
        self.dim.next_multiple_of(COLS)
    }
}

/// Multiplies eight packed rows by panels `[columns / 8][inner][8]` and gives each tile to `put`
/// with its first column.
#[inline(always)]
fn times_panels(
    tiles: Tiles,
    a: &[f32],
    panels: &[f32],
    inner: usize,
    mut put: impl FnMut(usize, &Sums<f32>),
) {
    for (index, panel) in panels.chunks_exact(inner * COLS).enumerate() {
        let mut sums: Sums<f32> = [[0.0; COLS]; GROUP];
        (tiles.f32)(a, panel, &mut sums);
        put(index * COLS, &sums);
    }
}

/// The same, into rows of `stride`.
fn rows_times(
    tiles: Tiles,
    a: &[f32],
    panels: &[f32],
    inner: usize,
    out: &mut [f32],
    stride: usize,
) {
    times_panels(tiles, a, panels, inner, |column, sums| {
        for (out, sums) in out.chunks_exact_mut(stride).zip(sums) {
            store(*sums, &mut out[column..]);
        }
    });
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
        let Part {
            queries, keys, dim, ..
        } = part;
        let (padded_keys, padded_dim) = (part.padded_keys(), part.padded_dim());
        let lens = [
            padded_keys * dim,
            padded_dim * keys,
            queries.next_multiple_of(GROUP) * dim,
            GROUP * padded_keys,
            GROUP * keys,
        ];
        scratch::with_f32(lens.iter().sum(), |buffer| {
            let [k_columns, v_rows, q_packed, scores, p_packed] = pieces(buffer, lens);
            row_panels::<COLS>(dim, |i| &k[part.key(i)..], k_columns);
            column_panels::<COLS>(keys, dim, |i| &v[part.key(i)..], v_rows);
            row_panels::<ROWS>(dim, |i| &q[part.query(i)..], q_packed);
            q_packed.iter_mut().for_each(|q| *q *= part.scale());
            for (group, q) in q_packed.chunks_exact(GROUP * dim).enumerate() {
                let used = GROUP.min(queries - group * GROUP);
                rows_times(tiles, q, k_columns, dim, scores, padded_keys);
                for scores in scores.chunks_exact_mut(padded_keys).take(used) {
                    softmax(&mut scores[..keys]);
                }
                row_panels::<ROWS>(keys, |r| &scores[r * padded_keys..], p_packed);
                times_panels(tiles, p_packed, v_rows, keys, |column, sums| {
                    for (r, sums) in sums.iter().enumerate().take(used) {
                        let start = part.query(group * GROUP + r) + column;
                        // SAFETY: a task writes the columns of its head in the rows of its sequence
                        // only.
                        store(*sums, unsafe { out.slice(start, COLS.min(dim - column)) });
                    }
                });
            }
        });
    });
}

/// The gradients of [`attention`] with respect to `q`, `k` and `v`, in their shapes, for `d_out` in
/// the shape of `out`.
///
/// The probabilities `p` are computed again. With `dp = d_out v^T` and `ds = p * (dp - sum(p *
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
    part: Part,
    [dq, dk, dv]: [&Disjoint<'_>; 3],
) {
    let Part {
        queries, keys, dim, ..
    } = part;
    let (padded_keys, padded_dim) = (part.padded_keys(), part.padded_dim());
    let padded_queries = queries.next_multiple_of(GROUP);
    let lens = [
        padded_keys * dim,    // k and v as columns, for the products with their transposes
        padded_keys * dim,    //
        padded_dim * keys,    // k as rows
        padded_dim * queries, // q and d_out as rows
        padded_dim * queries, //
        padded_queries * dim, // q and d_out as activations
        padded_queries * dim, //
        padded_queries * padded_keys, // p and ds, [query][key]
        padded_queries * padded_keys, //
        padded_keys * queries, // the transpose of p, then of ds, as activations
        GROUP * keys,         // eight rows of ds as activations
    ];
    scratch::with_f32(lens.iter().sum(), |buffer| {
        let [
            k_columns,
            v_columns,
            k_rows,
            q_rows,
            d_rows,
            q_packed,
            d_packed,
            p,
            ds,
            turned,
            ds_packed,
        ] = pieces(buffer, lens);
        row_panels::<COLS>(dim, |i| &k[part.key(i)..], k_columns);
        row_panels::<COLS>(dim, |i| &v[part.key(i)..], v_columns);
        column_panels::<COLS>(keys, dim, |i| &k[part.key(i)..], k_rows);
        column_panels::<COLS>(queries, dim, |i| &q[part.query(i)..], q_rows);
        column_panels::<COLS>(queries, dim, |i| &d_out[part.query(i)..], d_rows);
        row_panels::<ROWS>(dim, |i| &q[part.query(i)..], q_packed);
        row_panels::<ROWS>(dim, |i| &d_out[part.query(i)..], d_packed);
        q_packed
            .iter_mut()
            .chain(&mut *q_rows)
            .for_each(|q| *q *= part.scale());

        for group in 0..padded_queries / GROUP {
            let used = GROUP.min(queries - group * GROUP);
            let p = &mut p[group * GROUP * padded_keys..][..GROUP * padded_keys];
            let ds = &mut ds[group * GROUP * padded_keys..][..GROUP * padded_keys];
            let packed = group * GROUP * dim..(group + 1) * GROUP * dim;
            rows_times(
                tiles,
                &q_packed[packed.clone()],
                k_columns,
                dim,
                p,
                padded_keys,
            );
            rows_times(tiles, &d_packed[packed], v_columns, dim, ds, padded_keys);
            let rows = p
                .chunks_exact_mut(padded_keys)
                .zip(ds.chunks_exact_mut(padded_keys));
            for (p, ds) in rows.take(used) {
                softmax(&mut p[..keys]);
                softmax_backward(&p[..keys], &mut ds[..keys]);
            }
            row_panels::<ROWS>(keys, |r| &ds[r * padded_keys..], ds_packed);
            times_panels(tiles, ds_packed, k_rows, keys, |column, sums| {
                for (r, sums) in sums.iter().enumerate().take(used) {
                    let start = part.query(group * GROUP + r) + column;
                    // SAFETY: this function's contract.
                    let dq = unsafe { dq.slice(start, COLS.min(dim - column)) };
                    store(sums.map(|sum| sum * part.scale()), dq);
                }
            });
        }

        for (scores, rows, out) in [(p, d_rows, dv), (ds, q_rows, dk)] {
            column_panels::<ROWS>(queries, padded_keys, |i| &scores[i * padded_keys..], turned);
            for (group, turned) in turned.chunks_exact(GROUP * queries).enumerate() {
                times_panels(tiles, turned, rows, queries, |column, sums| {
                    for (key, sums) in (group * GROUP..keys).zip(sums) {
                        // SAFETY: this function's contract.
                        let out =
                            unsafe { out.slice(part.key(key) + column, COLS.min(dim - column)) };
                        if key < part.prefix {
                            out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
                        } else {
                            store(*sums, out);
                        }
                    }
                });
            }
        }
    });
}

#[cfg(test)]
#[path = "attention_tests.rs"]
mod tests;
