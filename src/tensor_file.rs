//! Floor 1: named tensors in a file, safetensors or `torch.save`'s, checked as they are read, and
//! written back as safetensors.

use std::borrow::Cow;
use std::collections::BTreeSet;

use half::{bf16, f16};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, SafeTensorError, TensorView};
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::error::{Error, Result};
use crate::torch_file::TorchFile;

/// A file of tensors in memory. Nothing is copied until a tensor is asked for.
pub struct TensorFile<'a> {
    place: String,
    tensors: Tensors<'a>,
}

enum Tensors<'a> {
    Safe(SafeTensors<'a>),
    Torch(TorchFile<'a>),
}

/// One tensor's bytes, row by row and little-endian.
struct View<'a> {
    dtype: Dtype,
    data: Cow<'a, [u8]>,
}

impl<'a> TensorFile<'a> {
    /// Reads the list of tensors of a file of either format; a name that ends in `.bin` is PyTorch's.
    /// `place` names the file in errors.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse) and [`parse_torch`](Self::parse_torch).
    pub fn open(place: &str, bytes: &'a [u8]) -> Result<Self> {
        if place.ends_with(".bin") {
            Self::parse_torch(place, bytes)
        } else {
            Self::parse(place, bytes)
        }
    }

    /// Reads the list of tensors of a file that `torch.save` wrote. Nothing in it is executed, and
    /// reading it allocates at most a small multiple of its own length.
    ///
    /// # Errors
    /// [`Error::FileTruncated`] or [`Error::FileInvalid`].
    pub fn parse_torch(place: &str, bytes: &'a [u8]) -> Result<Self> {
        Ok(Self {
            place: place.to_owned(),
            tensors: Tensors::Torch(TorchFile::parse(place, bytes)?),
        })
    }

