//! Floor 0: tensors in a `.bin` that `torch.save` wrote, read without executing anything.
//!
//! Such a file is a zip archive of uncompressed entries: `data.pkl`, a pickle that says which tensors
//! there are, and `data/0`, `data/1`, …, the storages that they are views of. Of the pickle only the
//! names of the few functions that rebuild a tensor are recognised; none is called.

mod pickle;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Cursor;

use candle_core::pickle::Object;
use safetensors::tensor::Dtype;
use zip::{CompressionMethod, ZipArchive};

use crate::error::{Error, Result};

/// Most bytes of all tensors together, as f32, in lengths of the file. Tensors may share a storage:
/// AdapterHub's prefix tuning writes one storage once a layer, and once more.
const MAX_GROWTH: usize = 32;

/// A file of `torch.save` in memory. Nothing is copied until a tensor is asked for.
#[derive(Debug)]
pub(crate) struct TorchFile<'a> {
    tensors: BTreeMap<String, TorchTensor<'a>>,
}

/// A view of a storage, all of which lies within it.
#[derive(Debug)]
pub(crate) struct TorchTensor<'a> {
    storage: &'a [u8],
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    /// Elements from one index of an axis to the next.
    strides: Vec<usize>,
    /// Elements before the first.
    offset: usize,
}

impl<'a> TorchFile<'a> {
    /// Reads the list of tensors and checks that each lies within its storage, and each storage's
    /// checksum. `place` names the file in errors.
    ///
    /// # Errors
    /// [`Error::FileTruncated`] or [`Error::FileInvalid`].
    pub(crate) fn parse(place: &str, bytes: &'a [u8]) -> Result<Self> {
        if is_truncated(bytes) {
            return Err(Error::FileTruncated {
                place: place.to_owned(),
                found: bytes.len(),
            });
        }
        tensors_of(bytes)
            .map(|tensors| Self { tensors })
            .map_err(|reason| Error::FileInvalid {
                place: place.to_owned(),
                reason,
            })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&TorchTensor<'a>> {
        self.tensors.get(name)
    }
}

impl<'a> TorchTensor<'a> {
    /// The elements in row-major order, little-endian.
    pub(crate) fn data(&self) -> Cow<'a, [u8]> {
        let width = width(self.dtype);
        let count: usize = self.shape.iter().product();
        if count == 0 {
            return Cow::Borrowed(&[]);
        }
        if is_contiguous(&self.shape, &self.strides) {
            return Cow::Borrowed(&self.storage[self.offset * width..][..count * width]);
        }
        let mut data = Vec::with_capacity(count * width);
        let mut index = vec![0; self.shape.len()];
        loop {
            let steps = index.iter().zip(&self.strides);
            let element = self.offset + steps.map(|(index, stride)| index * stride).sum::<usize>();
            data.extend_from_slice(&self.storage[element * width..][..width]);
            let mut axis = self.shape.len();
            loop {
                let Some(next) = axis.checked_sub(1) else {
                    return Cow::Owned(data);
                };
                axis = next;
                index[axis] += 1;
                if index[axis] < self.shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
    }
}

/// Whether the strides are those of the elements one after the other. Those of an axis of length 1
/// mean nothing.
fn is_contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(&length, &stride)| {
        let fits = length == 1 || stride == expected;
        expected *= length;
        fits
    })
}

const ENTRY: &[u8] = b"PK\x03\x04";
const DIRECTORY_END: &[u8] = b"PK\x05\x06";
const DIRECTORY_END_LENGTH: usize = 22;

/// Whether a zip archive begins here and does not end: its directory comes last.
fn is_truncated(bytes: &[u8]) -> bool {
    if !bytes.starts_with(&ENTRY[..bytes.len().min(ENTRY.len())]) {
        return false;
    }
    let last = bytes
        .windows(DIRECTORY_END.len())
        .rposition(|window| window == DIRECTORY_END);
    last.is_none_or(|start| bytes.len() - start < DIRECTORY_END_LENGTH)
}

/// Where the entries of an archive lie in it.
struct Entries<'a> {
    bytes: &'a [u8],
    /// By name: start, length, checksum.
    entries: BTreeMap<String, (usize, usize, u32)>,
}

