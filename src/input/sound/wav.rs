//! WAV files.

use super::Sound;
use crate::error::{Error, Result};

/// What the samples of a file are.
#[derive(Clone, Copy)]
struct Format {
    is_float: bool,
    channels: usize,
    rate: u32,
    /// Of a sample, and of the bytes that it lies in.
    bits: usize,
    width: usize,
}

/// Names of formats.
const INTEGERS: u16 = 1;
const FLOATS: u16 = 3;
/// The name is in the extension.
const EXTENSIBLE: u16 = 0xfffe;

/// Reads a WAV file.
pub(super) fn read(place: &str, bytes: &[u8]) -> Result<Sound> {
    let invalid = |reason: &str| Error::FileInvalid {
        place: place.to_owned(),
        reason: reason.to_owned(),
    };
    let cut = || Error::FileTruncated {
        place: place.to_owned(),
        found: bytes.len(),
    };
    if !is_wav(bytes) {
        return Err(invalid("it is no WAV file; convert it to 16-bit PCM"));
    }
    let (mut rest, mut format) = (&bytes[12..], None);
    // chunks of a name, a length and as many bytes; an odd one is followed by one more
    loop {
        let (head, behind) = rest.split_at_checked(8).ok_or_else(cut)?;
        let length = number(&head[4..]) as usize;
        let content = behind.get(..length).ok_or_else(cut)?;
        match &head[..4] {
            b"fmt " => {
                let unread = || invalid("this kind of WAV is not read; convert it to 16-bit PCM");
                format = Some(Format::read(content).ok_or_else(unread)?);
            }
            b"data" => {
                let whole = format.filter(|format| content.len() % format.frame() == 0);
                let format = whole.ok_or_else(|| {
                    invalid("its samples are not as its format says; record or convert it again")
                })?;
                return Sound::new(place, format.mono(content), format.rate);
            }
            _ => {}
        }
        rest = behind.get(length + length % 2..).ok_or_else(cut)?;
    }
}

/// Whether a file begins as a WAV file does.
pub(super) fn is_wav(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE")
}

/// At most four bytes as a number, the lowest first.
fn number(bytes: &[u8]) -> u32 {
    let higher = |number, &byte| (number << 8) | u32::from(byte);
    bytes.iter().rev().fold(0, higher)
}

impl Format {
    /// Of the content of a chunk "fmt "; `None` for one that is not read here.
    fn read(chunk: &[u8]) -> Option<Self> {
        let short = |at: usize| {
            let &[low, high] = chunk.get(at..at + 2)? else {
                return None;
            };
            Some(u16::from_le_bytes([low, high]))
        };
        let name = match short(0)? {
            EXTENSIBLE => short(24)?,
            name => name,
        };
        let channels = usize::from(short(2)?);
        let (frame, bits) = (usize::from(short(12)?), usize::from(short(14)?));
        let width = frame.checked_div(channels)?;
        let is_float = name == FLOATS;
        let is_read = match name {
            INTEGERS => matches!(bits, 8 | 16 | 24 | 32),
            FLOATS => (bits, width) == (32, 4),
            _ => false,
        };
        let fits = width * channels == frame && (bits / 8..=4).contains(&width);
        (is_read && fits).then_some(Self {
            is_float,
            channels,
            rate: number(&chunk[4..8]),
            bits,
            width,
        })
    }

    /// Bytes of a sample of every channel.
    fn frame(&self) -> usize {
        self.width * self.channels
    }

    /// The means of the channels.
    #[allow(clippy::cast_precision_loss)]
    fn mono(&self, content: &[u8]) -> Vec<f32> {
        let frames = content.chunks_exact(self.frame());
        let mean = |frame: &[u8]| {
            let samples = frame.chunks_exact(self.width);
            samples.map(|bytes| self.sample(bytes)).sum::<f32>() / self.channels as f32
        };
        frames.map(mean).collect()
    }

