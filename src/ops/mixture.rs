use crate::tensor::{Buffer, Inputs, Tensor};

/// Attention of each row over a few vectors of its own: `y[t] = Σ_i p[t, i] v_i[t]` with
/// `p[t] = softmax_i(q[t] · k_i[t])`, without a scale in the scores. It is how AdapterFusion mixes the
/// outputs of adapters (Pfeiffer et al. 2021, equation 2).
///
/// `q` and each of `keys` and `values`: `[rows, width]`. With `dp_i = dy · v_i` and
/// `ds_i = p_i (dp_i - Σ_j p_j dp_j)`: dq = Σ ds_i k_i, dk_i = ds_i q, dv_i = p_i dy.
///
/// # Panics
/// If there are no keys, not as many values, or the shapes differ.
#[must_use]
pub fn mixture(q: &Tensor, keys: &[Tensor], values: &[Tensor]) -> Tensor {
    let (rows, width) = q.dims2();
    let count = keys.len();
    assert!(count > 0 && count == values.len());
    let mut inputs = vec![q];
    inputs.extend(keys.iter().chain(values));
    assert!(inputs.iter().all(|input| input.shape() == q.shape()));
    let mut shares = vec![0.0; rows * count];
    let mut y = Buffer::zeros(rows * width);
    for (row, (p, y)) in { shares.chunks_exact_mut(count) }
        .zip(y.chunks_exact_mut(width.max(1)))
        .enumerate()
    {
        let own = row * width..(row + 1) * width;
        for (p, k) in p.iter_mut().zip(keys) {
            *p = dot(&q.data()[own.clone()], &k.data()[own.clone()]);
        }
        softmax(p);
        for (p, v) in p.iter().zip(values) {
            add_scaled(y, &v.data()[own.clone()], *p);
        }
    }
    Tensor::result(y, &[rows, width], inputs, || {
        let detach = |x: &Tensor| x.detach();
        let (q, keys): (_, Vec<_>) = (q.detach(), keys.iter().map(detach).collect());
        let values: Vec<_> = values.iter().map(detach).collect();
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let mut dq = Buffer::zeros(rows * width);
            let zeros = || Buffer::zeros(rows * width);
            let mut dkeys: Vec<_> = keys.iter().map(|_| zeros()).collect();
            let mut dvalues: Vec<_> = values.iter().map(|_| zeros()).collect();
            let mut ds = vec![0.0; count];
            for (row, p) in shares.chunks_exact(count).enumerate() {
                let own = row * width..(row + 1) * width;
                let dy = &dy[own.clone()];
                for (ds, v) in ds.iter_mut().zip(&values) {
                    *ds = dot(dy, &v.data()[own.clone()]);
                }
                let mean = dot(p, &ds);
                for (ds, p) in ds.iter_mut().zip(p) {
                    *ds = p * (*ds - mean);
                }
                for i in 0..count {
                    add_scaled(&mut dq[own.clone()], &keys[i].data()[own.clone()], ds[i]);
                    add_scaled(&mut dkeys[i][own.clone()], &q.data()[own.clone()], ds[i]);
                    add_scaled(&mut dvalues[i][own.clone()], dy, p[i]);
                }
            }
            inputs.give(0, dq);
            for (input, gradient) in dkeys.into_iter().chain(dvalues).enumerate() {
                inputs.give(input + 1, gradient);
            }
        }
    })
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add_scaled(y: &mut [f32], x: &[f32], s: f32) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += s * x);
}

fn softmax(scores: &mut [f32]) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|s| *s = (*s - largest).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|s| *s /= sum);
}
