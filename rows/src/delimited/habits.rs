//! What the rows of a file have in common, to tell a row from a line inside a cell.

use std::collections::HashSet;

use super::lines::{line_at, lines_across};
use crate::pool::hash;

/// What the rows of a file look like, learned from lines without quotes in all parts of it.
#[derive(Debug)]
pub(crate) struct Habits {
    delimiter: u8,
    width: usize,
    /// Columns whose values repeat, or are numbers.
    columns: Vec<(usize, Values)>,
}

#[derive(Debug)]
enum Values {
    /// Hashes of those that were seen.
    Seen(HashSet<u64>),
    Numbers,
}

/// The number of lines that are looked at.
const LINES: usize = 2000;

/// The longest value whose repetition counts, in bytes.
const SHORT: usize = 80;

impl Habits {
    /// The habits of rows with `width` cells, if enough rows show any.
    pub(crate) fn of(text: &str, delimiter: u8, width: usize) -> Option<Self> {
        let mut lines = Vec::new();
        for start in lines_across(text, LINES).skip(1) {
            let line = line_at(text, start);
            if !line.contains('"') && line.len() < 10_000 {
                let cells: Vec<&str> = line.split(char::from(delimiter)).map(str::trim).collect();
                if cells.len() == width {
                    lines.push(cells);
                }
            }
        }
        if lines.len() < 4 || width < 2 {
            return None;
        }
        let columns = (0..width.min(64)).filter_map(|column| {
            let cells = || lines.iter().map(|cells| cells[column]);
            if cells().all(|cell| cell.parse::<f64>().is_ok()) {
                return Some((column, Values::Numbers));
            }
            let seen: HashSet<u64> = cells().map(|cell| hash(cell.as_bytes(), 0)).collect();
            let recurs = seen.len() * 2 <= lines.len() && cells().all(|cell| cell.len() <= SHORT);
            let empty = cells().all(str::is_empty);
            (recurs && !empty).then_some((column, Values::Seen(seen)))
        });
        let columns: Vec<_> = columns.collect();
        (!columns.is_empty()).then_some(Self {
            delimiter,
            width,
            columns,
        })
    }

    /// Whether the line that begins here could be a row.
    pub(super) fn fits(&self, text: &str, start: usize) -> bool {
        let line = line_at(text, start);
        let mut columns = self.columns.iter().peekable();
        let mut width = 0;
        for (index, cell) in line.split(char::from(self.delimiter)).enumerate() {
            width = index + 1;
            if width > self.width {
                return false;
            }
            if let Some((_, values)) = columns.next_if(|(column, _)| *column == index) {
                let cell = cell.trim();
                let fits = match values {
                    Values::Seen(seen) => seen.contains(&hash(cell.as_bytes(), 0)),
                    Values::Numbers => cell.parse::<f64>().is_ok(),
                };
                if !fits {
                    return false;
                }
            }
        }
        width == self.width
    }
}
