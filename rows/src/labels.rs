//! What a cell of labels says.

use std::borrow::Cow;

use crate::json::{self, Value};
use crate::spans::{Span, span};
use crate::table::Cell;

/// Labels of one row that are told apart; more are no labels.
pub(crate) const MOST_LABELS: usize = 200;

/// Bytes of the longest cell that is read as labels. Counting, splitting and comparing cost time for each byte, and what
/// people have in a cell of labels, tags of a long document included, is far shorter.
const LONGEST: usize = 1 << 20;

/// What a cell says, whatever form it is written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    /// Nothing.
    Missing,
    /// A word or number, without the spaces around it.
    Plain(Cow<'a, str>),
    /// A list of words or numbers, with its brackets.
    List(&'a str),
    /// Spans of the text.
    Spans(Vec<Span>),
    /// An object, or a list of such, that is no form of labels; or more than [`LONGEST`] bytes.
    Object,
}

/// Reads a cell. Lists may be JSON or what Python prints, also as text in a CSV cell; spans and choices are read as doccano
/// and Label Studio write them.
pub(crate) fn said<'a>(cell: &'a Cell<'_>) -> Said<'a> {
    match cell {
        Cell::Value(value) if value.written().len() > LONGEST => Said::Object,
        Cell::Value(value) => said_value(*value),
        Cell::Text(text) if text.len() > LONGEST => Said::Object,
        Cell::Text(text) => {
            let text = text.trim();
            if text.is_empty() {
                return Said::Missing;
            }
            if is_missing(text) {
                return Said::Missing;
            }
            // `[OTHER]` is a name, `['other']` a list
            let value = match text.as_bytes().first() {
                Some(b'[' | b'(') => json::parse(text),
                Some(b'{') => json::parse(text).or_else(|| json::parse_set(text)),
                _ if text.ends_with(')') => json::parse_call(text),
                _ => None,
            };
            value.map_or(Said::Plain(without_prefix(text).into()), said_value)
        }
    }
}

/// Whether this is what pandas and spreadsheets print of a missing value.
pub(crate) fn is_missing(text: &str) -> bool {
    matches!(text, "NaN" | "nan" | "<NA>" | "#N/A")
}

/// A label without what fastText puts before it.
fn without_prefix(label: &str) -> &str {
    let bare = label
        .strip_prefix(FAST_TEXT)
        .filter(|bare| !bare.is_empty());
    bare.unwrap_or(label)
}

/// What begins each label in files of fastText.
pub(crate) const FAST_TEXT: &str = "__label__";

fn said_value(value: Value<'_>) -> Said<'_> {
    match value {
        Value::List(list) => said_list(list),
        Value::Object(object) => said_object(object),
        other => match other.plain() {
            Some(text) if text.trim().is_empty() => Said::Missing,
            Some(Cow::Borrowed(text)) => Said::Plain(text.trim().into()),
            Some(Cow::Owned(text)) => Said::Plain(text.trim().to_owned().into()),
            None => Said::Object,
        },
    }
}

fn said_list(list: &str) -> Said<'_> {
    let is_plain = |value: Value<'_>| !matches!(value, Value::List(_) | Value::Object(_));
    if json::items(list).all(is_plain) {
        return Said::List(list);
    }
    if let Some(said) = annotations(list) {
        return said;
    }
    spans(json::items(list))
}

/// A list that must be of spans only.
fn spans<'a>(values: impl Iterator<Item = Value<'a>> + Clone) -> Said<'a> {
    let mut found = Vec::with_capacity(values.clone().count());
    for value in values {
        match span(value) {
            Some(span) => found.push(span),
            None => return Said::Object,
        }
    }
    Said::Spans(found)
}

fn said_object(object: &str) -> Said<'_> {
    match json::member(object, "choices") {
        Some(Value::List(list)) => said_list(list),
        _ => json::member(object, "rating").map_or(Said::Object, said_value),
    }
}

