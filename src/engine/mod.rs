//! Floor 7: one backbone, many adapters, and the answers they give.
//!
//! Every call makes a [`Plan`](crate::compose::Plan), of one adapter or of a composition, and a [`Reading`] of it:
//! texts become sequences, the plan computes some of them at a time, and what their windows say becomes one answer or
//! vector a text. [`logits`] does the same for sequences of tokens, without windows.

mod adapters;
mod answer;
mod calls;
mod reading;
mod refusal;
mod said;
mod sequences;
mod windows;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::compose::Composition;
use crate::error::{Error, Result};
use crate::folder::TaskAdapter;
pub use crate::head::{argmax, softmax};
use crate::input::text::{LongTexts, Tokenizer};
use crate::model::{Anatomy, Backbone, Checkpoint, Encoder, Hook, SentenceEmbedding};

pub use answer::{Answer, Composed, Embedded};
pub use reading::{Reading, Step};
pub use refusal::head_of;
pub use said::{Object, Said};
pub use sequences::{answers, logits};

/// Most tokens that go through the backbone at once; more texts are cut into several batches.
const BATCH_TOKENS: usize = 2048;

/// A frozen backbone, its tokenizer, and any number of adapters, one of them, or a composition of
/// several, in use.
///
/// Loading, switching and removing adapters never touches the backbone: it is behind a shared
/// reference that has no way to write.
pub struct Engine {
    tokenizer: Arc<Tokenizer>,
    backbone: Arc<dyn Backbone>,
    adapters: BTreeMap<String, Rc<TaskAdapter>>,
    active: Option<Composition>,
    sentence: SentenceEmbedding,
    long_texts: LongTexts,
}

impl Engine {
    /// [`assemble`](Self::assemble) of the files' bytes, the weights being one safetensors file. The model has no
    /// name then, and [`embed`](Self::embed) has no settings of sentence-transformers.
    ///
    /// # Errors
    /// Those of [`Anatomy::from_json`] and [`assemble`](Self::assemble).
    pub fn new(
        config: &[u8],
        tokenizer: &[u8],
        checkpoint: &[u8],
        fingerprint: &str,
    ) -> Result<Self> {
        let config = Anatomy::from_json(config)?;
        let checkpoint = Checkpoint::single(checkpoint);
        let sentence = SentenceEmbedding::default();
        Self::assemble(&config, tokenizer, &checkpoint, fingerprint, sentence)
    }

    /// Puts a backbone together from its parts.
    ///
    /// `fingerprint` is the manifest's, or the SHA-256 of the checkpoint itself.
    ///
    /// # Errors
    /// Those of [`tokenizer_of`] and [`Encoder::load_checkpoint`].
    pub fn assemble(
        config: &Anatomy,
        tokenizer: &[u8],
        checkpoint: &Checkpoint<'_>,
        fingerprint: &str,
        sentence: SentenceEmbedding,
    ) -> Result<Self> {
        let tokenizer = tokenizer_of(config, tokenizer)?;
        let encoder = Encoder::load_checkpoint(config, checkpoint, fingerprint)?;
        Ok(Self::of_parts(tokenizer, encoder, sentence))
    }

    /// An engine of a [`tokenizer_of`] a model and its encoder.
    #[must_use]
    pub fn of_parts(tokenizer: Tokenizer, encoder: Encoder, sentence: SentenceEmbedding) -> Self {
        Self {
            tokenizer: Arc::new(tokenizer),
            backbone: Arc::new(encoder),
            adapters: BTreeMap::new(),
            active: None,
            sentence,
            long_texts: LongTexts::default(),
        }
    }

    /// The frozen model.
    #[must_use]
    pub fn backbone(&self) -> &Arc<dyn Backbone> {
        &self.backbone
    }

    /// How a text becomes a vector.
    #[must_use]
    pub fn sentence(&self) -> &SentenceEmbedding {
        &self.sentence
    }

    /// Its tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// Reads texts that are longer than the model in this way from here on.
    pub fn set_long_texts(&mut self, way: LongTexts) {
        self.long_texts = way;
    }

    /// How texts that are longer than the model are read.
    #[must_use]
    pub fn long_texts(&self) -> LongTexts {
        self.long_texts
    }

    /// How many tokens of a text are read at once with an adapter: the model's, less the positions of
    /// its virtual tokens.
    #[must_use]
    pub fn limit(&self, hook: &dyn Hook) -> usize {
        let positions = self.tokenizer.max_tokens();
        positions.saturating_sub(hook.first_position())
    }
}

/// Reads the `tokenizer.json` of a model.
///
/// # Errors
/// Those of [`Tokenizer::from_json`]; [`Error::ConfigInvalid`] if it has more tokens than the model.
pub fn tokenizer_of(config: &Anatomy, json: &[u8]) -> Result<Tokenizer> {
    let tokenizer = Tokenizer::from_json(json, config.max_tokens)?;
    if tokenizer.vocabulary() > config.vocab_size {
        return Err(Error::ConfigInvalid {
            place: "tokenizer.json".into(),
            reason: format!(
                "it has {} tokens, the model only {}: they do not belong together",
                tokenizer.vocabulary(),
                config.vocab_size
            ),
        });
    }
    Ok(tokenizer)
}
