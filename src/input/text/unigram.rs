//! SentencePiece's unigram model (Kudo 2018): a text is cut into the pieces whose scores have the largest sum.
//!
//! The tokenizers crate has one too, with a tree of hash maps: a vocabulary of 250,000 pieces took 350 MB and more
//! than a second there. This one keeps the pieces in one string and a sorted list of their numbers.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use tokenizers::{Result, Token};

use super::word_piece::Tokens;
use crate::order::alphabetical;

/// What an unknown character costs beyond the worst piece, as in SentencePiece.
const UNKNOWN_PENALTY: f64 = 10.0;

/// A string in a file, which is copied only if it has escapes.
#[derive(serde::Deserialize)]
struct Piece<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

/// The pieces as a file lists them, the number of a piece being its place.
#[derive(Default)]
pub(super) struct PieceList {
    /// All pieces, one after the other.
    text: String,
    /// Where each piece ends in `text`.
    ends: Vec<usize>,
    scores: Vec<f64>,
}

impl PieceList {
    fn get(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[index]]
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    /// Reads `[[piece, score], …]`.
    pub(super) fn read<'de, A: SeqAccess<'de>>(mut list: A) -> std::result::Result<Self, A::Error> {
        let mut pieces = Self::default();
        while let Some((piece, score)) = list.next_element::<(Piece<'de>, f64)>()? {
            pieces.text.push_str(&piece.0);
            pieces.ends.push(pieces.text.len());
            pieces.scores.push(score);
        }
        pieces.text.shrink_to_fit();
        pieces.ends.shrink_to_fit();
        pieces.scores.shrink_to_fit();
        Ok(pieces)
    }
}

/// The model: pieces, and what stands for a character that none of them has.
pub(super) struct Unigram {
    pieces: PieceList,
    /// The numbers of the pieces in the order of their bytes; of equal pieces the last comes first.
    sorted: Vec<u32>,
    unknown: Option<u32>,
    unknown_score: f64,
    /// Whether an unknown character becomes the pieces `<0x00>` to `<0xFF>` of its bytes.
    byte_fallback: bool,
}

/// The end of the best way to a place in the text.
#[derive(Clone, Copy)]
struct Best {
    score: f64,
    start: usize,
    piece: Option<u32>,
}

