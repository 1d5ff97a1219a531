//! The layer of a fusion that mixes.

use std::collections::BTreeMap;

use super::Switches;
use crate::adapter::{Collector, Init, Site};
use crate::error::Result;
use crate::model::SublayerSite;
use crate::ops::{add, add_bias, linear, mean_squared_error, mixture, scale};
use crate::tensor::Tensor;

const QUERY: &str = "fusion.query.weight";
const QUERY_BIAS: &str = "fusion.query.bias";
const KEY: &str = "fusion.key.weight";
const KEY_BIAS: &str = "fusion.key.bias";
const VALUE: &str = "fusion.value.weight";

/// Factor of the penalty on values that leave the identity: AdapterHub's.
const PENALTY: f32 = 0.01;

/// The layer that mixes, by place.
pub type FusionLayers = BTreeMap<SublayerSite, FusionLayer>;

/// The mixing of one place. With `q` what the last adapter reads, `uᵢ` the i-th adapter's output without
/// what is around it, and `a` what is around the last:
/// `a + Σ pᵢ V uᵢ`, `p = softmax((Q q + b) · (K uᵢ + c))`.
pub struct FusionLayer {
    query: Option<(Tensor, Tensor)>,
    key: Option<(Tensor, Tensor)>,
    value: Option<Tensor>,
    switches: Switches,
}

impl FusionLayer {
    /// Takes the layer's parameters.
    ///
    /// # Errors
    /// Those of the source.
    pub fn build(
        switches: &Switches,
        width: usize,
        site: Site,
        tensors: &mut Collector<'_>,
    ) -> Result<Self> {
        let mut with_bias = |there: bool, weight, bias| -> Result<_> {
            if !there {
                return Ok(None);
            }
            let weight = tensors.get(site, weight, &[width, width], Init::Normal(0.02))?;
            Ok(Some((
                weight,
                tensors.get(site, bias, &[width], Init::Zeros)?,
            )))
        };
        let query = with_bias(switches.query, QUERY, QUERY_BIAS)?;
        let key = with_bias(switches.key, KEY, KEY_BIAS)?;
        let value = match (switches.value, switches.value_initialized) {
            (false, _) => None,
            (true, true) => {
                let mut start = identity(width);
                start
                    .iter_mut()
                    .filter(|x| **x == 0.0)
                    .for_each(|x| *x = 1e-6);
                Some(tensors.get_from(site, VALUE, &Tensor::new(start, &[width, width]))?)
            }
            (true, false) => Some(tensors.get(site, VALUE, &[width, width], Init::Normal(0.02))?),
        };
        Ok(Self {
            query,
            key,
            value,
            switches: switches.clone(),
        })
    }

    /// The mixture: `before` is what stands before and behind the frozen norm, `updates` are the outputs,
    /// `around` what is around them; all `[tokens, hidden size]`.
    ///
    /// # Panics
    /// If there are no updates.
    #[must_use]
    pub fn mix(&self, before: [&Tensor; 2], updates: Vec<Tensor>, around: Tensor) -> Tensor {
        let [before_norm, behind_norm] = before;
        let query = if self.switches.query_before_ln {
            before_norm
        } else {
            behind_norm
        };
        let project = |x: &Tensor, layer: &Option<(Tensor, Tensor)>| match layer {
            Some((weight, bias)) => add_bias(linear(x, weight), bias),
            None => x.clone(),
        };
        let updates: Vec<_> = match self.switches.residual_before {
            true => updates
                .into_iter()
                .map(|update| add(update, &around))
                .collect(),
            false => updates,
        };
        let keys: Vec<_> = updates
            .iter()
            .map(|update| project(update, &self.key))
            .collect();
        let (first, behind) = match (&self.value, self.switches.value_before_softmax) {
            (Some(value), true) => (Some(value), None),
            (Some(value), false) => (None, Some(value)),
            (None, _) => (None, None),
        };
        let values = match first {
            Some(value) => updates.iter().map(|update| linear(update, value)).collect(),
            None => updates,
        };
        let mixed = mixture(&project(query, &self.query), &keys, &values);
        let mixed = match behind {
            Some(value) => linear(&mixed, value),
            None => mixed,
        };
        match self.switches.residual_before {
            true => mixed,
            false => add(around, &mixed),
        }
    }

    /// `0.01 Σ (I - V)²`, a scalar, where the switches ask for it.
    #[must_use]
    pub fn penalty(&self) -> Option<Tensor> {
        let value = self
            .value
            .as_ref()
            .filter(|_| self.switches.regularization)?;
        let (width, _) = value.dims2();
        #[allow(clippy::cast_precision_loss)]
        let elements = (width * width) as f32;
        Some(scale(
            mean_squared_error(value, &identity(width)),
            PENALTY * elements,
        ))
    }
}

fn identity(width: usize) -> Vec<f32> {
    let mut matrix = vec![0.0; width * width];
    matrix.iter_mut().step_by(width + 1).for_each(|x| *x = 1.0);
    matrix
}
