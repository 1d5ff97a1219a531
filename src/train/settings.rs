use serde::{Deserialize, Serialize};

use crate::adapter::{Metric, Options};
use crate::error::{Error, Result};
use crate::head::Pooling;

/// Settings of a training run. All have defaults that depend on the kind and the number of rows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Passes over the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Rows of a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<usize>,
    /// Highest learning rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// AdamW's decoupled weight decay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Share of the steps during which the learning rate rises.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<f64>,
    /// Share of each class that is held out where no held-out rows are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dev_share: Option<f64>,
    /// Seed of initialisation, split and order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What the head reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// What the best epoch is chosen by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// Whether the result is rounded to 16-bit floats, which halves its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub half: Option<bool>,
    /// What the adapter does, in words, for its card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Size and place of the adapter itself.
    #[serde(flatten)]
    pub adapter: Options,
}

/// Every field of [`Settings`], its adapter's included.
const FIELDS: &[&str] = &[
    "epochs",
    "batch_size",
    "learning_rate",
    "weight_decay",
    "warmup",
    "dev_share",
    "seed",
    "pooling",
    "metric",
    "half",
    "task",
    "rank",
    "alpha",
    "rank_stabilised",
    "dropout",
    "bias",
    "virtual_tokens",
    "targets",
    "reduction_factor",
    "non_linearity",
];

/// [`Settings`] with every default filled in.
#[derive(Clone, Debug, Serialize)]
pub struct Resolved {
    /// See [`Settings::epochs`].
    pub epochs: usize,
    /// See [`Settings::batch_size`].
    pub batch_size: usize,
    /// See [`Settings::learning_rate`].
    pub learning_rate: f64,
    /// See [`Settings::weight_decay`].
    pub weight_decay: f64,
    /// See [`Settings::warmup`].
    pub warmup: f64,
    /// See [`Settings::dev_share`].
    pub dev_share: f64,
    /// See [`Settings::seed`].
    pub seed: u64,
    /// See [`Settings::pooling`].
    pub pooling: Pooling,
    /// See [`Settings::metric`].
    pub metric: Metric,
    /// See [`Settings::half`].
    pub half: bool,
}

/// About how many rows a small training set should be seen, over all epochs.
const ROWS_SEEN: usize = 6000;

impl Settings {
    /// Reads a settings file. `place` names it in errors.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`], also for a field that does not exist: a misspelt setting must not
    /// be ignored.
    pub fn from_json(place: &str, json: &[u8]) -> Result<Self> {
        let invalid = |reason: String| Error::ConfigInvalid {
            place: place.to_owned(),
            reason,
        };
        let map: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(json).map_err(|error| invalid(error.to_string()))?;
        if let Some(unknown) = map.keys().find(|field| !FIELDS.contains(&field.as_str())) {
            let known = FIELDS.join(", ");
            return Err(invalid(format!(
                "there is no setting \"{unknown}\"; there are {known}"
            )));
        }
        serde_json::from_value(map.into()).map_err(|error| invalid(error.to_string()))
    }

    /// Fills in the defaults for a number of training rows.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] for a value outside its range.
    pub fn resolve(&self, rows: usize) -> Result<Resolved> {
        let resolved = Resolved {
            epochs: self
                .epochs
                .unwrap_or((ROWS_SEEN / rows.max(1)).clamp(4, 20)),
            batch_size: self.batch_size.unwrap_or(if rows < 2000 { 16 } else { 32 }),
            learning_rate: self.learning_rate.unwrap_or(1e-3),
            weight_decay: self.weight_decay.unwrap_or(0.01),
            warmup: self.warmup.unwrap_or(0.06),
            dev_share: self.dev_share.unwrap_or(0.15),
            seed: self.seed.unwrap_or(42),
            pooling: self.pooling.unwrap_or(Pooling::Mean),
            metric: self.metric.clone().unwrap_or_default(),
            half: self.half.unwrap_or(false),
        };
        let check = |option, value: f64, range: std::ops::RangeInclusive<f64>| {
            if range.contains(&value) {
                return Ok(());
            }
            let reason = format!("it must lie between {} and {}", range.start(), range.end());
            Err(Error::OptionInvalid {
                option,
                value: value.to_string(),
                reason,
            })
        };
        #[allow(clippy::cast_precision_loss)]
        {
            check("epochs", resolved.epochs as f64, 1.0..=1000.0)?;
            check("batch_size", resolved.batch_size as f64, 1.0..=1024.0)?;
        }
        check("learning_rate", resolved.learning_rate, 1e-8..=1.0)?;
        check("weight_decay", resolved.weight_decay, 0.0..=1.0)?;
        check("warmup", resolved.warmup, 0.0..=1.0)?;
        check("dev_share", resolved.dev_share, 0.01..=0.9)?;
        Ok(resolved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_can_be_read_and_no_other() {
        let json = br#"{"epochs": 1, "batch_size": 2, "learning_rate": 0.1, "weight_decay": 0.0,
            "warmup": 0.1, "dev_share": 0.2, "seed": 3, "pooling": "first",
            "metric": {"name": "macro_f1"}, "half": true, "task": "t", "rank": 4, "alpha": 8,
            "rank_stabilised": true, "dropout": 0.1, "bias": "all", "virtual_tokens": 10, "targets": ["ffn_up"], "reduction_factor": 8, "non_linearity": "relu"}"#;
        let settings = Settings::from_json("s.json", json).unwrap();
        let written = serde_json::to_value(&settings).unwrap();
        let mut fields: Vec<&str> = written
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let mut known = FIELDS.to_vec();
        fields.sort_unstable();
        known.sort_unstable();
        assert_eq!(fields, known);
        for json in [&b"{\"epoch\": 1}"[..], b"{\"epochs\": -1}", b"[]", b"{"] {
            assert_eq!(
                Settings::from_json("s", json).unwrap_err().code(),
                "config_invalid"
            );
        }
    }
}
