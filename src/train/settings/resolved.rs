//! Settings with every default filled in, for the data at hand.

use serde::Serialize;

use super::super::defaults::Defaults;
use super::super::{AdamW, Dataset, Decay, Origin, Schedule};
use super::class_weights::ClassWeights;
use super::warm::DISTILLATION;
use super::{DEV_SHARE, Settings, check};
use crate::adapter::{Parameter, Preset};
use crate::error::{Error, Result};
use crate::head::{LossSettings, Metric, Pairs, Pooling, ProblemName};

/// [`Settings`] with every default filled in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Resolved {
    /// See [`Settings::problem`].
    pub problem: ProblemName,
    /// The contrastive steps, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrastive: Option<Contrastive>,
    /// See [`Settings::c`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub c: Option<f64>,
    /// See [`Settings::epochs`].
    pub epochs: usize,
    /// See [`Settings::patience`]; by default as many as the epochs.
    pub patience: usize,
    /// See [`Settings::batch_size`].
    pub batch_size: usize,
    /// See [`Settings::accumulation`].
    pub accumulation: usize,
    /// See [`Settings::learning_rate`].
    pub learning_rate: f64,
    /// See [`Settings::head_learning_rate`].
    pub head_learning_rate: f64,
    /// See [`Settings::schedule`].
    pub schedule: Decay,
    /// See [`Settings::warmup`].
    pub warmup: f64,
    /// See [`Settings::weight_decay`].
    pub weight_decay: f64,
    /// See [`Settings::gradient_clip`].
    pub gradient_clip: f64,
    /// See [`Settings::head_dropout`].
    pub head_dropout: f64,
    /// See [`Settings::label_smoothing`].
    pub label_smoothing: f64,
    /// See [`Settings::class_weights`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    /// See [`Settings::distillation`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distillation: Option<f64>,
    /// See the setting of that name.
    pub dev_share: f64,
    /// See [`Settings::folds`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// See [`Settings::refit`].
    pub refit: bool,
    /// See [`Settings::seed`].
    pub seed: u64,
    /// See [`Settings::pooling`].
    pub pooling: Pooling,
    /// See [`Settings::pairs`].
    #[serde(skip_serializing_if = "is_joint")]
    pub pairs: Pairs,
    /// See [`Settings::metric`].
    pub metric: Metric,
    /// See [`Settings::half`].
    pub half: bool,
    /// See [`Options::layers`](crate::adapter::Options::layers); all without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<usize>>,
}

/// The steps that a run begins with, in which texts with the same label come to have near vectors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contrastive {
    /// See [`Settings::contrastive_steps`].
    pub steps: usize,
    /// See [`Settings::contrastive_learning_rate`].
    pub learning_rate: f64,
    /// Most rows of a step.
    pub batch_size: usize,
}

impl Resolved {
    /// Whether the head is fitted in one go, before the epochs if there are any.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.contrastive.is_some() || self.epochs == 0
    }

    /// Rows of a step of an epoch.
    pub(crate) fn step_rows(&self) -> usize {
        self.batch_size * self.accumulation
    }

    /// What takes the steps.
    pub(crate) fn optimizer(&self, parameters: &[Parameter]) -> AdamW {
        let head = self.head_learning_rate / self.learning_rate;
        AdamW::new(parameters, self.weight_decay, head)
    }

    /// The learning rate over this number of steps.
    pub(crate) fn schedule(&self, steps: usize) -> Schedule {
        self.schedule_of(self.learning_rate, steps)
    }

    /// The same with another peak.
    pub(crate) fn schedule_of(&self, peak: f64, steps: usize) -> Schedule {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )]
        let warmup = (steps as f64 * self.warmup).round() as usize;
        Schedule {
            peak,
            warmup,
            steps,
            decay: self.schedule,
        }
    }

    /// How rows count in the loss.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] for class weights that do not fit the rows.
    pub fn loss_settings(&self, data: &Dataset) -> Result<LossSettings> {
        #[allow(clippy::cast_possible_truncation)]
        let smoothing = self.label_smoothing as f32;
        let class_weights = match &self.class_weights {
            None => Vec::new(),
            Some(weights) => weights.of(data)?,
        };
        Ok(LossSettings {
            smoothing,
            class_weights,
            unit: data.scheme().problem.unit(data.targets()),
        })
    }
}

/// The head's learning rate: ten times that of the adapter, as far as this is a rate that a linear layer learns with.
///
/// LoRA on six tasks, mean of three seeds: .789 with ten times the rate, .786 with the same.
fn of_head(learning_rate: f64) -> f64 {
    (10.0 * learning_rate).min(1e-2).max(learning_rate)
}

/// Whether there is nothing to say of how pairs are read.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_joint(pairs: &Pairs) -> bool {
    *pairs == Pairs::Joint
}

