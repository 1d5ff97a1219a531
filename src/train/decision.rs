use super::metrics::{best_temperature, calibration_error};
use super::{Dataset, Outcomes, Targets};
use crate::head::{Calibration, DEFAULT_THRESHOLD, Head, Problem, ProblemName, Reject};
use crate::head::{argmax, best_thresholds, sigmoid, softmax};
use crate::order::sorted_by;

/// Where held-out rows have no text outside all labels to choose by: the share of right answers that a
/// threshold for rejection may cost.
const REJECTED_SHARE: f64 = 0.05;

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
        let calibration = head.calibration();
        let reject = calibration.and_then(|calibration| calibration.reject.as_ref());
        Self {
            temperature: calibration.map(|calibration| calibration.temperature),
            thresholds: match &head.config().problem {
                Problem::MultiLabel { thresholds } => thresholds.clone(),
                _ => Vec::new(),
            },
            reject: reject.map(|reject| reject.threshold),
            error_before: calibration.and_then(|calibration| calibration.error_before),
            error_after: calibration.and_then(|calibration| calibration.error_after),
        }
    }

    /// Only what the labels hang on, for the score of an epoch: the thresholds of several labels.
    #[must_use]
    pub fn thresholds_for(data: &Dataset, outcomes: &Outcomes) -> Self {
        let Targets::Sets(sets) = data.targets() else {
            return Self::default();
        };
        let width = outcomes.width.max(1);
        let scores = outcomes
            .vectors()
            .map(|z| z.iter().copied().map(sigmoid).collect());
        let scores: Vec<Vec<f32>> = scores.collect();
        let truths: Vec<Vec<bool>> = sets.chunks_exact(width).map(<[bool]>::to_vec).collect();
        Self {
            thresholds: best_thresholds(&scores, &truths),
            ..Self::default()
        }
    }

    /// All of it, fitted on held-out rows.
    #[must_use]
    pub fn fit(data: &Dataset, outcomes: &Outcomes) -> Self {
        if data.scheme().problem == ProblemName::Regression || outcomes.logits.is_empty() {
            return Self::default();
        }
        let fitted = best_temperature(|temperature| loss(data, outcomes, temperature));
        let before = error(data, outcomes, 1.0);
        let after = error(data, outcomes, fitted);
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
            ..Self::thresholds_for(data, outcomes)
        };
        // the sigmoid of z at its threshold t is that of z / temperature at this one
        let logit = |t: f32| (t / (1.0 - t)).ln();
        for threshold in &mut decision.thresholds {
            *threshold = sigmoid(logit(*threshold) / temperature);
        }
        if data.scheme().reject.is_some() {
            decision.reject = Some(reject_threshold(data, outcomes, temperature));
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

/// Each vector with the index of its true label, of a problem with one label a text or word. Texts
/// outside all labels are left out.
fn labelled<'a>(
    data: &'a Dataset,
    outcomes: &'a Outcomes,
) -> impl Iterator<Item = (&'a [f32], usize)> {
    let truths: Box<dyn Iterator<Item = Option<u32>>> = match data.targets() {
        Targets::Labels(labels) => Box::new(labels.iter().copied()),
        Targets::Tags { tagged, .. } => {
            let words = tagged.iter().filter(|tagged| tagged.begins);
            Box::new(words.map(|tagged| Some(tagged.label)))
        }
        Targets::Sets(_) | Targets::Numbers(_) => Box::new(std::iter::empty()),
    };
    let vectors = outcomes.vectors().zip(truths);
    vectors.filter_map(|(z, truth)| Some((z, truth? as usize)))
}

/// Each logit with its truth, of a problem with any number of labels.
fn paired<'a>(data: &'a Dataset, outcomes: &'a Outcomes) -> impl Iterator<Item = (f32, bool)> + 'a {
    let truths = match data.targets() {
        Targets::Sets(sets) => &sets[..],
        _ => &[],
    };
    outcomes.logits.iter().copied().zip(truths.iter().copied())
}

/// Negative log-likelihood at a temperature.
fn loss(data: &Dataset, outcomes: &Outcomes, temperature: f64) -> f64 {
    let of_labels = |(z, truth): (&[f32], usize)| row_loss(z, truth, temperature);
    let of_pairs = |(z, truth): (f32, bool)| {
        let z = f64::from(z) / temperature;
        z.max(0.0) - if truth { z } else { 0.0 } + (-z.abs()).exp().ln_1p()
    };
    labelled(data, outcomes).map(of_labels).sum::<f64>()
        + paired(data, outcomes).map(of_pairs).sum::<f64>()
}

/// Expected calibration error at a temperature: of the best label's score, or of each label's where
/// there may be several.
#[allow(clippy::cast_possible_truncation)]
fn error(data: &Dataset, outcomes: &Outcomes, temperature: f32) -> f32 {
    let best = labelled(data, outcomes).map(|(z, truth)| {
        let best = argmax(z);
        (softmax(&over(z, temperature))[best], best == truth)
    });
    let pairs = paired(data, outcomes).map(|(z, truth)| (sigmoid(z / temperature), truth));
    calibration_error(best.chain(pairs)) as f32
}

/// Cross-entropy of one row of logits over a temperature.
#[must_use]
pub fn row_loss(logits: &[f32], label: usize, temperature: f64) -> f64 {
    let z = |logit: f32| f64::from(logit) / temperature;
    let max = logits
        .iter()
        .copied()
        .map(z)
        .fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|&logit| (z(logit) - max).exp()).sum();
    max + sum.ln() - z(logits[label])
}

/// The logits over a temperature.
pub(super) fn over(logits: &[f32], temperature: f32) -> Vec<f32> {
    logits.iter().map(|logit| logit / temperature).collect()
}

/// The score for the best label at which the mean of two shares is highest: of the texts with a label
/// those that are answered right, of the others those that are rejected.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
fn reject_threshold(data: &Dataset, outcomes: &Outcomes, temperature: f32) -> f32 {
    let Targets::Labels(truths) = data.targets() else {
        return 0.0;
    };
    let rows: Vec<(f32, Option<bool>)> = outcomes
        .vectors()
        .zip(truths)
        .map(|(z, truth)| {
            let best = argmax(z);
            let right = truth.map(|truth| truth as usize == best);
            (softmax(&over(z, temperature))[best], right)
        })
        .collect();
    let rows = sorted_by(rows, |row| f64::from(row.0));
    let outside = rows.iter().filter(|(_, right)| right.is_none()).count();
    let inside = rows.len() - outside;
    if outside == 0 {
        let right: Vec<f32> = rows
            .iter()
            .filter(|(_, r)| *r == Some(true))
            .map(|r| r.0)
            .collect();
        let place = (right.len() as f64 * REJECTED_SHARE) as usize;
        return right.get(place).copied().unwrap_or(0.0);
    }
    let right = rows
        .iter()
        .filter(|(_, right)| *right == Some(true))
        .count();
    // from the lowest score on: those below the threshold are rejected
    let (mut kept, mut rejected) = (right, 0usize);
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    let (mut best, mut threshold) = (share(kept, inside), 0.0);
    for (index, &(score, row)) in rows.iter().enumerate() {
        kept -= usize::from(row == Some(true));
        rejected += usize::from(row.is_none());
        let next = rows.get(index + 1).map_or(1.0, |(next, _)| *next);
        let balanced = share(kept, inside) + share(rejected, outside);
        if next > score && balanced > best {
            best = balanced;
            threshold = score + (next - score) / 2.0;
        }
    }
    threshold
}
