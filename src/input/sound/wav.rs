//! WAV files.

use std::io::Cursor;

use hound::{SampleFormat, WavReader};

use super::Sound;
use crate::error::{Error, Result};

/// Reads a WAV file whose first bytes are right.
pub(super) fn read(place: &str, bytes: &[u8]) -> Result<Sound> {
    let failed = |error: hound::Error| match error {
        hound::Error::IoError(_) => Error::FileTruncated {
            place: place.to_owned(),
            found: bytes.len(),
        },
        hound::Error::Unsupported => Error::FileInvalid {
            place: place.to_owned(),
            reason: "this kind of WAV is not read; convert it to 16-bit PCM".to_owned(),
        },
        other => Error::FileInvalid {
            place: place.to_owned(),
            reason: format!("{other}; record or convert it again"),
        },
    };
    let mut reader = WavReader::new(Cursor::new(bytes)).map_err(failed)?;
    let spec = reader.spec();
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader
            .samples::<f32>()
            .collect::<std::result::Result<_, _>>(),
        SampleFormat::Int => {
            let scale = full_scale(spec.bits_per_sample);
            let samples = reader.samples::<i32>();
            samples.map(|x| Ok(scaled(x?, scale))).collect()
        }
    }
    .map_err(failed)?;
    let mono = averaged(&samples, usize::from(spec.channels));
    Sound::new(place, mono, spec.sample_rate)
}

/// What an integer sample of so many bits is divided by.
fn full_scale(bits: u16) -> f64 {
    2f64.powi(i32::from(bits) - 1)
}

#[allow(clippy::cast_possible_truncation)]
fn scaled(sample: i32, scale: f64) -> f32 {
    (f64::from(sample) / scale) as f32
}

/// The mean of the channels of samples `[time, channels]`.
#[allow(clippy::cast_precision_loss)]
pub(super) fn averaged(samples: &[f32], channels: usize) -> Vec<f32> {
    let frames = samples.chunks_exact(channels.max(1));
    let mean = |frame: &[f32]| frame.iter().sum::<f32>() / frame.len() as f32;
    frames.map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hound::{WavSpec, WavWriter};

    fn file(bits_per_sample: u16, channels: u16, samples: &[i32]) -> Vec<u8> {
        let spec = WavSpec {
            channels,
            sample_rate: 8_000,
            bits_per_sample,
            sample_format: SampleFormat::Int,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        samples
            .iter()
            .for_each(|&sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn code(bytes: Vec<u8>) -> &'static str {
        Sound::read("a.wav", bytes).unwrap_err().code()
    }

    #[test]
    #[allow(clippy::float_cmp)]
    fn integers_of_every_width_and_floats() {
        for bits in [8, 16, 24, 32] {
            let half = 1 << (bits - 2);
            let sound = Sound::read("a.wav", file(bits, 1, &[half, 0, -half, -2 * half])).unwrap();
            assert_eq!(sound.samples(), [0.5, 0.0, -0.5, -1.0], "{bits} bits");
            assert_eq!(sound.rate(), 8_000);
        }
        let spec = WavSpec {
            channels: 1,
            sample_rate: 44_100,
            bits_per_sample: 32,
            sample_format: SampleFormat::Float,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        writer.write_sample(0.25f32).unwrap();
        writer.finalize().unwrap();
        let bytes = bytes.into_inner();
        assert_eq!(
            Sound::read("a.wav", bytes.clone()).unwrap().samples(),
            [0.25]
        );
        let at = bytes.len() - 4;
        let nan = [&bytes[..at], &f32::NAN.to_le_bytes()].concat();
        assert_eq!(code(nan), "sound_not_finite");
    }

    #[test]
    #[allow(clippy::float_cmp)]
    fn channels_are_averaged() {
        let sound = Sound::read("a.wav", file(16, 2, &[16_384, 0, -8_192, -8_192])).unwrap();
        assert_eq!(sound.samples(), [0.25, -0.25]);
    }

    #[test]
    fn damaged_files_are_refused() {
        assert_eq!(code(Vec::new()), "file_invalid");
        assert_eq!(code(file(16, 1, &[])), "sound_empty");
        let whole = file(16, 1, &[7; 100]);
        for end in 12..whole.len() {
            assert_eq!(code(whole[..end].to_vec()), "file_truncated", "{end} bytes");
        }
        let mut slow = whole.clone();
        slow[24..32].copy_from_slice(&[7, 0, 0, 0, 14, 0, 0, 0]);
        assert_eq!(code(slow), "sound_rate");
        let mut compressed = whole;
        compressed[20] = 2;
        assert_eq!(code(compressed), "file_invalid");
    }
}
