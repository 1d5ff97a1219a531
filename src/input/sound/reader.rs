use std::borrow::Cow;

use super::{LogMel, Sound};
use crate::error::Result;
use crate::input::reader::of_another_model;
use crate::input::{Frames, Input, ReadInput, Sequence, Sort};

/// What a message calls the file that the settings come from.
const PLACE: &str = "preprocessor_config.json";

/// A shorter recording is read with silence behind it, up to this many seconds. The steps of the silence are not pooled,
/// but the others see it.
///
/// Digits of a speaker who was never heard, with a head on the frozen encoder of whisper-tiny.en, mean of six speakers: .977 with
/// one second, .966 with half a second.
const LEAST_SECONDS: usize = 1;

/// Turns recordings into what an encoder of sound reads: the frames of their log-mel spectrogram, and which steps of the
/// encoder hold something.
pub struct SoundReader {
    log_mel: LogMel,
    /// Frames of a step.
    stride: usize,
    max_steps: usize,
}

impl SoundReader {
    /// Of a `preprocessor_config.json`, for an encoder with this many frames a step, and at most `max_steps` of them.
    ///
    /// # Errors
    /// Those of [`LogMel::from_json`].
    pub fn from_json(json: &[u8], stride: usize, max_steps: usize) -> Result<Self> {
        Ok(Self {
            log_mel: LogMel::from_json(PLACE, json)?,
            stride: stride.max(1),
            max_steps,
        })
    }

    /// Mel bands of a frame.
    #[must_use]
    pub fn bands(&self) -> usize {
        self.log_mel.bands()
    }

    /// The frames of a recording, of which at most `limit` steps are read. The steps from the first to the last that holds
    /// a sound are heard; of a recording that is silent throughout, all.
    ///
    /// # Errors
    /// Those of [`LogMel::of`].
    pub fn frames(&self, sound: &Sound, limit: usize) -> Result<Frames> {
        let sound = sound.at(self.log_mel.rate())?;
        let least = LEAST_SECONDS * self.log_mel.rate() as usize;
        let padded = match sound.samples().len() < least {
            true => Cow::Owned(sound.padded(least)),
            false => Cow::Borrowed(&*sound),
        };
        let spectrogram = self.log_mel.of(&padded)?;
        let most = limit.min(self.max_steps).saturating_mul(self.stride);
        let frames = spectrogram.frames.min(most);
        let steps = frames.div_ceil(self.stride);
        let mut values = spectrogram.values;
        values.truncate(frames * self.bands());
        // samples of a step
        let each = self.log_mel.hop() * self.stride;
        let heard = sound.spoken().map_or(0..steps, |spoken| {
            let end = spoken.end.div_ceil(each).min(steps);
            (spoken.start / each).min(end.saturating_sub(1))..end
        });
        Ok(Frames {
            values: values.into(),
            width: self.bands(),
            steps,
            heard,
            truncated: spectrogram.truncated || frames < spectrogram.frames,
        })
    }
}

impl SoundReader {
    /// All of a recording, in parts of about the same length that have at most `limit` steps. Silent parts are left out, if
    /// there are others.
    ///
    /// # Errors
    /// Those of [`frames`](Self::frames).
    pub fn parts(&self, sound: &Sound, limit: usize) -> Result<Vec<Frames>> {
        let sound = sound.at(self.log_mel.rate())?;
        let each = self.log_mel.hop() * self.stride;
        let steps = self.log_mel.most_frames() / self.stride;
        let most = limit.min(self.max_steps).min(steps).max(1) * each;
        let count = sound.samples().len();
        if count <= most {
            return Ok(vec![self.frames(&sound, limit)?]);
        }
        // none is so short that it would be read with silence behind it
        let length = count.div_ceil(count.div_ceil(most));
        let starts = (0..count).step_by(length);
        let parts = starts.map(|start| sound.part(start..start + length));
        let parts: Vec<Sound> = parts.collect::<Result<_>>()?;
        let mut heard: Vec<&Sound> = parts
            .iter()
            .filter(|part| part.spoken().is_some())
            .collect();
        if heard.is_empty() {
            heard = parts.iter().collect();
        }
        heard
            .into_iter()
            .map(|part| self.frames(part, limit))
            .collect()
    }

