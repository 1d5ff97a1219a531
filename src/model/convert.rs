use serde::{Deserialize, Serialize};

use super::anatomy::Anatomy;
use super::checkpoint::Checkpoint;
use super::four_bit::{CODES, FourBit};
use super::module_plan::TensorPlan;
use super::weights::{SCALE_SUFFIX, Weights, codes_shape};
use crate::error::Result;
use crate::kernels::quantize_rows_int8;
use crate::tensor_file::{FloatType, TensorFileWriter};

/// How a converted backbone stores its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// Linear layers and word embeddings as 8-bit integers with one scale per row, the rest f32.
    Int8,
    /// Linear layers and word embeddings as 4-bit integers with one scale per 32 elements of a row, the rest f32.
    Q4,
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
            Self::Int8 | Self::Q4 => "backbone.safetensors",
            Self::F16 | Self::F32 => "model.safetensors",
        }
    }

    /// The name in the manifest and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Q4 => "q4",
            Self::F16 => "f16",
            Self::F32 => "f32",
        }
    }

    /// The `format` in a file's `__metadata__`. Python's libraries expect "pt", and some refuse any other.
    pub(super) fn format(self) -> &'static str {
        match self {
            Self::Int8 => "graftlet-int8",
            Self::Q4 => "graftlet-q4",
            Self::F16 | Self::F32 => "pt",
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
    let all: f64 = weights
        .modules()
        .map(|module| module.parameters() as f64)
        .sum();
    let mut done = 0.0;
    for module in weights.modules() {
        for tensor in module.tensors() {
            let data = Data::Floats(weights.floats(&tensor.name, &tensor.shape)?);
            put(&mut writer, &tensor, data, dtype);
        }
        done += module.parameters() as f64;
        progress(done / all);
    }
    writer.finish(dtype.format())
}

/// A tensor as the original has it.
pub(super) enum Data {
    Floats(Vec<f32>),
    FourBit(FourBit),
}

/// Adds a tensor, stored as `dtype`.
pub(super) fn put(writer: &mut TensorFileWriter, tensor: &TensorPlan, data: Data, dtype: Dtype) {
    let TensorPlan { name, shape, .. } = tensor;
    let scales_name = format!("{name}{SCALE_SUFFIX}");
    let data = match data {
        Data::FourBit(rows) if dtype == Dtype::Q4 => return put_four_bit(writer, name, &rows),
        Data::FourBit(rows) => rows.dequantized(),
        Data::Floats(data) => data,
    };
    // a convolution has one row of channels and frames for each output
    let columns = shape[1..].iter().product();
    match dtype {
        Dtype::Q4 if tensor.quantized => {
            put_four_bit(writer, name, &FourBit::quantized(&data, columns));
        }
        Dtype::Int8 if tensor.quantized => {
            let rows = shape[0];
            let (quantized, scales) = quantize_rows_int8(&data, rows, columns);
            writer.int8(name, &codes_shape([rows, columns]), &quantized);
            writer.floats(&scales_name, &[rows], &scales, FloatType::F32);
        }
        Dtype::F16 => writer.floats(name, shape, &data, FloatType::F16),
        _ => writer.floats(name, shape, &data, FloatType::F32),
    }
}

fn put_four_bit(writer: &mut TensorFileWriter, name: &str, rows: &FourBit) {
    let shape = [rows.rows(), rows.blocks()];
    writer.uint8(name, &[shape[0], shape[1], CODES], rows.codes());
    let scales: Vec<f32> = rows.scales().iter().map(|scale| scale.to_f32()).collect();
    let name = format!("{name}{SCALE_SUFFIX}");
    writer.floats(&name, &shape, &scales, FloatType::F16);
}
