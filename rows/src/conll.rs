//! CoNLL: a word and its tag a line, other columns between them, and an empty line between sentences.
//!
//! Cells are separated by tabs or spaces. The word is the first cell, or the second where the first numbers the words of
//! each sentence, as CoNLL-U has it. The tag is the last cell that holds tags. `-DOCSTART-` lines and
//! comments (`# …`) are passed over; a line such as `# O` is a word and its tag.

use crate::delimited::{after_line, line_at};
use crate::tags::is_tag;

/// Text that is looked at.
const SAMPLE_BYTES: usize = 50_000;

/// Share of lines that must be words with tags.
const AGREEMENT: f64 = 0.9;

/// Most cells of a line.
const MOST_CELLS: usize = 32;

/// Which cells of a line are what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Whether only tabs separate cells.
    tabs: bool,
    /// Whether the first cell numbers the words.
    indexed: bool,
    /// The cell of the tag; the last without it.
    tag: Option<usize>,
    /// Whether the tag stands before the word, the only other cell.
    reversed: bool,
    /// Whether tags need to be those of spans.
    spans: bool,
}

/// What the lines of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Words with tags.
    Tagged(Shape),
    /// Words with other columns than tags of spans, as CoNLL-U has them.
    Untagged,
    /// Something else.
    Other,
}

/// Looks whether lines are words with tags. `called_so` is whether the file's name says it; `tag` the column of tags from
/// 1, where somebody says it.
pub(crate) fn look(text: &str, called_so: bool, tag: Option<usize>) -> Look {
    let mut cut = text.len().min(SAMPLE_BYTES);
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    let mut lines: Vec<&str> = text[..cut].split(['\n', '\r']).collect();
    if cut < text.len() {
        lines.pop();
    }
    let blank = |line: &&str| line.trim().is_empty();
    let sentences = lines.split(blank).filter(|lines| !lines.is_empty());
    let words: Vec<Vec<&str>> = sentences
        .map(|lines| {
            lines
                .iter()
                .copied()
                .filter(|line| !is_comment(line))
                .collect()
        })
        .filter(|lines: &Vec<&str>| !lines.is_empty())
        .collect();
    let lines = || words.iter().flatten().copied();
    let count = lines().count();
    if count < 2 {
        return Look::Other;
    }
    let tabs = lines().filter(|line| line.contains('\t')).count() * 2 > count;
    let cells = |line| cells(line, tabs);
    // the words of each sentence are counted from 1
    let counted = words.iter().filter(|lines| {
        let mut indices = lines
            .iter()
            .filter_map(|line| cells(line).next()?.parse::<usize>().ok());
        indices.next() == Some(1)
            && lines.iter().all(|line| {
                let first = cells(line).next().unwrap_or_default();
                first.starts_with(|c: char| c.is_ascii_digit())
            })
    });
    let indexed = counted.count() * 10 >= words.len() * 9;
    let shape = Shape {
        tabs,
        indexed,
        tag: tag.map(|tag| tag.saturating_sub(1)),
        reversed: false,
        spans: true,
    };
    let lines_of_cells = || lines().map(|line| cells(line).collect::<Vec<_>>());
    let shape = match tag {
        Some(_) => shape,
        None => shape.with_tag_of(lines_of_cells),
    };
    let tagged = |line: &str| shape.word(line).is_some();
    #[allow(clippy::cast_precision_loss)]
    let most = |found: usize| found as f64 >= AGREEMENT * count as f64;
    let any_span = lines()
        .filter_map(|line| shape.word(line))
        .any(|(_, tag)| tag != "O");
    if most(lines().filter(|line| tagged(line)).count()) && (any_span || called_so) {
        return Look::Tagged(shape);
    }
    let widths = lines().filter(|line| cells(line).count() >= 10);
    if tabs && indexed && most(widths.count()) {
        return Look::Untagged;
    }
    // other tags, as of parts of speech, are read where the file's name says what it is
    let any = Shape {
        spans: false,
        ..shape
    };
    if called_so && most(lines().filter(|line| any.word(line).is_some()).count()) {
        return Look::Tagged(any);
    }
    Look::Other
}

impl Shape {
    /// The shape with the place of the tag where that is not the last cell: GermEval has tags of inner spans behind those
    /// of the outer, Universal NER has notes behind them, and some files put the tag first.
    fn with_tag_of<'a, I: Iterator<Item = Vec<&'a str>>>(self, lines: impl Fn() -> I) -> Self {
        let count = lines().count();
        let width = lines().map(|cells| cells.len()).max().unwrap_or_default();
        let share = |column: usize, holds: fn(&str) -> bool| {
            let found = lines().filter(|cells| cells.get(column).is_some_and(|cell| holds(cell)));
            found.count()
        };
        let tagged = |column: usize| {
            #[allow(clippy::cast_precision_loss)]
            let most = share(column, is_tag) as f64 >= AGREEMENT * count as f64;
            most
        };
        let spans = |column: usize| share(column, |cell| is_tag(cell) && cell != "O");
        let last = width.saturating_sub(1);
        let word = usize::from(self.indexed);
        let tag = if width > MOST_CELLS || width < word + 2 {
            None
        } else if !tagged(last) {
            // what stands behind the tags is the same or missing
            (word + 1..last)
                .rev()
                .find(|&column| tagged(column) && spans(column) > 0)
        } else {
            let outer = last - 1;
            let is_outer =
                self.indexed && width == 4 && tagged(outer) && spans(outer) > spans(last);
            is_outer.then_some(outer)
        };
        let reversed = tag.is_none()
            && self.tabs
            && !self.indexed
            && width == 2
            && !tagged(1)
            && tagged(0)
            && spans(0) > 0;
        Self {
            tag: tag.or(self.tag),
            reversed,
            ..self
        }
    }

