//! The same sound with other samples a second.

use std::borrow::Cow;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters, WindowFunction};

use super::{Sound, check_rate};
use crate::error::{Error, Result};

/// Samples of the filter. The longer it is, the sharper it cuts at half the lower rate.
const LENGTH: usize = 256;

/// Samples that are read at once.
const CHUNK: usize = 1_024;

impl Sound {
    /// The sound at another rate in hertz, without what only the higher rate can hold. Events are at
    /// most two samples earlier or later. At its own rate it is not copied.
    ///
    /// # Errors
    /// [`Error::SoundRate`] if the rate is not from [`LEAST_RATE`](super::LEAST_RATE) to
    /// [`MOST_RATE`](super::MOST_RATE).
    pub fn at(&self, rate: u32) -> Result<Cow<'_, Self>> {
        if rate == self.rate {
            return Ok(Cow::Borrowed(self));
        }
        let place = "resampling";
        check_rate(place, rate)?;
        let failed = || refused(place, rate);
        let count = self.samples.len();
        let mut resampler = resampler(self.rate, rate, CHUNK).ok_or_else(failed)?;
        let input = InterleavedSlice::new(&self.samples, 1, count).map_err(|_| failed())?;
        let output = resampler
            .process_all(&input, count, None)
            .map_err(|_| failed())?;
        Self::new(place, output.take_data(), rate).map(Cow::Owned)
    }
}

/// Resamples a sound that comes in pieces. What comes out does not depend on how it is cut.
pub struct Resampling {
    resampler: Async<f32>,
    /// What is not read yet; less than the resampler reads at once.
    waiting: Vec<f32>,
    /// Samples that come out before the first of the sound.
    early: usize,
}

impl Resampling {
    /// From one rate in hertz to another. Sound comes out 10 ms later than it goes in, and half the filter.
    ///
    /// # Errors
    /// [`Error::SoundRate`] if a rate is not from [`LEAST_RATE`](super::LEAST_RATE) to
    /// [`MOST_RATE`](super::MOST_RATE).
    pub fn new(from: u32, to: u32) -> Result<Self> {
        let place = "resampling";
        check_rate(place, from)?;
        check_rate(place, to)?;
        let chunk = (from / 100) as usize;
        let resampler = resampler(from, to, chunk).ok_or_else(|| refused(place, from))?;
        Ok(Self {
            early: resampler.output_delay(),
            waiting: Vec::new(),
            resampler,
        })
    }

    /// Takes in what comes next, and puts behind `to` what is ready.
    pub fn push(&mut self, mut samples: &[f32], to: &mut Vec<f32>) {
        let chunk = self.resampler.input_frames_next();
        while self.waiting.len() + samples.len() >= chunk {
            let (own, rest) = samples.split_at(chunk - self.waiting.len());
            samples = rest;
            self.waiting.extend_from_slice(own);
            self.process(to);
        }
        self.waiting.extend_from_slice(samples);
    }

    fn process(&mut self, to: &mut Vec<f32>) {
        let count = self.waiting.len();
        // it reads just as many at once
        let made = InterleavedSlice::new(&self.waiting, 1, count)
            .ok()
            .and_then(|input| self.resampler.process(&input, None).ok())
            .map(|output| output.take_data())
            .unwrap_or_default();
        let early = self.early.min(made.len());
        self.early -= early;
        to.extend_from_slice(&made[early..]);
        self.waiting.clear();
    }
}

/// One that reads `chunk` samples at once.
fn resampler(from: u32, to: u32, chunk: usize) -> Option<Async<f32>> {
    let ratio = f64::from(to) / f64::from(from);
    let settings = SincInterpolationParameters::new(LENGTH, WindowFunction::BlackmanHarris2);
    Async::<f32>::new_sinc(ratio, 1.0, &settings, chunk, 1, FixedAsync::Input).ok()
}

