use super::RATE;
use crate::error::{Error, Result};
use crate::input::sound::{Resampling, Sound};

/// The end of a sound that goes on, and where the next window of it ends.
pub(super) struct Stream {
    /// Samples of a second that comes in, once something has come.
    rate: Option<u32>,
    /// `None` where nothing needs to be resampled.
    resampling: Option<Resampling>,
    /// At [`RATE`]: what the next window needs, and what is behind it.
    samples: Vec<f32>,
    /// How many samples were before these.
    before: u64,
    /// Where the next window ends, counted from the beginning of the stream.
    next: u64,
    window: usize,
    hop: usize,
}

/// A part of the stream.
pub(super) struct Window {
    /// At [`RATE`].
    pub(super) sound: Sound,
    /// Its first sample, counted from the beginning of the stream.
    pub(super) start: u64,
    /// The sample behind its last.
    pub(super) end: u64,
}

impl Stream {
    /// Whose windows have so many samples, and begin so many after each other.
    pub(super) fn new(window: usize, hop: usize) -> Self {
        Self {
            rate: None,
            resampling: None,
            samples: Vec::new(),
            before: 0,
            next: hop as u64,
            window,
            hop,
        }
    }

    /// Takes in what comes next.
    ///
    /// # Errors
    /// Those of [`Sound::new`], but that a piece may be empty; [`Error::OptionInvalid`] if the rate is another than before.
    /// Nothing is taken in then.
    pub(super) fn push(&mut self, samples: &[f32], rate: u32) -> Result<()> {
        if let Some(own) = self.rate
            && own != rate
        {
            return Err(Error::OptionInvalid {
                option: "rate",
                value: rate.to_string(),
                reason: format!(
                    "the stream began with {own} samples a second; begin another one for another rate"
                ),
            });
        }
        if samples.is_empty() {
            return Ok(());
        }
        let sound = Sound::new("the stream", samples.to_vec(), rate)?;
        if self.rate.is_none() && rate != RATE {
            self.resampling = Some(Resampling::new(rate, RATE)?);
        }
        self.rate = Some(rate);
        match &mut self.resampling {
            None => self.samples.extend_from_slice(sound.samples()),
            Some(resampling) => resampling.push(sound.samples(), &mut self.samples),
        }
        Ok(())
    }

    /// Samples of a second that comes in; [`RATE`] if nothing has come.
    pub(super) fn rate(&self) -> u32 {
        self.rate.unwrap_or(RATE)
    }

    /// The next window, if all of it has come. Those at the beginning of the stream are shorter.
    ///
    /// # Errors
    /// Those of [`Sound::new`].
    pub(super) fn window(&mut self) -> Result<Option<Window>> {
        let (start, end) = (self.next.saturating_sub(self.window as u64), self.next);
        // what no window needs any more
        let done = usize::try_from(start - self.before).unwrap_or(usize::MAX);
        if done > 0 && done <= self.samples.len() {
            self.samples.drain(..done);
            self.before = start;
        }
        let length = usize::try_from(end - self.before).unwrap_or(usize::MAX);
        let Some(own) = self.samples.get(..length) else {
            return Ok(None);
        };
        let sound = Sound::new("the stream", own.to_vec(), RATE)?;
        self.next += self.hop as u64;
        Ok(Some(Window { sound, start, end }))
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss)]
mod tests {
    use super::*;

    /// Ends and first samples of the windows of a stream whose samples are their numbers, in pieces of `size`.
    fn windows(size: usize, count: usize) -> Vec<(u64, u64, f32, usize)> {
        let mut stream = Stream::new(1_000, 300);
        let samples: Vec<f32> = (0..count).map(|at| at as f32).collect();
        let mut found = Vec::new();
        for piece in samples.chunks(size) {
            stream.push(piece, RATE).unwrap();
            while let Some(window) = stream.window().unwrap() {
                let own = window.sound.samples();
                found.push((window.start, window.end, own[0], own.len()));
            }
            assert!(stream.samples.len() <= 1_000 + 300 + size);
        }
        found
    }

    #[test]
    fn windows_end_a_hop_after_each_other_however_the_stream_is_cut() {
        let found = windows(1, 2_100);
        assert_eq!(found[..2], [(0, 300, 0.0, 300), (0, 600, 0.0, 600)]);
        assert_eq!(found[3], (200, 1_200, 200.0, 1_000));
        assert_eq!(found.last(), Some(&(1_100, 2_100, 1_100.0, 1_000)));
        assert_eq!(found.len(), 7);
        for size in [160, 299, 2_100] {
            assert_eq!(windows(size, 2_100), found);
        }
    }

    #[test]
    fn what_cannot_be_taken_in_changes_nothing() {
        let mut stream = Stream::new(1_000, 300);
        stream.push(&[], 44_100).unwrap();
        stream.push(&[0.5; 100], 16_000).unwrap();
        let code = |stream: &mut Stream, samples: &[f32], rate| {
            stream.push(samples, rate).unwrap_err().code()
        };
        assert_eq!(
            code(&mut stream, &[0.1, f32::NAN], 16_000),
            "sound_not_finite"
        );
        assert_eq!(code(&mut stream, &[0.1], 44_100), "option_invalid");
        assert_eq!(stream.samples.len(), 100);
        assert_eq!(code(&mut Stream::new(1_000, 300), &[0.1], 10), "sound_rate");
    }
}
