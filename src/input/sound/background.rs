//! What is heard around the sounds that one is after.

use rand::Rng;

use super::Sound;
use crate::error::Result;

/// How many seconds of a stream are answered at once, so that takes are mixed with as much background.
///
/// Of words that take 0.14 to 0.83 seconds, in noise and babble at 10 dB, a head on the frozen encoder of whisper-tiny.en found
/// .81 with 0.7 seconds and .73 with one second, at the same threshold; the sound around a word is pooled with it.
pub const WINDOW_SECONDS: f64 = 0.7;

/// A background that is less loud than this (-80 dB) is silence, and cannot be made as loud as a sound.
const SILENCE: f64 = 1e-4;

/// Recordings of a background, put behind each other.
pub struct Background {
    sound: Sound,
}

impl Background {
    /// Of recordings, at a rate in hertz.
    ///
    /// # Errors
    /// [`Error::SoundEmpty`](crate::Error::SoundEmpty) if there are none; those of [`Sound::at`].
    pub fn of<'a>(recordings: impl Iterator<Item = &'a Sound>, rate: u32) -> Result<Self> {
        let mut samples = Vec::new();
        for recording in recordings {
            samples.extend_from_slice(recording.at(rate)?.samples());
        }
        let sound = Sound::new("the background", samples, rate)?;
        Ok(Self { sound })
    }

    /// A random piece of so many samples. Where the background is shorter, it is repeated.
    fn piece(&self, count: usize, rng: &mut impl Rng) -> Vec<f32> {
        let all = self.sound.samples();
        let room = all.len().saturating_sub(count);
        let from = rng.random_range(0..=room);
        all.iter().cycle().skip(from).take(count).copied().collect()
    }

    /// A sound at a random place in a piece of the background of at least `least` samples. The sound is so many decibels
    /// louder than the piece; where the piece is silent, it stays so. What is silent at the ends of the sound is left out.
    ///
    /// # Errors
    /// Those of [`Sound::at`].
    pub fn around(
        &self,
        sound: &Sound,
        least: usize,
        decibels: f64,
        rng: &mut impl Rng,
    ) -> Result<Sound> {
        let rate = self.sound.rate();
        let sound = sound.at(rate)?;
        let spoken = sound.spoken().unwrap_or(0..sound.samples().len());
        let own = &sound.samples()[spoken];
        let mut samples = self.piece(least.max(own.len()), rng);
        let loud = level(&samples);
        if loud >= SILENCE {
            #[allow(clippy::cast_possible_truncation)]
            let gain = (level(own) / loud * 10f64.powf(-decibels / 20.0)) as f32;
            samples.iter_mut().for_each(|sample| *sample *= gain);
        }
        let at = rng.random_range(0..=samples.len() - own.len());
        let places = samples.iter_mut().skip(at);
        places.zip(own).for_each(|(to, x)| *to += x);
        Sound::new("the mixed sound", samples, rate)
    }
}

/// Root mean square.
#[allow(clippy::cast_precision_loss)]
fn level(samples: &[f32]) -> f64 {
    let squares = samples.iter().map(|&x| f64::from(x) * f64::from(x));
    (squares.sum::<f64>() / samples.len().max(1) as f64).sqrt()
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn rng(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    /// A wave with a height of `loud`.
    fn wave(count: usize, turn: f32, loud: f32) -> Sound {
        let wave = |at: usize| loud * (turn * at as f32).sin();
        Sound::new("a", (0..count).map(wave).collect(), 16_000).unwrap()
    }

    fn of(recording: &Sound) -> Background {
        Background::of(std::iter::once(recording), 16_000).unwrap()
    }

    #[test]
    fn a_sound_is_as_loud_beside_the_background_as_asked() {
        let (word, noise) = (wave(4_000, 0.3, 0.5), wave(40_000, 0.7, 0.02));
        for decibels in [0.0, 5.0, 20.0] {
            let mixed = of(&noise)
                .around(&word, 16_000, decibels, &mut rng(1))
                .unwrap();
            assert_eq!((mixed.samples().len(), mixed.rate()), (16_000, 16_000));
            // the piece is heard alone outside the word
            let levels = mixed.samples().chunks(1_000).map(level);
            let quiet = levels.fold(f64::INFINITY, f64::min);
            let found = 20.0 * (level(word.samples()) / quiet).log10();
            assert!((found - decibels).abs() < 0.5, "{decibels} dB: {found}");
        }
    }

    #[test]
    fn the_place_and_the_piece_depend_on_the_seed_alone() {
        let (word, noise) = (wave(4_000, 0.3, 0.5), wave(40_001, 0.7, 0.02));
        let mixed = |seed| {
            of(&noise)
                .around(&word, 16_000, 5.0, &mut rng(seed))
                .unwrap()
        };
        assert_eq!(mixed(1), mixed(1));
        assert_ne!(mixed(1), mixed(2));
    }

    #[test]
    #[allow(clippy::float_cmp)]
    fn silence_stays_silent_and_short_backgrounds_are_repeated() {
        let word = wave(4_000, 0.3, 0.5);
        let silent = Sound::new("a", vec![0.0; 100], 16_000).unwrap();
        let mixed = of(&silent).around(&word, 16_000, 0.0, &mut rng(1)).unwrap();
        assert_eq!(mixed.samples().len(), 16_000);
        let zeros = mixed.samples().iter().filter(|&&x| x == 0.0).count();
        assert!((12_000..12_100).contains(&zeros), "{zeros}");
        let noise = wave(100, 0.7, 0.02);
        let mixed = of(&noise).around(&word, 16_000, 0.0, &mut rng(1)).unwrap();
        assert!(mixed.samples().iter().all(|x| x.is_finite()));
    }

    #[test]
    fn what_is_longer_than_the_piece_is_all_there_at_any_rate() {
        let word = wave(20_000, 0.3, 0.5);
        let mixed = of(&wave(100, 0.7, 0.02)).around(&word, 16_000, 30.0, &mut rng(1));
        assert_eq!(mixed.unwrap().samples().len(), 20_000);
        let noise = Background::of(std::iter::once(&word), 8_000).unwrap();
        let mixed = noise.around(&word, 8_000, 0.0, &mut rng(1)).unwrap();
        assert_eq!((mixed.samples().len(), mixed.rate()), (10_000, 8_000));
        assert_eq!(
            Background::of(std::iter::empty(), 8_000)
                .err()
                .unwrap()
                .code(),
            "sound_empty"
        );
    }
}
