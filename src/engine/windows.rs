//! From texts to the sequences that go through the backbone, and back: what the windows of a text say
//! becomes one answer.

use super::{Answer, Embedded};
use crate::compose::Origin;
use crate::error::{Error, Result};
use crate::head::Head;
use crate::input::text::{LongTexts, Reach, Text, Tokenizer, Window, Windows};
use crate::input::{Input, Reader, Sequence};
use crate::model::SentenceEmbedding;

/// The sequences of a call's texts.
#[derive(Default)]
pub(super) struct Sequences {
    /// What the backbone reads.
    pub(super) encoded: Vec<Sequence>,
    /// Whose each is.
    pub(super) origins: Vec<Origin>,
    /// What each is of its text.
    pub(super) shares: Vec<Share>,
}

/// What a sequence is of its text.
pub(super) struct Share {
    /// For each of its tokens the index in the whole text, if it answers for that token; `None` for the
    /// only sequence of a text. Of steps that are no tokens only counts which there are: their answers are not put together.
    places: Option<Vec<Option<u32>>>,
    /// Tokens of all that is read of the text.
    tokens: usize,
    /// Whether it belongs to the second text of a pair whose texts are read separately.
    second: bool,
}

impl Sequences {
    /// Reads inputs for all that read them, in rising order.
    ///
    /// # Errors
    /// [`Error::TextEmpty`] with the position of the first empty text.
    pub(super) fn read(
        reader: &Reader,
        inputs: &[Input],
        reaches: &[Reach],
        long: LongTexts,
    ) -> Result<Self> {
        let mut sequences = Self::default();
        let (apart, whole): (Vec<Reach>, Vec<Reach>) =
            reaches.iter().partition(|reach| reach.apart);
        for (row, input) in inputs.iter().enumerate() {
            let mut add = |input: &Input, reaches: &[Reach], second| {
                let added = sequences.add(reader, (row, second), input, reaches, long);
                added.map_err(|error| match error {
                    Error::TextEmpty { .. } => Error::TextEmpty { index: row },
                    other => other,
                })
            };
            if !whole.is_empty() {
                add(input, &whole, false)?;
            }
            if !apart.is_empty() {
                let halves = input.apart().into_iter().zip([false, true]);
                halves
                    .into_iter()
                    .try_for_each(|(half, second)| add(&half, &apart, second))?;
            }
        }
        Ok(sequences)
    }

    fn add(
        &mut self,
        reader: &Reader,
        of: (usize, bool),
        input: &Input,
        reaches: &[Reach],
        long: LongTexts,
    ) -> Result<()> {
        match (reader, input) {
            (Reader::Text(tokenizer), Input::Text(text)) => {
                self.add_text(tokenizer, of, text, reaches, long)
            }
            (reader, input) => self.add_other(reader, of, input, reaches, long),
        }
    }

    /// Adds an input that is no text. Each of the parts that it is read in counts by its steps that hold something.
    fn add_other(
        &mut self,
        reader: &Reader,
        (row, second): (usize, bool),
        input: &Input,
        reaches: &[Reach],
        long: LongTexts,
    ) -> Result<()> {
        for reach in reaches {
            let parts = match long {
                LongTexts::Windows => reader.read_in_parts(input, reach.limit)?,
                LongTexts::Truncate => vec![reader.read(input, reach.limit)?],
            };
            let tokens = parts.iter().map(Sequence::len).sum();
            let only = parts.len() == 1;
            for part in parts {
                let heard = part.read();
                let place = |step| heard.contains(&step).then_some(0);
                self.shares.push(Share {
                    places: (!only).then(|| (0..part.len()).map(place).collect()),
                    tokens,
                    second,
                });
                self.origins.push(Origin {
                    row,
                    limits: reach.limit..=reach.limit,
                    window: Some(reach.window),
                    apart: reach.apart,
                });
                self.encoded.push(part);
            }
        }
        Ok(())
    }

    fn add_text(
        &mut self,
        tokenizer: &Tokenizer,
        (row, second): (usize, bool),
        text: &Text,
        reaches: &[Reach],
        long: LongTexts,
    ) -> Result<()> {
        let pieces = match long {
            LongTexts::Windows => Some(tokenizer.pieces(text)?),
            LongTexts::Truncate => None,
        };
        // a text that fits one limit has one sequence for all that it fits
        let mut fits = None;
        for &reach in reaches.iter().rev() {
            let Reach {
                limit,
                window,
                apart,
                ..
            } = reach;
            if fits.is_some_and(|tokens| limit >= tokens) {
                continue;
            }
            let Windows { windows, tokens } = match &pieces {
                Some(pieces) => pieces.windows(reach)?,
                None => tokenizer.beginning(text, limit)?,
            };
            let only = windows.len() == 1;
            let whole = only && !windows[0].encoded.truncated;
            fits = fits.or(whole.then_some(tokens));
            for Window { encoded, places } in windows {
                self.encoded.push(encoded.into());
                self.origins.push(Origin {
                    row,
                    limits: if whole {
                        tokens..=usize::MAX
                    } else {
                        limit..=limit
                    },
                    window: (!whole).then_some(window),
                    apart,
                });
                self.shares.push(Share {
                    places: (!only).then_some(places),
                    tokens,
                    second,
                });
            }
        }
        Ok(())
    }
}

