//! Floor 1: text becomes token ids, and several texts become one batch.

mod characters;
mod charsmap;
mod encode;
mod ending;
mod outline;
mod pipeline;
mod unigram;
mod windows;
mod word_piece;
mod words;

pub use characters::Characters;
pub use ending::Ending;
pub(crate) use outline::MOST_TOKENS;
pub use windows::{LongTexts, Pieces, Reach, TAG_WINDOW, WINDOW, Window, Windows};

use serde::{Deserialize, Serialize};
use tokenizers::{Encoding, OffsetType};

use crate::error::{Error, Result};

/// Most characters (Unicode code points) of a text that are read, before it is cut into tokens: no text takes for ever,
/// whatever its length. What is left out is said as [`Encoded::truncated`].
pub const MAX_CHARACTERS: usize = 100_000;

/// The beginning of a text that is read.
pub(super) fn readable(text: &str) -> &str {
    // a character has at least one byte
    if text.len() <= MAX_CHARACTERS {
        return text;
    }
    let end = text.char_indices().nth(MAX_CHARACTERS);
    end.map_or(text, |(end, _)| &text[..end])
}

/// One input: a text, or a pair of texts that are read together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Text {
    /// The text, or the first of a pair.
    #[serde(rename = "text")]
    pub first: String,
    /// The second of a pair.
    #[serde(rename = "text2", default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self {
            first: text.to_owned(),
            second: None,
        }
    }
}

impl Text {
    /// A pair.
    #[must_use]
    pub fn pair(first: &str, second: &str) -> Self {
        Self {
            first: first.to_owned(),
            second: Some(second.to_owned()),
        }
    }

    /// Each text of a pair alone; of a single text itself.
    pub fn apart(&self) -> impl Iterator<Item = Self> {
        let texts = std::iter::once(&self.first).chain(&self.second);
        texts.map(|text| text.as_str().into())
    }

    /// Whether there is nothing to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let blank = |text: &str| readable(text).trim().is_empty();
        blank(&self.first) && self.second.as_deref().is_none_or(blank)
    }

    /// Whether a text of it has more than [`MAX_CHARACTERS`], of which the rest is not read.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        let cut = |text: &str| readable(text).len() < text.len();
        cut(&self.first) || self.second.as_deref().is_some_and(cut)
    }
}

/// The token ids of one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Ids, special tokens included.
    pub ids: Vec<u32>,
    /// 0 for the first text of a pair, 1 for the second; as long as `ids`.
    pub type_ids: Vec<u32>,
    /// Whether the text was longer than the model reads and was cut.
    pub truncated: bool,
}

/// A word of a text as the tokenizer splits it, for what is said of words rather than tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Index of its first token in the sequence, special tokens counted.
    pub token: usize,
    /// Whether it is of the second text of a pair.
    pub second: bool,
    /// Where it starts, in characters (Unicode code points) of its text.
    pub start: usize,
    /// Where it ends: the character after its last.
    pub end: usize,
}

