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
use crate::input::picture::PatchReader;
use crate::input::sound::{SoundReader, WaveReader};
use crate::input::text::{LongTexts, Tokenizer};
use crate::input::{DualReader, Reader};
use crate::model::{
    Anatomy, Backbone, Checkpoint, DualEncoder, Encoder, Hook, SentenceEmbedding, StemPlan,
};

pub use answer::{Answer, Composed, Embedded};
pub use reading::{Reading, Step};
pub use refusal::head_of;
pub use said::{Object, Said};
pub use sequences::{answers, logits};

/// Most tokens that go through the backbone at once; more texts are cut into several batches.
const BATCH_TOKENS: usize = 2048;

/// A frozen backbone, what reads its inputs, and any number of adapters, one of them, or a composition of
/// several, in use.
///
/// Loading, switching and removing adapters never touches the backbone: it is behind a shared
/// reference that has no way to write.
pub struct Engine {
    reader: Arc<Reader>,
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
        let sentence = SentenceEmbedding::of(&config);
        Self::assemble(&config, tokenizer, &checkpoint, fingerprint, sentence)
    }

    /// Puts a backbone together from its parts.
    ///
    /// `fingerprint` is the manifest's, or the SHA-256 of the checkpoint itself.
    ///
    /// # Errors
    /// Those of [`reader_of`] and [`Encoder::load_checkpoint`].
    pub fn assemble(
        config: &Anatomy,
        reader: &[u8],
        checkpoint: &Checkpoint<'_>,
        fingerprint: &str,
        sentence: SentenceEmbedding,
    ) -> Result<Self> {
        let reader = reader_of(config, reader)?;
        let encoder = Encoder::load_checkpoint(config, checkpoint, fingerprint)?;
        Ok(Self::of_parts(reader, encoder, sentence))
    }

    /// An engine of what reads the inputs of a model, see [`reader_of`], and its encoder.
    #[must_use]
    pub fn of_parts(
        reader: impl Into<Reader>,
        encoder: Encoder,
        sentence: SentenceEmbedding,
    ) -> Self {
        Self {
            reader: Arc::new(reader.into()),
            backbone: Arc::new(encoder),
            adapters: BTreeMap::new(),
            active: None,
            sentence,
            long_texts: LongTexts::default(),
        }
    }

    /// The engine of a pair of models that read different sorts of input, such as texts and pictures. Its adapters act on both.
    ///
    /// It answers pairs ([`Input::pair`](crate::input::Input::pair)), the half that `first` reads before the other. A vector is made
    /// of one half alone. A text that is longer than its model is cut.
    ///
    /// # Errors
    /// Those of [`DualEncoder::new`].
    pub fn dual(first: &Self, second: &Self) -> Result<Self> {
        let encoder = DualEncoder::new(Arc::clone(&first.backbone), Arc::clone(&second.backbone))?;
        let reader = DualReader::new(Arc::clone(&first.reader), Arc::clone(&second.reader));
        Ok(Self {
            reader: Arc::new(Reader::Other(Box::new(reader))),
            backbone: Arc::new(encoder),
            adapters: BTreeMap::new(),
            active: None,
            sentence: SentenceEmbedding::default(),
            long_texts: LongTexts::default(),
        })
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

    /// Refuses to give vectors that would not be the model's.
    ///
    /// # Errors
    /// [`Error::ModelUnsupported`].
    pub fn check_vectors(&self) -> Result<()> {
        if self.sentence.reads_pooler() && !self.backbone.shape().pooler {
            return Err(Error::ModelUnsupported {
                place: "the backbone".into(),
                reason: "its vectors come from a layer behind the encoder, which the checkpoint does not have; convert the whole model, or use adapters with a head".into(),
            });
        }
        self.sentence.check()
    }

    /// What reads its inputs.
    #[must_use]
    pub fn reader(&self) -> &Arc<Reader> {
        &self.reader
    }

    /// The tokenizer of a model of texts.
    ///
    /// # Errors
    /// [`Error::InputUnsupported`] of any other model.
    pub fn tokenizer(&self) -> Result<&Tokenizer> {
        self.reader.tokenizer()
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

    /// How many steps of an input are read at once with an adapter: the model's, less the positions of
    /// its virtual tokens.
    #[must_use]
    pub fn limit(&self, hook: &dyn Hook) -> usize {
        let positions = self.reader.max_steps();
        positions.saturating_sub(hook.first_position())
    }
}

/// What reads the inputs of a model, from the file that its stem names.
///
/// # Errors
/// Those of [`Tokenizer::from_json`], [`SoundReader::from_json`] and [`PatchReader::from_json`]; [`Error::ConfigInvalid`] if it
/// does not belong to the model.
pub fn reader_of(config: &Anatomy, json: &[u8]) -> Result<Reader> {
    Ok(match &config.stem {
        StemPlan::Text(plan) => tokenizer_of(config, json)?.with_ending(plan.ending).into(),
        StemPlan::Sound(plan) if plan.samples => {
            let (field, stride) = (plan.field(), plan.stride());
            let reader = WaveReader::from_json(json, field, stride, config.max_tokens)?;
            Reader::Other(Box::new(reader))
        }
        StemPlan::Sound(plan) => {
            Reader::Other(Box::new(sound_reader(config, plan.stride(), json)?))
        }
        StemPlan::Picture(plan) => {
            let leading = plan.leading.len();
            Reader::Other(Box::new(PatchReader::from_json(json, plan.patch, leading)?))
        }
    })
}

/// What reads recordings for a model with so many frames a step.
fn sound_reader(config: &Anatomy, stride: usize, json: &[u8]) -> Result<SoundReader> {
    use crate::model::Place;
    use crate::model::folder::PREPROCESSOR;
    let reader = SoundReader::from_json(json, stride, config.max_tokens)?;
    let first = config.module(Place::Convolution(0));
    let bands = first.map_or(0, |first| first.shape[1]);
    match bands == reader.bands() {
        true => Ok(reader),
        false => Err(Error::ConfigInvalid {
            place: PREPROCESSOR.into(),
            reason: format!(
                "its feature_size is {}, the model reads {bands}: they do not belong together",
                reader.bands()
            ),
        }),
    }
}

fn tokenizer_of(config: &Anatomy, json: &[u8]) -> Result<Tokenizer> {
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
