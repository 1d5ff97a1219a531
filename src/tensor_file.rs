//! Floor 1: named tensors in a file, safetensors or `torch.save`'s, checked as they are read, and
//! written back as safetensors.

mod arriving;
mod header;
mod writer;

use std::borrow::Cow;
use std::collections::BTreeMap;

use half::{bf16, f16};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorInfo};

use crate::error::{Error, Result};
use crate::order::Sorted;
use crate::torch_file::TorchFile;
pub use arriving::{Arriving, Part};
use header::{check_names, is_truncated};
pub use writer::{FloatType, TensorFileWriter};

/// A file of tensors in memory. Nothing is copied until a tensor is asked for.
pub struct TensorFile<'a> {
    place: String,
    tensors: Tensors<'a>,
}

enum Tensors<'a> {
    Safe(SafeTensors<'a>),
    Torch(TorchFile<'a>),
    /// Those of a file that is still arriving; one that has not come, or was let go, has no bytes.
    Listed(BTreeMap<String, (TensorInfo, Vec<u8>)>),
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

    /// A file whose tensors are still to come: [`put`](Self::put) adds them.
    #[must_use]
    pub fn listed(place: &str, list: Vec<(String, TensorInfo)>) -> Self {
        let list = list.into_iter();
        Self {
            place: place.to_owned(),
            tensors: Tensors::Listed(
                list.map(|(name, info)| (name, (info, Vec::new())))
                    .into_map(),
            ),
        }
    }

    /// The bytes of a tensor that was [`listed`](Self::listed). Without bytes it is let go.
    pub fn put(&mut self, name: &str, bytes: Vec<u8>) {
        if let Tensors::Listed(list) = &mut self.tensors
            && let Some((_, data)) = list.get_mut(name)
        {
            *data = bytes;
        }
    }

    /// The name used in errors.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The tensors' names, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let (safe, torch, list) = match &self.tensors {
            Tensors::Safe(file) => (Some(file), None, None),
            Tensors::Torch(file) => (None, Some(file), None),
            Tensors::Listed(list) => (None, None, Some(list)),
        };
        let safe = safe.into_iter().flat_map(SafeTensors::iter);
        let torch = torch.into_iter().flat_map(TorchFile::names);
        let listed = list.into_iter().flat_map(BTreeMap::keys);
        let names = safe.map(|(name, _)| name).chain(torch);
        names.chain(listed.map(String::as_str))
    }

    /// Whether a tensor is there.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match &self.tensors {
            Tensors::Safe(file) => file.tensor(name).is_ok(),
            Tensors::Torch(file) => file.get(name).is_some(),
            Tensors::Listed(list) => list.contains_key(name),
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
            Tensors::Listed(list) => {
                let (info, _) = list.get(name).ok_or_else(|| self.missing(name))?;
                Ok((info.shape.clone(), info.dtype))
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
    pub fn int8(&self, name: &str, shape: &[usize]) -> Result<Cow<'_, [i8]>> {
        let view = self.shaped(name, shape)?;
        if view.dtype != Dtype::I8 {
            return Err(self.wrong_type(name, view.dtype, "8-bit integers"));
        }
        Ok(match view.data {
            Cow::Borrowed(bytes) => Cow::Borrowed(bytemuck::cast_slice(bytes)),
            Cow::Owned(bytes) => Cow::Owned(bytemuck::cast_slice(&bytes).to_vec()),
        })
    }

    fn missing(&self, name: &str) -> Error {
        Error::TensorMissing {
            place: self.place.clone(),
            tensor: name.to_owned(),
        }
    }

    /// The tensor, if it has that shape; before its bytes are gathered.
    fn shaped(&self, name: &str, shape: &[usize]) -> Result<View<'_>> {
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
            Tensors::Listed(list) => {
                let (info, data) = list.get(name).ok_or_else(|| self.missing(name))?;
                let (start, end) = info.data_offsets;
                if data.len() != end - start {
                    return Err(self.missing(name));
                }
                Cow::Borrowed(data.as_slice())
            }
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
        assert_eq!(*file.int8("q", &[3]).unwrap(), [-127, 0, 127]);
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
        let many = refusal(&mut (0..=header::MOST_TENSORS).map(|index| index.to_string()));
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
