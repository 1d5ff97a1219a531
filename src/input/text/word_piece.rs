//! WordPiece (Schuster and Nakajima 2012), as BERT has it: a word is cut into the longest tokens there are, from its
//! beginning on.
//!
//! The tokenizers crate has one too, with two hash maps of strings. Filling them took a third of the time that a browser
//! needs to load a backbone. This one keeps the tokens in one string and their numbers in one table.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokenizers::{Result, Token};

/// Tokens and their ids.
#[derive(Default)]
pub(super) struct Tokens {
    /// All tokens, one after the other.
    text: String,
    /// Where each token ends in `text`.
    ends: Vec<usize>,
    ids: Vec<u32>,
    /// Each token's hash: to calculate it once more whenever the table grows took as long as everything else here.
    hashes: Vec<u64>,
    /// Places in `ends`, by the hash of the token.
    places: HashTable<u32>,
    hasher: RandomState,
}

/// The token at a place.
fn at<'a>(text: &'a str, ends: &[usize], place: u32) -> &'a str {
    let place = place as usize;
    let start = place.checked_sub(1).map_or(0, |before| ends[before]);
    &text[start..ends[place]]
}

impl Tokens {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds a token. If it is there already it gets the new id, as in the crate.
    pub(super) fn insert(&mut self, token: &str, id: u32) {
        // A file has at most `MOST_TOKENS` tokens, which is checked before.
        let Ok(next) = u32::try_from(self.len()) else {
            return;
        };
        let hash = self.hasher.hash_one(token);
        let is_it = |place: &u32| {
            self.hashes[*place as usize] == hash && at(&self.text, &self.ends, *place) == token
        };
        let hashes = |place: &u32| self.hashes[*place as usize];
        match self.places.entry(hash, is_it, hashes) {
            Entry::Occupied(place) => self.ids[*place.get() as usize] = id,
            Entry::Vacant(place) => {
                place.insert(next);
                self.text.push_str(token);
                self.ends.push(self.text.len());
                self.ids.push(id);
                self.hashes.push(hash);
            }
        }
    }

    fn place(&self, token: &str) -> Option<u32> {
        let is_it = |place: &u32| at(&self.text, &self.ends, *place) == token;
        let hash = self.hasher.hash_one(token);
        self.places.find(hash, is_it).copied()
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.place(token).map(|place| self.ids[place as usize])
    }

    pub(super) fn token(&self, id: u32) -> Option<&str> {
        // in most files a token's place is its id
        let own = self.ids.get(id as usize) == Some(&id);
        let place = match own {
            true => Some(id as usize),
            false => self.ids.iter().position(|&other| other == id),
        };
        let place = u32::try_from(place?).ok()?;
        Some(at(&self.text, &self.ends, place))
    }

    fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        (0..)
            .zip(&self.ids)
            .map(|(place, &id)| (at(&self.text, &self.ends, place), id))
    }

    pub(super) fn vocabulary(&self) -> HashMap<String, u32> {
        let own = |(token, id): (&str, u32)| (token.to_owned(), id);
        self.iter().map(own).collect()
    }

    /// As the crate's models read them.
    pub(super) fn to_json(&self) -> Value {
        let own = |(token, id): (&str, u32)| (token.to_owned(), id.into());
        Value::Object(self.iter().map(own).collect())
    }
}

/// What a file says of the model beside its tokens.
#[derive(Deserialize)]
pub(super) struct Settings {
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
}

/// The model.
pub(super) struct WordPiece {
    pub(super) tokens: Tokens,
    settings: Settings,
}

impl WordPiece {
    pub(super) fn new(settings: Settings, tokens: Tokens) -> Self {
        Self { tokens, settings }
    }

    /// Of the fields of the file's `model`, without the vocabulary. An error says which is missing or of another type.
    pub(super) fn settings(fields: &Map<String, Value>) -> std::result::Result<Settings, String> {
        serde_json::from_value(Value::Object(fields.clone())).map_err(|error| error.to_string())
    }

