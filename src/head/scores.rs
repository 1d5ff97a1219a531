//! From logits to scores.

/// Softmax of one row of logits.
#[must_use]
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - max).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials
        .into_iter()
        .map(|exponential| exponential / sum)
        .collect()
}

/// Index of the largest, the first of equals.
#[must_use]
pub fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

/// Sigmoid of a logit.
#[must_use]
pub fn sigmoid(logit: f32) -> f32 {
    let small = (-logit.abs()).exp();
    let numerator = if logit < 0.0 { small } else { 1.0 };
    numerator / (1.0 + small)
}

/// The logits over a temperature.
#[must_use]
pub(super) fn over(logits: &[f32], temperature: f32) -> Vec<f32> {
    logits.iter().map(|logit| logit / temperature).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_stable() {
        assert_eq!(softmax(&[1e30, 1e30]), [0.5, 0.5]);
        assert_eq!(argmax(&[0.0, 2.0, 2.0]), 1);
        assert_eq!((sigmoid(-200.0), sigmoid(200.0)), (0.0, 1.0));
    }
}
