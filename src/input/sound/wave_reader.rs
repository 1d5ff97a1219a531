use serde::Deserialize;
use serde_json::{Map, Value};

use super::{LEAST_RATE, MOST_RATE, Sound, normalised};
use crate::error::{Error, Result};
use crate::input::reader::of_another_model;
use crate::input::{Frames, Input, ReadInput, Sequence, Sort};
use crate::json;

/// What a message calls the file that the settings come from.
const PLACE: &str = "preprocessor_config.json";

/// The class that these settings belong to.
const CLASS: &str = "Wav2Vec2FeatureExtractor";

/// What a `preprocessor_config.json` says. A value that is missing has the class's default.
#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    feature_extractor_type: String,
    /// Numbers of a frame: samples have one.
    feature_size: usize,
    sampling_rate: u32,
    do_normalize: bool,
    padding_value: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            feature_extractor_type: CLASS.to_owned(),
            feature_size: 1,
            sampling_rate: 16_000,
            do_normalize: true,
            padding_value: 0.0,
        }
    }
}

/// Turns recordings into what an encoder reads whose first convolution is over samples, such as wav2vec 2.0's: the samples
/// themselves, and which steps of the encoder hold something.
pub struct WaveReader {
    rate: u32,
    normalises: bool,
    /// Samples of a step.
    field: usize,
    /// Samples from one step to the next.
    stride: usize,
    max_steps: usize,
}

impl WaveReader {
    /// Of a `preprocessor_config.json`, for an encoder whose steps see `field` samples each, `stride` samples apart, and that
    /// reads at most `max_steps` of them.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] if it is none, or that of another class.
    pub fn from_json(json: &[u8], field: usize, stride: usize, max_steps: usize) -> Result<Self> {
        let invalid = |reason: String| Error::ConfigInvalid {
            place: PLACE.to_owned(),
            reason,
        };
        let settings: Settings = json::parse::<Map<String, Value>>(json)
            .and_then(|object| serde_json::from_value(Value::Object(object)))
            .map_err(|error| invalid(json::plain(&error)))?;
        let (found, rate) = (&settings.feature_extractor_type, settings.sampling_rate);
        if found != CLASS {
            return Err(invalid(format!(
                "feature_extractor_type is \"{found}\", and a model that reads samples has {CLASS}; give the file of this model"
            )));
        }
        if settings.feature_size != 1 || settings.padding_value != 0.0 {
            return Err(invalid(
                "feature_size must be 1 and padding_value 0; nothing else is computed here".into(),
            ));
        }
        if !(LEAST_RATE..=MOST_RATE).contains(&rate) {
            return Err(invalid(format!(
                "sampling_rate is {rate}, and it must be from {LEAST_RATE} to {MOST_RATE}; fetch the file again"
            )));
        }
        Ok(Self {
            rate,
            normalises: settings.do_normalize,
            field: field.max(1),
            stride: stride.max(1),
            max_steps,
        })
    }

    /// The samples of a recording, of which at most `limit` steps are read. A recording that is shorter than a step has
    /// silence behind it. The steps from the first to the last that holds a sound are heard; of a recording that is silent
    /// throughout, all.
    ///
    /// # Errors
    /// Those of [`Sound::at`].
    pub fn frames(&self, sound: &Sound, limit: usize) -> Result<Frames> {
        let sound = sound.at(self.rate)?;
        let whole = sound.samples();
        let most = limit.min(self.max_steps).max(1);
        let most = (most - 1)
            .saturating_mul(self.stride)
            .saturating_add(self.field);
        let samples = &whole[..whole.len().min(most)];
        let mut values = match self.normalises {
            true => normalised(samples),
            false => samples.to_vec(),
        };
        values.resize(values.len().max(self.field), 0.0);
        let steps = (values.len() - self.field) / self.stride + 1;
        let heard = sound.spoken().map_or(0..steps, |spoken| {
            let end = spoken.end.div_ceil(self.stride).min(steps);
            (spoken.start / self.stride).min(end.saturating_sub(1))..end
        });
        Ok(Frames {
            values: values.into(),
            width: 1,
            steps,
            heard,
            truncated: samples.len() < whole.len(),
        })
    }

    /// What a reader like this one read, of which at most `limit` steps stay.
    fn taken(&self, read: &Frames, limit: usize) -> Result<Frames> {
        let behind = read.frames().checked_sub(self.field);
        let steps = behind.map(|behind| behind / self.stride + 1);
        if read.width != 1 || steps != Some(read.steps) || read.steps > self.max_steps {
            return Err(of_another_model("recording"));
        }
        let limit = limit.max(1);
        if read.steps <= limit {
            return Ok(read.clone());
        }
        let cut = read.beginning((limit - 1) * self.stride + self.field, limit);
        // mean and variance are those of the samples that stay
        Ok(match self.normalises {
            true => Frames {
                values: normalised(&cut.values).into(),
                ..cut
            },
            false => cut,
        })
    }
}

