/// Bins of equal width of the expected calibration error.
const BINS: usize = 15;

/// Expected calibration error (Naeini et al. 2015): scores of answers, and whether each was right, in
/// bins of equal width; the mean over the answers of how far their bin's mean score is from the share
/// that was right. 0 of no answers.
#[must_use]
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
pub fn calibration_error(answers: impl IntoIterator<Item = (f32, bool)>) -> f64 {
    let mut gaps = [0f64; BINS];
    let mut count = 0usize;
    for (score, right) in answers {
        let bin = (score.clamp(0.0, 1.0) * BINS as f32) as usize;
        gaps[bin.min(BINS - 1)] += f64::from(score) - f64::from(u8::from(right));
        count += 1;
    }
    gaps.iter().map(|gap| gap.abs()).sum::<f64>() / count.max(1) as f64
}

/// The temperature, between 1/20 and 20, at which `loss` is smallest, by golden section over its
/// logarithm. The loss of logits over a temperature is convex in 1 / temperature, so there is one
/// minimum.
#[must_use]
#[allow(clippy::cast_possible_truncation)]
pub fn best_temperature(loss: impl Fn(f64) -> f64) -> f32 {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let loss = |log: f64| loss(log.exp());
    let (mut low, mut high) = (-(20f64.ln()), 20f64.ln());
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut loss_a, mut loss_b) = (loss(a), loss(b));
    for _ in 0..32 {
        if loss_a <= loss_b {
            (high, b, loss_b) = (b, a, loss_a);
            a = high - ratio * (high - low);
            loss_a = loss(a);
        } else {
            (low, a, loss_a) = (a, b, loss_b);
            b = low + ratio * (high - low);
            loss_b = loss(b);
        }
    }
    f64::midpoint(low, high).exp() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_by_hand() {
        // one bin: mean score .9, half right; another: .2, none right
        let answers = [(0.9, true), (0.9, false), (0.2, false), (0.2, false)];
        assert!((calibration_error(answers) - (0.4 + 0.2) / 2.0).abs() < 1e-6);
        assert!(calibration_error([(1.0, true)]).abs() < 1e-9);
        assert!(calibration_error([]).abs() < 1e-9);
    }

    #[test]
    fn the_minimum_is_found() {
        for best in [0.1, 1.0, 3.7] {
            let found = best_temperature(|t| (1.0 / t - 1.0 / best).powi(2));
            assert!(
                (f64::from(found) - best).abs() < 1e-3 * best,
                "{found} {best}"
            );
        }
    }
}
