//! From a text to tokens, with the parts of the tokenizers crate. Its own `encode` can pad, which brings a thread
//! pool into the module, and its own `Tokenizer` can decode, which nobody asks for here.

use serde::de::{Deserialize, Deserializer, IgnoredAny};
use tokenizers::{
    Decoder, Encoding, Model, OffsetType, PostProcessor, PreTokenizer, Result, TokenizerImpl,
    TruncationDirection, TruncationParams, TruncationStrategy, truncate_encodings,
};

use super::pipeline::{Normalizers, PostProcessors, PreTokenizers};
use super::words::Words;
use super::{Text, readable};
use crate::error::Error;

/// The crate's tokenizer, without a decoder.
pub(super) type Parts = TokenizerImpl<Words, Normalizers, PreTokenizers, PostProcessors, NoDecoder>;

/// Stands for any decoder in the file.
#[derive(Clone)]
pub(super) struct NoDecoder;

impl<'de> Deserialize<'de> for NoDecoder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|IgnoredAny| Self)
    }
}

impl Decoder for NoDecoder {
    fn decode_chain(&self, tokens: Vec<String>) -> Result<Vec<String>> {
        Ok(tokens)
    }
}

/// The tokens of a text or a pair with the model's special tokens, at most `max_tokens` together; what is cut off
/// is cut from the end, of a pair from the longer. Of offsets only those asked for are computed.
pub(super) fn encode(
    parts: &Parts,
    text: &Text,
    max_tokens: usize,
    offsets: OffsetType,
) -> Result<Encoding> {
    // words past the end need no tokens
    let mut texts = pieces(parts, text, Some(max_tokens), offsets)?;
    let second = (texts.len() > 1).then(|| texts.pop()).flatten();
    let first = texts.pop().unwrap_or_default();

    let processor = parts.get_post_processor();
    let special = processor.map_or(0, |processor| processor.added_tokens(second.is_some()));
    let truncation = TruncationParams {
        direction: TruncationDirection::Right,
        max_length: max_tokens.saturating_sub(special),
        strategy: TruncationStrategy::LongestFirst,
        stride: 0,
    };
    let (first, second) = truncate_encodings(first, second, &truncation)?;
    finish(parts, std::iter::once(first).chain(second).collect())
}

/// The tokens of a text, or of both texts of a pair, without special tokens; of each at least the first
/// `max_tokens`, or all.
pub(super) fn pieces(
    parts: &Parts,
    text: &Text,
    max_tokens: Option<usize>,
    offsets: OffsetType,
) -> Result<Vec<Encoding>> {
    let one = |(type_id, text): (u32, &String)| {
        let mut pieces = parts
            .get_added_vocabulary()
            .extract_and_normalize(parts.get_normalizer(), readable(text));
        if let Some(pre_tokenizer) = parts.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut pieces)?;
        }
        let limit = max_tokens.map(|tokens| (tokens, TruncationDirection::Right));
        parts
            .get_model()
            .tokenize_in_pretokenized(&mut pieces, limit)?;
        pieces.into_encoding(None, type_id, offsets)
    };
    let texts = std::iter::once(&text.first).chain(&text.second);
    (0..).zip(texts).map(one).collect()
}

/// One sequence of the tokens of one text or two, with the model's special tokens.
pub(super) fn finish(parts: &Parts, texts: Vec<Encoding>) -> Result<Encoding> {
    let Some(processor) = parts.get_post_processor() else {
        let joined = <dyn PostProcessor>::default_process(texts, true)?;
        return Ok(Encoding::merge(joined, false));
    };
    let mut texts = texts.into_iter();
    let first = texts.next().unwrap_or_default();
    processor.process(first, texts.next(), true)
}

/// The error of a tokenizer that reads and yet fails on a text.
pub(super) fn failed(error: tokenizers::Error) -> Error {
    Error::FileInvalid {
        place: "tokenizer.json".into(),
        reason: format!("it failed on a text: {error}"),
    }
}
