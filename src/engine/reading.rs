//! Texts on their way through the backbone, some windows at a time, so that a long call can be given up and can tell
//! how far it is.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use super::windows::{Gathered, GatheredVector, Sequences};
use super::{Composed, Embedded, Engine, check_pairs, finish, no_head, read_by};
use crate::compose::{Composition, Part, Plan};
use crate::error::{Error, Result};
use crate::head::Head;
use crate::input::text::{LongTexts, Reach, TAG_WINDOW, Text, Tokenizer, WINDOW};
use crate::model::{Backbone, Hook, SentenceEmbedding};

/// The texts of one call that are being answered, or made vectors of. What the engine loads or removes meanwhile
/// changes nothing about them.
pub struct Reading {
    backbone: Arc<dyn Backbone>,
    tokenizer: Arc<Tokenizer>,
    long: LongTexts,
    texts: Vec<Text>,
    plan: Plan,
    sequences: Sequences,
    /// How many of the sequences are computed.
    computed: usize,
    found: Found,
}

/// What has been found out so far.
enum Found {
    /// For each channel of the plan and each text.
    Answers(Vec<Vec<Gathered>>),
    /// For each text; how they are made.
    Vectors(Vec<GatheredVector>, SentenceEmbedding),
}

impl Found {
    /// How a part of the plan reads texts.
    fn reach(&self, part: &Part, tokenizer: &Tokenizer) -> Reach {
        let head = head_of(part);
        let (head, most) = match self {
            Self::Answers(_) => (head, usize::MAX),
            Self::Vectors(_, sentence) => (None, sentence.max_tokens.unwrap_or(usize::MAX)),
        };
        let mut reach = Reach::of(&*part.node, tokenizer, head);
        reach.limit = reach.limit.min(most);
        reach
    }
}

fn head_of(part: &Part) -> Option<&Head> {
    part.head.as_ref().and_then(|task| task.head.as_ref())
}

impl Engine {
    /// Begins to answer texts, as [`classify_with_all`](Self::classify_with_all) does.
    ///
    /// # Errors
    /// Those of [`classify`](Self::classify) and of [`Composition::check`], but for values that are not finite.
    pub fn begin_answers(&self, of: &[Composition], texts: &[Text]) -> Result<Reading> {
        let mut channels = Vec::new();
        for composition in of {
            channels.extend(self.plan(composition, texts.len())?.channels);
        }
        for channel in &channels {
            let mut own = texts.iter().enumerate();
            for part in channel {
                let Some(task) = part.head.as_deref().filter(|task| task.head.is_some()) else {
                    return Err(no_head(&part.name, part.head.as_deref()));
                };
                check_pairs(task, &part.name, own.by_ref().take(part.rows))?;
            }
        }
        let none = |_: &_| texts.iter().map(|_| Gathered::default()).collect();
        let found = Found::Answers(channels.iter().map(none).collect());
        Reading::begin(self, Plan { channels }, texts.to_vec(), found)
    }

    /// Begins to answer texts with what is in use, as [`classify_composed`](Self::classify_composed) does.
    ///
    /// # Errors
    /// Those of [`classify_composed`](Self::classify_composed), but for values that are not finite.
    pub fn begin_answers_in_use(&self, texts: &[Text]) -> Result<Reading> {
        let active = self.active.as_ref().ok_or(Error::AdapterNotInUse)?;
        let reading = self.begin_answers(std::slice::from_ref(active), texts)?;
        match reading.plan.channels.len() {
            1 => Ok(reading),
            several => Err(Error::CompositionInvalid {
                place: "the composition in use".into(),
                reason: format!("it gives {several} answers to each text; ask for all of them"),
            }),
        }
    }

    /// Begins to make vectors of texts, as [`embed_with`](Self::embed_with) does.
    ///
    /// # Errors
    /// Those of [`embed`](Self::embed), but for values that are not finite.
    pub fn begin_vectors(&self, of: Option<&Composition>, texts: &[Text]) -> Result<Reading> {
        self.sentence.check()?;
        let texts = match self.sentence.default_prompt().is_some() || self.sentence.lower_case {
            false => texts.to_vec(),
            true => texts.iter().map(|text| self.prepared(text)).collect(),
        };
        let plan = match of {
            Some(composition) => self.plan(composition, texts.len())?,
            None => Plan::bare(texts.len()),
        };
        if plan.channels.len() > 1 {
            return Err(Error::CompositionInvalid {
                place: "the composition in use".into(),
                reason: "a text has one vector; embed with one part of it at a time".into(),
            });
        }
        let vectors = texts.iter().map(|_| GatheredVector::default()).collect();
        let found = Found::Vectors(vectors, self.sentence.clone());
        Reading::begin(self, plan, texts, found)
    }
}

