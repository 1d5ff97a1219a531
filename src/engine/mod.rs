//! Floor 7: one backbone, many adapters, and the answers they give.

mod reading;
mod said;
mod windows;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::compose::{self, Average, Composition, Plan};
use crate::error::{Error, Result};
use crate::folder::{self, Files, Library};
use crate::folder::{TaskAdapter, merge};
use crate::head::{Head, Prediction, spans};
pub use crate::head::{argmax, softmax};
use crate::input::text::{Batch, Encoded, LongTexts, Reach, Text, Tokenizer, runs};
use crate::model::{Anatomy, Backbone, Checkpoint, Encoder, Hook, SentenceEmbedding, States};

pub use reading::Reading;
pub use said::{Object, Said};

use windows::{Gathered, Sequences};

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

/// Answers to the texts of a call, and whose they are.
pub struct Composed {
    /// One per text.
    pub answers: Vec<Answer>,
    /// Whose head gave each.
    pub heads: Vec<Rc<TaskAdapter>>,
}

/// The answer to one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What the head says.
    pub prediction: Prediction,
    /// One per label, or `[tokens, labels]` of a head that labels tokens.
    pub logits: Vec<f32>,
    /// Number of tokens read, special tokens included; those that several windows share count once.
    pub tokens: usize,
    /// Number of windows that the text was read in: 1 for a text that fits.
    pub windows: usize,
    /// Whether the text was too long and its end was not read; only with [`LongTexts::Truncate`].
    pub truncated: bool,
}

/// The vector of one text.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// `[hidden size]`, for each pooling that the backbone's manifest names.
    pub vector: Vec<f32>,
    /// As [`Answer::tokens`].
    pub tokens: usize,
    /// As [`Answer::windows`].
    pub windows: usize,
    /// As [`Answer::truncated`].
    pub truncated: bool,
}

impl Answer {
    /// The best label and its score, of an answer in labels of the text; of a rejected one the best of
    /// those that are not good enough.
    #[must_use]
    pub fn label(&self) -> Option<(usize, f32)> {
        let best = self.prediction.best()?;
        Some((best, self.scores()[best]))
    }

