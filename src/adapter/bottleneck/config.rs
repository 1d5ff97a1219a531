use std::collections::{BTreeMap, BTreeSet};

use super::Hypercomplex;
use crate::adapter::{Config, Options};
use crate::error::{Error, Result};
use crate::model::{Shape, Sublayer};
use crate::ops::Activation;
use crate::order::Sorted;

/// Settings of a bottleneck adapter.
///
/// With `h` the output of a half block, `r` its residual input and `LN` its frozen layer norm, the
/// half block's result is `LN(o + r)` where `o = a + y`, `y = s ∘ (act(x Dᵀ + d) Uᵀ + u)`,
/// `D`: `[size, hidden]`, `U`: `[hidden, size]`; [`Placement`] says what `x` and `a` are and whether
/// the last norm is there.
#[derive(Clone, Debug, PartialEq)]
pub struct BottleneckConfig {
    /// Hidden size over the width inside.
    pub reduction: Reduction,
    /// The halves it follows.
    pub sublayers: BTreeSet<Sublayer>,
    /// The layers it is in.
    pub layers: BTreeSet<usize>,
    /// The nonlinearity.
    pub activation: Activation,
    /// `s`.
    pub scaling: Scaling,
    /// Where it stands in the half block.
    pub placement: Placement,
    /// Whether `x` goes through a layer norm of the adapter's own first.
    pub input_norm: bool,
    /// A layer norm of the adapter's own at its end.
    pub output_norm: Option<OutputNorm>,
    /// Makes `D` and `U` from fewer numbers (Compacter).
    pub hypercomplex: Option<Hypercomplex>,
    /// An invertible adapter behind the embeddings, NICE's additive coupling: half the hidden size over the width inside.
    pub invertible: Option<f64>,
}

/// Hidden size over the width inside a bottleneck.
#[derive(Clone, Debug, PartialEq)]
pub enum Reduction {
    /// One for all layers.
    Same(f64),
    /// By zero-based layer.
    ByLayer {
        /// Of the layers that have one of their own.
        layers: BTreeMap<usize, f64>,
        /// Of the others.
        default: Option<f64>,
    },
}

impl Reduction {
    /// The factor of a layer; `None` if there is none for it.
    #[must_use]
    pub fn factor(&self, layer: usize) -> Option<f64> {
        match self {
            Self::Same(factor) => Some(*factor),
            Self::ByLayer { layers, default } => layers.get(&layer).copied().or(*default),
        }
    }
}

/// The factor of a bottleneck's output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scaling {
    /// Always this.
    Fixed(f64),
    /// One trained number, 1 at first.
    Learned,
    /// One trained number per feature, 1 at first.
    LearnedPerFeature,
}

/// Where a bottleneck stands in its half block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Its input `x`.
    pub reads: Reads,
    /// The connection `a` around it.
    pub skip: Skip,
    /// Whether residual and frozen norm follow; if not, the half block's result is `a + y`.
    pub norm_after: bool,
}

/// What a bottleneck reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// `h`.
    Output,
    /// `LN(h + r)`.
    Normalised,
    /// `r`: it stands beside the half block.
    Residual,
}

/// What a bottleneck's output is added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// `h`.
    Output,
    /// `h + r`.
    Sum,
    /// `x`.
    Input,
}

/// What an adapter's own norm at its end is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputNorm {
    /// `o = a + LN(y)`.
    Update,
    /// `o = LN(a + y)`; even a fresh adapter changes what passes.
    Sum,
}

impl BottleneckConfig {
    fn new(reads: Reads, sublayers: &[Sublayer], layers: usize) -> Self {
        Self {
            reduction: Reduction::Same(16.0),
            sublayers: sublayers.iter().copied().into_set(),
            layers: (0..layers).into_set(),
            activation: Activation::Relu,
            scaling: Scaling::Fixed(1.0),
            placement: Placement {
                reads,
                skip: Skip::Output,
                norm_after: true,
            },
            input_norm: false,
            output_norm: None,
            hypercomplex: None,
            invertible: None,
        }
    }

    /// After attention and feed-forward network of each layer (AdapterHub's `double_seq_bn`).
    #[must_use]
    pub fn houlsby(layers: usize) -> Self {
        Self {
            activation: Activation::Swish,
            ..Self::new(Reads::Output, &Sublayer::ALL, layers)
        }
    }

