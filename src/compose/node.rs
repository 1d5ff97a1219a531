use std::rc::Rc;

use super::TaskRef;
use super::fusion::{Fusion, FusionLayers};
use super::half_block::{Half, Place};
use crate::error::Result;
use crate::input::Batch;
use crate::model::{Embedder, Hook, Join, LinearSite, NormSite, States, SublayerSite};
use crate::ops::{LayerNorm, add, add_scaled, concat, scale};
use crate::tensor::Tensor;

/// What one row is computed with: a composition without the blocks that tell rows apart.
///
/// In each place of the encoder the parts that act there are combined as AdapterHub does:
///
/// * [`Stack`](Self::Stack): bottlenecks one behind the other, each reading what the one before gives;
///   residual and norm follow the last. LoRA: the second reads what the first would add, and only
///   the last's update is added. IA3, biases and whatever meets another kind: one after the other.
///   Prefixes: all are seen.
/// * [`Average`](Self::Average): `y + Σ wᵢ (yᵢ - y)`, with `y` what is there without an adapter and `yᵢ`
///   with the i-th. Where the weights sum to 1 that is `Σ wᵢ yᵢ`, AdapterHub's.
/// * [`Fuse`](Self::Fuse): see [`FusionLayer`](super::fusion::FusionLayer).
#[derive(Clone)]
pub enum Node<'a> {
    /// An adapter.
    One(TaskRef<'a>),
    /// One after the other.
    Stack(Vec<Self>),
    /// A weighted sum of changes.
    Average(Vec<(Self, f32)>),
    /// Outputs mixed by a fusion.
    Fuse {
        /// What mixes them, by place.
        layers: Rc<FusionLayers>,
        /// What is mixed.
        of: Vec<Self>,
    },
}

impl<'a> Node<'a> {
    /// Of an adapter; a fusion stands for its members.
    #[must_use]
    pub fn of(task: TaskRef<'a>) -> Self {
        match Fusion::of(&*task.adapter) {
            Some(fusion) => fusion.node(),
            None => Self::One(task),
        }
    }

    /// Whether it is the same adapters in the same composition.
    #[must_use]
    #[allow(clippy::float_cmp)]
    pub fn is(&self, other: &Self) -> bool {
        let all =
            |a: &[Self], b: &[Self]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is(b));
        match (self, other) {
            (Self::One(a), Self::One(b)) => a.is(b),
            (Self::Stack(a), Self::Stack(b)) => all(a, b),
            (Self::Average(a), Self::Average(b)) => {
                let same = |((a, v), (b, w)): (&(Self, f32), &(Self, f32))| a.is(b) && v == w;
                a.len() == b.len() && a.iter().zip(b).all(same)
            }
            (Self::Fuse { layers: f, of: a }, Self::Fuse { layers: g, of: b }) => {
                Rc::ptr_eq(f, g) && all(a, b)
            }
            _ => false,
        }
    }

    /// What it is made of; nothing for an adapter.
    pub(super) fn parts(&self) -> impl DoubleEndedIterator<Item = &Self> {
        let (parts, weighted) = match self {
            Self::One(_) => (&[][..], &[][..]),
            Self::Stack(of) | Self::Fuse { of, .. } => (&of[..], &[][..]),
            Self::Average(of) => (&[][..], &of[..]),
        };
        parts.iter().chain(weighted.iter().map(|(part, _)| part))
    }

    /// Whether something is true of an adapter in it.
    fn any(&self, holds: &dyn Fn(&dyn Hook) -> bool) -> bool {
        match self {
            Self::One(task) => holds(&*task.adapter),
            _ => self.parts().any(|part| part.any(holds)),
        }
    }

    /// As [`Adapter::update`](crate::adapter::Adapter::update).
    fn update(&self, site: LinearSite, x: &Tensor) -> Option<Tensor> {
        match self {
            Self::One(task) => task.adapter.update(site, x),
            Self::Stack(of) => {
                let mut update = None;
                for part in of.iter().filter(|part| part.changes_output(site)) {
                    update = Some(part.update(site, update.as_ref().unwrap_or(x))?);
                }
                update
            }
            Self::Average(of) => {
                let mut sum = None;
                for (part, weight) in of.iter().filter(|(part, _)| part.changes_output(site)) {
                    let update = part.update(site, x)?;
                    sum = Some(match sum {
                        None => scale(update, *weight),
                        Some(sum) => add_scaled(sum, &update, *weight),
                    });
                }
                sum
            }
            Self::Fuse { .. } => None,
        }
    }

    /// `y + Σ wᵢ (f(partᵢ, y) - y)`
    pub(super) fn average(
        of: &[(Self, f32)],
        y: Tensor,
        f: impl Fn(&Self, Tensor) -> Tensor,
    ) -> Tensor {
        let mut rest = 1.0;
        let mut sum = None;
        for (part, weight) in of {
            let changed = f(part, y.clone());
            rest -= weight;
            sum = Some(match sum {
                None => scale(changed, *weight),
                Some(sum) => add_scaled(sum, &changed, *weight),
            });
        }
        match sum {
            // weights that sum to 1 leave nothing of what is there without an adapter
            Some(sum) if rest.abs() <= f32::EPSILON => sum,
            Some(sum) => add_scaled(sum, &y, rest),
            None => y,
        }
    }
}

