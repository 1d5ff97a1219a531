//! A LoRA made part of a copy of the layer that it stands beside.

use super::{Dora, Update};
use crate::error::{Error, Result};
use crate::model::Affine;
use crate::tensor::Tensor;

impl Update {
    /// Makes the update to a copy of the layer.
    ///
    /// # Errors
    /// [`Error::AdapterFormat`] if the update has a bias and the layer has none.
    pub(super) fn merge(&self, layer: &mut Affine) -> Result<()> {
        if self.bias.is_some() && layer.bias.is_empty() {
            return Err(Error::AdapterFormat {
                what: "the bias of a LoRA (lora_bias) on a layer without a bias".into(),
                format: "transformers",
                hint: "the model has no place for it; use the adapter beside the model".into(),
            });
        }
        add_product(&mut layer.weight, &self.a, &self.b, self.scale);
        // the bias lies outside of what DoRA scales
        if let Some(bias) = &self.bias {
            let ratios = self.dora.as_ref().map(Dora::ratios);
            for (row, (bias, c)) in layer.bias.iter_mut().zip(bias.data()).enumerate() {
                *bias += ratios.map_or(1.0, |ratios| ratios[row]) * self.scale * c;
            }
        }
        if let Some(dora) = &self.dora {
            let rows = layer.weight.chunks_exact_mut(self.a.dims2().1);
            for (row, ratio) in rows.zip(dora.ratios()) {
                row.iter_mut().for_each(|w| *w *= ratio);
            }
        }
        Ok(())
    }
}

/// `weight += scale · b a`, with `weight`: `[out, in]`, `a`: `[rank, in]`, `b`: `[out, rank]`.
pub(super) fn add_product(weight: &mut [f32], a: &Tensor, b: &Tensor, scale: f32) {
    let (_, input) = a.dims2();
    for (row, b) in weight.chunks_exact_mut(input).zip(b.rows()) {
        for (a, b) in a.rows().zip(b) {
            let factor = scale * b;
            row.iter_mut().zip(a).for_each(|(w, a)| *w += factor * a);
        }
    }
}
