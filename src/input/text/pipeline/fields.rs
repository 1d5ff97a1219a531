use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Outcome;

/// The fields of a part of a `tokenizer.json`.
pub(in crate::input::text) struct Fields<'a> {
    sort: &'static str,
    kind: &'a str,
    fields: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// Those of `json`, which must be an object with a `type`.
    pub(super) fn new(sort: &'static str, json: &'a Value) -> Outcome<Self> {
        let fields = json.as_object();
        let fields = fields.ok_or_else(|| format!("its {sort} is not an object"))?;
        let kind = fields.get("type").and_then(Value::as_str);
        let kind = kind.ok_or_else(|| format!("its {sort} has no type"))?;
        Ok(Self { sort, kind, fields })
    }

    /// Its type.
    pub(super) fn kind(&self) -> &'a str {
        self.kind
    }

    /// The fault of a type that is not known.
    pub(super) fn unknown(&self) -> String {
        format!("its {} is of the unknown type {}", self.sort, self.kind)
    }

    /// A field that must be there.
    pub(super) fn get<T: DeserializeOwned>(&self, name: &str) -> Outcome<T> {
        let value = self.optional(name)?;
        value.ok_or_else(|| format!("its {} {} has no `{name}`", self.sort, self.kind))
    }

    /// A field that may be left out.
    pub(super) fn optional<T: DeserializeOwned>(&self, name: &str) -> Outcome<Option<T>> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match serde_json::from_value(value.clone()) {
                Ok(value) => Ok(Some(value)),
                Err(error) => Err(format!("`{name}` of its {}: {error}", self.sort)),
            },
        }
    }

    /// A field with a list.
    pub(super) fn list(&self, name: &str) -> Outcome<&'a [Value]> {
        let list = self.fields.get(name).and_then(Value::as_array);
        let list =
            list.ok_or_else(|| format!("its {} {} has no list `{name}`", self.sort, self.kind))?;
        Ok(list)
    }

    /// A `pattern`: a text, or a regular expression.
    pub(super) fn pattern<T>(
        &self,
        text: impl FnOnce(String) -> T,
        regex: impl FnOnce(String) -> T,
    ) -> Outcome<T> {
        let mut pattern: Map<String, Value> = self.get("pattern")?;
        match (
            pattern.shift_remove("String"),
            pattern.shift_remove("Regex"),
        ) {
            (Some(Value::String(found)), None) => Ok(text(found)),
            (None, Some(Value::String(found))) => Ok(regex(found)),
            _ => Err(format!(
                "the pattern of its {} must have a `String` or a `Regex`",
                self.sort
            )),
        }
    }

    /// All fields as a type of the crate reads them.
    pub(super) fn all<T: DeserializeOwned>(&self) -> Outcome<T> {
        let fields = Value::Object(self.fields.clone());
        serde_json::from_value(fields).map_err(|error| format!("its {}: {error}", self.sort))
    }
}