impl Hook for Node<'_> {
    fn embeddings(&self, batch: &Batch, embedder: &dyn Embedder) -> Result<States> {
        // a check lets no two through that act here, and none into an average
        match self {
            Self::One(task) => task.adapter.embeddings(batch, embedder),
            Self::Stack(of) | Self::Fuse { of, .. } => {
                match of.iter().find(|part| part.changes_embeddings()) {
                    Some(part) => part.embeddings(batch, embedder),
                    None => embedder.tokens(batch, 0),
                }
            }
            Self::Average(_) => embedder.tokens(batch, 0),
        }
    }

    fn changes_embeddings(&self) -> bool {
        self.any(&|hook| hook.changes_embeddings())
    }

    fn first_position(&self) -> usize {
        match self {
            Self::One(task) => task.adapter.first_position(),
            Self::Stack(of) | Self::Fuse { of, .. } => {
                let acting = of.iter().find(|part| part.changes_embeddings());
                acting.map_or(0, Hook::first_position)
            }
            Self::Average(_) => 0,
        }
    }

    fn before_linear(&self, site: LinearSite, x: Tensor) -> Tensor {
        if !self.changes_input(site) {
            return x;
        }
        match self {
            Self::One(task) => task.adapter.before_linear(site, x),
            Self::Stack(of) => of.iter().fold(x, |x, part| part.before_linear(site, x)),
            Self::Average(of) => Self::average(of, x, |part, x| part.before_linear(site, x)),
            Self::Fuse { .. } => x,
        }
    }

    fn changes_input(&self, site: LinearSite) -> bool {
        self.any(&|hook| hook.changes_input(site))
    }

    fn after_linear(&self, site: LinearSite, x: &Tensor, y: Tensor) -> Tensor {
        if !self.changes_output(site) {
            return y;
        }
        match self {
            Self::One(task) => task.adapter.after_linear(site, x, y),
            Self::Stack(of) => {
                let (mut y, mut update) = (y, None);
                for part in of.iter().filter(|part| part.changes_output(site)) {
                    if let Some(next) = part.update(site, update.as_ref().unwrap_or(x)) {
                        update = Some(next);
                    } else {
                        if let Some(update) = update.take() {
                            y = add(y, &update);
                        }
                        y = part.after_linear(site, x, y);
                    }
                }
                match update {
                    Some(update) => add(y, &update),
                    None => y,
                }
            }
            Self::Average(of) => match self.update(site, x) {
                Some(update) => add(y, &update),
                None => Self::average(of, y, |part, y| part.after_linear(site, x, y)),
            },
            Self::Fuse { .. } => y,
        }
    }

    fn changes_output(&self, site: LinearSite) -> bool {
        self.any(&|hook| hook.changes_output(site))
    }

    fn sublayer(&self, site: SublayerSite, h: Tensor, residual: &Tensor, norm: Join<'_>) -> Tensor {
        let place = Place {
            site,
            residual,
            norm,
        };
        if self.half_block(site, true).is_some() {
            let Half { x, last, .. } = self.pass(&place, Half::new(h, None), false);
            return match last {
                Some(last) => last.leave(x, residual, norm),
                None => norm.join(x, residual),
            };
        }
        match self {
            Self::One(task) => task.adapter.sublayer(site, h, residual, norm),
            Self::Stack(of) => match of.iter().find(|part| part.changes_sublayer(site)) {
                Some(part) => part.sublayer(site, h, residual, norm),
                None => norm.join(h, residual),
            },
            Self::Average(_) | Self::Fuse { .. } => norm.join(h, residual),
        }
    }

    fn norm(&self, site: NormSite, x: &Tensor, norm: &LayerNorm) -> Tensor {
        match self {
            Self::One(task) => task.adapter.norm(site, x, norm),
            Self::Stack(of) | Self::Fuse { of, .. } => {
                match of.iter().find(|part| part.changes_norm(site)) {
                    Some(part) => part.norm(site, x, norm),
                    None => norm.forward(x),
                }
            }
            Self::Average(_) => norm.forward(x),
        }
    }

    fn after_norm(&self, site: NormSite, y: Tensor) -> Tensor {
        match self {
            Self::One(task) => task.adapter.after_norm(site, y),
            Self::Stack(of) | Self::Fuse { of, .. } => {
                of.iter().fold(y, |y, part| part.after_norm(site, y))
            }
            // a check lets none through that acts here
            Self::Average(_) => y,
        }
    }

    fn changes_norm(&self, site: NormSite) -> bool {
        self.any(&|hook| hook.changes_norm(site))
    }

    fn changes_sublayer(&self, site: SublayerSite) -> bool {
        self.any(&|hook| hook.changes_sublayer(site))
    }

    fn key_value_prefix(&self, layer: usize) -> Option<(Tensor, Tensor)> {
        match self {
            Self::One(task) => task.adapter.key_value_prefix(layer),
            // the last one's come first, as in the library
            Self::Stack(of) => of
                .iter()
                .filter_map(|part| part.key_value_prefix(layer))
                .reduce(|(keys, values), (k, v)| (concat(&[&k, &keys]), concat(&[&v, &values]))),
            Self::Average(_) | Self::Fuse { .. } => None,
        }
    }

    fn lowest_layer(&self) -> Option<usize> {
        match self {
            Self::One(task) => task.adapter.lowest_layer(),
            _ => self.parts().filter_map(Hook::lowest_layer).min(),
        }
    }
}