impl Settings {
    /// Fills in the defaults for a preset, the rows to learn from, and the number of the backbone's layers.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] for a value outside its range.
    pub fn resolve(&self, preset: &Preset, data: &Dataset, layers: usize) -> Result<Resolved> {
        let problem = data.scheme().problem;
        let mut defaults = Defaults::of(preset, data, layers);
        let continues = self.old_head(data.scheme()).is_some();
        if continues {
            defaults.warm_start(data.of_origin(Origin::New).len());
        }
        // What says how long the epochs are asks for epochs, and an adapter that goes on has learnt already.
        let few = defaults
            .contrastive
            .filter(|_| self.epochs.is_none() && self.start.is_none() && self.members.is_empty());
        let steps = self.contrastive_steps;
        let own = Contrastive {
            steps: steps.unwrap_or(0),
            ..few
                .clone()
                .unwrap_or_else(|| Contrastive::of(data.len(), data.len()))
        };
        let contrastive = match steps {
            None => few,
            Some(steps) => (steps > 0).then_some(own),
        };
        let contrastive = contrastive.map(|own| Contrastive {
            learning_rate: self.contrastive_learning_rate.unwrap_or(own.learning_rate),
            batch_size: self.batch_size.unwrap_or(own.batch_size),
            ..own
        });
        let fitted = contrastive.is_some() || self.fits_new_labels(data);
        let epochs = match fitted {
            true => 0,
            false => defaults.epochs,
        };
        let epochs = self.epochs.unwrap_or(epochs);
        if contrastive.is_some() && defaults.contrastive_in_all_layers {
            defaults.layers = None;
        }
        let learning_rate = self.learning_rate.unwrap_or(defaults.learning_rate);
        let resolved = Resolved {
            problem,
            contrastive,
            c: self.c,
            epochs,
            patience: self.patience.unwrap_or(epochs.max(1)),
            batch_size: self.batch_size.unwrap_or(defaults.batch_size),
            accumulation: self.accumulation.unwrap_or(1),
            learning_rate,
            head_learning_rate: self.head_learning_rate.unwrap_or(of_head(learning_rate)),
            schedule: self.schedule.unwrap_or_default(),
            warmup: self.warmup.unwrap_or(0.06),
            weight_decay: self.weight_decay.unwrap_or(0.01),
            gradient_clip: self.gradient_clip.unwrap_or(1.0),
            head_dropout: self.head_dropout.unwrap_or(0.0),
            label_smoothing: self.label_smoothing.unwrap_or(0.0),
            class_weights: self.class_weights.clone(),
            distillation: self.distillation.or(continues.then_some(DISTILLATION)),
            dev_share: self.dev_share(),
            folds: self.folds,
            refit: self.refit.unwrap_or(false),
            seed: self.seed(),
            pooling: self.pooling.unwrap_or(Pooling::Mean),
            pairs: data.scheme().pairs,
            metric: self.metric.clone().unwrap_or_else(|| problem.metric()),
            half: self.half.unwrap_or(false),
            layers: match (&self.start, &self.adapter) {
                // an adapter that is trained further, or whose modules are named, is where it is
                (Some(_), _) => None,
                (None, named) if named.peft.contains_key("target_modules") => named.layers.clone(),
                (None, own) => own.layers.clone().or(defaults.layers),
            },
        };
        #[allow(clippy::cast_precision_loss)]
        check("epochs", resolved.epochs as f64, 0.0..=1000.0)?;
        #[allow(clippy::cast_precision_loss)]
        for (option, count, most) in [
            ("patience", resolved.patience, 1000.0),
            ("batch_size", resolved.batch_size, 1024.0),
            ("accumulation", resolved.accumulation, 1024.0),
        ] {
            check(option, count as f64, 1.0..=most)?;
        }
        if let Some(own) = &resolved.contrastive {
            #[allow(clippy::cast_precision_loss)]
            check("contrastive_steps", own.steps as f64, 0.0..=10_000.0)?;
            check("contrastive_learning_rate", own.learning_rate, 1e-8..=1.0)?;
            if data.scheme().compares() {
                return Err(Error::OptionInvalid {
                    option: "contrastive_steps",
                    value: own.steps.to_string(),
                    reason: "the head compares two vectors of each row, and these steps need one; leave them out, or set pairs to \"joint\"".into(),
                });
            }
            if problem.likeness().is_none() {
                return Err(Error::OptionInvalid {
                    option: "contrastive_steps",
                    value: own.steps.to_string(),
                    reason: format!(
                        "the rows of a problem {} are not alike as a whole; leave it out",
                        problem.name()
                    ),
                });
            }
        }
        if let Some(folds) = resolved.folds {
            #[allow(clippy::cast_precision_loss)]
            check("folds", folds as f64, 2.0..=data.len().min(100) as f64)?;
        }
        if let Some(weight) = resolved.distillation {
            check("distillation", weight, 0.0..=1000.0)?;
        }
        self.check_warm_start(&resolved, data, continues)?;
        if let Some(c) = resolved.c {
            check("c", c, 1e-6..=1e6)?;
        }
        check("learning_rate", resolved.learning_rate, 1e-8..=1.0)?;
        check(
            "head_learning_rate",
            resolved.head_learning_rate,
            1e-8..=10.0,
        )?;
        check("warmup", resolved.warmup, 0.0..=1.0)?;
        check("weight_decay", resolved.weight_decay, 0.0..=1.0)?;
        check("dev_share", resolved.dev_share, DEV_SHARE)?;
        check("gradient_clip", resolved.gradient_clip, 1e-6..=1e6)?;
        check("head_dropout", resolved.head_dropout, 0.0..=0.95)?;
        check("label_smoothing", resolved.label_smoothing, 0.0..=0.9)?;
        Ok(resolved)
    }
}