    /// After the feed-forward network, reading what the frozen norm gives; that norm is applied
    /// twice (AdapterHub's `seq_bn`).
    #[must_use]
    pub fn pfeiffer(layers: usize) -> Self {
        Self::new(Reads::Normalised, &[Sublayer::Ffn], layers)
    }

    /// Beside the feed-forward network (AdapterHub's `par_bn`).
    #[must_use]
    pub fn parallel(layers: usize) -> Self {
        Self {
            reduction: Reduction::Same(2.0),
            scaling: Scaling::Fixed(4.0),
            ..Self::new(Reads::Residual, &[Sublayer::Ffn], layers)
        }
    }

    /// Houlsby's places, hypercomplex projections.
    #[must_use]
    pub fn compacter(layers: usize) -> Self {
        Self {
            reduction: Reduction::Same(32.0),
            activation: Activation::Gelu,
            hypercomplex: Some(Hypercomplex::default()),
            ..Self::houlsby(layers)
        }
    }

    /// Pfeiffer's place, hypercomplex projections.
    #[must_use]
    pub fn compacter_plus_plus(layers: usize) -> Self {
        Self {
            reduction: Reduction::Same(32.0),
            activation: Activation::Gelu,
            hypercomplex: Some(Hypercomplex::default()),
            ..Self::pfeiffer(layers)
        }
    }

    /// With what a user set.
    pub(super) fn with(mut self, options: &Options, shape: &Shape) -> Result<Box<dyn Config>> {
        self.layers = options.layers(shape)?;
        if let Some(factor) = options.reduction_factor {
            #[allow(clippy::cast_precision_loss)]
            let factor = factor as f64;
            self.reduction = Reduction::Same(factor);
        }
        if let Some(activation) = options.non_linearity {
            self.activation = activation;
        }
        if let Reduction::Same(factor) = self.reduction {
            #[allow(clippy::cast_precision_loss)]
            let hidden = shape.hidden_size as f64;
            if !(factor > 0.0 && factor <= hidden) {
                let reason = format!("it must leave at least one of the {hidden} hidden features");
                return Err(factor_invalid(factor, reason));
            }
        }
        self.check(shape)?;
        Ok(Box::new(self))
    }

    /// Whether the sizes fit the backbone.
    pub(super) fn check(&self, shape: &Shape) -> Result<()> {
        if let Some(factor) = self.invertible {
            check_factor(factor, shape)?;
        }
        for &layer in &self.layers {
            let factor = self.reduction.factor(layer).unwrap_or_default();
            check_factor(factor, shape)?;
            if let Some(hypercomplex) = &self.hypercomplex {
                let size = self.size(layer, shape);
                if !hypercomplex.divides(shape.hidden_size) || !hypercomplex.divides(size) {
                    return Err(factor_invalid(
                        factor,
                        format!(
                            "the hidden size {} and the width inside, {size}, must be multiples of {}",
                            shape.hidden_size, hypercomplex.dimension
                        ),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Width inside the bottleneck of a layer: `⌊hidden size / reduction factor⌋` as Python's `//`
    /// has it, at least 1.
    #[must_use]
    pub fn size(&self, layer: usize, shape: &Shape) -> usize {
        match self.reduction.factor(layer) {
            Some(factor) if factor > 0.0 => python_quotient(shape.hidden_size, factor).max(1),
            _ => 1,
        }
    }
}

/// `⌊features / factor⌋` as Python's `//` has it, of a factor above 0.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
pub(super) fn python_quotient(features: usize, factor: f64) -> usize {
    let features = features as f64;
    ((features - features % factor) / factor).round() as usize
}

/// Widest bottleneck: a damaged file must not ask for any amount of memory.
const MAX_SIZE: f64 = 65536.0;

#[allow(clippy::cast_precision_loss)]
fn check_factor(factor: f64, shape: &Shape) -> Result<()> {
    if factor > 0.0 && factor.is_finite() && shape.hidden_size as f64 / factor <= MAX_SIZE {
        return Ok(());
    }
    let reason = format!("it must be above 0 and leave at most {MAX_SIZE} features");
    Err(factor_invalid(factor, reason))
}

fn factor_invalid(factor: f64, reason: String) -> Error {
    Error::OptionInvalid {
        option: "reduction_factor",
        value: factor.to_string(),
        reason,
    }
}