    /// Reads the header of a safetensors file. `place` names the file in errors.
    ///
    /// # Errors
    /// [`Error::FileTruncated`] or [`Error::FileInvalid`].
    pub fn parse(place: &str, bytes: &'a [u8]) -> Result<Self> {
        check_names(bytes).map_err(|reason| Error::FileInvalid {
            place: place.to_owned(),
            reason,
        })?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| {
            if is_truncated(bytes, &error) {
                Error::FileTruncated {
                    place: place.to_owned(),
                    found: bytes.len(),
                }
            } else {
                Error::FileInvalid {
                    place: place.to_owned(),
                    reason: format!("it is not a safetensors file ({error})"),
                }
            }
        })?;
        Ok(Self {
            place: place.to_owned(),
            tensors: Tensors::Safe(tensors),
        })
    }

    /// The name used in errors.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The tensors' names, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let (safe, torch) = match &self.tensors {
            Tensors::Safe(file) => (Some(file), None),
            Tensors::Torch(file) => (None, Some(file)),
        };
        let safe = safe.into_iter().flat_map(SafeTensors::iter);
        let torch = torch.into_iter().flat_map(TorchFile::names);
        safe.map(|(name, _)| name).chain(torch)
    }

    /// Whether a tensor is there.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match &self.tensors {
            Tensors::Safe(file) => file.tensor(name).is_ok(),
            Tensors::Torch(file) => file.get(name).is_some(),
        }
    }

    /// Shape and element type of a tensor.
    ///
    /// # Errors
    /// [`Error::TensorMissing`].
    pub fn info(&self, name: &str) -> Result<(Vec<usize>, Dtype)> {
        match &self.tensors {
            Tensors::Safe(file) => {
                let view = file.tensor(name).map_err(|_| self.missing(name))?;
                Ok((view.shape().to_vec(), view.dtype()))
            }
            Tensors::Torch(file) => {
                let view = file.get(name).ok_or_else(|| self.missing(name))?;
                Ok((view.shape.clone(), view.dtype))
            }
        }
    }

    /// The elements of a floating-point tensor of any width, as f32.
    ///
    /// # Errors
    /// [`Error::TensorMissing`], [`Error::TensorShape`] if `shape` differs,
    /// [`Error::TensorNotFinite`], [`Error::FileInvalid`] if it is not floating-point.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let view = self.shaped(name, shape)?;
        let floats = to_f32(&view).ok_or_else(|| self.wrong_type(name, view.dtype, "floats"))?;
        if let Some(index) = floats.iter().position(|x| !x.is_finite()) {
            return Err(Error::TensorNotFinite {
                place: self.place.clone(),
                tensor: name.to_owned(),
                index,
                value: if floats[index].is_nan() {
                    "NaN"
                } else {
                    "infinity"
                },
            });
        }
        Ok(floats)
    }

    /// The elements of a tensor of bytes.
    ///
    /// # Errors
    /// [`Error::TensorMissing`], [`Error::TensorShape`], [`Error::FileInvalid`].
    pub fn uint8(&self, name: &str, shape: &[usize]) -> Result<Vec<u8>> {
        let view = self.shaped(name, shape)?;
        if view.dtype != Dtype::U8 {
            return Err(self.wrong_type(name, view.dtype, "bytes"));
        }
        Ok(view.data.into_owned())
    }

    /// The elements of an 8-bit integer tensor.
    ///
    /// # Errors
    /// [`Error::TensorMissing`], [`Error::TensorShape`], [`Error::FileInvalid`].
    pub fn int8(&self, name: &str, shape: &[usize]) -> Result<Vec<i8>> {
        let view = self.shaped(name, shape)?;
        if view.dtype != Dtype::I8 {
            return Err(self.wrong_type(name, view.dtype, "8-bit integers"));
        }
        Ok(view.data.iter().map(|&byte| byte.cast_signed()).collect())
    }

    fn missing(&self, name: &str) -> Error {
        Error::TensorMissing {
            place: self.place.clone(),
            tensor: name.to_owned(),
        }
    }

    /// The tensor, if it has that shape; before its bytes are gathered.
    fn shaped(&self, name: &str, shape: &[usize]) -> Result<View<'a>> {
        let (found, dtype) = self.info(name)?;
        if found != shape {
            return Err(Error::TensorShape {
                place: self.place.clone(),
                tensor: name.to_owned(),
                expected: shape.to_vec(),
                found,
            });
        }
        let data = match &self.tensors {
            Tensors::Safe(file) => {
                let view = file.tensor(name).map_err(|_| self.missing(name))?;
                Cow::Borrowed(view.data())
            }
            Tensors::Torch(file) => file.get(name).ok_or_else(|| self.missing(name))?.data(),
        };
        Ok(View { dtype, data })
    }

    fn wrong_type(&self, name: &str, found: Dtype, needed: &str) -> Error {
        Error::FileInvalid {
            place: self.place.clone(),
            reason: format!("tensor \"{name}\" holds {found:?} where {needed} are needed"),
        }
    }
}

/// Most tensors of a file: far more than a model has, and few enough for their list to be read at once.
const MOST_TENSORS: usize = 100_000;

/// Refuses a header with too many names or with one twice: of two tensors of a name the library keeps the last, without a
/// word. What is no header at all is left to the library's own error.
fn check_names(bytes: &[u8]) -> std::result::Result<(), String> {
    let header = bytes.get(..8).and_then(|length| {
        let length = usize::try_from(u64::from_le_bytes(length.try_into().ok()?)).ok()?;
        bytes.get(8..8usize.checked_add(length)?)
    });
    let Some(header) = header else {
        return Ok(());
    };
    let mut wrong = None;
    let mut json = serde_json::Deserializer::from_slice(header);
    // An error is either ours, which `wrong` says, or the library's to say.
    let _ = json.deserialize_map(Names(&mut wrong));
    wrong.map_or(Ok(()), Err)
}

/// Goes through the keys of a header and stops at the first that is wrong.
struct Names<'a>(&'a mut Option<String>);

