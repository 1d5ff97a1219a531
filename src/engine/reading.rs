//! Texts on their way through the backbone, some windows at a time, so that a long call can be given up and can tell
//! how far it is.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::windows::{Gathered, GatheredVector, Sequences};
use super::{Answer, Composed, Embedded, Engine};
use crate::compose::{Computed, Part, Plan};
use crate::error::Result;
use crate::head::{Head, Prediction, spans};
use crate::input::text::{LongTexts, Reach, TAG_WINDOW, WINDOW};
use crate::input::{Input, Reader};
use crate::model::{Backbone, Hook, Reads, SentenceEmbedding, Split, Waiting, now};
use crate::tensor::Tensor;

/// The texts of one call that are being answered, or made vectors of. What the engine loads or removes meanwhile
/// changes nothing about them.
pub struct Reading<'a> {
    backbone: Arc<dyn Backbone>,
    reader: Arc<Reader>,
    long: LongTexts,
    inputs: Vec<Input>,
    plan: Rc<Plan<'a>>,
    sequences: Rc<Sequences>,
    /// How many of the sequences are computed.
    computed: usize,
    found: Found,
}

/// The results so far.
pub(super) enum Found {
    /// For each channel of the plan and each text.
    Answers(Vec<Vec<Gathered>>),
    /// For each text; how they are made.
    Vectors(Vec<GatheredVector>, SentenceEmbedding),
}

impl Found {
    /// No answers yet to this number of texts.
    pub(super) fn answers(plan: &Plan<'_>, texts: usize) -> Self {
        let none = || (0..texts).map(|_| Gathered::default()).collect();
        Self::Answers(plan.channels.iter().map(|_| none()).collect())
    }

    /// No vectors yet of this number of texts.
    pub(super) fn vectors(sentence: &SentenceEmbedding, texts: usize) -> Self {
        let none = (0..texts).map(|_| GatheredVector::default()).collect();
        Self::Vectors(none, sentence.clone())
    }

    /// How a part of the plan reads texts.
    fn reach(&self, part: &Part<'_>, reader: &Reader) -> Reach {
        let (head, most) = match self {
            Self::Answers(_) => (part.head(), usize::MAX),
            Self::Vectors(_, sentence) => (None, sentence.max_tokens.unwrap_or(usize::MAX)),
        };
        let mut reach = Reach::of(&*part.node, reader, head);
        reach.limit = reach.limit.min(most);
        reach
    }

    /// Which of a part's last hidden states are read.
    fn reads(&self, part: &Part<'_>, backbone: &dyn Backbone) -> Reads {
        match (self, part.head()) {
            (Self::Answers(_), Some(head)) if head.reads_first_tokens(backbone) => Reads::First,
            _ => Reads::All,
        }
    }
}

impl<'a> Reading<'a> {
    pub(super) fn begin(
        engine: &Engine,
        mut plan: Plan<'a>,
        inputs: Vec<Input>,
        found: Found,
    ) -> Result<Self> {
        let mut reaches = BTreeSet::new();
        for part in plan.channels.iter_mut().flatten() {
            part.reach = found.reach(part, &engine.reader);
            part.reads = found.reads(part, &*engine.backbone);
            reaches.insert(part.reach);
        }
        let reaches: Vec<Reach> = reaches.into_iter().collect();
        let sequences = Sequences::read(&engine.reader, &inputs, &reaches, engine.long_texts)?;
        Ok(Self {
            backbone: Arc::clone(&engine.backbone),
            reader: Arc::clone(&engine.reader),
            long: engine.long_texts,
            inputs,
            plan: Rc::new(plan),
            sequences: Rc::new(sequences),
            computed: 0,
            found,
        })
    }

    /// How many answers each text gets.
    pub(super) fn channels(&self) -> usize {
        self.plan.channels.len()
    }

    /// How many tokens are still to be computed.
    #[must_use]
    pub fn tokens_left(&self) -> usize {
        let left = &self.sequences.encoded[self.computed..];
        let tokens: usize = left.iter().map(|sequence| sequence.len()).sum();
        tokens * self.channels()
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
        let Step { end, computing } = self.begin_step(limit, None);
        let computed = now(computing)?;
        Ok(self.take(end, computed))
    }

