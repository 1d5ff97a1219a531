//! Weights that are stored as lengths and directions (Salimans and Kingma 2016, <https://arxiv.org/abs/1602.07868>).

/// The ends of the names of lengths and directions: PyTorch's today, and those of its older function.
pub(super) const WEIGHT_NORM: [[&str; 2]; 2] = [
    [
        ".parametrizations.weight.original0",
        ".parametrizations.weight.original1",
    ],
    [".weight_g", ".weight_v"],
];

/// The length of each tap of a weight `[out, channels, taps]`, over all its outputs and channels.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn lengths_of(weight: &[f32], taps: usize) -> Vec<f32> {
    let mut squares = vec![0f64; taps];
    for row in weight.chunks_exact(taps) {
        let pairs = squares.iter_mut().zip(row);
        pairs.for_each(|(sum, &x)| *sum += f64::from(x) * f64::from(x));
    }
    squares.into_iter().map(|sum| sum.sqrt() as f32).collect()
}

/// The weight of lengths and directions: each direction scaled to its length.
pub(super) fn weight_of(lengths: &[f32], mut directions: Vec<f32>) -> Vec<f32> {
    let own = lengths_of(&directions, lengths.len());
    for row in directions.chunks_exact_mut(lengths.len()) {
        let scales = lengths.iter().zip(&own);
        let scaled = row.iter_mut().zip(scales);
        scaled.for_each(|(x, (length, own))| *x *= length / own.max(f32::MIN_POSITIVE));
    }
    directions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_its_directions_at_their_lengths() {
        // two outputs of one channel, two taps
        let weight = weight_of(&[10.0, 0.5], vec![3.0, 0.0, 4.0, 2.0]);
        assert_eq!(weight, [6.0, 0.0, 8.0, 0.5]);
        assert_eq!(lengths_of(&weight, 2), [10.0, 0.5]);
        // a direction of zeros has none
        assert_eq!(weight_of(&[1.0], vec![0.0, 0.0]), [0.0, 0.0]);
    }
}