    /// A sample, of which full scale is -1 to 1. Bytes have no sign, and other integers do.
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
    fn sample(&self, bytes: &[u8]) -> f32 {
        if self.is_float {
            return f32::from_bits(number(bytes));
        }
        let above = 32 - self.bits;
        let highest = number(&bytes[..self.bits / 8]) << above;
        let signed = match self.bits {
            8 => highest ^ (1 << 31),
            _ => highest,
        } as i32;
        (f64::from(signed) / 2f64.powi(31)) as f32
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use std::io::Cursor;

    use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

    use super::*;

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

    /// What another reader has of the samples of a file with one channel.
    fn of_hound(bytes: &[u8], bits: i32) -> Vec<f32> {
        let samples = WavReader::new(bytes).unwrap().into_samples::<i32>();
        let scaled = |x: i32| (f64::from(x) / 2f64.powi(bits - 1)) as f32;
        samples.map(|x| scaled(x.unwrap())).collect()
    }

    #[test]
    #[allow(clippy::float_cmp)]
    fn samples_are_those_of_another_reader() {
        for bits in [8, 16, 24, 32] {
            let most = i64::from(i32::MAX >> (32 - bits));
            let samples: Vec<i32> = (0..200)
                .map(|at| i32::try_from((at * 7_919 * 104_729) % (2 * most) - most).unwrap())
                .chain([0, 1, -1, most as i32, -most as i32 - 1])
                .collect();
            let bytes = file(bits, 1, &samples);
            let expected = of_hound(&bytes, i32::from(bits));
            assert_eq!(
                read("a", &bytes).unwrap().samples(),
                expected,
                "{bits} bits"
            );
        }
    }

    #[test]
    #[allow(clippy::float_cmp)]
    fn other_chunks_are_passed_over_and_extended_formats_are_read() {
        let plain = file(16, 1, &[16_384, -8_192]);
        let other = b"LIST\x03\0\0\0odd\0";
        let with = [&plain[..12], other, &plain[12..]].concat();
        assert_eq!(read("a", &with).unwrap().samples(), [0.5, -0.25]);
        // 24 bits in 4 bytes of an extended format
        let mut format = vec![
            0xfe, 0xff, 1, 0, 0x40, 0x1f, 0, 0, 0, 0x7d, 0, 0, 4, 0, 24, 0,
        ];
        format.extend([22, 0, 24, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 16, 0]);
        format.extend([128, 0, 0, 170, 0, 56, 155, 113]);
        let chunk = |name: &[u8], content: &[u8]| {
            let length = u32::try_from(content.len()).unwrap().to_le_bytes();
            [name, &length, content].concat()
        };
        let samples = [0, 0, 64, 0, 0, 0, 224, 255];
        let of = |format: &[u8], samples: &[u8]| {
            let chunks = [chunk(b"fmt ", format), chunk(b"data", samples)].concat();
            read("a", &[b"RIFF\0\0\0\0WAVE", &chunks[..]].concat())
        };
        assert_eq!(of(&format, &samples).unwrap().samples(), [0.5, -0.25]);
        assert_eq!(
            of(&format, &samples[..7]).unwrap_err().code(),
            "file_invalid"
        );
        assert_eq!(
            of(&format[..20], &samples).unwrap_err().code(),
            "file_invalid"
        );
        for (at, value) in [
            (2, 0),
            (2, 3),
            (12, 0),
            (12, 2),
            (14, 12),
            (14, 64),
            (24, 2),
        ] {
            let mut wrong = format.clone();
            wrong[at] = value;
            let error = of(&wrong, &samples).unwrap_err();
            assert_eq!(error.code(), "file_invalid", "{at}: {value}");
        }
        let headless = [b"RIFF\0\0\0\0WAVE", &chunk(b"data", &samples)[..]].concat();
        assert_eq!(read("a", &headless).unwrap_err().code(), "file_invalid");
        let mut endless = plain.clone();
        endless[40..44].copy_from_slice(&[255; 4]);
        assert_eq!(read("a", &endless).unwrap_err().code(), "file_truncated");
        assert_eq!(read("a", b"RIFF").unwrap_err().code(), "file_invalid");
    }
}
