use super::Unit;
use crate::ops::Aim;

/// How rows count in a loss.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LossSettings {
    /// Share of a label's target that is spread over all labels (Szegedy et al. 2016).
    pub smoothing: f32,
    /// Weight of each label; none for 1 each. Of a head for one label it is that of a row by its label, of a head for
    /// any number of labels that of the label where a row has it.
    pub class_weights: Vec<f32>,
    /// The unit that numbers are learnt in.
    pub unit: Unit,
}

impl LossSettings {
    pub(super) fn class_weight(&self, label: usize) -> f32 {
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
}
