use std::collections::VecDeque;
use std::sync::Arc;

use half::f16;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::json;

use super::penalty::penalise;
use super::{AdamW, Dataset, Evaluation, Resolved, Schedule, Settings};
use super::{StateCache, clip_norm, row_loss};
use crate::adapter::{
    Adapter, BackboneRef, Card, Config, FreshParams, GivenParams, Parameter, Preset, TaskAdapter,
};
use crate::backbone::{Backbone, Shape};
use crate::engine::argmax;
use crate::error::{Error, Result};
use crate::head::{Head, HeadConfig, Problem};
use crate::ops::cross_entropy;
use crate::tensor_file::FloatType;
use crate::text::runs;

/// Most tokens whose activations are kept for a backward pass; a step with more is computed in
/// parts whose gradients are added up, so memory is bounded whatever the texts' length.
const TRAINING_TOKENS: usize = 1024;

/// Most tokens of one evaluation call.
const EVALUATION_TOKENS: usize = 2048;

/// Most bytes of states below the adapter that are kept between epochs.
const STATE_BYTES: usize = 128 << 20;

/// Euclidean norm that a step's gradient is cut to.
const GRADIENT_NORM: f64 = 1.0;

/// What one call of [`Trainer::step`] did.
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
        /// Whether it is the best so far; the best epoch's adapter is the result.
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
        /// Best score on the held-out rows.
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

/// A training run, one short unit of work at a time.
pub struct Trainer {
    backbone: Arc<dyn Backbone>,
    preset: &'static Preset,
    settings: Settings,
    resolved: Resolved,
    train: Dataset,
    dev: Dataset,
    /// Numbered through: rows to learn from, then held-out rows.
    states: StateCache,
    student: Student,
    optimizer: AdamW,
    schedule: Schedule,
    rng: ChaCha8Rng,
    step: usize,
    epoch: usize,
    phase: Phase,
    best: Option<Best>,
}

enum Phase {
    /// Rows of this epoch that are still to be learnt from.
    Train(VecDeque<usize>),
    Evaluate {
        next: usize,
        evaluation: Evaluation,
    },
    Done,
}

struct Best {
    score: f64,
    loss: f64,
    parameters: Vec<Parameter>,
}

/// What is being trained: settings, and the variables that make an adapter and a head of them.
struct Student {
    config: Box<dyn Config>,
    head: HeadConfig,
    /// The adapter's, then the head's.
    parameters: Vec<Parameter>,
}

impl Student {
    /// Adapter and head over the parameters as they are now.
    fn build(&self, shape: &Shape) -> Result<(Box<dyn Adapter>, Head)> {
        let mut source = GivenParams(&self.parameters);
        let adapter = self.config.build(shape, &mut source)?;
        Ok((adapter, Head::build(self.head.clone(), shape, &mut source)?))
    }
}

/// The same value, no longer a variable.
fn constant(parameter: &Parameter) -> Parameter {
    Parameter {
        name: parameter.name,
        tensor: parameter.tensor.detach(),
    }
}

