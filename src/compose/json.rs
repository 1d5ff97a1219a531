use serde_json::{Map, Value, json};

use super::{Average, Block, Composition, Method, Share, Weighted, invalid};
use crate::error::Result;

/// Most blocks inside one another.
pub const MAX_DEPTH: usize = 6;

/// Most adapters in a block.
const MAX_PARTS: usize = 1 << 8;

/// Most rows of a split's part: as many as the texts of any call.
const MAX_ROWS: u64 = 1 << 24;

impl Composition {
    /// Reads what [`to_json`](Self::to_json) writes.
    ///
    /// # Errors
    /// [`CompositionInvalid`](crate::Error::CompositionInvalid) that says where and what.
    pub fn from_json(value: &Value) -> Result<Self> {
        read(value, "", 0)
    }

    /// As JSON: a string for one adapter, an object for a block.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let list = |of: &[Self]| of.iter().map(Self::to_json).collect::<Value>();
        match self {
            Self::Adapter(name) => json!(name),
            Self::Stack(of) => json!({ "stack": list(of) }),
            Self::Parallel(of) => json!({ "parallel": list(of) }),
            Self::Fuse { of, fusion } => json!({ "fuse": list(of), "fusion": fusion }),
            Self::Split(of) => {
                let part = |share: &Share| match share.rows {
                    1 => share.composition.to_json(),
                    rows => json!({ "adapter": share.composition.to_json(), "rows": rows }),
                };
                json!({ "split": of.iter().map(part).collect::<Value>() })
            }
            Self::Average(average) => {
                let part = |part: &Weighted| match part.weight {
                    None => part.composition.to_json(),
                    Some(weight) => {
                        json!({ "adapter": part.composition.to_json(), "weight": weight })
                    }
                };
                let mut map = Map::new();
                let parts = average.of.iter().map(part).collect();
                map.insert(Block::Average.name().into(), parts);
                let method = average.method.map(Method::name);
                let fields = [
                    ("head", average.head.as_ref().map(|head| json!(head))),
                    ("method", method.map(|method| json!(method))),
                    ("rank", average.rank.map(|rank| json!(rank))),
                ];
                for (field, value) in fields {
                    value.map(|value| map.insert(field.into(), value));
                }
                map.into()
            }
        }
    }
}

