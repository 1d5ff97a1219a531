//! LoRA: a low-rank update beside a frozen linear layer (Hu et al. 2021), and DoRA, which also trains
//! the magnitude of each row (Liu et al. 2024).

mod adapterhub;
mod config;
mod dora;
mod merge;
pub(super) mod methods;
mod peft;
mod row;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};

use super::bias::{self, BIAS, Bias, Biases};
use super::dialect::Library;
use super::{Adapter, Collector, Config, Description, GivenParams, Init, Kind, LowRank};
use super::{ParamName, ParamSource, Parameter, Site, fields_of, lowest_layer};
use crate::error::Result;
use crate::model::{Affine, Anatomy, Hook, LinearSite, NormSite, Place, Shape};
use crate::ops::{add_bias, add_low_rank, dropout, scale};
use crate::order::Sorted;
use crate::tensor::{Buffer, Tensor};
pub use config::LoraConfig;
use dora::{Dora, MAGNITUDE};
pub(super) use row::KIND;

struct Lora {
    config: LoraConfig,
    updates: BTreeMap<LinearSite, Update>,
    biases: Biases,
    parameters: Vec<Parameter>,
    /// What is dropped next; `None` outside training.
    dropout: Option<Dropped>,
}

/// Which inputs of updates are left out of a batch.
struct Dropped {
    /// Seed and number of tokens of each sequence.
    sequences: Vec<(u64, usize)>,
    /// Updates so far: each leaves out others.
    updates: AtomicU64,
}

struct Update {
    /// `[rank, in]`
    a: Tensor,
    /// `[out, rank]`
    b: Tensor,
    /// `[out]`
    bias: Option<Tensor>,
    scale: f32,
    dora: Option<Dora>,
}

/// Field of `A`.
const A: &str = "lora_a";
/// Field of `B`.
const B: &str = "lora_b";
const UPDATE_BIAS: &str = "lora_b.bias";

impl Config for LoraConfig {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn boxed(&self) -> Box<dyn Config> {
        Box::new(self.clone())
    }

    fn agrees(&self, other: &dyn Config) -> bool {
        let Some(other) = (other as &dyn Any).downcast_ref::<Self>() else {
            return false;
        };
        let settings = |config: &Self| Self {
            dropout: 0.0,
            ..config.clone()
        };
        settings(self) == settings(other)
    }

    fn build(&self, shape: &Shape, source: &mut dyn ParamSource) -> Result<Box<dyn Adapter>> {
        let mut tensors = Collector::new(source);
        let mut updates = BTreeMap::new();
        for &site in &self.targets {
            let (input, output) = shape.linear_features(site);
            let rank = self.rank_of(site);
            // PyTorch's default for a linear layer, as PEFT has it; B = 0, so a fresh adapter changes nothing
            #[allow(clippy::cast_precision_loss)]
            let bound = 1.0 / (input as f32).sqrt();
            #[allow(clippy::cast_possible_truncation)]
            let scale = self.scale_of(site) as f32;
            let mut get =
                |field, dims: &[usize], init| tensors.get(Site::Linear(site), field, dims, init);
            let a = get(A, &[rank, input], Init::Uniform(bound))?;
            let b = get(B, &[output, rank], Init::Zeros)?;
            let bias = if self.update_bias {
                Some(get(UPDATE_BIAS, &[output], Init::Zeros)?)
            } else {
                None
            };
            let dora = if self.decomposed {
                Some(Dora::build(site, shape, &mut tensors, (&a, &b, scale))?)
            } else {
                None
            };
            let update = Update {
                a,
                b,
                bias,
                scale,
                dora,
            };
            updates.insert(site, update);
        }
        let biases = Biases::build(self.bias_sites(shape), shape, &mut tensors)?;
        let parameters = tensors.into_parameters();
        Ok(Box::new(Lora {
            config: self.clone(),
            updates,
            biases,
            parameters,
            dropout: None,
        }))
    }

    fn of_low_rank(
        &self,
        updates: Vec<(LinearSite, LowRank)>,
        shape: &Shape,
    ) -> Result<Box<dyn Adapter>> {
        let rank = updates.first().map_or(1, |(_, update)| update.b.dims2().1);
        #[allow(clippy::cast_precision_loss)]
        let config = Self {
            rank,
            alpha: rank as f64,
            targets: updates.iter().map(|(site, _)| *site).into_set(),
            ..Self::default()
        };
        let parameters = updates.into_iter().flat_map(|(site, update)| {
            let site = Site::Linear(site);
            [(A, update.a), (B, update.b)].map(|(field, tensor)| Parameter {
                name: ParamName { site, field },
                tensor,
            })
        });
        let parameters: Vec<Parameter> = parameters.collect();
        config.build(shape, &mut GivenParams(&parameters))
    }

    fn write(&self, library: Library, shape: &Shape) -> Result<Map<String, Value>> {
        let value = match library {
            Library::Peft => peft::write(self, shape),
            Library::AdapterHub => adapterhub::write(self, shape)?,
        };
        Ok(fields_of(value))
    }

    fn key(&self, library: Library, anatomy: &Anatomy, name: ParamName, adapter: &str) -> String {
        let site = match (name.site, name.field) {
            (Site::Linear(site), field) if field != BIAS => site,
            (site, _) => {
                let is_target = matches!(site, Site::Linear(site) if self.targets.contains(&site));
                return bias::peft_key(anatomy, site, is_target);
            }
        };
        let path = anatomy.linear(site);
        match (library, name.field) {
            (Library::Peft, A) => format!("{path}.lora_A.weight"),
            (Library::Peft, B) => format!("{path}.lora_B.weight"),
            (_, UPDATE_BIAS) => format!("{path}.lora_B.bias"),
            (_, MAGNITUDE) => format!("{path}.lora_magnitude_vector"),
            (Library::AdapterHub, A) => format!("{path}.loras.{adapter}.lora_A"),
            (Library::AdapterHub, _) => format!("{path}.loras.{adapter}.lora_B"),
            (Library::Peft, _) => String::new(),
        }
    }

