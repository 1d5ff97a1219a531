use super::Dataset;
use crate::head::ProblemName;

/// Logits of a data set's rows, in their order: one vector a text, or one a scored word of a sentence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcomes {
    /// Number of labels.
    pub width: usize,
    /// `[vectors, labels]`
    pub logits: Vec<f32>,
}

impl Outcomes {
    /// Nothing seen yet, of a head with this number of labels.
    #[must_use]
    pub fn new(width: usize) -> Self {
        let logits = Vec::new();
        Self { width, logits }
    }

    /// The logits of each vector.
    pub fn vectors(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.logits.chunks_exact(self.width.max(1))
    }

    /// Adds a row of `data`. `logits` are `[labels]`, or `[tokens, labels]` of a sentence's.
    ///
    /// # Panics
    /// If the logits are not those of the row.
    pub fn add(&mut self, data: &Dataset, row: usize, logits: &[f32]) {
        if data.scheme().problem != ProblemName::TokenClassification {
            self.logits.extend_from_slice(logits);
            return;
        }
        for tag in data.tagged(row).iter().filter(|tagged| tagged.begins) {
            let at = tag.token as usize * self.width;
            self.logits.extend_from_slice(&logits[at..at + self.width]);
        }
    }

    /// Adds the rows that follow.
    pub fn append(&mut self, mut next: Self) {
        self.logits.append(&mut next.logits);
    }
}
