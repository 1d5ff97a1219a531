use candle_core::{D, Device, Result, Tensor};

/// Mean cross-entropy of logits `[rows, labels]` with the labels' indices `[rows]`:
/// `mean(logsumexp(z) - z[label])`, a scalar.
///
/// # Errors
/// If the shapes do not fit.
pub fn cross_entropy(logits: &Tensor, labels: &[usize]) -> Result<Tensor> {
    #[allow(clippy::cast_possible_truncation)]
    let labels: Vec<u32> = labels.iter().map(|&label| label as u32).collect();
    let labels = Tensor::from_vec(labels, (logits.dim(0)?, 1), &Device::Cpu)?;
    // the maximum only keeps exp in range; its gradient would cancel out
    let shifted = logits.broadcast_sub(&logits.detach().max_keepdim(D::Minus1)?)?;
    let normaliser = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
    (normaliser - shifted.gather(&labels, D::Minus1)?)?.mean_all()
}

/// Cross-entropy of one row of logits.
#[must_use]
pub fn row_loss(logits: &[f32], label: usize) -> f64 {
    let logits: Vec<f64> = logits.iter().copied().map(f64::from).collect();
    let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - max).exp()).sum();
    max + sum.ln() - logits[label]
}
