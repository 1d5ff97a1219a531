use std::sync::Arc;

use serde::Serialize;

use super::trainer::Trainer;
use super::{Dataset, Event, Settings, StateCache};
use crate::adapter::{Preset, preset};
use crate::error::{Error, Result};
use crate::model::Backbone;

/// What is compared, the simplest first: the others must beat it.
pub const CANDIDATES: [&str; 3] = ["head", "lora", "pfeiffer"];

/// Parts of the rows, each held out once.
const FOLDS: usize = 5;

/// Rows that a comparison uses at most: with more the differences are larger than its noise, and a
/// run on each fold would take longer than the training itself.
const MOST_ROWS: usize = 300;

/// What one call of [`Suggester::step`] did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(
    tag = "type",
    rename_all = "lowercase",
    rename_all_fields = "camelCase"
)]
pub enum SuggestEvent {
    /// A part of a run on a fold.
    Working {
        /// The kind that is tried.
        kind: &'static str,
        /// Share of the comparison that is done, 0 to 1.
        done: f64,
    },
    /// A kind was scored on a fold.
    Scored {
        /// The kind.
        kind: &'static str,
        /// One-based number of the fold.
        fold: usize,
        /// Score on the rows held out.
        score: f64,
        /// Share of the comparison that is done, 0 to 1.
        done: f64,
    },
    /// The comparison is over.
    Done {
        /// Its result.
        suggestion: Suggestion,
    },
}

/// The kind of adapter to train.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// Name of its preset.
    pub choice: &'static str,
    /// What scores are.
    pub metric: &'static str,
    /// What was compared, in the order of [`CANDIDATES`].
    pub candidates: Vec<Candidate>,
}

/// How a kind did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Name of its preset.
    pub kind: &'static str,
    /// Its score on each fold.
    pub scores: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// Mean difference to the first candidate on the same fold.
    pub gain: f64,
    /// Standard error of that difference.
    pub error: f64,
}

/// Compares kinds of adapters on a few rows by stratified cross-validation, one short unit of work at a
/// time. A kind is chosen over a head alone only where it is better by more than the standard error of
/// their difference.
pub struct Suggester {
    backbone: Arc<dyn Backbone>,
    data: Dataset,
    settings: Settings,
    folds: Vec<Vec<usize>>,
    presets: Vec<&'static Preset>,
    metric: &'static str,
    /// Scores so far, by candidate.
    scores: Vec<Vec<f64>>,
    /// The run on the current fold, and the score of its last epoch.
    run: Option<(Trainer, f64)>,
    /// States of the frozen encoder, which all folds of a candidate share.
    states: Option<StateCache>,
}

impl Suggester {
    /// Prepares a comparison on checked rows.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if there are fewer rows than folds, or the settings do not fit them.
    pub fn new(backbone: Arc<dyn Backbone>, data: Dataset, settings: Settings) -> Result<Self> {
        if data.len() < FOLDS {
            return Err(Error::OptionInvalid {
                option: "kind",
                value: "auto".into(),
                reason: format!(
                    "{} rows are too few to compare kinds; give at least {FOLDS}, or name a kind",
                    data.len()
                ),
            });
        }
        let presets = CANDIDATES.iter().map(|name| preset(name));
        let presets = presets.collect::<Result<Vec<_>>>()?;
        let seed = settings.seed();
        // as many of each stratum as of the others, since every fold is a sample of all
        let parts = data.len().div_ceil(MOST_ROWS);
        let data = match data.folds(parts, seed).into_iter().next() {
            Some(rows) if parts > 1 => data.select(&rows),
            _ => data,
        }
        // so that the states of a row are found again in another fold
        .renumbered();
        let layers = backbone.shape().layers;
        let resolved = settings.resolve(presets[0], &data, layers)?;
        let metric = resolved.metric.name();
        Ok(Self {
            folds: data.folds(FOLDS, seed),
            scores: vec![Vec::new(); presets.len()],
            presets,
            metric,
            backbone,
            data,
            settings,
            run: None,
            states: None,
        })
    }

    /// Does one unit of work, or nothing once the comparison is over.
    ///
    /// # Errors
    /// Those of [`Trainer::new`] and [`Trainer::step`].
    pub fn step(&mut self) -> Result<SuggestEvent> {
        let Some(candidate) = self.scores.iter().position(|scores| scores.len() < FOLDS) else {
            return Ok(SuggestEvent::Done {
                suggestion: self.suggestion(),
            });
        };
        let kind = self.presets[candidate].name;
        let fold = self.scores[candidate].len();
        let (mut trainer, mut last) = match self.run.take() {
            Some(run) => run,
            None => (self.start(candidate, fold)?, 0.0),
        };
        let within = match trainer.step()? {
            Event::Step { step, steps, .. }
            | Event::Working { step, steps, .. }
            | Event::Evaluating { step, steps, .. } => (step, steps),
            Event::Eval {
                score, step, steps, ..
            } => {
                last = score;
                (step, steps)
            }
            Event::Done { steps, .. } => (steps, steps),
        };
        if !trainer.is_done() {
            self.run = Some((trainer, last));
            let done = self.done(within);
            return Ok(SuggestEvent::Working { kind, done });
        }
        self.scores[candidate].push(last);
        // the next candidate's states are of another layer
        self.states = (fold + 1 < FOLDS).then(|| trainer.learner.into_states());
        let done = self.done((0, 1));
        Ok(SuggestEvent::Scored {
            kind,
            fold: fold + 1,
            score: last,
            done,
        })
    }

