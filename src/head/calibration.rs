use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How scores are made of logits, as fitted on held-out rows: they say how often an answer is right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Logits are divided by it before they become scores (Guo et al. 2017). The logits themselves, and
    /// so the best label, stay as they are.
    pub temperature: f32,
    /// Expected calibration error of the held-out rows' scores without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_before: Option<f32>,
    /// And with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_after: Option<f32>,
    /// What a head for one label answers where no label has a good score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject: Option<Reject>,
}

/// An answer for texts that have none of the labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reject {
    /// What they are answered with; none of the head's labels.
    pub label: String,
    /// The score that the best label must reach.
    pub threshold: f32,
}

impl Calibration {
    /// Refuses what a damaged file may say. `place` is the file.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`].
    pub fn check(&self, place: &str) -> Result<()> {
        let reason = match &self.reject {
            _ if !(self.temperature.is_finite() && self.temperature > 0.0) => {
                format!(
                    "its temperature is {}; it must be above 0",
                    self.temperature
                )
            }
            Some(reject) if !(0.0..=1.0).contains(&reject.threshold) => {
                let threshold = reject.threshold;
                format!("its threshold for rejection is {threshold}; it must be 0 to 1")
            }
            _ => return Ok(()),
        };
        Err(Error::ConfigInvalid {
            place: place.to_owned(),
            reason,
        })
    }
}
