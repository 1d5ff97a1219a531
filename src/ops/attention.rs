use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Device, Layout, Result, Shape, Tensor};

use super::{elements, with_elements};
use crate::kernels::{self, AttentionShape, Variant};

struct Attention {
    heads: usize,
    starts: Arc<[usize]>,
    prefix: usize,
}

/// Scaled dot-product attention `softmax(q kᵀ / √d) v` (Vaswani et al. 2017), per sequence and head.
///
/// * `q`: `[tokens, heads · d]`
/// * `k`, `v`: `[prefix + tokens, heads · d]`; the first `prefix` rows are seen by every sequence
///   (prefix tuning), row `prefix + i` belongs to token `i`
/// * `starts`: where each sequence starts in `tokens`, and the end of the last; a token attends to
///   all tokens of its own sequence and to no other, which is what a padding mask is for elsewhere
///
/// Returns `[tokens, heads · d]`. The probabilities are not kept: the backward pass computes them again.
///
/// # Errors
/// If a shape does not fit or an argument is not f32.
pub fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: usize,
    starts: &Arc<[usize]>,
    prefix: usize,
) -> Result<Tensor> {
    let op = Attention {
        heads,
        starts: Arc::clone(starts),
        prefix,
    };
    q.contiguous()?
        .apply_op3(&k.contiguous()?, &v.contiguous()?, op)
}

impl Attention {
    fn shape(&self, width: usize) -> AttentionShape<'_> {
        AttentionShape {
            heads: self.heads,
            head_dim: width / self.heads,
            starts: &self.starts,
            prefix: self.prefix,
        }
    }
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    // out = p v with p = softmax(q kᵀ / √d)
    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (tokens, width) = q_layout.shape().dims2()?;
        let keys = (self.prefix + tokens, width);
        if self.starts.last() != Some(&tokens)
            || width % self.heads != 0
            || k_layout.shape().dims2()? != keys
            || v_layout.shape().dims2()? != keys
        {
            candle_core::bail!(
                "attention: q {:?}, k {:?}, v {:?} with {} heads, prefix {} and {:?} tokens",
                q_layout.shape(),
                k_layout.shape(),
                v_layout.shape(),
                self.heads,
                self.prefix,
                self.starts.last()
            );
        }
        let mut out = vec![0f32; tokens * width];
        kernels::attention(
            Variant::best(),
            elements("attention", q, q_layout)?,
            elements("attention", k, k_layout)?,
            elements("attention", v, v_layout)?,
            self.shape(width),
            &mut out,
        );
        Ok((CpuStorage::F32(out), (tokens, width).into()))
    }

    // dv = pᵀ dout; ds = p ∘ (dout vᵀ - rowsum(dout ∘ out)); dq = ds k / √d; dk = dsᵀ q / √d
    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _out: &Tensor,
        d_out: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let name = self.name();
        let (mut dq, mut dk, mut dv) = (
            vec![0f32; q.elem_count()],
            vec![0f32; k.elem_count()],
            vec![0f32; v.elem_count()],
        );
        let shape = self.shape(q.dim(1)?);
        with_elements(name, q, |q| {
            with_elements(name, k, |k| {
                with_elements(name, v, |v| {
                    with_elements(name, d_out, |d_out| {
                        let variant = Variant::best();
                        kernels::attention_backward(
                            variant, q, k, v, d_out, shape, &mut dq, &mut dk, &mut dv,
                        );
                        Ok(())
                    })
                })
            })
        })?;
        let tensor = |data, like: &Tensor| Tensor::from_vec(data, like.shape(), &Device::Cpu);
        Ok((
            Some(tensor(dq, q)?),
            Some(tensor(dk, k)?),
            Some(tensor(dv, v)?),
        ))
    }
}
