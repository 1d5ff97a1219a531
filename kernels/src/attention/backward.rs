//! The backward pass of attention.

use std::f32::consts::LOG2_E;

use super::part::{Part, store_scaled};
use super::shape::AttentionShape;
use super::times;
use crate::Variant;
use crate::pack::{column_panels, row_panels};
use crate::parallel::{self, Disjoint};
use crate::scratch::{self, pieces};
use crate::softmax::{softmax, softmax_backward};
use crate::tiles::{Block, COLS, GROUP, ROWS, Sums, Tiles};

/// The gradients of [`attention`](super::attention()) with respect to `q`, `k` and `v`, in their shapes, for `d_out` in
/// the shape of `out`.
///
/// The bias is frozen and gets none. The probabilities `p` are computed again. With `dp = d_out v^T` and `ds = p * (dp - sum(p *
/// dp))`, row by row: `dv = p^T d_out`, `dq = ds k / sqrt(head_dim)`, `dk = ds^T q /
/// sqrt(head_dim)`. Rows of the prefix get the sum over the sequences, in their order. Asserts that
/// the lengths agree, that the variant is available and that the shape names no queries; without tokens
/// the gradient of the prefix is zero.
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
    assert!(shape.queries.is_none());
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

/// The transpose of `a[columns, inner] * b[inner, 8]`, eight columns at a time: `put` is given each
/// row's number, its first column and eight values.
#[inline(always)]
pub(super) fn times_turned(
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