/// The backbone's tokenizer, read from its `tokenizer.json`.
pub struct Tokenizer {
    parts: encode::Parts,
    max_tokens: usize,
    ending: Ending,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`. Its own truncation and padding settings are replaced: texts are
    /// cut at `max_tokens` (special tokens included) and never padded.
    ///
    /// # Errors
    /// [`Error::FileInvalid`] if it is not a tokenizer.
    pub fn from_json(json: &[u8], max_tokens: usize) -> Result<Self> {
        let invalid = |reason: String| Error::FileInvalid {
            place: "tokenizer.json".into(),
            reason,
        };
        if let Some(fault) = outline::fault(json) {
            return Err(invalid(fault));
        }
        let parts = encode::Parts::from_bytes(json).map_err(|error| invalid(error.to_string()))?;
        Ok(Self {
            parts,
            max_tokens,
            ending: Ending::Last,
        })
    }

    /// The same tokenizer, whose sequences end in this way.
    #[must_use]
    pub fn with_ending(self, ending: Ending) -> Self {
        Self { ending, ..self }
    }

    /// Number of tokens in the vocabulary, added ones included.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.parts.get_vocab_size(true)
    }

    /// The longest sequence, in tokens, special tokens included.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Token ids of one text, with the model's special tokens around it. A text with more than
    /// [`max_tokens`](Self::max_tokens) is cut.
    ///
    /// # Errors
    /// [`Error::TextEmpty`] (with index 0) if there is nothing to read.
    pub fn encode(&self, text: &Text) -> Result<Encoded> {
        self.encode_within(text, self.max_tokens)
    }

    /// [`encode`](Self::encode) with another limit.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_within(&self, text: &Text, limit: usize) -> Result<Encoded> {
        let encoding = self.encoding(text, limit, OffsetType::None)?;
        Ok(self.ending.of(encoded(&encoding, text), limit))
    }

    /// [`encode_within`](Self::encode_within), and [`words_within`](Self::words_within) the same limit.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_with_words(&self, text: &Text, limit: usize) -> Result<(Encoded, Vec<Word>)> {
        let encoding = self.encoding(text, limit, OffsetType::Char)?;
        let encoded = self.ending.of(encoded(&encoding, text), limit);
        Ok((encoded, words(&encoding)))
    }

    /// The beginning of a text, as far as the limit allows, as its only window.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn beginning(&self, text: &Text, limit: usize) -> Result<Windows> {
        let encoded = self.encode_within(text, limit)?;
        Ok(Windows {
            tokens: encoded.ids.len(),
            windows: vec![Window {
                places: (0u32..).take(encoded.ids.len()).map(Some).collect(),
                encoded,
            }],
        })
    }

    /// All tokens of a text, to be read in windows.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn pieces(&self, text: &Text) -> Result<Pieces<'_>> {
        self.pieces_with(text, OffsetType::Byte)
    }

    fn pieces_with(&self, text: &Text, offsets: OffsetType) -> Result<Pieces<'_>> {
        if text.is_empty() {
            return Err(Error::TextEmpty { index: 0 });
        }
        let texts = encode::pieces(&self.parts, text, None, offsets);
        texts
            .and_then(|texts| Pieces::new(&self.parts, self.ending, text, texts))
            .map_err(encode::failed)
    }

    /// All words of a text, in the order of their tokens; these are counted in the whole text's
    /// sequence.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn all_words(&self, text: &Text) -> Result<Vec<Word>> {
        Ok(self.pieces_with(text, OffsetType::Char)?.words())
    }

    /// The words of a text, as far as [`encode`](Self::encode) reads it, in the order of their tokens.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn words(&self, text: &Text) -> Result<Vec<Word>> {
        self.words_within(text, self.max_tokens)
    }

    /// [`words`](Self::words) with another limit.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn words_within(&self, text: &Text, limit: usize) -> Result<Vec<Word>> {
        let encoding = self.encoding(text, limit, OffsetType::Char)?;
        Ok(words(&encoding))
    }

    /// [`encode`](Self::encode) of each text, in order.
    ///
    /// # Errors
    /// [`Error::TextEmpty`] with the position of the first empty text.
    pub fn encode_all(&self, texts: &[Text]) -> Result<Vec<Encoded>> {
        texts
            .iter()
            .enumerate()
            .map(|(index, text)| {
                self.encode(text).map_err(|error| match error {
                    Error::TextEmpty { .. } => Error::TextEmpty { index },
                    other => other,
                })
            })
            .collect()
    }

    fn encoding(
        &self,
        text: &Text,
        limit: usize,
        offsets: OffsetType,
    ) -> Result<tokenizers::Encoding> {
        if text.is_empty() {
            return Err(Error::TextEmpty { index: 0 });
        }
        encode::encode(&self.parts, text, limit, offsets).map_err(encode::failed)
    }
}
/// What the backbone reads of an encoding.
fn encoded(encoding: &Encoding, text: &Text) -> Encoded {
    Encoded {
        ids: encoding.get_ids().to_vec(),
        type_ids: encoding.get_type_ids().to_vec(),
        truncated: !encoding.get_overflowing().is_empty() || text.is_cut(),
    }
}

/// The words of an encoding, in the order of their tokens.
fn words(encoding: &Encoding) -> Vec<Word> {
    let places = encoding
        .get_word_ids()
        .iter()
        .zip(encoding.get_sequence_ids())
        .zip(encoding.get_offsets());
    let mut words: Vec<Word> = Vec::new();
    let mut last = None;
    for (token, ((word, sequence), &(start, end))) in places.enumerate() {
        // special tokens belong to no word
        let (Some(word), Some(sequence)) = (word, sequence) else {
            last = None;
            continue;
        };
        match words.last_mut() {
            Some(open) if last == Some((*word, sequence)) => open.end = end,
            _ => words.push(Word {
                token,
                second: sequence == 1,
                start,
                end,
            }),
        }
        last = Some((*word, sequence));
    }
    words
}
