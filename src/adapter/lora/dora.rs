use super::merge::add_product;
use crate::adapter::{Collector, Site};
use crate::error::Result;
use crate::model::{LinearSite, Shape};
use crate::ops::{FrozenLinear, add, add_bias, add_scaled, divide, scale_columns};
use crate::tensor::Tensor;

pub(super) const MAGNITUDE: &str = "lora_magnitude";

/// Weight-decomposed LoRA (Liu et al. 2024): the weight `V = W + s B A` is divided by the norm of each
/// of its rows and multiplied by a trained magnitude, `[out]`. The norm counts as a constant in the
/// backward pass, as in section 4.3 of the paper and in PEFT.
pub(super) struct Dora {
    layer: Option<FrozenLinear>,
    /// magnitude / norm, `[out]`
    ratio: Tensor,
    /// ratio - 1, `[out]`
    excess: Tensor,
}

impl Dora {
    /// `a`: `[rank, in]`, `b`: `[out, rank]`. A fresh magnitude is the norm.
    pub(super) fn build(
        site: LinearSite,
        shape: &Shape,
        tensors: &mut Collector<'_>,
        (a, b, scale): (&Tensor, &Tensor, f32),
    ) -> Result<Self> {
        let (input, output) = shape.linear_features(site);
        let layer = shape.frozen.linear(site).filter(|layer| {
            let weight = layer.weight();
            (weight.in_features(), weight.out_features()) == (input, output)
        });
        let norms = match layer {
            Some(layer) => row_norms(layer.weight().dequantized(), a, b, scale),
            None => vec![1.0; output],
        };
        let norms = Tensor::new(norms, &[output]);
        let magnitude = tensors.get_from(Site::Linear(site), MAGNITUDE, &norms)?;
        let ratio = divide(&magnitude, &norms);
        let ones = Tensor::new(vec![1.0; output], &[output]);
        Ok(Self {
            layer: layer.cloned(),
            excess: add_scaled(ratio.clone(), &ones, -1.0),
            ratio,
        })
    }

    /// What each row of `V` is multiplied with: magnitude / norm, `[out]`.
    pub(super) fn ratios(&self) -> &[f32] {
        self.ratio.data()
    }

    /// `y + (ratio - 1) ∘ W x + ratio ∘ s update`, with `y`: `[tokens, out]` the frozen layer's output
    /// and `update` LoRA's; both of the sums are exactly 0 while the adapter is fresh. `dropped` is the
    /// layer's input where dropout has changed it.
    pub(super) fn apply(
        &self,
        y: Tensor,
        dropped: Option<&Tensor>,
        update: &Tensor,
        scale: f32,
    ) -> Tensor {
        let base = match (dropped, &self.layer) {
            (Some(x), Some(layer)) => layer.forward(x),
            _ => y.clone(),
        };
        let bias = self.layer.as_ref().and_then(|layer| layer.bias());
        let base = match bias {
            Some(bias) => {
                let negative: Vec<f32> = bias.iter().map(|bias| -bias).collect();
                add_bias(base, &Tensor::new(negative, &[bias.len()]))
            }
            None => base,
        };
        let y = add(y, &scale_columns(&base, &self.excess));
        add_scaled(y, &scale_columns(update, &self.ratio), scale)
    }
}

/// Euclidean norm of each row of `W + s B A`, with `weight`: `[out, in]`.
fn row_norms(mut weight: Vec<f32>, a: &Tensor, b: &Tensor, scale: f32) -> Vec<f32> {
    add_product(&mut weight, a, b, scale);
    let (_, input) = a.dims2();
    let norm = |row: &[f32]| {
        let squares: f64 = row.iter().map(|&w| f64::from(w) * f64::from(w)).sum();
        #[allow(clippy::cast_possible_truncation)]
        let norm = squares.sqrt() as f32;
        // a row of zeros has no direction
        if norm > 0.0 { norm } else { 1.0 }
    };
    weight.chunks_exact(input).map(norm).collect()
}
