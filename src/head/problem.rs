//! What a head answers: the trait that each problem implements.

use std::collections::BTreeSet;

use super::scores::{argmax, over, sigmoid, softmax};
use super::{About, Evaluation, How, Judged, Labelled, LossSettings, Prediction, Targets, Unit};
use crate::error::Result;
use crate::ops::{Said, logistic_loss, row_loss};
use crate::tensor::Tensor;

/// One thing that logits say of a row, and what is true of it.
#[derive(Clone, Copy, Debug)]
pub enum Term<'a> {
    /// Logits of labels of which one holds, and which.
    Choice(&'a [f32], usize),
    /// The logit of something that holds with a probability: 0, 1, or 0.5 where it is open.
    Binary(f32, f32),
    /// A number, and the right one.
    Number(f32, f32),
}

impl Term<'_> {
    /// Its loss at a temperature: cross-entropy, or squared error.
    #[must_use]
    pub fn loss(&self, temperature: f64) -> f64 {
        match *self {
            Self::Choice(z, label) => row_loss(z, label, temperature),
            Self::Binary(z, target) => logistic_loss(f64::from(z) / temperature, f64::from(target)),
            Self::Number(answer, truth) => {
                let error = f64::from(answer) - f64::from(truth);
                error * error
            }
        }
    }

    /// The score of what is answered at a temperature, and whether that is right; nothing of numbers
    /// and of what is open.
    #[must_use]
    #[allow(clippy::float_cmp)]
    pub fn confidence(&self, temperature: f32) -> Option<(f32, bool)> {
        match *self {
            Self::Choice(z, label) => {
                let best = argmax(z);
                Some((softmax(&over(z, temperature))[best], best == label))
            }
            Self::Binary(_, 0.5) | Self::Number(..) => None,
            Self::Binary(z, target) => Some((sigmoid(z / temperature), target == 1.0)),
        }
    }
}

/// What rows should have in common for a split to be fair.
#[derive(Clone, Debug, PartialEq)]
pub enum Group {
    /// The label.
    Label(Option<usize>),
    /// The rarest of these labels.
    Rarest(Vec<usize>),
    /// About the amount.
    Amount(f32),
}

/// How rows can be alike, for a run that brings the vectors of those together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// They share labels.
    Labels,
    /// Their numbers are near.
    Amounts,
}

/// What a head answers. A row's target is some 32-bit words, whose meaning is the problem's own;
/// logits of a row are one vector of all labels, or several ([`vectors`](Self::vectors)), end to end.
pub trait ProblemKind: Sync {
    /// What others say about it.
    fn about(&self) -> &'static About;

