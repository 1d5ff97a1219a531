//! Windows over texts that have more tokens than a model has positions.

use std::ops::Range;

use tokenizers::Encoding;

use super::{Encoded, Text, Word, encode};
use crate::error::Result;

/// What is done with a text that has more tokens than the model reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LongTexts {
    /// It is read in overlapping windows, and what they say is combined.
    #[default]
    Windows,
    /// Its beginning is read, and the answer says that the end was not.
    Truncate,
}

/// How many tokens a window of a long text has at most, special tokens included. Fewer than most models
/// read: adapters are mostly trained on texts that are shorter still, and answer worse the longer the
/// sequence. `docs/long-texts.md` has the measurement.
pub const WINDOW: usize = 128;

/// The same where words are labelled: words of other sentences disturb more there.
pub const TAG_WINDOW: usize = 32;

/// How an adapter reads texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reach {
    /// How many tokens it reads at once.
    pub limit: usize,
    /// How many tokens the windows of a longer text have at most.
    pub window: usize,
    /// Whether each line of a longer text is a window of its own if it fits `limit`.
    pub lines: bool,
}

/// A text of any length, cut into sequences that a model can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// In the order of the text. A text that fits has one.
    pub windows: Vec<Window>,
    /// Tokens of the whole text, its special tokens counted once.
    pub tokens: usize,
}

/// Some successive words of a text, with the special tokens around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The sequence that the model reads.
    pub encoded: Encoded,
    /// For each of its tokens the index in the whole text's sequence, or nothing if another window
    /// answers for that token. Over all windows every index occurs once.
    pub places: Vec<Option<u32>>,
}

impl Window {
    /// How many tokens it answers for.
    #[must_use]
    pub fn own(&self) -> usize {
        self.places.iter().flatten().count()
    }
}

/// The tokens of a text or a pair, however many there are, before special tokens are put around them.
pub struct Pieces<'a> {
    parts: &'a encode::Parts,
    /// One or two.
    texts: Vec<Encoding>,
    /// The tokens of each text that begin a sentence or a line.
    sentences: Vec<Vec<usize>>,
    /// Those of them that begin a line.
    lines: Vec<Vec<usize>>,
    layout: Layout,
    /// Whether the text goes on behind them.
    cut: bool,
}

/// Where tokens stand in the sequence of the whole text.
struct Layout {
    /// Where the tokens of each text begin.
    starts: [usize; 2],
    /// Where the special tokens stand.
    special: Vec<usize>,
    /// How many of them stand before all of the text.
    leading: usize,
    tokens: usize,
}

impl<'a> Pieces<'a> {
    /// Of encodings with offsets in bytes of `text`.
    pub(super) fn new(
        parts: &'a encode::Parts,
        text: &Text,
        texts: Vec<Encoding>,
    ) -> tokenizers::Result<Self> {
        let strings = std::iter::once(&text.first).chain(&text.second);
        let (mut sentences, mut lines) = (Vec::new(), Vec::new());
        for (encoding, text) in texts.iter().zip(strings) {
            let offsets = encoding.get_offsets();
            sentences.push(sentences_of(text, offsets));
            lines.push(lines_of(text, offsets));
        }
        // one token of each text shows where the special tokens go
        let sample = texts.iter().map(|text| slice(text, 0..text.len().min(1)));
        let sample = encode::finish(parts, sample.collect())?;
        let mut layout = Layout {
            starts: [0; 2],
            special: Vec::new(),
            leading: 0,
            tokens: 0,
        };
        let mut before = true;
        for sequence in sample.get_sequence_ids() {
            match sequence.filter(|&sequence| sequence < texts.len()) {
                None => {
                    layout.special.push(layout.tokens);
                    layout.leading += usize::from(before);
                    layout.tokens += 1;
                }
                Some(sequence) => {
                    before = false;
                    layout.starts[sequence] = layout.tokens;
                    layout.tokens += texts[sequence].len();
                }
            }
        }
        Ok(Self {
            parts,
            texts,
            sentences,
            lines,
            layout,
            cut: text.is_cut(),
        })
    }

