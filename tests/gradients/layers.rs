//! Layers of a transformer.

use rand::SeedableRng;
use std::sync::Arc;

use graftlet::kernels::{PackedF32, PackedInt8, Reach, quantize_rows_int8};
use graftlet::ops::{
    AttentionPlan, FrozenLinear, LayerNorm, Weight, Window, attention, linear, sequence_mean,
    unfold,
};
use graftlet::tensor::Tensor;
use rand_chacha::ChaCha8Rng;

use super::differences::{check_op, double, rows};
use super::reference::{self, Matrix, Vector};
use super::tiny::normals;
use super::{IN, OUT, TOKENS};

#[test]
fn frozen_linear_f32() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (weight, bias) = (normals(&mut rng, OUT * IN), normals(&mut rng, OUT));
    let layer = FrozenLinear::new(
        Weight::F32(PackedF32::pack(&weight, OUT, IN)),
        Some(bias.clone()),
    );
    let (weight, bias) = (rows(&double(&weight), IN), double(&bias));
    check_op(
        "frozen linear, f32",
        &[(&[TOKENS, IN], normals(&mut rng, TOKENS * IN))],
        |x| layer.forward(&x[0]),
        |x| {
            rows(&x[0], IN)
                .iter()
                .flat_map(|x| reference::linear(&weight, &bias, x))
                .collect()
        },
    );
}

/// The forward pass rounds its input, so its differences are steps and no gradient; the backward pass is that of the
/// dequantised weight.
#[test]
fn frozen_linear_int8() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (weight, bias) = (normals(&mut rng, OUT * IN), normals(&mut rng, OUT));
    let (integers, scales) = quantize_rows_int8(&weight, OUT, IN);
    let packed = PackedInt8::pack(&integers, &scales, OUT, IN);
    let layer = FrozenLinear::new(Weight::Int8(packed), Some(bias.clone()));
    let dequantised: Matrix = integers
        .chunks_exact(IN)
        .zip(&scales)
        .map(|(row, &scale)| {
            row.iter()
                .map(|&q| f64::from(q) * f64::from(scale))
                .collect()
        })
        .collect();

    let data = normals(&mut rng, TOKENS * IN);
    let x = Tensor::variable(data.clone(), &[TOKENS, IN]);
    let y = layer.forward(&x);
    let c = normals(&mut rng, TOKENS * OUT);
    let gradients = y.clone().backward_from(&c);

    // an activation is off by at most half a step of 1/2047 of its row's largest
    let (y, bias) = (y.data(), double(&bias));
    for (token, x) in rows(&double(&data), IN).iter().enumerate() {
        let step = x.iter().fold(0f64, |max, x| max.max(x.abs())) / 2047.0;
        for (out, exact) in reference::linear(&dequantised, &bias, x).iter().enumerate() {
            let magnitude: f64 = dequantised[out].iter().map(|w| w.abs()).sum();
            let difference = (f64::from(y[token * OUT + out]) - exact).abs();
            let bound = 0.5 * step * magnitude + 1e-5;
            assert!(
                difference <= bound,
                "y[{token}][{out}] is off by {difference}, bound {bound}"
            );
        }
    }
    // dx = dy W with the weight that ran, where an element of dy times its scale is off by at most half a step
    let found = gradients.get(&x).unwrap();
    for (token, dy) in rows(&double(&c), OUT).iter().enumerate() {
        let scaled = dy
            .iter()
            .zip(&scales)
            .map(|(dy, &s)| (dy * f64::from(s)).abs());
        let step = scaled.fold(0f64, f64::max) / 2047.0;
        for column in 0..IN {
            let weight: Vector = dequantised.iter().map(|row| row[column]).collect();
            let codes = integers.iter().skip(column).step_by(IN);
            let magnitude: f64 = codes.map(|&q| f64::from(q).abs()).sum();
            let difference = f64::from(found[token * IN + column]) - reference::dot(dy, &weight);
            let bound = 0.5 * step * magnitude + 1e-5;
            assert!(
                difference.abs() <= bound,
                "dx[{token}][{column}] is off by {difference}, bound {bound}"
            );
        }
    }
}

#[test]
fn attention_of_several_sequences() {
    let starts: Arc<[usize]> = [0, 3, 4, 9].into();
    let (heads, width) = (2, 10);
    for prefix in [0, 2] {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let keys = prefix + TOKENS;
        let formula = |x: &[Vector]| -> Vector {
            let (q, k, v) = (rows(&x[0], width), rows(&x[1], width), rows(&x[2], width));
            let mut out = Vec::new();
            for bounds in starts.windows(2) {
                let seen = |all: &[Vector]| -> Matrix {
                    let own = &all[prefix + bounds[0]..prefix + bounds[1]];
                    all[..prefix].iter().chain(own).cloned().collect()
                };
                let q = &q[bounds[0]..bounds[1]];
                out.extend(reference::attention(q, &seen(&k), &seen(&v), heads).concat());
            }
            out
        };
        let plan = AttentionPlan {
            heads,
            reach: Reach::ALL,
            bias: None,
        };
        check_op(
            &format!("attention, prefix {prefix}"),
            &[
                (&[TOKENS, width], normals(&mut rng, TOKENS * width)),
                (&[keys, width], normals(&mut rng, keys * width)),
                (&[keys, width], normals(&mut rng, keys * width)),
            ],
            |x| attention(&x[0], &x[1], &x[2], &plan, &starts, prefix),
            formula,
        );
    }
}

