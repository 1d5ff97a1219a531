//! A tensor as the pickle describes it: a view of a storage.

use candle_core::pickle::Object;
use safetensors::tensor::Dtype;

use super::TorchTensor;

/// Whether the strides are those of the elements one after the other. Those of an axis of length 1
/// mean nothing.
pub(super) fn is_contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(&length, &stride)| {
        let fits = length == 1 || stride == expected;
        expected *= length;
        fits
    })
}

/// A tensor as the pickle has it.
pub(super) struct View {
    pub(super) storage: String,
    dtype: Dtype,
    /// Elements in the storage.
    elements: usize,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl View {
    /// The arguments of `torch._utils._rebuild_tensor_v2`, also within `_rebuild_parameter`.
    pub(super) fn of(value: Object) -> std::result::Result<Self, String> {
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
                    "asks to call {module_name}.{class_name}, but graftlet calls nothing that a file names"
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
    pub(super) fn tensor(
        self,
        storage: &[u8],
    ) -> std::result::Result<(TorchTensor<'_>, usize), String> {
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

pub(super) fn index(object: &Object) -> Option<usize> {
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
pub(super) fn width(dtype: Dtype) -> usize {
    match dtype {
        Dtype::F64 | Dtype::I64 => 8,
        Dtype::F32 | Dtype::I32 => 4,
        Dtype::F16 | Dtype::BF16 | Dtype::I16 => 2,
        _ => 1,
    }
}
