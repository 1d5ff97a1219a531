//! Prefix tuning: keys and values of virtual tokens that every token of a text attends to, in each
//! layer (Li and Liang 2021).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::dialect::{Fields, Library};
use super::setting::{LAYERS, VIRTUAL_TOKENS};
use super::{Adapter, Collector, Config, Description, Init, Kind, Options, ParamName, ParamSource};
use super::{Parameter, Preset, Site, SizeOption, equal, fields_of, virtual_tokens};
use crate::error::{Error, Result};
use crate::input::Batch;
use crate::model::{Anatomy, Embedder, Hook, Shape, States};
use crate::ops::{Activation, add_bias, columns, linear};
use crate::order::Sorted;
use crate::tensor::Tensor;

/// The row of this kind.
pub(super) static KIND: Kind = Kind {
    name: "prefix",
    presets: &[Preset {
        name: "prefix",
        title: "Prefix tuning",
        description: "Keys and values of virtual tokens in every layer, made by a small network while training. It likes a high learning rate.",
        library: Library::AdapterHub,
        size: Some(SizeOption {
            name: "virtualTokens",
            title: "Virtual tokens",
            default: LENGTH,
            choices: &[5, 10, 20, 30],
        }),
        learning_rate: 3e-4,
        epochs: 1,
        upper_layers: false,
        config: from_options,
    }],
    peft_fields: &["prefix_projection"],
    sizes: &[("virtualTokens", "Virtual tokens.")],
    settings: &[&VIRTUAL_TOKENS, &LAYERS],
    adapterhub_fields: &[
        "cross_prefix",
        "encoder_prefix",
        "flat",
        "shared_gating",
        "use_gating",
    ],
    peft: &[("PREFIX_TUNING", read_peft)],
    adapterhub: Some((Some("prefix_tuning"), read_adapterhub)),
    ..Kind::EMPTY
};

const LENGTH: usize = 10;
/// AdapterHub's width of the network.
const PROJECTION: usize = 512;

/// Settings of prefix tuning.
///
/// With `layers` adapted layers there is a matrix `P`: `[length, layers · 2 · hidden]`; of a row, the
/// part `2 i` is the key and the part `2 i + 1` the value of a virtual token in the i-th of them. It is
/// trained itself, or as `P = act(E Dᵀ + d) Uᵀ + u` of vectors `E`: `[length, hidden]`; what is saved is
/// `P`.
#[derive(Clone, Debug, PartialEq)]
pub struct PrefixConfig {
    /// Virtual tokens.
    pub length: usize,
    /// Zero-based layers that have them.
    pub layers: BTreeSet<usize>,
    /// Width and nonlinearity of the network that makes the prefix, if one does.
    pub projection: Option<(usize, Activation)>,
    /// Whether the positions of a text begin behind the prefix, as with PEFT, rather than at 0, as
    /// with AdapterHub.
    pub shifts_positions: bool,
}

struct Prefix {
    config: PrefixConfig,
    hidden_size: usize,
    /// `P`
    matrix: Tensor,
    parameters: Vec<Parameter>,
}

const MATRIX: &str = "prefix";
const TOKENS: &str = "prefix.tokens";
const DOWN: &str = "prefix.down.weight";
const DOWN_BIAS: &str = "prefix.down.bias";
const UP: &str = "prefix.up.weight";
const UP_BIAS: &str = "prefix.up.bias";

fn from_options(options: &Options, shape: &Shape) -> Result<Box<dyn Config>> {
    Ok(Box::new(PrefixConfig {
        length: virtual_tokens(options, LENGTH, shape)?,
        layers: options.layers(shape)?,
        projection: Some((PROJECTION, Activation::Tanh)),
        shifts_positions: false,
    }))
}

/// Most virtual tokens and features of the network that a file may ask for.
const MAX_SIZE: usize = 1 << 12;

/// Most features over all layers; a damaged file must not make sizes overflow.
const MAX_FEATURES: usize = 1 << 26;

impl PrefixConfig {
    /// Columns of `P`.
    fn width(&self, shape: &Shape) -> usize {
        self.layers.len() * 2 * shape.hidden_size
    }

