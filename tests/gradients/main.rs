//! The gradient of every operation, element by element: against central differences in f64 of formulas that share
//! nothing with the crate; and a whole model's against PyTorch. Those of all kinds of adapters are in `kinds.rs`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

use rand::SeedableRng;
mod layers;
mod losses;
mod pairs;
mod pytorch;

#[path = "../support/differences.rs"]
mod differences;

#[path = "../support/reference.rs"]
mod reference;

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/tiny.rs"]
mod tiny;

use differences::{Argument, check_op, rows};
use graftlet::ops::{
    Activation, add, add_bias, add_scaled, concat, gelu, kronecker_sum, products, scale,
    scale_columns, select,
};
use rand_chacha::ChaCha8Rng;
use reference::Vector;
use tiny::normals;

// ---- custom ops

// sizes that are no multiples of any tile
const TOKENS: usize = 9;

const IN: usize = 13;

const OUT: usize = 11;

fn tensor_sum(a: &Vector, b: &Vector, s: f64) -> Vector {
    a.iter().zip(b).map(|(a, b)| a + s * b).collect()
}

#[test]
fn sums_and_multiples() {
    let mut rng = ChaCha8Rng::seed_from_u64(33);
    let mut argument = || normals(&mut rng, 21);
    let pair: [Argument<'_>; 2] = [(&[3, 7], argument()), (&[3, 7], argument())];
    check_op(
        "add",
        &pair,
        |x| add(x[0].clone(), &x[1]),
        |x| tensor_sum(&x[0], &x[1], 1.0),
    );
    check_op(
        "add-scaled",
        &pair,
        |x| add_scaled(x[0].clone(), &x[1], -0.75),
        |x| tensor_sum(&x[0], &x[1], -0.75),
    );
    // both arguments are one tensor
    check_op(
        "add to itself",
        &pair[..1],
        |x| add_scaled(x[0].clone(), &x[0], 0.5),
        |x| tensor_sum(&x[0], &x[0], 0.5),
    );
    check_op(
        "scale",
        &pair[..1],
        |x| scale(x[0].clone(), -1.25),
        |x| tensor_sum(&vec![0.0; 21], &x[0], -1.25),
    );
    check_op(
        "add-bias",
        &[(&[3, 7], argument()), (&[7], argument()[..7].to_vec())],
        |x| add_bias(x[0].clone(), &x[1]),
        |x| {
            let rows = rows(&x[0], 7);
            let sums = rows.iter().map(|row| tensor_sum(row, &x[1], 1.0));
            sums.flatten().collect()
        },
    );
}

#[test]
fn rows_joined_and_chosen() {
    let mut rng = ChaCha8Rng::seed_from_u64(34);
    let (a, b) = (normals(&mut rng, 10), normals(&mut rng, 15));
    check_op(
        "concat",
        &[(&[2, 5], a), (&[3, 5], b.clone())],
        |x| concat(&[&x[0], &x[1]]),
        |x| x.concat(),
    );
    check_op(
        "select",
        &[(&[3, 5], b)],
        |x| select(&x[0], &[2, 0, 2]),
        |x| {
            let rows = rows(&x[0], 5);
            [2, 0, 2].map(|row: usize| rows[row].clone()).concat()
        },
    );
}

#[test]
fn factors_of_any_shape() {
    let mut rng = ChaCha8Rng::seed_from_u64(42);
    let shapes: [&[usize]; 5] = [&[5], &[5, 1], &[1, 5], &[1], &[1, 1]];
    for shape in shapes {
        check_op(
            &format!("scale-columns by {shape:?}"),
            &[
                (&[3, 5], normals(&mut rng, 15)),
                (shape, normals(&mut rng, shape.iter().product())),
            ],
            |x| scale_columns(&x[0], &x[1]),
            |x| {
                x[0].iter()
                    .zip(x[1].iter().cycle())
                    .map(|(x, v)| x * v)
                    .collect()
            },
        );
    }
}

#[test]
fn stacks_of_products() {
    let mut rng = ChaCha8Rng::seed_from_u64(43);
    for (count, height, inner, width) in [(1, 1, 1, 1), (2, 5, 1, 3), (3, 4, 2, 5)] {
        check_op(
            "products",
            &[
                (
                    &[count, height, inner],
                    normals(&mut rng, count * height * inner),
                ),
                (
                    &[count, inner, width],
                    normals(&mut rng, count * inner * width),
                ),
            ],
            |x| products(&x[0], &x[1]),
            |x| {
                let (a, b) = (rows(&x[0], inner), rows(&x[1], width));
                let mut y = Vec::new();
                for s in 0..count {
                    for a in &a[s * height..][..height] {
                        let b = &b[s * inner..][..inner];
                        y.extend((0..width).map(|column| {
                            let column: Vector = b.iter().map(|row| row[column]).collect();
                            reference::dot(a, &column)
                        }));
                    }
                }
                y
            },
        );
    }
}

#[test]
fn sums_of_kronecker_products() {
    let mut rng = ChaCha8Rng::seed_from_u64(44);
    for (n, p, q) in [(1, 2, 3), (2, 3, 1), (3, 2, 4)] {
        check_op(
            "kronecker-sum",
            &[
                (&[n, n, n], normals(&mut rng, n * n * n)),
                (&[n, p, q], normals(&mut rng, n * p * q)),
            ],
            |x| kronecker_sum(&x[0], &x[1]),
            |x| {
                let mut y = vec![0.0; n * q * n * p];
                for (row, y) in y.chunks_exact_mut(n * p).enumerate() {
                    for (column, y) in y.iter_mut().enumerate() {
                        let (i, k, j, l) = (column / p, column % p, row / q, row % q);
                        for s in 0..n {
                            *y += x[0][(s * n + i) * n + j] * x[1][(s * p + k) * q + l];
                        }
                    }
                }
                y
            },
        );
    }
}

/// From far left, where GELU is all but 0, to far right, and none at the kinks of ReLU and ReLU6.
fn abscissae() -> Vec<f32> {
    (-32..32).map(|i| (i as f32 + 0.4) / 6.0).collect()
}

#[test]
fn gelu_op() {
    check_op(
        "gelu",
        &[(&[4, 16], abscissae())],
        |x| gelu(&x[0]),
        |x| x[0].iter().copied().map(reference::gelu).collect(),
    );
}

#[test]
#[allow(clippy::approx_constant)] // the mean of transformers' laplace, not the root of a half
fn activations() {
    let all: [(Activation, reference::Function); 14] = [
        (Activation::Relu, reference::relu),
        (Activation::Gelu, reference::gelu),
        (Activation::GeluNew, reference::gelu_tanh),
        (Activation::Swish, reference::swish),
        (Activation::Tanh, f64::tanh),
        (Activation::Sigmoid, reference::sigmoid),
        (Activation::LeakyRelu, reference::leaky_relu),
        (Activation::Relu2, |x| reference::relu(x).powi(2)),
        (Activation::Relu6, |x| reference::relu(x).min(6.0)),
        (Activation::Gelu10, |x| reference::gelu(x).min(10.0)),
        (Activation::QuickGelu, |x| {
            x * reference::sigmoid(f64::from(1.702f32) * x)
        }),
        (Activation::Mish, |x| x * x.exp().ln_1p().tanh()),
        (Activation::Laplace, |x| {
            let z = (x - f64::from(0.707_107f32)) / f64::from(0.282_095f32);
            0.5 * (1.0 + reference::erf(z / 2f64.sqrt()))
        }),
        (Activation::Linear, |x| x),
    ];
    for (activation, function) in all {
        check_op(
            &format!("{activation:?}"),
            &[(&[4, 16], abscissae())],
            |x| activation.forward(x[0].clone()),
            |x| x[0].iter().copied().map(function).collect(),
        );
    }
}
