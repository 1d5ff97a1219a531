//! Delimited text as records (RFC 4180), read in place.
//!
//! A record that breaks the rules of quoting is set aside, and reading goes on at the next line: one stray quote
//! costs its own row and not all that follow. That holds too where a later quote happens to close it: lines that look like
//! rows of their own do not become part of a cell (see [`Habits`]).

mod cells;
mod habits;
mod lines;
mod quotes;

use lines::after_break;
use quotes::Quotes;

pub(crate) use cells::{Piece, Pieces, Raw};
pub(crate) use habits::Habits;
pub(crate) use lines::{after_line, line_at, line_end, lines_across};

/// How cells are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// The character between cells; without one every line is a single cell.
    pub(crate) delimiter: Option<u8>,
    /// Whether a cell may be quoted; otherwise quotes are ordinary characters.
    pub(crate) quoted: bool,
    /// The quote character.
    pub(crate) quote: u8,
    /// Whether a backslash before a quote makes it a character of the cell, as MySQL writes and `escapechar` of pandas.
    pub(crate) escaped: bool,
}

impl Dialect {
    /// As RFC 4180 has it, with this delimiter.
    pub(crate) fn of(delimiter: Option<u8>) -> Self {
        Self {
            delimiter,
            quoted: true,
            quote: b'"',
            escaped: false,
        }
    }
}

/// A record that [`Scanner::next`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it begins.
    pub(crate) start: usize,
    /// Its number from 1, blank ones counted: the spreadsheet's row.
    pub(crate) number: u32,
    /// Whether its quotes do not match.
    pub(crate) misquoted: bool,
}

/// Reads one record after the other.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    dialect: Dialect,
    habits: Option<&'a Habits>,
    at: usize,
    number: u32,
    quotes: Quotes,
    /// Lines that begin in this range are known to be rows of their own.
    alike: (usize, usize),
}

impl<'a> Scanner<'a> {
    /// From a byte of the text on.
    pub(crate) fn new(
        text: &'a str,
        at: usize,
        dialect: Dialect,
        habits: Option<&'a Habits>,
    ) -> Self {
        Self {
            text,
            dialect,
            habits,
            at,
            number: 0,
            quotes: Quotes::default(),
            alike: (0, 0),
        }
    }

    /// The next record that is not an empty line, its cells in `pieces`.
    pub(crate) fn next(&mut self, pieces: &mut Pieces) -> Option<Found> {
        self.pass_empty_lines();
        if self.at >= self.text.len() {
            return None;
        }
        let start = self.at;
        self.number += 1;
        let read = self.record(start, pieces);
        let misquoted = read.is_none();
        self.at = read.unwrap_or_else(|| after_line(self.text, start));
        Some(Found {
            start,
            number: self.number,
            misquoted,
        })
    }

    /// Skips and counts the empty lines that begin here; a file may have millions of them.
    fn pass_empty_lines(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(b'\n' | b'\r') = bytes.get(self.at) {
            self.at = after_break(bytes, self.at);
            self.number += 1;
        }
    }

    /// Where the record that begins here ends; `None` if its quotes do not match.
    fn record(&mut self, start: usize, pieces: &mut Pieces) -> Option<usize> {
        pieces.clear();
        let bytes = self.text.as_bytes();
        let Some(delimiter) = self.dialect.delimiter else {
            let end = line_end(bytes, start);
            pieces.push(start, end, Raw::Plain);
            return Some(after_break(bytes, end));
        };
        let mut at = start;
        loop {
            if bytes.get(at) == Some(&delimiter) {
                pieces.push(at, at, Raw::Plain);
                at += 1;
                continue;
            }
            at = match self.quoted_cell(at, delimiter) {
                Cell::Plain => {
                    let rest = &bytes[at..];
                    let end = memchr::memchr3(delimiter, b'\n', b'\r', rest);
                    let end = end.map_or(bytes.len(), |end| at + end);
                    pieces.push(at, end, Raw::Plain);
                    end
                }
                Cell::Quoted { open, close, after } => {
                    let inner = &bytes[open + 1..close];
                    if self.holds_rows(start, close, inner) {
                        return None;
                    }
                    let Dialect { quote, escaped, .. } = self.dialect;
                    let raw = if escaped && memchr::memchr(b'\\', inner).is_some() {
                        Raw::Escaped(quote)
                    } else if memchr::memchr(quote, inner).is_some() {
                        Raw::Doubled(quote)
                    } else {
                        Raw::Plain
                    };
                    pieces.push(open + 1, close, raw);
                    after
                }
                Cell::Misquoted => return None,
            };
            match bytes.get(at) {
                Some(&byte) if byte == delimiter => at += 1,
                _ => return Some(after_break(bytes, at)),
            }
        }
    }

    /// The cell that begins here, if it stands between quotes.
    fn quoted_cell(&mut self, at: usize, delimiter: u8) -> Cell {
        let bytes = self.text.as_bytes();
        if !self.dialect.quoted {
            return Cell::Plain;
        }
        let spaces = |from: usize| {
            let is_space = |&&byte: &&u8| byte == b' ' && byte != delimiter;
            from + bytes[from..].iter().take_while(is_space).count()
        };
        let open = spaces(at);
        if bytes.get(open) != Some(&self.dialect.quote) {
            return Cell::Plain;
        }
        let ends = |close: usize| {
            let after = spaces(close + 1);
            let byte = bytes.get(after).copied().unwrap_or(b'\n');
            (byte == delimiter || byte == b'\n' || byte == b'\r').then_some(after)
        };
        let close = self.quotes.close(bytes, open + 1, self.dialect);
        let found = close.and_then(|close| ends(close).map(|after| (close, after)));
        match found {
            // behind spaces a quote opens only what is closed on its line
            Some((close, _)) if open > at && line_end(&bytes[..close], open) < close => Cell::Plain,
            Some((close, after)) => Cell::Quoted { open, close, after },
            None if open > at => Cell::Plain,
            None => Cell::Misquoted,
        }
    }

    /// Whether a cell that goes on over several lines has swallowed rows: all lines from the record's first to the one
    /// that closes the cell look like rows of their own.
    fn holds_rows(&mut self, start: usize, close: usize, inner: &[u8]) -> bool {
        let Some(habits) = self.habits else {
            return false;
        };
        if memchr::memchr2(b'\n', b'\r', inner).is_none() {
            return false;
        }
        let mut line = start;
        if self.alike.0 <= start && start < self.alike.1 {
            line = self.alike.1;
        } else {
            self.alike = (start, start);
        }
        while line <= close {
            if !habits.fits(self.text, line) {
                return false;
            }
            line = after_line(self.text, line);
            self.alike.1 = line;
            if line >= self.text.len() {
                break;
            }
        }
        true
    }
}

/// How a cell begins.
enum Cell {
    Plain,
    /// Its quotes, and what follows them.
    Quoted {
        open: usize,
        close: usize,
        after: usize,
    },
    Misquoted,
}
