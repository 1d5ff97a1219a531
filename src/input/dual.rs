use std::sync::Arc;

use super::{Input, ReadInput, Reader, Sequence, Sort};
use crate::error::{Error, Result};

/// Reads inputs of two sorts, each with the reader of its model.
pub struct DualReader {
    halves: [Arc<Reader>; 2],
}

impl DualReader {
    /// Of the readers of two models.
    #[must_use]
    pub fn new(first: Arc<Reader>, second: Arc<Reader>) -> Self {
        Self {
            halves: [first, second],
        }
    }

    fn reader_of(&self, input: &Input) -> Option<&Reader> {
        let mut halves = self.halves.iter().map(|own| &**own);
        halves.find(|reader| reader.sort() == input.sort())
    }
}

impl ReadInput for DualReader {
    fn sort(&self) -> Sort {
        Sort::Pair
    }

    fn halves(&self) -> Option<[Sort; 2]> {
        Some([self.halves[0].sort(), self.halves[1].sort()])
    }

    fn max_steps(&self) -> usize {
        let halves = self.halves.iter();
        halves.map(|own| own.max_steps()).max().unwrap_or_default()
    }

    /// One half of a pair. A pair itself is no sequence.
    fn read(&self, input: &Input, limit: usize) -> Option<Result<Sequence>> {
        if input.is_pair() {
            return Some(Err(Error::InputUnsupported {
                reads: "one half of a pair here",
            }));
        }
        let reader = self.reader_of(input)?;
        Some(reader.read(input, limit.min(reader.max_steps())))
    }

    fn read_in_parts(&self, input: &Input, limit: usize) -> Option<Result<Vec<Sequence>>> {
        let reader = self.reader_of(input);
        match reader.filter(|reader| reader.sort() != Sort::Text) {
            Some(reader) => Some(reader.read_in_parts(input, limit.min(reader.max_steps()))),
            None => Some(self.read(input, limit)?.map(|read| vec![read])),
        }
    }
}