impl Share {
    /// For how many tokens of the text it answers.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn weight(&self) -> f32 {
        let own = self
            .places
            .as_ref()
            .map(|places| places.iter().flatten().count());
        own.unwrap_or(self.tokens) as f32
    }
}

/// The mean of vectors, each with its weight.
#[derive(Default)]
pub(super) struct WeightedMean {
    sum: Vec<f32>,
    weight: f32,
}

impl WeightedMean {
    /// Adds a vector. One alone comes out with the same bits.
    pub(super) fn add(&mut self, vector: &[f32], weight: f32) {
        if self.sum.is_empty() {
            self.sum = vector.to_vec();
            self.weight = weight;
            return;
        }
        self.weight += weight;
        // the mean so far moves towards the vector
        let share = if self.weight > 0.0 {
            weight / self.weight
        } else {
            0.0
        };
        for (mean, x) in self.sum.iter_mut().zip(vector) {
            *mean += share * (x - *mean);
        }
    }

    pub(super) fn finish(self) -> Vec<f32> {
        self.sum
    }
}

/// The vector of a text so far.
#[derive(Default)]
pub(super) struct GatheredVector {
    mean: WeightedMean,
    windows: usize,
    tokens: usize,
    truncated: bool,
}

impl GatheredVector {
    /// Adds the pooled states of a sequence.
    pub(super) fn add(&mut self, pooled: &[f32], sequence: &Sequence, share: &Share) {
        self.mean.add(pooled, share.weight());
        self.windows += 1;
        self.tokens = share.tokens;
        self.truncated = sequence.truncated();
    }

    /// The vector of the text at `index` of its call.
    ///
    /// # Errors
    /// [`Error::VectorNotFinite`].
    pub(super) fn embedded(self, sentence: &SentenceEmbedding, index: usize) -> Result<Embedded> {
        let vector = self.mean.finish();
        if let Some(x) = vector.iter().find(|x| !x.is_finite()) {
            let value = if x.is_nan() { "NaN" } else { "infinity" };
            return Err(Error::VectorNotFinite { index, value });
        }
        Ok(Embedded {
            vector: sentence.scaled(vector),
            tokens: self.tokens,
            windows: self.windows,
            truncated: self.truncated,
        })
    }
}

/// What a head has said of a row so far: of each text of a pair, where it reads them alone.
#[derive(Default)]
pub(super) struct Gathered {
    first: GatheredLogits,
    second: Option<GatheredLogits>,
}

/// The logits of a text so far.
#[derive(Default)]
struct GatheredLogits {
    /// `[labels]` of the text's only sequence, or `[tokens, labels]` of the whole text, or a vector; see [`Head::said`].
    logits: Vec<f32>,
    mean: WeightedMean,
    windows: usize,
    tokens: usize,
    truncated: bool,
}

impl GatheredLogits {
    fn add(&mut self, head: &Head, sequence: &Sequence, share: &Share, logits: Vec<f32>) {
        self.windows += 1;
        self.tokens = share.tokens;
        self.truncated = sequence.truncated();
        let Some(places) = &share.places else {
            self.logits = logits;
            return;
        };
        if !head.reads_tokens() {
            self.mean.add(&logits, share.weight());
            return;
        }
        let labels = head.config().labels.len();
        self.logits.resize(share.tokens * labels, 0.0);
        for (place, logits) in places.iter().zip(logits.chunks_exact(labels)) {
            if let Some(place) = place {
                let at = *place as usize * labels;
                self.logits[at..at + labels].copy_from_slice(logits);
            }
        }
    }

    fn finish(self) -> Vec<f32> {
        if self.logits.is_empty() {
            self.mean.finish()
        } else {
            self.logits
        }
    }
}

impl Gathered {
    /// Adds what the head said of a sequence: `[labels]`, or `[tokens, labels]`, or a vector `[hidden]`.
    pub(super) fn add(
        &mut self,
        head: &Head,
        sequence: &Sequence,
        share: &Share,
        logits: Vec<f32>,
    ) {
        let text = match share.second {
            true => self.second.get_or_insert_default(),
            false => &mut self.first,
        };
        text.add(head, sequence, share, logits);
    }

    /// The answer to the text at `index` of its call.
    ///
    /// # Errors
    /// [`Error::LogitsNotFinite`].
    pub(super) fn answer(self, head: &Head, index: usize) -> Result<Answer> {
        let GatheredLogits {
            mut windows,
            mut tokens,
            mut truncated,
            ..
        } = self.first;
        let mut logits = self.first.finish();
        if let Some(second) = self.second {
            windows = windows.max(second.windows);
            tokens += second.tokens;
            truncated |= second.truncated;
            logits.extend(second.finish());
        }
        let logits = head.row_logits(logits);
        head.check_finite(&logits, index)?;
        Ok(Answer {
            prediction: head.prediction(&logits),
            logits,
            tokens,
            windows,
            truncated,
        })
    }
}
