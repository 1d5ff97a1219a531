//! Losses of vectors by how alike their rows are: what is alike moves together, and apart from the rest.

use crate::head::Likeness;

/// What cosines are divided by (Khosla et al. 2020 have .1 too).
const TEMPERATURE: f64 = 0.1;
/// Vectors shorter than this have no direction.
const SHORTEST: f64 = 1e-12;

/// The loss of vectors `[rows, width]`, of any length: only their directions count. `alike[i * rows + j]` says how alike rows `i`
/// and `j` are, from 0 to 1. `gradient`, `[rows, width]`, is overwritten.
///
/// [`Likeness::Labels`]: the supervised contrastive loss (Khosla et al. 2020, `L_out`). With `c` the cosines and `T` the temperature,
/// each row `i` that others are like adds `-Σ_j w_ij ln (exp(c_ij / T) / Σ_k exp(c_ik / T))`. Sums run over the other rows, and the
/// weights `w_ij` are the likenesses over their sum. The loss is the mean over these rows.
///
/// [`Likeness::Amounts`]: the mean of `(c_ij - alike_ij)²` over all pairs of rows.
///
/// # Panics
/// If the lengths do not fit.
pub(super) fn contrast(
    of: Likeness,
    vectors: &[f32],
    width: usize,
    alike: &[f32],
    gradient: &mut [f32],
) -> f64 {
    let rows = vectors.len() / width;
    assert_eq!(alike.len(), rows * rows);
    assert_eq!(gradient.len(), vectors.len());
    let lengths: Vec<f64> = vectors.chunks_exact(width).map(length).collect();
    let along = |row: &[f32], length: f64| -> Vec<f64> {
        row.iter().map(|&x| f64::from(x) / length).collect()
    };
    let units: Vec<Vec<f64>> = { vectors.chunks_exact(width).zip(&lengths) }
        .map(|(row, &length)| along(row, length))
        .collect();
    let mut cosines = vec![0.0; rows * rows];
    for (i, a) in units.iter().enumerate() {
        for (j, b) in units.iter().enumerate().take(i) {
            let cosine = a.iter().zip(b).map(|(a, b)| a * b).sum();
            cosines[i * rows + j] = cosine;
            cosines[j * rows + i] = cosine;
        }
    }
    let mut slopes = vec![0.0; rows * rows];
    let loss = match of {
        Likeness::Labels => supervised(&cosines, alike, rows, &mut slopes),
        Likeness::Amounts => amounts(&cosines, alike, rows, &mut slopes),
    };
    for (i, gradient) in gradient.chunks_exact_mut(width).enumerate() {
        // A cosine is that of both rows.
        let mut of_unit = vec![0.0; width];
        for (j, other) in units.iter().enumerate() {
            let slope = slopes[i * rows + j] + slopes[j * rows + i];
            let sums = of_unit.iter_mut().zip(other);
            sums.for_each(|(sum, x)| *sum += slope * x);
        }
        let unit = &units[i];
        let inward: f64 = of_unit.iter().zip(unit).map(|(a, b)| a * b).sum();
        for ((to, of_unit), unit) in gradient.iter_mut().zip(of_unit).zip(unit) {
            #[allow(clippy::cast_possible_truncation)]
            let slope = ((of_unit - inward * unit) / lengths[i]) as f32;
            *to = slope;
        }
    }
    loss
}

fn length(row: &[f32]) -> f64 {
    let squares = row.iter().map(|&x| f64::from(x) * f64::from(x));
    squares.sum::<f64>().sqrt().max(SHORTEST)
}

/// The loss, and its slope along each cosine.
fn supervised(cosines: &[f64], alike: &[f32], rows: usize, slopes: &mut [f64]) -> f64 {
    let others = |i: usize| (0..rows).filter(move |&j| j != i);
    let weight = |i: usize| -> f64 { others(i).map(|j| f64::from(alike[i * rows + j])).sum() };
    let weights: Vec<f64> = (0..rows).map(weight).collect();
    let anchors = weights.iter().filter(|&&weight| weight > 0.0).count();
    #[allow(clippy::cast_precision_loss)]
    let share = 1.0 / anchors.max(1) as f64;
    let mut loss = 0.0;
    for i in (0..rows).filter(|&i| weights[i] > 0.0) {
        let scaled = |j: usize| cosines[i * rows + j] / TEMPERATURE;
        let most = others(i).map(scaled).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = others(i).map(|j| (scaled(j) - most).exp()).sum();
        for j in others(i) {
            let wanted = f64::from(alike[i * rows + j]) / weights[i];
            loss -= share * wanted * (scaled(j) - most - sum.ln());
            let found = (scaled(j) - most).exp() / sum;
            slopes[i * rows + j] = share * (found - wanted) / TEMPERATURE;
        }
    }
    loss
}

