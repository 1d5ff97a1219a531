//! Floor 4: adapters. One file per kind, one row per kind in [`KINDS`]; what the two Python
//! libraries call things stands in the kind's own file, and what all kinds share of it in [`dialect`].

pub mod dialect;

pub(crate) mod bias;
mod bitfit;
mod bottleneck;
mod carrier;
mod ia3;
mod kind;
mod lora;
mod none;
mod options;
mod peft_settings;
mod prefix;
mod prompt;
pub(crate) mod saved;
mod setting;

pub use crate::params::{Collector, FileParams, FreshParams, GivenParams, Init};
pub use crate::params::{ParamName, ParamSource, Parameter, Site};
pub use bias::Bias;
pub use bitfit::BitFitConfig;
pub use bottleneck::{BottleneckConfig, Hypercomplex, OutputNorm, Placement, Reads, Reduction};
pub use bottleneck::{Scaling, Skip};
pub use ia3::{Ia3Config, Side};
pub use kind::SizeOption;
pub use kind::{Adapter, Claim, Config, Description, HalfBlock, Kind, LowRank, Preset, Reader};
pub use lora::LoraConfig;
pub use none::NoneConfig;
pub use options::Options;
pub use prefix::PrefixConfig;
pub use prompt::{PromptConfig, PromptPlace};
pub use setting::{Setting, Values};

use std::any::Any;

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::model::{NormSite, Shape};
use options::{block_sites, target_sites, virtual_tokens};

/// Every kind there is.
pub static KINDS: &[&Kind] = &[
    &lora::KIND,
    &ia3::KIND,
    &bottleneck::KIND,
    &prefix::KIND,
    &prompt::KIND,
    &bitfit::KIND,
    &none::KIND,
];

/// The settings of a fresh adapter of a preset.
///
/// # Errors
/// [`Error::OptionInvalid`] for options outside their range; for PEFT's settings those of its reader.
pub fn configure(preset: &Preset, options: &Options, shape: &Shape) -> Result<Box<dyn Config>> {
    with_peft_settings((preset.config)(options, shape)?, options, shape)
}

/// Settings with those that options give by PEFT's names.
///
/// # Errors
/// Those of [`configure`].
pub(crate) fn with_peft_settings(
    config: Box<dyn Config>,
    options: &Options,
    shape: &Shape,
) -> Result<Box<dyn Config>> {
    if options.peft.is_empty() {
        return Ok(config);
    }
    peft_settings::apply(&*config, options, shape)
}

/// The settings of all kinds. A setting that several kinds have is there several times.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    KINDS.iter().flat_map(|kind| kind.settings).copied()
}

/// PEFT's settings that some kind takes by PEFT's own names and rules, as [`settings`] gives its own.
pub fn peft_settings() -> impl Iterator<Item = &'static Setting> {
    KINDS.iter().flat_map(|kind| kind.peft_settings).copied()
}

/// All presets with their kinds.
pub fn presets() -> impl Iterator<Item = &'static Preset> {
    KINDS.iter().flat_map(|kind| kind.presets)
}

/// The preset of that name.
///
/// # Errors
/// [`Error::UnknownKind`] that lists the names there are.
pub fn preset(name: &str) -> Result<&'static Preset> {
    presets()
        .find(|preset| preset.name == name)
        .ok_or_else(|| Error::UnknownKind {
            place: "option kind".into(),
            kind: name.to_owned(),
            known: presets()
                .map(|preset| preset.name)
                .collect::<Vec<_>>()
                .join(", "),
        })
}

/// Whether a configuration is of this type and equal.
fn equal<T: Config + PartialEq>(config: &T, other: &dyn Config) -> bool {
    (other as &dyn Any).downcast_ref::<T>() == Some(config)
}

/// The fields of a `json!({ … })`.
pub(crate) fn fields_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Whole numbers without a decimal point, as Python writes them.
#[allow(clippy::cast_possible_truncation, clippy::float_cmp)]
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        json!(value as i64)
    } else {
        json!(value)
    }
}
/// Lowest layer among the sites of some parameters.
fn lowest_layer(parameters: &[Parameter]) -> Option<usize> {
    let layers = parameters
        .iter()
        .filter_map(|parameter| match parameter.name.site {
            Site::Linear(site) => site.lowest_layer(),
            Site::Norm(NormSite::Embedding | NormSite::Entry) => Some(0),
            Site::Norm(NormSite::Block(site)) | Site::Sublayer(site) => Some(site.layer),
            Site::Norm(NormSite::Final | NormSite::Pooler) => None,
            Site::Encoder => Some(0),
            Site::Head => None,
        });
    layers.min()
}
