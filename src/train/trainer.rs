mod contrastive;
mod finish;
mod fit;
mod passes;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use fit::Fit;
pub(super) use passes::Pass;

use super::{
    AdamW, Computed, Dataset, Event, Learner, Lesson, Outcomes, Resolved, Settings, Trace,
    clip_norm,
};
use crate::adapter::Preset;
use crate::error::{Error, Result};
use crate::head::{Decision, Evaluation};
use crate::kernels;
use crate::model::Backbone;

/// A training run, one short unit of work at a time.
///
/// [`step`](Self::step) does all of it alone. With several workers, each has a [`Learner`] of the same
/// data: [`plan`](Self::plan) says what each should compute, [`apply`](Self::apply) takes what they
/// computed, and every learner takes over the [`parameters`](Learner::parameters) before the next plan.
pub struct Trainer {
    pub(super) learner: Learner,
    pub(super) preset: &'static Preset,
    pub(super) settings: Settings,
    pub(super) resolved: Resolved,
    pub(super) optimizer: AdamW,
    pub(super) passes: Vec<Pass>,
    /// Passes that are over.
    pub(super) passed: usize,
    /// All parameters as every pass begins with them.
    pub(super) fresh: Vec<f32>,
    /// What the folds before this one were answered with.
    pub(super) outcomes: Outcomes,
    /// Rows that are alike, which a contrastive step has some of each of.
    pub(super) strata: Vec<Vec<usize>>,
    pub(super) step: usize,
    pub(super) epoch: usize,
    pub(super) phase: Phase,
    pub(super) best: Option<Best>,
    /// Epochs since the highest score.
    pub(super) worse: usize,
    /// How each row was answered when it was last learnt from.
    pub(super) traces: Vec<Trace>,
    /// Identifies the run; computed when the first checkpoint is written.
    pub(super) run: OnceCell<BTreeMap<String, String>>,
}

pub(super) enum Phase {
    /// Contrastive steps. Of the next step what is known already: the loss, and its gradient by the vectors of its rows.
    Contrast(Option<(f64, Vec<f32>)>),
    /// Vectors of the rows before this one, which the head is going to be fitted to.
    Read { next: usize, vectors: Vec<f32> },
    /// The head is fitted to vectors.
    Fit(Box<Fit>),
    /// Rows of this epoch that are still to be learnt from, the next ones last.
    Train(Vec<usize>),
    /// Held-out rows that are answered.
    Evaluate { next: usize, outcomes: Outcomes },
    /// Nothing is left to do.
    Done,
}

impl Phase {
    /// No vector is there yet.
    pub(super) const FIRST_READ: Self = Self::Read {
        next: 0,
        vectors: Vec::new(),
    };
}

/// The epoch whose adapter is the result, so far.
pub(super) struct Best {
    pub(super) score: f64,
    /// The highest score of all epochs, which this one's comes near.
    pub(super) highest: f64,
    pub(super) parameters: Vec<f32>,
    pub(super) outcomes: Outcomes,
}

impl Trainer {
    /// Prepares a run of a preset on checked rows.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] for settings outside their range, or that do not fit the rows.
    pub fn new(
        backbone: Arc<dyn Backbone>,
        preset: &'static Preset,
        settings: Settings,
        train: Dataset,
        dev: Dataset,
    ) -> Result<Self> {
        let learner = Learner::new(backbone, preset, &settings, train, dev)?;
        let resolved = learner.resolved.clone();
        // fails now rather than after the first epoch, if the rows have no such metric
        let (data, width) = (&learner.data, learner.data.labels().len());
        Evaluation::of(
            &data.select(&[]),
            &Outcomes::new(width),
            &Decision::default(),
        )
        .score(&resolved.metric)?;
        let optimizer = resolved.optimizer(&learner.student.parameters);
        let strata = match &resolved.contrastive {
            Some(_) => data.strata(),
            None => Vec::new(),
        };
        let Resolved {
            folds, refit, seed, ..
        } = resolved;
        let mut trainer = Self {
            traces: vec![Trace::default(); data.len()],
            passes: Pass::all(data, learner.learnt, folds, refit, seed),
            passed: 0,
            fresh: learner.parameters(),
            outcomes: Outcomes::new(width),
            learner,
            preset,
            settings,
            resolved,
            optimizer,
            strata,
            step: 0,
            epoch: 0,
            phase: Phase::Done,
            best: None,
            worse: 0,
            run: OnceCell::new(),
        };
        trainer.phase = trainer.first_phase();
        Ok(trainer)
    }

