use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::json::plain;

/// A configuration's fields, read with errors that name file and field. A field that is null
/// counts as absent.
pub struct Fields<'a> {
    place: &'a str,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// `place` names the file.
    #[must_use]
    pub fn new(place: &'a str, map: &'a Map<String, Value>) -> Self {
        Self { place, map }
    }

    /// The value, if there is one.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&'a Value> {
        self.map.get(field).filter(|value| !value.is_null())
    }

    /// The value as any type; `default` where it is absent.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] if it is absent without a default or of another type.
    pub fn parse<T: DeserializeOwned>(&self, field: &str, default: Option<T>) -> Result<T> {
        match (self.get(field), default) {
            (None, Some(default)) => Ok(default),
            (None, None) => Err(self.invalid(&format!("\"{field}\" is missing"))),
            (Some(value), _) => serde_json::from_value(value.clone()).map_err(|error| {
                self.invalid(&format!("\"{field}\" is {value}: {}", plain(&error)))
            }),
        }
    }

    /// A whole number that is not negative.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and if it is null.
    pub fn count(&self, field: &str, default: Option<usize>) -> Result<usize> {
        self.number(field, default)
    }

    /// A number.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and if it is null.
    pub fn float(&self, field: &str, default: Option<f64>) -> Result<f64> {
        self.number(field, default)
    }

    /// Both libraries calculate with a null where a number should be, and fail: it does not stand for the default.
    fn number<T: DeserializeOwned>(&self, field: &str, default: Option<T>) -> Result<T> {
        if self.map.get(field).is_some_and(Value::is_null) {
            return Err(self.invalid(&format!("\"{field}\" is null: it must be a number")));
        }
        self.parse(field, default)
    }

    /// True or false.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn flag(&self, field: &str, default: bool) -> Result<bool> {
        self.parse(field, Some(default))
    }

    /// A list of strings, or one string.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn strings(&self, field: &str, default: &[&str]) -> Result<Vec<String>> {
        match self.get(field) {
            Some(Value::String(one)) => Ok(vec![one.clone()]),
            _ => {
                let default = default.iter().map(|&text| text.to_owned()).collect();
                self.parse(field, Some(default))
            }
        }
    }

    /// A list of whole numbers, or one; absent is empty.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn counts(&self, field: &str) -> Result<Vec<usize>> {
        match self.get(field) {
            Some(Value::Number(_)) => Ok(vec![self.count(field, None)?]),
            _ => self.parse(field, Some(Vec::new())),
        }
    }

    /// Refuses a count that is not the backbone's; absent is right. `property` names it in the error.
    ///
    /// # Errors
    /// [`Error::BackboneMismatch`], and as [`parse`](Self::parse).
    pub fn expect(&self, property: &'static str, field: &str, expected: usize) -> Result<()> {
        let found = self.count(field, Some(expected))?;
        if found == expected {
            return Ok(());
        }
        Err(Error::BackboneMismatch {
            adapter: self.place.to_owned(),
            property,
            expected: expected.to_string(),
            found: found.to_string(),
        })
    }

    /// Refuses a field whose value is present and none of `harmless`. Without any, false, "" and
    /// empty collections are harmless.
    ///
    /// # Errors
    /// [`Error::UnsupportedFeature`] that names field and value.
    pub fn refuse_unless(&self, field: &str, harmless: &[Value]) -> Result<()> {
        match self.get(field) {
            Some(value)
                if !(harmless.contains(value) || harmless.is_empty() && is_empty(value)) =>
            {
                Err(self.unsupported(field, value))
            }
            _ => Ok(()),
        }
    }

    /// Whether a field is there and not false, "" or an empty collection.
    #[must_use]
    pub fn is_set(&self, field: &str) -> bool {
        self.get(field).is_some_and(|value| !is_empty(value))
    }

    /// An [`Error::UnsupportedFeature`] of this file.
    #[must_use]
    pub fn unsupported(&self, field: &str, value: &Value) -> Error {
        Error::UnsupportedFeature {
            place: self.place.to_owned(),
            feature: format!("{field} = {value}"),
        }
    }

    /// An [`Error::ConfigInvalid`] of this file.
    #[must_use]
    pub fn invalid(&self, reason: &str) -> Error {
        Error::ConfigInvalid {
            place: self.place.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}
