//! No change to the encoder: only a head is trained, on the states of the frozen model.
//!
//! Neither library has the kind; it is written as a LoRA that does nothing, see [`carrier`].

use serde_json::{Map, Value};

use super::carrier;
use super::dialect::{Fields, Library};
use super::{
    Adapter, Bias, Claim, Config, Description, Kind, ParamName, ParamSource, Parameter, Preset,
};
use crate::error::Result;
use crate::model::{Affine, Anatomy, Hook, Place, Shape};

/// The row of this kind.
pub(super) static KIND: Kind = Kind {
    name: "none",
    presets: &[Preset {
        name: "head",
        title: "Head alone",
        description: "A linear head on the frozen encoder. Trained in seconds, and hard to beat with a handful of rows.",
        library: Library::Peft,
        size: None,
        learning_rate: 1e-2,
        epochs: 0,
        upper_layers: false,
        config: |_, _| Ok(Box::new(NoneConfig::default())),
    }],
    peft_fields: &[MARK],
    claim: Some(Claim {
        test: |map| carrier::has_mark(map, MARK),
        read: read_peft,
    }),
    ..Kind::EMPTY
};

/// Marks a PEFT configuration whose LoRA exists only so that PEFT can load the file.
const MARK: &str = "graftlet_none";

const TITLE: &str = "a head alone";

/// Settings of no change: there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoneConfig {
    /// Whether the source holds the LoRA of zeros that PEFT's files need.
    with_carrier: bool,
}

struct Nothing {
    config: NoneConfig,
    carrier: Vec<Parameter>,
}

/// Reads a configuration that has the [`MARK`].
fn read_peft(place: &str, map: &Map<String, Value>, shape: &Shape) -> Result<Box<dyn Config>> {
    carrier::check(&Fields::new(place, map), shape, MARK, "none")?;
    Ok(Box::new(NoneConfig { with_carrier: true }))
}

impl Config for NoneConfig {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn boxed(&self) -> Box<dyn Config> {
        Box::new(self.clone())
    }

    fn agrees(&self, other: &dyn Config) -> bool {
        std::ptr::eq(other.kind(), &raw const KIND)
    }

    fn build(&self, shape: &Shape, source: &mut dyn ParamSource) -> Result<Box<dyn Adapter>> {
        if self.with_carrier {
            carrier::take(source, shape, MARK)?;
        }
        Ok(Box::new(Nothing {
            config: self.clone(),
            carrier: carrier::stored(shape),
        }))
    }

    fn write(&self, library: Library, shape: &Shape) -> Result<Map<String, Value>> {
        carrier::write(TITLE, MARK, Bias::None, library, shape)
    }

    fn key(&self, _library: Library, anatomy: &Anatomy, name: ParamName, _adapter: &str) -> String {
        carrier::key(anatomy, name).unwrap_or_default()
    }

    fn describe(&self, _shape: &Shape) -> Description {
        Description {
            title: "Head alone".into(),
            ..Description::default()
        }
    }
}

impl Hook for Nothing {
    fn lowest_layer(&self) -> Option<usize> {
        None
    }
}

impl Adapter for Nothing {
    fn config(&self) -> &dyn Config {
        &self.config
    }

    fn parameters(&self) -> &[Parameter] {
        &[]
    }

    fn merge(&self, _place: Place, _weights: &mut Affine) -> Result<()> {
        Ok(())
    }

    fn stored(&self, _library: Library) -> Vec<Parameter> {
        self.carrier.clone()
    }
}