    /// Begins to compute what [`step`](Self::step) computes, or one place's part of it. [`end_step`](Self::end_step) takes
    /// it in. One that is dropped has changed nothing.
    #[must_use]
    pub fn begin_step(&self, limit: usize, split: Option<Rc<Split>>) -> Step<'a> {
        let end = self.end(limit);
        let (backbone, windows) = (Arc::clone(&self.backbone), self.computed..end);
        let (plan, sequences) = (Rc::clone(&self.plan), Rc::clone(&self.sequences));
        let computing = Box::pin(async move {
            let Sequences {
                encoded, origins, ..
            } = &*sequences;
            let windows: Vec<usize> = windows.collect();
            plan.run_windows(&*backbone, encoded, origins, &windows, split.as_deref())
                .await
        });
        Step { end, computing }
    }

    /// Takes in what a step has computed. Answers with whether there are more windows.
    pub fn end_step(&mut self, step: &Step<'a>, computed: Vec<Computed>) -> bool {
        self.take(step.end, computed)
    }

    /// The windows that a step computes end before this one.
    fn end(&self, limit: usize) -> usize {
        let encoded = &self.sequences.encoded;
        let mut tokens = 0;
        let fitting = encoded[self.computed..].iter().take_while(|sequence| {
            tokens += sequence.len() * self.plan.channels.len();
            tokens <= limit
        });
        (self.computed + fitting.count().max(1)).min(encoded.len())
    }

    fn take(&mut self, end: usize, computed: Vec<Computed>) -> bool {
        let Sequences {
            encoded,
            origins,
            shares,
        } = &*self.sequences;
        for Computed {
            places,
            part,
            states,
        } in computed
        {
            let part = self.plan.part(part);
            match (&mut self.found, part.head()) {
                (Found::Answers(found), Some(head)) => {
                    let own = places.iter().map(|&(_, index)| &encoded[index]);
                    let said = part.said(&*self.backbone, own, &states);
                    for (&(channel, index), said) in places.iter().zip(said) {
                        let row = origins[index].row;
                        found[channel][row].add(head, &encoded[index], &shares[index], said);
                    }
                }
                (Found::Answers(_), None) => {}
                (Found::Vectors(vectors, sentence), _) => {
                    let pooled = match sentence.reads_pooler() {
                        true => rows(&self.backbone.pool(&states, &*part.node)),
                        false => sentence.pooled(&states),
                    };
                    for (&(_, index), pooled) in places.iter().zip(pooled) {
                        let row = origins[index].row;
                        vectors[row].add(&pooled, &encoded[index], &shares[index]);
                    }
                }
            }
        }
        self.computed = end;
        end < encoded.len()
    }

    /// The answers of each channel, once all windows are computed; none of a reading that makes vectors.
    ///
    /// # Errors
    /// [`Error::LogitsNotFinite`](crate::error::Error::LogitsNotFinite).
    pub fn answers(&mut self) -> Result<Vec<Composed<'a>>> {
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
                    let answer = gathered.answer(head, index)?;
                    answers.push(self.with_spans(answer, head, index, part.reach.limit)?);
                    heads.push(task.clone());
                }
            }
            composed.push(Composed { answers, heads });
        }
        Ok(composed)
    }

    /// The answer to the text at `index`, labels of tokens put together to spans. `limit` is how many tokens were read at
    /// once.
    fn with_spans(
        &self,
        mut answer: Answer,
        head: &Head,
        index: usize,
        limit: usize,
    ) -> Result<Answer> {
        if let Prediction::Tokens(tokens) = &answer.prediction {
            let limit = match self.long {
                LongTexts::Windows if !answer.truncated => usize::MAX,
                _ => limit,
            };
            let words = self.reader.words(&self.inputs[index], limit);
            answer.prediction = Prediction::Spans(spans(tokens, &words?, &head.config().labels));
        }
        Ok(answer)
    }

    /// The vector of each text, once all windows are computed; none of a reading that answers.
    ///
    /// # Errors
    /// [`Error::VectorNotFinite`](crate::error::Error::VectorNotFinite).
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

    /// The inputs, as they are read.
    #[must_use]
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }
}

fn rows(x: &Tensor) -> Vec<Vec<f32>> {
    x.rows().map(<[f32]>::to_vec).collect()
}

/// Windows that are being computed.
pub struct Step<'a> {
    end: usize,
    computing: Waiting<'a, Result<Vec<Computed>>>,
}

impl Step<'_> {
    /// Computes until it is done or waits for what another place sends; `None` where it waits.
    ///
    /// # Errors
    /// Those of [`Plan::run_windows`].
    ///
    /// # Panics
    /// If it is done already.
    pub fn advance(&mut self) -> Option<Result<Vec<Computed>>> {
        let waker = &mut Context::from_waker(Waker::noop());
        match self.computing.as_mut().poll(waker) {
            Poll::Ready(computed) => Some(computed),
            Poll::Pending => None,
        }
    }
}

impl Reach {
    /// How texts are read with an adapter, by a head or for a vector.
    pub(super) fn of(hook: &dyn Hook, reader: &Reader, head: Option<&Head>) -> Self {
        let tags = head.is_some_and(Head::reads_tokens);
        Self {
            apart: head.is_some_and(Head::reads_apart),
            limit: reader.max_steps().saturating_sub(hook.first_position()),
            window: if tags { TAG_WINDOW } else { WINDOW },
            lines: tags,
        }
    }
}
