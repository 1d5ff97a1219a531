//! What an adapter is judged by.

use crate::order::Sorted;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::PROBLEMS;

/// What an adapter is judged by: one of the measures that a problem lists, or F1 of one label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Metric {
    name: &'static str,
    /// The label that [`F1`](Self::f1) is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    positive: Option<String>,
}

/// Name of the metric that needs a label.
const F1: &str = "f1";

impl Metric {
    /// A measure by the name in [`About::measures`](super::About::measures).
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        Self {
            name,
            positive: None,
        }
    }

    /// Harmonic mean of precision and recall of one label.
    #[must_use]
    pub fn f1(label: &str) -> Self {
        Self {
            name: F1,
            positive: Some(label.to_owned()),
        }
    }

    /// The name in settings, files and reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The label that it is about, if it is about one.
    #[must_use]
    pub fn positive(&self) -> Option<&str> {
        self.positive.as_deref()
    }

    /// The names that settings and files may have.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let measures = PROBLEMS.iter().flat_map(|problem| problem.about().measures);
        let chosen = measures.filter(|measure| measure.is_metric);
        chosen.map(|measure| measure.name).chain([F1])
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Named {
            name: String,
            positive: Option<String>,
        }
        let Named { name, positive } = Named::deserialize(deserializer)?;
        let Some(known) = Self::names().find(|known| *known == name) else {
            let known = Self::names().into_set();
            let known: Vec<_> = known.into_iter().collect();
            let known = known.join(", ");
            return Err(D::Error::custom(format!(
                "there is no metric \"{name}\"; there are {known}"
            )));
        };
        if known == F1 && positive.is_none() {
            return Err(D::Error::missing_field("positive"));
        }
        Ok(Self {
            name: known,
            positive: positive.filter(|_| known == F1),
        })
    }
}
