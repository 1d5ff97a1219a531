//! Whisper in a file of CTranslate2, the engine behind faster-whisper: `model.bin`, read as the files of a model's folder.
//!
//! The file begins with its version, the name of the model's class and that class's revision. Then come the variables:
//! name, sizes, type and bytes of each. Numbers are little-endian. Queries, keys and values of a block are one layer there,
//! whose keys have a bias of zeros. <https://github.com/OpenNMT/CTranslate2>

use std::collections::BTreeMap;

use serde_json::json;

use super::folder::{CONFIG, PREPROCESSOR};
use crate::error::{Error, Result};
use crate::tensor_file::{FloatType, TensorFileWriter};

/// The class of the models that are read.
const CLASS: &str = "WhisperSpec";

/// The versions of the file that are read.
const VERSIONS: std::ops::RangeInclusive<u32> = 5..=6;

/// What CTranslate2 calls the parts of a block, and what transformers does.
const PARTS: [(&str, &str); 5] = [
    ("self_attention/layer_norm", "self_attn_layer_norm"),
    ("self_attention/linear_1", "self_attn.out_proj"),
    ("ffn/layer_norm", "final_layer_norm"),
    ("ffn/linear_0", "fc1"),
    ("ffn/linear_1", "fc2"),
];

/// The projections that `self_attention/linear_0` holds, one below the other, and whether they have a bias.
const PROJECTIONS: [(&str, bool); 3] = [("q_proj", true), ("k_proj", false), ("v_proj", true)];

/// A variable of the file.
struct Variable<'a> {
    shape: Vec<usize>,
    kind: u8,
    bytes: &'a [u8],
}

