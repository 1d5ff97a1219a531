use std::ops::RangeInclusive;
use std::rc::Rc;

use super::fusion::Fusion;
use super::{Composition, Lookup, Node, Unit, forward, invalid};
use crate::error::Result;
use crate::folder::TaskAdapter;
use crate::input::text::{Encoded, Reach, runs};
use crate::model::{Backbone, Shape, States};

/// What each row of a call is computed with. Blocks that tell rows apart come out on top: a stack of
/// splits is a split of stacks.
pub struct Plan {
    /// Answers that each row gets, in the order of the parallel blocks' parts.
    pub channels: Vec<Channel>,
}

/// All rows of a call, each with what it is computed with.
pub type Channel = Vec<Part>;

/// Successive rows that are computed alike.
pub struct Part {
    /// How many.
    pub rows: usize,
    /// What with.
    pub node: Rc<Node>,
    /// Whose head answers; `None` where the composition has no head.
    pub head: Option<Rc<TaskAdapter>>,
    /// Its name.
    pub name: String,
}

impl Plan {
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

/// (channel, sequence) of each of some sequences, what they were computed with, and their last hidden
/// states.
pub type Visit<'a> = &'a mut dyn FnMut(&[(usize, usize)], &Part, States) -> Result<()>;

impl Plan {
    /// For a call without an adapter.
    #[must_use]
    pub fn bare(rows: usize) -> Self {
        let part = Part {
            rows,
            node: Rc::new(Node::Stack(Vec::new())),
            head: None,
            name: String::new(),
        };
        Self {
            channels: vec![vec![part]],
        }
    }

    /// Computes the states of all rows, one sequence each, at most about `limit` tokens at a time. Rows
    /// that are computed alike are visited together.
    ///
    /// # Errors
    /// Those of [`forward`] and of the visits.
    pub fn run(
        &self,
        backbone: &dyn Backbone,
        sequences: &[Encoded],
        limit: usize,
        visit: Visit<'_>,
    ) -> Result<()> {
        let origin = |row| Origin {
            row,
            limits: 0..=usize::MAX,
            window: None,
            apart: false,
        };
        let reach = Reach {
            limit: 0,
            window: 0,
            lines: false,
            apart: false,
        };
        let origins: Vec<Origin> = (0..sequences.len()).map(origin).collect();
        let all: Vec<usize> = (0..sequences.len()).collect();
        let tokens = |&index: &usize| sequences[index].ids.len() * self.channels.len();
        for run in runs(&all, limit, tokens) {
            self.run_windows(backbone, sequences, &origins, run, &|_, _| reach, visit)?;
        }
        Ok(())
    }

