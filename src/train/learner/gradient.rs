//! The loss of rows that are learnt from, and its gradient.

use super::super::penalty::penalise;
use super::super::{Dataset, Origin};
use super::{Learner, Lesson, TRAINING_TOKENS, Trace};
use crate::error::Result;
use crate::head::{Head, LossSettings, Term, argmax, softmax};
use crate::ops::{add_scaled, scale, select};
use crate::tensor::Tensor;

impl Learner {
    /// The rows' part of the mean loss of a step and of its gradient.
    pub(super) fn gradient(&mut self, step: usize, rows: &[usize], weight: f64) -> Result<Lesson> {
        let (mut adapter, head) = self.student.build(self.backbone.shape())?;
        let mut lesson = Lesson {
            gradient: vec![0.0; self.student.len()],
            ..Lesson::default()
        };
        let mut done = 0.0;
        for part in self.parts(rows, TRAINING_TOKENS) {
            let (states, seeds) = self.states_in_training(&mut *adapter, step, part)?;
            let logits = head.logits_in_training(
                &*self.backbone,
                &*adapter,
                &states,
                (self.head_dropout, &seeds),
            );
            let starts = states.starts.clone();
            drop(states);
            let weights = self.weight(part);
            let share = weights / weight.max(f64::MIN_POSITIVE);
            done += share;
            #[allow(clippy::cast_possible_truncation)]
            let share = share as f32;
            let data = &self.data;
            let targets: Vec<&[u32]> = part.iter().map(|&row| data.target(row)).collect();
            if data.scheme().problem.about().classes {
                let rows = part.iter().zip(&targets).zip(logits.rows());
                lesson
                    .traces
                    .extend(rows.map(|((&row, target), z)| match data.origin(row) {
                        Origin::Unlabelled => Trace::default(),
                        _ => self.trace(target, z),
                    }));
            }
            let (loss, share) = match &mut self.teacher {
                None => {
                    let loss = head.loss_with(&logits, &starts, &targets, &self.loss);
                    (loss, share)
                }
                Some(teacher) => {
                    let weights: Vec<f64> = { part.iter() }
                        .map(|&row| weight_of(data, row, &self.loss))
                        .collect();
                    let said =
                        teacher.loss(&*self.backbone, data, (part, &weights), &logits, &starts)?;
                    #[allow(clippy::cast_possible_truncation)]
                    let kept = scale(said, (f64::from(share) * teacher.weight) as f32);
                    let hard = labelled_loss(&head, data, part, (&logits, &starts), &self.loss);
                    #[allow(clippy::cast_possible_truncation)]
                    let loss = match hard {
                        Some((hard, own)) => {
                            add_scaled(kept, &hard, (own / weight.max(f64::MIN_POSITIVE)) as f32)
                        }
                        None => kept,
                    };
                    (loss, 1.0)
                }
            };
            drop(logits);
            lesson.loss += f64::from(loss.data()[0]) * f64::from(share);
            let gradients = loss.backward_from(&[share]);
            self.student.add_gradients(&gradients, &mut lesson.gradient);
        }
        let parameters = &self.student.parameters;
        lesson.loss += penalise(&*adapter, parameters, done, &mut lesson.gradient);
        Ok(lesson)
    }

    /// The total weight of rows in a mean loss.
    pub(in crate::train) fn weight(&self, rows: &[usize]) -> f64 {
        let weight = |&row: &usize| weight_of(&self.data, row, &self.loss);
        rows.iter().map(weight).sum()
    }

    /// How a row with one label was answered.
    #[allow(clippy::cast_possible_truncation)]
    fn trace(&self, target: &[u32], z: &[f32]) -> Trace {
        let Some(label) = self.data.scheme().problem.class(target) else {
            return Trace::default();
        };
        let mut scores = softmax(z);
        scores[label] = -1.0;
        let rival = argmax(&scores);
        Trace {
            loss: Term::Choice(z, label).loss(1.0) as f32,
            rival_score: scores[rival],
            rival: u32::try_from(rival).unwrap_or(u32::MAX),
        }
    }
}

/// The weight of a row in a mean loss.
fn weight_of(data: &Dataset, row: usize, settings: &LossSettings) -> f64 {
    let (problem, labels) = (data.scheme().problem, data.labels().len());
    let plain = LossSettings::default();
    let settings = match data.origin(row) {
        Origin::Unlabelled => &plain,
        _ => settings,
    };
    problem.weight(data.target(row), labels, settings)
}

/// The mean loss of those of the rows that have labels, and their weight; `None` if none has.
fn labelled_loss(
    head: &Head,
    data: &Dataset,
    rows: &[usize],
    (logits, starts): (&Tensor, &[usize]),
    settings: &LossSettings,
) -> Option<(Tensor, f64)> {
    let is_labelled = |place: &usize| data.origin(rows[*place]) != Origin::Unlabelled;
    let places: Vec<usize> = (0..rows.len()).filter(is_labelled).collect();
    let own: Vec<usize> = places.iter().map(|&place| rows[place]).collect();
    let targets: Vec<&[u32]> = own.iter().map(|&row| data.target(row)).collect();
    let weight = own.iter().map(|&row| weight_of(data, row, settings)).sum();
    let loss = match own.len() {
        0 => return None,
        all if all == rows.len() => head.loss_with(logits, starts, &targets, settings),
        // texts without labels are of problems that have a vector of logits a text
        _ => head.loss_with(&select(logits, &places), starts, &targets, settings),
    };
    Some((loss, weight))
}
