use super::reading::Found;
use super::refusal::{check_pairs, no_head};
use super::{Answer, BATCH_TOKENS, Composed, Embedded, Engine, Reading};
use crate::compose::{Composition, Plan, TaskRef};
use crate::error::{Error, Result};
use crate::folder::TaskAdapter;
use crate::input::Input;
use crate::input::text::Text;

/// What one asks of an engine: each call makes a plan, and a [`Reading`] of the texts by it.
impl Engine {
    /// Answers of what is in use.
    ///
    /// # Errors
    /// Those of [`classify_composed`](Self::classify_composed).
    pub fn classify(&self, inputs: &[impl Clone + Into<Input>]) -> Result<Vec<Answer>> {
        Ok(self.classify_composed(inputs)?.answers)
    }

    /// Answers of what is in use, and whose they are.
    ///
    /// # Errors
    /// [`Error::AdapterNotInUse`], [`Error::TextEmpty`], [`Error::HeadMissing`] if the adapter has
    /// no head, [`Error::CompositionInvalid`] if each text gets several answers or a split is of
    /// another number of texts.
    pub fn classify_composed(
        &self,
        inputs: &[impl Clone + Into<Input>],
    ) -> Result<Composed<'static>> {
        let composed = finished(self.begin_answers_in_use(inputs)?)?.pop();
        composed.ok_or(Error::AdapterNotInUse)
    }

    /// Answers of several adapters or compositions in one pass: for each of them, or of the parts of a
    /// parallel block, those to all texts. All that is frozen is computed together, below the lowest
    /// adapted layers once for all.
    ///
    /// # Errors
    /// Those of [`classify`](Self::classify) and of [`Composition::check`].
    pub fn classify_with_all(
        &self,
        of: &[Composition],
        inputs: &[impl Clone + Into<Input>],
    ) -> Result<Vec<Composed<'static>>> {
        finished(self.begin_answers(of, inputs)?)
    }

    /// Answers of a named adapter, whether it is in use or not.
    ///
    /// # Errors
    /// [`Error::AdapterUnknown`] and those of [`answer`](Self::answer).
    pub fn classify_with(
        &self,
        name: &str,
        inputs: &[impl Clone + Into<Input>],
    ) -> Result<Vec<Answer>> {
        self.answer(self.get(name)?, inputs, name)
    }

    /// Answers of an adapter that need not be one of the engine's; `name` stands for it in errors.
    /// Labels of tokens are put together to spans.
    ///
    /// # Errors
    /// [`Error::TextEmpty`], [`Error::HeadMissing`] if the adapter has no head,
    /// [`Error::Text2Missing`] and [`Error::Text2Unexpected`] if it reads another number of texts.
    pub fn answer(
        &self,
        task: &TaskAdapter,
        inputs: &[impl Clone + Into<Input>],
        name: &str,
    ) -> Result<Vec<Answer>> {
        let plan = Plan::of(TaskRef::Borrowed(task), name, inputs.len());
        let mut composed = finished(self.answering(plan, inputs_of(inputs))?)?;
        Ok(composed.pop().map_or_else(Vec::new, |own| own.answers))
    }

    /// Length of a vector of [`embed`](Self::embed).
    #[must_use]
    pub fn vector_size(&self) -> usize {
        let shape = self.backbone.shape();
        match self.sentence.reads_pooler() {
            true => shape.pooled_size(),
            false => self.sentence.pooling.len() * shape.hidden_size,
        }
    }

    /// One vector a text, of what is in use or the bare backbone, as the backbone's
    /// [`sentence`](Self::sentence) settings say: without any the mean over the tokens, `[hidden size]`,
    /// scaled to unit length.
    ///
    /// # Errors
    /// [`Error::TextEmpty`], [`Error::CompositionInvalid`] as [`classify`](Self::classify),
    /// [`Error::ModelUnsupported`] if the model's vectors need a module that is not implemented.
    pub fn embed(&self, inputs: &[impl Clone + Into<Input>]) -> Result<Vec<Vec<f32>>> {
        let embedded = self.embed_long(inputs)?.into_iter();
        Ok(embedded.map(|embedded| embedded.vector).collect())
    }

    /// [`embed`](Self::embed), and how much of each text was read.
    ///
    /// # Errors
    /// Those of [`embed`](Self::embed).
    pub fn embed_long(&self, inputs: &[impl Clone + Into<Input>]) -> Result<Vec<Embedded>> {
        self.embed_with(self.active.as_ref(), inputs)
    }

    /// [`embed_long`](Self::embed_long) with a composition in place of what is in use, or with the bare backbone.
    ///
    /// # Errors
    /// Those of [`embed`](Self::embed).
    pub fn embed_with(
        &self,
        of: Option<&Composition>,
        inputs: &[impl Clone + Into<Input>],
    ) -> Result<Vec<Embedded>> {
        let mut reading = self.begin_vectors(of, inputs)?;
        while reading.step(BATCH_TOKENS)? {}
        reading.vectors()
    }

    /// An input in the form from which its vector is computed. An empty text stays empty; no prompt is put before it.
    fn prepared(&self, input: Input) -> Input {
        let Input::Text(text) = input else {
            return input;
        };
        if text.is_empty() {
            return text.into();
        }
        let lower = |second: String| match self.sentence.lower_case {
            true => second.to_lowercase(),
            false => second,
        };
        Input::Text(Text {
            first: self.sentence.prepared(&text.first),
            second: text.second.map(lower),
        })
    }

    /// Begins to answer texts, as [`classify_with_all`](Self::classify_with_all) does.
    ///
    /// # Errors
    /// Those of [`classify`](Self::classify) and of [`Composition::check`], but for values that are not finite.
    pub fn begin_answers(
        &self,
        of: &[Composition],
        inputs: &[impl Clone + Into<Input>],
    ) -> Result<Reading<'static>> {
        let mut channels = Vec::new();
        for composition in of {
            channels.extend(self.plan(composition, inputs.len())?.channels);
        }
        self.answering(Plan { channels }, inputs_of(inputs))
    }

    /// Begins to answer texts with what is in use, as [`classify_composed`](Self::classify_composed) does.
    ///
    /// # Errors
    /// Those of [`classify_composed`](Self::classify_composed), but for values that are not finite.
    pub fn begin_answers_in_use(
        &self,
        inputs: &[impl Clone + Into<Input>],
    ) -> Result<Reading<'static>> {
        let active = self.active.as_ref().ok_or(Error::AdapterNotInUse)?;
        let reading = self.begin_answers(std::slice::from_ref(active), inputs)?;
        match reading.channels() {
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
    pub fn begin_vectors(
        &self,
        of: Option<&Composition>,
        inputs: &[impl Clone + Into<Input>],
    ) -> Result<Reading<'static>> {
        self.check_vectors()?;
        let inputs = inputs_of(inputs).into_iter();
        let inputs: Vec<Input> = inputs.map(|input| self.prepared(input)).collect();
        let plan = match of {
            Some(composition) => self.plan(composition, inputs.len())?,
            None => Plan::bare(inputs.len()),
        };
        if plan.channels.len() > 1 {
            return Err(Error::CompositionInvalid {
                place: "the composition in use".into(),
                reason: "a text has one vector; embed with one part of it at a time".into(),
            });
        }
        let found = Found::vectors(&self.sentence, inputs.len());
        Reading::begin(self, plan, inputs, found)
    }

    /// Begins to answer texts by a plan, once its heads can answer them.
    fn answering<'a>(&self, plan: Plan<'a>, inputs: Vec<Input>) -> Result<Reading<'a>> {
        for channel in &plan.channels {
            let mut own = inputs.iter().enumerate();
            for part in channel {
                let Some(task) = part.head.as_deref().filter(|task| task.head.is_some()) else {
                    return Err(no_head(&part.name, part.head.as_deref()));
                };
                check_pairs(task, &part.name, own.by_ref().take(part.rows))?;
            }
        }
        let found = Found::answers(&plan, inputs.len());
        Reading::begin(self, plan, inputs, found)
    }

    fn plan(&self, composition: &Composition, rows: usize) -> Result<Plan<'static>> {
        let shape = self.backbone.shape();
        Plan::new(composition, rows, &|name| self.shared(name), shape)
    }
}

fn inputs_of(inputs: &[impl Clone + Into<Input>]) -> Vec<Input> {
    inputs.iter().cloned().map(Into::into).collect()
}

/// The answers of a reading whose steps nobody looks at.
fn finished(mut reading: Reading<'_>) -> Result<Vec<Composed<'_>>> {
    while reading.step(BATCH_TOKENS)? {}
    reading.answers()
}
