//! Writes safetensors files.

use half::f16;
use safetensors::tensor::{Dtype, SafeTensorError, TensorView};

use crate::error::{Error, Result};

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
