//! A unit of work of a run, and its result.

use serde::{Deserialize, Serialize};

use super::super::Outcomes;

/// One unit of work of a run, or the part of it that one of several workers does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Share {
    /// Rows to learn from.
    Learn {
        /// Steps taken before this one.
        step: usize,
        /// Their numbers in the data.
        rows: Vec<usize>,
        /// The sum of the weights of all rows of the step, including those that other workers compute.
        weight: f64,
    },
    /// Rows whose vectors are to be set apart or brought together, all rows of a step.
    Contrast {
        /// Steps taken before this one.
        step: usize,
        /// Their numbers in the data.
        rows: Vec<usize>,
    },
    /// Rows of such a step whose vectors are asked for, because other workers have others of its rows.
    Encode {
        /// Steps taken before this one.
        step: usize,
        /// Their numbers in the data.
        rows: Vec<usize>,
    },
    /// The same rows, once the loss of the step is known.
    Pull {
        /// Steps taken before this one.
        step: usize,
        /// Their numbers in the data.
        rows: Vec<usize>,
        /// The gradient of the loss by the rows' vectors, `[rows, width]`.
        gradient: Vec<f32>,
    },
    /// Rows whose vectors a head is fitted to.
    Read {
        /// Their numbers in the data.
        rows: Vec<usize>,
    },
    /// Held-out rows to answer.
    Judge {
        /// Their numbers in the data.
        rows: Vec<usize>,
    },
}

impl Share {
    /// The rows that it is about.
    #[must_use]
    pub fn rows(&self) -> &[usize] {
        match self {
            Self::Learn { rows, .. }
            | Self::Contrast { rows, .. }
            | Self::Encode { rows, .. }
            | Self::Pull { rows, .. }
            | Self::Read { rows }
            | Self::Judge { rows } => rows,
        }
    }
}

/// The result of a [`Share`].
#[derive(Clone, Debug, PartialEq)]
pub enum Computed {
    /// Of rows to learn from.
    Learnt(Lesson),
    /// What the head reads of rows, `[vectors, width]`.
    Vectors(Vec<f32>),
    /// Of held-out rows.
    Judged(Outcomes),
}

/// The result of some rows of a training step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lesson {
    /// Their part of the gradient of the step's mean loss, for all parameters end to end.
    pub gradient: Vec<f32>,
    /// Their part of the step's mean loss.
    pub loss: f64,
    /// How each row was answered; empty for problems with more than one label per row.
    pub traces: Vec<Trace>,
}

/// How a row with one label was answered while it was learnt from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Trace {
    /// Cross-entropy of the label that the row has.
    pub loss: f32,
    /// Score of the best other label.
    pub rival_score: f32,
    /// The best other label.
    pub rival: u32,
}
