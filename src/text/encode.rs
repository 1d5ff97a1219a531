//! From a text to tokens, with the parts of the tokenizers crate. Its own `encode` can pad, which brings a thread
//! pool into the module, and its own `Tokenizer` can decode, which nobody asks for here.

use serde::de::{Deserialize, Deserializer, IgnoredAny};
use tokenizers::{
    Decoder, Encoding, Model, ModelWrapper, NormalizerWrapper, OffsetType, PostProcessor,
    PostProcessorWrapper, PreTokenizer, PreTokenizerWrapper, Result, TokenizerImpl,
    TruncationDirection, TruncationParams, TruncationStrategy, truncate_encodings,
};

use super::Text;

/// The crate's tokenizer, without a decoder.
pub(super) type Parts = TokenizerImpl<
    ModelWrapper,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    NoDecoder,
>;

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
    let one = |text: &str, type_id| {
        let mut pieces = parts
            .get_added_vocabulary()
            .extract_and_normalize(parts.get_normalizer(), text);
        if let Some(pre_tokenizer) = parts.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut pieces)?;
        }
        // words past the end need no tokens
        let limit = Some((max_tokens, TruncationDirection::Right));
        parts
            .get_model()
            .tokenize_in_pretokenized(&mut pieces, limit)?;
        pieces.into_encoding(None, type_id, offsets)
    };
    let first = one(&text.first, 0)?;
    let second = text.second.as_ref().map(|text| one(text, 1)).transpose()?;

    let processor = parts.get_post_processor();
    let special = processor.map_or(0, |processor| processor.added_tokens(second.is_some()));
    let truncation = TruncationParams {
        direction: TruncationDirection::Right,
        max_length: max_tokens.saturating_sub(special),
        strategy: TruncationStrategy::LongestFirst,
        stride: 0,
    };
    let (first, second) = truncate_encodings(first, second, &truncation)?;
    if let Some(processor) = processor {
        return processor.process(first, second, true);
    }
    let parts = [Some(first), second].into_iter().flatten().collect();
    let joined = <dyn PostProcessor>::default_process(parts, true)?;
    Ok(Encoding::merge(joined, false))
}
