//! What answers are made of logits by, fitted on held-out rows.

use super::metrics::{best_temperature, calibration_error};
use super::{Calibration, DEFAULT_THRESHOLD, Head, Judged, Reject, sigmoid};

/// What answers are made of logits by: fitted on held-out rows, kept by the head.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// See [`Calibration::temperature`]; `None` where scores are made in the plain way.
    pub temperature: Option<f32>,
    /// One a label of a head for any number of labels.
    pub thresholds: Vec<f32>,
    /// Score that the best label must reach.
    pub reject: Option<f32>,
    /// Expected calibration error without the temperature.
    pub error_before: Option<f32>,
    /// And with it.
    pub error_after: Option<f32>,
}

impl Decision {
    /// What a label's score must reach, where a text may have several.
    #[must_use]
    pub fn threshold(&self, label: usize) -> f32 {
        let chosen = self.thresholds.get(label).copied();
        chosen.unwrap_or(DEFAULT_THRESHOLD)
    }

    /// That of a head.
    #[must_use]
    pub fn of(head: &Head) -> Self {
        Self::with(&head.config().problem.thresholds, head.calibration())
    }

    /// That of thresholds and a calibration.
    pub(super) fn with(thresholds: &[f32], calibration: Option<&Calibration>) -> Self {
        let reject = calibration.and_then(|calibration| calibration.reject.as_ref());
        Self {
            temperature: calibration.map(|calibration| calibration.temperature),
            thresholds: thresholds.to_vec(),
            reject: reject.map(|reject| reject.threshold),
            error_before: calibration.and_then(|calibration| calibration.error_before),
            error_after: calibration.and_then(|calibration| calibration.error_after),
        }
    }

    /// Only what labels depend on, for the score of an epoch: the thresholds of several labels.
    #[must_use]
    pub fn thresholds_for(rows: &Judged<'_>) -> Self {
        Self {
            thresholds: rows.problem.thresholds(rows),
            ..Self::default()
        }
    }

    /// All of it, fitted on held-out rows.
    #[must_use]
    pub fn fit(rows: &Judged<'_>) -> Self {
        if !rows.problem.about().calibrated || rows.logits.is_empty() {
            return Self::default();
        }
        let fitted = best_temperature(|temperature| rows.loss(temperature).0);
        let before = error(rows, 1.0);
        let after = error(rows, fitted);
        // likelier logits can still be worse calibrated, on few rows most of all: then scores stay as they are
        let (temperature, after) = if after < before {
            (fitted, after)
        } else {
            (1.0, before)
        };
        let mut decision = Self {
            temperature: Some(temperature),
            error_before: Some(before),
            error_after: Some(after),
            ..Self::thresholds_for(rows)
        };
        // the sigmoid of z at its threshold t is that of z / temperature at this one
        let logit = |t: f32| (t / (1.0 - t)).ln();
        for threshold in &mut decision.thresholds {
            *threshold = sigmoid(logit(*threshold) / temperature);
        }
        if rows.reject.is_some() {
            decision.reject = rows.problem.rejection(rows, temperature);
        }
        decision
    }

    /// As a head keeps it, besides the thresholds of several labels; `None` where there is nothing to
    /// keep.
    #[must_use]
    pub fn calibration(&self, reject: Option<&String>) -> Option<Calibration> {
        Some(Calibration {
            temperature: self.temperature?,
            error_before: self.error_before,
            error_after: self.error_after,
            reject: self.reject.zip(reject).map(|(threshold, label)| Reject {
                label: label.clone(),
                threshold,
            }),
        })
    }
}

/// Expected calibration error at a temperature: of the best label's score, or of each label's where
/// there may be several.
#[allow(clippy::cast_possible_truncation)]
fn error(rows: &Judged<'_>, temperature: f32) -> f32 {
    let mut answers = Vec::new();
    rows.terms(&mut |term| answers.extend(term.confidence(temperature)));
    calibration_error(answers) as f32
}
