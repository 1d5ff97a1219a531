use crate::tensor::{Buffer, Inputs, Tensor};

/// Cross-entropy of one row of logits over a temperature, in f64: `logsumexp(z / T) - z[label] / T`.
#[must_use]
pub fn row_loss(logits: &[f32], label: usize, temperature: f64) -> f64 {
    let z = |logit: f32| f64::from(logit) / temperature;
    let max = logits
        .iter()
        .copied()
        .map(z)
        .fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|&logit| (z(logit) - max).exp()).sum();
    max + sum.ln() - z(logits[label])
}

/// Mean cross-entropy of logits `[rows, labels]` with the labels' indices `[rows]`:
/// `mean(logsumexp(z) - z[label])`, a scalar. `dz = (softmax(z) - onehot(label)) / rows`.
///
/// # Panics
/// If there is not one label a row, or it has no logit.
#[must_use]
pub fn cross_entropy(logits: &Tensor, labels: &[usize]) -> Tensor {
    let plain = Aim {
        label: 0,
        weight: 1.0,
        smoothing: 0.0,
    };
    let aims: Vec<Aim> = labels.iter().map(|&label| Aim { label, ..plain }).collect();
    smoothed_cross_entropy(logits, &aims)
}

/// What a row of logits should say, and how much that matters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aim {
    /// Index of the label.
    pub label: usize,
    /// Weight of the row in the mean.
    pub weight: f32,
    /// Share of the target that all labels have alike (Szegedy et al. 2016); with 1 the row should say
    /// nothing in particular.
    pub smoothing: f32,
}

/// Weighted mean of the cross-entropy of logits `[rows, labels]` with smoothed labels, a scalar: with
/// `t = (1 - ε) onehot(label) + ε / labels`, `Σ w (logsumexp(z) - t·z) / Σ w`.
/// `dz = w (softmax(z) - t) / Σ w`. 0 if there are no rows.
///
/// # Panics
/// If there is not one aim a row, or its label has no logit.
#[must_use]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub fn smoothed_cross_entropy(logits: &Tensor, aims: &[Aim]) -> Tensor {
    let (rows, width) = logits.dims2();
    assert_eq!(rows, aims.len());
    let weights: f64 = aims.iter().map(|aim| f64::from(aim.weight)).sum();
    let weights = if weights > 0.0 { weights } else { 1.0 };
    let mut slopes = Buffer::uninitialised(rows * width);
    let mut loss = 0.0;
    for ((z, p), aim) in logits.rows().zip(slopes.chunks_exact_mut(width)).zip(aims) {
        let share = f64::from(aim.weight) / weights;
        let max = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        p.iter_mut().zip(z).for_each(|(p, z)| *p = (z - max).exp());
        let sum: f64 = p.iter().copied().map(f64::from).sum();
        let smoothing = f64::from(aim.smoothing);
        let mut aimed = (1.0 - smoothing) * f64::from(z[aim.label]);
        let scale = (share / sum) as f32;
        p.iter_mut().for_each(|p| *p *= scale);
        if smoothing > 0.0 {
            let each = smoothing / width as f64;
            aimed += each * z.iter().copied().map(f64::from).sum::<f64>();
            p.iter_mut().for_each(|p| *p -= (share * each) as f32);
        }
        p[aim.label] -= (share * (1.0 - smoothing)) as f32;
        loss += share * (f64::from(max) + sum.ln() - aimed);
    }
    Tensor::result(vec![loss as f32].into(), &[], [logits], || {
        let slopes = Tensor::new(slopes, &[rows, width]);
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let mut dz = Buffer::copy_of(slopes.data());
            dz.iter_mut().for_each(|dz| *dz *= dy[0]);
            inputs.give(0, dz);
        }
    })
}
