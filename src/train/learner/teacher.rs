//! The adapter that a run starts from, as the teacher of what should be kept (Hinton et al. 2015; Li and Hoiem 2016,
//! "Learning without Forgetting").

use super::super::{Dataset, Origin};
use crate::compose::ComputedStates;
use crate::engine::{head_of, logits};
use crate::error::Result;
use crate::folder::Member;
use crate::head::LossSettings;
use crate::model::Backbone;
use crate::ops::{Taught, distillation, select};
use crate::tensor::Tensor;

/// What the logits of both are divided by (Li and Hoiem 2016 have 2 too).
const TEMPERATURE: f64 = 2.0;

/// The frozen adapter that a run starts from, and what it says of rows.
pub(super) struct Teacher {
    start: Member,
    /// Weight of what it said.
    pub(super) weight: f64,
    /// Number of its labels.
    labels: usize,
    /// How rows count.
    loss: LossSettings,
    /// Its logits of each row, once asked for: of those vectors that the row is learnt from, end to end.
    said: Vec<Option<Box<[f32]>>>,
}

impl Teacher {
    pub(super) fn new(
        start: Member,
        weight: f64,
        labels: usize,
        loss: LossSettings,
        rows: usize,
    ) -> Self {
        Self {
            start,
            weight,
            labels,
            loss,
            said: vec![None; rows],
        }
    }

    /// How far logits of some rows are from what it said, a mean with the `weights` of the rows. Row `starts[i]` of the
    /// logits is the first of sequence `i`, where a head has logits of tokens.
    pub(super) fn loss(
        &mut self,
        backbone: &dyn Backbone,
        data: &Dataset,
        (rows, weights): (&[usize], &[f64]),
        z: &Tensor,
        starts: &[usize],
    ) -> Result<Tensor> {
        let problem = data.scheme().problem;
        let each = data.answers_per_row();
        let (mut vectors, mut counts) = (Vec::new(), Vec::new());
        for (place, &row) in rows.iter().enumerate() {
            self.ask(backbone, data, row)?;
            let start = match problem.reads_tokens() {
                true => starts[place],
                false => place * each,
            };
            let before = vectors.len();
            problem.learnt(data.target(row), start, each, &mut |at| vectors.push(at));
            counts.push(vectors.len() - before);
        }
        let mut taught = Vec::with_capacity(vectors.len());
        for ((&row, weight), count) in rows.iter().zip(weights).zip(counts) {
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
            let weight = (weight / count.max(1) as f64) as f32;
            let said = self.said[row].as_deref().unwrap_or_default();
            let said = said.chunks_exact(self.labels);
            taught.extend(said.map(|teacher| Taught { teacher, weight }));
        }
        let z = select(z, &vectors);
        Ok(distillation(&z, problem.said(), TEMPERATURE, &taught))
    }

    /// Computes what it says of a row. Rows are computed one at a time: then the numbers do not depend on which rows stand
    /// together, and a run that was interrupted has the same.
    fn ask(&mut self, backbone: &dyn Backbone, data: &Dataset, row: usize) -> Result<()> {
        if self.said[row].is_some() {
            return Ok(());
        }
        let problem = data.scheme().problem;
        let mut all = Vec::new();
        for sequence in data.sequences(row) {
            let (task, name) = (&self.start.task, &self.start.name);
            let said = logits(backbone, &mut ComputedStates, task, &[sequence], name)?;
            all.extend(said.into_iter().flatten());
        }
        let all = head_of(&self.start.name, &self.start.task)?.row_logits(all);
        let (width, each) = (self.labels, data.answers_per_row());
        let mut said = Vec::new();
        problem.learnt(data.target(row), 0, each, &mut |at| {
            said.extend_from_slice(&all[at * width..(at + 1) * width]);
        });
        self.loss.unit.scale(&mut said);
        if data.origin(row) != Origin::Unlabelled {
            // what it said wrong of a row should not be kept
            problem.correct(data.target(row), &mut said, width, &self.loss);
        }
        self.said[row] = Some(said.into());
        Ok(())
    }
}
