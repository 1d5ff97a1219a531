use candle_core::{Result, Tensor};
use serde::{Deserialize, Serialize};

use super::gelu;

/// An elementwise nonlinearity, under the names of AdapterHub's configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `max(x, 0)`
    Relu,
    /// `x Φ(x)`, exact
    Gelu,
    /// `x Φ(x)`, by its tanh approximation
    GeluNew,
    /// `x σ(x)`, also called SiLU
    #[serde(alias = "silu")]
    Swish,
    /// Hyperbolic tangent
    Tanh,
    /// Logistic function
    Sigmoid,
    /// `max(x, 0) + 0.01 min(x, 0)`
    #[serde(rename = "leakyrelu")]
    LeakyRelu,
}

impl Activation {
    /// Applies it.
    ///
    /// # Errors
    /// If `x` is not f32.
    pub fn forward(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Relu => x.relu(),
            Self::Gelu => gelu(x),
            Self::GeluNew => x.gelu(),
            Self::Swish => x.silu(),
            Self::Tanh => x.tanh(),
            // candle's own sigmoid lives in another crate; tanh has a backward pass
            Self::Sigmoid => ((x * 0.5)?.tanh()? + 1.0)? * 0.5,
            Self::LeakyRelu => x.maximum(&(x * 0.01)?),
        }
    }
}
