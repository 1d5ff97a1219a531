use serde::{Deserialize, Serialize};

use super::RATE;
use crate::error::{Error, Result};
use crate::input::sound::WINDOW_SECONDS;

/// How a stream is listened to. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How much of the stream is answered at once: a little more than the longest word takes. From 0.2 to 10.
    pub window: f64,
    /// Time from one window to the next. From 0.02 to the window.
    pub hop: f64,
    /// Windows whose scores are averaged. From 1 to 100.
    pub smoothing: usize,
    /// What the averaged score of a label must reach, above 0 and at most 1.
    pub threshold: f32,
    /// Time after a detection in which nothing is detected. From 0 to 60.
    pub refractory: f64,
    /// Labels that are never detected: those of sounds that are none of the words.
    pub background: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            window: WINDOW_SECONDS,
            hop: 0.1,
            smoothing: 3,
            threshold: 0.7,
            refractory: 0.5,
            background: vec!["background".to_owned()],
        }
    }
}

impl Settings {
    /// Refuses values that make no sense.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`].
    pub fn check(&self) -> Result<()> {
        let refuse = |option, value: String, reason: String| {
            Err(Error::OptionInvalid {
                option,
                value,
                reason,
            })
        };
        for (option, value, least, most) in [
            ("window", self.window, 0.2, 10.0),
            ("hop", self.hop, 0.02, self.window),
            ("refractory", self.refractory, 0.0, 60.0),
        ] {
            // NaN is in no range
            if !(least..=most).contains(&value) {
                let reason = format!("it must be from {least} to {most} seconds");
                return refuse(option, value.to_string(), reason);
            }
        }
        if !(1..=100).contains(&self.smoothing) {
            let value = self.smoothing.to_string();
            return refuse("smoothing", value, "it must be from 1 to 100".into());
        }
        if !(self.threshold > 0.0 && self.threshold <= 1.0) {
            let value = self.threshold.to_string();
            return refuse(
                "threshold",
                value,
                "it must be above 0 and at most 1".into(),
            );
        }
        Ok(())
    }
}

/// Samples of so many seconds.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(super) fn samples(seconds: f64) -> usize {
    (seconds * f64::from(RATE)).round() as usize
}
