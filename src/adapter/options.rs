//! Settings of fresh adapters.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Bias, Setting};
use crate::error::{Error, Result};
use crate::json::plain;
use crate::model::{Linear, LinearSite, Shape};
use crate::ops::Activation;
use crate::order::Sorted;

/// Settings of a fresh adapter, all optional. The rows of [`Kind::settings`](super::Kind::settings) say which kind has which.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Rank of LoRA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// α of LoRA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Whether LoRA's update is scaled by α / √rank.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank_stabilised: Option<bool>,
    /// Probability with which dropout leaves out an input of LoRA's update in training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    /// Biases that are trained beside LoRA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bias: Option<Bias>,
    /// Virtual tokens of prefix and prompt tuning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_tokens: Option<usize>,
    /// Linear layers that LoRA or IA3 acts on, in each of `layers`; the pooler, which lies in none, if it is
    /// named here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<Linear>>,
    /// Zero-based layers that a LoRA, IA3, bottleneck or prefix is in. What lies below the lowest is computed
    /// once for all epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<usize>>,
    /// Hidden size over bottleneck size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reduction_factor: Option<usize>,
    /// Nonlinearity of a bottleneck.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub non_linearity: Option<Activation>,
    /// PEFT's settings that are taken by PEFT's rules, see [`Kind::peft_settings`](super::Kind::peft_settings).
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub peft: Map<String, Value>,
    /// Settings that have no field here, by their names.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Options {
    /// A setting that has no field of its own here.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if it is of another type.
    pub fn other<T: DeserializeOwned>(&self, setting: &Setting) -> Result<Option<T>> {
        let value = self.other.get(setting.name);
        let read = value.map(|value| {
            serde_json::from_value(value.clone()).map_err(|error| Error::OptionInvalid {
                option: setting.name,
                value: value.to_string(),
                reason: plain(&error),
            })
        });
        read.transpose()
    }

    /// The layers that the adapter is in: all where nothing is said.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] for no layer, or one that the backbone does not have.
    pub fn layers(&self, shape: &Shape) -> Result<BTreeSet<usize>> {
        let Some(given) = &self.layers else {
            return Ok((0..shape.layers).into_set());
        };
        let wrong = given.iter().find(|&&layer| layer >= shape.layers);
        if let (false, None) = (given.is_empty(), wrong) {
            return Ok(given.iter().copied().into_set());
        }
        let reason = format!(
            "name at least one layer, each from 0 to {}",
            shape.layers - 1
        );
        Err(Error::OptionInvalid {
            option: "layers",
            value: wrong.map_or("empty".into(), usize::to_string),
            reason,
        })
    }

    /// Refuses a choice of layers for a kind that has none to choose.
    pub(super) fn refuse_layers(&self, reason: &str) -> Result<()> {
        match &self.layers {
            None => Ok(()),
            Some(layers) => Err(Error::OptionInvalid {
                option: "layers",
                value: format!("{layers:?}"),
                reason: reason.into(),
            }),
        }
    }
}

/// The virtual tokens that options ask for: at most half of what the backbone reads, so that a text
/// has room beside them.
pub(super) fn virtual_tokens(options: &Options, default: usize, shape: &Shape) -> Result<usize> {
    let (count, most) = (
        options.virtual_tokens.unwrap_or(default),
        shape.max_tokens / 2,
    );
    if (1..=most).contains(&count) {
        return Ok(count);
    }
    Err(Error::OptionInvalid {
        option: "virtual_tokens",
        value: count.to_string(),
        reason: format!("it must be 1 to {most}, half of what the backbone reads"),
    })
}

/// Every linear layer of some blocks.
pub(super) fn block_sites(layers: &BTreeSet<usize>, shape: &Shape) -> BTreeSet<LinearSite> {
    let of_them = |site: &LinearSite| site.layer.is_some_and(|layer| layers.contains(&layer));
    shape.linear_sites().filter(of_them).into_set()
}

/// The linear layers of these names in the given layers, and those that lie in no layer.
///
/// # Errors
/// [`Error::OptionInvalid`] if none is named, or one that the backbone does not have.
pub(super) fn target_sites(
    linears: &[Linear],
    layers: &BTreeSet<usize>,
    shape: &Shape,
) -> Result<BTreeSet<LinearSite>> {
    let named = |site: &LinearSite| {
        linears.contains(&site.linear) && site.layer.is_none_or(|layer| layers.contains(&layer))
    };
    let invalid = |value: &str, reason: String| Error::OptionInvalid {
        option: "targets",
        value: value.to_owned(),
        reason,
    };
    let sites = shape.linear_sites().filter(named).into_set();
    let absent = linears
        .iter()
        .find(|&&linear| sites.iter().all(|site| site.linear != linear));
    match absent {
        Some(linear) => Err(invalid(
            linear.name(),
            format!("{} has no such linear layer", shape.name),
        )),
        None if sites.is_empty() => Err(invalid("empty", "name at least one linear layer".into())),
        None => Ok(sites),
    }
}

/// Refuses sites that the model does not have.
pub(super) fn check_sites<'a>(
    mut sites: impl Iterator<Item = &'a LinearSite>,
    shape: &Shape,
) -> Result<()> {
    let absent = sites.find(|&&site| shape.linear_features(site) == (0, 0));
    absent.map_or(Ok(()), |site| {
        Err(Error::OptionInvalid {
            option: "targets",
            value: site.title(),
            reason: format!("a {} model has no such layer", shape.anatomy.family.title),
        })
    })
}
