//! Floor 1: candle custom ops over the kernels, forward and backward side by side.
//!
//! A frozen weight lives *inside* its op and is not a tensor of the graph, so autograd can neither
//! compute its gradient nor change it: "frozen" is a matter of types. All ops work on
//! `[tokens, features]` in f32; a batch is the concatenation of its sequences without padding.

mod activation;
mod attention;
mod frozen_linear;
mod gelu;
mod layer_norm;
mod linear;
mod sequence_mean;

pub use activation::Activation;
pub use attention::attention;
pub use frozen_linear::{FrozenLinear, Weight};
pub use gelu::gelu;
pub use layer_norm::LayerNorm;
pub use linear::linear;
pub use sequence_mean::sequence_mean;

use candle_core::{CpuStorage, Device, Layout, Result, Storage, Tensor};

/// The contiguous f32 elements behind an op's argument.
fn elements<'a>(op: &'static str, storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(data), Some((start, end))) => Ok(&data[start..end]),
        (CpuStorage::F32(_), None) => {
            candle_core::bail!("{op}: the argument must be contiguous, its layout is {layout:?}")
        }
        _ => candle_core::bail!("{op}: the argument must be f32"),
    }
}

/// Calls `f` with the elements of a tensor, copying only when it is not contiguous.
fn with_elements<R>(
    op: &'static str,
    tensor: &Tensor,
    f: impl FnOnce(&[f32]) -> Result<R>,
) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => f(elements(op, storage, layout)?),
        _ => candle_core::bail!("{op}: only the CPU is supported"),
    }
}

/// Writes a new tensor of the shape of `like` with what `fill(argument, output)` puts there.
fn map_like(
    op: &'static str,
    argument: &Tensor,
    like: &Tensor,
    fill: impl FnOnce(&[f32], &mut [f32]) -> Result<()>,
) -> Result<Tensor> {
    let mut output = vec![0f32; like.elem_count()];
    with_elements(op, argument, |argument| fill(argument, &mut output))?;
    Tensor::from_vec(output, like.shape(), &Device::Cpu)
}
