//! A folder of a model with two towers.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::super::fields::PLACE;
use crate::error::{Error, Result};
use crate::json;
use crate::model::Checkpoint;

/// The encoders of a model with two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TowerName {
    /// Of texts.
    Text,
    /// Of pictures.
    Vision,
}

/// `model_type` of models with two towers.
const MODELS: [&str; 2] = ["clip", "siglip"];

/// The configuration of one tower, where the whole one is of a model with two; else the configuration as it is.
///
/// # Errors
/// [`Error::OptionInvalid`] if nobody said which of the two, or if there is only one; [`Error::ConfigInvalid`].
pub(in crate::model) fn of_tower(
    config: Cow<'_, [u8]>,
    tower: Option<TowerName>,
) -> Result<Cow<'_, [u8]>> {
    let invalid = |reason: String| Error::ConfigInvalid {
        place: PLACE.into(),
        reason,
    };
    let whole: Map<String, Value> = match json::parse(&config) {
        Ok(whole) => whole,
        // what reads it says what is wrong
        Err(_) => return Ok(config),
    };
    let model = whole.get("model_type").and_then(Value::as_str);
    let Some(model) = model.filter(|model| MODELS.contains(model)) else {
        return match tower {
            None => Ok(config),
            Some(tower) => Err(Error::OptionInvalid {
                option: "tower",
                value: tower.name().into(),
                reason: "this folder does not hold a model with two towers; leave it out".into(),
            }),
        };
    };
    let Some(tower) = tower else {
        return Err(Error::OptionInvalid {
            option: "tower",
            value: String::new(),
            reason: format!(
                "this folder holds a {model} model, which has a tower for texts and one for pictures; convert one at a time with --tower text or --tower vision"
            ),
        });
    };
    let name = tower.name();
    let own = whole.get(&format!("{name}_config"));
    let Some(Value::Object(own)) = own else {
        return Err(invalid(format!("it has no {name}_config")));
    };
    let mut own = own.clone();
    // the first models have some of the fields here, which count
    if let Some(Value::Object(more)) = whole.get(&format!("{name}_config_dict")) {
        own.extend(more.clone());
    }
    // the model's own width of vectors counts for both
    if let Some(width) = whole.get("projection_dim") {
        own.insert("projection_dim".into(), width.clone());
    }
    own.insert("model_type".into(), json!(format!("{model}_{name}_model")));
    let bytes = serde_json::to_vec_pretty(&own).map_err(|error| invalid(error.to_string()))?;
    Ok(bytes.into())
}

/// What cosines of the two towers' vectors are multiplied with, and what is then added, if the checkpoint says so.
pub(in crate::model) fn scale(checkpoint: &Checkpoint<'_>) -> [Option<f32>; 2] {
    let [scale, bias] = ["logit_scale", "logit_bias"].map(|name| checkpoint.number(name));
    [scale.map(f32::exp), bias]
}

impl TowerName {
    /// The name that transformers' fields have.
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Vision => "vision",
        }
    }
}