    /// Calls with each part of a row's label that must be a label of the head; with none where labels
    /// are free.
    fn parts<'a>(&self, _label: &'a str, _take: &mut dyn FnMut(&'a str)) {}

    /// The labels of a head for these labels of rows. `place` names the rows in errors.
    ///
    /// # Errors
    /// [`Error::ClassesTooFew`](crate::Error::ClassesTooFew),
    /// [`Error::ClassTooSmall`](crate::Error::ClassTooSmall);
    /// [`Error::OptionInvalid`](crate::Error::OptionInvalid) if they are of another problem.
    fn find(&self, _place: &str, found: &[&str], _reject: Option<&str>) -> Result<Vec<String>> {
        let mut parts = BTreeSet::new();
        for label in found {
            self.parts(label, &mut |part| {
                parts.insert(part);
            });
        }
        Ok(parts.into_iter().map(str::to_owned).collect())
    }

    /// Whether labels of rows, each once, look like those of this problem.
    fn looks_like(&self, _labels: &[&str]) -> bool {
        false
    }

    /// Words of each row's target, where all have as many.
    fn words(&self, _labels: usize) -> Option<usize> {
        Some(1)
    }

    /// Adds the targets of rows.
    ///
    /// # Errors
    /// [`Error::LabelUnknown`](crate::Error::LabelUnknown);
    /// [`Error::OptionInvalid`](crate::Error::OptionInvalid) for a label that is none of the problem's.
    fn read(&self, rows: &Labelled<'_>, targets: &mut Targets) -> Result<()>;

    /// A row's target as rows have their labels.
    fn written(&self, target: &[u32], labels: &[String], reject: Option<&str>) -> String;

    /// Calls with the bytes by which a checkpoint knows the rows again.
    fn hash(&self, targets: &Targets, _labels: usize, take: &mut dyn FnMut(&[u8])) {
        for word in targets.rows().flatten() {
            take(&word.to_le_bytes());
        }
    }

    /// What a row should have in common with others of its part of a split.
    fn group(&self, target: &[u32], labels: &[String]) -> Group;

    /// How rows can be alike; `None` where that means nothing for a row as a whole.
    fn likeness(&self) -> Option<Likeness> {
        None
    }

    /// How alike two rows are, from 0 to 1.
    fn alike(&self, _a: &[u32], _b: &[u32], _settings: &LossSettings) -> f32 {
        0.0
    }

    /// Whether pairs are read [apart](super::Pairs::Apart) where nothing is said.
    fn suits_apart(&self) -> bool {
        false
    }

    /// The row's only label, where it has one of several.
    fn class(&self, _target: &[u32]) -> Option<usize> {
        None
    }

    /// Weights of the labels in the loss with which they count alike; `None` where labels have no weights.
    fn balanced(&self, _targets: &Targets, _labels: usize) -> Option<Vec<f32>> {
        None
    }

    /// The unit that targets are learnt in.
    fn unit(&self, _targets: &Targets) -> Unit {
        Unit::PLAIN
    }

    /// What a vector of logits says, for a run that keeps it near what an earlier head said.
    fn said(&self) -> Said {
        Said::Choice
    }

    /// Makes the logits that an earlier head said of a row right, with as little change as there can be: `[vectors,
    /// labels]` of the vectors that the row is [learnt](Self::learnt) from. That head may not have all labels.
    fn correct(&self, target: &[u32], z: &mut [f32], width: usize, settings: &LossSettings);

    /// The vectors of logits that a row is learnt from. Vector `start` is the first of the row's, and there are
    /// `sequences` of them where a sequence has one.
    fn learnt(&self, _target: &[u32], start: usize, sequences: usize, take: &mut dyn FnMut(usize)) {
        (start..start + sequences).for_each(take);
    }

    /// How many vectors of logits a row is judged by.
    fn vectors(&self, _target: &[u32]) -> usize {
        1
    }

    /// Adds the logits of a row that it is judged by; `width` is the number of labels.
    fn keep(&self, _target: &[u32], logits: &[f32], _width: usize, into: &mut Vec<f32>) {
        into.extend_from_slice(logits);
    }

    /// The weight of a row in a mean loss.
    fn weight(&self, _target: &[u32], _labels: usize, _settings: &LossSettings) -> f64 {
        1.0
    }

    /// The mean loss of logits, a scalar, in which each row has its [`weight`](Self::weight). Row
    /// `starts[i]` of the logits is the first of sequence `i`, where a head has logits of tokens.
    fn loss(
        &self,
        logits: &Tensor,
        starts: &[usize],
        targets: &[&[u32]],
        settings: &LossSettings,
    ) -> Tensor;

    /// Calls with each [`Term`] of a row.
    fn terms(&self, target: &[u32], z: &[f32], labels: usize, visit: &mut dyn FnMut(Term<'_>));

    /// What the logits of a text say.
    fn predict(&self, z: &[f32], how: &How<'_>) -> Prediction;

    /// Fills in all measures of an evaluation but its loss.
    fn judge(&self, rows: &Judged<'_>, how: &How<'_>, evaluation: &mut Evaluation);

    /// The score that each label must reach, where labels have thresholds.
    fn thresholds(&self, _rows: &Judged<'_>) -> Vec<f32> {
        Vec::new()
    }

    /// The score that the best label must reach, where texts may be rejected.
    fn rejection(&self, _rows: &Judged<'_>, _temperature: f32) -> Option<f32> {
        None
    }
}
