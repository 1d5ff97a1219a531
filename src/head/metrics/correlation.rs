use crate::order::ascending;
/// Pearson's correlation of two series; 0 where either is constant or they have fewer than two values.
///
/// # Panics
/// If their lengths differ, as with [`spearman`].
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn pearson(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let count = a.len().max(1) as f64;
    let mean = |x: &[f64]| x.iter().sum::<f64>() / count;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    let scale = (aa * bb).sqrt();
    if scale > 0.0 { ab / scale } else { 0.0 }
}

/// Spearman's rank correlation: [`pearson`] of the ranks, equal values having the mean of theirs.
#[must_use]
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    pearson(&ranks(a), &ranks(b))
}

#[allow(clippy::cast_precision_loss)]
fn ranks(values: &[f64]) -> Vec<f64> {
    let order = ascending(values);
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for equal in order.chunk_by(|&a, &b| values[a].total_cmp(&values[b]).is_eq()) {
        let mean = start as f64 + (equal.len() as f64 - 1.0) / 2.0;
        equal.iter().for_each(|&index| ranks[index] = mean);
        start += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        assert!(
            ranks(&[3.0, 1.0, 3.0, 2.0])
                .iter()
                .zip([2.5, 0.0, 2.5, 1.0])
                .all(|(a, b)| (a - b).abs() < 1e-12)
        );
        close(
            spearman(&[1.0, 2.0, 3.0, 4.0], &[1.0, 8.0, 27.0, 64.0]),
            1.0,
        );
        close(
            spearman(&[1.0, 2.0, 3.0], &[5.0, 5.0, 1.0]),
            -(0.75f64.sqrt()),
        );
        close(
            pearson(&[1.0, 2.0, 4.0], &[1.0, 3.0, 2.0]),
            1.5 / 3.0 * (9.0f64 / 21.0).sqrt(),
        );
        close(pearson(&[1.0, 1.0], &[1.0, 2.0]), 0.0);
        close(pearson(&[], &[]), 0.0);
    }
}
