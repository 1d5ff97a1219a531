//! Windows over texts that have more tokens than a model has positions.

mod parts;
mod sentences;

use std::ops::Range;

use parts::{Part, pack, pack_lines, rooms};
use sentences::{lines_of, sentences_of};
use tokenizers::Encoding;

use super::{Encoded, Ending, Text, Word, encode};
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
    /// Whether each text of a pair is read alone.
    pub apart: bool,
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
    ending: Ending,
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
        ending: Ending,
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
            ending,
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
        let encoded = self.ending.of(encoded, limit);
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
            let encoded = self.ending.of(encoded(&encoding, self.cut), size);
            let mut places = self.places(&encoding, &held, window == 0, window + 1 == count);
            // nobody asks for what fills a sequence
            places.resize(encoded.ids.len(), None);
            windows.push(Window { encoded, places });
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
