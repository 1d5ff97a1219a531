//! BitFit: the biases of the encoder are trained and nothing else (Ben Zaken et al. 2022).
//!
//! Neither library has the kind, but PEFT's LoRA may train all biases. So the adapter is written as a
//! LoRA of rank 1 on one layer whose matrices are zero, with `bias = "all"`: `PeftModel` loads that and
//! computes exactly the same.

use serde_json::{Map, Value, json};

use super::bias::{self, BIAS, Bias, Biases};
use super::format::{Fields, Library, peft_targets};
use super::{Adapter, Collector, Config, Description, Init, Kind, LoraConfig, ParamName};
use super::{ParamSource, Parameter, Preset, Site, lowest_layer};
use crate::backbone::{Affine, Embedder, Hook, Linear, LinearSite, Module, Modules, Shape};
use crate::backbone::{States, SublayerSite};
use crate::error::{Error, Result};
use crate::ops::LayerNorm;
use crate::tensor::Tensor;
use crate::text::Batch;

/// The row of this kind.
pub(super) static KIND: Kind = Kind {
    name: "bitfit",
    presets: &[Preset {
        name: "bitfit",
        title: "BitFit",
        description: "The biases of the encoder and nothing else. The smallest change that touches every layer.",
        library: Library::Peft,
        size: None,
        config: |_, _| Ok(Box::new(BitFitConfig::default())),
    }],
    peft: None,
    adapterhub: None,
};

/// Says in PEFT's configuration, which passes over it, that the LoRA is only there to be loaded.
pub(super) const MARK: &str = "graftlet_bitfit";

/// The layer that carries the LoRA of zeros.
const CARRIER: LinearSite = LinearSite {
    layer: 0,
    linear: Linear::Query,
};
const CARRIER_A: &str = "lora_a";
const CARRIER_B: &str = "lora_b";

/// Settings of BitFit: there are none.
///
/// Every bias `b` of a linear layer `y = x Wᵀ + b` and of a layer norm is trained, that of the
/// embeddings included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BitFitConfig {
    /// Whether the source holds the LoRA of zeros that PEFT's files need.
    with_carrier: bool,
}

struct BitFit {
    config: BitFitConfig,
    biases: Biases,
    parameters: Vec<Parameter>,
    hidden_size: usize,
}

/// Reads a configuration that has the [`MARK`].
pub(super) fn read_peft(fields: &Fields<'_>, shape: &Shape) -> Result<Box<dyn Config>> {
    fields.refuse_unless("bias", &[json!("all")])?;
    fields.refuse_unless("use_dora", &[json!(false)])?;
    fields.refuse_unless("lora_bias", &[json!(false)])?;
    fields.refuse_unless("r", &[json!(1)])?;
    let targets = peft_targets::read(fields, shape, &[])?;
    if targets.into_iter().ne([CARRIER]) {
        return Err(fields.invalid(&format!("with {MARK} there is one target, the first query")));
    }
    Ok(Box::new(BitFitConfig { with_carrier: true }))
}

impl Config for BitFitConfig {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn agrees(&self, other: &dyn Config) -> bool {
        // whether a file had the LoRA of zeros says nothing of the biases
        std::ptr::eq(other.kind(), &raw const KIND)
    }

    fn build(&self, shape: &Shape, source: &mut dyn ParamSource) -> Result<Box<dyn Adapter>> {
        let hidden_size = shape.hidden_size;
        let (a, b) = ([1, hidden_size], [hidden_size, 1]);
        let carrier = [(CARRIER_A, a), (CARRIER_B, b)].map(|(field, dims)| {
            let site = Site::Linear(CARRIER);
            (ParamName { site, field }, dims)
        });
        for (name, dims) in carrier {
            if self.with_carrier && source.has(name) {
                let tensor = source.get(name, &dims, Init::Zeros)?;
                if name.field == CARRIER_B && tensor.data().iter().any(|&x| x != 0.0) {
                    return Err(Error::UnsupportedFeature {
                        place: "adapter_config.json".into(),
                        feature: format!("{MARK} = true with a LoRA that is not zero"),
                    });
                }
            }
        }
        let mut tensors = Collector::new(source);
        let biases = Biases::build(bias::all_sites(shape), shape, &mut tensors)?;
        Ok(Box::new(BitFit {
            config: self.clone(),
            biases,
            parameters: tensors.into_parameters(),
            hidden_size,
        }))
    }

