//! Delimited text as records (RFC 4180), read in place.
//!
//! A record that breaks the rules of quoting is set aside, and reading goes on at the next line: one stray quote
//! costs its own row and not all that follow. That holds too where a later quote happens to close it: lines that look like
//! rows of their own do not become part of a cell (see [`Habits`]).

use std::borrow::Cow;
use std::collections::HashSet;

use crate::pool::hash;

/// How cells are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// What stands between cells; without one every line is a cell.
    pub(crate) delimiter: Option<u8>,
    /// Whether a cell may stand between quotes; otherwise they are characters like others.
    pub(crate) quoted: bool,
    /// What a cell stands between.
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

/// What of a cell's characters has to be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    /// Nothing.
    Plain,
    /// Quotes of this kind are doubled.
    Doubled(u8),
    /// The same, and backslashes stand before quotes.
    Escaped(u8),
}

/// Where a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// How its characters are written.
    pub(crate) raw: Raw,
}

impl Piece {
    pub(crate) fn text(self, text: &str) -> Cow<'_, str> {
        let raw = text.get(self.start..self.end).unwrap_or_default();
        match self.raw {
            Raw::Plain => raw.into(),
            Raw::Doubled(quote) => {
                let one = char::from(quote).to_string();
                raw.replace(&one.repeat(2), &one).into()
            }
            Raw::Escaped(quote) => unescaped(raw, char::from(quote)).into(),
        }
    }
}

/// A cell without the backslashes before its quotes and other backslashes.
fn unescaped(raw: &str, quote: char) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw.chars().peekable();
    while let Some(character) = rest.next() {
        let next = rest.peek().copied();
        let stands_for_next = match character {
            '\\' => next == Some(quote) || next == Some('\\'),
            _ => character == quote && next == Some(quote),
        };
        text.push(if stands_for_next {
            rest.next().unwrap_or(character)
        } else {
            character
        });
    }
    text
}

/// A record that was passed over by [`Scanner::next`].
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

    /// Counts the empty lines that begin here: a file may consist of millions.
    fn pass_empty_lines(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(b'\n' | b'\r') = bytes.get(self.at) {
            self.at = after_break(bytes, self.at);
            self.number += 1;
        }
    }

    /// Where the record that begins here ends; nothing if its quotes do not match.
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

/// The cells of a record, and how many there are where not all are kept.
#[derive(Debug)]
pub(crate) struct Pieces {
    pieces: Vec<Piece>,
    most: usize,
    /// Number of cells.
    pub(crate) count: usize,
    /// One past the last cell that is not blank.
    pub(crate) filled: usize,
}

impl Pieces {
    /// Keeps so many cells of a record.
    pub(crate) fn keeping(most: usize) -> Self {
        Self {
            pieces: Vec::new(),
            most,
            count: 0,
            filled: 0,
        }
    }

    fn clear(&mut self) {
        self.pieces.clear();
        (self.count, self.filled) = (0, 0);
    }

    fn push(&mut self, start: usize, end: usize, raw: Raw) {
        self.count += 1;
        if self.count <= self.most {
            self.pieces.push(Piece { start, end, raw });
        } else if end > start {
            self.filled = self.count;
        }
    }

    pub(crate) fn as_slice(&self) -> &[Piece] {
        &self.pieces
    }

    /// The cell at an index; empty where the record has fewer.
    pub(crate) fn get(&self, index: usize) -> Piece {
        let none = Piece {
            start: 0,
            end: 0,
            raw: Raw::Plain,
        };
        self.pieces.get(index).copied().unwrap_or(none)
    }

    /// One past the last cell that is not blank.
    pub(crate) fn width(&self, text: &str) -> usize {
        let is_filled = |piece: &Piece| !text[piece.start..piece.end].trim().is_empty();
        let kept = self.pieces.iter().rposition(is_filled);
        self.filled.max(kept.map_or(0, |last| last + 1))
    }
}

