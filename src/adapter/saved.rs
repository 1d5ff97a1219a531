//! Modules of the encoder that are trained whole, beside an adapter of any kind: PEFT's `modules_to_save`.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::{Map, Value};

use super::dialect::Library;
use super::{Adapter, Collector, Config, Description, HalfBlock, Init, Kind, LowRank, ParamName};
use super::{ParamSource, Parameter, Reads, Site, lowest_layer};
use crate::error::{Error, Result};
use crate::model::{Affine, Anatomy, Hook, LinearSite, NormSite, Place, Shape, SublayerSite};
use crate::ops::{LayerNorm, add_bias, layer_norm, linear};
use crate::order::Sorted;
use crate::tensor::Tensor;

const WEIGHT: &str = "saved.weight";
const SAVED_BIAS: &str = "saved.bias";

/// Whether a parameter is a weight or bias of a module that is trained whole.
pub(crate) fn is_saved(name: ParamName) -> bool {
    [WEIGHT, SAVED_BIAS].contains(&name.field)
}

/// Settings of another adapter, with modules whose weights and biases it replaces: linear layers, and layer norms that do
/// not end a half block.
///
/// The other adapter does not act on these modules, as in PEFT.
#[derive(Clone)]
pub(crate) struct SavedConfig {
    pub(crate) inner: Rc<dyn Config>,
    pub(crate) sites: BTreeSet<LinearSite>,
    pub(crate) norms: BTreeSet<NormSite>,
}

struct Saved {
    config: SavedConfig,
    inner: Box<dyn Adapter>,
    /// Weight `[out, in]` and bias `[out]`.
    layers: BTreeMap<LinearSite, (Tensor, Option<Tensor>)>,
    /// γ and β, `[width]`, and ε.
    norms: BTreeMap<NormSite, (Tensor, Tensor, f32)>,
    parameters: Vec<Parameter>,
}

/// A source without the parameters of some layers.
struct Without<'a> {
    source: &'a mut dyn ParamSource,
    sites: &'a BTreeSet<LinearSite>,
}

impl ParamSource for Without<'_> {
    fn get(&mut self, name: ParamName, shape: &[usize], init: Init) -> Result<Tensor> {
        self.source.get(name, shape, init)
    }

    fn get_from(&mut self, name: ParamName, start: &Tensor) -> Result<Tensor> {
        self.source.get_from(name, start)
    }

    fn has(&self, name: ParamName) -> bool {
        let hidden = matches!(name.site, Site::Linear(site) if self.sites.contains(&site));
        !hidden && self.source.has(name)
    }
}

impl SavedConfig {
    fn with(&self, inner: Rc<dyn Config>) -> Self {
        Self {
            inner,
            sites: self.sites.clone(),
            norms: self.norms.clone(),
        }
    }
}

impl Config for SavedConfig {
    fn kind(&self) -> &'static Kind {
        self.inner.kind()
    }

    fn boxed(&self) -> Box<dyn Config> {
        Box::new(self.clone())
    }

    fn agrees(&self, other: &dyn Config) -> bool {
        (other as &dyn Any)
            .downcast_ref::<Self>()
            .is_some_and(|other| {
                let same = self.sites == other.sites && self.norms == other.norms;
                same && self.inner.agrees(&*other.inner)
            })
    }

    fn build(&self, shape: &Shape, source: &mut dyn ParamSource) -> Result<Box<dyn Adapter>> {
        let inner = self.inner.build(
            shape,
            &mut Without {
                source: &mut *source,
                sites: &self.sites,
            },
        )?;
        let acts = |site: LinearSite| inner.changes_output(site) || inner.changes_input(site);
        if let Some(site) = self.sites.iter().find(|&&site| acts(site)) {
            return Err(Error::UnsupportedFeature {
                place: "adapter_model".into(),
                feature: format!(
                    "a weight of {} beside an adapter on it",
                    shape.anatomy.linear(*site)
                ),
            });
        }
        let mut tensors = Collector::new(source);
        let mut layers = BTreeMap::new();
        for &site in &self.sites {
            let (input, output) = shape.linear_features(site);
            let mut get =
                |field, dims: &[usize]| tensors.get(Site::Linear(site), field, dims, Init::Zeros);
            let weight = get(WEIGHT, &[output, input])?;
            let bias = match shape.anatomy.has_bias(Place::Linear(site)) {
                true => Some(get(SAVED_BIAS, &[output])?),
                false => None,
            };
            layers.insert(site, (weight, bias));
        }
        let mut norms = BTreeMap::new();
        for &site in &self.norms {
            let place = Place::Norm(site);
            let width = shape
                .anatomy
                .module(place)
                .map_or(0, |module| module.shape[0]);
            let mut get = |field| tensors.get(Site::Norm(site), field, &[width], Init::Zeros);
            let gamma = get(WEIGHT)?;
            let beta = match shape.anatomy.has_bias(place) {
                true => get(SAVED_BIAS)?,
                false => Tensor::new(vec![0.0; width], &[width]),
            };
            #[allow(clippy::cast_possible_truncation)]
            let epsilon = shape.anatomy.norm_eps as f32;
            norms.insert(site, (gamma, beta, epsilon));
        }
        let own = tensors.into_parameters();
        Ok(Box::new(Saved {
            config: self.clone(),
            parameters: [inner.parameters(), &own].concat(),
            inner,
            layers,
            norms,
        }))
    }

    fn write(&self, library: Library, shape: &Shape) -> Result<Map<String, Value>> {
        if library == Library::AdapterHub {
            return Err(Error::AdapterFormat {
                what: "a module that was trained whole".into(),
                format: library.title(),
                hint: "AdapterHub has no place for it; save it in PEFT's format instead".into(),
            });
        }
        self.inner.write(library, shape)
    }

    fn key(&self, library: Library, anatomy: &Anatomy, name: ParamName, adapter: &str) -> String {
        let place = match name.site {
            Site::Linear(site) if is_saved(name) => Some(Place::Linear(site)),
            Site::Norm(site) if is_saved(name) => Some(Place::Norm(site)),
            _ => None,
        };
        let part = if name.field == WEIGHT {
            "weight"
        } else {
            "bias"
        };
        match place {
            Some(place) => format!("{}.{part}", anatomy.path(place)),
            None => self.inner.key(library, anatomy, name, adapter),
        }
    }

    fn is_prompt_learning(&self) -> bool {
        self.inner.is_prompt_learning()
    }

    fn adds_tokens(&self) -> bool {
        self.inner.adds_tokens()
    }

    fn made_of(&self) -> Option<Vec<&str>> {
        self.inner.made_of()
    }

    fn repeats(&self, library: Library, key: &str) -> bool {
        self.inner.repeats(library, key)
    }

    fn replaces(&self) -> BTreeSet<LinearSite> {
        self.sites.clone()
    }

    fn describe(&self, shape: &Shape) -> Description {
        let mut layers = self.inner.describe(shape).layers.into_iter().into_set();
        layers.extend(self.sites.iter().filter_map(|site| site.layer));
        Description {
            layers: layers.into_iter().collect(),
            saved: self.sites.iter().map(|site| site.title()).collect(),
            ..self.inner.describe(shape)
        }
    }
}

