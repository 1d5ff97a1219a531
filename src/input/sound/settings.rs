//! The settings of a log-mel spectrogram, as a model's folder has them.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{LEAST_RATE, MOST_RATE};
use crate::error::{Error, Result};
use crate::json;

/// The class that these settings belong to.
const CLASS: &str = "WhisperFeatureExtractor";

/// The highest frequency of the bands, in hertz; the class has no setting for it.
pub(super) const TOP: u32 = 8_000;

/// What a `preprocessor_config.json` says. A value that is missing has the class's default.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    feature_extractor_type: String,
    /// Number of bands.
    pub(super) feature_size: usize,
    /// Samples of a window.
    pub(super) n_fft: usize,
    /// Samples from one frame to the next.
    pub(super) hop_length: usize,
    /// Samples of a second.
    pub(super) sampling_rate: u32,
    /// Seconds of the longest sound.
    pub(super) chunk_length: usize,
    padding_value: f64,
    dither: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            feature_extractor_type: CLASS.to_owned(),
            feature_size: 80,
            n_fft: 400,
            hop_length: 160,
            sampling_rate: 16_000,
            chunk_length: 30,
            padding_value: 0.0,
            dither: 0.0,
        }
    }
}

impl Settings {
    /// Reads and checks a `preprocessor_config.json`.
    pub(super) fn from_json(place: &str, json: &[u8]) -> Result<Self> {
        let invalid = |reason: String| Error::ConfigInvalid {
            place: place.to_owned(),
            reason,
        };
        // a list would be read as the values in their order
        let settings: Self = json::parse::<Map<String, Value>>(json)
            .and_then(|object| serde_json::from_value(Value::Object(object)))
            .map_err(|error| invalid(json::plain(&error)))?;
        settings
            .fault()
            .map_or(Ok(settings.clone()), |fault| Err(invalid(fault)))
    }

    /// What is wrong with the values.
    fn fault(&self) -> Option<String> {
        if self.feature_extractor_type != CLASS {
            let found = &self.feature_extractor_type;
            return Some(format!(
                "feature_extractor_type is \"{found}\", and only {CLASS} is read here; give the file of a Whisper model"
            ));
        }
        let rate = self.sampling_rate;
        let ranges = [
            ("feature_size", self.feature_size, 1, 512),
            ("n_fft", self.n_fft, 16, 8_192),
            ("hop_length", self.hop_length, 1, self.n_fft),
            ("chunk_length", self.chunk_length, 1, 600),
            (
                "sampling_rate",
                rate as usize,
                LEAST_RATE.max(2 * TOP) as usize,
                MOST_RATE as usize,
            ),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Some(format!(
                    "{name} is {value}, and it must be from {least} to {most}; fetch the file again"
                ));
            }
        }
        for (name, value) in [
            ("padding_value", self.padding_value),
            ("dither", self.dither),
        ] {
            if value != 0.0 {
                return Some(format!(
                    "{name} is {value}, and only 0 is computed here; set it to 0 if the model was trained so"
                ));
            }
        }
        None
    }

    /// Samples of two frames: the encoder halves the number of frames.
    pub(super) fn pair(&self) -> usize {
        2 * self.hop_length
    }

    /// Samples of the shortest sound, a multiple of [`pair`](Self::pair): half a second, and more than half a window,
    /// so that there is enough to reflect.
    pub(super) fn least_samples(&self) -> usize {
        let least = (self.sampling_rate as usize / 2).max(self.n_fft / 2 + 1);
        least.next_multiple_of(self.pair())
    }

    /// Samples of the longest sound, a multiple of [`pair`](Self::pair).
    pub(super) fn most_samples(&self) -> usize {
        let most = self.chunk_length * self.sampling_rate as usize;
        (most / self.pair() * self.pair()).max(self.least_samples())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: &str) -> String {
        let error = Settings::from_json("preprocessor_config.json", json.as_bytes()).unwrap_err();
        assert_eq!(error.code(), "config_invalid");
        error.to_string()
    }

    #[test]
    fn missing_values_are_the_defaults() {
        let read = |json: &str| Settings::from_json("a", json.as_bytes()).unwrap();
        assert_eq!(read("{}"), Settings::default());
        assert_eq!(
            read(r#"{"feature_size": 128, "mel_filters": [[0.5]]}"#).feature_size,
            128
        );
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        let wrong = [
            (r#"{"feature_size": 0}"#, "feature_size is 0"),
            (r#"{"feature_size": -1}"#, "whole number"),
            (r#"{"n_fft": 0}"#, "n_fft is 0"),
            (r#"{"n_fft": 1000000000}"#, "n_fft is 1000000000"),
            (r#"{"hop_length": 0}"#, "hop_length is 0"),
            (r#"{"hop_length": 401}"#, "hop_length is 401"),
            (r#"{"sampling_rate": 8000}"#, "sampling_rate is 8000"),
            (r#"{"sampling_rate": "16000"}"#, "whole number"),
            (r#"{"chunk_length": 0}"#, "chunk_length is 0"),
            (r#"{"chunk_length": 86400}"#, "chunk_length is 86400"),
            (r#"{"padding_value": 1.0}"#, "padding_value is 1"),
            (r#"{"dither": 0.0001}"#, "dither is 0.0001"),
            (
                r#"{"feature_extractor_type": "ASTFeatureExtractor"}"#,
                "ASTFeatureExtractor",
            ),
            ("[]", "preprocessor_config.json"),
            ("{", "preprocessor_config.json"),
        ];
        for (json, words) in wrong {
            assert!(fault(json).contains(words), "{json}: {}", fault(json));
        }
    }

    #[test]
    fn lengths_are_of_whole_pairs_of_frames() {
        let settings = Settings::default();
        assert_eq!(
            (settings.least_samples(), settings.most_samples()),
            (8_000, 480_000)
        );
        let json = br#"{"n_fft": 8192, "hop_length": 5000, "chunk_length": 1}"#;
        let settings = Settings::from_json("a", json).unwrap();
        assert_eq!(
            (settings.least_samples(), settings.most_samples()),
            (10_000, 10_000)
        );
    }
}
