use super::{Head, Target};
use crate::ops::Aim;

/// How rows count in a loss.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LossSettings {
    /// Share of a label's target that is spread over all labels (Szegedy et al. 2016).
    pub smoothing: f32,
    /// Weight of a row by its label, of a head for one label; none for 1 each.
    pub class_weights: Vec<f32>,
}

impl LossSettings {
    /// The weight of a target in the mean that a loss is: parts of a batch whose losses have these
    /// weights add up to that of the whole.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn weight(&self, target: &Target) -> f64 {
        match target {
            Target::Label(label) => f64::from(self.class_weight(*label)),
            other => Head::judged(other) as f64,
        }
    }

    fn class_weight(&self, label: usize) -> f32 {
        self.class_weights.get(label).copied().unwrap_or(1.0)
    }

    /// What a label asks of a row of logits.
    pub(super) fn aim(&self, label: usize) -> Aim {
        Aim {
            label,
            weight: self.class_weight(label),
            smoothing: self.smoothing,
        }
    }

    /// What a text outside all labels asks of its logits: that they prefer none (Hendrycks et al. 2019).
    pub(super) fn aim_outside() -> Aim {
        Aim {
            label: 0,
            weight: 1.0,
            smoothing: 1.0,
        }
    }
}