    /// All steps of the run.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.passes.iter().map(|pass| self.steps_of(pass)).sum()
    }

    /// The settings in force.
    #[must_use]
    pub fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// What computes; its parameters are those of the run.
    #[must_use]
    pub fn learner(&mut self) -> &mut Learner {
        &mut self.learner
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// Computes one unit of work: a step, a part of an evaluation, or nothing if the run is over.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if the loss is no longer finite; then the learning rate is too high.
    pub fn step(&mut self) -> Result<Event> {
        let mut computed = Vec::new();
        for share in self.plan(1) {
            computed.push(self.learner.compute(&share)?);
        }
        self.apply(computed)
    }

    /// Takes what the shares of a [`plan`](Self::plan) came to, in the plan's order.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if that is not what was planned, or if the loss is no longer finite; then
    /// the learning rate is too high.
    pub fn apply(&mut self, computed: Vec<Computed>) -> Result<Event> {
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Contrast(None) if matches!(computed[..], [Computed::Vectors(_), ..]) => {
                Ok(self.encoded(&vectors(computed)?))
            }
            Phase::Contrast(known) => self.contrast(known, &lessons(computed)?),
            Phase::Read {
                next,
                vectors: read,
            } => self.take_vectors(next, read, &vectors(computed)?),
            Phase::Fit(fit) => Ok(self.fit(fit)),
            Phase::Train(rows) => self.learn(rows, &lessons(computed)?),
            Phase::Evaluate { next, outcomes } => {
                let judged = computed.into_iter().map(|computed| match computed {
                    Computed::Judged(outcomes) => Ok(outcomes),
                    _ => Err(unplanned("something else in place of answers")),
                });
                self.judge(next, outcomes, judged.collect::<Result<Vec<_>>>()?)
            }
            Phase::Done => Ok(self.done()),
        }
    }

    fn learn(&mut self, mut rows: Vec<usize>, lessons: &[Lesson]) -> Result<Event> {
        let batch = rows.split_off(rows.len() - self.next_rows(&rows));
        let traces = lessons.iter().flat_map(|lesson| &lesson.traces);
        for (&row, &trace) in batch.iter().zip(traces) {
            self.traces[row] = trace;
        }
        let before = self.contrastive_steps();
        let schedule = self.resolved.schedule(self.steps_of(self.pass()) - before);
        let learning_rate = schedule.rate(self.step - self.begun() - before);
        let loss = self.descend(lessons, learning_rate)?;
        self.phase = if rows.is_empty() {
            self.evaluate()
        } else {
            Phase::Train(rows)
        };
        Ok(Event::Step {
            step: self.step,
            steps: self.steps(),
            epoch: self.passed * self.epochs() + self.epoch + 1,
            epochs: self.passes.len() * self.epochs(),
            loss,
            learning_rate,
        })
    }

    /// Takes a step against the gradient of some rows, in parts in the order of the plan. Returns the rows' loss.
    fn descend(&mut self, lessons: &[Lesson], learning_rate: f64) -> Result<f64> {
        let size = self.learner.student.len();
        if lessons.iter().any(|lesson| lesson.gradient.len() != size) || lessons.is_empty() {
            return Err(unplanned("gradients of other parameters"));
        }
        // always in the order of the plan, so that the sum has the same bits
        let loss: f64 = lessons.iter().map(|lesson| lesson.loss).sum();
        let mut gradient = vec![0f32; size];
        for lesson in lessons {
            kernels::add(&mut gradient, &lesson.gradient);
        }
        if !loss.is_finite() || !kernels::all_finite(&gradient) {
            return Err(Error::OptionInvalid {
                option: "learning_rate",
                value: learning_rate.to_string(),
                reason: format!(
                    "the loss is {loss} at step {}; train with a smaller one",
                    self.step + 1
                ),
            });
        }
        clip_norm(&mut gradient, self.resolved.gradient_clip);
        let parameters = &mut self.learner.student.parameters;
        self.optimizer.step(parameters, &gradient, learning_rate);
        self.step += 1;
        Ok(loss)
    }

    /// Evaluates the head and the adapter on the held-out rows next.
    fn evaluate(&self) -> Phase {
        Phase::Evaluate {
            next: 0,
            outcomes: Outcomes::new(self.learner.data.labels().len()),
        }
    }

    /// How often the held-out rows are answered: after every epoch, and after the head was fitted.
    fn epochs(&self) -> usize {
        self.resolved.epochs + usize::from(self.resolved.fits())
    }

    fn judge(
        &mut self,
        mut next: usize,
        mut outcomes: Outcomes,
        judged: Vec<Outcomes>,
    ) -> Result<Event> {
        self.phase = Phase::Evaluate {
            next,
            outcomes: Outcomes::default(),
        };
        let planned = self.plan(judged.len());
        next += planned
            .iter()
            .map(|share| share.rows().len())
            .sum::<usize>();
        judged.into_iter().for_each(|part| outcomes.append(part));
        let (data, judge) = (&self.learner.data, &self.pass().judge);
        if outcomes.logits.len() != data.vectors_of(&judge[..next]) * outcomes.width {
            return Err(unplanned("answers to other rows"));
        }
        if next < judge.len() {
            let total = judge.len();
            self.phase = Phase::Evaluate { next, outcomes };
            return Ok(Event::Evaluating {
                done: next,
                total,
                step: self.step,
                steps: self.steps(),
            });
        }
        self.end_epoch(outcomes)
    }

    fn done(&self) -> Event {
        let (train_rows, dev_rows) = self.rows();
        Event::Done {
            metric: self.resolved.metric.name(),
            score: self.best.as_ref().map_or(0.0, |best| best.score),
            epochs: self.epoch,
            steps: self.step,
            train_rows,
            dev_rows,
            parameters: self.learner.student.len(),
        }
    }
}

fn lessons(computed: Vec<Computed>) -> Result<Vec<Lesson>> {
    let lessons = computed.into_iter().map(|computed| match computed {
        Computed::Learnt(lesson) => Ok(lesson),
        _ => Err(unplanned("something else in place of gradients")),
    });
    lessons.collect()
}

fn vectors(computed: Vec<Computed>) -> Result<Vec<f32>> {
    let parts = computed.into_iter().map(|computed| match computed {
        Computed::Vectors(vectors) => Ok(vectors),
        _ => Err(unplanned("something else in place of vectors")),
    });
    Ok(parts.collect::<Result<Vec<_>>>()?.concat())
}

fn unplanned(what: &str) -> Error {
    Error::OptionInvalid {
        option: "parts",
        value: what.to_owned(),
        reason: "give what the plan asked for, in its order".into(),
    }
}
