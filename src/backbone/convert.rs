use serde::{Deserialize, Serialize};

use super::BertConfig;
use super::bert::tensor_shapes;
use super::weights::{Checkpoint, SCALE_SUFFIX, Weights, codes_shape};
use crate::error::Result;
use crate::kernels::quantize_rows_int8;
use crate::tensor_file::{FloatType, TensorFileWriter};

/// How a converted backbone stores its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// Linear layers and word embeddings as 8-bit integers with one scale per row, the rest f32.
    Int8,
    /// Everything in 16-bit floats.
    F16,
    /// Everything in 32-bit floats.
    F32,
}

impl Dtype {
    /// The name of the file of weights in a backbone folder. Codes are not weights: under this name no
    /// other program looks for them.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Int8 => "backbone.safetensors",
            Self::F16 | Self::F32 => "model.safetensors",
        }
    }

    /// The name in the manifest and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::F16 => "f16",
            Self::F32 => "f32",
        }
    }
}

/// [`convert_checkpoint`] of one safetensors file.
///
/// # Errors
/// Those of reading a checkpoint, see [`Bert::load`](super::Bert::load).
pub fn convert(config: &BertConfig, checkpoint: &[u8], dtype: Dtype) -> Result<Vec<u8>> {
    convert_checkpoint(config, &Checkpoint::single(checkpoint), dtype, &mut |_| ())
}

/// Rewrites a checkpoint: only the encoder's tensors, without a prefix, stored as `dtype`. `progress` is told after
/// each tensor which share of the parameters, 0 to 1, is done.
///
/// # Errors
/// Those of reading a checkpoint, see [`Bert::load`](super::Bert::load).
#[allow(clippy::cast_precision_loss)]
pub fn convert_checkpoint(
    config: &BertConfig,
    checkpoint: &Checkpoint<'_>,
    dtype: Dtype,
    progress: &mut dyn FnMut(f64),
) -> Result<Vec<u8>> {
    let weights = Weights::new(checkpoint)?;
    let mut writer = TensorFileWriter::default();
    let tensors: Vec<_> = tensor_shapes(config, weights.contains("pooler.dense.weight")).collect();
    let size = |shape: &[usize]| shape.iter().map(|&length| length as f64).product::<f64>();
    let all: f64 = tensors.iter().map(|tensor| size(&tensor.shape)).sum();
    let mut done = 0.0;
    for tensor in tensors {
        let data = weights.floats(&tensor.name, &tensor.shape)?;
        match dtype {
            Dtype::Int8 if tensor.quantized => {
                let (rows, columns) = (tensor.shape[0], tensor.shape[1]);
                let (quantized, scales) = quantize_rows_int8(&data, rows, columns);
                let shape = codes_shape([rows, columns]);
                writer.int8(&tensor.name, &shape, &quantized);
                let name = format!("{}{SCALE_SUFFIX}", tensor.name);
                writer.floats(&name, &[rows], &scales, FloatType::F32);
            }
            Dtype::F16 => writer.floats(&tensor.name, &tensor.shape, &data, FloatType::F16),
            _ => writer.floats(&tensor.name, &tensor.shape, &data, FloatType::F32),
        }
        done += size(&tensor.shape);
        progress(done / all);
    }
    // Python's libraries expect "pt", and some refuse any other
    writer.finish(match dtype {
        Dtype::Int8 => "graftlet-int8",
        Dtype::F16 | Dtype::F32 => "pt",
    })
}