    /// Number of tokens, special tokens included.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.layout.tokens
    }

    /// The text as one sequence if it fits, else in windows; those that a long sentence is cut into share
    /// half of their tokens.
    ///
    /// # Errors
    /// [`Error::FileInvalid`](crate::Error::FileInvalid) if the tokenizer fails.
    pub fn windows(&self, reach: Reach) -> Result<Windows> {
        let limit = reach.limit;
        if self.layout.tokens <= limit || limit <= self.layout.special.len() {
            return self.whole(limit);
        }
        let size = limit.min(reach.window);
        self.cut_into(size, size / 2, if reach.lines { limit } else { 0 })
    }

    /// All of the text in one sequence, or nothing of it if the limit leaves no room.
    fn whole(&self, limit: usize) -> Result<Windows> {
        let room = limit > self.layout.special.len();
        let whole = self.texts.iter();
        let whole = whole.map(|text| 0..if room { text.len() } else { 0 });
        let encoded = self.sequence(&whole.collect::<Vec<_>>())?;
        let places = (0u32..).take(encoded.ids.len()).map(Some).collect();
        Ok(Windows {
            tokens: encoded.ids.len(),
            windows: vec![Window { encoded, places }],
        })
    }

    /// Sequences of at most `size` tokens, special tokens included, of whole sentences and lines: as many
    /// as fit. A sentence that does not fit alone is cut, between two words, into sequences that share
    /// about `overlap` tokens and at most half a window. A word is only split if it alone is longer than
    /// a window.
    ///
    /// Of a pair the shorter text is repeated in every window if it takes at most half of it, and only
    /// the longer is cut. If both are longer, both are cut and their windows go side by side.
    ///
    /// Each token is answered for by the window in which it has the most context on both sides.
    ///
    /// # Errors
    /// As [`windows`](Self::windows).
    pub fn windows_with(&self, size: usize, overlap: usize) -> Result<Windows> {
        self.cut_into(size, overlap, 0)
    }

    /// As [`windows_with`](Self::windows_with), but a line is a window of its own if it has at most `line` tokens,
    /// special tokens included.
    fn cut_into(&self, size: usize, overlap: usize, line: usize) -> Result<Windows> {
        let special = self.layout.special.len();
        let room = size.saturating_sub(special);
        let lengths: Vec<usize> = self.texts.iter().map(Encoding::len).collect();
        if lengths.iter().sum::<usize>() <= room || room == 0 {
            return self.whole(size);
        }
        let line_rooms = rooms(&lengths, line.saturating_sub(special));
        let rooms = rooms(&lengths, room).into_iter().zip(line_rooms);
        let parts: Vec<Vec<Part>> = (self.texts.iter().zip(&self.sentences).zip(&self.lines))
            .zip(rooms)
            .map(|(((text, sentences), lines), (room, line))| {
                let words = text.get_word_ids();
                if line == 0 {
                    return pack(words, sentences, room, overlap);
                }
                pack_lines(words, (sentences, lines), (room, line), overlap)
            })
            .collect();
        let count = parts.iter().map(Vec::len).max().unwrap_or_default();
        // which part of each text the windows hold: the shorter list is stretched over the longer
        let of_window = |window: usize| parts.iter().map(move |of| window * of.len() / count);
        let mut windows = Vec::with_capacity(count);
        for window in 0..count {
            let mut held = Vec::with_capacity(parts.len());
            for (of, index) in parts.iter().zip(of_window(window)) {
                let first = window == 0 || (window - 1) * of.len() / count != index;
                held.push((&of[index], first));
            }
            let ranges: Vec<_> = held.iter().map(|(part, _)| part.all.clone()).collect();
            let encoding = self.encoding(&ranges)?;
            windows.push(Window {
                places: self.places(&encoding, &held, window == 0, window + 1 == count),
                encoded: encoded(&encoding, self.cut),
            });
        }
        Ok(Windows {
            windows,
            tokens: self.layout.tokens,
        })
    }

    /// The words of the text as the tokenizer splits it, with their tokens in the whole sequence.
    /// Their places in the text are only known of pieces that were made with them.
    #[must_use]
    pub fn words(&self) -> Vec<Word> {
        let mut words: Vec<Word> = Vec::new();
        let texts = self.texts.iter().zip(self.layout.starts).enumerate();
        for (sequence, (text, first)) in texts {
            let mut last = None;
            let places = text.get_word_ids().iter().zip(text.get_offsets());
            for (token, (&word, &(start, end))) in places.enumerate() {
                match words.last_mut() {
                    Some(open) if word.is_some() && word == last => open.end = end,
                    _ if word.is_none() => {}
                    _ => words.push(Word {
                        token: first + token,
                        second: sequence == 1,
                        start,
                        end,
                    }),
                }
                last = word;
            }
        }
        words
    }

    fn encoding(&self, ranges: &[Range<usize>]) -> Result<Encoding> {
        let texts = self.texts.iter().zip(ranges);
        let texts = texts.map(|(text, range)| slice(text, range.clone()));
        encode::finish(self.parts, texts.collect()).map_err(encode::failed)
    }

    fn sequence(&self, ranges: &[Range<usize>]) -> Result<Encoded> {
        let texts = self.texts.iter().zip(ranges);
        let cut = { texts }.any(|(text, range)| range.len() < text.len());
        Ok(encoded(&self.encoding(ranges)?, cut || self.cut))
    }

    /// The places of a window's tokens. `held` says which part of each text it holds, and whether it is
    /// the first to hold it.
    fn places(
        &self,
        encoding: &Encoding,
        held: &[(&Part, bool)],
        first: bool,
        last: bool,
    ) -> Vec<Option<u32>> {
        let (mut special, mut seen) = (0, [0; 2]);
        let place = |sequence: Option<usize>| {
            let (place, own) = match sequence.filter(|&sequence| sequence < held.len()) {
                None => {
                    special += 1;
                    let own = if special <= self.layout.leading {
                        first
                    } else {
                        last
                    };
                    (self.layout.special.get(special - 1).copied(), own)
                }
                Some(sequence) => {
                    let (part, here) = held[sequence];
                    let token = part.all.start + seen[sequence];
                    seen[sequence] += 1;
                    let place = self.layout.starts[sequence] + token;
                    (Some(place), here && part.own.contains(&token))
                }
            };
            place
                .filter(|_| own)
                .and_then(|place| u32::try_from(place).ok())
        };
        encoding.get_sequence_ids().into_iter().map(place).collect()
    }
}

