use crate::tensor::{Buffer, Inputs, Tensor};

/// Mean cross-entropy of logits `[rows, labels]` with the labels' indices `[rows]`:
/// `mean(logsumexp(z) - z[label])`, a scalar. `dz = (softmax(z) - onehot(label)) / rows`.
///
/// # Panics
/// If there is not one label a row, or it has no logit.
#[must_use]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub fn cross_entropy(logits: &Tensor, labels: &[usize]) -> Tensor {
    let (rows, width) = logits.dims2();
    assert_eq!(rows, labels.len());
    let share = 1.0 / rows.max(1) as f32;
    let mut slopes = Buffer::uninitialised(rows * width);
    let mut loss = 0.0;
    for ((z, p), &label) in logits
        .rows()
        .zip(slopes.chunks_exact_mut(width))
        .zip(labels)
    {
        let max = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        p.iter_mut().zip(z).for_each(|(p, z)| *p = (z - max).exp());
        let sum: f64 = p.iter().copied().map(f64::from).sum();
        loss += f64::from(max) + sum.ln() - f64::from(z[label]);
        let scale = share / sum as f32;
        p.iter_mut().for_each(|p| *p *= scale);
        p[label] -= share;
    }
    let loss = (loss * f64::from(share)) as f32;
    Tensor::result(vec![loss].into(), &[], [logits], || {
        let slopes = Tensor::new(slopes, &[rows, width]);
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let mut dz = Buffer::copy_of(slopes.data());
            dz.iter_mut().for_each(|dz| *dz *= dy[0]);
            inputs.give(0, dz);
        }
    })
}