/// Reads a file's parts one after the other.
struct Cursor<'a> {
    place: &'a str,
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.invalid("it ends in the middle; fetch it again"));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn number<const BYTES: usize>(&mut self) -> Result<u32> {
        let mut number = [0; 4];
        number[..BYTES].copy_from_slice(self.take(BYTES)?);
        Ok(u32::from_le_bytes(number))
    }

    fn size(&mut self) -> Result<usize> {
        Ok(self.number::<4>()? as usize)
    }

    /// A text with its length before it, and a zero behind it.
    fn text(&mut self) -> Result<String> {
        let length = self.number::<2>()? as usize;
        let bytes = self.take(length)?;
        let text = String::from_utf8_lossy(bytes.strip_suffix(b"\0").unwrap_or(bytes));
        Ok(text.into_owned())
    }

    fn invalid(&self, reason: &str) -> Error {
        Error::FileInvalid {
            place: self.place.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// Whether a file may be one of CTranslate2's: it names a class after its version.
#[must_use]
pub fn is_ctranslate2(bytes: &[u8]) -> bool {
    let mut cursor = Cursor {
        place: "",
        rest: bytes,
    };
    let version = cursor.number::<4>();
    let class = cursor.text();
    matches!((version, class), (Ok(1..=99), Ok(class)) if class.ends_with("Spec"))
}

/// The encoder of a Whisper model as the files of a folder: `config.json`, `preprocessor_config.json` and
/// `model.safetensors`, whose numbers are those of the file. `place` names the file in errors.
///
/// # Errors
/// [`Error::ModelUnsupported`] for another model or version, and for weights in fewer than 16 bits;
/// [`Error::FileInvalid`] for a damaged file.
pub fn whisper_folder(place: &str, bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>> {
    let file = File::read(place, bytes)?;
    let bands = file.shape("encoder/conv1/weight")?;
    let [hidden, bands, _] = bands[..] else {
        return Err(file.damaged("encoder/conv1/weight"));
    };
    let layers = (0..)
        .take_while(|layer| file.has(&format!("encoder/layer_{layer}/ffn/linear_0/weight")))
        .count();
    let heads = match file.get("encoder/num_heads")?.bytes {
        &[low, high] => u16::from_le_bytes([low, high]),
        _ => return Err(file.damaged("encoder/num_heads")),
    };
    let config = json!({
        "model_type": "whisper",
        "architectures": ["WhisperModel"],
        "d_model": hidden,
        "encoder_layers": layers,
        "encoder_attention_heads": heads,
        "encoder_ffn_dim": file.shape("encoder/layer_0/ffn/linear_0/weight")?.first(),
        "max_source_positions": file.shape("encoder/position_encodings/encodings")?.first(),
        "num_mel_bins": bands,
        "activation_function": "gelu",
    });
    let preprocessor = json!({
        "feature_extractor_type": "WhisperFeatureExtractor",
        "feature_size": bands,
        "sampling_rate": 16_000,
        "hop_length": 160,
        "n_fft": 400,
        "chunk_length": 30,
    });
    let mut files = BTreeMap::new();
    for (name, content) in [(CONFIG, config), (PREPROCESSOR, preprocessor)] {
        files.insert(name.to_owned(), content.to_string().into_bytes());
    }
    files.insert(
        "model.safetensors".to_owned(),
        file.tensors(layers, hidden)?,
    );
    Ok(files)
}

/// The variables of a file.
struct File<'a> {
    place: &'a str,
    variables: BTreeMap<String, Variable<'a>>,
}

impl<'a> File<'a> {
    fn read(place: &'a str, bytes: &'a [u8]) -> Result<Self> {
        let mut cursor = Cursor { place, rest: bytes };
        let version = cursor.number::<4>()?;
        let class = cursor.text()?;
        if !VERSIONS.contains(&version) || class != CLASS {
            return Err(Error::ModelUnsupported {
                place: place.to_owned(),
                reason: format!(
                    "this file holds a model of CTranslate2's class {class}, version {version}; graftlet reads {CLASS}, versions {} and {}",
                    VERSIONS.start(),
                    VERSIONS.end()
                ),
            });
        }
        let _revision = cursor.size()?;
        let mut variables = BTreeMap::new();
        for _ in 0..cursor.size()? {
            let name = cursor.text()?;
            let rank = cursor.number::<1>()?;
            let shape = (0..rank).map(|_| cursor.size()).collect::<Result<_>>()?;
            let [kind] = cursor.take(1)? else {
                return Err(cursor.invalid("it ends in the middle; fetch it again"));
            };
            let length = cursor.size()?;
            let bytes = cursor.take(length)?;
            let variable = Variable {
                shape,
                kind: *kind,
                bytes,
            };
            variables.insert(name, variable);
        }
        Ok(Self { place, variables })
    }

    fn has(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    fn get(&self, name: &str) -> Result<&Variable<'a>> {
        self.variables
            .get(name)
            .ok_or_else(|| Error::TensorMissing {
                place: self.place.to_owned(),
                tensor: name.to_owned(),
            })
    }

    fn shape(&self, name: &str) -> Result<&[usize]> {
        Ok(&self.get(name)?.shape)
    }

    fn damaged(&self, name: &str) -> Error {
        Error::FileInvalid {
            place: self.place.to_owned(),
            reason: format!(
                "its variable \"{name}\" has another size than its type and shape say; fetch it again"
            ),
        }
    }

    /// A variable's numbers.
    fn floats(&self, name: &str) -> Result<Vec<f32>> {
        let variable = self.get(name)?;
        let floats: Vec<f32> = match variable.kind {
            0 => {
                let (numbers, _) = variable.bytes.as_chunks();
                numbers
                    .iter()
                    .map(|&bytes| f32::from_le_bytes(bytes))
                    .collect()
            }
            4 => {
                let (numbers, _) = variable.bytes.as_chunks();
                let numbers = numbers.iter();
                numbers
                    .map(|&bytes| half::f16::from_le_bytes(bytes).to_f32())
                    .collect()
            }
            _ => {
                return Err(Error::ModelUnsupported {
                    place: self.place.to_owned(),
                    reason: format!(
                        "its variable \"{name}\" is in another type than f32 and f16; convert the model with --quantization float16"
                    ),
                });
            }
        };
        match floats.len() == variable.shape.iter().product::<usize>() {
            true => Ok(floats),
            false => Err(self.damaged(name)),
        }
    }

    /// The encoder as a safetensors file with transformers' names.
    fn tensors(&self, layers: usize, hidden: usize) -> Result<Vec<u8>> {
        let mut writer = TensorFileWriter::default();
        let mut put = |name: &str, shape: &[usize], values: &[f32]| {
            writer.floats(&format!("encoder.{name}"), shape, values, FloatType::F16);
        };
        let mut copy = |from: &str, to: &str| -> Result<()> {
            // of a norm they are called otherwise
            for (own, other, ending) in [("weight", "gamma", "weight"), ("bias", "beta", "bias")] {
                let name = match self.has(&format!("{from}/{own}")) {
                    true => format!("{from}/{own}"),
                    false => format!("{from}/{other}"),
                };
                put(
                    &format!("{to}.{ending}"),
                    self.shape(&name)?,
                    &self.floats(&name)?,
                );
            }
            Ok(())
        };
        copy("encoder/conv1", "conv1")?;
        copy("encoder/conv2", "conv2")?;
        copy("encoder/layer_norm", "layer_norm")?;
        for layer in 0..layers {
            for (from, to) in PARTS {
                copy(
                    &format!("encoder/layer_{layer}/{from}"),
                    &format!("layers.{layer}.{to}"),
                )?;
            }
        }
        for layer in 0..layers {
            let fused = format!("encoder/layer_{layer}/self_attention/linear_0");
            let weight = self.floats(&format!("{fused}/weight"))?;
            let bias = self.floats(&format!("{fused}/bias"))?;
            if weight.len() != 3 * hidden * hidden || bias.len() != 3 * hidden {
                return Err(self.damaged(&fused));
            }
            let parts = weight.chunks(hidden * hidden).zip(bias.chunks(hidden));
            for ((name, has_bias), (weight, bias)) in PROJECTIONS.into_iter().zip(parts) {
                let path = format!("layers.{layer}.self_attn.{name}");
                put(&format!("{path}.weight"), &[hidden, hidden], weight);
                if has_bias {
                    put(&format!("{path}.bias"), &[hidden], bias);
                }
            }
        }
        writer.finish("pt")
    }
}