impl Unigram {
    /// `unknown` is the number of the piece for unknown characters.
    pub(super) fn new(
        pieces: PieceList,
        unknown: Option<usize>,
        byte_fallback: bool,
    ) -> std::result::Result<Self, &'static str> {
        if unknown.is_some_and(|id| id >= pieces.len()) {
            return Err("its unk_id is not the number of a piece");
        }
        let Ok(count) = u32::try_from(pieces.len()) else {
            return Err("it has too many pieces");
        };
        // of equal pieces the last one counts, so it comes first
        let ids: Vec<u32> = (0..count).rev().collect();
        let texts: Vec<&str> = ids.iter().map(|&id| pieces.get(id as usize)).collect();
        let order = alphabetical(&texts).into_iter();
        let sorted = order.map(|place| ids[place]).collect();
        let lowest = pieces.scores.iter().copied().fold(f64::INFINITY, f64::min);
        Ok(Self {
            pieces,
            sorted,
            unknown: unknown.and_then(|id| u32::try_from(id).ok()),
            unknown_score: lowest - UNKNOWN_PENALTY,
            byte_fallback,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    pub(super) fn piece(&self, id: u32) -> Option<&str> {
        let index = id as usize;
        (index < self.len()).then(|| self.pieces.get(index))
    }

    pub(super) fn id(&self, piece: &str) -> Option<u32> {
        let found = |&id: &u32| self.pieces.get(id as usize).cmp(piece);
        let first = self
            .sorted
            .partition_point(|id| found(id) == Ordering::Less);
        let id = self.sorted.get(first)?;
        (found(id) == Ordering::Equal).then_some(*id)
    }

    pub(super) fn vocabulary(&self) -> HashMap<String, u32> {
        let ids = self.sorted.iter().rev();
        ids.map(|&id| (self.pieces.get(id as usize).to_owned(), id))
            .collect()
    }

    /// Calls `found` with the length and number of each piece that the text begins with, the shortest first.
    fn beginnings(&self, text: &[u8], found: &mut dyn FnMut(usize, u32)) {
        let mut range = &self.sorted[..];
        for (index, &byte) in text.iter().enumerate() {
            // all in the range begin alike so far, and those that end here come first
            let at = |id: &u32| self.pieces.get(*id as usize).as_bytes().get(index).copied();
            let start = range.partition_point(|id| at(id) < Some(byte));
            range = &range[start..];
            let end = range.partition_point(|id| at(id) == Some(byte));
            range = &range[..end];
            let Some(&id) = range.first() else { return };
            if self.pieces.get(id as usize).len() == index + 1 {
                found(index + 1, id);
            }
        }
    }

    /// Cuts a text into the pieces of the best way. Unknown characters side by side are one token.
    pub(super) fn tokenize(&self, text: &str) -> Result<Vec<Token>> {
        let mut best: Vec<Option<Best>> = vec![None; text.len() + 1];
        for (start, character) in text.char_indices() {
            let before = best[start].map_or(0.0, |best| best.score);
            let mut offer = |length: usize, piece, score: f64| {
                let score = score + before;
                let end = &mut best[start + length];
                if end.is_none_or(|end| score > end.score) {
                    *end = Some(Best {
                        score,
                        start,
                        piece,
                    });
                }
            };
            let mut whole = false;
            self.beginnings(&text.as_bytes()[start..], &mut |length, id| {
                offer(length, Some(id), self.pieces.scores[id as usize]);
                whole |= length == character.len_utf8();
            });
            if !whole {
                if self.unknown.is_none() {
                    return Err("a character is in no piece, and the file has no unk_id".into());
                }
                offer(character.len_utf8(), self.unknown, self.unknown_score);
            }
        }
        let mut spans: Vec<(usize, usize)> = Vec::new();
        let (mut end, mut open) = (text.len(), false);
        while let Some(Best { start, piece, .. }) = best[end] {
            let unknown = piece == self.unknown;
            match spans.last_mut() {
                Some(last) if unknown && open => last.0 = start,
                _ => spans.push((start, end)),
            }
            (end, open) = (start, unknown);
        }
        let mut tokens = Vec::with_capacity(spans.len());
        for (start, end) in spans.into_iter().rev() {
            self.push(&text[start..end], (start, end), &mut tokens)?;
        }
        Ok(tokens)
    }

    fn push(&self, text: &str, offsets: (usize, usize), tokens: &mut Vec<Token>) -> Result<()> {
        let token = |id, text: &str| Token::new(id, text.to_owned(), offsets);
        if let Some(id) = self.id(text) {
            tokens.push(token(id, text));
            return Ok(());
        }
        let bytes = || {
            let piece = |byte: u8| format!("<0x{byte:02X}>");
            let one = |byte| Some(token(self.id(&piece(byte))?, &piece(byte)));
            text.bytes().map(one).collect::<Option<Vec<_>>>()
        };
        match self.byte_fallback.then(bytes).flatten() {
            Some(bytes) => tokens.extend(bytes),
            None => {
                let id = self.unknown.ok_or("the file has no unk_id")?;
                tokens.push(token(id, text));
            }
        }
        Ok(())
    }
}

/// A vocabulary in a `tokenizer.json`: a list of pieces with scores, or tokens with ids.
pub(super) enum Vocabulary {
    Pieces(PieceList),
    Tokens(Tokens),
}

impl<'de> serde::Deserialize<'de> for Vocabulary {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Vocabulary;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a vocabulary")
            }

            fn visit_seq<A: SeqAccess<'de>>(
                self,
                list: A,
            ) -> std::result::Result<Vocabulary, A::Error> {
                PieceList::read(list).map(Vocabulary::Pieces)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Vocabulary, A::Error> {
                let mut tokens = Tokens::default();
                while let Some((token, id)) = map.next_entry::<Piece<'de>, u32>()? {
                    tokens.insert(&token.0, id);
                }
                Ok(Vocabulary::Tokens(tokens))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use tokenizers::Model as _;
    use tokenizers::models::unigram::Unigram as Reference;

    use super::*;

    /// Pieces with scores that meet in ties, share beginnings and have several bytes to a character.
    const PIECES: [(&str, f64); 19] = [
        ("<unk>", 0.0),
        ("a", -1.0),
        ("b", -1.5),
        ("ab", -2.5),
        ("abc", -2.0),
        ("bc", -3.0),
        ("c", -1.0),
        ("▁", -0.5),
        ("▁a", -1.25),
        ("▁ab", -3.0),
        ("é", -2.0),
        ("éa", -2.5),
        ("日", -4.0),
        ("日本", -4.5),
        ("語", -4.25),
        ("<0xE6>", -9.0),
        ("<0x9C>", -9.0),
        ("<0xAC>", -9.0),
        ("abcabcab", -8.0),
    ];

    fn both(byte_fallback: bool) -> (Unigram, Reference) {
        let mut list = PieceList::default();
        for (piece, score) in PIECES {
            list.text.push_str(piece);
            list.ends.push(list.text.len());
            list.scores.push(score);
        }
        let pieces = PIECES.map(|(piece, score)| (piece.to_owned(), score));
        (
            Unigram::new(list, Some(0), byte_fallback).unwrap(),
            Reference::from(pieces.to_vec(), Some(0), byte_fallback).unwrap(),
        )
    }

    #[test]
    fn tokens_are_those_of_the_library() {
        let symbols: Vec<char> = "abc▁é日本語x€".chars().collect();
        for byte_fallback in [false, true] {
            let (ours, library) = both(byte_fallback);
            // every text of up to four symbols, and long ones of a simple generator
            let mut texts: Vec<String> = vec![String::new()];
            let mut from = 0;
            for _ in 0..4 {
                let until = texts.len();
                for index in from..until {
                    for symbol in &symbols {
                        texts.push(format!("{}{symbol}", texts[index]));
                    }
                }
                from = until;
            }
            let mut state = 1u64;
            for length in 5..200 {
                let text = (0..length).map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    symbols[usize::try_from(state >> 33).unwrap() % symbols.len()]
                });
                texts.push(text.collect());
            }
            for text in texts {
                let expected = library.tokenize(&text).unwrap();
                let found = ours.tokenize(&text).unwrap();
                assert_eq!(found.len(), expected.len(), "{text}");
                for (found, expected) in found.iter().zip(&expected) {
                    assert_eq!(
                        (found.id, &found.value, found.offsets),
                        (expected.id, &expected.value, expected.offsets),
                        "{text}"
                    );
                }
            }
        }
    }

    #[test]
    fn pieces_are_found_by_name_and_number() {
        let (ours, library) = both(false);
        for (piece, _) in PIECES {
            assert_eq!(ours.id(piece), library.token_to_id(piece));
        }
        assert_eq!(ours.id("nothing"), None);
        assert_eq!(ours.piece(3), Some("ab"));
        assert_eq!(ours.piece(19), None);
        assert_eq!(ours.vocabulary(), library.get_vocab());
    }

    #[test]
    fn an_unknown_character_needs_a_piece_that_stands_for_it() {
        let pieces = PieceList {
            text: "a".into(),
            ends: vec![1],
            scores: vec![0.0],
        };
        let model = Unigram::new(pieces, None, false).unwrap();
        assert!(model.tokenize("aa").is_ok());
        assert!(model.tokenize("ab").is_err());
        assert!(Unigram::new(PieceList::default(), Some(0), false).is_err());
    }
}
