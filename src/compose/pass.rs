use std::ops::Range;

use super::bare::{BareStates, ComputedStates};
use super::rows::{Repeats, Rowed, Rows};
use super::towers::by_tower;
use crate::error::Result;
use crate::input::{Batch, Sequence};
use crate::model::{Backbone, Cuts, Hook, NoHook, NormSite, Portion, Split, States, Waiting, now};
use crate::ops::{concat, select, slice};
use crate::order::sorted_by;
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
    sequences: &[Sequence],
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
    sequence: &dyn Fn(usize) -> &'s Sequence,
    units: &[Unit<'_>],
) -> Result<Vec<States>> {
    let own = now(forward_portion(backbone, bare, sequence, units, None))?;
    let states = own.into_iter().zip(units).map(|(own, unit)| {
        read_steps(
            own.states,
            unit.sequences.iter().map(|&index| sequence(index)),
        )
    });
    Ok(states.collect())
}

/// The states of the steps that are pooled, with those of an adapter's virtual tokens before them.
pub(super) fn read_steps<'s>(
    states: States,
    sequences: impl Iterator<Item = &'s Sequence>,
) -> States {
    let mut steps = Vec::new();
    let mut starts = vec![0];
    for (bounds, sequence) in states.starts.windows(2).zip(sequences) {
        // less where only the first state is here, which is read as it is
        let before = (bounds[1] - bounds[0]).saturating_sub(sequence.len());
        let read = sequence.read();
        let read = bounds[0] + before + read.start..bounds[0] + before + read.end;
        steps.extend(bounds[0]..bounds[0] + before);
        steps.extend(read.start.min(bounds[1])..read.end.min(bounds[1]));
        starts.push(steps.len());
    }
    if *starts == *states.starts {
        return states;
    }
    States {
        x: select(&states.x, &steps),
        starts: starts.into(),
    }
}

/// States of whole sequences, or of the rows that are computed here.
#[derive(Clone)]
pub(super) struct Own {
    pub(super) states: States,
    /// How each sequence is cut; empty where all rows are computed here.
    pub(super) cuts: Vec<Cuts>,
}

/// [`forward_from`] of the rows that are computed in one place of a `split`. Such a pass computes the states of the bare
/// backbone itself, since those that are kept are of whole sequences.
///
/// # Errors
/// Those of [`Backbone::embed`].
pub(super) fn forward_portion<'a, 's: 'a>(
    backbone: &'a dyn Backbone,
    bare: &'a mut dyn BareStates,
    sequence: &'a dyn Fn(usize) -> &'s Sequence,
    units: &'a [Unit<'a>],
    split: Option<&'a Split>,
) -> Waiting<'a, Result<Vec<Own>>> {
    Box::pin(async move {
        match backbone.towers() {
            Some(towers) => by_tower(towers, bare, sequence, units, split).await,
            None => compute(backbone, bare, sequence, units, split).await,
        }
    })
}

pub(super) async fn compute<'a, 's>(
    backbone: &'a dyn Backbone,
    bare: &'a mut dyn BareStates,
    sequence: &'a dyn Fn(usize) -> &'s Sequence,
    units: &'a [Unit<'a>],
    split: Option<&'a Split>,
) -> Result<Vec<Own>> {
    let layers = backbone.shape().layers;
    let lowest = units.iter().map(|unit| lowest_layer(unit.hook, layers));
    let lowest: Vec<usize> = lowest.collect();
    let beginning_at = |layer: usize| {
        let units = units.iter().enumerate().zip(&lowest);
        units.filter_map(move |(unit, lowest)| (*lowest == layer).then_some(unit))
    };
    let places = split.map(|split| Places::of(split, sequence, units));
    let embed = |sequences: &[usize], hook: &dyn Hook| -> Result<Own> {
        let batch = Batch::new(sequences.iter().map(|&index| sequence(index)));
        let states = backbone.embed(&batch, hook)?;
        Ok(match &places {
            Some(places) => places.own(sequences, &states),
            None => Own {
                states,
                cuts: Vec::new(),
            },
        })
    };
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (index, unit) in beginning_at(0) {
        groups.push(Group {
            own: Some(embed(&unit.sequences, unit.hook)?),
            ..Group::new(index, unit.hook, unit.sequences.clone())
        });
    }

    // what no unit has changed yet: the sequences of those whose lowest layer is still to come
    let mut layer = lowest.iter().copied().min().unwrap_or(layers);
    let mut trunk = Group::new(usize::MAX, &NoHook, waiting(units, &lowest, 0));
    trunk.bare = true;
    if !trunk.sequences.is_empty() {
        if split.is_some() {
            trunk.own = Some(embed(&trunk.sequences, &NoHook)?);
            run(backbone, 0..layer, &mut trunk, &mut [], split).await;
        } else {
            let own = trunk.sequences.iter();
            let own: Vec<_> = own.map(|&index| (index, sequence(index))).collect();
            trunk.own = Some(Own {
                states: bare.entering(backbone, layer, &own)?,
                cuts: Vec::new(),
            });
        }
    }
    loop {
        for (index, unit) in beginning_at(layer).filter(|_| layer > 0) {
            groups.push(Group {
                own: trunk.select(&unit.sequences),
                bare: true,
                ..Group::new(index, unit.hook, unit.sequences.clone())
            });
        }
        let left = waiting(units, &lowest, layer);
        trunk.own = trunk.select(&left);
        trunk.sequences = left;
        trunk.bare = true;
        if layer >= layers {
            break;
        }
        let later = lowest.iter().copied().filter(|&lowest| lowest > layer);
        let next = later.min().unwrap_or(layers);
        run(backbone, layer..next, &mut trunk, &mut groups, split).await;
        layer = next;
    }
    #[allow(clippy::cast_precision_loss)]
    let groups = sorted_by(groups, |group| group.unit as f64);
    let nothing = || Own {
        states: States {
            x: Tensor::new(Vec::new(), &[0, backbone.shape().hidden_size]),
            starts: [0].into(),
        },
        cuts: Vec::new(),
    };
    let own = groups.into_iter();
    Ok(own.map(|group| group.own.unwrap_or_else(nothing)).collect())
}