/// What of a text one window holds, and what of that it answers for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    all: Range<usize>,
    own: Range<usize>,
}

impl Part {
    /// The same part of a text that stands behind `before` other tokens.
    fn behind(self, before: usize) -> Self {
        let moved = |range: Range<usize>| range.start + before..range.end + before;
        Self {
            all: moved(self.all),
            own: moved(self.own),
        }
    }
}

/// How many of `room` tokens each text of a pair gets.
fn rooms(lengths: &[usize], room: usize) -> Vec<usize> {
    let [first, second] = *lengths else {
        return vec![room; lengths.len()];
    };
    let half = room / 2;
    if first.min(second) > half {
        return vec![room - half, half];
    }
    if first <= second {
        vec![first, room - first]
    } else {
        vec![room - second, second]
    }
}

const LINE_ENDS: [char; 3] = ['\n', '\r', '\u{2029}'];

/// The tokens that begin a sentence or a line, by their offsets in bytes: those behind a line break, and
/// those behind a full stop, question or exclamation mark and a space, unless they begin in lower case.
fn sentences_of(text: &str, offsets: &[(usize, usize)]) -> Vec<usize> {
    const ENDS: [char; 7] = [
        '.', '!', '?', '\u{2026}', '\u{3002}', '\u{ff01}', '\u{ff1f}',
    ];
    const CLOSING: [char; 7] = ['"', '\'', ')', ']', '\u{201d}', '\u{2019}', '\u{bb}'];
    let begins = |token: &usize| {
        let ((_, end), (start, _)) = (offsets[token - 1], offsets[*token]);
        let (Some(before), Some(between), Some(behind)) =
            (text.get(..end), text.get(end..start), text.get(start..))
        else {
            return false;
        };
        let wide = |c: char| c > '\u{2fff}';
        let last = before.trim_end_matches(CLOSING).chars().next_back();
        let ended = last.is_some_and(|last| {
            ENDS.contains(&last) && (wide(last) || between.contains(char::is_whitespace))
        });
        let lower = behind.chars().next().is_some_and(char::is_lowercase);
        between.contains(LINE_ENDS) || ended && !lower
    };
    (1..offsets.len()).filter(begins).collect()
}

