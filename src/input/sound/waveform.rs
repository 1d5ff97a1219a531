//! The input of models that read samples, such as wav2vec2.

/// Added to the variance, so that silence is not divided by 0.
const EPSILON: f64 = 1e-7;

/// Samples with mean 0 and variance 1: `(x - mean) / sqrt(variance + 1e-7)`. The variance divides by the number of
/// samples. This is what the `Wav2Vec2FeatureExtractor` of the transformers library computes with `do_normalize`.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
pub fn normalised(samples: &[f32]) -> Vec<f32> {
    let count = samples.len().max(1) as f64;
    let mean = samples.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let squares = samples.iter().map(|&x| (f64::from(x) - mean).powi(2));
    let scale = 1.0 / (squares.sum::<f64>() / count + EPSILON).sqrt();
    let scaled = samples
        .iter()
        .map(|&x| ((f64::from(x) - mean) * scale) as f32);
    scaled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_variance() {
        let close = |found: Vec<f32>, expected: &[f32]| {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5, "{found} {expected}");
            }
        };
        close(normalised(&[3.0, 1.0, 3.0, 1.0]), &[1.0, -1.0, 1.0, -1.0]);
        close(normalised(&[0.25; 3]), &[0.0; 3]);
        close(normalised(&[]), &[]);
        // a variance of 1e-8 is a tenth of what is added to it
        let small = 1.0 / 11f32.sqrt();
        close(normalised(&[1e-4, -1e-4]), &[small, -small]);
    }
}
