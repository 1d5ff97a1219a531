use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::input::text::{Batch, Encoded};
use crate::model::{
    Attention, Backbone, Hook, Join, LinearSite, NoHook, NormSite, States, SublayerSite,
};
use crate::ops::{LayerNorm, concat, replace_rows, select, slice};
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
/// them changes.
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
    let layers = backbone.shape().layers;
    let lowest: Vec<usize> = units
        .iter()
        .map(|unit| unit.hook.lowest_layer().unwrap_or(layers))
        .collect();
    let embed = |unit: &Unit<'_>| -> Result<States> {
        let batch = Batch::new(unit.sequences.iter().map(|&index| &sequences[index]));
        backbone.embed(&batch, unit.hook)
    };

    // what no unit has changed yet: the sequences of those whose lowest layer is still to come
    let mut trunk = Group::new(usize::MAX, &NoHook, waiting(units, &lowest, 0));
    if !trunk.sequences.is_empty() {
        let hook = &NoHook;
        trunk.states = Some(embed(&Unit {
            hook,
            sequences: trunk.sequences.clone(),
        })?);
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (index, unit) in units
        .iter()
        .enumerate()
        .filter(|(index, _)| lowest[*index] == 0)
    {
        let mut group = Group::new(index, unit.hook, unit.sequences.clone());
        group.states = Some(embed(unit)?);
        groups.push(group);
    }

    let mut layer = 0;
    while layer < layers {
        let next = lowest
            .iter()
            .copied()
            .filter(|&l| l > layer)
            .min()
            .unwrap_or(layers);
        run(backbone, layer..next, &mut trunk, &mut groups);
        for (index, unit) in units
            .iter()
            .enumerate()
            .filter(|(index, _)| lowest[*index] == next)
        {
            let mut group = Group::new(index, unit.hook, unit.sequences.clone());
            group.states = trunk.select(&unit.sequences);
            group.bare = true;
            groups.push(group);
        }
        let left = waiting(units, &lowest, next);
        trunk.states = trunk.select(&left);
        trunk.sequences = left;
        trunk.bare = true;
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

/// Adapters that each change their own rows of a batch, which entered layer 0 as each had them.
#[derive(Default)]
struct Rows<'a> {
    parts: Vec<Rowed<'a>>,
    repeats: Option<Repeats>,
}

/// Which rows of a batch are equal as they enter a layer.
struct Repeats {
    layer: usize,
    /// The first of each, by their rows.
    firsts: Vec<usize>,
    /// Of each row, which of the firsts it equals.
    of: Vec<usize>,
    /// Where the tokens of each sequence of the bare backbone begin among the firsts.
    sequences: BTreeMap<usize, usize>,
}

impl Repeats {
    fn new(layer: usize) -> Self {
        Self {
            layer,
            firsts: Vec::new(),
            of: Vec::new(),
            sequences: BTreeMap::new(),
        }
    }

    /// Rows further down; `bare` are their sequences, if they are the bare backbone's.
    fn add(&mut self, states: &States, bare: Option<&[usize]>) {
        for (index, bounds) in states.starts.windows(2).enumerate() {
            let (own, tokens) = (self.firsts.len(), bounds[1] - bounds[0]);
            let first = match bare {
                Some(sequences) => *self.sequences.entry(sequences[index]).or_insert(own),
                None => own,
            };
            if first == own {
                self.firsts.extend(self.of.len()..self.of.len() + tokens);
            }
            self.of.extend(first..first + tokens);
        }
    }

    fn any(&self) -> bool {
        self.firsts.len() < self.of.len()
    }
}

struct Rowed<'a> {
    hook: &'a dyn Hook,
    tokens: Range<usize>,
    sequences: Range<usize>,
}

