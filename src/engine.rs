//! Floor 4: one backbone, many adapters, and the answers they give.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::adapter::TaskAdapter;
use crate::adapter::format::{self, Files, Library};
use crate::backbone::{Backbone, Bert, BertConfig, Hook, NoHook};
use crate::error::{Error, Result};
use crate::head::{Pooling, Prediction, Problem, pool, spans};
pub use crate::head::{argmax, softmax};
use crate::text::{Batch, Encoded, Text, Tokenizer, runs};

/// Most tokens that go through the backbone at once; more texts are cut into several batches.
const BATCH_TOKENS: usize = 2048;

/// A frozen backbone, its tokenizer, and any number of adapters, one of them in use.
///
/// Loading, switching and removing adapters never touches the backbone: it is behind a shared
/// reference that has no way to write.
pub struct Engine {
    tokenizer: Arc<Tokenizer>,
    backbone: Arc<dyn Backbone>,
    adapters: BTreeMap<String, TaskAdapter>,
    active: Option<String>,
}

/// The answer to one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What the head says.
    pub prediction: Prediction,
    /// One per label, or `[tokens, labels]` of a head that labels tokens.
    pub logits: Vec<f32>,
    /// Number of tokens read, special tokens included.
    pub tokens: usize,
    /// Whether the text was too long and its end was not read.
    pub truncated: bool,
}

impl Answer {
    /// The best label and its score, of an answer in labels of the text; of a rejected one the best of
    /// those that are not good enough.
    #[must_use]
    pub fn label(&self) -> Option<(usize, f32)> {
        let best = match &self.prediction {
            Prediction::Label { best, .. } => *best,
            Prediction::Labels { scores, .. } | Prediction::Rejected { scores, .. } => {
                argmax(scores)
            }
            _ => return None,
        };
        Some((best, self.scores()[best]))
    }

    /// A score for each label of the text: they sum to 1 where it has one of them, and each lies
    /// between 0 and 1 where it may have several. Empty for a number, tokens and spans.
    #[must_use]
    pub fn scores(&self) -> &[f32] {
        match &self.prediction {
            Prediction::Label { scores, .. }
            | Prediction::Rejected { scores, .. }
            | Prediction::Labels { scores, .. } => scores,
            Prediction::Number(_) | Prediction::Tokens(_) | Prediction::Spans(_) => &[],
        }
    }
}

impl Engine {
    /// Puts a backbone together from its files.
    ///
    /// `fingerprint` is the manifest's, or the SHA-256 of the checkpoint itself.
    ///
    /// # Errors
    /// Those of [`BertConfig::from_json`], [`Tokenizer::from_json`] and [`Bert::load`];
    /// [`Error::ConfigInvalid`] if the tokenizer has more tokens than the model.
    pub fn new(
        config: &[u8],
        tokenizer: &[u8],
        checkpoint: &[u8],
        fingerprint: &str,
    ) -> Result<Self> {
        let config = BertConfig::from_json(config)?;
        let tokenizer = Tokenizer::from_json(tokenizer, config.max_position_embeddings)?;
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
        let backbone = Arc::new(Bert::load(&config, checkpoint, fingerprint)?);
        Ok(Self {
            tokenizer: Arc::new(tokenizer),
            backbone,
            adapters: BTreeMap::new(),
            active: None,
        })
    }

    /// The frozen model.
    #[must_use]
    pub fn backbone(&self) -> &Arc<dyn Backbone> {
        &self.backbone
    }

    /// Its tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// Loads an adapter's folder under a name, in place of another of that name.
    ///
    /// # Errors
    /// Those of [`format::load`].
    pub fn add(&mut self, name: &str, files: &Files) -> Result<&TaskAdapter> {
        let task = format::load(name, files, self.backbone.shape())?;
        Ok(self.insert(name, task))
    }

    /// Takes in an adapter that is already built.
    pub fn insert(&mut self, name: &str, task: TaskAdapter) -> &TaskAdapter {
        let slot = self.adapters.entry(name.to_owned());
        slot.insert_entry(task).into_mut()
    }

    /// Forgets an adapter; if it was in use, the bare backbone is.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`].
    pub fn remove(&mut self, name: &str) -> Result<TaskAdapter> {
        let unknown = self.unknown(name);
        if self.active.as_deref() == Some(name) {
            self.active = None;
        }
        self.adapters.remove(name).ok_or(unknown)
    }

    /// Switches to an adapter, or with `None` to the bare backbone.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`]; the one in use stays so.
    pub fn activate(&mut self, name: Option<&str>) -> Result<()> {
        if let Some(name) = name {
            self.get(name)?;
        }
        self.active = name.map(str::to_owned);
        Ok(())
    }

    /// The name of the adapter in use.
    #[must_use]
    pub fn active(&self) -> Option<&str> {
        self.active.as_deref()
    }

    /// All adapters with their names, in alphabetical order.
    pub fn adapters(&self) -> impl Iterator<Item = (&str, &TaskAdapter)> {
        self.adapters
            .iter()
            .map(|(name, task)| (name.as_str(), task))
    }

