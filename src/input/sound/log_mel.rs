//! The log-mel spectrogram that Whisper reads.

use std::f64::consts::TAU;
use std::sync::Arc;

use rustfft::Fft;

use super::Sound;
use super::bands::{Band, bands};
use super::settings::{Settings, TOP};
use super::transform::{Powers, transform};
use crate::error::Result;

/// The least power of a band, before the logarithm.
const LEAST_POWER: f64 = 1e-10;

/// How far below the largest value of the sound a value may be, in powers of ten.
const RANGE: f64 = 8.0;

/// Values `[frames, bands]`, one frame after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrogram {
    /// The values, of which about 1 is loud and about -1 is silent.
    pub values: Vec<f32>,
    /// Number of frames; it is even.
    pub frames: usize,
    /// Number of bands of each frame.
    pub bands: usize,
    /// Whether the sound was longer than the model reads, and its end was left out.
    pub truncated: bool,
}

/// Computes log-mel spectrograms as the `WhisperFeatureExtractor` of the transformers library does.
///
/// For each frame: a periodic Hann window around every `hop_length`-th sample, over the sound with its ends reflected;
/// the power of its Fourier transform; the sum over each mel band; `log10`. No value is more than 8 below the largest
/// of the sound. The result is `(x + 4) / 4`.
///
/// transformers computes 30 s of every sound. Here a sound has as many frames as it is long: zeros are added up to an
/// even number of frames, and to half a second at least.
pub struct LogMel {
    settings: Settings,
    window: Vec<f64>,
    bands: Vec<Band>,
    transform: Arc<dyn Fft<f64>>,
}

impl LogMel {
    /// Reads a model's `preprocessor_config.json`. Errors name `place`.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`](crate::Error::ConfigInvalid) if it is not of the class `WhisperFeatureExtractor`, or
    /// a value makes no sense.
    pub fn from_json(place: &str, json: &[u8]) -> Result<Self> {
        Settings::from_json(place, json).map(Self::new)
    }

    #[allow(clippy::cast_precision_loss)]
    fn new(settings: Settings) -> Self {
        let size = settings.n_fft;
        let hann = |at: usize| 0.5 - 0.5 * (TAU * at as f64 / size as f64).cos();
        Self {
            window: (0..size).map(hann).collect(),
            bands: bands(
                settings.feature_size,
                f64::from(TOP),
                size / 2 + 1,
                settings.sampling_rate,
            ),
            transform: transform(size),
            settings,
        }
    }

    /// Number of bands of a frame.
    #[must_use]
    pub fn bands(&self) -> usize {
        self.bands.len()
    }

    /// Samples of a second that the model reads. Sounds of another rate are resampled.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.settings.sampling_rate
    }

    /// Samples between two frames.
    #[must_use]
    pub fn hop(&self) -> usize {
        self.settings.hop_length
    }

    /// Most frames of a sound.
    #[must_use]
    pub fn most_frames(&self) -> usize {
        self.settings.most_samples() / self.settings.hop_length
    }

    /// The spectrogram of a sound. What is behind [`most_frames`](Self::most_frames) is left out.
    ///
    /// # Errors
    /// Those of [`Sound::at`].
    pub fn of(&self, sound: &Sound) -> Result<Spectrogram> {
        let sound = sound.at(self.rate())?;
        let all = sound.samples();
        let read = &all[..all.len().min(self.settings.most_samples())];
        let length = read.len().next_multiple_of(self.settings.pair());
        let length = length.max(self.settings.least_samples());
        let reflected = reflected(read, length, self.settings.n_fft / 2);
        let frames = length / self.settings.hop_length;
        Ok(Spectrogram {
            values: scaled(&self.logarithms(&reflected, frames)),
            frames,
            bands: self.bands(),
            truncated: read.len() < all.len(),
        })
    }

    /// Logarithms of the powers `[frames, bands]` of samples that begin half a window before the first frame's centre.
    /// The number of frames is even.
    fn logarithms(&self, samples: &[f64], frames: usize) -> Vec<f64> {
        let mut powers = Powers::new(&self.transform);
        let (size, hop) = (self.window.len(), self.settings.hop_length);
        let mut of_two = [vec![0.0; size / 2 + 1], vec![0.0; size / 2 + 1]];
        let mut logarithms = Vec::with_capacity(frames * self.bands());
        for frame in (0..frames).step_by(2) {
            let two = [frame, frame + 1].map(|frame| &samples[frame * hop..][..size]);
            powers.of(two, &self.window, of_two.each_mut().map(Vec::as_mut_slice));
            for powers in &of_two {
                let sums = self.bands.iter().map(|band| band.sum(powers));
                logarithms.extend(sums.map(|sum| sum.max(LEAST_POWER).log10()));
            }
        }
        logarithms
    }
}