    pub(super) fn tokenize(&self, word: &str) -> Result<Vec<Token>> {
        let Settings {
            unk_token,
            continuing_subword_prefix: prefix,
            max_input_chars_per_word: longest,
        } = &self.settings;
        let whole = || {
            let id = self.tokens.id(unk_token);
            let id = id.ok_or("WordPiece error: Missing [UNK] token from the vocabulary")?;
            Ok(vec![Token::new(id, unk_token.clone(), (0, word.len()))])
        };
        if word.chars().count() > *longest {
            return whole();
        }
        let (mut found, mut start) = (Vec::new(), 0);
        let mut piece = String::new();
        while start < word.len() {
            let before = if start > 0 { prefix.as_str() } else { "" };
            piece.clear();
            piece.push_str(before);
            piece.push_str(&word[start..]);
            let id = loop {
                if piece.len() == before.len() {
                    return whole();
                }
                if let Some(id) = self.tokens.id(&piece) {
                    break id;
                }
                piece.pop();
            };
            let end = start + piece.len() - before.len();
            found.push(Token::new(id, piece.clone(), (start, end)));
            start = end;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokenizers::Model as _;
    use tokenizers::models::wordpiece::WordPiece as Reference;

    use super::*;

    const TOKENS: [&str; 17] = [
        "[UNK]", "a", "ab", "abc", "##a", "##b", "##bc", "##c", "é", "##é", "日", "##本", "##本語",
        "#", "##", "x##", "##cab",
    ];

    fn fields() -> Map<String, Value> {
        let fields = json!({
            "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 12
        });
        fields.as_object().unwrap().clone()
    }

    fn both(ids: &[(&str, u32)]) -> (WordPiece, Reference) {
        let mut tokens = Tokens::default();
        for (token, id) in ids {
            tokens.insert(token, *id);
        }
        let mut json = fields();
        json.insert("vocab".into(), tokens.to_json());
        let reference = serde_json::from_value(json.into()).unwrap();
        let own = WordPiece::new(WordPiece::settings(&fields()).unwrap(), tokens);
        (own, reference)
    }

    /// Every word of up to five of these characters, and longer ones around the limit.
    fn words() -> Vec<String> {
        let symbols: Vec<char> = "abcé日本語x#".chars().collect();
        let (mut words, mut from) = (vec![String::new()], 0);
        for _ in 0..5 {
            let until = words.len();
            for index in from..until {
                let longer = symbols
                    .iter()
                    .map(|symbol| format!("{}{symbol}", words[index]));
                words.extend(longer.collect::<Vec<_>>());
            }
            from = until;
        }
        words.extend(
            (10..15).flat_map(|length| ["a", "é", "日"].map(|symbol| symbol.repeat(length))),
        );
        words
    }

    #[test]
    fn tokens_are_those_of_the_crate() {
        let ids: Vec<(&str, u32)> = TOKENS.into_iter().zip((0..).step_by(3)).collect();
        let (own, reference) = both(&ids);
        for word in words() {
            let (found, expected) = (
                own.tokenize(&word).unwrap(),
                reference.tokenize(&word).unwrap(),
            );
            let parts = |tokens: Vec<Token>| -> Vec<_> {
                tokens
                    .into_iter()
                    .map(|token| (token.id, token.value, token.offsets))
                    .collect()
            };
            assert_eq!(parts(found), parts(expected), "{word}");
        }
    }

    #[test]
    fn names_and_ids_are_those_of_the_crate() {
        // one id is not the token's place, and one token is there twice
        let (own, reference) = both(&[("[UNK]", 0), ("b", 7), ("a", 2), ("b", 5), ("", 9)]);
        for token in ["[UNK]", "b", "a", "", "none"] {
            assert_eq!(
                own.tokens.id(token),
                reference.token_to_id(token),
                "{token}"
            );
        }
        for id in 0..10 {
            let found = own.tokens.token(id).map(str::to_owned);
            assert_eq!(found, reference.id_to_token(id), "{id}");
        }
        assert_eq!(own.tokens.vocabulary(), reference.get_vocab());
        assert_eq!(own.tokens.len(), reference.get_vocab_size());
    }

    #[test]
    fn a_word_without_tokens_needs_one_for_the_unknown() {
        let (own, reference) = both(&[("a", 0)]);
        for word in ["a", "ab", "b", &"a".repeat(13)] {
            assert_eq!(
                own.tokenize(word).is_err(),
                reference.tokenize(word).is_err(),
                "{word}"
            );
        }
    }

    #[test]
    fn a_missing_setting_is_named() {
        for name in [
            "unk_token",
            "continuing_subword_prefix",
            "max_input_chars_per_word",
        ] {
            let mut fields = fields();
            fields.shift_remove(name);
            let reason = WordPiece::settings(&fields).err().unwrap();
            assert!(reason.contains(name), "{reason}");
        }
    }
}
