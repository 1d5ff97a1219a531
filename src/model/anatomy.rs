use std::collections::BTreeMap;

use super::family::{Family, another_family, family_of};
use super::fields::ConfigFields;
use super::module_plan::ModulePlan;
use super::place::{Linear, LinearSite, NormSite, Place, SublayerSite, Table};
use super::plans::{BlockPlan, PoolerPlan, PoolerReads, RelativePositions, StemPlan, TextStemPlan};
use crate::error::{Error, Result};
use crate::ops::Activation;

/// A model taken apart: its sizes, what each block computes, and every module that has weights. A family
/// makes it of a `config.json`; loading, conversion, checkpoints, counts, hashes and the names in adapter
/// files all walk [`modules`](Self::modules).
#[derive(Clone, Debug)]
pub struct Anatomy {
    /// The model's name on its hub; empty where nobody said it. `config.json` does not: its `_name_or_path` is
    /// where the weights were before they were trained further.
    pub name: String,
    /// Whose names it has.
    pub family: &'static Family,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Attention heads of a block.
    pub heads: usize,
    /// Width inside the feed-forward network.
    pub intermediate_size: usize,
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// Longest sequence in tokens.
    pub max_tokens: usize,
    /// ε of every layer norm.
    pub norm_eps: f64,
    /// Width of what the stem makes of a step; that of the hidden states unless a layer stands between.
    pub embedding_size: usize,
    /// What stands before the blocks.
    pub stem: StemPlan,
    /// The blocks, from the first.
    pub blocks: Vec<BlockPlan>,
    /// A bias by the distance between two tokens, added to the scores of every block.
    pub relative_positions: Option<RelativePositions>,
    /// How the checkpoint's own pooler makes one vector of a text, if it has one.
    pub pooler: PoolerPlan,
    /// The encoders of a model of several, whose blocks follow each other; empty of one encoder.
    pub encoders: Vec<EncoderPlan>,
    modules: Vec<ModulePlan>,
    places: BTreeMap<Place, usize>,
}

/// One encoder of a model of several.
#[derive(Clone, Debug)]
pub struct EncoderPlan {
    /// The attribute that holds it.
    pub name: &'static str,
    /// Whose names it has.
    pub family: &'static Family,
    /// Number of blocks before its own.
    pub before: usize,
}

