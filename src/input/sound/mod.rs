//! Floor 1: a recording becomes what a model of sound reads.

mod background;
mod bands;
#[cfg(not(target_arch = "wasm32"))]
mod compressed;
mod log_mel;
mod reader;
mod resample;
mod settings;
mod spoken;
mod transform;
mod wav;
mod wave_reader;
mod waveform;

pub use background::{Background, WINDOW_SECONDS};
pub use log_mel::{LogMel, Spectrogram};
pub use reader::SoundReader;
pub use resample::Resampling;
pub use wave_reader::WaveReader;
pub use waveform::normalised;

use std::ops::Range;

use crate::error::{Error, Result};

/// Lowest sample rate that is accepted, in hertz.
pub const LEAST_RATE: u32 = 1_000;

/// Highest sample rate that is accepted, in hertz.
pub const MOST_RATE: u32 = 384_000;

/// The least absolute value of a sample that counts as clipped: the largest positive 8-bit sample.
const CLIPPED: f32 = 127.0 / 128.0;

/// Samples of one channel. Full scale is -1 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    samples: Vec<f32>,
    rate: u32,
}

impl Sound {
    /// A sound of its samples and their rate in hertz. Errors name `place`.
    ///
    /// # Errors
    /// - [`Error::SoundRate`] if the rate is not from [`LEAST_RATE`] to [`MOST_RATE`].
    /// - [`Error::SoundEmpty`] if there are no samples.
    /// - [`Error::SoundNotFinite`] if a sample is NaN or infinite.
    pub fn new(place: &str, samples: Vec<f32>, rate: u32) -> Result<Self> {
        check_rate(place, rate)?;
        if samples.is_empty() {
            return Err(Error::SoundEmpty {
                place: place.to_owned(),
            });
        }
        match samples.iter().position(|sample| !sample.is_finite()) {
            None => Ok(Self { samples, rate }),
            Some(index) => Err(Error::SoundNotFinite {
                place: place.to_owned(),
                index,
                value: if samples[index].is_nan() {
                    "NaN"
                } else {
                    "infinity"
                },
            }),
        }
    }

    /// Reads a sound file: WAV (PCM of 8, 16, 24 and 32 bits, and f32), MP3, Ogg Vorbis, FLAC, and AAC in M4A. The
    /// content decides which of them it is, not the name. Several channels are averaged.
    ///
    /// # Errors
    /// - [`Error::FileInvalid`] if the file is empty or is not a sound of these formats.
    /// - [`Error::FileTruncated`] if the file says that it has more samples than there are.
    /// - Those of [`new`](Self::new).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn read(place: &str, bytes: Vec<u8>) -> Result<Self> {
        if bytes.is_empty() {
            return Err(Error::FileInvalid {
                place: place.to_owned(),
                reason: "the file is empty (0 bytes); record or copy it again".to_owned(),
            });
        }
        if wav::is_wav(&bytes) {
            Self::read_wav(place, &bytes)
        } else {
            compressed::read(place, bytes)
        }
    }

    /// Reads a WAV file: PCM of 8, 16, 24 and 32 bits, and f32. Several channels are averaged.
    ///
    /// # Errors
    /// - [`Error::FileInvalid`] if the file is no WAV file, or of another kind.
    /// - [`Error::FileTruncated`] if the file says that it has more samples than there are.
    /// - Those of [`new`](Self::new).
    pub fn read_wav(place: &str, bytes: &[u8]) -> Result<Self> {
        wav::read(place, bytes)
    }

    /// The samples, in order of time.
    #[must_use]
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// Samples of a second.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// How long it is.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate)
    }

    /// The samples of a range, as a sound of their own. The part of the range that is behind the end is left out.
    ///
    /// # Errors
    /// [`Error::SoundEmpty`] if no samples are in the range.
    pub fn part(&self, range: Range<usize>) -> Result<Self> {
        let end = range.end.min(self.samples.len());
        let samples = self.samples.get(range.start..end).unwrap_or_default();
        Self::new("the part", samples.to_vec(), self.rate)
    }

    /// The sound with silence behind it, so that it has so many samples at least.
    #[must_use]
    pub(super) fn padded(&self, samples: usize) -> Self {
        let mut own = self.clone();
        own.samples.resize(samples.max(self.samples.len()), 0.0);
        own
    }

    /// The share of samples, from 0 to 1, that are at full scale (at least 127/128 of it). Loud recordings have a
    /// few of them; with more than about 0.001 the recording is distorted.
    ///
    /// Resampling and averaging channels hide clipping, so call this on the sound as it was recorded.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn clipped(&self) -> f64 {
        let clipped = self.samples.iter().filter(|sample| sample.abs() >= CLIPPED);
        clipped.count() as f64 / self.samples.len() as f64
    }
}

/// Refuses a rate that no recording has.
fn check_rate(place: &str, rate: u32) -> Result<()> {
    if (LEAST_RATE..=MOST_RATE).contains(&rate) {
        return Ok(());
    }
    Err(Error::SoundRate {
        place: place.to_owned(),
        rate,
        least: LEAST_RATE,
        most: MOST_RATE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T>(result: Result<T>) -> &'static str {
        result.map_or_else(|error| error.code(), |_| "accepted")
    }

    #[test]
    fn the_constructor_checks_samples_and_rate() {
        let of = |samples: &[f32], rate| code(Sound::new("a", samples.to_vec(), rate));
        assert_eq!(of(&[0.0], LEAST_RATE), "accepted");
        assert_eq!(of(&[0.0], MOST_RATE), "accepted");
        assert_eq!(of(&[0.0], LEAST_RATE - 1), "sound_rate");
        assert_eq!(of(&[0.0], MOST_RATE + 1), "sound_rate");
        assert_eq!(of(&[], 16_000), "sound_empty");
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(of(&[0.0, value], 16_000), "sound_not_finite");
        }
    }

    #[test]
    fn parts_are_cut_at_the_end() {
        let sound = Sound::new("a", vec![1.0, 2.0, 3.0], 8_000).unwrap();
        assert_eq!(sound.part(1..9).unwrap().samples(), [2.0, 3.0]);
        assert_eq!(code(sound.part(3..9)), "sound_empty");
        assert_eq!(code(sound.part(7..9)), "sound_empty");
        assert_eq!(code(sound.part(1..1)), "sound_empty");
    }

    #[test]
    #[allow(clippy::float_cmp)]
    fn clipping_counts_samples_at_full_scale() {
        let share = |samples: &[f32]| Sound::new("a", samples.to_vec(), 8_000).unwrap().clipped();
        assert_eq!(share(&[0.5, -0.9, 0.0, 0.99]), 0.0);
        assert_eq!(share(&[1.0, -1.0, 0.5, 127.0 / 128.0]), 0.75);
        assert_eq!(share(&[i16::MAX as f32 / 32768.0, 0.0]), 0.5);
    }
}
