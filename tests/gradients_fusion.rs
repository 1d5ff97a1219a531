//! Gradients of what composition adds to the operations, element by element, against central differences in f64.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

#[path = "support/differences.rs"]
mod differences;
#[path = "support/reference.rs"]
mod reference;
mod support;
#[path = "support/tiny.rs"]
mod tiny;

use differences::{Argument, check_op, double, rows};
use graftlet::adapter::{Collector, GivenParams, ParamName, Parameter, Site};
use graftlet::compose::fusion::{FusionLayer, Switches};
use graftlet::model::{Sublayer, SublayerSite};
use graftlet::ops::{mixture, replace_rows, slice};
use graftlet::tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use reference::{Matrix, Vector};
use tiny::normals;

const ROWS: usize = 4;
const WIDTH: usize = 5;

#[test]
fn rows_cut_out_and_put_in() {
    let mut rng = ChaCha8Rng::seed_from_u64(60);
    let (a, b) = (normals(&mut rng, 5 * 3), normals(&mut rng, 2 * 3));
    check_op(
        "slice",
        &[(&[5, 3], a.clone())],
        |x| slice(&x[0], 1..3),
        |x| x[0][3..9].to_vec(),
    );
    check_op(
        "replace_rows",
        &[(&[5, 3], a), (&[2, 3], b)],
        |x| replace_rows(x[0].clone(), &x[1], 2),
        |x| [&x[0][..6], &x[1][..], &x[0][12..]].concat(),
    );
}

/// `Σ softmax(q · k) v`, row by row.
fn mixed(q: &Matrix, keys: &[Matrix], values: &[Matrix]) -> Matrix {
    let row = |row: usize| -> Vector {
        let scores: Vector = keys
            .iter()
            .map(|k| reference::dot(&q[row], &k[row]).exp())
            .collect();
        let sum: f64 = scores.iter().sum();
        let column = |c: usize| {
            scores
                .iter()
                .zip(values)
                .map(|(s, v)| s / sum * v[row][c])
                .sum()
        };
        (0..q[row].len()).map(column).collect()
    };
    (0..q.len()).map(row).collect()
}

#[test]
fn a_mixture() {
    let mut rng = ChaCha8Rng::seed_from_u64(61);
    let shape = [ROWS, WIDTH];
    let mut argument = || {
        normals(&mut rng, ROWS * WIDTH)
            .iter()
            .map(|x| 0.6 * x)
            .collect::<Vec<f32>>()
    };
    let arguments: Vec<Argument<'_>> = (0..7).map(|_| (&shape[..], argument())).collect();
    check_op(
        "mixture of three",
        &arguments,
        |x| mixture(&x[0], &x[1..4], &x[4..7]),
        |x| {
            let x: Vec<Matrix> = x.iter().map(|x| rows(x, WIDTH)).collect();
            mixed(&x[0], &x[1..4], &x[4..7]).concat()
        },
    );
}

