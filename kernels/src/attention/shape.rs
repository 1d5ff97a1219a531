//! What attention is computed of: heads and sequences, and which token sees which.

use std::ops::Range;

use super::part::Part;

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
    /// Which queries of each sequence are computed, by their places in it, `[sequences]`; `q` and `out` have the
    /// rows of these alone, one sequence behind the other. `None` for all.
    pub queries: Option<&'a [Range<usize>]>,
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
    pub(super) fn sees(self, query: usize, key: usize) -> bool {
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
    pub(super) fn of(&self, head: usize, query: usize, key: usize) -> f32 {
        let distance = (key + self.farthest).saturating_sub(query);
        self.values[head * (2 * self.farthest + 1) + distance.min(2 * self.farthest)]
    }
}

impl AttentionShape<'_> {
    pub(super) fn width(&self) -> usize {
        self.heads * self.head_dim
    }

    pub(super) fn tokens(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    /// The queries that are computed of a sequence, by their places in it.
    fn own(&self, sequence: usize) -> Range<usize> {
        match self.queries {
            Some(queries) => queries[sequence].clone(),
            None => 0..self.starts[sequence + 1] - self.starts[sequence],
        }
    }

    /// The row of the first query of a sequence.
    fn first_query(&self, sequence: usize) -> usize {
        match self.queries {
            Some(queries) => queries[..sequence].iter().map(Range::len).sum(),
            None => self.starts[sequence],
        }
    }

    /// Asserts that the shape is one and that rows of queries and of keys have the lengths it asks
    /// for.
    pub(super) fn check<const Q: usize, const K: usize>(
        &self,
        queries: [&[f32]; Q],
        keys: [&[f32]; K],
    ) {
        assert!(self.heads > 0 && self.head_dim > 0);
        assert!(self.starts.first() == Some(&0) && self.starts.is_sorted());
        if let Some(queries) = self.queries {
            assert_eq!(queries.len(), self.sequences());
            for (queries, bounds) in queries.iter().zip(self.starts.windows(2)) {
                assert!(queries.is_empty() || queries.end <= bounds[1] - bounds[0]);
            }
        }
        let own = self.first_query(self.sequences());
        for rows in queries {
            assert_eq!(rows.len(), own * self.width());
        }
        for rows in keys {
            assert_eq!(rows.len(), (self.prefix + self.tokens()) * self.width());
        }
    }

    pub(super) fn sequences(&self) -> usize {
        self.starts.len() - 1
    }

    /// Multiply-adds of one product over all sequences and heads.
    pub(super) fn work(&self) -> usize {
        let pairs = |(sequence, s): (usize, &[usize])| {
            self.own(sequence).len() * (self.prefix + s[1] - s[0])
        };
        let sequences = self.starts.windows(2).enumerate();
        sequences.map(pairs).sum::<usize>() * self.width()
    }

    /// One head of one sequence.
    pub(super) fn part(&self, sequence: usize, head: usize) -> Part<'_> {
        let (start, end) = (self.starts[sequence], self.starts[sequence + 1]);
        let queries = self.own(sequence);
        Part {
            queries: queries.len(),
            first: queries.start,
            first_row: self.first_query(sequence),
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

/// The score of a key that a query does not see: its power of two is 0.
pub(super) const UNSEEN: f32 = -1e30;
