//! The cells of a row, and the cursor that reads them.

use std::borrow::Cow;

use super::{Layout, Table};
use crate::delimited::{Pieces, Scanner};
use crate::json::{self, Reader, Value};

/// A cell of a row.
#[derive(Clone, Debug)]
pub(crate) enum Cell<'a> {
    /// Text, or a JSON value that is neither a list nor an object.
    Text(Cow<'a, str>),
    /// A list or an object.
    Value(Value<'a>),
}

impl<'a> Cell<'a> {
    fn of(value: Value<'a>) -> Self {
        value.plain().map_or(Self::Value(value), Self::Text)
    }

    /// The cell as text: text unchanged, the words of a list joined by spaces, an object as JSON.
    pub(crate) fn shown(&self) -> Cow<'_, str> {
        self.joined(" ")
    }

    /// The same, with `separator` between the words of a list.
    pub(crate) fn joined(&self, separator: &str) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Value(Value::Object(raw)) => Cow::Borrowed(raw),
            Self::Value(Value::List(raw)) => {
                let mut joined = String::new();
                for (index, value) in json::items(raw).enumerate() {
                    let Some(word) = value.plain() else {
                        return Cow::Borrowed(raw);
                    };
                    if index > 0 {
                        joined.push_str(separator);
                    }
                    joined.push_str(&word);
                }
                joined.into()
            }
            Self::Value(_) => "".into(),
        }
    }
}

/// Reads rows of a table, one at a time.
pub(crate) struct Cursor<'a> {
    pub(super) table: &'a Table,
    pub(super) pieces: Pieces,
    pub(super) values: Vec<Value<'a>>,
    pub(super) cells: Vec<Cell<'a>>,
}

impl<'a> Cursor<'a> {
    /// The cells of a row, as many as there are columns.
    pub(crate) fn row(&mut self, row: usize) -> &[Cell<'a>] {
        let table = self.table;
        let text = &*table.text;
        let start = table
            .starts
            .get(row)
            .map_or(text.len(), |&start| start as usize);
        let width = table.source.columns.len();
        self.cells.clear();
        match &table.layout {
            Layout::Delimited { dialect, .. } => {
                let mut scanner = Scanner::new(text, start, *dialect, None);
                scanner.next(&mut self.pieces);
                let cells = (0..width).map(|index| Cell::Text(self.pieces.get(index).text(text)));
                self.cells.extend(cells);
            }
            Layout::Json(tree) => {
                self.values.clear();
                self.values.resize(width, Value::Missing);
                if let Some(Value::Object(object)) = Reader::at(text, start).value() {
                    tree.fill(object, &mut self.values);
                }
                self.cells
                    .extend(self.values.iter().map(|value| Cell::of(*value)));
            }
            Layout::Conll(shape) => {
                let (words, tags) = shape.sentence(text, start);
                self.cells.push(Cell::Text(words.into()));
                self.cells.push(Cell::Text(tags.join(" ").into()));
            }
        }
        &self.cells
    }
}