    /// The adapter of that name.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`].
    pub fn get(&self, name: &str) -> Result<&TaskAdapter> {
        self.adapters.get(name).ok_or_else(|| self.unknown(name))
    }

    /// Writes an adapter as a library's folder.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`], [`Error::AdapterFormat`].
    pub fn export(&self, name: &str, library: Library) -> Result<Files> {
        format::save(self.get(name)?, name, library, self.backbone.shape())
    }

    /// Answers of the adapter in use.
    ///
    /// # Errors
    /// [`Error::AdapterNotInUse`], [`Error::TextEmpty`].
    pub fn classify(&self, texts: &[Text]) -> Result<Vec<Answer>> {
        let name = self.active.as_deref().ok_or(Error::AdapterNotInUse)?;
        self.classify_with(name, texts)
    }

    /// Answers of a named adapter, whether it is in use or not.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`], [`Error::TextEmpty`], [`Error::AdapterFormat`] if the adapter
    /// came without a head.
    pub fn classify_with(&self, name: &str, texts: &[Text]) -> Result<Vec<Answer>> {
        let task = self.get(name)?;
        self.answer(task, texts, name)
    }

    /// Answers of an adapter that need not be one of the engine's; `name` stands for it in errors.
    /// Labels of tokens are put together to spans.
    ///
    /// # Errors
    /// [`Error::TextEmpty`], [`Error::AdapterFormat`] if the adapter came without a head.
    pub fn answer(&self, task: &TaskAdapter, texts: &[Text], name: &str) -> Result<Vec<Answer>> {
        let encoded = self.tokenizer.encode_all(texts)?;
        let mut answers = answers(&*self.backbone, task, &encoded, name)?;
        let head = task.head.as_ref().map(|head| head.config());
        if let Some(config) = head
            && config.problem == Problem::TokenClassification
        {
            for (answer, text) in answers.iter_mut().zip(texts) {
                if let Prediction::Tokens(tokens) = &answer.prediction {
                    let words = self.tokenizer.words(text)?;
                    answer.prediction = Prediction::Spans(spans(tokens, &words, &config.labels));
                }
            }
        }
        Ok(answers)
    }

    /// Mean-pooled vectors of unit length, each `[hidden size]`, of the adapter in use or the bare
    /// backbone.
    ///
    /// # Errors
    /// [`Error::TextEmpty`].
    pub fn embed(&self, texts: &[Text]) -> Result<Vec<Vec<f32>>> {
        let hook: &dyn Hook = match &self.active {
            Some(name) => &*self.get(name)?.adapter,
            None => &NoHook,
        };
        let encoded = self.tokenizer.encode_all(texts)?;
        let mut vectors = Vec::with_capacity(texts.len());
        for batch in runs(&encoded, BATCH_TOKENS, |sequence| sequence.ids.len()) {
            let states = self.backbone.forward(&Batch::new(batch), hook)?;
            let means = pool(Pooling::Mean, &*self.backbone, &states);
            vectors.extend(means.rows().map(unit));
        }
        Ok(vectors)
    }

    fn unknown(&self, name: &str) -> Error {
        let loaded: Vec<_> = self.adapters.keys().map(String::as_str).collect();
        let loaded = if loaded.is_empty() {
            "none".to_owned()
        } else {
            loaded.join(", ")
        };
        Error::AdapterUnknown {
            name: name.to_owned(),
            loaded,
        }
    }
}

/// Answers of an adapter to token sequences.
///
/// # Errors
/// [`Error::AdapterFormat`] if the adapter came without a head.
pub fn answers(
    backbone: &dyn Backbone,
    task: &TaskAdapter,
    sequences: &[Encoded],
    name: &str,
) -> Result<Vec<Answer>> {
    let head = task.head.as_ref().ok_or_else(|| Error::AdapterFormat {
        what: format!("an answer of adapter \"{name}\""),
        format: task.library.title(),
        hint: "it came without a classification head; use it for embeddings".into(),
    })?;
    let mut answers = Vec::with_capacity(sequences.len());
    for batch in runs(sequences, BATCH_TOKENS, |sequence| sequence.ids.len()) {
        let states = backbone.forward(&Batch::new(batch), &*task.adapter)?;
        let logits = head.logits(backbone, &states);
        let predictions = head.predictions(&logits, &states.starts);
        for (sequence, (mut prediction, mut logits)) in batch.iter().zip(predictions) {
            // an adapter's virtual tokens have states, and are no part of the text
            if let Prediction::Tokens(tokens) = &mut prediction {
                let more = tokens.len() - sequence.ids.len();
                logits.drain(..more * head.config().labels.len());
                tokens.drain(..more);
            }
            answers.push(Answer {
                prediction,
                logits,
                tokens: sequence.ids.len(),
                truncated: sequence.truncated,
            });
        }
    }
    Ok(answers)
}

/// The vector of unit length in the same direction.
fn unit(vector: &[f32]) -> Vec<f32> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter().map(|x| x / norm).collect()
}
