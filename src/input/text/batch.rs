use std::sync::Arc;

/// The token ids of one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Ids, special tokens included.
    pub ids: Vec<u32>,
    /// 0 for the first text of a pair, 1 for the second; as long as `ids`.
    pub type_ids: Vec<u32>,
    /// Whether the text was longer than the model reads and was cut.
    pub truncated: bool,
}

/// Several token sequences laid end to end, without padding.
///
/// With `s` sequences of `t` tokens in all: `ids`, `type_ids` and `positions` are `[t]`, `starts`
/// is `[s + 1]`, and sequence `i` is `starts[i]..starts[i + 1]`.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Token type ids.
    pub type_ids: Vec<u32>,
    /// Position of each token in its sequence.
    pub positions: Vec<u32>,
    /// Where each sequence starts, and the end of the last.
    pub starts: Arc<[usize]>,
}

impl Batch {
    /// Lays sequences end to end.
    pub fn new<'a>(sequences: impl IntoIterator<Item = &'a Encoded>) -> Self {
        let (mut ids, mut type_ids, mut positions) = (Vec::new(), Vec::new(), Vec::new());
        let mut starts = vec![0];
        for sequence in sequences {
            ids.extend_from_slice(&sequence.ids);
            type_ids.extend_from_slice(&sequence.type_ids);
            positions.extend((0u32..).take(sequence.ids.len()));
            starts.push(ids.len());
        }
        Self {
            ids,
            type_ids,
            positions,
            starts: starts.into(),
        }
    }

    /// Number of sequences.
    #[must_use]
    pub fn sequences(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of tokens over all sequences.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }
}

/// Cuts rows into runs that together have at most `limit` tokens, or hold one row.
pub fn runs<'a, T, L: Fn(&T) -> usize>(
    rows: &'a [T],
    limit: usize,
    length: L,
) -> impl Iterator<Item = &'a [T]> + use<'a, T, L> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let mut tokens = 0;
        let fitting = rest.iter().take_while(|row| {
            tokens += length(row);
            tokens <= limit
        });
        let count = fitting.count().max(1).min(rest.len());
        let (run, others) = rest.split_at(count);
        rest = others;
        (!run.is_empty()).then_some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_lie_end_to_end() {
        let one = Encoded {
            ids: vec![1, 2, 3],
            type_ids: vec![0, 0, 1],
            truncated: false,
        };
        let two = Encoded {
            ids: vec![9],
            type_ids: vec![0],
            truncated: false,
        };
        let batch = Batch::new([&one, &two]);
        assert_eq!(batch.ids, [1, 2, 3, 9]);
        assert_eq!(batch.type_ids, [0, 0, 1, 0]);
        assert_eq!(batch.positions, [0, 1, 2, 0]);
        assert_eq!(*batch.starts, [0, 3, 4]);
        assert_eq!((batch.sequences(), batch.tokens()), (2, 4));
    }

    #[test]
    fn runs_hold_every_row_once() {
        let lengths = |rows: &[usize]| -> Vec<usize> {
            runs(rows, 2048, |&length| length)
                .map(<[usize]>::len)
                .collect()
        };
        assert_eq!(lengths(&[2000, 100, 5000, 1, 2047]), [1, 1, 1, 2]);
        assert!(lengths(&[]).is_empty());
    }
}