/// Where a quoted cell ends. Within a cell two quotes stand for one, so it ends at the first run of quotes whose length is
/// odd. The last answer is kept: where cells are opened and never closed, the text is still searched once.
#[derive(Default)]
struct Quotes {
    known: Option<Run>,
}

/// The first run of quotes of odd length behind a place.
#[derive(Clone, Copy)]
struct Run {
    /// It is the first for all places from here to `start`.
    from: usize,
    start: usize,
    /// Its last quote; nothing if there is no such run.
    close: Option<usize>,
}

impl Quotes {
    fn close(&mut self, bytes: &[u8], at: usize, dialect: Dialect) -> Option<usize> {
        if let Some(run) = self.known
            && run.from <= at
            && at <= run.start
        {
            return run.close;
        }
        let mut place = at;
        let run = loop {
            let rest = bytes.get(place..).unwrap_or_default();
            let found = if dialect.escaped {
                memchr::memchr2(dialect.quote, b'\\', rest)
            } else {
                memchr::memchr(dialect.quote, rest)
            };
            let Some(found) = found else {
                break Run {
                    from: at,
                    start: bytes.len(),
                    close: None,
                };
            };
            let start = place + found;
            if bytes[start] != dialect.quote {
                // a backslash and what it stands before
                place = start + 2;
                continue;
            }
            let length = bytes[start..]
                .iter()
                .take_while(|&&byte| byte == dialect.quote)
                .count();
            place = start + length;
            if length % 2 == 1 {
                break Run {
                    from: at,
                    start,
                    close: Some(place - 1),
                };
            }
        };
        self.known = Some(run);
        run.close
    }
}

/// What rows of a file look like, from lines without quotes all over it.
#[derive(Debug)]
pub(crate) struct Habits {
    delimiter: u8,
    width: usize,
    /// Columns whose cells come again, or are numbers.
    columns: Vec<(usize, Values)>,
}

#[derive(Debug)]
enum Values {
    /// Hashes of those that were seen.
    Seen(HashSet<u64>),
    Numbers,
}

/// Lines that habits are taken from.
const LINES: usize = 2000;

/// Longest cell whose return means something, in bytes.
const SHORT: usize = 80;

impl Habits {
    /// The habits of rows of so many cells, if enough of them show any.
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
    fn fits(&self, text: &str, start: usize) -> bool {
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

/// The starts of at most so many lines, from all over a text and in order; the first line is the first of them.
pub(crate) fn lines_across(text: &str, most: usize) -> impl Iterator<Item = usize> {
    let step = (text.len() / most.max(1)).max(1);
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = next;
        if start >= text.len() {
            return None;
        }
        // the line after the byte `step` on, or the very next one
        let target = start + step - 1;
        next = if target <= start {
            after_line(text, start)
        } else {
            let end = line_end(text.as_bytes(), target.min(text.len()));
            after_break(text.as_bytes(), end)
        };
        Some(start)
    })
}

/// The line that begins here, without its break.
pub(crate) fn line_at(text: &str, start: usize) -> &str {
    &text[start..line_end(text.as_bytes(), start)]
}

/// Where the line with this byte ends.
pub(crate) fn line_end(bytes: &[u8], at: usize) -> usize {
    let found = bytes
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'\n', b'\r', rest));
    found.map_or(bytes.len(), |found| at + found)
}

/// What follows the line with this byte.
pub(crate) fn after_line(text: &str, at: usize) -> usize {
    after_break(text.as_bytes(), line_end(text.as_bytes(), at))
}

/// What follows the line break that stands here.
fn after_break(bytes: &[u8], at: usize) -> usize {
    let breaks = bytes.get(at..).unwrap_or_default();
    let length = match breaks {
        [b'\r', b'\n', ..] => 2,
        [] => 0,
        _ => 1,
    };
    (at + length).min(bytes.len())
}
