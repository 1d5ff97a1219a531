//! One head of one sequence.

use std::f32::consts::LOG2_E;

use super::shape::{Reach, RelativeBias, UNSEEN};
use crate::pack::row_panels;
use crate::tiles::{COLS, GROUP, ROWS};

/// One head of one sequence: where its queries and keys lie.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) queries: usize,
    /// The place of the first query in the sequence.
    pub(super) first: usize,
    /// The row of the first query.
    pub(super) first_row: usize,
    pub(super) keys: usize,
    pub(super) prefix: usize,
    pub(super) start: usize,
    pub(super) dim: usize,
    pub(super) width: usize,
    pub(super) head: usize,
    pub(super) reach: Reach,
    pub(super) bias: Option<&'a RelativeBias>,
}

impl Part<'_> {
    /// Where query `i` begins. One beyond the last stands for the last.
    pub(super) fn query(&self, i: usize) -> usize {
        (self.first_row + i.min(self.queries - 1)) * self.width + self.head * self.dim
    }

    /// Where key `i` begins: the prefix first, then the sequence. One beyond the last stands for
    /// the last.
    pub(super) fn key(&self, i: usize) -> usize {
        let i = i.min(self.keys - 1);
        let row = if i < self.prefix { i } else { self.start + i };
        row * self.width + self.head * self.dim
    }

    /// What scores are multiplied by.
    pub(super) fn scale(&self) -> f32 {
        1.0 / (self.dim as f32).sqrt()
    }

    /// Keys, as many as whole tiles have.
    pub(super) fn padded_keys(&self) -> usize {
        self.keys.next_multiple_of(GROUP)
    }

    /// Groups of eight queries.
    pub(super) fn groups(&self) -> usize {
        self.queries.div_ceil(COLS)
    }

    /// Columns of a head, as many as whole panels of activations have.
    pub(super) fn padded_dim(&self) -> usize {
        self.dim.next_multiple_of(ROWS)
    }

    /// Adds to the scores of group `group` of the queries, `[key][8 queries]` in units of ln 2, what
    /// depends on places alone.
    #[inline(always)]
    pub(super) fn place(&self, group: usize, scores: &mut [[f32; COLS]]) {
        if self.reach == Reach::ALL && self.bias.is_none() {
            return;
        }
        for (key, scores) in scores.iter_mut().skip(self.prefix).enumerate() {
            for (r, score) in scores.iter_mut().enumerate() {
                let query = self.first + group * COLS + r;
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
    pub(super) fn pack_queries(&self, x: &[f32], group: usize, scale: f32, panel: &mut [f32]) {
        row_panels::<COLS>(self.dim, |i| &x[self.query(group * COLS + i)..], panel);
        panel.iter_mut().for_each(|x| *x *= scale);
    }
}

/// Writes `values * scale` to `out`, as far as it reaches.
#[inline(always)]
pub(super) fn store_scaled(values: &[f32; COLS], scale: f32, out: &mut [f32]) {
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
