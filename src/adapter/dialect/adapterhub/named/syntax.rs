//! The syntax of configurations that are written as strings.

use serde_json::{Map, Value, json};

/// What stands in brackets: Python's keyword arguments, whose values are literals.
pub(super) fn changes(text: &str) -> Option<Map<String, Value>> {
    let mut changes = Map::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return None;
        }
        let (value, after) = literal(after)?;
        changes.insert(name.to_owned(), value);
        rest = match after.trim_start() {
            "" => "",
            more => more.strip_prefix(',')?.trim_start(),
        };
    }
    Some(changes)
}

/// One of Python's literals at the start of a text, and what follows it.
fn literal(text: &str) -> Option<(Value, &str)> {
    let text = text.trim_start();
    let quote = text.chars().next()?;
    if quote == '"' || quote == '\'' {
        let (inside, rest) = text[1..].split_once(quote)?;
        return (!inside.contains('\\')).then(|| (json!(inside), rest));
    }
    if let Some(rest) = text.strip_prefix('[') {
        return list(rest);
    }
    if let Some(rest) = text.strip_prefix('{') {
        return mapping(rest);
    }
    let end = text.find([',', ']', '}', ':']).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let value = match word.trim() {
        "True" => json!(true),
        "False" => json!(false),
        "None" => Value::Null,
        number => {
            let whole = number.parse::<i64>().ok().map(|number| json!(number));
            whole.or_else(|| {
                number
                    .parse::<f64>()
                    .ok()
                    .filter(|n| n.is_finite())
                    .map(|n| json!(n))
            })?
        }
    };
    Some((value, rest))
}

/// The rest of a list of words and numbers behind its bracket. None of AdapterHub's settings nests lists.
fn list(mut rest: &str) -> Option<(Value, &str)> {
    let mut items = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix(']') {
            return Some((Value::Array(items), rest));
        }
        if rest.starts_with(['[', '{']) {
            return None;
        }
        let (item, after) = literal(rest)?;
        items.push(item);
        rest = separated(after, ']')?;
    }
}

/// The rest of a dictionary behind its bracket, as reduction factors by layer are.
fn mapping(mut rest: &str) -> Option<(Value, &str)> {
    let mut map = Map::new();
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((Value::Object(map), rest));
        }
        let (key, after) = literal(rest)?;
        let key = match key {
            Value::String(key) => key,
            Value::Number(key) => key.to_string(),
            _ => return None,
        };
        let after = after.trim_start().strip_prefix(':')?.trim_start();
        if after.starts_with(['[', '{']) {
            return None;
        }
        let (value, after) = literal(after)?;
        map.insert(key, value);
        rest = separated(after, '}')?;
    }
}

/// Behind a comma, or at the closing bracket.
fn separated(rest: &str, end: char) -> Option<&str> {
    let rest = rest.trim_start();
    if rest.starts_with(end) {
        return Some(rest);
    }
    rest.strip_prefix(',')
}