impl<'a> Entries<'a> {
    fn of(bytes: &'a [u8]) -> std::result::Result<Self, String> {
        if !bytes.starts_with(ENTRY) {
            // the magic number that torch.save began files with before it wrote archives
            let old = bytes.starts_with(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.")
                || bytes.get(257..262) == Some(b"ustar");
            return Err(if old {
                "PyTorch wrote it before version 1.6; load and save it with a newer one".to_owned()
            } else {
                "it is not a file of torch.save".to_owned()
            });
        }
        let not_zip = |error: zip::result::ZipError| format!("it is no zip archive ({error})");
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(not_zip)?;
        if archive.has_duplicate_names() {
            return Err("two of its entries have one name".to_owned());
        }
        let mut entries = BTreeMap::new();
        let mut total = 0usize;
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(not_zip)?;
            let name = entry.name().map_err(not_zip)?.into_owned();
            if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
                return Err(format!(
                    "its entry {name} is compressed or encrypted, which torch.save never does"
                ));
            }
            let beyond = || format!("its entry {name} lies beyond the file's end");
            let start = entry.data_start().and_then(|at| usize::try_from(at).ok());
            let start = start.ok_or_else(beyond)?;
            let length = usize::try_from(entry.size()).map_err(|_| beyond())?;
            let end = start.checked_add(length).ok_or_else(beyond)?;
            if entry.compressed_size() != entry.size() || end > bytes.len() {
                return Err(beyond());
            }
            total = total.saturating_add(length);
            let checksum = entry.crc32();
            entries.insert(name, (start, length, checksum));
        }
        if total > bytes.len() {
            return Err("its entries overlap".to_owned());
        }
        Ok(Self { bytes, entries })
    }

    /// An entry's content, if there is such an entry.
    fn get(&self, name: &str) -> std::result::Result<Option<&'a [u8]>, String> {
        let Some(&(start, length, checksum)) = self.entries.get(name) else {
            return Ok(None);
        };
        let content = &self.bytes[start..start + length];
        if crc32fast::hash(content) != checksum {
            return Err(format!(
                "its entry {name} does not have the checksum that the archive says; it is damaged"
            ));
        }
        Ok(Some(content))
    }
}

/// All tensors of an archive by name, or what is wrong with it.
fn tensors_of(bytes: &[u8]) -> std::result::Result<BTreeMap<String, TorchTensor<'_>>, String> {
    let entries = Entries::of(bytes)?;
    let mut lists = entries
        .entries
        .keys()
        .filter_map(|name| name.strip_suffix("data.pkl"));
    let folder = match (lists.next(), lists.next()) {
        (Some(folder), None) if folder.is_empty() || folder.ends_with('/') => folder,
        (None, _) => return Err("it has no data.pkl, which every file of torch.save has".into()),
        _ => return Err("it has more than one data.pkl".into()),
    };
    if let Some(order) = entries.get(&format!("{folder}byteorder"))?
        && order != b"little"
    {
        return Err("its numbers are not little-endian".into());
    }
    let list = entries.get(&format!("{folder}data.pkl"))?;
    let Object::Dict(pairs) = pickle::read(list.unwrap_or_default())? else {
        return Err("it holds something else than a dictionary of tensors".into());
    };
    let mut storages = BTreeMap::new();
    let mut tensors = BTreeMap::new();
    let mut total = 0usize;
    for (name, value) in pairs {
        let Object::Unicode(name) = name else {
            return Err("a name in its dictionary is no text".into());
        };
        // what Module.state_dict() says of its modules' versions
        if name == "_metadata" && matches!(value, Object::Dict(_)) {
            continue;
        }
        let view = View::of(value).map_err(|reason| format!("its entry \"{name}\" {reason}"))?;
        let key = format!("{folder}data/{}", view.storage);
        let storage = match storages.get(&key) {
            Some(&storage) => storage,
            None => {
                let storage = entries
                    .get(&key)?
                    .ok_or_else(|| format!("its storage {key} is missing"))?;
                *storages.entry(key).or_insert(storage)
            }
        };
        let (tensor, count) = view
            .tensor(storage)
            .map_err(|reason| format!("its tensor \"{name}\" {reason}"))?;
        total = total.saturating_add(count.saturating_mul(size_of::<f32>()));
        if total > bytes.len().saturating_mul(MAX_GROWTH) {
            return Err("its tensors repeat their storages too often".into());
        }
        if tensors.insert(name.clone(), tensor).is_some() {
            return Err(format!("it has two tensors \"{name}\""));
        }
    }
    Ok(tensors)
}

