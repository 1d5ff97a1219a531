use std::ops::Range;
use std::sync::Arc;

use super::hook::Own;
use crate::error::Result;
use crate::input::{Batch, Sequence, Sort};
use crate::model::{Affine, Backbone, Frozen, Hook, Place, Portion, Shape, States, Waiting};
use crate::tensor::Tensor;

/// One encoder of a [`DualEncoder`](super::DualEncoder): a backbone whose layers are numbered as those of the whole.
/// Those of the other encoder do nothing.
pub struct Tower {
    backbone: Arc<dyn Backbone>,
    /// The number of its first layer.
    first: usize,
    sort: Sort,
    shape: Shape,
}

impl Tower {
    /// The encoder whose first layer has the number `first` of `layers`.
    pub(super) fn new(backbone: Arc<dyn Backbone>, first: usize, layers: usize) -> Self {
        let shape = Shape {
            layers,
            // hooks ask the whole
            frozen: Frozen::default(),
            ..backbone.shape().clone()
        };
        Self {
            sort: shape.anatomy.stem.sort(),
            backbone,
            first,
            shape,
        }
    }

    /// Whether it reads such a sequence.
    #[must_use]
    pub fn reads(&self, sequence: &Sequence) -> bool {
        sequence.sort() == self.sort
    }

    fn own<'a>(&self, hook: &'a dyn Hook) -> Own<'a> {
        Own {
            hook,
            first: self.first,
        }
    }

    /// Layers of the whole as layers of this encoder.
    fn layers(&self, layers: &Range<usize>) -> Range<usize> {
        let own = |layer: usize| {
            let last = self.backbone.shape().layers;
            layer.saturating_sub(self.first).min(last)
        };
        own(layers.start)..own(layers.end)
    }
}

impl Backbone for Tower {
    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn embed(&self, batch: &Batch, hook: &dyn Hook) -> Result<States> {
        self.backbone.embed(batch, &self.own(hook))
    }

    fn run_portion<'a>(
        &'a self,
        states: States,
        layers: Range<usize>,
        hook: &'a dyn Hook,
        portion: Option<&'a Portion<'a>>,
    ) -> Waiting<'a, States> {
        Box::pin(async move {
            let (own, hook) = (self.layers(&layers), self.own(hook));
            match own.is_empty() {
                true => states,
                false => self.backbone.run_portion(states, own, &hook, portion).await,
            }
        })
    }

    fn pool(&self, states: &States, hook: &dyn Hook) -> Tensor {
        self.backbone.pool(states, hook)
    }

    fn checkpoint(
        &self,
        change: &mut dyn FnMut(Place, &mut Affine) -> Result<()>,
    ) -> Result<Vec<u8>> {
        self.backbone.checkpoint(change)
    }

    fn hash(&self) -> String {
        self.backbone.hash()
    }
}
