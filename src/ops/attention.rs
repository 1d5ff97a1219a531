use std::sync::Arc;

use crate::kernels::{self, AttentionShape, Variant};
use crate::tensor::{Buffer, Inputs, Tensor};

/// Scaled dot-product attention `softmax(q kᵀ / √d) v` (Vaswani et al. 2017), per sequence and head.
///
/// * `q`: `[tokens, heads · d]`
/// * `k`, `v`: `[prefix + tokens, heads · d]`; the first `prefix` rows are seen by every sequence
///   (prefix tuning), row `prefix + i` belongs to token `i`
/// * `starts`: where each sequence starts in `tokens`, and the end of the last; a token attends to
///   all tokens of its own sequence and to no other, which is what a padding mask is for elsewhere
///
/// Returns `[tokens, heads · d]`. The probabilities are not kept: the backward pass computes them
/// again.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: usize,
    starts: &Arc<[usize]>,
    prefix: usize,
) -> Tensor {
    let (tokens, width) = q.dims2();
    assert_eq!(width % heads, 0);
    let variant = Variant::best();
    let mut out = Buffer::uninitialised(tokens * width);
    kernels::attention(
        variant,
        q.data(),
        k.data(),
        v.data(),
        shape_of(heads, width, starts, prefix),
        &mut out,
    );
    // dv = pᵀ dout; ds = p ∘ (dout vᵀ - rowsum(dout ∘ out)); dq = ds k / √d; dk = dsᵀ q / √d
    Tensor::result(out, &[tokens, width], [q, k, v], || {
        let (q, k, v) = (q.detach(), k.detach(), v.detach());
        let starts = Arc::clone(starts);
        move |dout: Buffer, inputs: &mut Inputs<'_>| {
            let (mut dq, mut dk, mut dv) = (
                Buffer::uninitialised(q.len()),
                Buffer::uninitialised(k.len()),
                Buffer::uninitialised(v.len()),
            );
            kernels::attention_backward(
                variant,
                q.data(),
                k.data(),
                v.data(),
                &dout,
                shape_of(heads, width, &starts, prefix),
                &mut dq,
                &mut dk,
                &mut dv,
            );
            inputs.give(0, dq);
            inputs.give(1, dk);
            inputs.give(2, dv);
        }
    })
}

fn shape_of(heads: usize, width: usize, starts: &[usize], prefix: usize) -> AttentionShape<'_> {
    AttentionShape {
        heads,
        head_dim: width / heads,
        starts,
        prefix,
    }
}
