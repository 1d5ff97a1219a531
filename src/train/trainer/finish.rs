//! The end of a run: the adapter as it is written, with its card.

use serde_json::json;

use super::super::Learner;
use super::Trainer;
use crate::error::Result;
use crate::folder::{BackboneRef, Card, TaskAdapter};
use crate::head::{DEFAULT_THRESHOLD, Decision};

impl Trainer {
    /// How the adapter that is trained further turns its logits into answers, where no row is held out to fit that on.
    pub(super) fn kept_decision(&self) -> Option<Decision> {
        let data = &self.learner.data;
        let head = self.settings.old_head(data.scheme());
        let mut kept = Decision::of(head.filter(|_| self.learner.judged_by_learnt)?);
        if !kept.thresholds.is_empty() {
            // labels that are new
            let labels = data.labels().len();
            kept.thresholds.resize(labels, DEFAULT_THRESHOLD);
        }
        Some(kept)
    }

    /// How the best epoch turns its logits into answers.
    pub(crate) fn decision(&self) -> Decision {
        if let Some(kept) = self.kept_decision() {
            return kept;
        }
        let best = self.best.as_ref();
        best.map(|best| Decision::fit(&best.outcomes.judged(&self.held_out())))
            .unwrap_or_default()
    }

    /// The adapter of the best epoch so far, or as it was initialised before the first has ended.
    ///
    /// # Errors
    /// None in practice: the parameters are those that the run began with.
    pub fn finish(mut self) -> Result<TaskAdapter> {
        let decision = self.decision();
        let (train_rows, dev_rows) = self.rows();
        if let Some(best) = &self.best {
            self.learner.set_parameters(&best.parameters)?;
        }
        let Learner {
            backbone,
            mut student,
            loss,
            data,
            judged_by_learnt,
            ..
        } = self.learner;
        student
            .head
            .problem
            .thresholds
            .clone_from(&decision.thresholds);
        let shape = backbone.shape();
        let (adapter, mut head, float) = student.finish(shape, loss.unit, self.resolved.half)?;
        let calibration = decision.calibration(data.scheme().reject.as_ref());
        head.calibrate(calibration.clone());
        let mut training = json!({
            "kind": self.preset.name,
            "adapter": self.settings.adapter,
            "settings": self.resolved,
            "train_rows": train_rows,
            "dev_rows": dev_rows,
        });
        if let Some(start) = &self.settings.start {
            training["from"] = json!(start.name);
        }
        let card = Card {
            task: self.settings.task.clone(),
            labels: data.labels().to_vec(),
            problem: head.config().problem.said(),
            pair: data.pair(),
            pooling: Some(head.config().pooling),
            pairs: head.config().said_pairs(),
            calibration,
            backbone: Some(BackboneRef {
                name: shape.name.clone(),
                fingerprint: shape.fingerprint.clone(),
            }),
            metric: Some(self.resolved.metric.clone()),
            // of rows that were learnt from a score says nothing
            dev_score: { self.best.as_ref() }
                .filter(|_| !judged_by_learnt)
                .map(|best| best.score),
            seed: Some(self.resolved.seed),
            training: Some(training),
            ..Card::default()
        };
        Ok(TaskAdapter {
            adapter,
            head: Some(head),
            card,
            library: match &self.settings.start {
                Some(member) => member.task.library,
                None => self.preset.library,
            },
            original: None,
            float,
            bytes: 0,
        })
    }
}
