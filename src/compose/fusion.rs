//! AdapterFusion (Pfeiffer et al. 2021): bottlenecks side by side, whose outputs a trained layer mixes
//! token by token. The adapters stay as they are; what is trained are the layer's query, key and value.

mod layer;

pub use layer::{FusionLayer, FusionLayers};

use std::any::Any;
use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::{Lookup, Node, TaskRef, check};
use crate::adapter::dialect::Fields;
use crate::adapter::{
    Adapter, Collector, Config, Description, Kind, Options, ParamName, ParamSource, Parameter,
    Preset, Reads, Site, with_peft_settings,
};
use crate::error::{Error, Result};
use crate::folder::{self, Files, Library};
use crate::folder::{Member, TaskAdapter};
use crate::model::{Anatomy, Hook, Shape, Sublayer, SublayerSite};
use crate::ops::add;
use crate::order::Sorted;
use crate::tensor::Tensor;

/// A fusion as a kind of adapter. It is in no table of kinds, as it is made of adapters, see [`configure`].
pub static KIND: Kind = Kind {
    name: "fusion",
    presets: &[Preset {
        name: "fusion",
        title: "Fusion",
        description: "Mixes bottlenecks that are already trained, token by token; they stay as they are.",
        library: Library::AdapterHub,
        size: None,
        learning_rate: 1e-3,
        epochs: 1,
        upper_layers: false,
        config: |_, shape| {
            let none = FusionConfig::new(Switches::default(), Vec::new(), shape)?;
            Ok(Box::new(none))
        },
    }],
    adapterhub_fields: &[
        "key",
        "query",
        "query_before_ln",
        "regularization",
        "residual_before",
        "temperature",
        "value",
        "value_before_softmax",
        "value_initialized",
    ],
    ..Kind::EMPTY
};

/// The preset of that name, a fusion's included.
///
/// # Errors
/// Those of [`crate::adapter::preset`].
pub fn preset(name: &str) -> Result<&'static Preset> {
    let own = KIND.presets.iter().find(|preset| preset.name == name);
    own.map_or_else(|| crate::adapter::preset(name), Ok)
}

/// The settings of a fresh adapter of a preset; of a fusion, of one that mixes `members`.
///
/// # Errors
/// Those of [`crate::adapter::configure`] and of [`FusionConfig::new`].
pub fn configure(
    preset: &Preset,
    options: &Options,
    members: &[Member],
    shape: &Shape,
) -> Result<Box<dyn Config>> {
    if preset.name != KIND.name {
        return crate::adapter::configure(preset, options, shape);
    }
    let config = FusionConfig::new(Switches::default(), members.to_vec(), shape)?;
    with_peft_settings(Box::new(config), options, shape)
}

/// The switches of a fusion, as AdapterHub names them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)]
pub struct Switches {
    /// Whether there is a query matrix.
    pub query: bool,
    /// Whether there is a key matrix.
    pub key: bool,
    /// Whether there is a value matrix.
    pub value: bool,
    /// Whether the query is what stands before the frozen norm rather than what the adapters read.
    pub query_before_ln: bool,
    /// Whether what is around the adapters is added to their outputs, before they are mixed.
    pub residual_before: bool,
    /// Whether the value matrix is applied before the outputs are mixed.
    pub value_before_softmax: bool,
    /// Whether the value matrix begins as the identity.
    pub value_initialized: bool,
    /// Whether training draws the value matrix to the identity.
    pub regularization: bool,
}

impl Default for Switches {
    /// AdapterHub's "dynamic".
    fn default() -> Self {
        Self {
            query: true,
            key: true,
            value: true,
            query_before_ln: false,
            residual_before: false,
            value_before_softmax: true,
            value_initialized: true,
            regularization: true,
        }
    }
}

/// Settings of a fusion: its switches and the adapters that it mixes.
#[derive(Clone, Debug)]
pub struct FusionConfig {
    switches: Switches,
    members: Vec<Member>,
    /// The halves of a block in which all members act.
    sublayers: BTreeSet<Sublayer>,
}

