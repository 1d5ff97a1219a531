use safetensors::tensor::Dtype;

use super::embedding::Embedding;
use crate::error::{Error, Result};
use crate::kernels::{PackedF32, PackedInt8};
use crate::ops::{FrozenLinear, LayerNorm, Weight};
use crate::tensor_file::TensorFile;

/// Suffix of the tensor that holds the scales, `[rows]`, of an int8 weight `[rows, columns]`.
pub(super) const SCALE_SUFFIX: &str = "_scale";

/// The checkpoint's tensors, found with or without the prefix that a model with a head puts
/// before the encoder's names.
pub(super) struct Weights<'a> {
    file: TensorFile<'a>,
    prefix: String,
}

impl<'a> Weights<'a> {
    /// `base` is the attribute that holds the encoder in a model with a head.
    pub(super) fn new(file: TensorFile<'a>, base: &str) -> Self {
        let prefix = format!("{base}.");
        let is_prefixed = file.names().any(|name| name.starts_with(&prefix));
        Self {
            file,
            prefix: if is_prefixed { prefix } else { String::new() },
        }
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.file.contains(&format!("{}{name}", self.prefix))
    }

    pub(super) fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        self.file.floats(&format!("{}{name}", self.prefix), shape)
    }

    fn int8(&self, name: &str, shape: [usize; 2]) -> Result<Option<(Vec<i8>, Vec<f32>)>> {
        let full = format!("{}{name}", self.prefix);
        if self.file.info(&full)?.1 != Dtype::I8 {
            return Ok(None);
        }
        let scales = self
            .file
            .floats(&format!("{full}{SCALE_SUFFIX}"), &shape[..1])?;
        Ok(Some((self.file.int8(&full, &shape)?, scales)))
    }

    /// `{path}.weight`: `[out, in]` and `{path}.bias`: `[out]`.
    pub(super) fn linear(&self, path: &str, input: usize, output: usize) -> Result<FrozenLinear> {
        let name = format!("{path}.weight");
        let weight = match self.int8(&name, [output, input])? {
            Some(_) if input > PackedInt8::MAX_IN => {
                return Err(Error::UnsupportedFeature {
                    place: self.file.place().to_owned(),
                    feature: format!("int8 tensor \"{name}\" with {input} inputs"),
                });
            }
            Some((data, scales)) => Weight::Int8(PackedInt8::pack(&data, &scales, output, input)),
            None => {
                let data = self.floats(&name, &[output, input])?;
                Weight::F32(PackedF32::pack(&data, output, input))
            }
        };
        let bias = self.floats(&format!("{path}.bias"), &[output])?;
        Ok(FrozenLinear::new(weight, Some(bias)))
    }

    /// `{path}.weight` and `{path}.bias`: `[width]`.
    pub(super) fn layer_norm(&self, path: &str, width: usize, epsilon: f64) -> Result<LayerNorm> {
        let gamma = self.floats(&format!("{path}.weight"), &[width])?;
        let beta = self.floats(&format!("{path}.bias"), &[width])?;
        #[allow(clippy::cast_possible_truncation)]
        Ok(LayerNorm::new(gamma, beta, epsilon as f32))
    }

    /// `{path}.weight`: `[rows, width]`.
    pub(super) fn embedding(&self, path: &str, rows: usize, width: usize) -> Result<Embedding> {
        let name = format!("{path}.weight");
        Ok(match self.int8(&name, [rows, width])? {
            Some((data, scales)) => Embedding::Int8 {
                width,
                data,
                scales,
            },
            None => Embedding::F32 {
                width,
                data: self.floats(&name, &[rows, width])?,
            },
        })
    }
}