fn layer(switches: &Switches, tensors: &[(&'static str, Tensor)]) -> FusionLayer {
    let site = Site::Sublayer(SublayerSite {
        layer: 0,
        sublayer: Sublayer::Ffn,
    });
    let parameters: Vec<Parameter> = tensors
        .iter()
        .map(|(field, tensor)| Parameter {
            name: ParamName { site, field },
            tensor: tensor.clone(),
        })
        .collect();
    let mut source = GivenParams(&parameters);
    FusionLayer::build(switches, WIDTH, site, &mut Collector::new(&mut source)).unwrap()
}

const FIELDS: [&str; 5] = [
    "fusion.query.weight",
    "fusion.query.bias",
    "fusion.key.weight",
    "fusion.key.bias",
    "fusion.value.weight",
];

/// The layer with all three matrices, in both places of the value and the residual. The key's bias is no argument: it
/// adds the same to all scores of a token, which softmax does not see.
#[test]
fn a_fusion_layer() {
    let mut rng = ChaCha8Rng::seed_from_u64(62);
    let (states, square, vector) = ([ROWS, WIDTH], [WIDTH, WIDTH], [WIDTH]);
    let shapes = [
        // what is read, two outputs, what is around
        &states[..],
        &states,
        &states,
        &states,
        // query, key, value
        &square,
        &vector,
        &square,
        &square,
    ];
    let key_bias = normals(&mut rng, WIDTH);
    for (residual_before, value_before_softmax) in [(false, true), (true, false), (true, true)] {
        let arguments: Vec<Argument<'_>> = shapes
            .iter()
            .map(|shape| {
                let values = normals(&mut rng, shape.iter().product());
                (*shape, values.iter().map(|x| 0.5 * x).collect())
            })
            .collect();
        let switches = Switches {
            residual_before,
            value_before_softmax,
            ..Switches::default()
        };
        check_op(
            &format!(
                "fusion, residual before: {residual_before}, value before: {value_before_softmax}"
            ),
            &arguments,
            |x| {
                let bias = Tensor::new(key_bias.clone(), &vector);
                let [query, query_bias, key, value] = [4, 5, 6, 7].map(|i: usize| x[i].clone());
                let tensors = [query, query_bias, key, bias, value];
                let tensors: Vec<_> = FIELDS.into_iter().zip(tensors).collect();
                let updates = vec![x[1].clone(), x[2].clone()];
                layer(&switches, &tensors).mix([&x[0], &x[0]], updates, x[3].clone())
            },
            |x| {
                let m: Vec<Matrix> = x.iter().map(|x| rows(x, WIDTH)).collect();
                let add = |a: &Matrix, b: &Matrix| -> Matrix {
                    let sum =
                        |(a, b): (&Vector, &Vector)| a.iter().zip(b).map(|(a, b)| a + b).collect();
                    a.iter().zip(b).map(sum).collect()
                };
                let project = |x: &Matrix, weight: &Matrix, bias: &Vector| -> Matrix {
                    x.iter()
                        .map(|row| reference::linear(weight, bias, row))
                        .collect()
                };
                let outputs: Vec<Matrix> = [&m[1], &m[2]]
                    .map(|u| {
                        if residual_before {
                            add(u, &m[3])
                        } else {
                            u.clone()
                        }
                    })
                    .into();
                let query = project(&m[0], &m[4], &x[5]);
                let keys: Vec<Matrix> = outputs
                    .iter()
                    .map(|u| project(u, &m[6], &double(&key_bias)))
                    .collect();
                let value = |x: &Matrix| project(x, &m[7], &vec![0.0; WIDTH]);
                let mixed = if value_before_softmax {
                    let values: Vec<Matrix> = outputs.iter().map(value).collect();
                    mixed(&query, &keys, &values)
                } else {
                    value(&mixed(&query, &keys, &outputs))
                };
                if residual_before {
                    mixed
                } else {
                    add(&mixed, &m[3])
                }
                .concat()
            },
        );
    }
}

#[test]
fn the_penalty_of_a_fusion() {
    let mut rng = ChaCha8Rng::seed_from_u64(63);
    let square = [WIDTH, WIDTH];
    let switches = Switches {
        query: false,
        key: false,
        ..Switches::default()
    };
    check_op(
        "penalty",
        &[(&square, normals(&mut rng, WIDTH * WIDTH))],
        |x| {
            layer(&switches, &[(FIELDS[4], x[0].clone())])
                .penalty()
                .unwrap()
        },
        |x| {
            let terms = x[0].iter().enumerate().map(|(at, v)| {
                let identity = f64::from(u8::from(at / WIDTH == at % WIDTH));
                0.01 * (identity - v).powi(2)
            });
            vec![terms.sum()]
        },
    );
    let without = Switches {
        regularization: false,
        ..switches
    };
    let value = Tensor::new(vec![0.0; WIDTH * WIDTH], &square);
    assert!(layer(&without, &[(FIELDS[4], value)]).penalty().is_none());
}