/// The tokens that begin a line, by their offsets in bytes.
fn lines_of(text: &str, offsets: &[(usize, usize)]) -> Vec<usize> {
    let begins = |token: &usize| {
        let between = text.get(offsets[token - 1].1..offsets[*token].0);
        between.is_some_and(|between| between.contains(LINE_ENDS))
    };
    (1..offsets.len()).filter(begins).collect()
}

/// Makes each line of at most `line` tokens a part, and packs the sentences of those that are longer into parts of
/// at most `room`.
fn pack_lines(
    words: &[Option<u32>],
    (sentences, lines): (&[usize], &[usize]),
    (room, line): (usize, usize),
    overlap: usize,
) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut start = 0;
    for end in lines.iter().copied().chain([words.len()]) {
        if end - start <= line {
            parts.push(Part {
                all: start..end,
                own: start..end,
            });
        } else {
            let inside = sentences
                .iter()
                .filter(|&&token| start < token && token < end);
            let inside: Vec<usize> = inside.map(|token| token - start).collect();
            let own = pack(&words[start..end], &inside, room, overlap);
            parts.extend(own.into_iter().map(|part| part.behind(start)));
        }
        start = end;
    }
    parts
}

/// Packs sentences into parts of at most `room` tokens, and cuts those that are longer.
fn pack(words: &[Option<u32>], sentences: &[usize], room: usize, overlap: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut open = 0..0;
    let ends = sentences.iter().copied().chain([words.len()]);
    let mut close = |open: &mut Range<usize>, end: usize| {
        if open.start < open.end {
            let all = open.clone();
            parts.extend(
                cut(&words[all.clone()], room, overlap)
                    .into_iter()
                    .map(|part| part.behind(all.start)),
            );
        }
        *open = open.end..end;
    };
    for end in ends {
        if end - open.start > room {
            close(&mut open, end);
        } else {
            open.end = end;
        }
    }
    close(&mut open, words.len());
    if parts.is_empty() {
        // an empty text of a pair stands in all windows
        parts.push(Part {
            all: 0..0,
            own: 0..0,
        });
    }
    parts
}