fn refused(place: &str, rate: u32) -> Error {
    Error::SoundRate {
        place: place.to_owned(),
        rate,
        least: super::LEAST_RATE,
        most: super::MOST_RATE,
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::float_cmp)]
    fn a_stream_in_any_pieces_is_the_whole_sound() {
        for rate in [1_000, 8_000, 44_100, 48_000] {
            let sound = tone(440.0, rate, rate as usize);
            let in_pieces = |size: usize| {
                let mut resampling = Resampling::new(rate, 16_000).unwrap();
                let mut found = Vec::new();
                for piece in sound.samples().chunks(size) {
                    resampling.push(piece, &mut found);
                }
                found
            };
            let found = in_pieces(rate as usize);
            for size in [1, 160, 4_096] {
                assert_eq!(in_pieces(size), found, "{rate} Hz, pieces of {size}");
            }
            // all but 10 ms and half the filter
            let late = 160 + 16_000 * LENGTH / rate as usize;
            assert!(found.len() >= 16_000 - late, "{rate} Hz: {}", found.len());
            let whole = sound.at(16_000).unwrap();
            let pairs = found.iter().zip(whole.samples());
            let off = pairs.fold(0.0, |most: f32, (a, b)| most.max((a - b).abs()));
            assert!(off < 1e-4, "{rate} Hz: {off}");
        }
        assert_eq!(
            Resampling::new(999, 16_000).err().unwrap().code(),
            "sound_rate"
        );
    }

    fn tone(hertz: f64, rate: u32, samples: usize) -> Sound {
        #[allow(clippy::cast_possible_truncation)]
        let wave = |at: usize| {
            let turns = std::f64::consts::TAU * hertz * at as f64 / f64::from(rate);
            (0.5 * turns.sin()) as f32
        };
        Sound::new("a", (0..samples).map(wave).collect(), rate).unwrap()
    }

    /// How loud a tone is in a sound, how late in samples, and the most that any sample is off. Without 100 ms at the
    /// ends, where the tone begins and stops.
    fn heard(hertz: f64, sound: &Sound) -> (f64, f64, f64) {
        let turn = std::f64::consts::TAU * hertz / f64::from(sound.rate());
        let edge = sound.rate() as usize / 10;
        let middle = edge..sound.samples().len() - edge;
        let each = || {
            middle
                .clone()
                .map(|at| (turn * at as f64, f64::from(sound.samples()[at])))
        };
        let half = middle.len() as f64 / 2.0;
        let sine = each().map(|(at, x)| x * at.sin()).sum::<f64>() / half;
        let cosine = each().map(|(at, x)| x * at.cos()).sum::<f64>() / half;
        let off = each().map(|(at, x)| (x - sine * at.sin() - cosine * at.cos()).abs());
        let late = (-cosine).atan2(sine) / turn;
        (sine.hypot(cosine), late, off.fold(0.0, f64::max))
    }

    #[test]
    fn tones_keep_their_time_and_height() {
        for rate in [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 44_101] {
            for hertz in [100.0, 440.0, 3_000.0] {
                let found = tone(hertz, rate, rate as usize)
                    .at(16_000)
                    .unwrap()
                    .into_owned();
                assert_eq!((found.rate(), found.samples().len()), (16_000, 16_000));
                let (height, late, off) = heard(hertz, &found);
                let what = format!("{rate} Hz, {hertz} Hz: {height}, {late}, {off}");
                assert!(
                    (height - 0.5).abs() < 1e-3 && late.abs() < 1.1 && off < 1e-3,
                    "{what}"
                );
            }
        }
    }

    #[test]
    fn tones_that_do_not_fit_are_left_out() {
        for (hertz, rate) in [(8_500.0, 44_100), (12_000.0, 48_000), (20_000.0, 44_100)] {
            let found = tone(hertz, rate, rate as usize)
                .at(16_000)
                .unwrap()
                .into_owned();
            let middle = &found.samples()[1_600..14_400];
            let most = middle.iter().fold(0.0, |most: f32, x| most.max(x.abs()));
            assert!(most < 1e-3, "{rate} Hz, tone of {hertz} Hz: {most}");
        }
    }

    #[test]
    fn lengths_and_rates() {
        let sound = tone(100.0, 8_000, 1);
        assert_eq!(sound.at(16_000).unwrap().samples().len(), 2);
        assert!(matches!(sound.at(8_000).unwrap(), Cow::Borrowed(_)));
        assert_eq!(sound.at(0).unwrap_err().code(), "sound_rate");
        assert_eq!(
            tone(100.0, 384_000, 384).at(1_000).unwrap().samples().len(),
            1
        );
    }
}
