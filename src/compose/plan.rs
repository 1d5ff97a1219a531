use std::ops::RangeInclusive;
use std::rc::Rc;

use super::expand::expand;
use super::pass::{Own, forward_portion, read_steps};
use super::{BareStates, Composition, ComputedStates, Lookup, Node, TaskRef, Unit};
use crate::error::Result;
use crate::head::Head;
use crate::input::text::Reach;
use crate::input::{Sequence, runs};
use crate::model::{Backbone, Portion, Reads, Shape, Split, States, now};

/// What each row of a call is computed with. Blocks that tell rows apart come out on top: a stack of
/// splits is a split of stacks. Every answer and every vector is that of a plan; the plan of one adapter
/// has one channel of one part.
pub struct Plan<'a> {
    /// Answers that each row gets, in the order of the parallel blocks' parts.
    pub channels: Vec<Channel<'a>>,
}

/// All rows of a call, each with what it is computed with.
pub type Channel<'a> = Vec<Part<'a>>;

/// Successive rows that are computed alike.
pub struct Part<'a> {
    /// How many.
    pub rows: usize,
    /// What with.
    pub node: Rc<Node<'a>>,
    /// Whose head answers; `None` where the composition has no head.
    pub head: Option<TaskRef<'a>>,
    /// Its name.
    pub name: String,
    /// Which of a row's sequences it reads; at first the only one.
    pub reach: Reach,
    /// Which of its last hidden states are read; at first all.
    pub reads: Reads,
}

/// Which row of a call a sequence is of. A long text has several sequences, and others where fewer
/// tokens are left beside an adapter's virtual ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The row.
    pub row: usize,
    /// How many tokens a part may read at once if the sequence is for it.
    pub limits: RangeInclusive<usize>,
    /// How long the windows are that it is one of; `None` for all of a text.
    pub window: Option<usize>,
    /// Whether it is for parts that read each text of a pair alone.
    pub apart: bool,
}

/// (channel, sequence) of each of some sequences.
pub type Places = Vec<(usize, usize)>;

/// A channel of a plan, and a part's number in it.
pub type PartNumber = (usize, usize);

/// What a pass computed for one part.
pub struct Computed {
    /// (channel, sequence) of each sequence.
    pub places: Places,
    /// Channel and number of the first part that computes like this; see [`Plan::part`].
    pub part: PartNumber,
    /// Last hidden states, of all tokens or of those that the part's head reads.
    pub states: States,
}

