//! Losses and their gradients.

use graftlet::head::{LossSettings, TOKEN_CLASSIFICATION};
use graftlet::input::Batch;
use graftlet::model::Backbone;
use graftlet::model::NoHook;
use graftlet::tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::reference::{self, central_difference};
use super::tiny::{Tiny, normals};
use super::{Target, config, head, loss, problems, sequences, targets};

/// The mean over everything judged, written as plainly as it can be.
fn formula(logits: &[f64], width: usize, targets: &[Target; 2]) -> f64 {
    let mut rows = logits.chunks_exact(width);
    let mut terms = Vec::new();
    for target in targets {
        match target {
            Target::Label(label) => {
                terms.push(reference::cross_entropy(rows.next().unwrap(), *label))
            }
            Target::Labels(truths) => {
                for (z, truth) in rows.next().unwrap().iter().zip(truths) {
                    let p = reference::sigmoid(*z);
                    terms.push(-(if *truth { p } else { 1.0 - p }).ln());
                }
            }
            Target::Number(number) => {
                terms.push((rows.next().unwrap()[0] - f64::from(*number)).powi(2));
            }
            Target::Tokens(tokens) => {
                for label in tokens {
                    let row = rows.next().unwrap();
                    terms.extend(label.map(|label| reference::cross_entropy(row, label)));
                }
            }
        }
    }
    terms.iter().sum::<f64>() / terms.len() as f64
}

#[test]
fn losses_and_their_gradients() {
    let bert = Tiny::new(1, 16, 5).bert();
    for problem in problems() {
        let head = head(config(problem.clone()), bert.shape());
        let states = bert.forward(&Batch::new(&sequences()), &NoHook).unwrap();
        let rows = head.logits(&bert, &NoHook, &states).dims2();
        let expected_rows = if problem.kind == TOKEN_CLASSIFICATION {
            6
        } else {
            2
        };
        assert_eq!(rows.0, expected_rows, "{problem:?}");
        let (targets, width) = (targets(&problem), rows.1);
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let values = normals(&mut rng, rows.0 * width);
        let logits = Tensor::variable(values.clone(), &[rows.0, width]);
        let loss = loss(&head, &logits, &targets);
        let mut z: Vec<f64> = values.iter().copied().map(f64::from).collect();
        let expected = formula(&z, width, &targets);
        assert!(
            (f64::from(loss.data()[0]) - expected).abs() < 1e-6,
            "{problem:?}"
        );
        let gradients = loss.backward_from(&[2.0]);
        let found = gradients.get(&logits).unwrap();
        for index in 0..z.len() {
            let x = z[index];
            let slope = central_difference(x, |x| {
                z[index] = x;
                formula(&z, width, &targets)
            });
            z[index] = x;
            let difference = (f64::from(found[index]) - 2.0 * slope).abs();
            assert!(
                difference < 1e-6,
                "{problem:?}, logit {index}: {difference:e}"
            );
        }
        let weight = |target: &Target| {
            let settings = LossSettings::default();
            problem.kind.weight(&target.words(), width, &settings)
        };
        let weight: f64 = targets.iter().map(weight).sum();
        let expected = match problem.kind.name() {
            "multi_label" => 6.0,
            "token_classification" => 3.0,
            _ => 2.0,
        };
        assert!((weight - expected).abs() < 1e-12);
    }
}

#[test]
fn no_judged_token_costs_nothing() {
    let bert = Tiny::new(1, 16, 5).bert();
    let head = head(config(TOKEN_CLASSIFICATION.fresh()), bert.shape());
    let logits = Tensor::variable(vec![1.0; 6], &[2, 3]);
    let nothing = Target::Tokens(vec![None, None]);
    let loss = head.loss(&logits, &[0, 2], &[&nothing.words()]);
    assert_eq!(loss.data(), [0.0]);
    let gradients = loss.backward();
    assert!(
        gradients
            .get(&logits)
            .is_none_or(|g| g.iter().all(|&g| g == 0.0))
    );
}

#[test]
fn extreme_logits_give_finite_losses() {
    let bert = Tiny::new(1, 16, 5).bert();
    for problem in problems() {
        let head = head(config(problem.clone()), bert.shape());
        let targets = targets(&problem);
        let width = head.config().labels.len();
        let rows = if problem.kind == TOKEN_CLASSIFICATION {
            6
        } else {
            2
        };
        for extreme in [1e4f32, -1e4] {
            let logits = Tensor::variable(vec![extreme; rows * width], &[rows, width]);
            let loss = loss(&head, &logits, &targets);
            assert!(loss.data()[0].is_finite(), "{problem:?}");
            let gradients = loss.backward();
            assert!(
                gradients
                    .get(&logits)
                    .unwrap()
                    .iter()
                    .all(|g| g.is_finite())
            );
        }
    }
}
