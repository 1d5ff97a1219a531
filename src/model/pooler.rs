use super::overflow::Overflow;
use super::place::{Attending, LinearSite, NormSite, Table};
use super::{Frozen, Hook, PoolerReads, Shape, States};
use crate::kernels::Reach;
use crate::ops::{Activation, AttentionPlan, add, attention, columns, select, sequence_mean};
use crate::tensor::Tensor;

/// What the checkpoint's own pooler makes of last hidden states, `[sequences, pooled size]`; `None` if it has none.
pub(super) fn pool(shape: &Shape, states: &States, hook: &dyn Hook) -> Option<Tensor> {
    let (plan, frozen) = (shape.anatomy.pooler, &shape.frozen);
    let bounds = states.starts.windows(2);
    let vectors = match plan.reads {
        PoolerReads::First => select(&states.x, &first(states)),
        PoolerReads::Last => {
            let last: Vec<usize> = bounds.map(|b| b[1].saturating_sub(1)).collect();
            select(&states.x, &last)
        }
        PoolerReads::Mean => sequence_mean(&states.x, &states.starts),
        PoolerReads::Attention(activation) => {
            return attend(shape.heads, activation, frozen, states, hook);
        }
    };
    let norm = |x: Tensor, is_here: bool| match frozen.norm(NormSite::Pooler) {
        Some(norm) if is_here => hook.norm(NormSite::Pooler, &x, norm),
        _ => x,
    };
    let site = LinearSite::POOLER;
    let layer = frozen.linear(site)?;
    let x = hook.before_linear(site, norm(vectors, plan.norm_first));
    let y = hook.after_linear(site, &x, layer.forward(&x));
    let (rows, _) = y.dims2();
    let overflow = Overflow::of(rows);
    overflow.watch(&y);
    let each: Vec<usize> = (0..=rows).collect();
    let y = norm(plan.activation.forward(y), !plan.norm_first);
    Some(overflow.mark(y, &each))
}

/// The rows of the first states.
fn first(states: &States) -> Vec<usize> {
    states.starts[..states.starts.len() - 1].to_vec()
}

/// One learnt query attends to the states of each sequence, and a feed-forward network is added to what it finds
/// (Lee et al. 2019, <https://arxiv.org/abs/1810.00825>).
fn attend(
    heads: usize,
    activation: Activation,
    frozen: &Frozen,
    states: &States,
    hook: &dyn Hook,
) -> Option<Tensor> {
    let layer = |of| frozen.attending.get(&of);
    let projections = layer(Attending::Projections)?;
    let probe = frozen.tables.get(&Table::Probe)?.dequantized();
    let (steps, width) = states.x.dims2();
    let probe = projections.forward(&Tensor::new(probe, &[1, width]));
    let [q, k, v] = {
        let of_states = projections.forward(&states.x);
        let part = |part: usize| columns(&of_states, part * width, width);
        // every step asks the same, so that the usual attention, which has a backward pass, does it
        let query = select(&columns(&probe, 0, width), &vec![0; steps]);
        [query, part(1), part(2)]
    };
    let plan = AttentionPlan {
        heads,
        reach: Reach::ALL,
        bias: None,
    };
    let found = attention(&q, &k, &v, &plan, &states.starts, 0);
    let found = layer(Attending::Output)?.forward(&select(&found, &first(states)));
    let x = hook.norm(NormSite::Pooler, &found, frozen.norm(NormSite::Pooler)?);
    let x = activation.forward(layer(Attending::Up)?.forward(&x));
    Some(add(layer(Attending::Down)?.forward(&x), &found))
}
