//! How well answers fit: each measure is a function of truths and answers.

mod calibration;
mod confusion;
mod correlation;
mod entities;
mod label_counts;

pub use calibration::{best_temperature, calibration_error};
pub use confusion::Confusion;
pub use correlation::{pearson, spearman};
pub use entities::{Entity, entities};
pub use label_counts::LabelCounts;

use serde::Serialize;

/// How well one label is found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelScore {
    /// The label.
    pub label: String,
    /// Share of what was answered with it that is it.
    pub precision: f64,
    /// Share of what is it that was answered so.
    pub recall: f64,
    /// Their harmonic mean; 0 where both are.
    pub f1: f64,
    /// Number of rows, or spans, that are it.
    pub rows: usize,
}

/// 0 of nothing.
#[allow(clippy::cast_precision_loss)]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
