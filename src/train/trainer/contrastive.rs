//! The contrastive steps of a run: texts with the same label come to have near vectors, and others distant ones.
//!
//! The loss of a step depends on all of its rows at once. Several workers therefore share a step in two rounds: first they
//! compute the rows' vectors, and then, with the gradient by these, that of the parameters.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::super::{Event, Lesson};
use super::{Phase, Trainer, unplanned};
use crate::error::Result;

impl Trainer {
    pub(in crate::train) fn contrastive_steps(&self) -> usize {
        self.resolved
            .contrastive
            .as_ref()
            .map_or(0, |own| own.steps)
    }

    /// The rows of the next contrastive step: as many of each stratum, of as many strata as there is room for. They hang
    /// on nothing but the seed and the step, so a run that was interrupted goes on with the same.
    pub(in crate::train) fn contrastive_rows(&self) -> Vec<usize> {
        let size = self
            .resolved
            .contrastive
            .as_ref()
            .map_or(0, |own| own.batch_size);
        let mut rng = ChaCha8Rng::seed_from_u64(self.resolved.seed.wrapping_add(2));
        rng.set_stream(self.step as u64);
        let learnt = &self.pass().learn;
        let is_learnt = |row: &usize| learnt.binary_search(row).is_ok();
        let own =
            |rows: &Vec<usize>| -> Vec<usize> { rows.iter().copied().filter(is_learnt).collect() };
        let mut strata: Vec<Vec<usize>> = self.strata.iter().map(own).collect();
        strata.retain(|rows| !rows.is_empty());
        strata.shuffle(&mut rng);
        let each = (size / strata.len().max(1)).max(2);
        let mut batch = Vec::with_capacity(size);
        for mut rows in strata {
            if batch.len() + 2 > size {
                break;
            }
            rows.shuffle(&mut rng);
            let room = size - batch.len();
            batch.extend(rows.into_iter().take(each.min(room)));
        }
        batch
    }

    /// Takes the vectors of a step's rows.
    pub(super) fn encoded(&mut self, vectors: &[f32]) -> Event {
        let rows = self.contrastive_rows();
        self.phase = Phase::Contrast(Some(self.learner.apart(&rows, vectors)));
        self.working(1, 2)
    }

    /// Takes the gradient of a step; its loss is `known` where the workers shared it.
    pub(super) fn contrast(
        &mut self,
        known: Option<(f64, Vec<f32>)>,
        lessons: &[Lesson],
    ) -> Result<Event> {
        let Some(own) = self.resolved.contrastive.clone() else {
            return Err(unplanned("a contrastive step"));
        };
        let schedule = self.resolved.schedule_of(own.learning_rate, own.steps);
        let begun = self.begun();
        let learning_rate = schedule.rate(self.step - begun);
        let loss = self.descend(lessons, learning_rate)?;
        let loss = known.map_or(loss, |(loss, _)| loss);
        self.phase = if self.step - begun < own.steps {
            Phase::Contrast(None)
        } else {
            // What follows has another loss.
            self.optimizer = self.resolved.optimizer(&self.learner.student.parameters);
            Phase::FIRST_READ
        };
        Ok(Event::Step {
            step: self.step,
            steps: self.steps(),
            epoch: self.passed * self.epochs() + 1,
            epochs: self.passes.len() * self.epochs(),
            loss,
            learning_rate,
        })
    }

    /// A part of something.
    pub(super) fn working(&self, done: usize, total: usize) -> Event {
        Event::Working {
            done,
            total,
            step: self.step,
            steps: self.steps(),
        }
    }
}