impl Reading {
    fn begin(engine: &Engine, plan: Plan, texts: Vec<Text>, found: Found) -> Result<Self> {
        let parts = plan.channels.iter().flatten();
        let reaches: BTreeSet<Reach> = parts
            .map(|part| found.reach(part, &engine.tokenizer))
            .collect();
        let reaches: Vec<Reach> = reaches.into_iter().collect();
        let sequences = Sequences::read(&engine.tokenizer, &texts, &reaches, engine.long_texts)?;
        Ok(Self {
            backbone: Arc::clone(&engine.backbone),
            tokenizer: Arc::clone(&engine.tokenizer),
            long: engine.long_texts,
            texts,
            plan,
            sequences,
            computed: 0,
            found,
        })
    }

    /// How many windows there are, and how many of them have been computed.
    #[must_use]
    pub fn windows(&self) -> (usize, usize) {
        (self.sequences.encoded.len(), self.computed)
    }

    /// Computes the next windows: as many as have at most about `limit` tokens together, but at least one. Answers with
    /// whether there are more.
    ///
    /// # Errors
    /// Those of [`Plan::run_windows`].
    pub fn step(&mut self, limit: usize) -> Result<bool> {
        let Sequences {
            encoded,
            origins,
            shares,
        } = &self.sequences;
        let mut tokens = 0;
        let fitting = encoded[self.computed..].iter().take_while(|sequence| {
            tokens += sequence.ids.len() * self.plan.channels.len();
            tokens <= limit
        });
        let end = (self.computed + fitting.count().max(1)).min(encoded.len());
        let run: Vec<usize> = (self.computed..end).collect();
        let reaches = self.plan.channels.iter().map(|channel| {
            let of = |part| self.found.reach(part, &self.tokenizer);
            channel.iter().map(of).collect()
        });
        let reaches: Vec<Vec<Reach>> = reaches.collect();
        let (backbone, found) = (&*self.backbone, &mut self.found);
        self.plan.run_windows(
            backbone,
            encoded,
            origins,
            &run,
            &|channel, part| reaches[channel][part],
            &mut |places, part, states| {
                match found {
                    Found::Answers(found) => {
                        let Some(head) = head_of(part) else {
                            return Ok(());
                        };
                        let own = places.iter().map(|&(_, index)| &encoded[index]);
                        let said = read_by(backbone, &*part.node, head, own, &states);
                        for (&(channel, index), said) in places.iter().zip(said) {
                            let row = origins[index].row;
                            found[channel][row].add(head, &encoded[index], &shares[index], said);
                        }
                    }
                    Found::Vectors(vectors, sentence) => {
                        let pooled = sentence.pooled(&states);
                        for (&(_, index), pooled) in places.iter().zip(pooled) {
                            let row = origins[index].row;
                            vectors[row].add(&pooled, &encoded[index], &shares[index]);
                        }
                    }
                }
                Ok(())
            },
        )?;
        self.computed = end;
        Ok(end < encoded.len())
    }

    /// The answers of each channel, once all windows are computed; none of a reading that makes vectors.
    ///
    /// # Errors
    /// [`Error::LogitsNotFinite`].
    pub fn answers(&mut self) -> Result<Vec<Composed>> {
        let none = Found::Answers(Vec::new());
        let Found::Answers(found) = std::mem::replace(&mut self.found, none) else {
            return Ok(Vec::new());
        };
        let mut composed = Vec::with_capacity(found.len());
        for (gathered, channel) in found.into_iter().zip(&self.plan.channels) {
            let parts = channel
                .iter()
                .flat_map(|part| std::iter::repeat_n(part, part.rows));
            let (mut answers, mut heads) = (Vec::new(), Vec::new());
            for (index, (gathered, part)) in gathered.into_iter().zip(parts).enumerate() {
                if let Some(task) = &part.head
                    && let Some(head) = &task.head
                {
                    let limit = self.found.reach(part, &self.tokenizer).limit;
                    let reader = (&*self.tokenizer, self.long, limit);
                    answers.push(finish(head, gathered, &self.texts, index, reader)?);
                    heads.push(Rc::clone(task));
                }
            }
            composed.push(Composed { answers, heads });
        }
        Ok(composed)
    }

    /// The vector of each text, once all windows are computed; none of a reading that answers.
    ///
    /// # Errors
    /// [`Error::VectorNotFinite`].
    pub fn vectors(&mut self) -> Result<Vec<Embedded>> {
        let none = Found::Answers(Vec::new());
        let Found::Vectors(found, sentence) = std::mem::replace(&mut self.found, none) else {
            return Ok(Vec::new());
        };
        let vectors = found.into_iter().enumerate();
        vectors
            .map(|(index, vector)| vector.embedded(&sentence, index))
            .collect()
    }

    /// The texts, as they are read.
    #[must_use]
    pub fn texts(&self) -> &[Text] {
        &self.texts
    }
}

impl Reach {
    /// How texts are read with an adapter, by a head or for a vector.
    pub(super) fn of(hook: &dyn Hook, tokenizer: &Tokenizer, head: Option<&Head>) -> Self {
        let tags = head.is_some_and(Head::reads_tokens);
        Self {
            apart: head.is_some_and(Head::reads_apart),
            limit: tokenizer.max_tokens().saturating_sub(hook.first_position()),
            window: if tags { TAG_WINDOW } else { WINDOW },
            lines: tags,
        }
    }
}