/// Samples with zeros behind them up to `length`, and `half` samples more at both ends, which mirror those behind the
/// first and before the last sample. `length` is more than `half`.
fn reflected(samples: &[f32], length: usize, half: usize) -> Vec<f64> {
    let at = |index: usize| samples.get(index).map_or(0.0, |&x| f64::from(x));
    let before = (1..=half).rev();
    let behind = (1..=half).map(|by| (length - 1).saturating_sub(by));
    before.chain(0..length).chain(behind).map(at).collect()
}

/// `(max(x, largest - 8) + 4) / 4` of each value.
#[allow(clippy::cast_possible_truncation)]
fn scaled(logarithms: &[f64]) -> Vec<f32> {
    let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = largest - RANGE;
    let scaled = logarithms
        .iter()
        .map(|&x| ((x.max(least) + 4.0) / 4.0) as f32);
    scaled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whisper() -> LogMel {
        LogMel::new(Settings::default())
    }

    fn of(log_mel: &LogMel, samples: Vec<f32>, rate: u32) -> Spectrogram {
        log_mel
            .of(&Sound::new("a", samples, rate).unwrap())
            .unwrap()
    }

    #[test]
    fn lengths() {
        let log_mel = whisper();
        let frames = |samples: usize| {
            let all = of(&log_mel, vec![0.1; samples], 16_000);
            assert_eq!((all.bands, all.values.len()), (80, all.frames * 80));
            (all.frames, all.truncated)
        };
        assert_eq!(frames(1), (50, false));
        assert_eq!(frames(8_000), (50, false));
        assert_eq!(frames(8_001), (52, false));
        assert_eq!(frames(16_000), (100, false));
        assert_eq!(frames(480_000), (3_000, false));
        assert_eq!(frames(480_001), (3_000, true));
        assert_eq!(log_mel.most_frames(), 3_000);
    }

    #[test]
    #[allow(clippy::float_cmp)]
    fn silence_is_the_least_value_everywhere() {
        let all = of(&whisper(), vec![0.0; 1_000], 16_000);
        assert!(all.values.iter().all(|&x| x == -1.5));
    }

    #[test]
    #[allow(clippy::cast_precision_loss)]
    fn a_tone_is_in_its_band() {
        let log_mel = whisper();
        for rate in [8_000, 16_000, 44_100] {
            let wave = |at: usize| 0.5 * (TAU as f32 * 1_000.0 * at as f32 / rate as f32).sin();
            let all = of(&log_mel, (0..rate).map(wave).collect(), rate as u32);
            let frame = &all.values[50 * 80..51 * 80];
            let loudest = (0..80).max_by(|&a, &b| frame[a].total_cmp(&frame[b]));
            // 15 mel of 45.25 are at a third of the bands
            assert!(matches!(loudest, Some(25..=27)), "{loudest:?}");
        }
    }

    #[test]
    #[allow(clippy::float_cmp)]
    fn the_ends_are_mirrored_around_the_first_and_last_sample() {
        let found = reflected(&[1.0, 2.0, 3.0], 5, 3);
        assert_eq!(
            found,
            [0.0, 3.0, 2.0, 1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 3.0, 2.0]
        );
    }

    #[test]
    fn odd_settings_are_computed() {
        let json = br#"{"n_fft": 401, "hop_length": 100, "feature_size": 40, "chunk_length": 1}"#;
        let all = of(
            &LogMel::from_json("a", json).unwrap(),
            vec![0.1; 20_000],
            16_000,
        );
        assert_eq!((all.frames, all.bands, all.truncated), (160, 40, true));
        assert_eq!(all.values.len(), 160 * 40);
    }
}