    /// Computes a `run` of the sequences, of which a row may have any number, in one pass; `origins` says whose each is,
    /// and `reads` how a part reads texts, by its place: its channel, and which of the channel's parts it is.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Panics
    /// If there is not one origin a sequence.
    pub fn run_windows(
        &self,
        backbone: &dyn Backbone,
        sequences: &[Encoded],
        origins: &[Origin],
        run: &[usize],
        reads: &dyn Fn(usize, usize) -> Reach,
        visit: Visit<'_>,
    ) -> Result<()> {
        let mut units: Vec<(Vec<(usize, usize)>, &Part)> = Vec::new();
        for (channel, parts) in self.channels.iter().enumerate() {
            let mut first = 0;
            for (place, part) in parts.iter().enumerate() {
                let own = first..first + part.rows;
                first = own.end;
                let reads = reads(channel, place);
                let own = run.iter().filter(|&&index| {
                    let origin = &origins[index];
                    own.contains(&origin.row)
                        && origin.apart == reads.apart
                        && origin.limits.contains(&reads.limit)
                        && origin.window.is_none_or(|window| window == reads.window)
                });
                let places: Vec<_> = own.map(|&index| (channel, index)).collect();
                match units.iter_mut().find(|(_, other)| part.is_like(other)) {
                    _ if places.is_empty() => {}
                    Some((all, _)) => all.extend(places),
                    None => units.push((places, part)),
                }
            }
        }
        let passing = units.iter().map(|(places, part)| Unit {
            hook: &*part.node,
            sequences: places.iter().map(|(_, index)| *index).collect(),
        });
        let states = forward(backbone, sequences, &passing.collect::<Vec<_>>())?;
        for ((places, part), states) in units.iter().zip(states) {
            visit(places, part, states)?;
        }
        Ok(())
    }
}

impl Part {
    /// Whether rows of both can be computed and answered together.
    fn is_like(&self, other: &Self) -> bool {
        let head = match (&self.head, &other.head) {
            (Some(a), Some(b)) => Rc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        head && self.node.is(&other.node)
    }
}

fn expand(composition: &Composition, rows: usize, lookup: Lookup<'_>) -> Result<Vec<Channel>> {
    let all = |of: &[Composition]| -> Result<Vec<Vec<Channel>>> {
        of.iter().map(|part| expand(part, rows, lookup)).collect()
    };
    Ok(match composition {
        Composition::Adapter(name) => {
            let task = lookup(name)?;
            vec![vec![Part {
                rows,
                node: Rc::new(Node::of(Rc::clone(&task))),
                head: Some(task),
                name: name.clone(),
            }]]
        }
        Composition::Parallel(of) => all(of)?.into_iter().flatten().collect(),
        Composition::Split(of) => {
            let own: usize = of.iter().map(|share| share.rows).sum();
            if own != rows {
                let reason = format!("the split is of {own} rows, and the call has {rows}");
                return Err(invalid("", reason));
            }
            let mut channel = Channel::new();
            for share in of {
                let parts = expand(&share.composition, share.rows, lookup)?;
                channel.extend(parts.into_iter().flatten());
            }
            vec![channel]
        }
        Composition::Stack(of) => combine(&all(of)?, |parts| {
            // the last answers, as in AdapterHub
            let last = parts.last();
            let head = last.and_then(|part| part.head.clone());
            let nodes = parts.iter().map(|part| (*part.node).clone()).collect();
            (
                Node::Stack(nodes),
                head,
                last.map_or(String::new(), |part| part.name.clone()),
            )
        }),
        Composition::Average(average) => {
            let head = average.head.as_deref().map(lookup).transpose()?;
            let of = average
                .of
                .iter()
                .map(|part| expand(&part.composition, rows, lookup));
            let of: Vec<_> = of.collect::<Result<_>>()?;
            let weights = average.weights();
            let name = average.head.clone().unwrap_or_else(|| "average".into());
            combine(&of, |parts| {
                #[allow(clippy::cast_possible_truncation)]
                let weigh = |(part, weight): (&&Part, &f64)| ((*part.node).clone(), *weight as f32);
                let nodes = parts.iter().zip(&weights).map(weigh).collect();
                (Node::Average(nodes), head.clone(), name.clone())
            })
        }
        Composition::Fuse { of, fusion } => {
            let task = lookup(fusion)?;
            let layers = Fusion::of(&*task.adapter)
                .map(Fusion::layers)
                .unwrap_or_default();
            combine(&all(of)?, |parts| {
                let of = parts.iter().map(|part| (*part.node).clone()).collect();
                let layers = Rc::clone(&layers);
                (
                    Node::Fuse { layers, of },
                    Some(Rc::clone(&task)),
                    fusion.clone(),
                )
            })
        }
    })
}

/// Combines what stands in one block: rows that a part tells apart are told apart in the whole.
fn combine(
    parts: &[Vec<Channel>],
    node: impl Fn(&[&Part]) -> (Node, Option<Rc<TaskAdapter>>, String),
) -> Vec<Channel> {
    let channels = parts.iter().map(Vec::len).max().unwrap_or_default();
    let of_channel = |index: usize| -> Channel {
        let columns = parts.iter().map(|part| &part[index.min(part.len() - 1)]);
        let columns: Vec<&Channel> = columns.collect();
        // (part, its rows that are left) of each column
        let mut at: Vec<(usize, usize)> =
            columns.iter().map(|column| (0, column[0].rows)).collect();
        let mut channel = Channel::new();
        loop {
            let rows = at.iter().map(|(_, left)| *left).min().unwrap_or_default();
            let here: Vec<&Part> = columns
                .iter()
                .zip(&at)
                .map(|(column, (part, _))| &column[*part])
                .collect();
            let (node, head, name) = node(&here);
            channel.push(Part {
                rows,
                node: Rc::new(node),
                head,
                name,
            });
            for (column, (part, left)) in columns.iter().zip(&mut at) {
                *left -= rows;
                if *left == 0 {
                    *part += 1;
                    match column.get(*part) {
                        Some(next) => *left = next.rows,
                        None => return channel,
                    }
                }
            }
        }
    };
    (0..channels).map(of_channel).collect()
}
