//! A composition as the channels and parts of a plan.

use std::rc::Rc;

use super::fusion::Fusion;
use super::plan::{Channel, Part};
use super::{Composition, Lookup, Node, TaskRef, invalid};
use crate::error::Result;

/// What each of this number of rows is computed with.
pub(super) fn expand<'a>(
    composition: &Composition,
    rows: usize,
    lookup: Lookup<'_>,
) -> Result<Vec<Channel<'a>>> {
    let all = |of: &[Composition]| -> Result<Vec<Vec<Channel<'a>>>> {
        of.iter().map(|part| expand(part, rows, lookup)).collect()
    };
    Ok(match composition {
        Composition::Adapter(name) => {
            let task = TaskRef::Shared(lookup(name)?);
            vec![vec![Part::of(task, name, rows)]]
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
            let head = head.map(TaskRef::Shared);
            let of = average
                .of
                .iter()
                .map(|part| expand(&part.composition, rows, lookup));
            let of: Vec<_> = of.collect::<Result<_>>()?;
            let weights = average.weights();
            let name = average.head.clone().unwrap_or_else(|| "average".into());
            combine(&of, |parts| {
                #[allow(clippy::cast_possible_truncation)]
                let weigh =
                    |(part, weight): (&&Part<'a>, &f64)| ((*part.node).clone(), *weight as f32);
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
                    Some(TaskRef::Shared(Rc::clone(&task))),
                    fusion.clone(),
                )
            })
        }
    })
}

/// Combines what stands in one block: rows that a part tells apart are told apart in the whole.
fn combine<'a>(
    parts: &[Vec<Channel<'a>>],
    node: impl Fn(&[&Part<'a>]) -> (Node<'a>, Option<TaskRef<'a>>, String),
) -> Vec<Channel<'a>> {
    let channels = parts.iter().map(Vec::len).max().unwrap_or_default();
    let of_channel = |index: usize| -> Channel<'a> {
        let columns = parts.iter().map(|part| &part[index.min(part.len() - 1)]);
        let columns: Vec<&Channel<'a>> = columns.collect();
        // (part, its rows that are left) of each column
        let mut at: Vec<(usize, usize)> =
            columns.iter().map(|column| (0, column[0].rows)).collect();
        let mut channel = Channel::new();
        loop {
            let rows = at.iter().map(|(_, left)| *left).min().unwrap_or_default();
            let here: Vec<&Part<'a>> = columns
                .iter()
                .zip(&at)
                .map(|(column, (part, _))| &column[*part])
                .collect();
            let (node, head, name) = node(&here);
            channel.push(Part::new(rows, node, head, name));
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