/// What an annotator of Label Studio said: the first annotation that was not cancelled.
fn annotations(list: &str) -> Option<Said<'_>> {
    let mut results = json::items(list).filter_map(|annotation| {
        let Value::Object(annotation) = annotation else {
            return None;
        };
        let Value::List(results) = json::member(annotation, "result")? else {
            return None;
        };
        let cancelled = json::member(annotation, "was_cancelled") == Some(Value::Bool(true));
        (!cancelled).then_some(results)
    });
    let results = results.next()?;
    let values = json::items(results).filter_map(|result| match result {
        Value::Object(result) => json::member(result, "value"),
        _ => None,
    });
    let object = |value: Value<'_>, key: &str| match value {
        Value::Object(object) => json::member(object, key).is_some(),
        _ => false,
    };
    if values.clone().any(|value| object(value, "start")) {
        return Some(spans(values.filter(move |value| object(*value, "start"))));
    }
    let said = values
        .clone()
        .map(said_value)
        .find(|said| *said != Said::Object);
    // an annotation without results is a text without spans
    Some(said.unwrap_or(Said::List("[]")))
}

/// The words of a list, each as text; blank ones stay.
pub(crate) fn words(list: &str) -> impl Iterator<Item = Cow<'_, str>> + Clone {
    json::items(list).map(|value| value.plain().unwrap_or_default())
}

/// The length of a list of zeros and ones, if it is one with several.
pub(crate) fn vector_length(list: &str) -> Option<usize> {
    let mut length = 0;
    for value in json::items(list) {
        if !matches!(
            value,
            Value::Number("0" | "1" | "0.0" | "1.0" | "0." | "1.") | Value::Bool(_)
        ) {
            return None;
        }
        length += 1;
    }
    (length > 1).then_some(length)
}

/// The digits of a vector of zeros and ones that is written as text: `0 1 1` or `0,1,1`.
pub(crate) fn digits(label: &str) -> Option<impl Iterator<Item = bool> + Clone> {
    let is_between = |c: char| c == ' ' || c == ',' || c == ';';
    let parts = label.split(is_between).filter(|part| !part.is_empty());
    let all = parts
        .clone()
        .all(|part| matches!(part, "0" | "1" | "0.0" | "1.0" | "0." | "1."));
    (all && parts.clone().nth(1).is_some()).then(|| parts.map(|part| part.starts_with('1')))
}

/// What stands between the brackets of a list whose words are not quoted: `[joy, anger]`.
pub(crate) fn bare_list(label: &str) -> Option<&str> {
    let inside = |open, close| label.strip_prefix(open)?.strip_suffix(close);
    let inner = inside('[', ']').or_else(|| inside('{', '}'))?;
    (!inner.contains(['[', ']', '{', '}', ':', '"'])).then_some(inner)
}

/// Tags that are written as one text: spaces stand between them, or commas.
pub(crate) fn tags(
    label: &str,
    is_right: impl Fn(&str) -> bool,
) -> Option<impl Iterator<Item = &str> + Clone> {
    // a comma is the tag of a comma in corpora of parts of speech
    let mut parts = label.split_whitespace().rev();
    let last = parts.next().unwrap_or_default();
    let is_joined = |part: &str| part.ends_with(',') && part != ",";
    let by_commas = label.contains(',') && !last.ends_with(',') && parts.all(is_joined);
    let is_between = move |c: char| c.is_whitespace() || (by_commas && c == ',');
    let tags = label.split(is_between).filter(|tag| !tag.is_empty());
    tags.clone().all(is_right).then_some(tags)
}

/// A number, with a decimal point or a decimal comma.
pub(crate) fn number(label: &str) -> Option<f64> {
    let label = label.trim();
    let decimal = label.split_once(',').filter(|(whole, rest)| {
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits(whole.trim_start_matches(['-', '+'])) && digits(rest)
    });
    let number: f64 = match decimal {
        Some((whole, rest)) => format!("{whole}.{rest}").parse().ok()?,
        None => label.parse().ok()?,
    };
    number.is_finite().then_some(number)
}

/// A label as its class is called: `1.0`, `1,0` and `1.000e+00` are the class `1`.
pub(crate) fn whole(label: &str) -> Option<Cow<'_, str>> {
    if label.contains(['e', 'E']) && label.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        let number: f64 = label.parse().ok()?;
        let is_whole = number.fract() == 0.0 && number.abs() < 1e15;
        return is_whole.then(|| format!("{number:.0}").into());
    }
    let (whole, rest) = label.split_once(['.', ','])?;
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let is_whole = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte == b'0');
    is_whole.then_some(whole.into())
}

/// What stands between the labels of a row that are written as one text.
pub(crate) const SEPARATORS: [char; 4] = ['|', ';', ',', '#'];

/// The labels of a text that may have several.
pub(crate) fn parts(label: &str, separator: char) -> impl Iterator<Item = &str> + Clone {
    let parts = label.split(separator).map(str::trim);
    parts.filter(|part| !part.is_empty())
}