/// A tensor as the pickle has it.
struct View {
    storage: String,
    dtype: Dtype,
    /// Elements in the storage.
    elements: usize,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl View {
    /// The arguments of `torch._utils._rebuild_tensor_v2`, also within `_rebuild_parameter`.
    fn of(value: Object) -> std::result::Result<Self, String> {
        let Object::Reduce { callable, args } = value else {
            return Err("is not a tensor".into());
        };
        let (
            Object::Class {
                module_name,
                class_name,
            },
            Object::Tuple(args),
        ) = (*callable, *args)
        else {
            return Err("is not a tensor".into());
        };
        match (module_name.as_str(), class_name.as_str()) {
            ("torch._utils", "_rebuild_tensor_v2") => {}
            ("torch._utils", "_rebuild_parameter") => {
                let tensor = args.into_iter().next();
                return match tensor {
                    Some(Object::Reduce { callable, args }) if is_rebuild_tensor(&callable) => {
                        Self::of(Object::Reduce { callable, args })
                    }
                    _ => Err("is a parameter without a tensor".into()),
                };
            }
            _ => {
                return Err(format!(
                    "asks to call {module_name}.{class_name}, and no file is given control here"
                ));
            }
        }
        let mut args = args.into_iter();
        let mut next = || args.next().unwrap_or(Object::None);
        let storage = next();
        let offset = index(&next()).ok_or("has no offset")?;
        let shape = indices(&next()).ok_or("has no shape")?;
        let strides = indices(&next()).ok_or("has no strides")?;
        if shape.len() != strides.len() {
            return Err("has not one stride an axis".into());
        }
        let Object::PersistentLoad(storage) = storage else {
            return Err("has no storage".into());
        };
        let Object::Tuple(parts) = *storage else {
            return Err("has no storage".into());
        };
        let [
            Object::Unicode(what),
            Object::Class {
                module_name,
                class_name,
            },
            Object::Unicode(key),
            _,
            elements,
        ] = parts.as_slice()
        else {
            return Err("has a storage of an unknown form".into());
        };
        if what != "storage" {
            return Err("has a storage of an unknown form".into());
        }
        let dtype = match (module_name.as_str(), class_name.as_str()) {
            ("torch", "FloatStorage") => Dtype::F32,
            ("torch", "DoubleStorage") => Dtype::F64,
            ("torch", "HalfStorage") => Dtype::F16,
            ("torch", "BFloat16Storage") => Dtype::BF16,
            ("torch", "CharStorage") => Dtype::I8,
            ("torch", "ByteStorage") => Dtype::U8,
            ("torch", "BoolStorage") => Dtype::BOOL,
            ("torch", "ShortStorage") => Dtype::I16,
            ("torch", "IntStorage") => Dtype::I32,
            ("torch", "LongStorage") => Dtype::I64,
            (module, class) => {
                return Err(format!("has the unknown storage type {module}.{class}"));
            }
        };
        Ok(Self {
            storage: key.clone(),
            dtype,
            elements: index(elements).ok_or("has a storage of no size")?,
            offset,
            shape,
            strides,
        })
    }

    /// The view of a storage, and its number of elements.
    fn tensor(self, storage: &[u8]) -> std::result::Result<(TorchTensor<'_>, usize), String> {
        let beyond = || {
            format!(
                "of shape {:?} with strides {:?} at {} lies beyond its storage",
                self.shape, self.strides, self.offset
            )
        };
        if self.elements.checked_mul(width(self.dtype)) != Some(storage.len()) {
            return Err(format!(
                "has a storage of {} bytes that should hold {} elements",
                storage.len(),
                self.elements
            ));
        }
        let lengths = || self.shape.iter().copied();
        let count = match lengths().any(|length| length == 0) {
            true => 0,
            false => lengths()
                .try_fold(1, usize::checked_mul)
                .ok_or_else(beyond)?,
        };
        if count > 0 {
            let mut last = Some(self.offset);
            for (length, stride) in lengths().zip(&self.strides) {
                let step = (length - 1).checked_mul(*stride);
                last = last
                    .zip(step)
                    .and_then(|(last, step)| last.checked_add(step));
            }
            if last.is_none_or(|last| last >= self.elements) {
                return Err(beyond());
            }
            if count > self.elements {
                return Err("has strides that repeat its elements".into());
            }
        }
        let tensor = TorchTensor {
            storage,
            dtype: self.dtype,
            shape: self.shape,
            strides: self.strides,
            offset: self.offset,
        };
        Ok((tensor, count))
    }
}

fn is_rebuild_tensor(callable: &Object) -> bool {
    matches!(callable, Object::Class { module_name, class_name }
        if module_name == "torch._utils" && class_name == "_rebuild_tensor_v2")
}

fn index(object: &Object) -> Option<usize> {
    match object {
        Object::Int(number) => usize::try_from(*number).ok(),
        Object::Long(number) => usize::try_from(*number).ok(),
        _ => None,
    }
}

fn indices(object: &Object) -> Option<Vec<usize>> {
    match object {
        Object::Tuple(items) => items.iter().map(index).collect(),
        _ => None,
    }
}

/// Bytes of an element.
fn width(dtype: Dtype) -> usize {
    match dtype {
        Dtype::F64 | Dtype::I64 => 8,
        Dtype::F32 | Dtype::I32 => 4,
        Dtype::F16 | Dtype::BF16 | Dtype::I16 => 2,
        _ => 1,
    }
}
