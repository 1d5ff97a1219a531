use super::Dataset;
use crate::head::{Decision, Evaluation, Judged};

/// Logits of a data set's rows, in their order: the vectors that each row is judged by.
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

    /// Adds a row of `data`. `logits` are `[labels]`, or `[tokens, labels]` of a sentence's.
    ///
    /// # Panics
    /// If the logits are not those of the row.
    pub fn add(&mut self, data: &Dataset, row: usize, logits: &[f32]) {
        let problem = data.scheme().problem;
        problem.keep(data.target(row), logits, self.width, &mut self.logits);
    }

    /// Adds the rows that follow.
    pub fn append(&mut self, mut next: Self) {
        self.logits.append(&mut next.logits);
    }

    /// The rows of `data` with these logits.
    #[must_use]
    pub fn judged<'a>(&'a self, data: &'a Dataset) -> Judged<'a> {
        let scheme = data.scheme();
        Judged {
            problem: scheme.problem,
            labels: &scheme.labels,
            reject: scheme.reject.as_deref(),
            targets: data.targets(),
            logits: &self.logits,
        }
    }
}

impl Evaluation {
    /// Judges the logits of all rows of a data set.
    ///
    /// # Panics
    /// If the logits are not those of the rows.
    #[must_use]
    pub fn of(data: &Dataset, outcomes: &Outcomes, decision: &Decision) -> Self {
        outcomes.judged(data).evaluation(decision)
    }
}