    fn check(&self, fields: &Fields<'_>, shape: &Shape) -> Result<()> {
        let features = self.layers.len().saturating_mul(shape.hidden_size);
        if features > MAX_FEATURES {
            return Err(fields.invalid("the backbone is too large for a prefix"));
        }
        let projection = self.projection.map_or(1, |(width, _)| width);
        for (what, size) in [("length", self.length), ("bottleneck size", projection)] {
            if size == 0 || size > MAX_SIZE {
                return Err(fields.invalid(&format!(
                    "the {what} is {size}, and it must be 1 to {MAX_SIZE}"
                )));
            }
        }
        if self.layers.is_empty() {
            return Err(fields.invalid("every layer is left out"));
        }
        Ok(())
    }
}

impl Config for PrefixConfig {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn boxed(&self) -> Box<dyn Config> {
        Box::new(self.clone())
    }

    fn agrees(&self, other: &dyn Config) -> bool {
        equal(self, other)
    }

    fn build(&self, shape: &Shape, source: &mut dyn ParamSource) -> Result<Box<dyn Adapter>> {
        let (hidden, width) = (shape.hidden_size, self.width(shape));
        let mut tensors = Collector::new(source);
        let mut get = |field, dims: &[usize], init| tensors.get(Site::Encoder, field, dims, init);
        let matrix = match self.projection {
            None => get(MATRIX, &[self.length, width], Init::Normal(0.02))?,
            Some((inner, activation)) => {
                // PyTorch's defaults, as AdapterHub has them
                #[allow(clippy::cast_precision_loss)]
                let uniform = |input: usize| Init::Uniform(1.0 / (input as f32).sqrt());
                let tokens = get(TOKENS, &[self.length, hidden], Init::Normal(1.0))?;
                let down = get(DOWN, &[inner, hidden], uniform(hidden))?;
                let down_bias = get(DOWN_BIAS, &[inner], uniform(hidden))?;
                let up = get(UP, &[width, inner], uniform(inner))?;
                let up_bias = get(UP_BIAS, &[width], uniform(inner))?;
                let x = activation.forward(add_bias(linear(&tokens, &down), &down_bias));
                add_bias(linear(&x, &up), &up_bias)
            }
        };
        Ok(Box::new(Prefix {
            config: self.clone(),
            hidden_size: hidden,
            matrix,
            parameters: tensors.into_parameters(),
        }))
    }

    fn write(&self, library: Library, shape: &Shape) -> Result<Map<String, Value>> {
        let refuse = |what: &str, hint: &str| {
            Err(Error::AdapterFormat {
                what: what.into(),
                format: library.title(),
                hint: hint.into(),
            })
        };
        let left_out: Vec<usize> = (0..shape.layers)
            .filter(|layer| !self.layers.contains(layer))
            .collect();
        let value = match library {
            Library::Peft if !self.shifts_positions => {
                return refuse(
                    "a prefix that leaves the positions of a text alone",
                    "PEFT begins them behind the prefix; save it in AdapterHub's format instead",
                );
            }
            Library::AdapterHub if self.shifts_positions => {
                return refuse(
                    "a prefix behind which the positions of a text begin",
                    "AdapterHub begins them at 0; save it in PEFT's format instead",
                );
            }
            Library::Peft if !left_out.is_empty() => {
                return refuse(
                    "a prefix that leaves out layers",
                    "PEFT has one for every layer",
                );
            }
            Library::Peft => json!({
                "peft_type": "PREFIX_TUNING",
                "num_virtual_tokens": self.length,
                "token_dim": shape.hidden_size,
                "num_transformer_submodules": 1,
                "num_attention_heads": shape.heads,
                "num_layers": shape.layers,
                "encoder_hidden_size": shape.hidden_size,
                "prefix_projection": false,
            }),
            Library::AdapterHub => json!({
                "architecture": "prefix_tuning",
                "encoder_prefix": true,
                "cross_prefix": true,
                "leave_out": left_out,
                "flat": true,
                "prefix_length": self.length,
                "bottleneck_size": self.projection.map_or(PROJECTION, |(width, _)| width),
                "non_linearity": self.projection.map_or(Activation::Tanh, |(_, act)| act),
                "dropout": 0.0,
                "use_gating": false,
                "shared_gating": true,
                "init_weights_seed": null,
            }),
        };
        Ok(fields_of(value))
    }

    fn key(&self, library: Library, anatomy: &Anatomy, name: ParamName, adapter: &str) -> String {
        if library == Library::Peft {
            return "prompt_embeddings".into();
        }
        let field = match name.field {
            TOKENS => "wte.weight",
            DOWN => "control_trans.0.weight",
            DOWN_BIAS => "control_trans.0.bias",
            UP => "control_trans.2.weight",
            UP_BIAS => "control_trans.2.bias",
            _ => "control_trans",
        };
        let prefix = anatomy.family.adapter_prefix;
        format!("prefix_tuning.prefix_tunings.{adapter}.{prefix}.{field}")
    }