/// How the sequences of a split pass are cut, each with its index in the call.
struct Places<'s> {
    split: &'s Split,
    /// In rising order.
    sequences: Vec<usize>,
    cuts: Vec<Cuts>,
}

impl<'s> Places<'s> {
    fn of<'e>(
        split: &'s Split,
        sequence: &dyn Fn(usize) -> &'e Sequence,
        units: &[Unit<'_>],
    ) -> Self {
        let sequences = all(units.iter());
        let lengths = sequences.iter().map(|&index| sequence(index).len());
        let cuts = split.cuts(&lengths.collect::<Vec<_>>());
        Self {
            split,
            sequences,
            cuts,
        }
    }

    /// The rows that are computed here, of the states of whole sequences.
    fn own(&self, sequences: &[usize], states: &States) -> Own {
        let places = sequences.iter();
        let places = places.filter_map(|index| self.sequences.binary_search(index).ok());
        let cuts: Vec<Cuts> = places.map(|place| Cuts::clone(&self.cuts[place])).collect();
        let (states, cuts) = Portion::take(self.split, &cuts, states);
        Own { states, cuts }
    }
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
    all(waiting.map(|(unit, _)| unit))
}

/// The sequences of some units, each once, in rising order.
fn all<'a>(units: impl Iterator<Item = &'a Unit<'a>>) -> Vec<usize> {
    let mut sequences: Vec<usize> = Vec::new();
    for unit in units {
        sequences.extend_from_slice(&unit.sequences);
    }
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
    own: Option<Own>,
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
            own: None,
            bare: false,
        }
    }

    /// The states of some of its sequences.
    fn select(&self, sequences: &[usize]) -> Option<Own> {
        let Own { states, cuts } = self.own.as_ref()?;
        if sequences == self.sequences {
            return self.own.clone();
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
        for &place in &places {
            starts.push(starts[starts.len() - 1] + own(place).len());
        }
        let cuts = places.iter().filter_map(|&place| cuts.get(place));
        Some(Own {
            cuts: cuts.cloned().collect(),
            states: States {
                x: concat(&parts.iter().collect::<Vec<_>>()),
                starts: starts.into(),
            },
        })
    }
}

/// Runs layers over the states of all groups at once.
async fn run<'a>(
    backbone: &dyn Backbone,
    layers: Range<usize>,
    trunk: &mut Group<'a>,
    groups: &mut [Group<'a>],
    split: Option<&Split>,
) {
    let mut running = Vec::new();
    let mut rows = Rows::default();
    let mut same = Repeats::new(layers.start);
    let mut cuts = Vec::new();
    for group in std::iter::once(trunk).chain(groups) {
        if let Some(own) = group.own.take() {
            let bare = std::mem::take(&mut group.bare).then_some(&group.sequences[..]);
            same.add(&own.states, bare);
            cuts.extend_from_slice(&own.cuts);
            running.push((&mut group.own, group.hook, own));
        }
    }
    rows.repeats = same.any().then_some(same);
    let portion = split.map(|split| Portion::new(split, cuts));
    let portion = portion.as_ref();
    if let [_] = running[..] {
        if let Some((to, hook, Own { states, cuts })) = running.pop() {
            let states = backbone.run_portion(states, layers, hook, portion).await;
            *to = Some(Own { states, cuts });
        }
        return;
    }
    let mut starts = vec![0];
    for (_, hook, Own { states, .. }) in &running {
        let (token, sequence) = (starts[starts.len() - 1], starts.len() - 1);
        starts.extend(states.starts[1..].iter().map(|start| token + start));
        rows.parts.push(Rowed {
            hook: *hook,
            tokens: token..starts[starts.len() - 1],
            sequences: sequence..starts.len() - 1,
        });
    }
    let parts: Vec<&Tensor> = running.iter().map(|(_, _, own)| &own.states.x).collect();
    let Some(x) = (!parts.is_empty()).then(|| concat(&parts)) else {
        return;
    };
    let all = States {
        x,
        starts: starts.into(),
    };
    for (_, _, own) in &mut running {
        // the copy is what is computed with
        own.states.x = Tensor::new(Vec::new(), &[0, 0]);
    }
    let all = backbone.run_portion(all, layers, &rows, portion).await;
    for ((to, _, own), part) in running.into_iter().zip(&rows.parts) {
        *to = Some(Own {
            states: States {
                x: slice(&all.x, part.tokens.clone()),
                starts: own.states.starts,
            },
            cuts: own.cuts,
        });
    }
}
