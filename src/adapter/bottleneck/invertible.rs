//! The invertible adapter that may stand behind the embeddings beside bottlenecks (Pfeiffer et al. 2020, MAD-X): the additive
//! coupling of NICE (Dinh et al. 2015), as AdapterHub's `NICECouplingBlock` has it.

use super::BottleneckConfig;
use super::config::python_quotient;
use crate::adapter::{Collector, Init, Site};
use crate::error::{Error, Result};
use crate::model::Shape;
use crate::ops::{Activation, add, add_bias, beside, columns, linear};
use crate::tensor::Tensor;

/// What the fields of its parameters begin with.
pub(super) const PREFIX: &str = "invertible.";

const F: [&str; 4] = [
    "invertible.F.0.weight",
    "invertible.F.0.bias",
    "invertible.F.2.weight",
    "invertible.F.2.bias",
];
const G: [&str; 4] = [
    "invertible.G.0.weight",
    "invertible.G.0.bias",
    "invertible.G.2.weight",
    "invertible.G.2.bias",
];

/// With `x = [x₁, x₂]`, the halves of a state: `y₁ = x₁ + F(x₂)`, `y₂ = x₂ + G(y₁)`.
pub(super) struct Coupling {
    first: usize,
    second: usize,
    f: Network,
    g: Network,
}

/// `act(x Dᵀ + d) Uᵀ + u`
struct Network {
    /// `[size, in]`
    down: Tensor,
    /// `[size]`
    down_bias: Tensor,
    activation: Activation,
    /// `[out, size]`
    up: Tensor,
    /// `[out]`
    up_bias: Tensor,
}

impl Coupling {
    /// The coupling that the configuration asks for, if any.
    pub(super) fn build(
        config: &BottleneckConfig,
        shape: &Shape,
        tensors: &mut Collector<'_>,
    ) -> Result<Option<Self>> {
        let Some(factor) = config.invertible else {
            return Ok(None);
        };
        let width = shape.anatomy.embedding_size;
        let first = width / 2;
        let second = width - first;
        let activation = config.activation;
        let mut network =
            |names: [&'static str; 4], input: usize, output: usize| -> Result<Network> {
                let size = python_quotient(input, factor);
                if size == 0 {
                    return Err(Error::OptionInvalid {
                        option: "inv_adapter_reduction_factor",
                        value: factor.to_string(),
                        reason: format!("it must leave at least one of {input} features"),
                    });
                }
                let mut get =
                    |name, dims: &[usize], init| tensors.get(Site::Encoder, name, dims, init);
                Ok(Network {
                    down: get(names[0], &[size, input], Init::Normal(0.02))?,
                    down_bias: get(names[1], &[size], Init::Zeros)?,
                    activation,
                    up: get(names[2], &[output, size], Init::Normal(0.02))?,
                    up_bias: get(names[3], &[output], Init::Zeros)?,
                })
            };
        let (f, g) = (network(F, second, first)?, network(G, first, second)?);
        Ok(Some(Self {
            first,
            second,
            f,
            g,
        }))
    }

    /// `[tokens, hidden]` to the same shape.
    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        let (x1, x2) = (
            columns(x, 0, self.first),
            columns(x, self.first, self.second),
        );
        let y1 = add(x1, &self.f.forward(&x2));
        let y2 = add(x2, &self.g.forward(&y1));
        beside(&y1, &y2)
    }
}

impl Network {
    fn forward(&self, x: &Tensor) -> Tensor {
        let inner = add_bias(linear(x, &self.down), &self.down_bias);
        add_bias(
            linear(&self.activation.forward(inner), &self.up),
            &self.up_bias,
        )
    }
}
