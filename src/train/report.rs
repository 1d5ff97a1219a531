use serde::Serialize;

use super::trainer::Trainer;
use super::{Dataset, Origin, Outcomes};
use crate::error::Result;
use crate::head::{Decision, Evaluation, How, argmax, softmax};
use crate::order::{Sorted, sorted_by};

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
    /// Rows held out; 0 where the rows that are judged by are those that were learnt from.
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
        let dev = &self.held_out();
        let (train_rows, dev_rows) = self.rows();
        let decision = self.decision();
        let evaluation = Evaluation::of(dev, &best.outcomes, &decision);
        Ok(Some(Report {
            metric: self.resolved.metric.name(),
            score: evaluation.score(&self.resolved.metric)?,
            epochs: self.epoch,
            steps: self.step,
            parameters: self.learner.student.len(),
            train_rows,
            dev_rows,
            truncated: self.learner.data.truncated(),
            evaluation,
            temperature: decision.temperature,
            calibration_error_before: decision.error_before,
            calibration_error: decision.error_after,
            reject_threshold: decision.reject,
            hardest: hardest(
                dev,
                &best.outcomes,
                &decision,
                &self.learner.student.head.answers(),
            ),
            suspects: self.suspects(dev, &best.outcomes),
        }))
    }

    /// What is held out is judged by its answers then, all else by those while it was learnt from.
    fn suspects(&self, dev: &Dataset, outcomes: &Outcomes) -> Vec<Suspect> {
        let data = &self.learner.data;
        let judged = self.judged_rows(self.passes.len());
        let judged = judged.into_iter().into_set();
        let label = |data: &Dataset, row| data.scheme().problem.class(data.target(row));
        let learnt = data.of_origin(Origin::New).into_iter();
        let learnt = learnt.filter(|row| !judged.contains(row));
        let learnt = learnt.filter_map(|row| {
            let (label, trace) = (label(data, row)?, self.traces[row]);
            let (score, rival) = ((-trace.loss).exp(), trace.rival as usize);
            Some((data, row, label, score, rival, trace.rival_score))
        });
        let held_out = match self.learner.judged_by_learnt {
            true => 0..0,
            false => 0..dev.len(),
        };
        let held_out = held_out
            .zip(outcomes.judged(dev).rows())
            .filter_map(|(row, (_, z))| {
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

fn hardest(
    data: &Dataset,
    outcomes: &Outcomes,
    decision: &Decision,
    answers: &[String],
) -> Vec<HardRow> {
    let (problem, labels) = (data.scheme().problem, data.labels());
    let reject = data.scheme().reject.as_deref();
    let how = How {
        labels,
        reject,
        decision,
    };
    let rows = outcomes.judged(data).rows().enumerate();
    let scored = rows.map(|(row, (target, z))| {
        let (mut sum, mut count) = (0.0, 0u32);
        problem.terms(target, z, labels.len(), &mut |term| {
            sum += term.loss(1.0);
            count += 1;
        });
        (sum / f64::from(count.max(1)), row, z)
    });
    let hard = sorted_by(scored.collect(), |row| -row.0)
        .into_iter()
        .take(LISTED)
        .map(|(loss, row, z)| HardRow {
            row: data.number(row),
            label: problem.written(data.target(row), labels, reject),
            answer: problem.predict(z, &how).written(answers),
            loss,
        });
    hard.collect()
}