    fn start(&mut self, candidate: usize, fold: usize) -> Result<Trainer> {
        let held = &self.folds[fold];
        let kept: Vec<usize> = (0..self.data.len())
            .filter(|row| !held.contains(row))
            .collect();
        let (train, dev) = (self.data.select(&kept), self.data.select(held));
        let preset = self.presets[candidate];
        // kinds are told apart before they have learnt all that they can
        let layers = self.backbone.shape().layers;
        let resolved = self.settings.resolve(preset, &train, layers)?;
        let epochs = resolved.epochs.div_ceil(2);
        let steps = resolved.contrastive.map(|own| own.steps.div_ceil(2));
        let settings = Settings {
            patience: None,
            epochs: self.settings.epochs.or(Some(epochs)),
            contrastive_steps: steps,
            ..self.settings.clone()
        };
        let mut trainer = Trainer::new(Arc::clone(&self.backbone), preset, settings, train, dev)?;
        trainer
            .learner()
            .share_states(self.states.take(), self.data.len());
        Ok(trainer)
    }

    /// Share of the comparison that is done, where a run has taken some of its steps.
    #[allow(clippy::cast_precision_loss)]
    fn done(&self, (step, steps): (usize, usize)) -> f64 {
        let runs: usize = self.scores.iter().map(Vec::len).sum();
        let all = (self.scores.len() * FOLDS) as f64;
        (runs as f64 + step as f64 / steps.max(1) as f64) / all
    }

    fn suggestion(&self) -> Suggestion {
        let candidates: Vec<Candidate> = self
            .presets
            .iter()
            .zip(&self.scores)
            .map(|(preset, scores)| {
                let (gain, error) = difference(scores, &self.scores[0]);
                Candidate {
                    kind: preset.name,
                    scores: scores.clone(),
                    mean: mean(scores),
                    gain,
                    error,
                }
            })
            .collect();
        Suggestion {
            choice: choice(&candidates),
            metric: self.metric,
            candidates,
        }
    }
}

/// The best of those that are better than the first by more than the error of the difference, or the
/// first.
fn choice(candidates: &[Candidate]) -> &'static str {
    let better = candidates
        .iter()
        .filter(|candidate| candidate.gain > candidate.error);
    let best = better.max_by(|a, b| a.mean.total_cmp(&b.mean));
    best.map_or(CANDIDATES[0], |best| best.kind)
}

#[allow(clippy::cast_precision_loss)]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Mean difference of paired scores, and its standard error with the correction for folds whose training
/// rows overlap (Nadeau and Bengio 2003): `√((1/k + 1/(k - 1)) variance)`.
#[allow(clippy::cast_precision_loss)]
fn difference(a: &[f64], b: &[f64]) -> (f64, f64) {
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let mean = mean(&differences);
    let others = differences.len().saturating_sub(1).max(1) as f64;
    let squares = differences.iter().map(|d| (d - mean) * (d - mean));
    let variance = squares.sum::<f64>() / others;
    let share = 1.0 / differences.len().max(1) as f64 + 1.0 / others;
    (mean, (share * variance).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(scores: [[f64; 5]; 3]) -> &'static str {
        let candidate = |(kind, own): (&&'static str, &[f64; 5])| {
            let (gain, error) = difference(own, &scores[0]);
            Candidate {
                kind,
                scores: own.to_vec(),
                mean: mean(own),
                gain,
                error,
            }
        };
        let candidates: Vec<Candidate> = CANDIDATES.iter().zip(&scores).map(candidate).collect();
        choice(&candidates)
    }

    #[test]
    fn a_kind_must_beat_the_head_by_more_than_the_noise() {
        let head = [0.8, 0.7, 0.75, 0.8, 0.7];
        let noise = [0.9, 0.6, 0.8, 0.7, 0.8];
        let better = head.map(|score| score + 0.05);
        let best = [0.9, 0.8, 0.85, 0.9, 0.85];
        assert_eq!(of([head, head, head]), "head");
        assert_eq!(of([head, noise, noise]), "head");
        assert_eq!(of([head, better, noise]), "lora");
        assert_eq!(of([head, better, best]), "pfeiffer");
        assert_eq!(of([best, head, better]), "head");
    }

    #[test]
    fn the_error_by_hand() {
        let (gain, error) = difference(&[1.0, 2.0, 3.0], &[0.0, 0.0, 0.0]);
        assert!((gain - 2.0).abs() < 1e-12);
        assert!((error - (1.0f64 / 3.0 + 0.5).sqrt()).abs() < 1e-12);
    }
}
