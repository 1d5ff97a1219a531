//! BitFit: the biases of the encoder are trained and nothing else (Ben Zaken et al. 2022).
//!
//! Neither library has the kind, but PEFT's LoRA may train all biases: it is written as a LoRA that does
//! nothing, with `bias = "all"`, see [`carrier`].

use serde_json::{Map, Value};

use super::bias::{self, BIAS, Bias, Biases};
use super::carrier;
use super::dialect::{Fields, Library};
use super::{
    Adapter, Claim, Collector, Config, Description, Kind, ParamName, ParamSource, Parameter,
};
use super::{Preset, Site, lowest_layer};
use crate::error::{Error, Result};
use crate::model::{Affine, Anatomy, Hook, LinearSite, NormSite, Place, Shape};
use crate::tensor::Tensor;

/// The row of this kind.
pub(super) static KIND: Kind = Kind {
    name: "bitfit",
    presets: &[Preset {
        name: "bitfit",
        title: "BitFit",
        description: "The biases of the encoder and nothing else. The smallest change that touches every layer.",
        library: Library::Peft,
        size: None,
        learning_rate: 3e-3,
        epochs: 1,
        upper_layers: false,
        config: |options, _| {
            options.refuse_layers("the biases are those of all layers; leave it out")?;
            Ok(Box::new(BitFitConfig::default()))
        },
    }],
    peft_fields: &[MARK],
    claim: Some(Claim {
        test: |map| carrier::has_mark(map, MARK),
        read: read_peft,
    }),
    ..Kind::EMPTY
};

/// Marks a PEFT configuration whose LoRA exists only so that PEFT can load the file.
const MARK: &str = "graftlet_bitfit";

/// Settings of BitFit: there are none.
///
/// Every bias `b` of a linear layer `y = x Wᵀ + b` and of a layer norm is trained, those of the
/// embeddings and of the pooler included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BitFitConfig {
    /// Whether the source holds the LoRA of zeros that PEFT's files need.
    with_carrier: bool,
}

struct BitFit {
    config: BitFitConfig,
    biases: Biases,
    parameters: Vec<Parameter>,
    carrier: Vec<Parameter>,
}

/// Reads a configuration that has the [`MARK`].
fn read_peft(place: &str, map: &Map<String, Value>, shape: &Shape) -> Result<Box<dyn Config>> {
    carrier::check(&Fields::new(place, map), shape, MARK, "all")?;
    Ok(Box::new(BitFitConfig { with_carrier: true }))
}

impl Config for BitFitConfig {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn boxed(&self) -> Box<dyn Config> {
        Box::new(self.clone())
    }

    fn agrees(&self, other: &dyn Config) -> bool {
        // whether a file had the LoRA of zeros says nothing about the biases
        std::ptr::eq(other.kind(), &raw const KIND)
    }

    fn build(&self, shape: &Shape, source: &mut dyn ParamSource) -> Result<Box<dyn Adapter>> {
        if self.with_carrier {
            carrier::take(source, shape, MARK)?;
        }
        let mut tensors = Collector::new(source);
        if bias::all_sites(shape).next().is_none() {
            return Err(Error::OptionInvalid {
                option: "kind",
                value: "bitfit".into(),
                reason: "this model has no biases to train; use \"lora\" or \"head\"".into(),
            });
        }
        let biases = Biases::build(bias::all_sites(shape), shape, &mut tensors)?;
        Ok(Box::new(BitFit {
            config: self.clone(),
            biases,
            parameters: tensors.into_parameters(),
            carrier: carrier::stored(shape),
        }))
    }

    fn write(&self, library: Library, shape: &Shape) -> Result<Map<String, Value>> {
        carrier::write("BitFit", MARK, Bias::All, library, shape)
    }

    fn key(&self, _library: Library, anatomy: &Anatomy, name: ParamName, _adapter: &str) -> String {
        carrier::key(anatomy, name).unwrap_or_else(|| {
            let is_target = name.site == Site::Linear(carrier::site(anatomy));
            bias::peft_key(anatomy, name.site, is_target)
        })
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
    fn after_linear(&self, site: LinearSite, _x: &Tensor, y: Tensor) -> Tensor {
        self.biases.apply(Site::Linear(site), y)
    }

    fn changes_output(&self, site: LinearSite) -> bool {
        self.biases.contains(Site::Linear(site))
    }

    fn after_norm(&self, site: NormSite, y: Tensor) -> Tensor {
        self.biases.apply(Site::Norm(site), y)
    }

    fn changes_norm(&self, site: NormSite) -> bool {
        self.biases.contains(Site::Norm(site))
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

    fn merge(&self, place: Place, weights: &mut Affine) -> Result<()> {
        self.biases.merge(place, weights);
        Ok(())
    }

    fn stored(&self, _library: Library) -> Vec<Parameter> {
        let own = self.parameters.iter().cloned();
        self.carrier.iter().cloned().chain(own).collect()
    }
}
