use serde::{Deserialize, Serialize};

use super::gelu;
use crate::kernels::{exp, normal_distribution, sigmoid, tanh};
use crate::tensor::{Buffer, Inputs, Tensor};

/// An elementwise nonlinearity, under the names of AdapterHub's configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `max(x, 0)`
    Relu,
    /// `max(x, 0)²`
    Relu2,
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `max(x, 0) + 0.01 min(x, 0)`
    #[serde(rename = "leakyrelu", alias = "leaky_relu")]
    LeakyRelu,
    /// `x Φ(x)`, exact
    #[serde(alias = "gelu_python")]
    Gelu,
    /// `min(max(x Φ(x), -10), 10)`
    #[serde(rename = "gelu_10")]
    Gelu10,
    /// `x Φ(x)`, by its tanh approximation
    #[serde(
        alias = "gelu_accurate",
        alias = "gelu_fast",
        alias = "gelu_python_tanh",
        alias = "gelu_pytorch_tanh"
    )]
    GeluNew,
    /// `x σ(1.702 x)`
    QuickGelu,
    /// `x σ(x)`, also called SiLU
    #[serde(alias = "silu")]
    Swish,
    /// `x tanh(ln(1 + eˣ))`
    Mish,
    /// Hyperbolic tangent
    Tanh,
    /// Logistic function
    Sigmoid,
    /// `Φ((x - 0.707107) / 0.282095)`
    Laplace,
    /// `x`
    Linear,
}

const LEAK: f32 = 0.01;
const SQRT_2_OVER_PI: f32 = 0.797_884_6;
const CUBIC: f32 = 0.044_715;
const QUICK: f32 = 1.702;
const CLIP: f32 = 10.0;
// transformers' constant, which is not quite √½
#[allow(clippy::approx_constant)]
const LAPLACE_MEAN: f32 = 0.707_107;
const LAPLACE_DEVIATION: f32 = 0.282_095;

impl Activation {
    /// Applies it.
    #[must_use]
    pub fn forward(self, x: Tensor) -> Tensor {
        match self {
            Self::Relu => apply(x, |x| x.max(0.0), |x| if x > 0.0 { 1.0 } else { 0.0 }),
            Self::Relu2 => apply(x, |x| x.max(0.0) * x.max(0.0), |x| 2.0 * x.max(0.0)),
            Self::Relu6 => apply(
                x,
                |x| x.clamp(0.0, 6.0),
                |x| if x > 0.0 && x < 6.0 { 1.0 } else { 0.0 },
            ),
            Self::LeakyRelu => apply(
                x,
                |x| if x > 0.0 { x } else { LEAK * x },
                |x| if x > 0.0 { 1.0 } else { LEAK },
            ),
            Self::Gelu => gelu(&x),
            Self::Gelu10 => apply(
                gelu(&x),
                |y| y.clamp(-CLIP, CLIP),
                |y| if y.abs() <= CLIP { 1.0 } else { 0.0 },
            ),
            Self::GeluNew => apply(x, gelu_new, gelu_new_slope),
            Self::QuickGelu => apply(x, |x| swish(x, QUICK), |x| swish_slope(x, QUICK)),
            Self::Swish => apply(x, |x| swish(x, 1.0), |x| swish_slope(x, 1.0)),
            Self::Mish => apply(
                x,
                |x| x * tanh_of_softplus(x),
                |x| {
                    let t = tanh_of_softplus(x);
                    t + x * (1.0 - t * t) * sigmoid(x)
                },
            ),
            Self::Tanh => apply(x, tanh, |x| 1.0 - tanh(x) * tanh(x)),
            Self::Sigmoid => apply(x, sigmoid, |x| sigmoid(x) * (1.0 - sigmoid(x))),
            Self::Laplace => apply(
                x,
                |x| normal_distribution((x - LAPLACE_MEAN) / LAPLACE_DEVIATION).0,
                |x| {
                    let (_, density) = normal_distribution((x - LAPLACE_MEAN) / LAPLACE_DEVIATION);
                    density / LAPLACE_DEVIATION
                },
            ),
            Self::Linear => x,
        }
    }
}

/// `x σ(a x)`
fn swish(x: f32, a: f32) -> f32 {
    x * sigmoid(a * x)
}

fn swish_slope(x: f32, a: f32) -> f32 {
    let s = sigmoid(a * x);
    s * (1.0 + a * x * (1.0 - s))
}

/// `tanh(ln(1 + eˣ))`, which is `n / (n + 2)` with `n = eˣ (eˣ + 2)`; beyond 20 it is 1, before n
/// would overflow.
fn tanh_of_softplus(x: f32) -> f32 {
    let e = exp(x.min(20.0));
    let n = e * (e + 2.0);
    n / (n + 2.0)
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
