//! The cells of a record: where they stand in the text, and how their quotes are undone.

use std::borrow::Cow;

/// How a cell is escaped in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    /// Not at all.
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
    /// Keeps at most `most` cells of a record.
    pub(crate) fn keeping(most: usize) -> Self {
        Self {
            pieces: Vec::new(),
            most,
            count: 0,
            filled: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        (self.count, self.filled) = (0, 0);
    }

    pub(super) fn push(&mut self, start: usize, end: usize, raw: Raw) {
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

    /// The cell at an index; empty if the record has fewer cells.
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
