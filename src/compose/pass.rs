use std::ops::Range;

use super::bare::{BareStates, ComputedStates};
use super::rows::{Repeats, Rowed, Rows};
use crate::error::Result;
use crate::input::text::{Batch, Encoded};
use crate::model::{Backbone, Hook, NoHook, NormSite, States};
use crate::ops::{concat, slice};
use crate::tensor::Tensor;

/// Some sequences of a call and what they are computed with.
pub struct Unit<'a> {
    /// What changes the backbone for them.
    pub hook: &'a dyn Hook,
    /// Which of the call's sequences, in the order of their states.
    pub sequences: Vec<usize>,
}

/// Last hidden states of each unit, in one pass: all that is frozen is computed for all units
/// together, and a sequence that is in several units only once below the lowest layer that each of
/// them changes. Answers, vectors and training all go through the layers by it.
///
/// A sequence's states have the same bits as in a pass of its own.
///
/// # Errors
/// Those of [`Backbone::embed`].
///
/// # Panics
/// If there is no such sequence.
pub fn forward(
    backbone: &dyn Backbone,
    sequences: &[Encoded],
    units: &[Unit<'_>],
) -> Result<Vec<States>> {
    forward_from(
        backbone,
        &mut ComputedStates,
        &|index| &sequences[index],
        units,
    )
}

/// [`forward`] with the states of the bare backbone out of `bare`. `sequence` gives a sequence of the call by its index.
///
/// # Errors
/// Those of [`Backbone::embed`].
pub fn forward_from<'s>(
    backbone: &dyn Backbone,
    bare: &mut dyn BareStates,
    sequence: &dyn Fn(usize) -> &'s Encoded,
    units: &[Unit<'_>],
) -> Result<Vec<States>> {
    let layers = backbone.shape().layers;
    let lowest = units.iter().map(|unit| lowest_layer(unit.hook, layers));
    let lowest: Vec<usize> = lowest.collect();
    let beginning_at = |layer: usize| {
        let units = units.iter().enumerate().zip(&lowest);
        units.filter_map(move |(unit, lowest)| (*lowest == layer).then_some(unit))
    };
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (index, unit) in beginning_at(0) {
        let batch = Batch::new(unit.sequences.iter().map(|&index| sequence(index)));
        let states = Some(backbone.embed(&batch, unit.hook)?);
        groups.push(Group {
            states,
            ..Group::new(index, unit.hook, unit.sequences.clone())
        });
    }

    // what no unit has changed yet: the sequences of those whose lowest layer is still to come
    let mut layer = lowest.iter().copied().min().unwrap_or(layers);
    let mut trunk = Group::new(usize::MAX, &NoHook, waiting(units, &lowest, 0));
    trunk.bare = true;
    if !trunk.sequences.is_empty() {
        let own = trunk.sequences.iter();
        let own: Vec<_> = own.map(|&index| (index, sequence(index))).collect();
        trunk.states = Some(bare.entering(backbone, layer, &own)?);
    }
    loop {
        for (index, unit) in beginning_at(layer).filter(|_| layer > 0) {
            groups.push(Group {
                states: trunk.select(&unit.sequences),
                bare: true,
                ..Group::new(index, unit.hook, unit.sequences.clone())
            });
        }
        let left = waiting(units, &lowest, layer);
        trunk.states = trunk.select(&left);
        trunk.sequences = left;
        trunk.bare = true;
        if layer >= layers {
            break;
        }
        let later = lowest.iter().copied().filter(|&lowest| lowest > layer);
        let next = later.min().unwrap_or(layers);
        run(backbone, layer..next, &mut trunk, &mut groups);
        layer = next;
    }
    groups.sort_by_key(|group| group.unit);
    let nothing = || States {
        x: Tensor::new(Vec::new(), &[0, backbone.shape().hidden_size]),
        starts: [0].into(),
    };
    let states = groups.into_iter();
    Ok(states
        .map(|group| group.states.unwrap_or_else(nothing))
        .collect())
}

/// The lowest layer in whose run an adapter changes something, the number of `layers` if it changes nothing.
fn lowest_layer(hook: &dyn Hook, layers: usize) -> usize {
    let lowest = hook.lowest_layer().unwrap_or(layers);
    // the norm behind the last layer is computed with that layer
    match hook.changes_norm(NormSite::Final) {
        true => lowest.min(layers.saturating_sub(1)),
        false => lowest,
    }
}

/// The sequences of units that change nothing up to a layer, each once.
fn waiting(units: &[Unit<'_>], lowest: &[usize], layer: usize) -> Vec<usize> {
    let waiting = units
        .iter()
        .zip(lowest)
        .filter(|(_, lowest)| **lowest > layer);
    let mut sequences: Vec<usize> = waiting
        .flat_map(|(unit, _)| unit.sequences.iter().copied())
        .collect();
    sequences.sort_unstable();
    sequences.dedup();
    sequences
}

/// Sequences that are computed alike, on their way through the layers.
struct Group<'a> {
    unit: usize,
    hook: &'a dyn Hook,
    sequences: Vec<usize>,
    /// `None` without sequences.
    states: Option<States>,
    /// Whether the states are still those of the bare backbone, and so equal to those of other such
    /// groups.
    bare: bool,
}

impl<'a> Group<'a> {
    fn new(unit: usize, hook: &'a dyn Hook, sequences: Vec<usize>) -> Self {
        Self {
            unit,
            hook,
            sequences,
            states: None,
            bare: false,
        }
    }

    /// The states of some of its sequences.
    fn select(&self, sequences: &[usize]) -> Option<States> {
        let states = self.states.as_ref()?;
        if sequences == self.sequences {
            return Some(states.clone());
        }
        let places = sequences
            .iter()
            .filter_map(|s| self.sequences.binary_search(s).ok());
        let places: Vec<usize> = places.collect();
        let own = |place: usize| states.starts[place]..states.starts[place + 1];
        let parts: Vec<Tensor> = places
            .iter()
            .map(|&place| slice(&states.x, own(place)))
            .collect();
        if parts.is_empty() {
            return None;
        }
        let mut starts = vec![0];
        for place in places {
            starts.push(starts[starts.len() - 1] + own(place).len());
        }
        Some(States {
            x: concat(&parts.iter().collect::<Vec<_>>()),
            starts: starts.into(),
        })
    }
}

/// Runs layers over the states of all groups at once.
fn run<'a>(
    backbone: &dyn Backbone,
    layers: Range<usize>,
    trunk: &mut Group<'a>,
    groups: &mut [Group<'a>],
) {
    let mut running = Vec::new();
    let mut rows = Rows::default();
    let mut same = Repeats::new(layers.start);
    for group in std::iter::once(trunk).chain(groups) {
        if let Some(states) = group.states.take() {
            let bare = std::mem::take(&mut group.bare).then_some(&group.sequences[..]);
            same.add(&states, bare);
            running.push((&mut group.states, group.hook, states));
        }
    }
    rows.repeats = same.any().then_some(same);
    if let [_] = running[..] {
        if let Some((to, hook, states)) = running.pop() {
            *to = Some(backbone.run(states, layers, hook));
        }
        return;
    }
    let mut starts = vec![0];
    for (_, hook, states) in &running {
        let (token, sequence) = (starts[starts.len() - 1], starts.len() - 1);
        starts.extend(states.starts[1..].iter().map(|start| token + start));
        rows.parts.push(Rowed {
            hook: *hook,
            tokens: token..starts[starts.len() - 1],
            sequences: sequence..starts.len() - 1,
        });
    }
    let parts: Vec<&Tensor> = running.iter().map(|(_, _, states)| &states.x).collect();
    let Some(x) = (!parts.is_empty()).then(|| concat(&parts)) else {
        return;
    };
    let all = States {
        x,
        starts: starts.into(),
    };
    for (_, _, states) in &mut running {
        // the copy is what is computed with
        states.x = Tensor::new(Vec::new(), &[0, 0]);
    }
    let all = backbone.run(all, layers, &rows);
    for ((to, _, states), part) in running.into_iter().zip(&rows.parts) {
        *to = Some(States {
            x: slice(&all.x, part.tokens.clone()),
            starts: states.starts,
        });
    }
}
