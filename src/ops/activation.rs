use serde::{Deserialize, Serialize};

use super::gelu;
use crate::kernels::{sigmoid, tanh};
use crate::tensor::{Buffer, Inputs, Tensor};

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

const LEAK: f32 = 0.01;
const SQRT_2_OVER_PI: f32 = 0.797_884_6;
const CUBIC: f32 = 0.044_715;

impl Activation {
    /// Applies it.
    #[must_use]
    pub fn forward(self, x: Tensor) -> Tensor {
        match self {
            Self::Relu => apply(x, |x| x.max(0.0), |x| if x > 0.0 { 1.0 } else { 0.0 }),
            Self::Gelu => gelu(&x),
            Self::GeluNew => apply(x, gelu_new, gelu_new_slope),
            Self::Swish => apply(
                x,
                |x| x * sigmoid(x),
                |x| {
                    let s = sigmoid(x);
                    s * (1.0 + x * (1.0 - s))
                },
            ),
            Self::Tanh => apply(x, tanh, |x| 1.0 - tanh(x) * tanh(x)),
            Self::Sigmoid => apply(x, sigmoid, |x| sigmoid(x) * (1.0 - sigmoid(x))),
            Self::LeakyRelu => apply(
                x,
                |x| if x > 0.0 { x } else { LEAK * x },
                |x| if x > 0.0 { 1.0 } else { LEAK },
            ),
        }
    }
}

fn gelu_new(x: f32) -> f32 {
    0.5 * x * (1.0 + tanh(SQRT_2_OVER_PI * (x + CUBIC * x * x * x)))
}

fn gelu_new_slope(x: f32) -> f32 {
    let t = tanh(SQRT_2_OVER_PI * (x + CUBIC * x * x * x));
    let inner = SQRT_2_OVER_PI * (1.0 + 3.0 * CUBIC * x * x);
    0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * inner
}

/// `y = f(x)`, `dx = dy f'(x)`, element by element.
fn apply(
    x: Tensor,
    f: impl Fn(f32) -> f32,
    slope: impl Fn(f32) -> f32 + Send + Sync + 'static,
) -> Tensor {
    let shape = x.shape().to_vec();
    if !x.is_tracked() {
        let mut y = x.into_buffer();
        y.iter_mut().for_each(|y| *y = f(*y));
        return Tensor::new(y, &shape);
    }
    let mut y = Buffer::uninitialised(x.len());
    y.iter_mut().zip(x.data()).for_each(|(y, &x)| *y = f(x));
    Tensor::result(y, &shape, [&x], || {
        let x = x.detach();
        move |mut dy, inputs: &mut Inputs<'_>| {
            let pairs = dy.iter_mut().zip(x.data());
            pairs.for_each(|(dy, &x)| *dy *= slope(x));
            inputs.give(0, dy);
        }
    })
}
