use super::hypercomplex::Shared;
use super::{BottleneckConfig, Scaling};
use crate::adapter::{Collector, Init, Site};
use crate::error::Result;
use crate::model::{Shape, SublayerSite};
use crate::ops::{Activation, add_bias, layer_norm, linear, scale, scale_columns};
use crate::tensor::Tensor;

/// One of a network's two projections.
#[derive(Clone, Copy)]
pub(super) enum Position {
    Down,
    Up,
}

/// What a projection's parameters are called.
pub(super) struct Names {
    pub(super) weight: &'static str,
    pub(super) bias: &'static str,
    pub(super) w: &'static str,
    pub(super) w_left: &'static str,
    pub(super) w_right: &'static str,
    pub(super) rule: &'static str,
    pub(super) rule_left: &'static str,
    pub(super) rule_right: &'static str,
}

static DOWN: Names = Names {
    weight: "down.weight",
    bias: "down.bias",
    w: "down.w",
    w_left: "down.w_left",
    w_right: "down.w_right",
    rule: "down.rule",
    rule_left: "down.rule_left",
    rule_right: "down.rule_right",
};

static UP: Names = Names {
    weight: "up.weight",
    bias: "up.bias",
    w: "up.w",
    w_left: "up.w_left",
    w_right: "up.w_right",
    rule: "up.rule",
    rule_left: "up.rule_left",
    rule_right: "up.rule_right",
};

impl Position {
    pub(super) fn names(self) -> &'static Names {
        match self {
            Self::Down => &DOWN,
            Self::Up => &UP,
        }
    }
}

pub(super) const SCALING: &str = "scaling";
pub(super) const INPUT_NORM: &str = "input_norm.weight";
pub(super) const INPUT_NORM_BIAS: &str = "input_norm.bias";
pub(super) const OUTPUT_NORM: &str = "output_norm.weight";
pub(super) const OUTPUT_NORM_BIAS: &str = "output_norm.bias";

/// ε of the adapter's own norms: PyTorch's default.
const EPSILON: f32 = 1e-5;

/// The bottleneck of one half block.
pub(super) struct Network {
    input_norm: Option<Norm>,
    down: Projection,
    activation: Activation,
    up: Projection,
    scaling: Factor,
    output_norm: Option<Norm>,
}

struct Projection {
    /// `[out, in]`
    weight: Tensor,
    /// `[out]`
    bias: Option<Tensor>,
}

enum Factor {
    Fixed(f32),
    /// `[1]` or `[hidden]`
    Trained(Tensor),
}

/// Scale and shift, each `[hidden]`.
struct Norm(Tensor, Tensor);

/// Takes what all networks of an adapter share.
pub(super) fn shared(
    config: &BottleneckConfig,
    shape: &Shape,
    tensors: &mut Collector<'_>,
) -> Result<Shared> {
    let first = config.layers.first().copied().unwrap_or_default();
    match &config.hypercomplex {
        Some(hypercomplex) => {
            hypercomplex.shared(shape.hidden_size, config.size(first, shape), tensors)
        }
        None => Ok(Shared::default()),
    }
}

impl Network {
    pub(super) fn build(
        config: &BottleneckConfig,
        shape: &Shape,
        site: SublayerSite,
        shared: &Shared,
        tensors: &mut Collector<'_>,
    ) -> Result<Self> {
        let (hidden, size) = (shape.hidden_size, config.size(site.layer, shape));
        let site = Site::Sublayer(site);
        let ones = Tensor::new(vec![1.0; hidden], &[hidden]);
        let norm = |tensors: &mut Collector<'_>, weight, bias| -> Result<Norm> {
            let gamma = tensors.get_from(site, weight, &ones)?;
            Ok(Norm(
                gamma,
                tensors.get(site, bias, &[hidden], Init::Zeros)?,
            ))
        };
        let projection = |tensors: &mut Collector<'_>, position: Position| {
            // U = 0, so that a fresh adapter changes nothing (Houlsby: near-identity)
            let (features, init) = match position {
                Position::Down => ((hidden, size), Init::Normal(0.02)),
                Position::Up => ((size, hidden), Init::Zeros),
            };
            let names = position.names();
            let weight = match &config.hypercomplex {
                Some(made) => made.weight(position, site, features, shared, tensors)?,
                None => tensors.get(site, names.weight, &[features.1, features.0], init)?,
            };
            let bias = match &config.hypercomplex {
                Some(hypercomplex) if !hypercomplex.bias => None,
                _ => Some(tensors.get(site, names.bias, &[features.1], Init::Zeros)?),
            };
            Result::Ok(Projection { weight, bias })
        };
        let input_norm = if config.input_norm {
            Some(norm(tensors, INPUT_NORM, INPUT_NORM_BIAS)?)
        } else {
            None
        };
        let (down, up) = (
            projection(tensors, Position::Down)?,
            projection(tensors, Position::Up)?,
        );
        let one = Tensor::new(vec![1.0], &[1]);
        #[allow(clippy::cast_possible_truncation)]
        let scaling = match config.scaling {
            Scaling::Fixed(factor) => Factor::Fixed(factor as f32),
            Scaling::Learned => Factor::Trained(tensors.get_from(site, SCALING, &one)?),
            Scaling::LearnedPerFeature => Factor::Trained(tensors.get_from(site, SCALING, &ones)?),
        };
        let output_norm = match config.output_norm {
            Some(_) => Some(norm(tensors, OUTPUT_NORM, OUTPUT_NORM_BIAS)?),
            None => None,
        };
        Ok(Self {
            input_norm,
            down,
            activation: config.activation,
            up,
            scaling,
            output_norm,
        })
    }

    /// `s ∘ (act(x Dᵀ + d) Uᵀ + u)`, `[tokens, hidden]` to the same shape.
    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        let inner = match &self.input_norm {
            Some(norm) => self.down.forward(&norm.forward(x)),
            None => self.down.forward(x),
        };
        let y = self.up.forward(&self.activation.forward(inner));
        match &self.scaling {
            Factor::Fixed(factor) => scale(y, *factor),
            Factor::Trained(factor) => scale_columns(&y, factor),
        }
    }

    /// The adapter's own norm at its end.
    pub(super) fn normalise(&self, y: &Tensor) -> Tensor {
        match &self.output_norm {
            Some(norm) => norm.forward(y),
            None => y.clone(),
        }
    }
}

impl Projection {
    fn forward(&self, x: &Tensor) -> Tensor {
        let y = linear(x, &self.weight);
        match &self.bias {
            Some(bias) => add_bias(y, bias),
            None => y,
        }
    }
}

impl Norm {
    fn forward(&self, x: &Tensor) -> Tensor {
        layer_norm(x, &self.0, &self.1, EPSILON)
    }
}
