use serde::Serialize;

use super::decision::{over, row_loss};
use super::trainer::Trainer;
use super::{Dataset, Decision, Evaluation, Outcomes};
use crate::error::Result;
use crate::head::{Target, argmax, sigmoid, softmax};
use crate::order::sorted_by;

/// Most rows of each list in a report.
const LISTED: usize = 20;

/// A label is doubted where another has at least this score while the row was answered…
const RIVAL_SCORE: f32 = 0.8;

/// …and its own at most this.
const OWN_SCORE: f32 = 0.1;

/// What there is to say when a run is over, of its best epoch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What `score` is.
    pub metric: &'static str,
    /// Score on the held-out rows, as the finished adapter answers them.
    pub score: f64,
    /// Epochs run.
    pub epochs: usize,
    /// Steps taken.
    pub steps: usize,
    /// Trainable parameters, head included.
    pub parameters: usize,
    /// Rows learnt from.
    pub train_rows: usize,
    /// Rows held out.
    pub dev_rows: usize,
    /// Rows of both that were longer than the backbone reads, and were cut.
    pub truncated: usize,
    /// Every measure on the held-out rows.
    pub evaluation: Evaluation,
    /// See [`Calibration::temperature`](crate::head::Calibration::temperature).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Expected calibration error of the held-out rows' scores without the temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration_error_before: Option<f32>,
    /// And with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration_error: Option<f32>,
    /// Score that the best label must reach, where texts may be rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject_threshold: Option<f32>,
    /// The held-out rows with the highest loss, that first.
    pub hardest: Vec<HardRow>,
    /// Rows whose label may be wrong, the least likely first; only of problems with one label a text.
    pub suspects: Vec<Suspect>,
}

/// A held-out row that is answered badly.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HardRow {
    /// Zero-based number among the rows that the held-out ones were taken from.
    pub row: usize,
    /// Its label, as rows have it.
    pub label: String,
    /// What it is answered with, likewise.
    pub answer: String,
    /// Its loss: cross-entropy, of a sentence or several labels the mean; of numbers the squared error.
    pub loss: f64,
}

/// A row whose label may be wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Suspect {
    /// Zero-based number among the rows that it was taken from.
    pub row: usize,
    /// Whether it is of the held-out rows; else it was learnt from.
    pub held_out: bool,
    /// Its label.
    pub label: String,
    /// The label's score.
    pub score: f32,
    /// The label that it was answered with.
    pub rival: String,
    /// That one's score.
    pub rival_score: f32,
}

impl Trainer {
    /// What there is to say of the best epoch so far; `None` before the first has ended.
    ///
    /// # Errors
    /// None in practice: the metric was checked when the run began.
    pub fn report(&self) -> Result<Option<Report>> {
        let Some(best) = &self.best else {
            return Ok(None);
        };
        let (train, dev) = (&self.learner.train, &self.learner.dev);
        let decision = self.decision();
        let evaluation = Evaluation::of(dev, &best.outcomes, &decision);
        Ok(Some(Report {
            metric: self.resolved.metric.name(),
            score: evaluation.score(&self.resolved.metric)?,
            epochs: self.epoch,
            steps: self.step,
            parameters: self.learner.student.len(),
            train_rows: train.len(),
            dev_rows: dev.len(),
            truncated: train.truncated() + dev.truncated(),
            evaluation,
            temperature: decision.temperature,
            calibration_error_before: decision.error_before,
            calibration_error: decision.error_after,
            reject_threshold: decision.reject,
            hardest: hardest(dev, &best.outcomes, &decision),
            suspects: self.suspects(&best.outcomes),
        }))
    }

    fn suspects(&self, outcomes: &Outcomes) -> Vec<Suspect> {
        let (train, dev) = (&self.learner.train, &self.learner.dev);
        let label = |data: &Dataset, row| match data.target(row) {
            Target::Label(label) => Some(label),
            _ => None,
        };
        let learnt = (0..train.len()).filter_map(|row| {
            let (label, trace) = (label(train, row)?, self.traces[row]);
            let (score, rival) = ((-trace.loss).exp(), trace.rival as usize);
            Some((train, row, label, score, rival, trace.rival_score))
        });
        let held_out = (0..dev.len())
            .zip(outcomes.vectors())
            .filter_map(|(row, z)| {
                let (label, scores) = (label(dev, row)?, softmax(z));
                let best = argmax(&scores);
                Some((dev, row, label, scores[label], best, scores[best]))
            });
        let doubted = learnt
            .chain(held_out)
            .filter(|&(_, _, label, score, rival, rival_score)| {
                rival != label && score <= OWN_SCORE && rival_score >= RIVAL_SCORE
            });
        let suspect =
            |(data, row, label, score, rival, rival_score): (&Dataset, _, usize, _, usize, _)| {
                Suspect {
                    row: data.number(row),
                    held_out: std::ptr::eq(data, dev),
                    label: data.labels()[label].clone(),
                    score,
                    rival: data.labels()[rival].clone(),
                    rival_score,
                }
            };
        let suspects = doubted.map(suspect).collect();
        let mut suspects = sorted_by(suspects, |suspect| f64::from(suspect.score));
        suspects.truncate(LISTED);
        suspects
    }
}