impl ReadInput for WaveReader {
    fn sort(&self) -> Sort {
        Sort::Sound
    }

    fn max_steps(&self) -> usize {
        self.max_steps
    }

    fn read(&self, input: &Input, limit: usize) -> Option<Result<Sequence>> {
        match input {
            Input::Sound(sound) => Some(self.frames(sound, limit).map(Into::into)),
            Input::Read(read) => match &**read {
                Sequence::Frames(read) => Some(self.taken(read, limit).map(Into::into)),
                _ => None,
            },
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn reader(json: &str) -> WaveReader {
        WaveReader::from_json(json.as_bytes(), 400, 320, 1500).unwrap()
    }

    fn tone(seconds: f32) -> Sound {
        let samples = (0..(seconds * 16_000.0) as usize).map(|at| (at as f32 * 0.2).sin() * 0.5);
        Sound::new("tone", samples.collect(), 16_000).unwrap()
    }

    #[test]
    fn samples_are_normalised_if_the_settings_say_so() {
        let frames = reader("{}").frames(&tone(1.0), usize::MAX).unwrap();
        assert_eq!(
            (frames.steps, frames.width, frames.frames()),
            (49, 1, 16_000)
        );
        assert_eq!(frames.heard, 0..49);
        let plain = reader(r#"{"do_normalize": false}"#);
        let frames = plain.frames(&tone(1.0), usize::MAX).unwrap();
        assert_eq!(frames.values[..], *tone(1.0).samples());
    }

    #[test]
    fn what_was_read_stands_for_the_recording() {
        for json in ["{}", r#"{"do_normalize": false}"#] {
            let reader = reader(json);
            let whole = reader.frames(&tone(1.0), usize::MAX).unwrap();
            let again = |limit| {
                let read = Input::from(Sequence::from(whole.clone()));
                reader.read(&read, limit).unwrap().unwrap()
            };
            assert_eq!(again(usize::MAX), whole.clone().into());
            let cut = reader.frames(&tone(1.0), 20).unwrap();
            let Sequence::Frames(found) = again(20) else {
                unreachable!("frames are read as frames")
            };
            assert_eq!((found.steps, &found.heard), (20, &cut.heard));
            assert!(found.truncated && found.values.len() == cut.values.len());
            let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
            assert!(found.values.iter().zip(&*cut.values).all(near));
        }
        let other = Frames {
            width: 80,
            ..reader("{}").frames(&tone(1.0), usize::MAX).unwrap()
        };
        let read = Input::from(Sequence::from(other));
        let error = reader("{}").read(&read, 9).unwrap().unwrap_err();
        assert_eq!(error.code(), "file_invalid");
    }

    #[test]
    fn a_recording_shorter_than_a_step_has_silence_behind_it() {
        let frames = reader("{}").frames(&tone(0.01), usize::MAX).unwrap();
        assert_eq!((frames.steps, frames.frames()), (1, 400));
        assert!(frames.values[160..].iter().all(|&x| x == 0.0));
        assert!(!frames.truncated && frames.heard == (0..1));
    }

    #[test]
    fn what_is_longer_than_the_limit_is_cut() {
        let frames = reader("{}").frames(&tone(1.0), 10).unwrap();
        let count = 9 * 320 + 400;
        assert_eq!((frames.steps, frames.frames()), (10, count));
        assert!(frames.truncated && frames.heard == (0..10));
        let long = reader("{}").frames(&tone(31.0), usize::MAX).unwrap();
        assert_eq!((long.steps, long.truncated), (1500, true));
    }

    #[test]
    fn settings_of_another_class_are_refused() {
        let wrong = [
            (
                r#"{"feature_extractor_type": "WhisperFeatureExtractor"}"#,
                "Whisper",
            ),
            (r#"{"feature_size": 80}"#, "feature_size"),
            (r#"{"sampling_rate": 0}"#, "sampling_rate is 0"),
            (r#"{"padding_value": 1}"#, "padding_value"),
            ("[]", "preprocessor_config.json"),
        ];
        for (json, words) in wrong {
            let error = WaveReader::from_json(json.as_bytes(), 400, 320, 10)
                .err()
                .unwrap();
            assert_eq!(error.code(), "config_invalid");
            assert!(error.to_string().contains(words), "{json}: {error}");
        }
    }
}