impl<'de> Visitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            map.next_value::<IgnoredAny>()?;
            if seen.len() == MOST_TENSORS {
                *self.0 = Some(format!(
                    "it has more than {MOST_TENSORS} tensors, which no model has"
                ));
            } else if seen.contains(&name) {
                *self.0 = Some(format!(
                    "its header names the tensor \"{name}\" twice: save the file again"
                ));
            }
            if self.0.is_some() {
                return Err(A::Error::custom("refused"));
            }
            seen.insert(name);
        }
        Ok(())
    }
}

/// Whether the file ends before its header says so (the library's error does not tell this from
/// a file with bytes too many).
fn is_truncated(bytes: &[u8], error: &SafeTensorError) -> bool {
    let declared_end = || -> Option<usize> {
        let length = usize::try_from(u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?)).ok()?;
        let header = bytes.get(8..8usize.checked_add(length)?)?;
        let header: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(header).ok()?;
        let last = header
            .values()
            .filter_map(|entry| entry.get("data_offsets")?.get(1)?.as_u64())
            .max()?;
        usize::try_from(last).ok()?.checked_add(8 + length)
    };
    match error {
        SafeTensorError::HeaderTooSmall | SafeTensorError::InvalidHeaderLength => true,
        _ => declared_end().is_some_and(|end| end > bytes.len()),
    }
}

fn to_f32(view: &View<'_>) -> Option<Vec<f32>> {
    fn each<const N: usize>(bytes: &[u8], decode: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|chunk| decode(*chunk))
            .collect()
    }
    let data = &*view.data;
    match view.dtype {
        Dtype::F32 => Some(each(data, f32::from_le_bytes)),
        Dtype::F16 => Some(each(data, |b| f16::from_le_bytes(b).to_f32())),
        Dtype::BF16 => Some(each(data, |b| bf16::from_le_bytes(b).to_f32())),
        #[allow(clippy::cast_possible_truncation)]
        Dtype::F64 => Some(each(data, |b| f64::from_le_bytes(b) as f32)),
        _ => None,
    }
}

/// How floats are stored in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatType {
    /// 32-bit.
    F32,
    /// 16-bit IEEE.
    F16,
}

/// A safetensors file being put together.
#[derive(Default)]
pub struct TensorFileWriter {
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
}

impl TensorFileWriter {
    /// Adds floats.
    pub fn floats(&mut self, name: &str, shape: &[usize], data: &[f32], float: FloatType) {
        let (dtype, bytes) = match float {
            FloatType::F32 => (
                Dtype::F32,
                data.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ),
            FloatType::F16 => (
                Dtype::F16,
                data.iter()
                    .flat_map(|&x| f16::from_f32(x).to_le_bytes())
                    .collect(),
            ),
        };
        self.tensors
            .push((name.to_owned(), dtype, shape.to_vec(), bytes));
    }

    /// Adds 8-bit integers.
    pub fn int8(&mut self, name: &str, shape: &[usize], data: &[i8]) {
        let bytes = data.iter().map(|x| x.cast_unsigned()).collect();
        self.tensors
            .push((name.to_owned(), Dtype::I8, shape.to_vec(), bytes));
    }

    /// Adds bytes.
    pub fn uint8(&mut self, name: &str, shape: &[usize], data: &[u8]) {
        self.tensors
            .push((name.to_owned(), Dtype::U8, shape.to_vec(), data.to_vec()));
    }

