//! Rows in JSON: one object a line (JSON Lines), a list of objects, or an object that holds such a list. An object may go on
//! over several lines.

use std::collections::HashMap;

use crate::delimited::after_line;
use crate::findings::{FindingKind, RowFindings, name_labels};
use crate::json::{self, Reader, Value};
use crate::magic::is;
use crate::names;
use crate::options::Refusal;

/// Keys under which a single object holds its rows.
const HOLDERS: [&str; 9] = [
    "data",
    "rows",
    "examples",
    "records",
    "items",
    "instances",
    "samples",
    "train",
    "results",
];

/// Keys of further lists of rows in a file that has several.
const PARTS: [&str; 7] = ["train", "test", "dev", "val", "valid", "validation", "eval"];

/// Deepest path of a column, and longest key.
const DEEPEST: usize = 4;
const LONGEST_KEY: usize = 200;

/// What to write instead.
const REMEDY: &str = "rows are objects, one a line, such as {\"text\": \"…\", \"label\": \"…\"}";

/// Where rows are.
#[derive(Debug, Default)]
pub(crate) struct JsonRows {
    pub(crate) starts: Vec<u32>,
    pub(crate) numbers: Vec<u32>,
    pub(crate) faults: RowFindings,
    pub(crate) tree: Tree,
    /// What is worth saying.
    pub(crate) notes: Vec<String>,
    /// Whether objects stand one behind the other, not in a list.
    pub(crate) is_lines: bool,
    /// Whether the rows are all of one object.
    pub(crate) is_one_object: bool,
}

/// Whether a text is JSON, as far as its beginning says.
pub(crate) fn looks_like_json(text: &str, called_so: bool) -> bool {
    let mut reader = Reader::at(text, 0);
    if reader.take(b'{') {
        return called_so || matches!(reader.peek(), Some(b'"' | b'\'' | b'}'));
    }
    let start = reader.place();
    if !reader.take(b'[') {
        return false;
    }
    if called_so || reader.peek() == Some(b'{') {
        return true;
    }
    // a list and nothing else on its line
    let mut whole = Reader::at(text, start);
    whole.value().is_some() && {
        let rest = text[whole.place()..].trim_start_matches([' ', '\t', ',']);
        rest.is_empty() || rest.starts_with(['\n', '\r'])
    }
}

/// Finds the rows.
///
/// # Errors
/// [`Refusal`] for JSON that holds none.
pub(crate) fn read(text: &str) -> Result<JsonRows, Refusal> {
    let mut reader = Reader::at(text, 0);
    if reader.peek() == Some(b'[') {
        let rows = list(text, reader.place());
        let any = !rows.starts.is_empty();
        return if any { Ok(rows) } else { Err(no_objects()) };
    }
    if let Some(Value::Object(object)) = reader.value()
        && reader.peek().is_none()
    {
        return one_object(text, object);
    }
    Ok(lines(text))
}

fn no_objects() -> Refusal {
    is("JSON without objects", REMEDY)
}

/// A file that is one object: it holds the rows, or is one.
fn one_object(text: &str, object: &str) -> Result<JsonRows, Refusal> {
    let start = text.len() - text.trim_start().len();
    let mut holder = None;
    let (mut members, mut columns, mut lists) = (0usize, 0usize, 0usize);
    let mut has_text = false;
    let mut further = Vec::new();
    for (key, value) in json::members(object) {
        members += 1;
        has_text |= matches!(value, Value::Text(_)) && names::text_rank(key).is_some();
        match value {
            Value::List(list) => match json::items(list).next() {
                Some(Value::Object(_)) if holder.is_none() && HOLDERS.contains(&key) => {
                    holder = Some((key, list));
                }
                Some(Value::Object(_)) if PARTS.contains(&key) || HOLDERS.contains(&key) => {
                    further.push(key);
                }
                Some(Value::Text(_) | Value::Number(_)) => lists += 1,
                _ => {}
            },
            Value::Object(inner) => {
                columns += usize::from(
                    json::members(inner)
                        .next()
                        .is_some_and(|(key, _)| key == "0"),
                );
            }
            _ => {}
        }
    }
    if let Some((key, list)) = holder.filter(|_| !has_text) {
        // the list is a part of the text
        let at = list.as_ptr() as usize - text.as_ptr() as usize;
        let mut rows = self::list(text, at);
        if !further.is_empty() {
            rows.notes.push(format!(
                "The rows under “{key}” are read; those under {} are not.",
                name_labels(&further)
            ));
        }
        return Ok(rows);
    }
    let by_columns =
        members > 1 && (columns == members || (lists == members && !has_tokens(object)));
    if by_columns {
        return Err(is(
            "JSON by columns",
            "write one object a row, in Python with to_json(FILE, orient=\"records\", lines=True)",
        ));
    }
    let mut rows = JsonRows {
        is_lines: true,
        is_one_object: true,
        ..JsonRows::default()
    };
    rows.push(object, start, 1);
    Ok(rows)
}

/// Words and their tags are lists as well.
fn has_tokens(object: &str) -> bool {
    json::members(object).any(|(key, _)| names::is(key, "tokens") || names::is(key, "words"))
}

