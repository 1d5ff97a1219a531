//! LoRA's settings.

use std::collections::{BTreeMap, BTreeSet};

use super::row::SIZE;
use crate::adapter::bias::{self, Bias};
use crate::adapter::{Config, Options, Site, block_sites, target_sites};
use crate::error::{Error, Result};
use crate::model::{Linear, LinearSite, Shape};
use crate::order::Sorted;

/// Settings of a LoRA adapter.
///
/// A target layer `y = x Wᵀ + b` becomes `y + s · (x Aᵀ Bᵀ + c)` with `A`: `[rank, in]`, `B`:
/// `[out, rank]`, `c`: `[out]` (usually absent) and `s = α / rank`, or `α / √rank` if rank-stabilised
/// (Kalajdzievski 2023). With DoRA each row of `W + s B A` is scaled to a trained length.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    /// Rank.
    pub rank: usize,
    /// α.
    pub alpha: f64,
    /// Whether `s = α / √rank`.
    pub rank_stabilised: bool,
    /// The layers it acts on.
    pub targets: BTreeSet<LinearSite>,
    /// Ranks of targets that differ from `rank`.
    pub ranks: BTreeMap<LinearSite, usize>,
    /// α of targets that differ from `alpha`.
    pub alphas: BTreeMap<LinearSite, f64>,
    /// Whether magnitudes are trained too (DoRA).
    pub decomposed: bool,
    /// Whether the update has a bias `c` of its own.
    pub update_bias: bool,
    /// Which of the backbone's biases are trained too.
    pub bias: Bias,
    /// Probability with which an input of the update is left out in training.
    pub dropout: f64,
}

impl Default for LoraConfig {
    /// PEFT's defaults, without a target.
    fn default() -> Self {
        Self {
            rank: 8,
            alpha: 8.0,
            rank_stabilised: false,
            targets: BTreeSet::new(),
            ranks: BTreeMap::new(),
            alphas: BTreeMap::new(),
            decomposed: false,
            update_bias: false,
            bias: Bias::None,
            dropout: 0.0,
        }
    }
}

pub(super) fn from_options(
    options: &Options,
    shape: &Shape,
    decomposed: bool,
) -> Result<Box<dyn Config>> {
    let rank = options.rank.unwrap_or(SIZE.default);
    let layers = options.layers(shape)?;
    let targets = match options.targets.as_deref() {
        Some(named) => target_sites(named, &layers, shape)?,
        None => block_sites(&layers, shape),
    };
    #[allow(clippy::cast_precision_loss)]
    let config = LoraConfig {
        rank,
        alpha: options.alpha.unwrap_or(2.0 * rank as f64),
        rank_stabilised: options.rank_stabilised.unwrap_or(false),
        targets,
        decomposed,
        bias: options.bias.unwrap_or_default(),
        dropout: options.dropout.unwrap_or(0.0),
        ..LoraConfig::default()
    };
    config.check(shape)?;
    // PEFT's files may say anything finite; nothing is trained that changes nothing or the other way round
    if config.alpha <= 0.0 {
        return Err(Error::OptionInvalid {
            option: "alpha",
            value: config.alpha.to_string(),
            reason: "it must be greater than 0".into(),
        });
    }
    Ok(Box::new(config))
}

impl LoraConfig {
    pub(super) fn check(&self, shape: &Shape) -> Result<()> {
        let invalid = |option, value: String, reason: String| {
            Err(Error::OptionInvalid {
                option,
                value,
                reason,
            })
        };
        let ranks = std::iter::once(&self.rank).chain(self.ranks.values());
        if let Some(rank) = { ranks }.find(|&&rank| rank == 0 || rank > shape.hidden_size) {
            let reason = format!("it must be 1 to {}, the hidden size", shape.hidden_size);
            return invalid("rank", rank.to_string(), reason);
        }
        let alphas = std::iter::once(&self.alpha).chain(self.alphas.values());
        if let Some(alpha) = { alphas }.find(|alpha| !alpha.is_finite()) {
            let reason = "it must be a finite number".into();
            return invalid("alpha", alpha.to_string(), reason);
        }
        if !(0.0..1.0).contains(&self.dropout) {
            let reason = "it must be at least 0 and less than 1".into();
            return invalid("dropout", self.dropout.to_string(), reason);
        }
        super::super::options::check_sites(self.targets.iter(), shape)?;
        if self.targets.is_empty() {
            let reason = "name at least one linear layer".into();
            return invalid("targets", "empty".into(), reason);
        }
        Ok(())
    }

    /// Rank of a target.
    #[must_use]
    pub fn rank_of(&self, site: LinearSite) -> usize {
        self.ranks.get(&site).copied().unwrap_or(self.rank)
    }

    /// `s` of a target.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn scale_of(&self, site: LinearSite) -> f64 {
        let rank = self.rank_of(site) as f64;
        let divisor = if self.rank_stabilised {
            rank.sqrt()
        } else {
            rank
        };
        self.alphas.get(&site).unwrap_or(&self.alpha) / divisor
    }

    pub(super) fn bias_sites(&self, shape: &Shape) -> Vec<Site> {
        match self.bias {
            Bias::None => Vec::new(),
            Bias::All => bias::all_sites(shape).collect(),
            Bias::LoraOnly => self.targets.iter().copied().map(Site::Linear).collect(),
        }
    }

    pub(super) fn linears(&self) -> BTreeSet<Linear> {
        self.targets.iter().map(|site| site.linear).into_set()
    }

    pub(super) fn layers(&self) -> BTreeSet<usize> {
        self.targets.iter().filter_map(|site| site.layer).into_set()
    }
}
