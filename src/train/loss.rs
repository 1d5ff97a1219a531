/// Cross-entropy of one row of logits.
#[must_use]
pub fn row_loss(logits: &[f32], label: usize) -> f64 {
    let logits: Vec<f64> = logits.iter().copied().map(f64::from).collect();
    let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - max).exp()).sum();
    max + sum.ln() - logits[label]
}