/// Objects one behind the other. A line that is none is passed over.
fn lines(text: &str) -> JsonRows {
    let mut rows = JsonRows {
        is_lines: true,
        ..JsonRows::default()
    };
    rows.reserve(text);
    let mut reader = Reader::at(text, 0);
    let mut counter = LineCounter::default();
    while reader.peek().is_some() {
        let start = reader.place();
        let number = counter.line(text, start);
        let value = reader.value().filter(|_| {
            // nothing but another object or a comma may follow on the line
            let rest = text[reader.place()..].trim_start_matches([' ', '\t', ',']);
            rest.is_empty() || rest.starts_with(['\n', '\r', '{'])
        });
        match value {
            Some(Value::Object(object)) => rows.push(object, start, number),
            Some(_) => rows.faults.add(FindingKind::NotJson, number),
            None => {
                rows.faults.add(FindingKind::NotJson, number);
                reader = Reader::at(text, after_line(text, start));
            }
        }
        reader.take(b',');
    }
    rows.shrink();
    rows
}

/// The objects of the list that begins at a byte, numbered from 1.
fn list(text: &str, start: usize) -> JsonRows {
    let mut rows = JsonRows::default();
    rows.reserve(text);
    let mut reader = Reader::at(text, start);
    reader.take(b'[');
    let mut number = 0;
    while let Some(next) = reader.peek() {
        if next == b']' {
            break;
        }
        let start = reader.place();
        number += 1;
        match reader.value() {
            Some(Value::Object(object)) => rows.push(object, start, number),
            Some(_) => rows.faults.add(FindingKind::NotJson, number),
            None => {
                rows.faults.add(FindingKind::NotJson, number);
                reader = next_object(text, start);
            }
        }
        reader.take(b',');
    }
    rows.shrink();
    rows
}

/// The next line that begins with an object, behind a broken one.
fn next_object(text: &str, start: usize) -> Reader<'_> {
    let mut at = after_line(text, start);
    while at < text.len()
        && !text[at..]
            .trim_start_matches([' ', '\t'])
            .starts_with(['{', ']', '\n', '\r'])
    {
        at = after_line(text, at);
    }
    Reader::at(text, at)
}

/// Numbers of lines at places that come in order.
#[derive(Default)]
pub(crate) struct LineCounter {
    at: usize,
    breaks: u32,
}

impl LineCounter {
    /// The line of a byte, from 1.
    pub(crate) fn line(&mut self, text: &str, place: usize) -> u32 {
        let bytes = text.as_bytes();
        let passed = &bytes[self.at.min(place)..place];
        for found in memchr::memchr2_iter(b'\n', b'\r', passed) {
            let at = self.at + found;
            // a line feed behind a carriage return is the same break
            let is_second = bytes[at] == b'\n' && at > 0 && bytes[at - 1] == b'\r';
            self.breaks += u32::from(!is_second);
        }
        self.at = place;
        self.breaks + 1
    }
}

impl JsonRows {
    /// Makes room for all rows at once: lists that grow hold three times as much while they do.
    fn reserve(&mut self, text: &str) {
        let most = memchr::memchr_iter(b'{', text.as_bytes()).count();
        self.starts.reserve_exact(most);
        self.numbers.reserve_exact(most);
    }

    fn shrink(&mut self) {
        self.starts.shrink_to_fit();
        self.numbers.shrink_to_fit();
    }

    fn push(&mut self, object: &str, start: usize, number: u32) {
        self.starts.push(u32::try_from(start).unwrap_or(u32::MAX));
        self.numbers.push(number);
        self.tree.grow(object, 0, 0);
    }
}

/// The keys of all objects, and those of objects in them.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<HashMap<Box<str>, usize>>,
    /// The names of the columns, which are all nodes but the first.
    pub(crate) names: Vec<String>,
    /// Whether keys were left out because there are so many.
    pub(crate) is_full: bool,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            nodes: vec![HashMap::new()],
            names: Vec::new(),
            is_full: false,
        }
    }
}

impl Tree {
    /// Most columns.
    const MOST: usize = 500;

    /// Adds the keys of an object to a node.
    fn grow(&mut self, object: &str, node: usize, depth: usize) {
        for (raw, value) in json::members(object) {
            let key = json::unescape(raw);
            let child = match self.nodes[node].get(&*key) {
                Some(&child) => child,
                None if self.names.len() == Self::MOST || key.len() > LONGEST_KEY => {
                    self.is_full = true;
                    continue;
                }
                None => {
                    let child = self.nodes.len();
                    let name = match node
                        .checked_sub(1)
                        .and_then(|parent| self.names.get(parent))
                    {
                        Some(parent) => format!("{parent}.{key}"),
                        None => key.clone().into_owned(),
                    };
                    self.nodes.push(HashMap::new());
                    self.names.push(name);
                    self.nodes[node].insert(key.into(), child);
                    child
                }
            };
            if let Value::Object(inner) = value
                && depth + 1 < DEEPEST
            {
                self.grow(inner, child, depth + 1);
            }
        }
    }

    /// The values of an object, by columns.
    pub(crate) fn fill<'a>(&self, object: &'a str, cells: &mut [Value<'a>]) {
        self.fill_node(object, 0, cells);
    }

    fn fill_node<'a>(&self, object: &'a str, node: usize, cells: &mut [Value<'a>]) {
        for (raw, value) in json::members(object) {
            let child = self.nodes[node].get(&*json::unescape(raw));
            let Some(&child) = child else { continue };
            if let Some(cell) = cells.get_mut(child - 1) {
                *cell = value;
            }
            if let Value::Object(inner) = value
                && !self.nodes[child].is_empty()
            {
                self.fill_node(inner, child, cells);
            }
        }
    }
}
