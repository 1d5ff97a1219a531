//! Floor 8: words in a stream of sound.
//!
//! A window slides over the stream. The adapter answers each window, a [`Spotter`] averages the scores over the last windows,
//! and a label that is good enough is a [`Detection`].

mod settings;
mod spotter;
mod stream;

pub use settings::Settings;

use settings::samples;
use spotter::Spotter;
use stream::{Stream, Window};

use crate::engine::{Engine, head_of};
use crate::error::{Error, Result};
use crate::head::{Form, Prediction, Reads};
use crate::input::sound::Sound;
use crate::input::{Input, Sort};

/// Samples of a second that are listened to.
pub const RATE: u32 = 16_000;

/// A word that was heard. Times are in seconds since the stream began.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Its label.
    pub label: String,
    /// The averaged score.
    pub score: f32,
    /// Where sound begins in the window that decided.
    pub start: f64,
    /// Where sound ends in it.
    pub end: f64,
    /// Where that window ends: as much of the stream was heard when the word was detected.
    pub at: f64,
}

/// What was made of a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// Where the window ends, in seconds since the stream began.
    pub at: f64,
    /// The score of each label; none of a window that holds no sound.
    pub scores: Option<Vec<f32>>,
    /// Of this window, if a word is detected.
    pub detection: Option<Detection>,
}

/// Listens to a stream with one adapter of an engine.
pub struct Listener {
    adapter: String,
    labels: Vec<String>,
    stream: Stream,
    spotter: Spotter,
    /// Seconds of silence that make the last windows whole.
    tail: f64,
}

impl Listener {
    /// Listens with a loaded adapter that answers with one label.
    ///
    /// # Errors
    /// Those of [`Settings::check`]; [`Error::InputUnsupported`] if the model does not read sounds; [`Error::AdapterUnknown`];
    /// [`Error::HeadMissing`]; [`Error::OptionInvalid`] if the adapter does not answer with one label.
    pub fn new(engine: &Engine, adapter: &str, settings: &Settings) -> Result<Self> {
        settings.check()?;
        let sort = engine.reader().sort();
        if sort != Sort::Sound {
            return Err(Error::InputUnsupported {
                reads: sort.title(),
            });
        }
        let task = engine.get(adapter)?;
        let head = head_of(adapter, task)?;
        let about = head.config().problem.kind.about();
        if about.forms != [Form::Label] || about.reads != Reads::Texts {
            return Err(Error::OptionInvalid {
                option: "with",
                value: adapter.to_owned(),
                reason: "only an adapter that answers with one label can listen; train one on takes of each word".into(),
            });
        }
        let labels = head.config().labels.clone();
        let is_background = |label: &String| settings.background.contains(label);
        let spotter = Spotter::new(
            settings.smoothing,
            settings.threshold,
            samples(settings.refractory) as u64,
            labels.iter().map(is_background),
        );
        Ok(Self {
            adapter: adapter.to_owned(),
            stream: Stream::new(samples(settings.window), samples(settings.hop)),
            tail: settings.window / 2.0,
            labels,
            spotter,
        })
    }

    /// The labels of the adapter.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The averaged score of each label after the last window.
    #[must_use]
    pub fn scores(&self) -> &[f32] {
        self.spotter.smoothed()
    }

    /// Takes in what comes next, in pieces of any size, and gives the words that it completes.
    ///
    /// # Errors
    /// Those of [`Sound::new`]; [`Error::OptionInvalid`] if the rate is another than before; those of
    /// [`Engine::classify_with`].
    pub fn push(&mut self, engine: &Engine, samples: &[f32], rate: u32) -> Result<Vec<Detection>> {
        let mut found = Vec::new();
        self.push_with(engine, samples, rate, &mut |heard| {
            found.extend(heard.detection)
        })?;
        Ok(found)
    }

    /// [`push`](Self::push), with all that is made of each window.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub fn push_with(
        &mut self,
        engine: &Engine,
        samples: &[f32],
        rate: u32,
        tell: &mut dyn FnMut(Heard),
    ) -> Result<()> {
        self.stream.push(samples, rate)?;
        while let Some(window) = self.stream.window()? {
            tell(self.hear(engine, &window)?);
        }
        Ok(())
    }

    /// Listens to some silence behind the end of the stream, so that a word at its end is detected.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub fn end(&mut self, engine: &Engine, tell: &mut dyn FnMut(Heard)) -> Result<()> {
        let rate = self.stream.rate();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let silence = (self.tail * f64::from(rate)) as usize;
        self.push_with(engine, &vec![0.0; silence], rate, tell)
    }

    fn hear(&mut self, engine: &Engine, window: &Window) -> Result<Heard> {
        let spoken = window.sound.spoken();
        let scores = match &spoken {
            Some(_) => Some(self.answer(engine, window.sound.clone())?),
            None => None,
        };
        let found = self.spotter.push(scores.as_deref(), window.end);
        let detection = found.map(|(label, score)| {
            let spoken = spoken.unwrap_or(0..window.sound.samples().len());
            Detection {
                label: self.labels[label].clone(),
                score,
                start: seconds(window.start + spoken.start as u64),
                end: seconds(window.start + spoken.end as u64),
                at: seconds(window.end),
            }
        });
        Ok(Heard {
            at: seconds(window.end),
            scores,
            detection,
        })
    }

    /// The score of each label. Where the adapter answers that it is none of them, all are 0.
    fn answer(&self, engine: &Engine, sound: Sound) -> Result<Vec<f32>> {
        let answers = engine.classify_with(&self.adapter, &[Input::from(sound)])?;
        let answer = answers.first().map(|answer| &answer.prediction);
        Ok(match answer {
            Some(Prediction::Label { scores, .. }) => scores.clone(),
            _ => vec![0.0; self.labels.len()],
        })
    }
}

#[allow(clippy::cast_precision_loss)]
fn seconds(samples: u64) -> f64 {
    samples as f64 / f64::from(RATE)
}