/// (channel, sequence) of each of some sequences, what they were computed with, and their last hidden
/// states.
pub type Visit<'v> = &'v mut dyn FnMut(&[(usize, usize)], &Part<'_>, States) -> Result<()>;

impl<'a> Plan<'a> {
    /// For a call with this number of rows.
    ///
    /// # Errors
    /// Those of [`Composition::check`], and
    /// [`Error::CompositionInvalid`](crate::Error::CompositionInvalid) if a split is of another number
    /// of rows.
    pub fn new(
        composition: &Composition,
        rows: usize,
        lookup: Lookup<'_>,
        shape: &Shape,
    ) -> Result<Self> {
        composition.check(lookup, shape)?;
        let channels = expand(composition, rows, lookup)?;
        Ok(Self { channels })
    }

    /// For a call with one adapter; `name` stands for it in errors.
    #[must_use]
    pub fn of(task: TaskRef<'a>, name: &str, rows: usize) -> Self {
        let part = Part::of(task, name, rows);
        Self {
            channels: vec![vec![part]],
        }
    }

    /// For a call without an adapter.
    #[must_use]
    pub fn bare(rows: usize) -> Self {
        let part = Part::new(rows, Node::Stack(Vec::new()), None, String::new());
        Self {
            channels: vec![vec![part]],
        }
    }

    /// Computes the states of all rows, one sequence each, at most about `limit` tokens at a time. Rows
    /// that are computed alike are visited together.
    ///
    /// # Errors
    /// Those of [`forward`](super::forward) and of the visits.
    pub fn run(
        &self,
        backbone: &dyn Backbone,
        sequences: &[Sequence],
        limit: usize,
        visit: Visit<'_>,
    ) -> Result<()> {
        self.run_from(backbone, &mut ComputedStates, sequences, limit, visit)
    }

    /// [`run`](Self::run) with the states of the bare backbone out of `bare`.
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    pub fn run_from(
        &self,
        backbone: &dyn Backbone,
        bare: &mut dyn BareStates,
        sequences: &[Sequence],
        limit: usize,
        visit: Visit<'_>,
    ) -> Result<()> {
        let all: Vec<usize> = (0..sequences.len()).collect();
        let tokens = |&index: &usize| sequences[index].len() * self.channels.len();
        for run in runs(&all, limit, tokens) {
            let units = self.units(&Origin::only, run);
            for computed in now(self.compute(backbone, bare, sequences, units, None))? {
                visit(&computed.places, self.part(computed.part), computed.states)?;
            }
        }
        Ok(())
    }

    /// Computes a `run` of the sequences, of which a row may have any number, in one pass; `origins` says whose each
    /// is. A part computes those within its [`reach`](Part::reach). With a `split` the pass is one place's part of it, and
    /// only the first place gets the states.
    ///
    /// # Errors
    /// Those of [`forward`](super::forward).
    ///
    /// # Panics
    /// If there is not one origin a sequence.
    pub async fn run_windows(
        &self,
        backbone: &dyn Backbone,
        sequences: &[Sequence],
        origins: &[Origin],
        run: &[usize],
        split: Option<&Split>,
    ) -> Result<Vec<Computed>> {
        let origin = |index: usize| origins[index].clone();
        let bare = &mut ComputedStates;
        let units = self.units(&origin, run);
        self.compute(backbone, bare, sequences, units, split).await
    }

    /// The part of this number in the channel of that.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn part(&self, (channel, part): PartNumber) -> &Part<'a> {
        &self.channels[channel][part]
    }

    /// The sequences of a `run` that are computed alike, and the first part that they are computed for.
    fn units(&self, origin: &dyn Fn(usize) -> Origin, run: &[usize]) -> Vec<(Places, PartNumber)> {
        let mut units: Vec<(Places, PartNumber)> = Vec::new();
        for (channel, parts) in self.channels.iter().enumerate() {
            let mut first = 0;
            for (number, part) in parts.iter().enumerate() {
                let rows = first..first + part.rows;
                first = rows.end;
                let own = run.iter().filter(|&&index| {
                    let origin = origin(index);
                    rows.contains(&origin.row) && origin.is_within(&part.reach)
                });
                let places: Places = own.map(|&index| (channel, index)).collect();
                let alike = |other: PartNumber| part.is_like(self.part(other));
                match units.iter_mut().find(|(_, other)| alike(*other)) {
                    _ if places.is_empty() => {}
                    Some((all, _)) => all.extend(places),
                    None => units.push((places, (channel, number))),
                }
            }
        }
        units
    }

    async fn compute(
        &self,
        backbone: &dyn Backbone,
        bare: &mut dyn BareStates,
        sequences: &[Sequence],
        units: Vec<(Places, PartNumber)>,
        split: Option<&Split>,
    ) -> Result<Vec<Computed>> {
        let passing = units.iter().map(|(places, part)| Unit {
            hook: &*self.part(*part).node,
            sequences: places.iter().map(|(_, index)| *index).collect(),
        });
        let passing: Vec<_> = passing.collect();
        let sequence = |index: usize| &sequences[index];
        let all = forward_portion(backbone, bare, &sequence, &passing, split).await?;
        let mut computed = Vec::with_capacity(units.len());
        for ((places, part), Own { states, cuts }) in units.into_iter().zip(all) {
            let states = match split {
                Some(split) => {
                    let begins = |(_, index): &(usize, usize)| sequences[*index].read().start == 0;
                    let reads = match places.iter().all(begins) {
                        true => self.part(part).reads,
                        // the first state that is read is another than the first
                        false => Reads::All,
                    };
                    Portion::new(split, cuts).gather(states, reads).await
                }
                None => Some(states),
            };
            computed.extend(states.map(|states| Computed {
                states: read_steps(states, places.iter().map(|(_, index)| &sequences[*index])),
                places,
                part,
            }));
        }
        Ok(computed)
    }
}

impl Origin {
    /// That of the only sequence of a row.
    fn only(row: usize) -> Self {
        Self {
            row,
            limits: 0..=usize::MAX,
            window: None,
            apart: false,
        }
    }

    fn is_within(&self, reach: &Reach) -> bool {
        self.apart == reach.apart
            && self.limits.contains(&reach.limit)
            && self.window.is_none_or(|window| window == reach.window)
    }
}

impl<'a> Part<'a> {
    pub(super) fn new(
        rows: usize,
        node: Node<'a>,
        head: Option<TaskRef<'a>>,
        name: String,
    ) -> Self {
        Self {
            rows,
            node: Rc::new(node),
            head,
            name,
            reach: Reach {
                limit: usize::MAX,
                window: usize::MAX,
                lines: false,
                apart: false,
            },
            reads: Reads::All,
        }
    }

    pub(super) fn of(task: TaskRef<'a>, name: &str, rows: usize) -> Self {
        let node = Node::of(task.clone());
        Self::new(rows, node, Some(task), name.to_owned())
    }

    /// The head that answers, if there is one.
    #[must_use]
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()?.head.as_ref()
    }

    /// What the head [says](Head::said) of the last hidden states of each sequence. Nothing without a head.
    pub fn said<'s>(
        &self,
        backbone: &dyn Backbone,
        sequences: impl Iterator<Item = &'s Sequence>,
        states: &States,
    ) -> Vec<Vec<f32>> {
        let Some(head) = self.head() else {
            return Vec::new();
        };
        let said = head.said(backbone, &*self.node, states);
        let labels = head.config().labels.len();
        let own = head.own_part(&said, &states.starts).zip(sequences);
        own.map(|(said, sequence)| {
            // an adapter's virtual tokens have states, and are no part of the text
            let more = match head.reads_tokens() {
                true => said.len() - sequence.read().len() * labels,
                false => 0,
            };
            said[more..].to_vec()
        })
        .collect()
    }

    /// Whether rows of both can be computed and answered together.
    fn is_like(&self, other: &Self) -> bool {
        let head = match (&self.head, &other.head) {
            (Some(a), Some(b)) => a.is(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        head && self.node.is(&other.node)
    }
}