    /// A score for each label of the text: they sum to 1 where it has one of them, and each lies
    /// between 0 and 1 where it may have several. Empty for a number, tokens and spans.
    #[must_use]
    pub fn scores(&self) -> &[f32] {
        self.prediction.scores()
    }
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
    /// Those of [`Tokenizer::from_json`] and [`Encoder::load_checkpoint`];
    /// [`Error::ConfigInvalid`] if the tokenizer has more tokens than the model.
    pub fn assemble(
        config: &Anatomy,
        tokenizer: &[u8],
        checkpoint: &Checkpoint<'_>,
        fingerprint: &str,
        sentence: SentenceEmbedding,
    ) -> Result<Self> {
        let tokenizer = Tokenizer::from_json(tokenizer, config.max_tokens)?;
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
        let backbone = Arc::new(Encoder::load_checkpoint(config, checkpoint, fingerprint)?);
        Ok(Self {
            tokenizer: Arc::new(tokenizer),
            backbone,
            adapters: BTreeMap::new(),
            active: None,
            sentence,
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

    /// Loads an adapter's folder, or a fusion's of loaded adapters, under a name, in place of another of
    /// that name.
    ///
    /// # Errors
    /// Those of [`folder::load`] and [`compose::fusion::load`].
    pub fn add(&mut self, name: &str, files: &Files) -> Result<&TaskAdapter> {
        let shape = self.backbone.shape();
        let task = if files.contains_key(folder::FUSION_CONFIG) {
            compose::fusion::load(name, files, &|name| self.shared(name), shape)?
        } else {
            folder::load(name, files, shape)?
        };
        Ok(self.insert(name, task))
    }

    /// Takes in an adapter that is already built.
    pub fn insert(&mut self, name: &str, task: TaskAdapter) -> &TaskAdapter {
        let slot = self.adapters.entry(name.to_owned());
        slot.insert_entry(Rc::new(task)).into_mut()
    }

    /// Makes a new adapter of the parameters of others, see [`compose::average()`].
    ///
    /// # Errors
    /// Those of [`compose::average()`]; [`Error::CompositionInvalid`] for anything but an average.
    pub fn compose(&mut self, name: &str, composition: &Composition) -> Result<&TaskAdapter> {
        let Composition::Average(average) = composition else {
            return Err(Error::CompositionInvalid {
                place: "the composition".into(),
                reason: "only an \"average\" has parameters of its own; use any other as it is"
                    .into(),
            });
        };
        let task = self.average(average)?;
        Ok(self.insert(name, task))
    }

    /// One adapter of the parameters of several, see [`compose::average()`].
    ///
    /// # Errors
    /// Those of [`compose::average()`].
    pub fn average(&self, average: &Average) -> Result<TaskAdapter> {
        compose::average(average, &|name| self.shared(name), self.backbone.shape())
    }

    /// Forgets an adapter; if it was in use, the bare backbone is. A fusion keeps the adapters that it
    /// is made of.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`].
    pub fn remove(&mut self, name: &str) -> Result<()> {
        let unknown = self.unknown(name);
        let active = self.active.as_ref();
        if active.is_some_and(|active| active.names().contains(&name)) {
            self.active = None;
        }
        self.adapters.remove(name).map(drop).ok_or(unknown)
    }

    /// Switches to an adapter, or with `None` to the bare backbone.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`]; the one in use stays so.
    pub fn activate(&mut self, name: Option<&str>) -> Result<()> {
        if let Some(name) = name {
            self.get(name)?;
        }
        self.active = name.map(Composition::from);
        Ok(())
    }

    /// Switches to a composition.
    ///
    /// # Errors
    /// Those of [`Composition::check`]; what is in use stays so.
    pub fn activate_composition(&mut self, composition: Composition) -> Result<()> {
        composition.check(&|name| self.shared(name), self.backbone.shape())?;
        self.active = Some(composition);
        Ok(())
    }

    /// What is in use.
    #[must_use]
    pub fn in_use(&self) -> Option<&Composition> {
        self.active.as_ref()
    }

    /// The name of the adapter in use; `None` also for a composition.
    #[must_use]
    pub fn active(&self) -> Option<&str> {
        match &self.active {
            Some(Composition::Adapter(name)) => Some(name),
            _ => None,
        }
    }

    /// All adapters with their names, in alphabetical order.
    pub fn adapters(&self) -> impl Iterator<Item = (&str, &TaskAdapter)> {
        self.adapters
            .iter()
            .map(|(name, task)| (name.as_str(), &**task))
    }

    /// The adapter of that name.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`].
    pub fn get(&self, name: &str) -> Result<&TaskAdapter> {
        let task = self.adapters.get(name).map(|task| &**task);
        task.ok_or_else(|| self.unknown(name))
    }

    /// The adapter of that name, for whoever keeps it.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`].
    pub fn shared(&self, name: &str) -> Result<Rc<TaskAdapter>> {
        let task = self.adapters.get(name).map(Rc::clone);
        task.ok_or_else(|| self.unknown(name))
    }

    /// Writes an adapter as a library's folder.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`], [`Error::AdapterFormat`].
    pub fn export(&self, name: &str, library: Library) -> Result<Files> {
        folder::save(self.get(name)?, name, library, self.backbone.shape())
    }

    /// A copy of the backbone with an adapter merged in, see [`merge`](crate::folder::merge()).
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`], [`Error::AdapterFormat`].
    pub fn merge(&self, name: &str) -> Result<Files> {
        merge(self.get(name)?, &*self.backbone)
    }

    /// Answers of what is in use.
    ///
    /// # Errors
    /// Those of [`classify_composed`](Self::classify_composed).
    pub fn classify(&self, texts: &[Text]) -> Result<Vec<Answer>> {
        Ok(self.classify_composed(texts)?.answers)
    }

    /// Answers of what is in use, and whose they are.
    ///
    /// # Errors
    /// [`Error::AdapterNotInUse`], [`Error::TextEmpty`], [`Error::HeadMissing`] if the adapter has
    /// no head, [`Error::CompositionInvalid`] if each text gets several answers or a split is of
    /// another number of texts.
    pub fn classify_composed(&self, texts: &[Text]) -> Result<Composed> {
        let mut reading = self.begin_answers_in_use(texts)?;
        while reading.step(BATCH_TOKENS)? {}
        let composed = reading.answers()?.pop();
        composed.ok_or(Error::AdapterNotInUse)
    }

    /// Answers of several adapters or compositions in one pass: for each of them, or of the parts of a
    /// parallel block, those to all texts. All that is frozen is computed together, below the lowest
    /// adapted layers once for all.
    ///
    /// # Errors
    /// Those of [`classify`](Self::classify) and of [`Composition::check`].
    pub fn classify_with_all(&self, of: &[Composition], texts: &[Text]) -> Result<Vec<Composed>> {
        let mut reading = self.begin_answers(of, texts)?;
        while reading.step(BATCH_TOKENS)? {}
        reading.answers()
    }

    fn plan(&self, composition: &Composition, rows: usize) -> Result<Plan> {
        Plan::new(
            composition,
            rows,
            &|name| self.shared(name),
            self.backbone.shape(),
        )
    }

    /// Answers of a named adapter, whether it is in use or not.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`], [`Error::TextEmpty`], [`Error::HeadMissing`] if the adapter
    /// has no head.
    pub fn classify_with(&self, name: &str, texts: &[Text]) -> Result<Vec<Answer>> {
        let task = self.get(name)?;
        self.answer(task, texts, name)
    }

    /// Answers of an adapter that need not be one of the engine's; `name` stands for it in errors.
    /// Labels of tokens are put together to spans.
    ///
    /// # Errors
    /// [`Error::TextEmpty`], [`Error::HeadMissing`] if the adapter has no head.
    pub fn answer(&self, task: &TaskAdapter, texts: &[Text], name: &str) -> Result<Vec<Answer>> {
        let head = head_of(name, task)?;
        check_pairs(task, name, texts.iter().enumerate())?;
        let reach = Reach::of(&*task.adapter, &self.tokenizer, Some(head));
        let sequences = Sequences::read(&self.tokenizer, texts, &[reach], self.long_texts)?;
        let mut found: Vec<Gathered> = texts.iter().map(|_| Gathered::default()).collect();
        let all: Vec<usize> = (0..sequences.encoded.len()).collect();
        for run in runs(&all, BATCH_TOKENS, |&index| {
            sequences.encoded[index].ids.len()
        }) {
            let own = || run.iter().map(|&index| &sequences.encoded[index]);
            let states = self.backbone.forward(&Batch::new(own()), &*task.adapter)?;
            let said = read_by(&*self.backbone, &*task.adapter, head, own(), &states);
            for (&index, logits) in run.iter().zip(said) {
                let (sequence, share) = (&sequences.encoded[index], &sequences.shares[index]);
                found[sequences.origins[index].row].add(head, sequence, share, logits);
            }
        }
        let found = found.into_iter().enumerate();
        found
            .map(|(index, gathered)| {
                let reader = (&*self.tokenizer, self.long_texts, reach.limit);
                finish(head, gathered, texts, index, reader)
            })
            .collect()
    }

    /// Length of a vector of [`embed`](Self::embed).
    #[must_use]
    pub fn vector_size(&self) -> usize {
        self.sentence.pooling.len() * self.backbone.shape().hidden_size
    }

    /// One vector a text, of what is in use or the bare backbone, as the backbone's
    /// [`sentence`](Self::sentence) settings say: without any the mean over the tokens, `[hidden size]`,
    /// scaled to unit length.
    ///
    /// # Errors
    /// [`Error::TextEmpty`], [`Error::CompositionInvalid`] as [`classify`](Self::classify),
    /// [`Error::ModelUnsupported`] if the model's vectors need a module that is not implemented.
    pub fn embed(&self, texts: &[Text]) -> Result<Vec<Vec<f32>>> {
        let embedded = self.embed_long(texts)?.into_iter();
        Ok(embedded.map(|embedded| embedded.vector).collect())
    }

    /// [`embed`](Self::embed), and how much of each text was read.
    ///
    /// # Errors
    /// Those of [`embed`](Self::embed).
    pub fn embed_long(&self, texts: &[Text]) -> Result<Vec<Embedded>> {
        self.embed_with(self.active.as_ref(), texts)
    }

    /// [`embed_long`](Self::embed_long) with a composition in place of what is in use, or with the bare backbone.
    ///
    /// # Errors
    /// Those of [`embed`](Self::embed).
    pub fn embed_with(&self, of: Option<&Composition>, texts: &[Text]) -> Result<Vec<Embedded>> {
        let mut reading = self.begin_vectors(of, texts)?;
        while reading.step(BATCH_TOKENS)? {}
        reading.vectors()
    }

    /// A text as a vector is to be made of it. An empty one stays empty, whatever is put before it.
    fn prepared(&self, text: &Text) -> Text {
        if text.is_empty() {
            return text.clone();
        }
        Text {
            first: self.sentence.prepared(&text.first),
            second: text
                .second
                .as_ref()
                .map(|second| match self.sentence.lower_case {
                    true => second.to_lowercase(),
                    false => second.clone(),
                }),
        }
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
/// [`Error::HeadMissing`] if the adapter has no head.
pub fn answers(
    backbone: &dyn Backbone,
    task: &TaskAdapter,
    sequences: &[Encoded],
    name: &str,
) -> Result<Vec<Answer>> {
    let head = head_of(name, task)?;
    let mut answers = Vec::with_capacity(sequences.len());
    for batch in runs(sequences, BATCH_TOKENS, |sequence| sequence.ids.len()) {
        let states = backbone.forward(&Batch::new(batch), &*task.adapter)?;
        let said = read_by(backbone, &*task.adapter, head, batch.iter(), &states);
        for (sequence, logits) in batch.iter().zip(said) {
            head.check_finite(&logits, answers.len())?;
            answers.push(Answer {
                prediction: head.prediction(&logits),
                logits,
                tokens: sequence.ids.len(),
                windows: 1,
                truncated: sequence.truncated,
            });
        }
    }
    Ok(answers)
}

/// The answer of all windows, labels of tokens put together to spans. `reader` is how the text was read: with which
/// tokenizer, in which way if it is long, and how many tokens at once.
fn finish(
    head: &Head,
    gathered: Gathered,
    texts: &[Text],
    index: usize,
    (tokenizer, long, limit): (&Tokenizer, LongTexts, usize),
) -> Result<Answer> {
    let mut answer = gathered.answer(head, index)?;
    if let Prediction::Tokens(tokens) = &answer.prediction {
        let words = match long {
            LongTexts::Windows if !answer.truncated => tokenizer.all_words(&texts[index]),
            _ => tokenizer.words_within(&texts[index], limit),
        };
        answer.prediction = Prediction::Spans(spans(tokens, &words?, &head.config().labels));
    }
    Ok(answer)
}

/// The logits of the last hidden states of sequences: `[labels]` each, or `[tokens, labels]`.
fn read_by<'a>(
    backbone: &dyn Backbone,
    hook: &dyn Hook,
    head: &Head,
    sequences: impl Iterator<Item = &'a Encoded>,
    states: &States,
) -> Vec<Vec<f32>> {
    let logits = head.logits(backbone, hook, states);
    let labels = head.config().labels.len();
    let own = head.own_logits(&logits, &states.starts).zip(sequences);
    own.map(|(logits, sequence)| {
        // an adapter's virtual tokens have states, and are no part of the text
        let more = match head.reads_tokens() {
            true => logits.len() - sequence.ids.len() * labels,
            false => 0,
        };
        logits[more..].to_vec()
    })
    .collect()
}

/// Refuses single texts for an adapter that compares two, pairs for one that reads one, and pairs of which one text is
/// empty. Where nothing is known of the adapter, single texts and pairs are both read.
fn check_pairs<'a>(
    task: &TaskAdapter,
    name: &str,
    texts: impl Iterator<Item = (usize, &'a Text)>,
) -> Result<()> {
    for (index, text) in texts {
        let adapter = || name.to_owned();
        let blank = |text: &str| text.trim().is_empty();
        let apart = task.head.as_ref().is_some_and(Head::reads_apart);
        match (task.card.pair, text.second.as_deref()) {
            // a single text has a score of its own
            (_, None) if apart => {}
            (Some(false), Some(_)) => {
                let adapter = adapter();
                return Err(Error::Text2Unexpected { index, adapter });
            }
            (Some(true), Some(_)) if blank(&text.first) => return Err(Error::TextEmpty { index }),
            (Some(true), None) => {
                let adapter = adapter();
                return Err(Error::Text2Missing { index, adapter });
            }
            (Some(true), Some(second)) if blank(second) => {
                let adapter = adapter();
                return Err(Error::Text2Missing { index, adapter });
            }
            _ => {}
        }
    }
    Ok(())
}

/// The head of an adapter.
///
/// # Errors
/// [`Error::HeadMissing`], with the reason and what to do.
pub fn head_of<'a>(name: &str, task: &'a TaskAdapter) -> Result<&'a Head> {
    let head = task.head.as_ref();
    head.ok_or_else(|| no_head(name, Some(task)))
}

/// An error that says why an adapter, or with `None` an average, has no head and what to do.
fn no_head(name: &str, task: Option<&TaskAdapter>) -> Error {
    let to_do =
        "embed texts with it, or train a head on it (graftlet train --from with its folder)";
    let unused = task.and_then(TaskAdapter::unused_head);
    let reason = match (task, unused) {
        (None, _) => {
            "an average has no head of its own; name the adapter whose head answers as its \"head\""
                .into()
        }
        (_, Some(head)) => format!("its head is one {head}, which is not computed here; {to_do}"),
        (_, None) => format!("it came without a head; {to_do}"),
    };
    Error::HeadMissing {
        name: name.to_owned(),
        reason,
    }
}
