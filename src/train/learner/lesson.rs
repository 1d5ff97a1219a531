//! A unit of work of a run, and what it comes to.

use std::ops::Range;

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
        /// Numbers of the rows in the data to learn from.
        rows: Vec<usize>,
        /// What the weights of all rows of the step add up to, also of those that others compute.
        weight: f64,
    },
    /// Held-out rows to answer.
    Judge {
        /// Numbers of the rows in the held-out data.
        rows: Range<usize>,
    },
}

/// What a [`Share`] comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Computed {
    /// Of rows to learn from.
    Learnt(Lesson),
    /// Of held-out rows.
    Judged(Outcomes),
}

/// What some rows of a step teach.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lesson {
    /// Their part of the gradient of the step's mean loss, for all parameters end to end.
    pub gradient: Vec<f32>,
    /// Their part of the step's mean loss.
    pub loss: f64,
    /// How each row was answered; none where rows have more than one label.
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