    /// What a reader like this one read, of which at most `limit` steps stay, as [`frames`](Self::frames) cuts them.
    fn taken(&self, read: &Frames, limit: usize) -> Result<Frames> {
        let steps = read.frames().div_ceil(self.stride);
        if (read.width, read.steps) != (self.bands(), steps) || steps > self.max_steps {
            return Err(of_another_model("recording"));
        }
        if steps <= limit {
            return Ok(read.clone());
        }
        Ok(read.beginning(limit * self.stride, limit))
    }
}

impl ReadInput for SoundReader {
    fn read_in_parts(&self, input: &Input, limit: usize) -> Option<Result<Vec<Sequence>>> {
        let Input::Sound(sound) = input else {
            let read = self.read(input, limit)?;
            return Some(read.map(|read| vec![read]));
        };
        let parts = self.parts(sound, limit);
        Some(parts.map(|parts| parts.into_iter().map(Into::into).collect()))
    }

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

    fn reader() -> SoundReader {
        SoundReader::from_json(b"{}", 2, 1500).unwrap()
    }

    /// A tone of so many seconds, between seconds of silence.
    fn tone(before: usize, seconds: usize, behind: usize) -> Sound {
        let rate = 16_000;
        let wave = |at: usize| (at as f32 * 0.2).sin() * 0.5;
        let mut samples = vec![0.0; before * rate];
        samples.extend((0..seconds * rate).map(wave));
        samples.resize((before + seconds + behind) * rate, 0.0);
        Sound::new("tone", samples, rate as u32).unwrap()
    }

    #[test]
    fn the_steps_of_silence_are_not_heard() {
        let frames = reader().frames(&tone(1, 2, 1), usize::MAX).unwrap();
        assert_eq!(
            (frames.steps, frames.frames(), frames.width),
            (200, 400, 80)
        );
        let within = |at: usize, of: usize| at.abs_diff(of) <= 3;
        assert!(within(frames.heard.start, 50), "{:?}", frames.heard);
        assert!(within(frames.heard.end, 150), "{:?}", frames.heard);
        assert!(!frames.truncated);
    }

    #[test]
    fn a_short_sound_has_a_second_and_silence_is_heard_as_a_whole() {
        let tone = (0..400).map(|at| (at as f32 * 0.3).sin() * 0.5);
        let click = Sound::new("click", tone.collect(), 16_000).unwrap();
        let frames = reader().frames(&click, usize::MAX).unwrap();
        assert_eq!(frames.steps, 50);
        assert!(frames.heard.end <= 10, "{:?}", frames.heard);
        let silence = Sound::new("silence", vec![0.0; 16_000], 16_000).unwrap();
        assert_eq!(reader().frames(&silence, usize::MAX).unwrap().heard, 0..50);
    }

    #[test]
    fn frames_of_another_model_are_refused() {
        let read = |frames: Frames| {
            let read = reader().read(&Sequence::from(frames).into(), usize::MAX);
            read.unwrap()
                .map_or_else(|error| error.code(), |_| "accepted")
        };
        let own = reader().frames(&tone(0, 1, 0), usize::MAX).unwrap();
        assert_eq!(read(own.clone()), "accepted");
        let width = Frames {
            width: 40,
            ..own.clone()
        };
        let steps = Frames { steps: 49, ..own };
        assert_eq!((read(width), read(steps)), ("file_invalid", "file_invalid"));
        let other = SoundReader::from_json(b"{}", 2, 30).unwrap();
        let long = reader().frames(&tone(0, 1, 0), usize::MAX).unwrap();
        let long = Input::from(Sequence::from(long));
        assert_eq!(
            other.read(&long, 9).unwrap().unwrap_err().code(),
            "file_invalid"
        );
    }

    #[test]
    fn what_is_longer_than_the_limit_is_cut() {
        let frames = reader().frames(&tone(0, 3, 0), 20).unwrap();
        assert_eq!(
            (frames.steps, frames.frames(), frames.truncated),
            (20, 40, true)
        );
        assert!(frames.heard.end <= 20 && !frames.heard.is_empty());
        for (before, limit) in [
            (0, 20),
            (0, 1),
            (2, 50),
            (1, 149),
            (1, 400),
            (0, usize::MAX),
        ] {
            let sound = tone(before, 3, 0);
            let read = |input: &Input, limit| reader().read(input, limit).unwrap().unwrap();
            let whole = Input::from(read(&sound.clone().into(), usize::MAX));
            assert_eq!(
                read(&whole, limit),
                read(&sound.into(), limit),
                "{before} {limit}"
            );
        }
        let long = reader().frames(&tone(0, 31, 0), usize::MAX).unwrap();
        assert_eq!((long.steps, long.truncated), (1500, true));
    }
}