fn read(value: &Value, place: &str, depth: usize) -> Result<Composition> {
    if depth > MAX_DEPTH {
        let reason = format!("blocks lie more than {MAX_DEPTH} deep; take some apart");
        return Err(invalid(place, reason));
    }
    let map = match value {
        Value::String(name) => return Ok(Composition::Adapter(name.clone())),
        Value::Object(map) => map,
        other => {
            let reason = format!("{} is neither an adapter's name nor a block", short(other));
            return Err(invalid(place, reason));
        }
    };
    let block = block_of(map, place)?;
    let known: &[&str] = match block {
        Block::Average => &["head", "method", "rank"],
        Block::Fuse => &["fusion"],
        _ => &[],
    };
    let name = block.name();
    if let Some(field) = map
        .keys()
        .find(|f| *f != name && !known.contains(&f.as_str()))
    {
        let reason = format!("\"{name}\" has no field \"{field}\"");
        return Err(invalid(place, reason));
    }
    let Some(Value::Array(items)) = map.get(name) else {
        return Err(invalid(place, format!("\"{name}\" must be a list")));
    };
    if items.is_empty() || items.len() > MAX_PARTS {
        let reason = format!(
            "\"{name}\" has {} parts, and it must have 1 to {MAX_PARTS}",
            items.len()
        );
        return Err(invalid(place, reason));
    }
    let at = |index: usize| match place {
        "" => format!("{name}[{index}]"),
        place => format!("{place}.{name}[{index}]"),
    };
    let mut items = items.iter().enumerate().map(|(i, item)| (at(i), item));
    let text = |field: &str| match map.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => {
            let reason = format!("\"{field}\" is {} and must be a name", short(other));
            Err(invalid(place, reason))
        }
    };
    let all = |items: &mut dyn Iterator<Item = (String, &Value)>| -> Result<Vec<_>> {
        items.map(|(at, item)| read(item, &at, depth + 1)).collect()
    };
    Ok(match block {
        Block::Adapter | Block::Stack => Composition::Stack(all(&mut items)?),
        Block::Parallel => Composition::Parallel(all(&mut items)?),
        Block::Fuse => Composition::Fuse {
            fusion: text("fusion")?
                .ok_or_else(|| invalid(place, "\"fuse\" needs a \"fusion\", the name of one"))?,
            of: all(&mut items)?,
        },
        Block::Split => Composition::Split(
            items
                .map(|(at, item)| {
                    let (composition, rows) = part(item, &at, "rows", depth)?;
                    let rows = match rows {
                        None => 1,
                        Some(rows) => whole(rows, MAX_ROWS).ok_or_else(|| {
                            let reason =
                                format!("\"rows\" is {} and must be a number of rows", short(rows));
                            invalid(&at, reason)
                        })?,
                    };
                    Ok(Share { composition, rows })
                })
                .collect::<Result<_>>()?,
        ),
        Block::Average => {
            let of = items.map(|(at, item)| {
                let (composition, weight) = part(item, &at, "weight", depth)?;
                let weight = match weight {
                    None => None,
                    Some(weight) => Some(weight.as_f64().ok_or_else(|| {
                        invalid(
                            &at,
                            format!("\"weight\" is {} and must be a number", short(weight)),
                        )
                    })?),
                };
                Ok(Weighted {
                    composition,
                    weight,
                })
            });
            let of = of.collect::<Result<_>>()?;
            let method = match text("method")?.as_deref() {
                None => None,
                Some("linear") => Some(Method::Linear),
                Some("svd") => Some(Method::Svd),
                Some(other) => {
                    let reason =
                        format!("there is no method \"{other}\"; there are linear and svd");
                    return Err(invalid(place, reason));
                }
            };
            let rank = match map.get("rank") {
                None | Some(Value::Null) => None,
                Some(rank) => Some(whole(rank, 1 << 16).ok_or_else(|| {
                    invalid(
                        place,
                        format!("\"rank\" is {} and must be a rank", short(rank)),
                    )
                })?),
            };
            Composition::Average(Average {
                of,
                head: text("head")?,
                method,
                rank,
            })
        }
    })
}

/// The one block that an object names.
fn block_of(map: &Map<String, Value>, place: &str) -> Result<Block> {
    let mut named = super::BLOCKS
        .into_iter()
        .filter(|b| map.contains_key(b.name()));
    match (named.next(), named.next()) {
        (Some(block), None) if block != Block::Adapter => Ok(block),
        (Some(first), Some(second)) => {
            let (first, second) = (first.name(), second.name());
            Err(invalid(
                place,
                format!("it is both \"{first}\" and \"{second}\"; nest one in the other"),
            ))
        }
        _ => Err(invalid(
            place,
            "it names no block; there are stack, average, split, parallel and fuse",
        )),
    }
}

/// A part of a block with the one setting that it may have: `"a"`, `{ "adapter": "a", "weight": 2 }`,
/// or a block.
fn part<'a>(
    item: &'a Value,
    at: &str,
    setting: &str,
    depth: usize,
) -> Result<(Composition, Option<&'a Value>)> {
    let Some((map, adapter)) = item
        .as_object()
        .and_then(|map| Some((map, map.get("adapter")?)))
    else {
        return Ok((read(item, at, depth + 1)?, None));
    };
    if let Some(field) = map.keys().find(|f| *f != "adapter" && *f != setting) {
        let reason =
            format!("\"{field}\" is not known here; there are \"adapter\" and \"{setting}\"");
        return Err(invalid(at, reason));
    }
    Ok((read(adapter, at, depth + 1)?, map.get(setting)))
}

/// A whole number above 0. JavaScript has only floating-point numbers.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
fn whole(value: &Value, most: u64) -> Option<usize> {
    let number = value.as_f64()?;
    let fits = number.fract() == 0.0 && number >= 1.0 && number <= most as f64;
    fits.then_some(number as usize)
}

/// A value in an error: whole if it is short.
fn short(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        other => {
            let text = other.to_string();
            if text.chars().count() > 40 {
                "a long text".into()
            } else {
                text
            }
        }
    }
}
