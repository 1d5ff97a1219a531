//! The pass through a backbone of two encoders.

use super::bare::BareStates;
use super::pass::{Own, Unit, compute};
use crate::error::{Error, Result};
use crate::input::Sequence;
use crate::model::{Split, States, Tower};
use crate::ops::{concat, select};

/// The pass of a backbone of two encoders: each takes the sequences that it reads, and the states of each unit are put in the
/// order of its sequences again.
pub(super) async fn by_tower<'a, 's>(
    towers: &'a [Tower; 2],
    bare: &'a mut dyn BareStates,
    sequence: &'a dyn Fn(usize) -> &'s Sequence,
    units: &'a [Unit<'a>],
    split: Option<&'a Split>,
) -> Result<Vec<Own>> {
    if split.is_some() {
        return Err(Error::OptionInvalid {
            option: "workers",
            value: "several that compute one input together".into(),
            reason: "a backbone of two encoders computes an input in one place".into(),
        });
    }
    let unread = { units.iter().flat_map(|unit| &unit.sequences) }
        .any(|&index| !towers.iter().any(|tower| tower.reads(sequence(index))));
    if unread {
        return Err(Error::InputUnsupported {
            reads: "what its two encoders read",
        });
    }
    let mut passes = Vec::with_capacity(towers.len());
    for tower in towers {
        let own = units.iter().map(|unit| {
            let own = unit.sequences.iter().copied();
            Unit {
                hook: unit.hook,
                sequences: own.filter(|&index| tower.reads(sequence(index))).collect(),
            }
        });
        let own: Vec<_> = own.collect();
        passes.push(compute(tower, &mut *bare, sequence, &own, None).await?);
    }
    let (Some(seconds), Some(firsts)) = (passes.pop(), passes.pop()) else {
        return Ok(Vec::new());
    };
    let both = units.iter().zip(firsts.into_iter().zip(seconds));
    let both = both.map(|(unit, (first, second))| {
        let of_first = unit.sequences.iter();
        let of_first = of_first.map(|&index| towers[0].reads(sequence(index)));
        Own {
            states: interleaved(&first.states, &second.states, of_first),
            cuts: Vec::new(),
        }
    });
    Ok(both.collect())
}

/// The sequences of two sets of states in one, each from the set that `of_first` says, in the order that it has there.
fn interleaved(first: &States, second: &States, of_first: impl Iterator<Item = bool>) -> States {
    let (behind, _) = first.x.dims2();
    let mut own = [(0, first), (behind, second)].map(|(before, states)| {
        states
            .starts
            .windows(2)
            .map(move |w| before + w[0]..before + w[1])
    });
    let mut steps = Vec::new();
    let mut starts = vec![0];
    for is_first in of_first {
        steps.extend(own[usize::from(!is_first)].next().into_iter().flatten());
        starts.push(steps.len());
    }
    States {
        x: select(&concat(&[&first.x, &second.x]), &steps),
        starts: starts.into(),
    }
}