    /// Whether tags are those of spans.
    pub(crate) fn has_span_tags(&self) -> bool {
        self.spans
    }

    /// The column of tags from 1, where it is not the last.
    pub(crate) fn tag_column(&self) -> Option<usize> {
        self.tag.map(|tag| tag + 1)
    }

    /// The word and the tag of a line; nothing if it has not both.
    fn word<'a>(&self, line: &'a str) -> Option<(&'a str, &'a str)> {
        let mut all = cells(line, self.tabs || line.contains('\t')).take(MOST_CELLS);
        if self.indexed {
            all.next()?;
        }
        let word = all.next()?;
        if self.reversed {
            let (tag, word) = (word, all.next()?);
            let is_word = !word.is_empty() && !word.contains(char::is_whitespace);
            return (is_word && is_tag(tag)).then_some((word, tag));
        }
        let tag = match self.tag {
            Some(tag) => all.nth(tag.checked_sub(1 + usize::from(self.indexed))?)?,
            None => all.last()?,
        };
        let is_word = !word.is_empty() && !word.contains(char::is_whitespace);
        let is_right = if self.spans {
            is_tag(tag)
        } else {
            !tag.is_empty() && !tag.contains(char::is_whitespace)
        };
        (is_word && is_right).then_some((word, tag))
    }

    /// The sentence that begins at a byte: its words joined by spaces, and its tags as they stand.
    pub(crate) fn sentence<'a>(&self, text: &'a str, start: usize) -> (String, Vec<&'a str>) {
        let (mut words, mut tags) = (String::new(), Vec::new());
        for line in Lines::new(text, start) {
            if line.text.trim().is_empty() || line.text.starts_with("-DOCSTART-") {
                break;
            }
            let Some((word, tag)) = self.line(line.text) else {
                continue;
            };
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
            tags.push(tag);
        }
        (words, tags)
    }

    /// A line's word and tag, comments and the parts of contracted words (`3-4`, `3.1`) passed over.
    fn line<'a>(&self, line: &'a str) -> Option<(&'a str, &'a str)> {
        if self.is_aside(line) {
            return None;
        }
        self.word(line)
    }

    fn is_aside(&self, line: &str) -> bool {
        if is_comment(line) {
            return true;
        }
        self.indexed && {
            let first = cells(line, self.tabs).next().unwrap_or_default();
            first.contains(['-', '.']) && first.starts_with(|c: char| c.is_ascii_digit())
        }
    }

    /// Where each sentence begins, its line from 1, and whether each of its lines has a word and a tag.
    pub(crate) fn sentences<'a>(
        &'a self,
        text: &'a str,
    ) -> impl Iterator<Item = (usize, u32, bool)> + 'a {
        let mut lines = Lines::new(text, 0);
        std::iter::from_fn(move || {
            let mut found: Option<(usize, u32, bool)> = None;
            for line in lines.by_ref() {
                if line.text.trim().is_empty() || line.text.starts_with("-DOCSTART-") {
                    if found.is_some() {
                        break;
                    }
                    continue;
                }
                if self.is_aside(line.text) {
                    continue;
                }
                let sound = self.word(line.text).is_some();
                let (_, _, all) = found.get_or_insert((line.start, line.number, true));
                *all &= sound;
            }
            found
        })
    }
}

/// Cells between tabs, or between any spaces.
fn cells(line: &str, tabs: bool) -> impl Iterator<Item = &str> {
    let by_tab = tabs.then(|| line.trim_end().split('\t').map(str::trim));
    let by_space = (!tabs).then(|| line.split_whitespace());
    by_tab
        .into_iter()
        .flatten()
        .chain(by_space.into_iter().flatten())
}

/// Whether a line is a comment: a hash and a space that begin no word with its tag.
fn is_comment(line: &str) -> bool {
    if line.starts_with("-DOCSTART-") {
        return true;
    }
    let Some(rest) = line.strip_prefix('#') else {
        return false;
    };
    if let Some((_, cells)) = line.split_once('\t') {
        // GermEval names the source of a sentence: `#\thttp://… [2009-10-17]`
        return rest.starts_with('\t') && cells.trim().contains(' ');
    }
    let mut rest = rest.strip_prefix(' ').unwrap_or_default().split(' ');
    // `# O` and `# SYM B-x` are words
    let cells = rest.clone().count();
    let tagged = rest.next_back().is_some_and(is_tag);
    line.starts_with("# ") && !(tagged && cells <= 3)
}

/// Lines with their places.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    number: u32,
}

struct Line<'a> {
    start: usize,
    number: u32,
    text: &'a str,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str, at: usize) -> Self {
        Self {
            text,
            at,
            number: 0,
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if self.at >= self.text.len() {
            return None;
        }
        let start = self.at;
        self.at = after_line(self.text, start);
        self.number += 1;
        Some(Line {
            start,
            number: self.number,
            text: line_at(self.text, start),
        })
    }
}