#[test]
fn layer_norm() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let (gamma, beta) = (normals(&mut rng, IN), normals(&mut rng, IN));
    let norm = LayerNorm::new(gamma.clone(), beta.clone(), 1e-5);
    let (gamma, beta) = (double(&gamma), double(&beta));
    // ε as the op has it, in f32
    let epsilon = f64::from(1e-5f32);
    check_op(
        "layer norm",
        &[(&[TOKENS, IN], normals(&mut rng, TOKENS * IN))],
        |x| norm.forward(&x[0]),
        |x| {
            let rows = rows(&x[0], IN);
            rows.iter()
                .flat_map(|x| reference::layer_norm(x, &gamma, &beta, epsilon))
                .collect()
        },
    );
}

#[test]
fn trainable_linear() {
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    // across the kernels' tiles of 4 rows and 8 columns
    for (tokens, input, output) in [(1, 3, 2), (5, 9, 8), (7, 16, 13)] {
        let x = normals(&mut rng, tokens * input);
        let weight = normals(&mut rng, output * input);
        check_op(
            "linear",
            &[(&[tokens, input], x), (&[output, input], weight)],
            |args| linear(&args[0], &args[1]),
            |args| {
                let weight = rows(&args[1], input);
                let zeros = vec![0.0; output];
                let x = rows(&args[0], input);
                x.iter()
                    .flat_map(|x| reference::linear(&weight, &zeros, x))
                    .collect()
            },
        );
    }
}

#[test]
fn mean_over_the_tokens_of_each_sequence() {
    let mut rng = ChaCha8Rng::seed_from_u64(32);
    let starts: Arc<[usize]> = Arc::from([0, 1, 6, 9]);
    check_op(
        "sequence-mean",
        &[(&[9, 5], normals(&mut rng, 45))],
        |args| sequence_mean(&args[0], &starts),
        |args| {
            let x = rows(&args[0], 5);
            let mean = |tokens: &[Vector], column: usize| {
                tokens.iter().map(|row| row[column]).sum::<f64>() / tokens.len() as f64
            };
            let sequences = starts.windows(2).map(|bounds| &x[bounds[0]..bounds[1]]);
            sequences
                .flat_map(|tokens| (0..5).map(move |column| mean(tokens, column)))
                .collect()
        },
    );
}

#[test]
fn a_trained_layer_norm() {
    let mut rng = ChaCha8Rng::seed_from_u64(41);
    let (tokens, width) = (7, 13);
    let epsilon = f64::from(1e-5f32);
    check_op(
        "trained layer norm",
        &[
            (&[tokens, width], normals(&mut rng, tokens * width)),
            (&[width], normals(&mut rng, width)),
            (&[width], normals(&mut rng, width)),
        ],
        |x| graftlet::ops::layer_norm(&x[0], &x[1], &x[2], 1e-5),
        |x| {
            let rows = rows(&x[0], width);
            let each = rows
                .iter()
                .map(|row| reference::layer_norm(row, &x[1], &x[2], epsilon));
            each.flatten().collect()
        },
    );
}

/// Windows that overlap, and windows that lie apart; outputs beyond the end, whose frames are zeros.
#[test]
fn unfolded_frames() {
    const CHANNELS: usize = 2;
    for (kernel, stride, padding) in [(3, 1, 1), (4, 1, 2), (2, 3, 0)] {
        let window = Window {
            kernel,
            stride,
            padding,
        };
        let outputs = |frames: usize| frames.div_ceil(stride);
        let lengths = [[5, outputs(5)], [2, outputs(2)]];
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        check_op(
            "unfold",
            &[(&[7, CHANNELS], normals(&mut rng, 7 * CHANNELS))],
            |x| unfold(&x[0], &lengths, window),
            |x| {
                let mut all = Vec::new();
                let mut first = 0;
                for [frames, outputs] in lengths {
                    for output in 0..outputs {
                        for channel in 0..CHANNELS {
                            for tap in 0..kernel {
                                let frame = (output * stride + tap).wrapping_sub(padding);
                                let is_inside = frame < frames;
                                all.push(match is_inside {
                                    true => x[0][(first + frame) * CHANNELS + channel],
                                    false => 0.0,
                                });
                            }
                        }
                    }
                    first += frames;
                }
                all
            },
        );
    }
}
