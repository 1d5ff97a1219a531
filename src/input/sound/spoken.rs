//! Where in a recording something is heard.

use std::ops::Range;

use super::Sound;
use crate::order::ascending;

/// Frames of a second.
const FRAMES: u32 = 100;

/// A recording without a frame as loud as this is silent: the root mean square, where full scale is 1 (-60 dB).
const LEAST_PEAK: f64 = 1e-3;

/// A frame that is not as loud as this (-80 dB) is digital silence: it says nothing of the noise where sound is recorded.
const DIGITAL_SILENCE: f64 = 1e-4;

/// The share of frames that are not louder than the noise floor, if they are about equally loud.
const QUIET: f64 = 0.1;

/// The share of frames that are not louder than the floor if there is no steady noise.
const QUIETEST: f64 = 0.02;

/// How many times as loud as the quietest frames the quiet ones are at most in a steady noise (1.2 dB).
const SPREAD: f64 = 1.15;

/// How many times as loud as the noise floor all of an event is at least (3 dB).
const ABOVE_NOISE: f64 = 1.41;

/// The share of the loudest frame's level that an event has at least (-30 dB).
const OF_PEAK: f64 = 0.03;

/// How many times as loud as the noise floor the loudest frame of an event is at least (6 dB).
const SOMEWHERE: f64 = 2.0;

/// Frames in a row that make an event: 30 ms.
const SHORTEST: usize = 3;

/// Frames that are kept before and behind the events: 40 ms.
const MARGIN: usize = 4;

/// Frames at an end that are not worth cutting off, after the margin: 50 ms.
const SCRAP: usize = 5;

impl Sound {
    /// The samples from the first to the last event, such as speech, a bark or a knock, and 40 ms more at both ends.
    /// `None` if the recording is silent.
    ///
    /// The rule compares levels. A level is the root mean square of 30 ms around a frame of 10 ms; the mean of the
    /// 30 ms is subtracted first.
    ///
    /// - The recording is silent if no level reaches -60 dB (0.001 of full scale).
    /// - The noise floor is the level that a tenth of the frames do not exceed. If 2 % of the frames are more than 1.2 dB
    ///   below that, it is no steady noise, and the floor is the level that 2 % do not exceed. Frames below -80 dB are
    ///   not counted, because they are digital silence.
    /// - An event is at least 30 ms whose levels are 3 dB above the noise floor, one of them 6 dB, and not more than
    ///   30 dB below the loudest.
    /// - If the loudest level is less than 6 dB above the floor, the recording is loud throughout, and everything
    ///   above -80 dB is an event.
    /// - If only 50 ms or less would be cut off at an end, nothing is cut off there: a recording that was cut already
    ///   stays whole.
    ///
    /// Two thresholds from the noise floor and the peak of the recording itself, with 3 % (-30 dB) of the peak, is from
    /// Rabiner and Sambur, "An algorithm for determining the endpoints of isolated utterances" (1975). They take the
    /// floor from the first 100 ms, which must then be silent.
    #[must_use]
    pub fn spoken(&self) -> Option<Range<usize>> {
        let step = (self.rate() / FRAMES) as usize;
        let levels = levels(self.samples(), step);
        let peak = levels.iter().copied().fold(0.0, f64::max);
        if peak < LEAST_PEAK {
            return None;
        }
        let floor = floor(&levels);
        let (least, somewhere) = if peak < SOMEWHERE * floor {
            (DIGITAL_SILENCE, DIGITAL_SILENCE)
        } else {
            let of_peak = OF_PEAK * peak;
            let above = |times: f64| (times * floor).max(of_peak);
            (above(ABOVE_NOISE), above(SOMEWHERE))
        };
        let shortest = SHORTEST.min(levels.len());
        let is_event =
            |run: &&[f64]| run.len() >= shortest && run.iter().any(|&level| level >= somewhere);
        let mut at = 0;
        let mut events = levels
            .chunk_by(|&a, &b| (a >= least) == (b >= least))
            .map(|run| {
                at += run.len();
                (at - run.len()..at, run)
            })
            .filter(|(_, run)| run[0] >= least && is_event(run))
            .map(|(range, _)| range);
        // a peak that is shorter than an event is one all the same
        let loudest = || {
            let at = levels.iter().position(|&level| level >= peak)?;
            Some(at..at + 1)
        };
        let event = events.next().or_else(loudest)?;
        let behind = events.last().map_or(event.end, |last| last.end);
        let start = match event.start.saturating_sub(MARGIN) {
            ..=SCRAP => 0,
            start => start * step,
        };
        let end = behind + MARGIN;
        let end = if end + SCRAP < levels.len() {
            end * step
        } else {
            self.samples().len()
        };
        Some(start..end)
    }
}

/// Count, sum and sum of squares of some samples.
#[derive(Clone, Copy, Default)]
struct Sums(f64, f64, f64);

impl Sums {
    fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1, self.2 + other.2)
    }

    fn of(samples: &[f32]) -> Self {
        let each = samples.iter().map(|&x| f64::from(x));
        each.fold(Self::default(), |sums, x| sums.plus(Self(1.0, x, x * x)))
    }

    /// Root of the mean square, after the mean is subtracted.
    fn level(self) -> f64 {
        let mean = self.1 / self.0;
        (self.2 / self.0 - mean * mean).max(0.0).sqrt()
    }
}

