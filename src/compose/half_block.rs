use super::Node;
use crate::adapter::HalfBlock;
use crate::model::{Join, SublayerSite};
use crate::tensor::Tensor;

/// A half block: where it is, its residual and its norm.
pub(super) struct Place<'a> {
    pub(super) site: SublayerSite,
    pub(super) residual: &'a Tensor,
    pub(super) norm: Join<'a>,
}

/// What passes through the bottlenecks of a half block.
pub(super) struct Half<'a> {
    /// What the next bottleneck reads; in the end what the last one gave.
    pub(super) x: Tensor,
    /// What the next bottleneck's output is added to; set where one was entered.
    around: Option<Tensor>,
    /// The last bottleneck's output without what is around it.
    update: Option<Tensor>,
    /// The last bottleneck, which says what follows.
    pub(super) last: Option<&'a dyn HalfBlock>,
}

impl Half<'_> {
    /// Nothing has been passed through yet.
    pub(super) fn new(x: Tensor, around: Option<Tensor>) -> Self {
        Self {
            x,
            around,
            update: None,
            last: None,
        }
    }
}

impl Node<'_> {
    /// The first or last bottleneck at a place.
    pub(super) fn half_block(&self, site: SublayerSite, last: bool) -> Option<&dyn HalfBlock> {
        if let Self::One(task) = self {
            return task.adapter.half_block(site);
        }
        let mut parts = self.parts().filter_map(|part| part.half_block(site, last));
        if last {
            parts.next_back()
        } else {
            parts.next()
        }
    }

    /// Passes through. AdapterHub enters each bottleneck of a stack and the first, or for a fusion the
    /// last, of what stands side by side.
    pub(super) fn pass<'a>(&'a self, place: &Place<'_>, half: Half<'a>, entered: bool) -> Half<'a> {
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
                    update: Some(update),
                    last: Some(part),
                    ..Half::new(out, None)
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
                let sum = Self::average(of, base, |part, base| {
                    let passed = part.pass(place, Half::new(x.clone(), around.clone()), true);
                    if passed.last.is_some() {
                        passed.x
                    } else {
                        base
                    }
                });
                Half {
                    last: self.half_block(place.site, true),
                    ..Half::new(sum, None)
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
                    let half = Half::new(x.clone(), around.clone());
                    part.pass(place, half, true).update
                });
                let updates: Vec<_> = updates.collect();
                let around = around.unwrap_or_else(|| x.clone());
                let mixed = layer.mix([&before, &x], updates, around);
                Half {
                    last: Some(last),
                    ..Half::new(mixed, None)
                }
            }
        }
    }
}