    fn is_prompt_learning(&self) -> bool {
        true
    }

    fn repeats(&self, library: Library, key: &str) -> bool {
        // each layer refers to the one pool of prefixes, and so does its part of the file
        library == Library::AdapterHub && key.contains(".prefix_tuning.pool.prefix_tunings.")
    }

    fn describe(&self, _shape: &Shape) -> Description {
        Description {
            title: "Prefix tuning".into(),
            sites: vec!["key".into(), "value".into()],
            layers: self.layers.iter().copied().collect(),
            ..Description::default()
        }
        .with_size("virtualTokens", self.length)
    }
}

fn read_peft(place: &str, map: &Map<String, Value>, shape: &Shape) -> Result<Box<dyn Config>> {
    let fields = Fields::new(place, map);
    fields.refuse_unless("num_transformer_submodules", &[json!(1)])?;
    fields.expect("hidden size", "token_dim", shape.hidden_size)?;
    fields.expect("number of layers", "num_layers", shape.layers)?;
    let config = PrefixConfig {
        length: fields.count("num_virtual_tokens", None)?,
        layers: (0..shape.layers).into_set(),
        // a projected prefix is saved as what the projection gave
        projection: None,
        shifts_positions: true,
    };
    config.check(&fields, shape)?;
    Ok(Box::new(config))
}

fn read_adapterhub(
    place: &str,
    map: &Map<String, Value>,
    shape: &Shape,
) -> Result<Box<dyn Config>> {
    let fields = Fields::new(place, map);
    fields.refuse_unless("use_gating", &[json!(false)])?;
    let left_out = fields.counts("leave_out")?;
    let projection = if fields.flag("flat", false)? {
        None
    } else {
        let width = fields.count("bottleneck_size", Some(PROJECTION))?;
        let activation = fields.parse("non_linearity", Some(Activation::Tanh))?;
        Some((width, activation))
    };
    let config = PrefixConfig {
        length: fields.count("prefix_length", Some(30))?,
        layers: (0..shape.layers)
            .filter(|layer| !left_out.contains(layer))
            .into_set(),
        projection,
        shifts_positions: false,
    };
    config.check(&fields, shape)?;
    Ok(Box::new(config))
}

impl Hook for Prefix {
    fn embeddings(&self, batch: &Batch, embedder: &dyn Embedder) -> Result<States> {
        embedder.tokens(batch, self.first_position())
    }

    fn first_position(&self) -> usize {
        if self.config.shifts_positions {
            self.config.length
        } else {
            0
        }
    }

    fn changes_embeddings(&self) -> bool {
        self.config.shifts_positions
    }

    fn key_value_prefix(&self, layer: usize) -> Option<(Tensor, Tensor)> {
        let index = self.config.layers.iter().position(|&l| l == layer)?;
        let part = |part| columns(&self.matrix, part * self.hidden_size, self.hidden_size);
        Some((part(2 * index), part(2 * index + 1)))
    }

    fn lowest_layer(&self) -> Option<usize> {
        if self.config.shifts_positions {
            Some(0)
        } else {
            self.config.layers.first().copied()
        }
    }
}

impl Adapter for Prefix {
    fn config(&self) -> &dyn Config {
        &self.config
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn stored(&self, library: Library) -> Vec<Parameter> {
        let (rows, width) = self.matrix.dims2();
        match library {
            Library::Peft => vec![self.flat(&[rows, width])],
            Library::AdapterHub => vec![self.flat(&[rows * width])],
        }
    }

    fn finished(&self) -> Option<(Box<dyn Config>, Vec<Parameter>)> {
        self.config.projection?;
        let config = PrefixConfig {
            projection: None,
            ..self.config.clone()
        };
        let (rows, width) = self.matrix.dims2();
        Some((Box::new(config), vec![self.flat(&[rows, width])]))
    }
}

impl Prefix {
    /// `P` as a parameter, in a shape of as many elements.
    fn flat(&self, shape: &[usize]) -> Parameter {
        Parameter {
            name: ParamName {
                site: Site::Encoder,
                field: MATRIX,
            },
            tensor: Tensor::new(self.matrix.data().to_vec(), shape),
        }
    }
}
