//! Vectors of rows, and what moves them: for the contrastive steps of a run, and for a head that is fitted.

use super::super::contrast::contrast;
use super::{EVALUATION_TOKENS, Learner, Lesson, TRAINING_TOKENS, sequences};
use crate::error::Result;
use crate::head::Likeness;
use crate::tensor::Tensor;

/// Rows of a contrastive step whose vectors are known, and whose gradient will be asked for.
pub(super) struct EncodedRows {
    step: usize,
    rows: Vec<usize>,
    /// `[rows, width]`
    vectors: Tensor,
}

impl Learner {
    /// The loss of a contrastive step, and its gradient, where this learner has all of the step's rows.
    pub(super) fn contrast(&mut self, step: usize, rows: &[usize]) -> Result<Lesson> {
        let tokens: usize = rows.iter().map(|&row| self.data.length(row)).sum();
        if tokens > TRAINING_TOKENS {
            let vectors = self.encode(step, rows)?;
            let (loss, gradient) = self.apart(rows, &vectors);
            let lesson = self.pull(step, rows, &gradient)?;
            return Ok(Lesson { loss, ..lesson });
        }
        let vectors = self.vectors_in_training(step, rows)?;
        let (loss, gradient) = self.apart(rows, vectors.data());
        let mut lesson = self.lesson(loss);
        let gradients = vectors.backward_from(&gradient);
        self.student.add_gradients(&gradients, &mut lesson.gradient);
        Ok(lesson)
    }

    /// The vectors of rows of a contrastive step, `[rows, width]`. What [`pull`](Self::pull) needs to go back is kept if the
    /// rows are computed in one part.
    pub(super) fn encode(&mut self, step: usize, rows: &[usize]) -> Result<Vec<f32>> {
        self.encoded = None;
        let parts = self.parts(rows, TRAINING_TOKENS);
        if let [_] = parts[..] {
            let vectors = self.vectors_in_training(step, rows)?;
            let values = vectors.data().to_vec();
            self.encoded = Some(EncodedRows {
                step,
                rows: rows.to_vec(),
                vectors,
            });
            return Ok(values);
        }
        let mut vectors = Vec::new();
        for part in parts {
            vectors.extend_from_slice(self.vectors_in_training(step, part)?.data());
        }
        Ok(vectors)
    }

    /// The gradient of a contrastive step by the parameters, of the gradient by the rows' vectors (Gao et al. 2021). Rows are
    /// computed in parts, so memory is bounded whatever the size of the step.
    pub(super) fn pull(
        &mut self,
        step: usize,
        rows: &[usize],
        mut gradient: &[f32],
    ) -> Result<Lesson> {
        let mut lesson = self.lesson(0.0);
        let mut kept = self.encoded.take();
        for part in self.parts(rows, TRAINING_TOKENS) {
            let is_same = |own: &EncodedRows| own.step == step && own.rows == part;
            let vectors = match kept.take().filter(is_same) {
                Some(own) => own.vectors,
                None => self.vectors_in_training(step, part)?,
            };
            let (own, rest) = gradient.split_at(vectors.len());
            gradient = rest;
            let gradients = vectors.backward_from(own);
            self.student.add_gradients(&gradients, &mut lesson.gradient);
        }
        Ok(lesson)
    }

    /// The loss of the vectors of a step's rows, and its gradient by them.
    pub(in crate::train) fn apart(&self, rows: &[usize], vectors: &[f32]) -> (f64, Vec<f32>) {
        let problem = self.data.scheme().problem;
        let of = problem.likeness().unwrap_or(Likeness::Labels);
        let target = |&row: &usize| self.data.target(row);
        let targets: Vec<&[u32]> = rows.iter().map(target).collect();
        let pairs = targets
            .iter()
            .flat_map(|a| targets.iter().map(move |b| (a, b)));
        let alike: Vec<f32> = pairs
            .map(|(a, b)| problem.alike(a, b, &self.loss))
            .collect();
        let mut gradient = vec![0.0; vectors.len()];
        let width = vectors.len() / rows.len().max(1);
        let loss = contrast(of, vectors, width.max(1), &alike, &mut gradient);
        (loss, gradient)
    }

    /// What the head's first layer reads of rows, `[vectors, width]`, as the adapter is now.
    pub(super) fn read(&mut self, rows: &[usize]) -> Result<Vec<f32>> {
        let (adapter, head) = self.student.build(self.backbone.shape())?;
        let mut vectors = Vec::new();
        for part in self.parts(rows, EVALUATION_TOKENS) {
            let tokens = sequences(&self.data, part);
            let states = self.states_of(&*adapter, part, &tokens)?;
            let read = head.features(head.read(&*self.backbone, &*adapter, &states));
            vectors.extend_from_slice(read.data());
        }
        Ok(vectors)
    }

    fn vectors_in_training(&mut self, step: usize, rows: &[usize]) -> Result<Tensor> {
        let (mut adapter, head) = self.student.build(self.backbone.shape())?;
        let (states, _) = self.states_in_training(&mut *adapter, step, rows)?;
        Ok(head.read(&*self.backbone, &*adapter, &states))
    }

    fn lesson(&self, loss: f64) -> Lesson {
        Lesson {
            gradient: vec![0.0; self.student.len()],
            loss,
            traces: Vec::new(),
        }
    }
}