/// The level of each frame of `step` samples, over the frames beside it too.
fn levels(samples: &[f32], step: usize) -> Vec<f64> {
    let frames: Vec<Sums> = samples.chunks(step).map(Sums::of).collect();
    let level = |at: usize| {
        let around = &frames[at.saturating_sub(1)..(at + 2).min(frames.len())];
        let sums = around.iter().copied();
        sums.fold(Sums::default(), Sums::plus).level()
    };
    (0..frames.len()).map(level).collect()
}

/// The level of the noise that is there between events.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]
fn floor(levels: &[f64]) -> f64 {
    let heard = levels.iter().copied();
    let heard: Vec<f64> = heard.filter(|&level| level >= DIGITAL_SILENCE).collect();
    let order = ascending(&heard).into_iter();
    let heard: Vec<f64> = order.map(|place| heard[place]).collect();
    let at = |share: f64| {
        let level = heard.get((heard.len() as f64 * share) as usize);
        level.copied().unwrap_or(DIGITAL_SILENCE)
    };
    let (quiet, quietest) = (at(QUIET), at(QUIETEST));
    if quiet <= SPREAD * quietest {
        quiet
    } else {
        quietest
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss)]
mod tests {
    use super::*;

    const RATE: usize = 16_000;

    /// Numbers from -1 to 1 that are the same each time.
    fn noise(count: usize) -> Vec<f32> {
        let mut state = 1u32;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(next).collect()
    }

    fn tone(count: usize) -> Vec<f32> {
        let wave = |at: usize| 0.5 * (0.3 * at as f32).sin();
        (0..count).map(wave).collect()
    }

    /// A tone of `length` samples after `before` samples, `behind` more after it, and noise over all.
    fn recording(before: usize, length: usize, behind: usize, loud: f32) -> Sound {
        let mut samples = vec![0.0; before];
        samples.extend(tone(length));
        samples.extend(vec![0.0; behind]);
        for (to, x) in samples.iter_mut().zip(noise(before + length + behind)) {
            *to += loud * x;
        }
        Sound::new("a", samples, RATE as u32).unwrap()
    }

    #[track_caller]
    fn near(found: Option<Range<usize>>, start: usize, end: usize) {
        let found = found.unwrap();
        let within = |found: usize, expected: usize| found.abs_diff(expected) <= RATE / 50;
        assert!(
            within(found.start, start) && within(found.end, end),
            "{found:?}"
        );
    }

    #[test]
    fn an_event_is_found_in_zeros_and_in_noise() {
        let margin = RATE * 40 / 1000;
        // a tone of 0.35, and uniform noise of 0.34 / 1.73 = 0.2: 5 dB
        for loud in [0.0, 1e-5, 1e-3, 0.03, 0.34] {
            let found = recording(RATE, RATE / 2, RATE, loud).spoken();
            near(found, RATE - margin, RATE * 3 / 2 + margin);
        }
    }

    #[test]
    fn a_knock_is_an_event() {
        let found = recording(RATE, RATE / 200, RATE, 0.001).spoken();
        near(found, RATE - RATE / 20, RATE + RATE / 20);
    }

    #[test]
    fn noise_after_digital_silence_is_no_event() {
        let mut samples = vec![0.0; RATE];
        samples.extend(recording(RATE, RATE / 2, RATE, 0.1).samples());
        let found = Sound::new("a", samples, RATE as u32).unwrap().spoken();
        near(found, 2 * RATE - RATE / 25, 2 * RATE + RATE / 2 + RATE / 25);
    }

    #[test]
    fn silence_has_nothing() {
        assert_eq!(recording(RATE, 0, 0, 0.0).spoken(), None);
        assert_eq!(recording(RATE, 0, 0, 1e-3).spoken(), None);
        assert_eq!(recording(1, 0, 0, 0.0).spoken(), None);
        // an offset is no sound
        let offset = Sound::new("a", vec![0.25; RATE], RATE as u32).unwrap();
        assert_eq!(offset.spoken(), None);
    }

    #[test]
    fn what_is_loud_throughout_is_taken_whole() {
        assert_eq!(recording(0, RATE, 0, 0.0).spoken(), Some(0..RATE));
        assert_eq!(recording(0, RATE + 7, 0, 0.0).spoken(), Some(0..RATE + 7));
        assert_eq!(recording(RATE, 0, 0, 0.3).spoken(), Some(0..RATE));
        assert_eq!(
            Sound::new("a", vec![0.5, -0.5], 8_000).unwrap().spoken(),
            Some(0..2)
        );
    }

    #[test]
    fn any_rate() {
        for rate in [1_000, 8_000, 44_100, 384_000u32] {
            let count = rate as usize / 2;
            let mut samples = vec![0.0; 2 * count];
            samples[count..].copy_from_slice(&noise(count));
            let found = Sound::new("a", samples, rate).unwrap().spoken().unwrap();
            assert!(
                found.start.abs_diff(count) <= rate as usize / 10,
                "{rate} {found:?}"
            );
            assert_eq!(found.end, 2 * count);
        }
    }
}
