//! The mel scale, and the bands of frequencies that a spectrogram is summed over.

/// Frequency where the scale changes from linear to logarithmic, in hertz.
const BREAK: f64 = 1_000.0;

/// Mel of [`BREAK`].
const BREAK_MEL: f64 = 15.0;

/// Mels from one frequency to the one that is 6.4 times as high, above [`BREAK`].
const MELS: f64 = 27.0;

const RATIO: f64 = 6.4;

/// Slaney's mel scale (Auditory Toolbox, 1998): `3 f / 200` below 1,000 Hz, `15 + 27 ln(f / 1000) / ln 6.4` above.
fn mel(hertz: f64) -> f64 {
    if hertz < BREAK {
        hertz * BREAK_MEL / BREAK
    } else {
        BREAK_MEL + MELS * (hertz / BREAK).ln() / RATIO.ln()
    }
}

/// The inverse of [`mel`].
fn hertz(mel: f64) -> f64 {
    if mel < BREAK_MEL {
        mel * BREAK / BREAK_MEL
    } else {
        BREAK * ((mel - BREAK_MEL) * RATIO.ln() / MELS).exp()
    }
}

/// A triangle over some bins of a spectrum. All other bins have the weight 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Band {
    /// The first bin with a weight.
    first: usize,
    weights: Vec<f64>,
}

impl Band {
    /// The weighted sum of a spectrum `[bins]`.
    pub(super) fn sum(&self, spectrum: &[f64]) -> f64 {
        let bins = spectrum.iter().skip(self.first);
        bins.zip(&self.weights).map(|(x, weight)| x * weight).sum()
    }
}

/// `count` bands from 0 Hz to `top` Hz over the `bins` of a spectrum, whose last bin is at half the sample rate `rate`.
///
/// The corners of the triangles are equally spaced in [`mel`]: each rises from the peak of the one before it, and
/// falls to the peak of the one behind it. Its weights are divided by half its width in hertz, so that all bands have
/// about the same area ("slaney" in librosa and transformers).
#[allow(clippy::cast_precision_loss)]
pub(super) fn bands(count: usize, top: f64, bins: usize, rate: u32) -> Vec<Band> {
    let step = mel(top) / (count + 1) as f64;
    let corner = |at: usize| hertz(step * at as f64);
    let width = f64::from(rate / 2) / bins.saturating_sub(1).max(1) as f64;
    let band = |at: usize| {
        let (low, peak, high) = (corner(at), corner(at + 1), corner(at + 2));
        let weight = |bin: usize| {
            let hertz = width * bin as f64;
            let height = ((hertz - low) / (peak - low)).min((high - hertz) / (high - peak));
            height.max(0.0) * 2.0 / (high - low)
        };
        let first = (0..bins).find(|&bin| weight(bin) > 0.0).unwrap_or(bins);
        let weights = (first..bins).map(weight);
        Band {
            first,
            weights: weights.take_while(|&weight| weight > 0.0).collect(),
        }
    };
    (0..count).map(band).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_and_its_inverse() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        near(mel(0.0), 0.0);
        near(mel(500.0), 7.5);
        near(mel(1_000.0), 15.0);
        near(mel(6_400.0), 42.0);
        for at in [0.0, 123.0, 999.0, 1_000.0, 1_001.0, 8_000.0] {
            near(hertz(mel(at)), at);
        }
    }

    #[test]
    fn wide_bands_have_the_area_one() {
        // of 40 Hz a bin, and the highest bands are some hundred wide
        let all = bands(80, 8_000.0, 201, 16_000);
        assert_eq!(all.len(), 80);
        for band in &all[60..] {
            let area = band.weights.iter().sum::<f64>() * 40.0;
            assert!((area - 1.0).abs() < 0.02, "{area}");
        }
        assert!(all.iter().all(|band| !band.weights.is_empty()));
    }

    #[test]
    fn a_band_between_two_bins_is_empty() {
        let all = bands(80, 8_000.0, 9, 16_000);
        assert!(all.iter().any(|band| band.weights.is_empty()));
        let empty = all.iter().filter(|band| band.weights.is_empty());
        assert!(
            empty
                .map(|band| band.sum(&[1.0; 9]))
                .all(|sum| sum.abs() < 1e-300)
        );
    }
}