    /// The file's bytes. `format` becomes its `__metadata__` (Python's libraries expect "pt").
    ///
    /// # Errors
    /// [`Error::FileInvalid`] if the tensors do not fit their shapes.
    pub fn finish(self, format: &str) -> Result<Vec<u8>> {
        let invalid = |error: SafeTensorError| Error::FileInvalid {
            place: "safetensors output".into(),
            reason: error.to_string(),
        };
        let views = self
            .tensors
            .iter()
            .map(|(name, dtype, shape, bytes)| {
                Ok((
                    name.as_str(),
                    TensorView::new(*dtype, shape.clone(), bytes).map_err(invalid)?,
                ))
            })
            .collect::<Result<Vec<_>>>()?;
        let metadata = [("format".to_owned(), format.to_owned())].into();
        safetensors::serialize(views, Some(metadata)).map_err(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut writer = TensorFileWriter::default();
        writer.floats("a", &[2, 2], &[1.0, -2.0, 0.5, 3.0], FloatType::F32);
        writer.floats("h", &[2], &[0.25, -8.0], FloatType::F16);
        writer.int8("q", &[3], &[-127, 0, 127]);
        writer.finish("pt").unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = sample();
        let file = TensorFile::parse("x.safetensors", &bytes).unwrap();
        assert_eq!(file.floats("a", &[2, 2]).unwrap(), [1.0, -2.0, 0.5, 3.0]);
        assert_eq!(file.floats("h", &[2]).unwrap(), [0.25, -8.0]);
        assert_eq!(file.int8("q", &[3]).unwrap(), [-127, 0, 127]);
        assert_eq!(file.names().count(), 3);
    }

    #[test]
    fn every_prefix_is_refused_as_truncated() {
        let bytes = sample();
        for length in 0..bytes.len() {
            let error = TensorFile::parse("x", &bytes[..length])
                .err()
                .map(|e| e.code());
            assert_eq!(error, Some("file_truncated"), "length {length}");
        }
    }

    #[test]
    fn a_name_twice_and_too_many_names_are_refused() {
        let entry = r#"{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
        let refusal = |names: &mut dyn Iterator<Item = String>| {
            let entries: Vec<String> = names.map(|name| format!("\"{name}\":{entry}")).collect();
            let header = format!("{{{}}}", entries.join(","));
            let mut file = (header.len() as u64).to_le_bytes().to_vec();
            file.extend(header.as_bytes());
            file.extend([0; 4]);
            TensorFile::parse("f", &file)
                .err()
                .map(|error| error.to_string())
        };
        let twice = refusal(&mut ["a", "\\u0061"].map(str::to_owned).into_iter());
        assert!(twice.unwrap().contains("names the tensor \"a\" twice"));
        let many = refusal(&mut (0..=MOST_TENSORS).map(|index| index.to_string()));
        assert!(many.unwrap().contains("more than 100000 tensors"));
        assert_eq!(refusal(&mut std::iter::once("a".to_owned())), None);
    }

    #[test]
    fn trailing_bytes_are_not_called_truncation() {
        let mut bytes = sample();
        bytes.push(0);
        assert_eq!(
            TensorFile::parse("x", &bytes).err().map(|e| e.code()),
            Some("file_invalid")
        );
    }

    #[test]
    fn damage_is_named() {
        let mut writer = TensorFileWriter::default();
        writer.floats("bad", &[3], &[0.0, f32::NAN, 1.0], FloatType::F32);
        writer.floats("inf", &[1], &[f32::NEG_INFINITY], FloatType::F16);
        let bytes = writer.finish("pt").unwrap();
        let file = TensorFile::parse("x", &bytes).unwrap();
        let error = file.floats("bad", &[3]).unwrap_err();
        assert!(
            matches!(
                error,
                Error::TensorNotFinite {
                    index: 1,
                    value: "NaN",
                    ..
                }
            ),
            "{error}"
        );
        let error = file.floats("inf", &[1]).unwrap_err();
        assert!(
            matches!(
                error,
                Error::TensorNotFinite {
                    value: "infinity",
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(
            file.floats("none", &[1]).unwrap_err().code(),
            "tensor_missing"
        );
        assert_eq!(
            file.floats("bad", &[1, 3]).unwrap_err().code(),
            "tensor_shape"
        );
        assert_eq!(file.int8("bad", &[3]).unwrap_err().code(), "file_invalid");
    }
}