    fn describe(&self, shape: &Shape) -> Description {
        let name = if self.decomposed { "DoRA" } else { "LoRA" };
        let title = match self.bias {
            Bias::None => name.to_owned(),
            Bias::All | Bias::LoraOnly => format!("{name} with biases"),
        };
        let layers = match self.bias {
            Bias::All => (0..shape.layers).collect(),
            _ => self.layers().into_iter().collect(),
        };
        Description {
            title,
            sites: self
                .linears()
                .iter()
                .map(|linear| linear.name().to_owned())
                .collect(),
            layers,
            ..Description::default()
        }
        .with_size("rank", self.rank)
        .with_size("alpha", self.alpha)
    }
}

impl Update {
    /// `x Aᵀ Bᵀ + c`
    fn of(&self, x: &Tensor) -> Tensor {
        let (tokens, output) = (x.dims2().0, self.b.dims2().0);
        let zeros = Tensor::new(Buffer::zeros(tokens * output), &[tokens, output]);
        let change = add_low_rank(zeros, x, &self.a, &self.b, 1.0);
        match &self.bias {
            Some(bias) => add_bias(change, bias),
            None => change,
        }
    }

    /// `y + s (x Aᵀ Bᵀ + c)`
    fn add(&self, y: Tensor, x: &Tensor) -> Tensor {
        let y = add_low_rank(y, x, &self.a, &self.b, self.scale);
        match &self.bias {
            Some(bias) => add_bias(y, &scale(bias.clone(), self.scale)),
            None => y,
        }
    }
}

impl Lora {
    /// The input of an update with some elements left out, if the adapter is being trained so.
    fn dropped(&self, site: LinearSite, x: &Tensor) -> Option<Tensor> {
        let Dropped { sequences, updates } = self.dropout.as_ref()?;
        let update = updates.fetch_add(1, Ordering::Relaxed);
        // outside of the blocks a sequence is one row
        let seeds = sequences.iter().map(|&(seed, tokens)| {
            let rows = if site.layer.is_some() { tokens } else { 1 };
            (seed.wrapping_add(update), rows)
        });
        #[allow(clippy::cast_possible_truncation)]
        Some(dropout(x, self.config.dropout as f32, seeds))
    }
}

impl Hook for Lora {
    fn after_linear(&self, site: LinearSite, x: &Tensor, y: Tensor) -> Tensor {
        let Some(update) = self.updates.get(&site) else {
            return self.biases.apply(Site::Linear(site), y);
        };
        let dropped = self.dropped(site, x);
        let input = dropped.as_ref().unwrap_or(x);
        let y = match &update.dora {
            Some(dora) => {
                let change = update.of(input);
                dora.apply(y, dropped.as_ref(), &change, update.scale)
            }
            None => update.add(y, input),
        };
        self.biases.apply(Site::Linear(site), y)
    }

    fn changes_output(&self, site: LinearSite) -> bool {
        self.updates.contains_key(&site) || self.biases.contains(Site::Linear(site))
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

impl Adapter for Lora {
    fn config(&self) -> &dyn Config {
        &self.config
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn update(&self, site: LinearSite, x: &Tensor) -> Option<Tensor> {
        let update = self.updates.get(&site).filter(|_| self.only_adds(site))?;
        let dropped = self.dropped(site, x);
        Some(scale(
            update.of(dropped.as_ref().unwrap_or(x)),
            update.scale,
        ))
    }

    fn only_adds(&self, site: LinearSite) -> bool {
        let update = self.updates.get(&site);
        update.is_some_and(|update| update.dora.is_none())
            && !self.biases.contains(Site::Linear(site))
    }

    fn excludes_others(&self, _site: LinearSite) -> Option<String> {
        let is_dora = self.config.decomposed;
        is_dora.then(|| "is DoRA, which scales what the frozen layer itself gives".to_owned())
    }

    fn why_not_averaged(&self) -> Option<&'static str> {
        match (self.config.decomposed, self.config.bias) {
            (true, _) => Some("DoRA"),
            (false, Bias::None) => None,
            (false, _) => Some("LoRA with biases"),
        }
    }

    fn low_rank(&self) -> std::result::Result<Vec<(LinearSite, LowRank)>, &'static str> {
        let config = &self.config;
        if config.decomposed || config.update_bias || config.bias != Bias::None {
            return Err("a LoRA with more than its update");
        }
        let low_rank = |(&site, update): (&LinearSite, &Update)| {
            let (a, b) = (update.a.clone(), update.b.clone());
            let scale = config.scale_of(site);
            (site, LowRank { a, b, scale })
        };
        Ok(self.updates.iter().map(low_rank).collect())
    }

    fn merge(&self, place: Place, weights: &mut Affine) -> Result<()> {
        if let Place::Linear(site) = place
            && let Some(update) = self.updates.get(&site)
        {
            update.merge(weights)?;
        }
        self.biases.merge(place, weights);
        Ok(())
    }

    fn start_training(&mut self, sequences: &[(u64, usize)]) {
        self.dropout = (self.config.dropout > 0.0).then(|| Dropped {
            sequences: sequences.to_vec(),
            updates: AtomicU64::new(0),
        });
    }
}