/// As [`supervised`].
#[allow(clippy::cast_precision_loss)]
fn amounts(cosines: &[f64], alike: &[f32], rows: usize, slopes: &mut [f64]) -> f64 {
    let share = 1.0 / (rows * rows.saturating_sub(1)).max(1) as f64;
    let mut loss = 0.0;
    for i in 0..rows {
        for j in (0..rows).filter(|&j| j != i) {
            let at = i * rows + j;
            let error = cosines[at] - f64::from(alike[at]);
            loss += share * error * error;
            slopes[at] = 2.0 * share * error;
        }
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 5;

    /// Numbers without a pattern, between -1 and 1.
    #[allow(clippy::cast_precision_loss)]
    fn scattered(count: usize) -> Vec<f32> {
        let wave = |i: usize| ((i * i * 7919 + i * 104_729) % 2000) as f32 / 1000.0 - 1.0;
        (1..=count).map(wave).collect()
    }

    fn same(labels: &[usize]) -> Vec<f32> {
        let pairs = labels
            .iter()
            .flat_map(|a| labels.iter().map(move |b| (a, b)));
        pairs.map(|(a, b)| f32::from(u8::from(a == b))).collect()
    }

    #[test]
    fn the_gradient_is_that_of_differences() {
        let labels = [0, 1, 0, 2, 1, 0, 3];
        let rows = labels.len();
        let soft: Vec<f32> = scattered(rows * rows).iter().map(|x| x.abs()).collect();
        for (of, alike) in [
            (Likeness::Labels, same(&labels)),
            (Likeness::Labels, soft.clone()),
            (Likeness::Amounts, soft),
        ] {
            let vectors = scattered(rows * WIDTH);
            let mut gradient = vec![0.0; vectors.len()];
            let loss = |vectors: &[f32]| {
                let mut nothing = vec![0.0; vectors.len()];
                contrast(of, vectors, WIDTH, &alike, &mut nothing)
            };
            contrast(of, &vectors, WIDTH, &alike, &mut gradient);
            for at in 0..vectors.len() {
                let moved = |by: f32| {
                    let mut moved = vectors.clone();
                    moved[at] += by;
                    (f64::from(moved[at]), loss(&moved))
                };
                let ((a, low), (b, high)) = (moved(-1e-3), moved(1e-3));
                let expected = (high - low) / (b - a);
                let off = (f64::from(gradient[at]) - expected).abs();
                assert!(
                    off < 2e-4 * (1.0 + expected.abs()),
                    "{of:?} {at}: {expected} {off}"
                );
            }
        }
    }

    #[test]
    fn the_loss_of_four_rows_by_hand() {
        // two classes, each along one axis: a row's partner has the cosine 1 and the others 0
        let vectors = [2.0, 0.0, 1.0, 0.0, 0.0, 3.0, 0.0, 1.0];
        let mut gradient = [0.0; 8];
        let loss = contrast(
            Likeness::Labels,
            &vectors,
            2,
            &same(&[0, 0, 1, 1]),
            &mut gradient,
        );
        let expected = -(10f64.exp() / (10f64.exp() + 2.0)).ln();
        assert!((loss - expected).abs() < 1e-9, "{loss} {expected}");
        let loss = contrast(Likeness::Amounts, &vectors, 2, &[0.5; 16], &mut gradient);
        assert!((loss - 0.25).abs() < 1e-9);
    }

    #[test]
    fn rows_that_none_is_like_pull_nothing() {
        let vectors = scattered(3 * WIDTH);
        let mut gradient = vec![1.0; vectors.len()];
        let loss = contrast(
            Likeness::Labels,
            &vectors,
            WIDTH,
            &same(&[0, 1, 2]),
            &mut gradient,
        );
        assert_eq!((loss, gradient), (0.0, vec![0.0; vectors.len()]));
        // a vector without a direction is no reason for numbers that are none
        let mut gradient = vec![1.0; 10];
        let loss = contrast(
            Likeness::Labels,
            &[0.0; 10],
            5,
            &same(&[0, 0]),
            &mut gradient,
        );
        assert!(loss.is_finite() && gradient.iter().all(|x| x.is_finite()));
    }
}
