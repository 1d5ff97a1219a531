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
        let reads = |reader: &&Arc<Reader>| reader.sort() == input.sort();
        let reader = self.halves.iter().find(reads)?;
        Some(reader.read(input, limit.min(reader.max_steps())))
    }
}
