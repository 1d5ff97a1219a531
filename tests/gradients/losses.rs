//! Losses.

use graftlet::ops::{
    Aim, binary_cross_entropy, cross_entropy, mean_squared_error, select, smoothed_cross_entropy,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::differences::{check_op, rows};
use super::reference;
use super::tiny::normals;

#[test]
fn cross_entropy_of_small_and_large_logits() {
    let labels = [2, 0, 1, 2];
    let mut logits = normals(&mut ChaCha8Rng::seed_from_u64(5), 12);
    logits[..3].iter_mut().for_each(|z| *z += 300.0);
    check_op(
        "cross-entropy",
        &[(&[4, 3], logits)],
        |z| cross_entropy(&z[0], &labels),
        |z| {
            let z = rows(&z[0], 3);
            let losses = z
                .iter()
                .zip(labels)
                .map(|(z, label)| reference::cross_entropy(z, label));
            vec![losses.sum::<f64>() / 4.0]
        },
    );
}

/// Rows that count differently, and targets that are spread over the labels: half of them, all of them.
#[test]
fn cross_entropy_with_weights_and_smoothing() {
    let aims = [(2, 1.0, 0.0), (0, 0.25, 0.1), (1, 3.0, 0.5), (0, 1.0, 1.0)];
    let aim = |(label, weight, smoothing)| Aim {
        label,
        weight,
        smoothing,
    };
    check_op(
        "smoothed cross-entropy",
        &[(&[4, 3], normals(&mut ChaCha8Rng::seed_from_u64(54), 12))],
        |z| smoothed_cross_entropy(&z[0], &aims.map(aim)),
        |z| {
            let losses = rows(&z[0], 3).into_iter().zip(aims).map(|(z, aim)| {
                let of = |label| reference::cross_entropy(&z, label);
                let smoothing = f64::from(aim.2);
                let mean = (0..3).map(of).sum::<f64>() / 3.0;
                f64::from(aim.1) * ((1.0 - smoothing) * of(aim.0) + smoothing * mean)
            });
            vec![losses.sum::<f64>() / 5.25]
        },
    );
}

#[test]
fn binary_cross_entropy_of_small_and_large_logits() {
    // 0.5 where it is open
    let targets = [
        1.0f32, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.5, 0.5,
    ];
    let mut logits = normals(&mut ChaCha8Rng::seed_from_u64(51), 12);
    logits[0] += 20.0;
    logits[1] -= 20.0;
    check_op(
        "binary cross-entropy",
        &[(&[4, 3], logits)],
        |z| binary_cross_entropy(&z[0], &targets),
        |z| {
            let losses = z[0].iter().zip(targets).map(|(z, target)| {
                let target = f64::from(target);
                -target * reference::sigmoid(*z).ln()
                    - (1.0 - target) * reference::sigmoid(-*z).ln()
            });
            vec![losses.sum::<f64>() / 12.0]
        },
    );
}

#[test]
fn squared_error() {
    let mut rng = ChaCha8Rng::seed_from_u64(52);
    let targets = normals(&mut rng, 5);
    check_op(
        "mean squared error",
        &[(&[5, 1], normals(&mut rng, 5))],
        |x| mean_squared_error(&x[0], &targets),
        |x| {
            let squares = x[0]
                .iter()
                .zip(&targets)
                .map(|(x, target)| (x - f64::from(*target)).powi(2));
            vec![squares.sum::<f64>() / 5.0]
        },
    );
}

/// What token classification is trained on: only some tokens are judged.
#[test]
fn cross_entropy_over_selected_tokens() {
    let (judged, labels) = ([1, 2, 5], [0, 2, 1]);
    check_op(
        "cross-entropy of selected rows",
        &[(&[6, 3], normals(&mut ChaCha8Rng::seed_from_u64(53), 18))],
        |z| cross_entropy(&select(&z[0], &judged), &labels),
        |z| {
            let z = rows(&z[0], 3);
            let losses = judged
                .iter()
                .zip(labels)
                .map(|(&token, label)| reference::cross_entropy(&z[token], label));
            vec![losses.sum::<f64>() / 3.0]
        },
    );
}
