//! AdapterHub's files of vectors.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::dialect::{Fields, Library};
use super::super::{Config, Options, fields_of, number};
use super::{Ia3Config, Side, from_options, refuse};
use crate::error::Result;
use crate::model::{Linear, LinearSite, Shape};
use crate::order::Sorted;

/// AdapterHub's names of the attention's matrices.
const MATRICES: [(&str, Linear); 3] = [
    ("q", Linear::Query),
    ("k", Linear::Key),
    ("v", Linear::Value),
];

pub(super) fn from_options_adapterhub(options: &Options, shape: &Shape) -> Result<Box<dyn Config>> {
    let default = [Linear::Key, Linear::Value, Linear::FfnUp];
    from_options(options, shape, &default, |_| Side::Output)
}

pub(super) fn read_adapterhub(
    place: &str,
    map: &Map<String, Value>,
    shape: &Shape,
) -> Result<Box<dyn Config>> {
    let fields = Fields::new(place, map);
    fields.refuse_unless("composition_mode", &[json!("scale")])?;
    fields.refuse_unless("r", &[json!(1)])?;
    fields.refuse_unless("use_gating", &[json!(false)])?;
    fields.refuse_unless("use_dora", &[json!(false)])?;
    let mut linears = BTreeSet::new();
    if fields.flag("selfattn_lora", true)? {
        for name in fields.strings("attn_matrices", &["k", "v"])? {
            let known = MATRICES.into_iter().find(|(matrix, _)| *matrix == name);
            match known {
                Some((_, linear)) => linears.insert(linear),
                None => return Err(fields.unsupported("attn_matrices", &json!(name))),
            };
        }
    }
    if fields.flag("intermediate_lora", true)? {
        linears.insert(Linear::FfnUp);
    }
    if fields.flag("output_lora", false)? {
        linears.insert(Linear::FfnDown);
    }
    if linears.is_empty() {
        return Err(fields.invalid("it scales no linear layer"));
    }
    let leave_out = fields.counts("leave_out")?;
    let sites = (0..shape.layers)
        .filter(|layer| !leave_out.contains(layer))
        .flat_map(|layer| {
            linears
                .iter()
                .map(move |&linear| (LinearSite::new(layer, linear), Side::Output))
        });
    Ok(Box::new(Ia3Config {
        sites: sites.into_map(),
        alpha: fields.float("alpha", Some(1.0))?,
    }))
}

impl Ia3Config {
    pub(super) fn write_adapterhub(&self, shape: &Shape) -> Result<Map<String, Value>> {
        let (linears, layers) = (self.linears(), self.layers());
        if !self.inputs().is_empty() {
            return refuse(
                Library::AdapterHub,
                "an IA3 that scales the input of a layer",
            );
        }
        if linears.contains(&Linear::AttentionOutput) {
            return refuse(Library::AdapterHub, "IA3 on the attention output");
        }
        if linears.contains(&Linear::Pooler) {
            return refuse(Library::AdapterHub, "IA3 on the pooler");
        }
        if self.sites.len() != linears.len() * layers.len() {
            return refuse(
                Library::AdapterHub,
                "an IA3 whose layers differ in their targets",
            );
        }
        let matrices: Vec<&str> = MATRICES
            .into_iter()
            .filter_map(|(name, linear)| linears.contains(&linear).then_some(name))
            .collect();
        let leave_out: Vec<usize> = (0..shape.layers).filter(|l| !layers.contains(l)).collect();
        Ok(fields_of(json!({
            "architecture": "lora",
            "composition_mode": "scale",
            "selfattn_lora": !matrices.is_empty(),
            "intermediate_lora": linears.contains(&Linear::FfnUp),
            "output_lora": linears.contains(&Linear::FfnDown),
            "attn_matrices": matrices,
            "r": 1,
            "alpha": number(self.alpha),
            "dropout": 0.0,
            "init_weights": "ia3",
            "leave_out": leave_out,
            "use_gating": false,
            "use_dora": false,
        })))
    }
}
