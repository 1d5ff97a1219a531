use std::collections::BTreeMap;
use std::ops::Range;

use crate::model::{Attention, Hook, Join, LinearSite, NormSite, States, SublayerSite};
use crate::ops::{LayerNorm, concat, replace_rows, select, slice};
use crate::tensor::Tensor;

/// Adapters that each change their own rows of a batch, which entered layer 0 as each had them.
#[derive(Default)]
pub(super) struct Rows<'a> {
    pub(super) parts: Vec<Rowed<'a>>,
    /// The rows that are equal as they enter the first of the layers that are run, if any are.
    pub(super) repeats: Option<Repeats>,
}

/// Which rows of a batch are equal as they enter a layer.
pub(super) struct Repeats {
    layer: usize,
    /// The first of each, by their rows.
    firsts: Vec<usize>,
    /// Of each row, which of the firsts it equals.
    of: Vec<usize>,
    /// Where the tokens of each sequence of the bare backbone begin among the firsts.
    sequences: BTreeMap<usize, usize>,
}

impl Repeats {
    pub(super) fn new(layer: usize) -> Self {
        Self {
            layer,
            firsts: Vec::new(),
            of: Vec::new(),
            sequences: BTreeMap::new(),
        }
    }

    /// Rows further down; `bare` are their sequences, if they are the bare backbone's.
    pub(super) fn add(&mut self, states: &States, bare: Option<&[usize]>) {
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

    pub(super) fn any(&self) -> bool {
        self.firsts.len() < self.of.len()
    }
}

/// An adapter and its rows.
pub(super) struct Rowed<'a> {
    pub(super) hook: &'a dyn Hook,
    pub(super) tokens: Range<usize>,
    pub(super) sequences: Range<usize>,
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
            let input = input.of_sequences(part.sequences.clone());
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
