use std::rc::Rc;

use super::fusion::{Fusion, FusionLayers};
use crate::adapter::HalfBlock;
use crate::error::Result;
use crate::folder::TaskAdapter;
use crate::input::text::Batch;
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
pub enum Node {
    /// An adapter.
    One(Rc<TaskAdapter>),
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

/// What passes through the bottlenecks of a half block.
struct Half<'a> {
    /// What the next one reads.
    x: Tensor,
    /// What its output is added to; set where one was entered.
    around: Option<Tensor>,
    /// The last one's output without what is around it.
    update: Option<Tensor>,
    /// The last one, which says what follows.
    last: Option<&'a dyn HalfBlock>,
}

/// A half block: where it is, its residual and its norm.
struct Place<'a> {
    site: SublayerSite,
    residual: &'a Tensor,
    norm: Join<'a>,
}

impl Node {
    /// Of an adapter; a fusion stands for its members.
    #[must_use]
    pub fn of(task: Rc<TaskAdapter>) -> Self {
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
            (Self::One(a), Self::One(b)) => Rc::ptr_eq(a, b),
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

    /// Whether something is true of a part.
    fn any(&self, holds: &dyn Fn(&dyn Hook) -> bool) -> bool {
        match self {
            Self::One(task) => holds(&*task.adapter),
            Self::Stack(of) | Self::Fuse { of, .. } => of.iter().any(|part| part.any(holds)),
            Self::Average(of) => of.iter().any(|(part, _)| part.any(holds)),
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
    fn average(of: &[(Self, f32)], y: Tensor, f: impl Fn(&Self, Tensor) -> Tensor) -> Tensor {
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

    /// The first or last bottleneck at a place.
    fn half_block(&self, site: SublayerSite, last: bool) -> Option<&dyn HalfBlock> {
        match self {
            Self::One(task) => task.adapter.half_block(site),
            Self::Stack(of) | Self::Fuse { of, .. } => {
                let mut parts = of.iter().filter_map(|part| part.half_block(site, last));
                if last {
                    parts.next_back()
                } else {
                    parts.next()
                }
            }
            Self::Average(of) => {
                let mut parts = of
                    .iter()
                    .filter_map(|(part, _)| part.half_block(site, last));
                if last {
                    parts.next_back()
                } else {
                    parts.next()
                }
            }
        }
    }

    /// Passes through. AdapterHub enters each bottleneck of a stack and the first, or for a fusion the
    /// last, of what stands side by side.
    fn pass<'a>(&'a self, place: &Place<'_>, half: Half<'a>, entered: bool) -> Half<'a> {
        let enter = |part: &dyn HalfBlock, x: Tensor| {
            let (x, around) = part.enter(x, place.residual, place.norm);
            (x, Some(around))
        };
        match self {
            Self::One(task) => {
                let Some(part) = task.adapter.half_block(place.site) else {
                    return half;
                };
                let (x, around) = match half.around {
                    Some(around) if entered => (half.x, around),
                    _ => part.enter(half.x, place.residual, place.norm),
                };
                let (out, update) = part.forward(&x, around);
                Half {
                    x: out,
                    around: None,
                    update: Some(update),
                    last: Some(part),
                }
            }
            Self::Stack(of) => of
                .iter()
                .fold(half, |half, part| part.pass(place, half, false)),
            Self::Average(of) => {
                let Some(first) = self.half_block(place.site, false) else {
                    return half;
                };
                let (x, around) = enter(first, half.x);
                let base = around.clone().unwrap_or_else(|| x.clone());
                let last = self.half_block(place.site, true);
                let sum = Self::average(of, base, |part, base| {
                    let half = Half {
                        x: x.clone(),
                        around: around.clone(),
                        update: None,
                        last: None,
                    };
                    let passed = part.pass(place, half, true);
                    if passed.last.is_some() {
                        passed.x
                    } else {
                        base
                    }
                });
                Half {
                    x: sum,
                    around: None,
                    update: None,
                    last,
                }
            }
            Self::Fuse { layers, of } => {
                let layer = layers.get(&place.site);
                let (Some(last), Some(layer)) = (self.half_block(place.site, true), layer) else {
                    return half;
                };
                let before = half.x.clone();
                let (x, around) = enter(last, half.x);
                let updates = of.iter().filter_map(|part| {
                    let half = Half {
                        x: x.clone(),
                        around: around.clone(),
                        update: None,
                        last: None,
                    };
                    part.pass(place, half, true).update
                });
                let updates: Vec<_> = updates.collect();
                let around = around.unwrap_or_else(|| x.clone());
                Half {
                    x: layer.mix([&before, &x], updates, around),
                    around: None,
                    update: None,
                    last: Some(last),
                }
            }
        }
    }
}

impl Hook for Node {
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
            let half = Half {
                x: h,
                around: None,
                update: None,
                last: None,
            };
            let Half { x, last, .. } = self.pass(&place, half, false);
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
            Self::Stack(of) | Self::Fuse { of, .. } => {
                of.iter().filter_map(Hook::lowest_layer).min()
            }
            Self::Average(of) => of.iter().filter_map(|(part, _)| part.lowest_layer()).min(),
        }
    }
}
