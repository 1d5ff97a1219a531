//! Weights of classes in the loss.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::Dataset;
use crate::error::{Error, Result};

/// Weights of labels in the loss of a head for one label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClassWeights {
    /// "balanced": all labels together count alike, `rows / (labels · rows of the label)`.
    Named(Balanced),
    /// A weight for each label named, 1 for the others.
    Given(BTreeMap<String, f32>),
}

/// The one kind of [`ClassWeights`] that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balanced {
    /// See [`ClassWeights::Named`].
    Balanced,
}

impl ClassWeights {
    /// One weight per label.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn of(&self, data: &Dataset) -> Result<Vec<f32>> {
        let invalid = |value: String, reason: String| {
            Err(Error::OptionInvalid {
                option: "class_weights",
                value,
                reason,
            })
        };
        let problem = data.scheme().problem;
        if !problem.about().classes {
            let value = problem.name().to_owned();
            return invalid(
                value,
                "only texts with one label each have such weights".into(),
            );
        }
        let labels = data.labels();
        match self {
            Self::Named(Balanced::Balanced) => {
                let mut counts = vec![0usize; labels.len()];
                let truths = data.targets().rows();
                truths
                    .filter_map(|target| problem.class(target))
                    .for_each(|label| counts[label] += 1);
                let rows: usize = counts.iter().sum();
                let weight = |&count: &usize| rows as f32 / (labels.len() * count.max(1)) as f32;
                Ok(counts.iter().map(weight).collect())
            }
            Self::Given(given) => {
                if let Some(unknown) = given.keys().find(|label| !labels.contains(label)) {
                    return invalid(
                        unknown.clone(),
                        format!("the labels are {}", labels.join(", ")),
                    );
                }
                let wrong = given.iter().find(|(_, w)| !(w.is_finite() && **w > 0.0));
                if let Some((label, weight)) = wrong {
                    return invalid(
                        format!("{weight} of {label}"),
                        "a weight must be above 0".into(),
                    );
                }
                let weight = |label| given.get(label).copied().unwrap_or(1.0);
                Ok(labels.iter().map(weight).collect())
            }
        }
    }
}
