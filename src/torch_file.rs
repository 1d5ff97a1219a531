//! Floor 0: tensors in a `.bin` that `torch.save` wrote, read without executing anything.
//!
//! Such a file is a zip archive of uncompressed entries: `data.pkl`, a pickle that says which tensors
//! there are, and `data/0`, `data/1`, …, the storages that they are views of. Of the pickle only the
//! names of the few functions that rebuild a tensor are recognised; none is called.

mod archive;
mod pickle;
mod view;

use std::borrow::Cow;
use std::collections::BTreeMap;

use archive::{Entries, is_truncated};
use candle_core::pickle::Object;
use safetensors::tensor::Dtype;
use view::{View, is_contiguous, width};

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