impl FusionConfig {
    /// Of these members, the last of which says how its half block ends.
    ///
    /// # Errors
    /// [`Error::CompositionInvalid`] if there are none, one cannot be fused, or there is no half of a
    /// block in which all act.
    pub fn new(switches: Switches, members: Vec<Member>, shape: &Shape) -> Result<Self> {
        for member in &members {
            check::check_fused(&member.name, &member.task, shape)?;
        }
        let sublayers = Sublayer::ALL.into_iter().filter(|&sublayer| {
            members.iter().all(|member| {
                let site = |layer| SublayerSite { layer, sublayer };
                let adapter = &member.task.adapter;
                (0..shape.layers).any(|layer| adapter.half_block(site(layer)).is_some())
            })
        });
        let sublayers = sublayers.into_set();
        if members.is_empty() || sublayers.is_empty() {
            let names: Vec<_> = members.iter().map(|member| &member.name).collect();
            let reason = format!("{names:?} have no place in common in which to be fused");
            return Err(super::invalid("", reason));
        }
        Ok(Self {
            switches,
            members,
            sublayers,
        })
    }

    /// Its members, in the order in which they are mixed.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Reads the inner configuration of an `adapter_fusion_config.json`.
    ///
    /// # Errors
    /// [`Error::UnsupportedFeature`] for a temperature, [`Error::ConfigInvalid`], and those of
    /// [`new`](Self::new).
    pub fn read(
        place: &str,
        map: &Map<String, Value>,
        members: Vec<Member>,
        shape: &Shape,
    ) -> Result<Self> {
        folder::refuse_unknown(place, Library::AdapterHub, map, Some(&KIND))?;
        let fields = Fields::new(place, map);
        // AdapterHub lowers it with every training step, and does not save it
        fields.refuse_unless("temperature", &[json!(false)])?;
        let default = Switches::default();
        let switches = Switches {
            query: fields.flag("query", default.query)?,
            key: fields.flag("key", default.key)?,
            value: fields.flag("value", default.value)?,
            query_before_ln: fields.flag("query_before_ln", default.query_before_ln)?,
            residual_before: fields.flag("residual_before", default.residual_before)?,
            value_before_softmax: fields
                .flag("value_before_softmax", default.value_before_softmax)?,
            value_initialized: fields.flag("value_initialized", default.value_initialized)?,
            regularization: fields.flag("regularization", default.regularization)?,
        };
        Self::new(switches, members, shape)
    }
}

/// Reads a fusion's folder; its adapters are looked up by the names that the folder gives.
///
/// # Errors
/// Those of [`folder::load_fusion`], of the lookup and of [`FusionConfig::read`].
pub fn load(name: &str, files: &Files, lookup: Lookup<'_>, shape: &Shape) -> Result<TaskAdapter> {
    folder::load_fusion(name, files, shape, &|names, inner| {
        let member = |name: &String| {
            let task = lookup(name)?;
            let name = name.clone();
            Ok(Member { name, task })
        };
        let members = names.iter().map(member).collect::<Result<_>>()?;
        let config = FusionConfig::read(folder::FUSION_CONFIG, inner, members, shape)?;
        Ok(Box::new(config))
    })
}

/// A fusion as an adapter: its members, mixed.
pub struct Fusion {
    config: FusionConfig,
    layers: Rc<FusionLayers>,
    node: Node<'static>,
    parameters: Vec<Parameter>,
}

impl Fusion {
    /// The fusion that an adapter is.
    #[must_use]
    pub fn of(adapter: &dyn Adapter) -> Option<&Self> {
        (adapter as &dyn Any).downcast_ref()
    }

    /// Its members, in the order in which they are mixed.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.config.members.iter()
    }

    /// What mixes, by place.
    #[must_use]
    pub fn layers(&self) -> Rc<FusionLayers> {
        Rc::clone(&self.layers)
    }

    /// It as a part of a composition.
    #[must_use]
    pub fn node(&self) -> Node<'static> {
        node(&self.layers, &self.config.members)
    }
}

