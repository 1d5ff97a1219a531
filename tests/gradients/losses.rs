//! Losses.

use graftlet::ops::{
    Aim, Said, Taught, binary_cross_entropy, cross_entropy, distillation, mean_squared_error,
    select, smoothed_cross_entropy,
};
use graftlet::tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

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
        |z| binary_cross_entropy(&z[0], &targets, &[]),
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
fn binary_cross_entropy_with_weights_of_the_positive_terms() {
    let targets = [1.0f32, 0.0, 0.5, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let positive = [4.0f32, 0.25, 1.0];
    let mut logits = normals(&mut ChaCha8Rng::seed_from_u64(55), 9);
    logits[0] += 20.0;
    logits[4] -= 20.0;
    check_op(
        "binary cross-entropy with positive weights",
        &[(&[3, 3], logits)],
        |z| binary_cross_entropy(&z[0], &targets, &positive),
        |z| {
            let losses = z[0]
                .iter()
                .zip(targets)
                .enumerate()
                .map(|(at, (z, target))| {
                    let (target, weight) = (f64::from(target), f64::from(positive[at % 3]));
                    -weight * target * reference::sigmoid(*z).ln()
                        - (1.0 - target) * reference::sigmoid(-*z).ln()
                });
            vec![losses.sum::<f64>() / 9.0]
        },
    );
}

/// A teacher of three labels, and a head of four.
#[test]
fn distillation_of_each_kind() {
    let mut rng = ChaCha8Rng::seed_from_u64(56);
    let (logits, teacher) = (normals(&mut rng, 12), normals(&mut rng, 9));
    let weights = [1.0f32, 0.25, 2.0];
    let taught = || -> Vec<Taught<'_>> {
        let rows = teacher.chunks_exact(3).zip(weights);
        rows.map(|(teacher, weight)| Taught { teacher, weight })
            .collect()
    };
    let temperature = 2.0;
    for said in [Said::Choice, Said::Each, Said::Numbers] {
        check_op(
            &format!("distillation, {said:?}"),
            &[(&[3, 4], logits.clone())],
            |z| distillation(&z[0], said, temperature, &taught()),
            |z| {
                let rows = rows(&z[0], 4).into_iter().zip(taught());
                let losses = rows.map(|(z, row)| {
                    let teacher = row.teacher.iter().map(|&t| f64::from(t));
                    let pairs: Vec<(f64, f64)> = z.into_iter().zip(teacher).collect();
                    let over = |logits: Vec<f64>| -> Vec<f64> {
                        logits.into_iter().map(|x| x / temperature).collect()
                    };
                    let (own, wanted): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
                    let loss = match said {
                        Said::Choice => {
                            let own = reference::softmax(&over(own));
                            let wanted = reference::softmax(&over(wanted));
                            let terms = own.iter().zip(&wanted).map(|(q, p)| p * (p / q).ln());
                            4.0 * terms.sum::<f64>()
                        }
                        Said::Each => {
                            let terms = over(own).into_iter().zip(over(wanted)).map(|(z, t)| {
                                let (q, p) = (reference::sigmoid(z), reference::sigmoid(t));
                                p * (p / q).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - q)).ln()
                            });
                            4.0 * terms.sum::<f64>() / 3.0
                        }
                        Said::Numbers => {
                            pairs.iter().map(|(z, t)| (z - t).powi(2)).sum::<f64>() / 3.0
                        }
                    };
                    f64::from(row.weight) * loss
                });
                vec![losses.sum::<f64>() / 3.25]
            },
        );
    }
}

/// Element by element what PyTorch computes; tests/python/losses.py writes the file.
#[test]
#[allow(clippy::cast_possible_truncation)]
fn losses_are_those_of_pytorch() {
    let fixture: Value = serde_json::from_str(include_str!("../fixtures/losses.json")).unwrap();
    let numbers = |name: &str| -> Vec<f32> {
        let list = fixture[name].as_array().unwrap().iter();
        list.map(|x| x.as_f64().unwrap() as f32).collect()
    };
    let size = |name: &str| fixture[name].as_u64().unwrap() as usize;
    let check = |name: &str, logits: &str, loss: &dyn Fn(&Tensor) -> Tensor| {
        let z = Tensor::variable(numbers(logits), &[size("rows"), size("labels")]);
        let loss = loss(&z);
        let expected = fixture[name]["loss"].as_f64().unwrap();
        let off = (f64::from(loss.data()[0]) - expected).abs();
        assert!(off < 1e-6 * (1.0 + expected.abs()), "{name}: {off}");
        let gradients = loss.backward_from(&[1.0]);
        let found = gradients.get(&z).unwrap();
        let expected = fixture[name]["gradient"].as_array().unwrap();
        assert_eq!(found.len(), expected.len());
        for (at, (a, b)) in found.iter().zip(expected).enumerate() {
            let off = (f64::from(*a) - b.as_f64().unwrap()).abs();
            assert!(off < 1e-6, "{name}, element {at}: {a} {b}");
        }
    };
    let (targets, positive) = (numbers("targets"), numbers("positive"));
    check("positive_weights", "logits", &|z| {
        binary_cross_entropy(z, &targets, &positive)
    });
    let (teacher, weights) = (numbers("teacher"), numbers("weights"));
    let temperature = fixture["temperature"].as_f64().unwrap();
    let said = [
        ("choice", Said::Choice),
        ("each", Said::Each),
        ("numbers", Said::Numbers),
    ];
    for (name, said) in said {
        let rows = teacher.chunks_exact(size("known")).zip(&weights);
        let rows: Vec<Taught<'_>> = rows
            .map(|(teacher, &weight)| Taught { teacher, weight })
            .collect();
        check(name, "near", &|z| distillation(z, said, temperature, &rows));
    }
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