impl Rows<'_> {
    fn any(&self, changes: impl Fn(&dyn Hook) -> bool) -> bool {
        self.parts.iter().any(|part| changes(part.hook))
    }

    /// `y` with the rows of each hook that changes anything as it has them; the others stay in place.
    fn change(
        &self,
        y: Tensor,
        changes: impl Fn(&dyn Hook) -> bool,
        change: impl Fn(&Rowed<'_>, Tensor) -> Tensor,
    ) -> Tensor {
        let changing = self.parts.iter().filter(|part| changes(part.hook));
        changing.fold(y, |y, part| {
            let own = slice(&y, part.tokens.clone());
            replace_rows(y, &change(part, own), part.tokens.start)
        })
    }
}

impl Hook for Rows<'_> {
    fn projections(
        &self,
        layer: usize,
        x: &Tensor,
        project: &dyn Fn(&Tensor) -> [Tensor; 3],
    ) -> [Tensor; 3] {
        match self
            .repeats
            .as_ref()
            .filter(|repeats| repeats.layer == layer)
        {
            Some(repeats) => project(&select(x, &repeats.firsts)).map(|y| select(&y, &repeats.of)),
            None => project(x),
        }
    }

    fn before_linear(&self, site: LinearSite, x: Tensor) -> Tensor {
        self.change(
            x,
            |hook| hook.changes_input(site),
            |part, x| part.hook.before_linear(site, x),
        )
    }

    fn changes_input(&self, site: LinearSite) -> bool {
        self.any(|hook| hook.changes_input(site))
    }

    fn after_linear(&self, site: LinearSite, x: &Tensor, y: Tensor) -> Tensor {
        self.change(
            y,
            |hook| hook.changes_output(site),
            |part, y| {
                part.hook
                    .after_linear(site, &slice(x, part.tokens.clone()), y)
            },
        )
    }

    fn changes_output(&self, site: LinearSite) -> bool {
        self.any(|hook| hook.changes_output(site))
    }

    fn sublayer(&self, site: SublayerSite, h: Tensor, residual: &Tensor, norm: Join<'_>) -> Tensor {
        if !self.changes_sublayer(site) {
            return norm.join(h, residual);
        }
        let joined = self.parts.iter().map(|part| {
            let own = |x: &Tensor| slice(x, part.tokens.clone());
            part.hook.sublayer(site, own(&h), &own(residual), norm)
        });
        let joined: Vec<Tensor> = joined.collect();
        concat(&joined.iter().collect::<Vec<_>>())
    }

    fn norm(&self, site: NormSite, x: &Tensor, norm: &LayerNorm) -> Tensor {
        self.change(
            norm.forward(x),
            |hook| hook.changes_norm(site),
            |part, _| part.hook.norm(site, &slice(x, part.tokens.clone()), norm),
        )
    }

    fn after_norm(&self, site: NormSite, y: Tensor) -> Tensor {
        self.change(
            y,
            |hook| hook.changes_norm(site),
            |part, y| part.hook.after_norm(site, y),
        )
    }

    fn changes_norm(&self, site: NormSite) -> bool {
        self.any(|hook| hook.changes_norm(site))
    }

    fn changes_sublayer(&self, site: SublayerSite) -> bool {
        self.any(|hook| hook.changes_sublayer(site))
    }

    fn attention(&self, layer: usize, input: Attention) -> Tensor {
        let prefixes: Vec<_> = self
            .parts
            .iter()
            .map(|part| part.hook.key_value_prefix(layer))
            .collect();
        if prefixes.iter().all(Option::is_none) {
            return input.behind(None);
        }
        let states = self.parts.iter().zip(prefixes).map(|(part, prefix)| {
            let own = |x: &Tensor| slice(x, part.tokens.clone());
            let starts = &input.starts[part.sequences.start..=part.sequences.end];
            let starts: Arc<[usize]> = starts
                .iter()
                .map(|start| start - part.tokens.start)
                .collect();
            let input = Attention {
                q: own(&input.q),
                k: own(&input.k),
                v: own(&input.v),
                plan: input.plan.clone(),
                starts,
            };
            input.behind(prefix)
        });
        let states: Vec<Tensor> = states.collect();
        concat(&states.iter().collect::<Vec<_>>())
    }

    fn lowest_layer(&self) -> Option<usize> {
        self.parts
            .iter()
            .filter_map(|part| part.hook.lowest_layer())
            .min()
    }
}
