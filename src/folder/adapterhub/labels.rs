//! The labels of a head in AdapterHub's files: `label2id`, or `id2label`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::{Card, MAX_LABELS, default_labels};
use crate::adapter::dialect::Fields;
use crate::error::Result;

/// The labels of a head in the order of its outputs, unless the card knows better names. `fields` are those that stand
/// beside the labels; `place` names their file.
///
/// # Errors
/// [`Error::ConfigInvalid`](crate::Error::ConfigInvalid) if there are not as many as outputs, or an id is missing, there
/// twice or no number.
pub(super) fn read(place: &str, fields: &Fields<'_>, card: &Card) -> Result<Vec<String>> {
    let (field, named) = named(fields)?;
    let count = match (fields.get("num_labels"), named.len()) {
        (Some(_), _) => fields.count("num_labels", None)?,
        (None, 0) => 2,
        (None, named) => named,
    };
    let defaults = default_labels(place, count)?;
    if card.labels.len() == count {
        return Ok(card.labels.clone());
    }
    if named.is_empty() {
        return Ok(defaults);
    }
    if named.len() > MAX_LABELS {
        // says so
        return default_labels(place, named.len());
    }
    if named.len() != count {
        let reason = format!(
            "{field} names {} labels, but num_labels is {count}",
            named.len()
        );
        return Err(fields.invalid(&reason));
    }
    let mut slots: Vec<Option<String>> = vec![None; count];
    for (label, id) in named {
        let last = count - 1;
        match slots.get_mut(id) {
            Some(slot @ None) => *slot = Some(label),
            Some(Some(other)) => {
                let reason = format!(
                    "{field} gives the id {id} to \"{other}\" and to \"{label}\"; each id from 0 to {last} belongs to one label"
                );
                return Err(fields.invalid(&reason));
            }
            None => {
                let reason = format!(
                    "{field} gives \"{label}\" the id {id}; the {count} labels have the ids 0 to {last}"
                );
                return Err(fields.invalid(&reason));
            }
        }
    }
    let mut labels: Vec<String> = slots.into_iter().flatten().collect();
    let mut seen = BTreeSet::new();
    if let Some(twice) = labels.iter().find(|label| !seen.insert(label.as_str())) {
        return Err(fields.invalid(&format!("{field} names the label \"{twice}\" twice")));
    }
    labels.truncate(count);
    Ok(labels)
}

/// The name of the field, and each label with its id.
fn named(fields: &Fields<'_>) -> Result<(&'static str, Vec<(String, usize)>)> {
    let ids: Map<String, Value> = fields.parse("label2id", Some(Map::new()))?;
    if !ids.is_empty() {
        let pairs = ids.into_iter().map(|(label, id)| match number(&id) {
            Some(id) => Ok((label, id)),
            None => Err(fields.invalid(&format!(
                "label2id gives \"{label}\" the id {id}, which is no whole number from 0"
            ))),
        });
        return Ok(("label2id", pairs.collect::<Result<_>>()?));
    }
    let labels: Map<String, Value> = match fields.get("id2label") {
        Some(Value::Array(labels)) => {
            let numbered = labels.iter().enumerate();
            numbered
                .map(|(id, label)| (id.to_string(), label.clone()))
                .collect()
        }
        _ => fields.parse("id2label", Some(Map::new()))?,
    };
    let pairs = labels
        .into_iter()
        .map(|(id, label)| match (id.trim().parse(), label) {
            (Ok(id), Value::String(label)) => Ok((label, id)),
            (Ok(id), other @ (Value::Number(_) | Value::Bool(_))) => Ok((other.to_string(), id)),
            (_, label) => Err(fields.invalid(&format!(
                "id2label has \"{id}\": {label}; it gives each whole number from 0 a label"
            ))),
        });
    Ok(("id2label", pairs.collect::<Result<_>>()?))
}

/// A whole number, also written as a text or with ".0", as JSON files from other hands have it.
fn number(id: &Value) -> Option<usize> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    match id {
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(id), _) => usize::try_from(id).ok(),
            (None, Some(id)) if id >= 0.0 && id.fract() == 0.0 && id < 1e9 => Some(id as usize),
            _ => None,
        },
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