impl Trainer {
    /// Prepares a run of a preset on checked rows.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] for settings outside their range.
    pub fn new(
        backbone: Arc<dyn Backbone>,
        preset: &'static Preset,
        settings: Settings,
        train: Dataset,
        dev: Dataset,
    ) -> Result<Self> {
        let resolved = settings.resolve(train.examples.len())?;
        let shape = backbone.shape();
        // fails now rather than after the first epoch, if the metric's label does not exist
        Evaluation::new(&train.labels).score(&resolved.metric)?;
        let mut params = FreshParams::new(resolved.seed);
        let config = (preset.config)(&settings.adapter, shape)?;
        let adapter = config.build(shape, &mut params)?;
        let head = HeadConfig {
            problem: Problem::SingleLabel,
            pooling: resolved.pooling,
            dense: None,
            labels: train.labels.clone(),
        };
        let built = Head::build(head.clone(), shape, &mut params)?;
        let examples = train.examples.len() + dev.examples.len();
        let states = StateCache::new(&*backbone, adapter.lowest_layer(), examples, STATE_BYTES);
        let parameters = [adapter.parameters(), built.parameters()].concat();
        let optimizer = AdamW::new(&parameters, resolved.weight_decay);
        let steps = train.examples.len().div_ceil(resolved.batch_size) * resolved.epochs;
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )]
        let warmup = (steps as f64 * resolved.warmup).round() as usize;
        let schedule = Schedule {
            peak: resolved.learning_rate,
            warmup,
            steps,
        };
        let mut trainer = Self {
            rng: ChaCha8Rng::seed_from_u64(resolved.seed.wrapping_add(1)),
            backbone,
            preset,
            settings,
            resolved,
            train,
            dev,
            states,
            student: Student {
                config,
                head,
                parameters,
            },
            optimizer,
            schedule,
            step: 0,
            epoch: 0,
            phase: Phase::Done,
            best: None,
        };
        trainer.phase = trainer.shuffled();
        Ok(trainer)
    }

    /// All steps of the run.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.schedule.steps
    }

    /// The settings in force.
    #[must_use]
    pub fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// Does one unit of work: a step, a part of an evaluation, or nothing once the run is over.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if the loss is no longer finite; then the learning rate is too high.
    pub fn step(&mut self) -> Result<Event> {
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Train(rows) => self.train_step(rows),
            Phase::Evaluate { next, evaluation } => self.evaluate(next, evaluation),
            Phase::Done => Ok(self.done()),
        }
    }

    fn shuffled(&mut self) -> Phase {
        let mut order: Vec<usize> = (0..self.train.examples.len()).collect();
        order.shuffle(&mut self.rng);
        Phase::Train(order.into())
    }

    fn train_step(&mut self, mut rows: VecDeque<usize>) -> Result<Event> {
        let count = self.resolved.batch_size.min(rows.len());
        let batch: Vec<usize> = rows.drain(..count).collect();
        let (loss, mut gradients) = self.gradients(&batch)?;
        if !loss.is_finite() || gradients.iter().flatten().any(|g| !g.is_finite()) {
            return Err(Error::OptionInvalid {
                option: "learning_rate",
                value: self.resolved.learning_rate.to_string(),
                reason: format!(
                    "the loss is {loss} at step {}; train with a smaller one",
                    self.step + 1
                ),
            });
        }
        clip_norm(&mut gradients, GRADIENT_NORM);
        let learning_rate = self.schedule.rate(self.step);
        let parameters = &mut self.student.parameters;
        self.optimizer.step(parameters, &gradients, learning_rate);
        self.step += 1;
        self.phase = if rows.is_empty() {
            Phase::Evaluate {
                next: 0,
                evaluation: Evaluation::new(&self.dev.labels),
            }
        } else {
            Phase::Train(rows)
        };
        Ok(Event::Step {
            step: self.step,
            steps: self.schedule.steps,
            epoch: self.epoch + 1,
            epochs: self.resolved.epochs,
            loss,
            learning_rate,
        })
    }

    /// Mean loss over the rows and its gradient for each parameter.
    fn gradients(&mut self, rows: &[usize]) -> Result<(f64, Vec<Vec<f32>>)> {
        let (mut adapter, head) = self.student.build(self.backbone.shape())?;
        adapter.start_training(self.resolved.seed.rotate_left(20) ^ self.step as u64);
        let examples = &self.train.examples;
        let parameters = &self.student.parameters;
        let mut sums: Vec<Vec<f32>> = parameters
            .iter()
            .map(|parameter| vec![0.0; parameter.tensor.len()])
            .collect();
        let mut total = penalise(&*adapter, parameters, &mut sums);
        for part in runs(rows, TRAINING_TOKENS, |&row| examples[row].tokens.ids.len()) {
            let labels: Vec<usize> = part.iter().map(|&row| examples[row].label).collect();
            let numbered = part.iter().map(|&row| (row, &examples[row].tokens));
            let numbered: Vec<_> = numbered.collect();
            let states = self.states.forward(&*self.backbone, &*adapter, &numbered)?;
            let logits = head.logits(&*self.backbone, &states);
            drop(states);
            #[allow(clippy::cast_precision_loss)]
            let share = part.len() as f32 / rows.len() as f32;
            let loss = cross_entropy(&logits, &labels);
            drop(logits);
            total += f64::from(loss.data()[0]) * f64::from(share);
            let gradients = loss.backward_from(&[share]);
            for (sum, parameter) in sums.iter_mut().zip(parameters) {
                if let Some(gradient) = gradients.get(&parameter.tensor) {
                    sum.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
                }
            }
        }
        Ok((total, sums))
    }

    fn evaluate(&mut self, next: usize, mut evaluation: Evaluation) -> Result<Event> {
        let examples = &self.dev.examples;
        let rest: Vec<usize> = (next..examples.len()).collect();
        let length = |&row: &usize| examples[row].tokens.ids.len();
        let part = runs(&rest, EVALUATION_TOKENS, length)
            .next()
            .unwrap_or_default();
        let next = next + part.len();
        if !part.is_empty() {
            let (adapter, head) = self.student.build(self.backbone.shape())?;
            let first = self.train.examples.len();
            let rows = part.iter().map(|&row| (first + row, &examples[row].tokens));
            let states =
                self.states
                    .forward(&*self.backbone, &*adapter, &rows.collect::<Vec<_>>())?;
            let logits = head.logits(&*self.backbone, &states);
            for (&row, logits) in part.iter().zip(logits.rows()) {
                let label = examples[row].label;
                evaluation.add(label, argmax(logits), row_loss(logits, label));
            }
        }
        if next < self.dev.examples.len() {
            self.phase = Phase::Evaluate { next, evaluation };
            let (total, steps) = (self.dev.examples.len(), self.schedule.steps);
            return Ok(Event::Evaluating {
                done: next,
                total,
                step: self.step,
                steps,
            });
        }
        self.end_epoch(&evaluation)
    }

    fn end_epoch(&mut self, evaluation: &Evaluation) -> Result<Event> {
        let metric = &self.resolved.metric;
        let (score, loss) = (evaluation.score(metric)?, evaluation.loss);
        let best = self
            .best
            .as_ref()
            .is_none_or(|best| score > best.score || (score >= best.score && loss < best.loss));
        if best {
            self.best = Some(Best {
                score,
                loss,
                parameters: self.student.parameters.iter().map(constant).collect(),
            });
        }
        self.epoch += 1;
        let event = Event::Eval {
            epoch: self.epoch,
            epochs: self.resolved.epochs,
            metric: metric.name(),
            score,
            loss,
            best,
            step: self.step,
            steps: self.schedule.steps,
        };
        self.phase = if self.epoch < self.resolved.epochs {
            self.shuffled()
        } else {
            Phase::Done
        };
        Ok(event)
    }

    fn done(&self) -> Event {
        Event::Done {
            metric: self.resolved.metric.name(),
            score: self.best.as_ref().map_or(0.0, |best| best.score),
            epochs: self.epoch,
            steps: self.step,
            train_rows: self.train.examples.len(),
            dev_rows: self.dev.examples.len(),
            parameters: self.student.parameters.iter().map(|p| p.tensor.len()).sum(),
        }
    }

    /// The adapter of the best epoch so far, or as it was initialised before the first has ended.
    ///
    /// # Errors
    /// None in practice: the parameters are those that the run began with.
    pub fn finish(mut self) -> Result<TaskAdapter> {
        let dev_score = self.best.as_ref().map(|best| best.score);
        if let Some(best) = self.best.take() {
            self.student.parameters = best.parameters;
        }
        let (adapter, head) = self.student.build(self.backbone.shape())?;
        if let Some((config, parameters)) = adapter.finished() {
            self.student.config = config;
            self.student.parameters = [&parameters, head.parameters()].concat();
        }
        for parameter in &mut self.student.parameters {
            *parameter = constant(parameter);
            if self.resolved.half {
                let round = |x: &mut f32| *x = f16::from_f32(*x).to_f32();
                parameter
                    .tensor
                    .update(|values| values.iter_mut().for_each(round));
            }
        }
        let shape = self.backbone.shape();
        let (adapter, head) = self.student.build(shape)?;
        let card = Card {
            task: self.settings.task.clone(),
            labels: self.train.labels.clone(),
            pooling: Some(self.resolved.pooling),
            backbone: Some(BackboneRef {
                name: shape.name.clone(),
                fingerprint: shape.fingerprint.clone(),
            }),
            metric: Some(self.resolved.metric.clone()),
            dev_score,
            seed: Some(self.resolved.seed),
            training: Some(json!({
                "kind": self.preset.name,
                "adapter": self.settings.adapter,
                "settings": self.resolved,
                "train_rows": self.train.examples.len(),
                "dev_rows": self.dev.examples.len(),
            })),
            ..Card::default()
        };
        Ok(TaskAdapter {
            adapter,
            head: Some(head),
            card,
            library: self.preset.library,
            original: None,
            float: if self.resolved.half {
                FloatType::F16
            } else {
                FloatType::F32
            },
            bytes: 0,
        })
    }
}