fn node(layers: &Rc<FusionLayers>, members: &[Member]) -> Node<'static> {
    let parts = members
        .iter()
        .map(|member| Node::One(TaskRef::Shared(Rc::clone(&member.task))));
    Node::Fuse {
        layers: Rc::clone(layers),
        of: parts.collect(),
    }
}

impl Config for FusionConfig {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn boxed(&self) -> Box<dyn Config> {
        Box::new(self.clone())
    }

    fn agrees(&self, other: &dyn Config) -> bool {
        (other as &dyn Any)
            .downcast_ref::<Self>()
            .is_some_and(|other| {
                let same = |(a, b): (&Member, &Member)| Rc::ptr_eq(&a.task, &b.task);
                self.switches == other.switches
                    && self.members.len() == other.members.len()
                    && self.members.iter().zip(&other.members).all(same)
            })
    }

    fn build(&self, shape: &Shape, source: &mut dyn ParamSource) -> Result<Box<dyn Adapter>> {
        let mut tensors = Collector::new(source);
        let mut layers = FusionLayers::new();
        for layer in 0..shape.layers {
            for &sublayer in &self.sublayers {
                let place = SublayerSite { layer, sublayer };
                let site = Site::Sublayer(place);
                let built =
                    FusionLayer::build(&self.switches, shape.hidden_size, site, &mut tensors)?;
                layers.insert(place, built);
            }
        }
        let layers = Rc::new(layers);
        Ok(Box::new(Fusion {
            config: self.clone(),
            node: node(&layers, &self.members),
            layers,
            parameters: tensors.into_parameters(),
        }))
    }

    fn write(&self, library: Library, _shape: &Shape) -> Result<Map<String, Value>> {
        if library == Library::Peft {
            return Err(Error::AdapterFormat {
                what: "a fusion".into(),
                format: "PEFT",
                hint: "PEFT has no such thing; save it in AdapterHub's format instead".into(),
            });
        }
        let switches = &self.switches;
        let fields = [
            ("key", switches.key),
            ("query", switches.query),
            ("query_before_ln", switches.query_before_ln),
            ("regularization", switches.regularization),
            ("residual_before", switches.residual_before),
            ("temperature", false),
            ("value", switches.value),
            ("value_before_softmax", switches.value_before_softmax),
            ("value_initialized", switches.value_initialized),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), json!(value)));
        let mut map: Map<String, Value> = fields.into_iter().collect();
        map.insert("dropout_prob".into(), Value::Null);
        Ok(map)
    }

    fn key(&self, _library: Library, anatomy: &Anatomy, name: ParamName, adapter: &str) -> String {
        let Site::Sublayer(site) = name.site else {
            return String::new();
        };
        let field = name.field.strip_prefix("fusion.").unwrap_or(name.field);
        format!(
            "{}.adapter_fusion_layer.{adapter}.{field}",
            anatomy.bottleneck(site)
        )
    }

    fn made_of(&self) -> Option<Vec<&str>> {
        Some(self.members.iter().map(|member| &*member.name).collect())
    }

    fn describe(&self, shape: &Shape) -> Description {
        Description {
            title: "Fusion".into(),
            sites: self
                .sublayers
                .iter()
                .map(|half| half.name().to_owned())
                .collect(),
            layers: (0..shape.layers).collect(),
            ..Description::default()
        }
    }
}

impl Hook for Fusion {
    fn inner(&self) -> Option<&dyn Hook> {
        Some(&self.node)
    }

    fn lowest_layer(&self) -> Option<usize> {
        self.node.lowest_layer()
    }
}

impl Adapter for Fusion {
    fn config(&self) -> &dyn Config {
        &self.config
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn reads(&self, site: SublayerSite) -> Option<Reads> {
        // its members' bottlenecks stand behind the half block
        self.changes_sublayer(site).then_some(Reads::Output)
    }

    fn penalty(&self) -> Option<Tensor> {
        self.layers
            .values()
            .filter_map(FusionLayer::penalty)
            .reduce(|sum, term| add(sum, &term))
    }
}
