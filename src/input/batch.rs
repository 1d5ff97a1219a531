use std::sync::Arc;

use super::sequence::{Frames, PictureSequence, SequenceRef};

/// Several sequences laid end to end, without padding.
#[derive(Clone, Debug)]
pub struct Batch {
    /// What they are made of.
    pub steps: Steps,
    /// Where the steps of each sequence start, and the end of the last: `[sequences + 1]`.
    pub starts: Arc<[usize]>,
}

/// The steps of all sequences of a batch.
#[derive(Clone, Debug)]
pub enum Steps {
    /// Of texts.
    Tokens(Tokens),
    /// Of sounds.
    Frames(Vec<Frames>),
    /// Of pictures.
    Pictures(Vec<PictureSequence>),
    /// Of several sorts, which no model reads.
    Mixed,
}

/// The tokens of texts, each `[tokens]`.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Token type ids.
    pub type_ids: Vec<u32>,
    /// Position of each token in its sequence.
    pub positions: Vec<u32>,
}

impl Batch {
    /// Lays sequences end to end.
    pub fn new<'a, S: Into<SequenceRef<'a>>>(sequences: impl IntoIterator<Item = S>) -> Self {
        let mut steps = None;
        let mut starts = vec![0];
        for sequence in sequences {
            let sequence = sequence.into();
            starts.push(starts[starts.len() - 1] + sequence.len());
            let steps = steps.get_or_insert_with(|| Steps::like(sequence));
            steps.push(sequence);
        }
        Self {
            steps: steps.unwrap_or_default(),
            starts: starts.into(),
        }
    }

    /// Number of sequences.
    #[must_use]
    pub fn sequences(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of steps over all sequences.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts[self.sequences()]
    }

    /// Whether there are no steps.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Steps {
    fn default() -> Self {
        Self::Tokens(Tokens::default())
    }
}

impl Steps {
    /// None yet, of this sort.
    fn like(sequence: SequenceRef<'_>) -> Self {
        match sequence {
            SequenceRef::Tokens(_) => Self::default(),
            SequenceRef::Frames(_) => Self::Frames(Vec::new()),
            SequenceRef::Picture(_) => Self::Pictures(Vec::new()),
        }
    }

    fn push(&mut self, sequence: SequenceRef<'_>) {
        match (&mut *self, sequence) {
            (Self::Tokens(tokens), SequenceRef::Tokens(more)) => {
                tokens.ids.extend_from_slice(&more.ids);
                tokens.type_ids.extend_from_slice(&more.type_ids);
                tokens.positions.extend((0u32..).take(more.ids.len()));
            }
            (Self::Frames(frames), SequenceRef::Frames(more)) => frames.push(more.clone()),
            (Self::Pictures(all), SequenceRef::Picture(more)) => all.push(more.clone()),
            _ => *self = Self::Mixed,
        }
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
#[allow(clippy::panic)]
mod tests {
    use super::*;
    use crate::input::Sequence;
    use crate::input::text::Encoded;

    fn text(ids: &[u32], type_ids: &[u32]) -> Encoded {
        Encoded {
            ids: ids.to_vec(),
            type_ids: type_ids.to_vec(),
            truncated: false,
        }
    }

    #[test]
    fn sequences_lie_end_to_end() {
        let batch = Batch::new([&text(&[1, 2, 3], &[0, 0, 1]), &text(&[9], &[0])]);
        let Steps::Tokens(tokens) = &batch.steps else {
            panic!("{batch:?}")
        };
        assert_eq!(tokens.ids, [1, 2, 3, 9]);
        assert_eq!(tokens.type_ids, [0, 0, 1, 0]);
        assert_eq!(tokens.positions, [0, 1, 2, 0]);
        assert_eq!(*batch.starts, [0, 3, 4]);
        assert_eq!((batch.sequences(), batch.len()), (2, 4));
    }

    #[test]
    fn a_batch_of_texts_and_sounds_is_no_batch() {
        let sound = Frames {
            values: vec![0.5; 8].into(),
            width: 2,
            steps: 2,
            heard: 0..2,
            truncated: false,
        };
        let both = [Sequence::from(text(&[1, 2], &[0, 0])), sound.clone().into()];
        assert!(matches!(Batch::new(&both).steps, Steps::Mixed));
        let sounds = Batch::new(&[Sequence::from(sound.clone()), sound.into()]);
        assert_eq!(*sounds.starts, [0, 2, 4]);
        assert!(matches!(&sounds.steps, Steps::Frames(frames) if frames.len() == 2));
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
