//! PEFT's files of vectors.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::dialect::{Fields, Library, peft_targets};
use super::super::{Config, Options, fields_of};
use super::{Ia3Config, Side, from_options, refuse};
use crate::error::Result;
use crate::model::{LinearSite, Shape};
use crate::order::Sorted;

pub(super) fn from_options_peft(options: &Options, shape: &Shape) -> Result<Box<dyn Config>> {
    let default = shape.anatomy.family.targets;
    let is_input = |linear| default.ia3_feedforward.contains(&linear);
    from_options(options, shape, default.ia3, |linear| {
        if is_input(linear) {
            Side::Input
        } else {
            Side::Output
        }
    })
}

pub(super) fn read_peft(
    place: &str,
    map: &Map<String, Value>,
    shape: &Shape,
) -> Result<Box<dyn Config>> {
    let fields = Fields::new(place, map);
    // PEFT resets it with a warning where the layers are linear ones
    fields.flag("fan_in_fan_out", false)?;
    let default = shape.anatomy.family.targets;
    let targets = peft_targets::read(&fields, shape, default.ia3)?;
    let is_input = peft_targets::feedforward(&fields, shape, default.ia3_feedforward)?;
    let side = |site| match is_input(site) {
        true => Side::Input,
        false => Side::Output,
    };
    Ok(Box::new(Ia3Config {
        sites: targets
            .into_iter()
            .map(|site| (site, side(site)))
            .into_map(),
        alpha: 1.0,
    }))
}

#[allow(clippy::float_cmp)]
impl Ia3Config {
    pub(super) fn write_peft(&self, shape: &Shape) -> Result<Map<String, Value>> {
        if self.alpha != 1.0 {
            return refuse(Library::Peft, "an IA3 whose alpha is not 1");
        }
        let (all, inputs) = (self.sites.keys().copied().into_set(), self.inputs());
        let mut targets = peft_targets::write(&all, shape);
        let mut feedforward = match inputs.is_empty() {
            true => json!([]),
            false => peft_targets::write(&inputs, shape),
        };
        // PEFT wants the second list to be part of the first
        let is_part = |part: &Value, whole: &Value| match (part, whole) {
            (Value::Array(part), Value::Array(whole)) => part.iter().all(|e| whole.contains(e)),
            _ => false,
        };
        if !is_part(&feedforward, &targets) {
            let paths = |sites: &BTreeSet<LinearSite>| -> Value {
                sites
                    .iter()
                    .map(|&site| shape.anatomy.linear(site))
                    .collect()
            };
            (targets, feedforward) = (paths(&all), paths(&inputs));
        }
        Ok(fields_of(json!({
            "peft_type": "IA3",
            "target_modules": targets,
            "feedforward_modules": feedforward,
            "fan_in_fan_out": false,
            "init_ia3_weights": true,
        })))
    }
}