fn hardest(data: &Dataset, outcomes: &Outcomes, decision: &Decision) -> Vec<HardRow> {
    let width = outcomes.width.max(1);
    let mut start = 0;
    let rows: Vec<(f64, usize, std::ops::Range<usize>)> = (0..data.len())
        .map(|row| {
            let end = start + data.vectors_of(row..row + 1) * width;
            let own = start..end;
            start = end;
            (
                loss_of(&outcomes.logits[own.clone()], width, data, row),
                row,
                own,
            )
        })
        .collect();
    let hard = sorted_by(rows, |row| -row.0)
        .into_iter()
        .take(LISTED)
        .map(|(loss, row, own)| HardRow {
            row: data.number(row),
            label: truth(data, row),
            answer: answer(&outcomes.logits[own], data, decision),
            loss,
        });
    hard.collect()
}

#[allow(clippy::cast_precision_loss)]
fn loss_of(z: &[f32], width: usize, data: &Dataset, row: usize) -> f64 {
    match data.target(row) {
        Target::Label(label) => row_loss(z, label, 1.0),
        Target::Outside => 0.0,
        Target::Labels(truths) => {
            let of = |(&z, truth): (&f32, bool)| {
                let z = f64::from(z);
                z.max(0.0) - if truth { z } else { 0.0 } + (-z.abs()).exp().ln_1p()
            };
            z.iter().zip(truths).map(of).sum::<f64>() / width as f64
        }
        Target::Number(number) => {
            let error = f64::from(z.first().copied().unwrap_or_default()) - f64::from(number);
            error * error
        }
        Target::Tokens(_) => {
            let words = data.tagged(row).iter().filter(|tagged| tagged.begins);
            let words = words.zip(z.chunks_exact(width));
            let (mut sum, mut count) = (0.0, 0);
            for (tagged, z) in words {
                sum += row_loss(z, tagged.label as usize, 1.0);
                count += 1;
            }
            sum / f64::from(count.max(1))
        }
    }
}

/// The label of a row, as rows have it.
fn truth(data: &Dataset, row: usize) -> String {
    let labels = data.labels();
    match data.target(row) {
        Target::Label(label) => labels[label].clone(),
        Target::Outside => data.scheme().reject.clone().unwrap_or_default(),
        Target::Labels(set) => joined(labels, |label| set[label]),
        Target::Number(number) => number.to_string(),
        Target::Tokens(_) => {
            let words = data.tagged(row).iter().filter(|tagged| tagged.begins);
            let tags = words.map(|tagged| labels[tagged.label as usize].as_str());
            tags.collect::<Vec<_>>().join(" ")
        }
    }
}

/// What the logits of a row say, as rows have it.
fn answer(z: &[f32], data: &Dataset, decision: &Decision) -> String {
    let labels = data.labels();
    let temperature = decision.temperature.unwrap_or(1.0);
    match data.targets() {
        super::Targets::Labels(_) => {
            let best = argmax(z);
            let score = softmax(&over(z, temperature))[best];
            match (&data.scheme().reject, decision.reject) {
                (Some(reject), Some(threshold)) if score < threshold => reject.clone(),
                _ => labels[best].clone(),
            }
        }
        super::Targets::Sets(_) => joined(labels, |label| {
            sigmoid(z[label] / temperature) >= decision.threshold(label)
        }),
        super::Targets::Numbers(_) => z.first().map(f32::to_string).unwrap_or_default(),
        super::Targets::Tags { .. } => {
            let tags = z
                .chunks_exact(labels.len().max(1))
                .map(|z| labels[argmax(z)].as_str());
            tags.collect::<Vec<_>>().join(" ")
        }
    }
}

fn joined(labels: &[String], has: impl Fn(usize) -> bool) -> String {
    let chosen = labels.iter().enumerate().filter(|(label, _)| has(*label));
    chosen
        .map(|(_, label)| label.as_str())
        .collect::<Vec<_>>()
        .join("|")
}
