use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::{elements, map_like};

struct SequenceMean(Arc<[usize]>);

/// The mean over the tokens of each sequence: `[tokens, width]` to `[sequences, width]`.
///
/// `starts` says where each sequence starts, and the end of the last.
///
/// # Errors
/// If `x` is not f32 of that shape.
pub fn sequence_mean(x: &Tensor, starts: &Arc<[usize]>) -> Result<Tensor> {
    x.contiguous()?.apply_op1(SequenceMean(Arc::clone(starts)))
}

impl SequenceMean {
    /// Each sequence's tokens and one over their number.
    fn sequences(&self) -> impl Iterator<Item = (std::ops::Range<usize>, f32)> {
        self.0.windows(2).map(|bounds| {
            #[allow(clippy::cast_precision_loss)]
            let share = 1.0 / (bounds[1] - bounds[0]).max(1) as f32;
            (bounds[0]..bounds[1], share)
        })
    }
}

impl CustomOp1 for SequenceMean {
    fn name(&self) -> &'static str {
        "sequence-mean"
    }

    // y = Σ x / n
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (tokens, width) = layout.shape().dims2()?;
        if self.0.last() != Some(&tokens) {
            candle_core::bail!(
                "sequence-mean: {tokens} tokens, starts end at {:?}",
                self.0.last()
            );
        }
        let x = elements(self.name(), storage, layout)?;
        let sequences = self.0.len() - 1;
        let mut y = vec![0f32; sequences * width];
        for ((range, share), y) in self.sequences().zip(y.chunks_exact_mut(width)) {
            for row in x[range.start * width..range.end * width].chunks_exact(width) {
                y.iter_mut().zip(row).for_each(|(y, x)| *y += x);
            }
            y.iter_mut().for_each(|y| *y *= share);
        }
        Ok((CpuStorage::F32(y), (sequences, width).into()))
    }

    // dx = dy / n, for each token of the sequence
    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let width = x.dim(1)?;
        let dx = map_like(self.name(), dy, x, |dy, dx| {
            for ((range, share), dy) in self.sequences().zip(dy.chunks_exact(width)) {
                for row in dx[range.start * width..range.end * width].chunks_exact_mut(width) {
                    row.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = dy * share);
                }
            }
            Ok(())
        })?;
        Ok(Some(dx))
    }
}
