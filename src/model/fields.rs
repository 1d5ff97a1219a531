use serde_json::{Map, Value, json};

use super::family::Family;
use crate::error::{Error, Result};
use crate::json;
use crate::ops::Activation;

/// The file's name in errors.
pub(super) const PLACE: &str = "config.json";

/// No encoder has as many blocks.
const MAX_LAYERS: usize = 1 << 10;

/// A model's `config.json`; every field may be absent or null.
#[derive(Clone, Debug)]
pub struct ConfigFields(Map<String, Value>);

impl ConfigFields {
    /// Parses the file.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] if it is no JSON object.
    pub fn parse(json: &[u8]) -> Result<Self> {
        json::parse(json)
            .map(Self)
            .map_err(|error| invalid(format!("it is not the configuration of a model: {error}")))
    }

    /// Of fields that somebody made.
    #[must_use]
    pub fn of(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// With the family's own names under the usual ones as well. Of a field of the `attribute_map` the usual name counts
    /// where both are there, as in transformers; of the family's own fields only its own name.
    #[must_use]
    pub fn named(&self, family: &Family) -> Self {
        let mut fields = self.0.clone();
        for (name, own) in family.attribute_map {
            if let Some(value) = self.0.get(*own) {
                fields.entry(*name).or_insert_with(|| value.clone());
            }
        }
        for (name, own) in family.own_fields {
            match self.0.get(*own) {
                Some(value) => drop(fields.insert((*name).to_owned(), value.clone())),
                None => drop(fields.shift_remove(*name)),
            }
        }
        Self(fields)
    }

    /// A field, if it is there and not null.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Whether a field is there and null.
    #[must_use]
    pub fn has_null(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(Value::is_null)
    }

    /// A text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// A number of something of which there is at least one.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] if it is no number, 0, or larger than any model's.
    pub fn size(&self, name: &str, default: usize) -> Result<usize> {
        let value = match self.get(name) {
            None => return Ok(default),
            Some(value) => value,
        };
        let size = value.as_u64().and_then(|size| usize::try_from(size).ok());
        match size {
            Some(size) if size > 0 && size <= 1 << 20 => Ok(size),
            _ => Err(invalid(format!("{name} is {value}"))),
        }
    }

    /// A list of such numbers, at least one.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] if it is none, or as [`size`](Self::size) of an entry.
    pub fn sizes(&self, name: &str, default: &[usize]) -> Result<Vec<usize>> {
        let Some(value) = self.get(name) else {
            return Ok(default.to_vec());
        };
        let list = value.as_array().filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| invalid(format!("{name} is {value}")))?;
        let entries = list.iter().map(|entry| {
            let one = [("entry".to_owned(), entry.clone())];
            Self(one.into_iter().collect())
                .size("entry", 0)
                .map_err(|_| invalid(format!("{name} is {value}")))
        });
        entries.collect()
    }

    /// The number of blocks.
    ///
    /// # Errors
    /// As [`size`](Self::size).
    pub fn layers(&self, name: &str, default: usize) -> Result<usize> {
        match self.size(name, default)? {
            layers if layers > MAX_LAYERS => Err(invalid(format!("{name} is {layers}"))),
            layers => Ok(layers),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] if it is something else.
    pub fn float(&self, name: &str, default: f64) -> Result<f64> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value
                .as_f64()
                .ok_or_else(|| invalid(format!("{name} is {value}"))),
        }
    }

    /// Yes or no.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] if it is something else.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| invalid(format!("{name} is {value}"))),
        }
    }

    /// A token's number, which may be 0.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] if it is something else.
    pub fn token(&self, name: &str, default: u32) -> Result<u32> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => value
                .as_u64()
                .and_then(|id| u32::try_from(id).ok())
                .filter(|&id| id < 1 << 20)
                .ok_or_else(|| invalid(format!("{name} is {value}"))),
        }
    }

    /// A nonlinearity, under transformers' name.
    ///
    /// # Errors
    /// [`Error::ModelUnsupported`] for one that is not known here.
    pub fn activation(&self, name: &str) -> Result<Activation> {
        let value = self.get(name).cloned().unwrap_or_else(|| json!("gelu"));
        serde_json::from_value(value.clone()).map_err(|_| {
            unsupported(format!(
                "{name} {value} is not known here; gelu, gelu_new, relu, silu and others of transformers are"
            ))
        })
    }
}

pub(super) fn invalid(reason: String) -> Error {
    Error::ConfigInvalid {
        place: PLACE.into(),
        reason,
    }
}

pub(super) fn unsupported(reason: String) -> Error {
    Error::ModelUnsupported {
        place: PLACE.into(),
        reason,
    }
}