/// Cuts a text's tokens, of which `words` says to which word each belongs, into parts of at most `room`.
fn cut(words: &[Option<u32>], room: usize, overlap: usize) -> Vec<Part> {
    let length = words.len();
    // one token at least, so that there is an end
    let room = room.max(1);
    let overlap = overlap.min(room / 2);
    let begins = |token: usize| {
        token == 0 || token >= length || words[token].is_none() || words[token] != words[token - 1]
    };
    // the last beginning of a word up to a token and behind another
    let down =
        |token: usize, behind: usize| (behind + 1..=token).rev().find(|&token| begins(token));
    let mut all: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    loop {
        if length - start <= room {
            all.push(start..length);
            break;
        }
        let end = down(start + room, start).unwrap_or(start + room);
        all.push(start..end);
        let wanted = end - overlap.min(end - start - 1);
        let next = down(wanted, start).or_else(|| (wanted..=end).find(|&token| begins(token)));
        start = next.unwrap_or(wanted);
    }
    // of the tokens that two share, each has the nearer half
    let mut border = 0;
    let mut parts = Vec::with_capacity(all.len());
    for (index, range) in all.iter().enumerate() {
        let from = border;
        border = match all.get(index + 1) {
            None => length,
            Some(next) => {
                let middle = usize::midpoint(next.start, range.end);
                let middle = (next.start..=middle).rev().find(|&token| begins(token));
                middle.unwrap_or(next.start).max(from)
            }
        };
        parts.push(Part {
            all: range.clone(),
            own: from..border,
        });
    }
    parts
}

/// Some of an encoding's tokens. Their strings are left out, which nobody asks for.
fn slice(encoding: &Encoding, range: Range<usize>) -> Encoding {
    let length = range.len();
    Encoding::new(
        encoding.get_ids()[range.clone()].to_vec(),
        encoding.get_type_ids()[range.clone()].to_vec(),
        vec![String::new(); length],
        encoding.get_word_ids()[range.clone()].to_vec(),
        encoding.get_offsets()[range.clone()].to_vec(),
        encoding.get_special_tokens_mask()[range.clone()].to_vec(),
        encoding.get_attention_mask()[range].to_vec(),
        Vec::new(),
        Default::default(),
    )
}

