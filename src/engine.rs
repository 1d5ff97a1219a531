//! Floor 4: one backbone, many adapters, and the answers they give.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::adapter::format::{self, Files, Library};
use crate::adapter::{TaskAdapter, merge};
use crate::backbone::{Backbone, Bert, BertConfig, Hook, States};
use crate::compose::{self, Average, Composition, Part, Plan};
use crate::error::{Error, Result};
use crate::head::{Head, Pooling, Prediction, Problem, pool, spans};
pub use crate::head::{argmax, softmax};
use crate::text::{Batch, Encoded, Text, Tokenizer, runs};

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

    /// Loads an adapter's folder, or a fusion's of loaded adapters, under a name, in place of another of
    /// that name.
    ///
    /// # Errors
    /// Those of [`format::load`] and [`compose::fusion::load`].
    pub fn add(&mut self, name: &str, files: &Files) -> Result<&TaskAdapter> {
        let shape = self.backbone.shape();
        let task = if files.contains_key(format::FUSION_CONFIG) {
            compose::fusion::load(name, files, &|name| self.shared(name), shape)?
        } else {
            format::load(name, files, shape)?
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
        format::save(self.get(name)?, name, library, self.backbone.shape())
    }

    /// A copy of the backbone with an adapter merged in, see [`merge`](crate::adapter::merge()).
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
        let active = self.active.as_ref().ok_or(Error::AdapterNotInUse)?;
        let mut composed = self.classify_with_all(std::slice::from_ref(active), texts)?;
        match (composed.pop(), composed.len()) {
            (Some(composed), 0) => Ok(composed),
            (_, more) => Err(Error::CompositionInvalid {
                place: "the composition in use".into(),
                reason: format!(
                    "it gives {} answers to each text; ask for all of them",
                    more + 1
                ),
            }),
        }
    }

    /// Answers of several adapters or compositions in one pass: for each of them, or of the parts of a
    /// parallel block, those to all texts. All that is frozen is computed together, below the lowest
    /// adapted layers once for all.
    ///
    /// # Errors
    /// Those of [`classify`](Self::classify) and of [`Composition::check`].
    pub fn classify_with_all(&self, of: &[Composition], texts: &[Text]) -> Result<Vec<Composed>> {
        let encoded = self.tokenizer.encode_all(texts)?;
        let mut channels = Vec::new();
        for composition in of {
            channels.extend(self.plan(composition, texts.len())?.channels);
        }
        for part in channels.iter().flatten() {
            if head_of(part).is_none() {
                return Err(no_head(&part.name, part.head.as_deref()));
            }
        }
        let none = |_: &_| texts.iter().map(|_| None).collect();
        let mut found: Vec<Vec<Option<Answer>>> = channels.iter().map(none).collect();
        let plan = Plan { channels };
        plan.run(
            &*self.backbone,
            &encoded,
            BATCH_TOKENS,
            &mut |places, part, states| {
                let Some(head) = head_of(part) else {
                    return Ok(());
                };
                let own: Vec<&Encoded> = places.iter().map(|(_, text)| &encoded[*text]).collect();
                let answers = answers_of(&*self.backbone, &*part.node, head, &own, &states)?;
                for (&(channel, text), mut answer) in places.iter().zip(answers) {
                    self.put_together(head, &texts[text], &mut answer)?;
                    found[channel][text] = Some(answer);
                }
                Ok(())
            },
        )?;
        let composed = found
            .into_iter()
            .zip(&plan.channels)
            .map(|(answers, channel)| {
                let heads = channel
                    .iter()
                    .flat_map(|part| std::iter::repeat_n(&part.head, part.rows));
                Composed {
                    answers: answers.into_iter().flatten().collect(),
                    heads: heads.flatten().cloned().collect(),
                }
            });
        Ok(composed.collect())
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
        let encoded = self.tokenizer.encode_all(texts)?;
        let mut answers = answers(&*self.backbone, task, &encoded, name)?;
        if let Some(head) = &task.head {
            for (answer, text) in answers.iter_mut().zip(texts) {
                self.put_together(head, text, answer)?;
            }
        }
        Ok(answers)
    }

    /// Labels of tokens to spans.
    fn put_together(&self, head: &Head, text: &Text, answer: &mut Answer) -> Result<()> {
        let config = head.config();
        if config.problem == Problem::TokenClassification
            && let Prediction::Tokens(tokens) = &answer.prediction
        {
            let words = self.tokenizer.words(text)?;
            answer.prediction = Prediction::Spans(spans(tokens, &words, &config.labels));
        }
        Ok(())
    }

    /// Mean-pooled vectors of unit length, each `[hidden size]`, of what is in use or the bare
    /// backbone.
    ///
    /// # Errors
    /// [`Error::TextEmpty`], [`Error::CompositionInvalid`] as [`classify`](Self::classify).
    pub fn embed(&self, texts: &[Text]) -> Result<Vec<Vec<f32>>> {
        let encoded = self.tokenizer.encode_all(texts)?;
        let plan = match &self.active {
            Some(active) => self.plan(active, texts.len())?,
            None => Plan::bare(texts.len()),
        };
        if plan.channels.len() > 1 {
            return Err(Error::CompositionInvalid {
                place: "the composition in use".into(),
                reason: "a text has one vector; embed with one part of it at a time".into(),
            });
        }
        let mut vectors = vec![Vec::new(); texts.len()];
        plan.run(
            &*self.backbone,
            &encoded,
            BATCH_TOKENS,
            &mut |places, part, states| {
                let means = pool(Pooling::Mean, &*self.backbone, &*part.node, &states);
                for (&(_, text), mean) in places.iter().zip(means.rows()) {
                    vectors[text] = unit(mean);
                }
                Ok(())
            },
        )?;
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
/// [`Error::HeadMissing`] if the adapter has no head.
pub fn answers(
    backbone: &dyn Backbone,
    task: &TaskAdapter,
    sequences: &[Encoded],
    name: &str,
) -> Result<Vec<Answer>> {
    let head = task
        .head
        .as_ref()
        .ok_or_else(|| no_head(name, Some(task)))?;
    let mut answers = Vec::with_capacity(sequences.len());
    for batch in runs(sequences, BATCH_TOKENS, |sequence| sequence.ids.len()) {
        let states = backbone.forward(&Batch::new(batch), &*task.adapter)?;
        let own: Vec<&Encoded> = batch.iter().collect();
        answers.extend(answers_of(backbone, &*task.adapter, head, &own, &states)?);
    }
    Ok(answers)
}

/// What a head says of the last hidden states of sequences.
fn answers_of(
    backbone: &dyn Backbone,
    hook: &dyn Hook,
    head: &Head,
    sequences: &[&Encoded],
    states: &States,
) -> Result<Vec<Answer>> {
    let logits = head.logits(backbone, hook, states);
    let predictions = head.predictions(&logits, &states.starts)?;
    let answers = sequences.iter().zip(predictions);
    let answers = answers.map(|(sequence, (mut prediction, mut logits))| {
        // an adapter's virtual tokens have states, and are no part of the text
        if let Prediction::Tokens(tokens) = &mut prediction {
            let more = tokens.len() - sequence.ids.len();
            logits.drain(..more * head.config().labels.len());
            tokens.drain(..more);
        }
        Answer {
            prediction,
            logits,
            tokens: sequence.ids.len(),
            truncated: sequence.truncated,
        }
    });
    Ok(answers.collect())
}

fn head_of(part: &Part) -> Option<&Head> {
    part.head.as_ref()?.head.as_ref()
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

/// The vector of unit length in the same direction.
fn unit(vector: &[f32]) -> Vec<f32> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter().map(|x| x / norm).collect()
}
