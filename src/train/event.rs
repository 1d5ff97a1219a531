use serde::Serialize;

/// What one call of [`Trainer::step`](super::Trainer::step) did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(
    tag = "type",
    rename_all = "lowercase",
    rename_all_fields = "camelCase"
)]
pub enum Event {
    /// The adapter was moved once.
    Step {
        /// One-based number of the step.
        step: usize,
        /// All steps of the run.
        steps: usize,
        /// One-based number of the epoch.
        epoch: usize,
        /// All epochs.
        epochs: usize,
        /// Cross-entropy of the step's rows, before it was taken.
        loss: f64,
        /// Learning rate of the step.
        learning_rate: f64,
    },
    /// A part of something else was done: the vectors of a step, or the fit of the head.
    Working {
        /// Parts so far.
        done: usize,
        /// All parts.
        total: usize,
        /// Steps so far.
        step: usize,
        /// All steps of the run.
        steps: usize,
    },
    /// Some held-out rows were answered.
    Evaluating {
        /// Rows so far.
        done: usize,
        /// All held-out rows.
        total: usize,
        /// Steps so far.
        step: usize,
        /// All steps of the run.
        steps: usize,
    },
    /// An epoch ended and all held-out rows were answered.
    Eval {
        /// One-based number of the epoch.
        epoch: usize,
        /// All epochs.
        epochs: usize,
        /// What `score` is.
        metric: &'static str,
        /// Score on the held-out rows.
        score: f64,
        /// Mean cross-entropy on the held-out rows.
        loss: f64,
        /// Whether it is the best so far, the last of those within one held-out row of the highest score; the best
        /// epoch's adapter is the result.
        best: bool,
        /// Steps so far.
        step: usize,
        /// All steps of the run.
        steps: usize,
    },
    /// The run is over.
    Done {
        /// What `score` is.
        metric: &'static str,
        /// Score of the best epoch on the held-out rows.
        score: f64,
        /// Epochs run.
        epochs: usize,
        /// Steps taken.
        steps: usize,
        /// Rows learnt from.
        train_rows: usize,
        /// Rows held out.
        dev_rows: usize,
        /// Trainable parameters, head included.
        parameters: usize,
    },
}
