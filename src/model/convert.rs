use serde::{Deserialize, Serialize};

use super::Anatomy;
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
/// Those of reading a checkpoint, see [`Encoder::load`](super::Encoder::load).
pub fn convert(anatomy: &Anatomy, checkpoint: &[u8], dtype: Dtype) -> Result<Vec<u8>> {
    convert_checkpoint(anatomy, &Checkpoint::single(checkpoint), dtype, &mut |_| ())
}

/// Rewrites a checkpoint: only the encoder's tensors, without a prefix, stored as `dtype`. `progress` is told after
/// each module which share of the parameters, 0 to 1, is done.
///
/// # Errors
/// Those of reading a checkpoint, see [`Encoder::load`](super::Encoder::load).
#[allow(clippy::cast_precision_loss)]
pub fn convert_checkpoint(
    anatomy: &Anatomy,
    checkpoint: &Checkpoint<'_>,
    dtype: Dtype,
    progress: &mut dyn FnMut(f64),
) -> Result<Vec<u8>> {
    let weights = Weights::new(checkpoint, anatomy)?;
    let mut writer = TensorFileWriter::default();
    let float = match dtype {
        Dtype::F16 => FloatType::F16,
        Dtype::Int8 | Dtype::F32 => FloatType::F32,
    };
    let all: f64 = weights
        .modules()
        .map(|module| module.parameters() as f64)
        .sum();
    let mut done = 0.0;
    for module in weights.modules() {
        let name = format!("{}.weight", module.path);
        let data = weights.floats(&name, &module.shape)?;
        match module.shape[..] {
            [rows, columns] if dtype == Dtype::Int8 && module.quantized => {
                let (quantized, scales) = quantize_rows_int8(&data, rows, columns);
                writer.int8(&name, &codes_shape([rows, columns]), &quantized);
                let scale = format!("{name}{SCALE_SUFFIX}");
                writer.floats(&scale, &[rows], &scales, FloatType::F32);
            }
            _ => writer.floats(&name, &module.shape, &data, float),
        }
        if module.bias {
            let name = format!("{}.bias", module.path);
            let data = weights.floats(&name, &module.shape[..1])?;
            writer.floats(&name, &module.shape[..1], &data, float);
        }
        done += module.parameters() as f64;
        progress(done / all);
    }
    // Python's libraries expect "pt", and some refuse any other
    writer.finish(match dtype {
        Dtype::Int8 => "graftlet-int8",
        Dtype::F16 | Dtype::F32 => "pt",
    })
}