impl Anatomy {
    /// Reads and checks a `config.json` of any family that there is. An absent field has transformers' default.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] if it is not one or its numbers make no sense,
    /// [`Error::ModelUnsupported`] if it describes another architecture.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        Self::of_family(super::FAMILIES, json)
    }

    /// [`from_json`](Self::from_json) of these families.
    ///
    /// # Errors
    /// Those of [`from_json`](Self::from_json).
    pub fn of_family(families: &[&'static Family], json: &[u8]) -> Result<Self> {
        let fields = ConfigFields::parse(json)?;
        let (model_type, architecture) = family_of(families, &fields)?;
        let family = families
            .iter()
            .find(|family| family.model_type == model_type)
            .ok_or_else(|| another_family(families, &model_type, architecture.as_deref()))?;
        family.check(&fields)?;
        let anatomy = (family.anatomy)(family, &fields.named(family))?;
        anatomy.check()?;
        Ok(anatomy)
    }

    /// A model of these sizes, without blocks and modules yet.
    #[must_use]
    pub fn new(family: &'static Family, sizes: Sizes) -> Self {
        Self {
            name: String::new(),
            family,
            hidden_size: sizes.hidden_size,
            heads: sizes.heads,
            intermediate_size: sizes.intermediate_size,
            vocab_size: sizes.vocab_size,
            max_tokens: sizes.max_tokens,
            norm_eps: sizes.norm_eps,
            embedding_size: sizes.hidden_size,
            stem: StemPlan::Text(TextStemPlan::default()),
            blocks: Vec::new(),
            relative_positions: None,
            pooler: PoolerPlan {
                reads: PoolerReads::First,
                activation: Activation::Tanh,
                norm_first: false,
                embeds: false,
                of_tokens: false,
            },
            encoders: Vec::new(),
            modules: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    /// The same sizes and blocks, without modules.
    #[must_use]
    pub(super) fn without_modules(&self) -> Self {
        Self {
            modules: Vec::new(),
            places: BTreeMap::new(),
            ..self.clone()
        }
    }

    /// Adds a module.
    pub fn push(&mut self, module: ModulePlan) {
        self.places.insert(module.place, self.modules.len());
        self.modules.push(module);
    }

    /// Adds a table `[rows, width]`. Words alone are quantised: rows of the others are few.
    pub fn table(&mut self, table: Table, path: &str, rows: usize, width: usize) {
        self.push(ModulePlan {
            quantized: table == Table::Words,
            ..ModulePlan::new(Place::Table(table), path, &[rows, width])
        });
    }

    /// Adds a parameter without a module of its own, such as a table that is stored as `[1, rows, width]`.
    pub fn parameter(&mut self, place: Place, path: &str, shape: &[usize]) {
        self.push(ModulePlan {
            endings: [""; 2],
            ..ModulePlan::new(place, path, shape)
        });
    }

    /// Adds a linear layer `[out, in]`.
    pub fn linear_layer(&mut self, site: LinearSite, path: &str, shape: [usize; 2], bias: bool) {
        self.frozen_layer(Place::Linear(site), path, &shape, bias);
    }

    /// Adds a layer that adapters do not reach, `[out, in]`, or `[out, channels, kernel…]` of a convolution.
    pub fn frozen_layer(&mut self, place: Place, path: &str, shape: &[usize], bias: bool) {
        self.push(ModulePlan {
            bias,
            quantized: true,
            ..ModulePlan::new(place, path, shape)
        });
    }

    /// Adds a layer norm `[width]`.
    pub fn norm(&mut self, site: NormSite, path: &str, width: usize, bias: bool) {
        self.push(ModulePlan {
            bias,
            ..ModulePlan::new(Place::Norm(site), path, &[width])
        });
    }

    /// Every module, in the order of computation.
    #[must_use]
    pub fn modules(&self) -> &[ModulePlan] {
        &self.modules
    }

    /// One module, if the model has it.
    #[must_use]
    pub fn module(&self, place: Place) -> Option<&ModulePlan> {
        self.places.get(&place).map(|&index| &self.modules[index])
    }

    /// Whether the model has a module, with a bias.
    #[must_use]
    pub fn has_bias(&self, place: Place) -> bool {
        self.module(place).is_some_and(|module| module.bias)
    }

    /// Number of blocks.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.blocks.len()
    }

    /// Every linear layer, in the order of computation.
    pub fn linear_sites(&self) -> impl Iterator<Item = LinearSite> {
        self.modules.iter().filter_map(|module| match module.place {
            Place::Linear(site) => Some(site),
            _ => None,
        })
    }

    /// Path of a linear layer below the encoder; empty if the model has none.
    #[must_use]
    pub fn linear(&self, site: LinearSite) -> String {
        self.path(Place::Linear(site))
    }

    /// Path of a linear layer in a model with a head; empty if the model has none.
    #[must_use]
    pub fn path_with_head(&self, site: LinearSite) -> String {
        let path = self.linear(site);
        match self.is_beside(Place::Linear(site)) {
            true => path,
            false => format!("{}.{path}", self.base()),
        }
    }

    /// Whether a module stands beside the encoder in a model with a head, and not below its attribute.
    #[must_use]
    pub fn is_beside(&self, place: Place) -> bool {
        let first = self
            .module(place)
            .and_then(|module| module.path.split('.').next());
        first.is_some_and(|first| self.family.beside.contains(&first))
    }

    /// Path of a module below the encoder; empty if the model has none.
    #[must_use]
    pub fn path(&self, place: Place) -> String {
        self.module(place)
            .map(|module| module.path.clone())
            .unwrap_or_default()
    }

    /// Path below the encoder of the module that AdapterHub puts the bottlenecks of a half block in.
    #[must_use]
    pub fn bottleneck(&self, site: SublayerSite) -> String {
        let mut encoders = self.encoders.iter().rev();
        let own = encoders.find(|own| site.layer >= own.before);
        let [attention, ffn] = own.map_or(self.family, |own| own.family).bottlenecks;
        let path = match site.sublayer {
            super::Sublayer::Attention => attention,
            super::Sublayer::Ffn => ffn,
        };
        match own {
            Some(EncoderPlan { name, before, .. }) => {
                let layer = site.layer - before;
                format!("{name}.{}", path.replace("{}", &layer.to_string()))
            }
            None => path.replace("{}", &site.layer.to_string()),
        }
    }

    /// The attribute that holds the encoder inside a model with a head.
    #[must_use]
    pub fn base(&self) -> &'static str {
        self.family.base
    }

    /// Whether the queries, keys and values of a block come from one layer.
    #[must_use]
    pub fn is_fused(&self) -> bool {
        let site = LinearSite::new(0, Linear::QueryKeyValue);
        self.module(Place::Linear(site)).is_some()
    }

    fn check(&self) -> Result<()> {
        let invalid = |reason: String| Error::ConfigInvalid {
            place: super::fields::PLACE.into(),
            reason,
        };
        if !self.hidden_size.is_multiple_of(self.heads) {
            return Err(invalid(format!(
                "hidden_size {} is not a multiple of num_attention_heads {}",
                self.hidden_size, self.heads
            )));
        }
        if self.max_tokens < 3 {
            return Err(invalid(
                "max_position_embeddings must leave room for a token".into(),
            ));
        }
        if !(self.norm_eps.is_finite() && self.norm_eps >= 0.0) {
            return Err(invalid(format!("layer_norm_eps is {}", self.norm_eps)));
        }
        Ok(())
    }
}

/// What every family's `config.json` says, under transformers' names.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// `hidden_size`
    pub hidden_size: usize,
    /// `num_hidden_layers`
    pub layers: usize,
    /// `num_attention_heads`
    pub heads: usize,
    /// `intermediate_size`
    pub intermediate_size: usize,
    /// `vocab_size`
    pub vocab_size: usize,
    /// `max_position_embeddings`, without positions that no token has.
    pub max_tokens: usize,
    /// ε of every layer norm.
    pub norm_eps: f64,
}

impl Sizes {
    /// Reads them, with the defaults of a family.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] for a field of another type or outside its range.
    pub fn read(fields: &ConfigFields, default: Self) -> Result<Self> {
        Ok(Self {
            hidden_size: fields.size("hidden_size", default.hidden_size)?,
            layers: fields.layers("num_hidden_layers", default.layers)?,
            heads: fields.size("num_attention_heads", default.heads)?,
            intermediate_size: fields.size("intermediate_size", default.intermediate_size)?,
            vocab_size: fields.size("vocab_size", default.vocab_size)?,
            max_tokens: fields.size("max_position_embeddings", default.max_tokens)?,
            norm_eps: fields.float("layer_norm_eps", default.norm_eps)?,
        })
    }
}
