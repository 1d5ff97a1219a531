//! The parts of a tokenizer around its model, by the `type` that a `tokenizer.json` gives each.
//!
//! What the parts do is the tokenizers crate's. Only the reading of their fields is ours: the crate tries one type after the other,
//! and panics on a damaged table. Its readers were 95 KB of the wasm module's code before compression.

mod fields;
mod normalizer;
mod post_processor;
mod pre_tokenizer;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;
use tokenizers::{
    Encoding, NormalizedString, Normalizer, PostProcessor, PreTokenizedString, PreTokenizer, Result,
};

use fields::Fields;

/// Parts of one sort, used one after the other.
pub(super) struct Chain<T: ?Sized>(Vec<Box<T>>);

/// What changes a text before it is cut into words.
pub(super) type Normalizers = Chain<dyn Normalizer + Send + Sync>;

/// What cuts a text into words.
pub(super) type PreTokenizers = Chain<dyn PreTokenizer + Send + Sync>;

/// What puts the model's special tokens around the tokens of a text or a pair.
pub(super) type PostProcessors = Chain<dyn PostProcessor + Send + Sync>;

/// A sort of parts: how one is made of its fields.
pub(super) trait Part {
    /// What the file calls this sort.
    const SORT: &str;

    /// The field with the parts of a `Sequence`.
    const PARTS: &str;

    /// A part; `None` for a type that is unknown.
    fn read(fields: &Fields<'_>) -> Outcome<Option<Box<Self>>>;
}

/// What is read, or what is wrong with it.
type Outcome<T> = std::result::Result<T, String>;

impl<T: Part + ?Sized> Chain<T> {
    /// Reads a part, or the parts of a sequence, which may hold sequences.
    fn push(&mut self, json: &Value) -> Outcome<()> {
        let fields = Fields::new(T::SORT, json)?;
        if fields.kind() == "Sequence" {
            return fields
                .list(T::PARTS)?
                .iter()
                .try_for_each(|part| self.push(part));
        }
        let part = T::read(&fields)?;
        self.0.push(part.ok_or_else(|| fields.unknown())?);
        Ok(())
    }
}

impl<'de, T: Part + ?Sized> Deserialize<'de> for Chain<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        let mut chain = Self(Vec::new());
        chain.push(&json).map_err(D::Error::custom)?;
        Ok(chain)
    }
}

impl Normalizer for Normalizers {
    fn normalize(&self, text: &mut NormalizedString) -> Result<()> {
        self.0.iter().try_for_each(|part| part.normalize(text))
    }
}

impl PreTokenizer for PreTokenizers {
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> Result<()> {
        self.0.iter().try_for_each(|part| part.pre_tokenize(text))
    }
}

impl PostProcessor for PostProcessors {
    fn added_tokens(&self, is_pair: bool) -> usize {
        self.0.iter().map(|part| part.added_tokens(is_pair)).sum()
    }

    fn process_encodings(&self, mut texts: Vec<Encoding>, special: bool) -> Result<Vec<Encoding>> {
        for part in &self.0 {
            texts = part.process_encodings(texts, special)?;
        }
        Ok(texts)
    }
}