fn encoded(encoding: &Encoding, truncated: bool) -> Encoded {
    Encoded {
        ids: encoding.get_ids().to_vec(),
        type_ids: encoding.get_type_ids().to_vec(),
        truncated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens of words with these lengths.
    fn words(lengths: &[usize]) -> Vec<Option<u32>> {
        let words = (0u32..).zip(lengths);
        words
            .flat_map(|(word, &length)| std::iter::repeat_n(Some(word), length))
            .collect()
    }

    fn check(words: &[Option<u32>], room: usize, overlap: usize) -> Vec<Part> {
        let parts = cut(words, room, overlap);
        let mut next = 0;
        for (index, part) in parts.iter().enumerate() {
            assert!(part.all.len() <= room.max(1), "{parts:?}");
            assert_eq!(part.own.start, next, "{parts:?}");
            next = part.own.end;
            assert!(
                part.own.is_empty()
                    || part.all.start <= part.own.start && part.own.end <= part.all.end
            );
            if index > 0 {
                assert!(parts[index - 1].all.start < part.all.start);
                assert!(part.all.start <= parts[index - 1].all.end);
            }
        }
        assert_eq!(next, words.len());
        parts
    }

    #[test]
    fn every_token_is_answered_for_once() {
        for length in 0..70 {
            for room in 0..24 {
                for overlap in [0, 1, 3, 8, 100] {
                    check(&words(&vec![1; length]), room, overlap);
                    check(&words(&vec![3; length / 3]), room, overlap);
                    check(&words(&[2, 40, 1, 1, 5, 7]), room, overlap);
                    check(&vec![None; length], room, overlap);
                }
            }
        }
    }

    #[test]
    fn borders_stand_between_words() {
        let of = words(&[3; 20]);
        for part in check(&of, 20, 5) {
            assert!(part.all.start % 3 == 0 && part.all.end % 3 == 0, "{part:?}");
            assert!(part.own.start % 3 == 0 && part.own.end % 3 == 0, "{part:?}");
        }
        // a word longer than a window is split, and no other
        let starts: Vec<usize> = check(&words(&[2, 40, 2]), 12, 2)
            .iter()
            .map(|part| part.all.start)
            .collect();
        assert_eq!(starts, [0, 2, 12, 22, 32]);
    }

    #[test]
    fn the_window_with_more_context_answers() {
        let parts = check(&words(&[1; 100]), 40, 10);
        assert_eq!(parts[0].all, 0..40);
        assert_eq!(parts[1].all, 30..70);
        assert_eq!(
            (parts[0].own.clone(), parts[1].own.clone()),
            (0..35, 35..65)
        );
    }

    #[test]
    fn windows_hold_whole_sentences() {
        let of = words(&[1; 40]);
        let all = |parts: Vec<Part>| -> Vec<(usize, usize)> {
            let mut next = 0;
            for part in &parts {
                assert_eq!(part.own.start, next);
                next = part.own.end;
            }
            assert_eq!(next, 40);
            parts.iter().map(|p| (p.all.start, p.all.end)).collect()
        };
        assert_eq!(
            all(pack(&of, &[4, 9, 15, 30], 10, 3)),
            [(0, 9), (9, 15), (15, 25), (22, 30), (30, 40)]
        );
        assert_eq!(all(pack(&of, &[25], 40, 3)), [(0, 40)]);
        assert_eq!(all(pack(&of, &[25], 30, 3)), [(0, 25), (25, 40)]);
        assert_eq!(pack(&[], &[], 10, 3).len(), 1);
    }

    #[test]
    fn lines_that_fit_are_parts() {
        let of = words(&[1; 40]);
        let parts = pack_lines(&of, (&[4, 9, 15, 25, 30], &[9, 30]), (10, 12), 3);
        let all: Vec<(usize, usize)> = parts.iter().map(|p| (p.all.start, p.all.end)).collect();
        // the line from 9 to 30 is too long and is cut into its sentences
        assert_eq!(all, [(0, 9), (9, 15), (15, 25), (25, 30), (30, 40)]);
        let own: Vec<usize> = parts.iter().flat_map(|p| p.own.clone()).collect();
        assert!(own.into_iter().eq(0..40));
        let offsets = [(0, 3), (4, 7), (9, 14), (15, 19)];
        assert_eq!(lines_of("one\ntwo\r\nthree four", &offsets), [1, 2]);
    }

    #[test]
    fn sentences_end_at_marks_and_lines() {
        let starts = |text: &str| -> Vec<usize> {
            // a token a word or mark, as BERT's tokenizers split
            let mut offsets: Vec<(usize, usize)> = Vec::new();
            let mut in_word = false;
            for (at, c) in text.char_indices() {
                let end = at + c.len_utf8();
                match offsets.last_mut() {
                    Some(last) if in_word && c.is_alphanumeric() => last.1 = end,
                    _ if c.is_whitespace() => {}
                    _ => offsets.push((at, end)),
                }
                in_word = c.is_alphanumeric();
            }
            let starts = sentences_of(text, &offsets);
            starts.iter().map(|&token| offsets[token].0).collect()
        };
        assert_eq!(
            starts("It rains. We stay! Why? \u{c9}t\u{e9}."),
            [10, 19, 24]
        );
        assert!(starts("The U.S. army has 3.5 tanks, e.g. old ones").is_empty());
        assert_eq!(starts("one\ntwo\r\nthree four"), [4, 9]);
        assert_eq!(starts("He said \"no.\" She left."), [14]);
        assert_eq!(starts("\u{597d}\u{3002}\u{597d}"), [6]);
        assert!(starts("").is_empty());
    }

    #[test]
    fn a_pair_shares_the_room() {
        assert_eq!(rooms(&[100, 7], 40), [33, 7]);
        assert_eq!(rooms(&[20, 100], 40), [20, 20]);
        assert_eq!(rooms(&[100, 90], 41), [21, 20]);
        assert_eq!(rooms(&[0, 90], 41), [0, 41]);
        assert_eq!(rooms(&[90], 41), [41]);
    }
}
