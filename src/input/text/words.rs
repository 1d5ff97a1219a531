//! How words become tokens, by the `model` of a `tokenizer.json`.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::BPE;
use tokenizers::models::wordlevel::WordLevel;
use tokenizers::{Model, Result, Token};

use super::unigram::{Unigram, Vocabulary};
use super::word_piece::{Tokens, WordPiece};

/// The crate's models, and [`WordPiece`] and [`Unigram`] in place of its own.
pub(super) enum Words {
    WordPiece(WordPiece),
    Bpe(BPE),
    WordLevel(WordLevel),
    Unigram(Unigram),
}

impl Words {
    /// A model whose vocabulary is an object. One that names no type is the first that it can be, in the crate's order.
    fn of_tokens(
        mut fields: Map<String, Value>,
        mut tokens: Option<Tokens>,
    ) -> std::result::Result<Self, String> {
        let kind = fields.shift_remove("type");
        let of_crate = |tokens: &Option<Tokens>| {
            let mut fields = fields.clone();
            if let Some(tokens) = tokens {
                fields.insert("vocab".to_owned(), tokens.to_json());
            }
            Value::Object(fields)
        };
        let said = |error: serde_json::Error| error.to_string();
        let bpe = |tokens: &Option<Tokens>| serde_json::from_value(of_crate(tokens)).map(Self::Bpe);
        let word_level =
            |tokens: &Option<Tokens>| serde_json::from_value(of_crate(tokens)).map(Self::WordLevel);
        let word_piece = |tokens: &mut Option<Tokens>| {
            let settings = WordPiece::settings(&fields)?;
            let tokens = tokens.take().ok_or("missing field `vocab`")?;
            Ok::<_, String>(Self::WordPiece(WordPiece::new(settings, tokens)))
        };
        match &kind {
            None => bpe(&tokens)
                .or_else(|_| word_piece(&mut tokens))
                .or_else(|_| word_level(&tokens).map_err(said)),
            Some(Value::String(kind)) if kind == "WordPiece" => word_piece(&mut tokens),
            Some(Value::String(kind)) if kind == "BPE" => bpe(&tokens).map_err(said),
            Some(Value::String(kind)) if kind == "WordLevel" => word_level(&tokens).map_err(said),
            Some(Value::String(kind)) if kind == "Unigram" => {
                Err("the vocabulary of a Unigram model is not a list of pieces".into())
            }
            Some(kind) => Err(format!("its model is of the unknown type {kind}")),
        }
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Words;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a tokenizer's model")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Words, A::Error> {
                let (mut fields, mut pieces, mut tokens) = (Map::new(), None, None);
                while let Some(field) = map.next_key::<String>()? {
                    if field != "vocab" {
                        fields.insert(field, map.next_value()?);
                        continue;
                    }
                    match map.next_value()? {
                        Vocabulary::Pieces(list) => pieces = Some(list),
                        Vocabulary::Tokens(read) => tokens = Some(read),
                    }
                }
                let Some(pieces) = pieces else {
                    return Words::of_tokens(fields, tokens).map_err(A::Error::custom);
                };
                let kind = fields.get("type");
                if kind.is_some_and(|kind| kind != "Unigram") {
                    return Err(A::Error::custom(
                        "its vocabulary is a list, and its model is not of the type Unigram",
                    ));
                }
                let unknown = fields.get("unk_id").and_then(Value::as_u64);
                let unknown = unknown.map(|id| usize::try_from(id).unwrap_or(usize::MAX));
                let byte_fallback = fields.get("byte_fallback") == Some(&Value::Bool(true));
                Unigram::new(pieces, unknown, byte_fallback)
                    .map(Words::Unigram)
                    .map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl Model for Words {
    type Trainer = TrainerWrapper;

    fn tokenize(&self, text: &str) -> Result<Vec<Token>> {
        match self {
            Self::WordPiece(model) => model.tokenize(text),
            Self::Bpe(model) => model.tokenize(text),
            Self::WordLevel(model) => model.tokenize(text),
            Self::Unigram(model) => model.tokenize(text),
        }
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        match self {
            Self::WordPiece(model) => model.tokens.id(token),
            Self::Bpe(model) => model.token_to_id(token),
            Self::WordLevel(model) => model.token_to_id(token),
            Self::Unigram(model) => model.id(token),
        }
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        match self {
            Self::WordPiece(model) => model.tokens.token(id).map(str::to_owned),
            Self::Bpe(model) => model.id_to_token(id),
            Self::WordLevel(model) => model.id_to_token(id),
            Self::Unigram(model) => model.piece(id).map(str::to_owned),
        }
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        match self {
            Self::WordPiece(model) => model.tokens.vocabulary(),
            Self::Bpe(model) => model.get_vocab(),
            Self::WordLevel(model) => model.get_vocab(),
            Self::Unigram(model) => model.vocabulary(),
        }
    }

    fn get_vocab_size(&self) -> usize {
        match self {
            Self::WordPiece(model) => model.tokens.len(),
            Self::Bpe(model) => model.get_vocab_size(),
            Self::WordLevel(model) => model.get_vocab_size(),
            Self::Unigram(model) => model.len(),
        }
    }

    fn save(&self, _: &Path, _: Option<&str>) -> Result<Vec<PathBuf>> {
        Err("a tokenizer is only read here".into())
    }

    fn get_trainer(&self) -> TrainerWrapper {
        // nothing here trains a tokenizer: the trait asks for one
        WordLevel::default().get_trainer().into()
    }
}
