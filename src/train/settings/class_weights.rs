//! Weights of classes in the loss.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::Dataset;
use crate::error::{Error, Result};

/// Weights of labels in the loss. Of a head for one label they weigh rows by their label. Of a head for any number of
/// labels they weigh the positive term of each label's binary cross-entropy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ClassWeights {
    /// "balanced": weights by how rare each label is, see [`ProblemKind::balanced`](crate::head::ProblemKind::balanced).
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
    pub(super) fn of(&self, data: &Dataset) -> Result<Vec<f32>> {
        let invalid = |value: String, reason: String| {
            Err(Error::OptionInvalid {
                option: "class_weights",
                value,
                reason,
            })
        };
        let problem = data.scheme().problem;
        let labels = data.labels();
        let Some(balanced) = problem.balanced(data.targets(), labels.len()) else {
            return invalid(
                problem.name().to_owned(),
                "only labels of whole texts have such weights; leave it out".into(),
            );
        };
        match self {
            Self::Named(Balanced::Balanced) => Ok(balanced),
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
