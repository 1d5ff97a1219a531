//! Floor 3: adapters. One file per kind, one row per kind in [`KINDS`]; what the two Python
//! libraries call things stands in the kind's own file, how their folders look in [`mod@format`].

pub mod format;

mod bottleneck;
mod lora;
mod params;
mod task;

pub use bottleneck::BottleneckConfig;
pub use lora::LoraConfig;
pub use params::{Collector, FileParams, FreshParams, GivenParams, Init};
pub use params::{ParamName, ParamSource, Parameter, Site};
pub use task::{BackboneRef, Card, Metric, TaskAdapter};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::backbone::{Hook, Modules, Shape};
use crate::error::{Error, Result};
use format::Library;

/// An adapter: a [`Hook`] with parameters.
pub trait Adapter: Hook {
    /// What it was built from.
    fn config(&self) -> &dyn Config;
    /// Its trainable tensors, in a fixed order.
    fn parameters(&self) -> &[Parameter];
}

/// The settings of an adapter, without its weights.
pub trait Config: std::fmt::Debug {
    /// The row of [`KINDS`] it belongs to.
    fn kind(&self) -> &'static Kind;

    /// Builds the adapter from a source of tensors.
    ///
    /// # Errors
    /// Those of the source, and [`Error::OptionInvalid`] for settings that do not fit the shape.
    fn build(&self, shape: &Shape, source: &mut dyn ParamSource) -> Result<Box<dyn Adapter>>;

    /// The configuration as a library writes it.
    ///
    /// # Errors
    /// [`Error::AdapterFormat`] if the library has no such kind.
    fn write(&self, library: Library, shape: &Shape) -> Result<Map<String, Value>>;

    /// A parameter's key below the encoder, in a library's file: what follows `bert.` there.
    fn key(
        &self,
        library: Library,
        modules: &dyn Modules,
        name: ParamName,
        adapter: &str,
    ) -> String;

    /// What there is to say about it in a listing.
    fn describe(&self, shape: &Shape) -> Description;
}

/// What an adapter is, for people.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// "LoRA", "Houlsby bottleneck", …
    pub title: String,
    /// The modules it acts on: "query", "ffn", …
    pub sites: Vec<String>,
    /// Zero-based layers it acts on.
    pub layers: Vec<usize>,
    /// Rank of a low-rank kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// α of LoRA; the update is scaled by α / rank.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Width inside a bottleneck.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bottleneck_size: Option<usize>,
}

/// One kind of adapter.
#[derive(Debug)]
pub struct Kind {
    /// Stable name.
    pub name: &'static str,
    /// Ready-made settings under the names that people use.
    pub presets: &'static [Preset],
    /// `peft_type` and reader of PEFT's configuration, if PEFT has this kind.
    pub peft: Option<(&'static str, Reader)>,
    /// `architecture` (`None` stands for null) and reader of AdapterHub's inner configuration, if
    /// AdapterHub has this kind.
    pub adapterhub: Option<(Option<&'static str>, Reader)>,
}

/// Reads a library's configuration. Arguments: the file's name for errors, the configuration, the
/// backbone's shape.
pub type Reader = fn(&str, &Map<String, Value>, &Shape) -> Result<Box<dyn Config>>;

/// Settings of a kind under a name that the command line and the page offer.
#[derive(Debug)]
pub struct Preset {
    /// What to write after `--kind`.
    pub name: &'static str,
    /// Its proper name.
    pub title: &'static str,
    /// One sentence for someone who chooses.
    pub description: &'static str,
    /// The library whose format it is saved in.
    pub library: Library,
    /// The one setting that says how large it is.
    pub size: SizeOption,
    /// Makes the settings from options; unset ones get their defaults.
    pub config: fn(&Options, &Shape) -> Result<Box<dyn Config>>,
}

/// The setting that says how large an adapter is.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SizeOption {
    /// Field of [`Options`].
    pub name: &'static str,
    /// For a form's label.
    pub title: &'static str,
    /// Used when unset.
    pub default: usize,
    /// What a form offers.
    pub choices: &'static [usize],
}

/// Settings of a fresh adapter, all optional.
#[derive(Clone, Debug, Default, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Options {
    /// Rank of LoRA.
    #[serde(default, alias = "r", skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// α of LoRA.
    #[serde(default, alias = "lora_alpha", skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Linear layers that LoRA acts on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<crate::backbone::Linear>>,
    /// Hidden size over bottleneck size.
    #[serde(
        default,
        alias = "reductionFactor",
        skip_serializing_if = "Option::is_none"
    )]
    pub reduction_factor: Option<usize>,
    /// Nonlinearity of a bottleneck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub non_linearity: Option<crate::ops::Activation>,
}

/// Every kind there is.
pub static KINDS: &[&Kind] = &[&lora::KIND, &bottleneck::KIND];

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

/// The fields of a `json!({ … })`.
fn fields_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Lowest layer among the sites of some parameters.
fn lowest_layer(parameters: &[Parameter]) -> Option<usize> {
    let layers = parameters
        .iter()
        .filter_map(|parameter| match parameter.name.site {
            Site::Linear(site) => Some(site.layer),
            Site::Sublayer(site) => Some(site.layer),
            Site::Head => None,
        });
    layers.min()
}
