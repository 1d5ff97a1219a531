use std::ops::Range;
use std::sync::Arc;

use crate::kernels::{self, AttentionShape, Reach, RelativeBias, Variant};
use crate::tensor::{Buffer, Inputs, Tensor};

/// How an encoder's block attends, whatever the text.
#[derive(Clone, Debug)]
pub struct AttentionPlan {
    /// Number of heads.
    pub heads: usize,
    /// Which tokens of its own sequence a token sees.
    pub reach: Reach,
    /// What is added to the scores of each head.
    pub bias: Option<Arc<RelativeBias>>,
}

impl AttentionPlan {
    fn shape<'a>(&'a self, width: usize, starts: &'a [usize], prefix: usize) -> AttentionShape<'a> {
        AttentionShape {
            heads: self.heads,
            head_dim: width / self.heads,
            starts,
            queries: None,
            prefix,
            reach: self.reach,
            bias: self.bias.as_deref(),
        }
    }
}

/// Scaled dot-product attention `softmax(q kᵀ / √d + bias) v` (Vaswani et al. 2017), per sequence and head.
///
/// * `q`: `[tokens, heads · d]`
/// * `k`, `v`: `[prefix + tokens, heads · d]`; the first `prefix` rows are seen by every sequence
///   (prefix tuning), row `prefix + i` belongs to token `i`
/// * `starts`: where each sequence starts in `tokens`, and the end of the last; a token attends to
///   tokens of its own sequence only, which is what a padding mask is for elsewhere
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
    plan: &AttentionPlan,
    starts: &Arc<[usize]>,
    prefix: usize,
) -> Tensor {
    let (tokens, width) = q.dims2();
    assert_eq!(width % plan.heads, 0);
    let variant = Variant::best();
    let mut out = Buffer::uninitialised(tokens * width);
    kernels::attention(
        variant,
        q.data(),
        k.data(),
        v.data(),
        plan.shape(width, starts, prefix),
        &mut out,
    );
    // dv = pᵀ dout; ds = p ∘ (dout vᵀ - rowsum(dout ∘ out)); dq = ds k / √d; dk = dsᵀ q / √d
    Tensor::result(out, &[tokens, width], [q, k, v], || {
        let (q, k, v) = (q.detach(), k.detach(), v.detach());
        let (plan, starts) = (plan.clone(), Arc::clone(starts));
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
                plan.shape(width, &starts, prefix),
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

/// [`attention`] of some of the queries. It is for answers: there is no backward pass.
///
/// * `q`: `[queries, heads · d]`, one sequence's behind the other
/// * `queries`: `[sequences]`, the places of each sequence's queries in it
///
/// Returns `[queries, heads · d]`, each row with the bits that it has in [`attention`].
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn attention_of(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    plan: &AttentionPlan,
    starts: &[usize],
    queries: &[Range<usize>],
    prefix: usize,
) -> Tensor {
    let (rows, width) = q.dims2();
    assert_eq!(width % plan.heads, 0);
    let shape = AttentionShape {
        queries: Some(queries),
        ..plan.shape(width, starts, prefix)
    };
    let mut out = Buffer::uninitialised(rows * width);
    kernels::attention(
        Variant::best(),
        q.data(),
        k.data(),
        v.data(),
        shape,
        &mut out,
    );
    Tensor::new(out, &[rows, width])
}