    fn write(&self, library: Library, shape: &Shape) -> Result<Map<String, Value>> {
        if library == Library::AdapterHub {
            return Err(Error::AdapterFormat {
                what: "BitFit".into(),
                format: "AdapterHub",
                hint: "AdapterHub has no such kind; save it in PEFT's format instead".into(),
            });
        }
        let lora = LoraConfig {
            rank: 1,
            alpha: 1.0,
            targets: [CARRIER].into(),
            bias: Bias::All,
            ..LoraConfig::default()
        };
        let mut map = lora.write(library, shape)?;
        map.insert(MARK.into(), json!(true));
        Ok(map)
    }

    fn key(
        &self,
        _library: Library,
        modules: &dyn Modules,
        name: ParamName,
        _adapter: &str,
    ) -> String {
        match name.field {
            CARRIER_A => format!("{}.lora_A.weight", modules.linear(CARRIER)),
            CARRIER_B => format!("{}.lora_B.weight", modules.linear(CARRIER)),
            _ => bias::peft_key(modules, name.site, name.site == Site::Linear(CARRIER)),
        }
    }

    fn describe(&self, shape: &Shape) -> Description {
        Description {
            title: "BitFit".into(),
            sites: vec![BIAS.into()],
            layers: (0..shape.layers).collect(),
            ..Description::default()
        }
    }
}

impl Hook for BitFit {
    fn embeddings(&self, batch: &Batch, embedder: &dyn Embedder) -> Result<States> {
        let mut states = embedder.tokens(batch, 0)?;
        states.x = self.biases.apply(Site::Encoder, states.x);
        Ok(states)
    }

    fn changes_embeddings(&self) -> bool {
        self.biases.contains(Site::Encoder)
    }

    fn after_linear(&self, site: LinearSite, _x: &Tensor, y: Tensor) -> Tensor {
        self.biases.apply(Site::Linear(site), y)
    }

    fn changes_output(&self, site: LinearSite) -> bool {
        self.biases.contains(Site::Linear(site))
    }

    fn sublayer(
        &self,
        site: SublayerSite,
        h: Tensor,
        residual: &Tensor,
        norm: &LayerNorm,
    ) -> Tensor {
        let y = norm.join(h, residual);
        self.biases.apply(Site::Sublayer(site), y)
    }

    fn changes_sublayer(&self, site: SublayerSite) -> bool {
        self.biases.contains(Site::Sublayer(site))
    }

    fn lowest_layer(&self) -> Option<usize> {
        lowest_layer(&self.parameters)
    }
}

impl Adapter for BitFit {
    fn config(&self) -> &dyn Config {
        &self.config
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn merge(&self, module: Module, weights: &mut Affine) -> Result<()> {
        self.biases.merge(module, weights);
        Ok(())
    }

    fn stored(&self, _library: Library) -> Vec<Parameter> {
        let hidden = self.hidden_size;
        let zeros = |field, dims: [usize; 2]| Parameter {
            name: ParamName {
                site: Site::Linear(CARRIER),
                field,
            },
            tensor: Tensor::new(vec![0.0; hidden], &dims),
        };
        let carrier = [zeros(CARRIER_A, [1, hidden]), zeros(CARRIER_B, [hidden, 1])];
        carrier
            .into_iter()
            .chain(self.parameters.iter().cloned())
            .collect()
    }
}