impl Hook for Saved {
    fn inner(&self) -> Option<&dyn Hook> {
        Some(&*self.inner)
    }

    fn after_linear(&self, site: LinearSite, x: &Tensor, y: Tensor) -> Tensor {
        match self.layers.get(&site) {
            Some((weight, Some(bias))) => add_bias(linear(x, weight), bias),
            Some((weight, None)) => linear(x, weight),
            None => self.inner.after_linear(site, x, y),
        }
    }

    fn changes_output(&self, site: LinearSite) -> bool {
        self.layers.contains_key(&site) || self.inner.changes_output(site)
    }

    fn norm(&self, site: NormSite, x: &Tensor, norm: &LayerNorm) -> Tensor {
        match self.norms.get(&site) {
            Some((gamma, beta, epsilon)) => layer_norm(x, gamma, beta, *epsilon),
            None => self.inner.norm(site, x, norm),
        }
    }

    fn changes_norm(&self, site: NormSite) -> bool {
        self.norms.contains_key(&site) || self.inner.changes_norm(site)
    }

    fn lowest_layer(&self) -> Option<usize> {
        let own = lowest_layer(&self.parameters);
        own.into_iter().chain(self.inner.lowest_layer()).min()
    }
}

impl Adapter for Saved {
    fn config(&self) -> &dyn Config {
        &self.config
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn stored(&self, library: Library) -> Vec<Parameter> {
        let mut stored = self.inner.stored(library);
        stored.extend(self.own().cloned());
        stored
    }

    fn finished(&self) -> Option<(Box<dyn Config>, Vec<Parameter>)> {
        let (config, mut parameters) = self.inner.finished()?;
        parameters.extend(self.own().cloned());
        Some((Box::new(self.config.with(Rc::from(config))), parameters))
    }

    fn update(&self, site: LinearSite, x: &Tensor) -> Option<Tensor> {
        match self.layers.contains_key(&site) {
            true => None,
            false => self.inner.update(site, x),
        }
    }

    fn half_block(&self, site: SublayerSite) -> Option<&dyn HalfBlock> {
        self.inner.half_block(site)
    }

    fn reads(&self, site: SublayerSite) -> Option<Reads> {
        self.inner.reads(site)
    }

    fn only_adds(&self, site: LinearSite) -> bool {
        !self.layers.contains_key(&site) && self.inner.only_adds(site)
    }

    fn excludes_others(&self, site: LinearSite) -> Option<String> {
        if self.layers.contains_key(&site) {
            let title = site.title();
            return Some(format!(
                "replaces the weights of {title}, which the other changes too"
            ));
        }
        self.inner.excludes_others(site)
    }

    fn why_not_averaged(&self) -> Option<&'static str> {
        self.inner.why_not_averaged()
    }

    fn low_rank(&self) -> std::result::Result<Vec<(LinearSite, LowRank)>, &'static str> {
        Err("an adapter with modules trained whole")
    }

    fn penalty(&self) -> Option<Tensor> {
        self.inner.penalty()
    }

    fn start_training(&mut self, sequences: &[(u64, usize)]) {
        self.inner.start_training(sequences);
    }

    fn merge(&self, place: Place, weights: &mut Affine) -> Result<()> {
        if let Place::Linear(site) = place
            && let Some((weight, bias)) = self.layers.get(&site)
        {
            weights.weight = weight.data().to_vec();
            weights.bias = bias
                .as_ref()
                .map(|bias| bias.data().to_vec())
                .unwrap_or_default();
            return Ok(());
        }
        if let Place::Norm(site) = place
            && let Some((gamma, beta, _)) = self.norms.get(&site)
        {
            weights.weight = gamma.data().to_vec();
            weights.bias = beta.data().to_vec();
            return Ok(());
        }
        self.inner.merge(place, weights)
    }
}

impl Saved {
    /// The weights and biases that are trained whole.
    fn own(&self) -> impl Iterator<Item = &Parameter> {
        let parameters = self.parameters.iter();
        parameters.filter(|parameter| is_saved(parameter.name))
    }
}
