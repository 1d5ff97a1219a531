//! The gradient of every operation, element by element: against central differences in f64 of formulas that share
//! nothing with the crate; and a whole model's against PyTorch. Those of all kinds of adapters are in `kinds.rs`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

#[path = "support/differences.rs"]
mod differences;
#[path = "support/reference.rs"]
mod reference;
mod support;
#[path = "support/tiny.rs"]
mod tiny;

use std::collections::BTreeSet;
use std::sync::Arc;

use differences::{Argument, assert_close_to_scale, check_op, double, rows};
use graftlet::adapter::{Adapter, GivenParams, Parameter, Site};
use graftlet::engine::Engine;
use graftlet::folder::Library;
use graftlet::folder::TaskAdapter;
use graftlet::head::{Head, HeadConfig};
use graftlet::input::text::{Batch, Text};
use graftlet::kernels::Reach;
use graftlet::kernels::{PackedF32, PackedInt8, quantize_rows_int8};
use graftlet::model::Backbone;
use graftlet::ops::{
    Activation, Aim, AttentionPlan, FrozenLinear, LayerNorm, Weight, add, add_bias, add_scaled,
    attention, binary_cross_entropy, concat, cross_entropy, gelu, kronecker_sum, linear,
    mean_squared_error, products, scale, scale_columns, select, sequence_mean,
    smoothed_cross_entropy,
};
use graftlet::tensor::Tensor;
use graftlet::tensor_file::TensorFile;
use graftlet::train::AdamW;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use reference::{Matrix, Vector};
use tiny::normals;

// ---- custom ops

// sizes that are no multiples of any tile
const TOKENS: usize = 9;
const IN: usize = 13;
const OUT: usize = 11;

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
    // dx = dy W, with the weight that ran
    let mut expected = Vec::new();
    for dy in rows(&double(&c), OUT) {
        for column in 0..IN {
            let weight: Vector = dequantised.iter().map(|row| row[column]).collect();
            expected.push(reference::dot(&dy, &weight));
        }
    }
    let found = gradients.get(&x).unwrap();
    let largest = assert_close_to_scale(found, &expected, 1e-5, "frozen linear, int8");
    println!("frozen linear, int8: largest difference {largest:.1e} backward");
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

// ---- PyTorch

#[derive(serde::Deserialize)]
struct Expected {
    texts: Vec<String>,
}

#[derive(serde::Deserialize)]
struct Golden {
    labels: Vec<usize>,
    loss: f64,
    losses: Vec<f64>,
}

/// The golden PEFT adapter with its tensors as variables, and its eight texts as one batch.
struct Trainable {
    loaded: TaskAdapter,
    head: HeadConfig,
    parameters: Vec<Parameter>,
    keys: Vec<String>,
    batch: Batch,
}

impl Trainable {
    fn new(engine: &Engine) -> Self {
        let files = support::folder(&support::fixture("goldens/peft_lora_r8_qv"));
        let shape = engine.backbone().shape();
        let loaded: TaskAdapter = graftlet::folder::load("golden", &files, shape).unwrap();
        let loaded_head = loaded.head.as_ref().unwrap();
        let config = loaded.adapter.config();
        let source = [loaded.adapter.parameters(), loaded_head.parameters()].concat();
        let variable = |parameter: &Parameter| Parameter {
            name: parameter.name,
            tensor: parameter.tensor.tracked(),
        };
        let key = |parameter: &Parameter| match parameter.name.site {
            Site::Head => {
                let part = parameter.name.field.strip_prefix("out.").unwrap();
                format!("base_model.model.classifier.{part}")
            }
            _ => {
                let key = config.key(Library::Peft, &shape.anatomy, parameter.name, "default");
                format!("base_model.model.bert.{key}")
            }
        };
        let keys = source.iter().map(key).collect();
        let expected: Expected = serde_json::from_slice(&files["expected.json"]).unwrap();
        let texts: Vec<Text> = expected
            .texts
            .iter()
            .map(|text| text.as_str().into())
            .collect();
        let batch = Batch::new(&engine.tokenizer().encode_all(&texts).unwrap());
        Self {
            head: loaded_head.config().clone(),
            parameters: source.iter().map(variable).collect(),
            loaded,
            keys,
            batch,
        }
    }

    /// Mean cross-entropy and its gradients in the parameters' order.
    fn gradients(&self, backbone: &dyn Backbone, labels: &[usize]) -> (f64, Vec<Vec<f32>>) {
        let mut params = GivenParams(&self.parameters);
        let config = self.loaded.adapter.config();
        let adapter: Box<dyn Adapter> = config.build(backbone.shape(), &mut params).unwrap();
        let head = Head::build(self.head.clone(), backbone.shape(), &mut params).unwrap();
        let states = backbone.forward(&self.batch, &*adapter).unwrap();
        let loss = cross_entropy(&head.logits(backbone, &*adapter, &states), labels);
        let value = f64::from(loss.data()[0]);
        let store = loss.backward();
        let gradient = |p: &Parameter| store.get(&p.tensor).unwrap().to_vec();
        (value, self.parameters.iter().map(gradient).collect())
    }
}

fn golden() -> Golden {
    let json = std::fs::read(support::fixture("peft_lora_gradients.json")).unwrap();
    serde_json::from_slice(&json).unwrap()
}

#[test]
fn gradients_and_loss_curve_are_pytorchs() {
    let Some(engine) = support::engine_f32() else {
        return;
    };
    let bytes = std::fs::read(support::fixture("peft_lora_gradients.safetensors")).unwrap();
    let file = TensorFile::parse("peft_lora_gradients", &bytes).unwrap();
    let golden = golden();
    let mut trainable = Trainable::new(&engine);
    let backbone = &**engine.backbone();

    let (loss, gradients) = trainable.gradients(backbone, &golden.labels);
    assert!(
        (loss - golden.loss).abs() < 1e-6,
        "loss {loss}, PyTorch's {}",
        golden.loss
    );
    let mut compared = BTreeSet::new();
    let mut largest = 0f32;
    let parameters = trainable.keys.iter().zip(&trainable.parameters);
    for ((key, parameter), gradient) in parameters.zip(&gradients) {
        if file.contains(key) {
            let expected = file.floats(key, parameter.tensor.shape()).unwrap();
            largest = largest.max(support::assert_close(gradient, &expected, 1e-6, key));
            compared.insert(key.as_str());
        }
    }
    assert_eq!(
        compared,
        file.names().collect(),
        "every tensor of the golden was compared"
    );

    let mut optimizer = AdamW::new(&trainable.parameters, 0.01);
    let mut curve_off = 0f64;
    for (step, expected) in golden.losses.iter().enumerate() {
        let (loss, gradients) = trainable.gradients(backbone, &golden.labels);
        let difference = (loss - expected).abs();
        assert!(
            difference < 1e-4,
            "step {step}: loss {loss}, PyTorch's {expected}"
        );
        curve_off = curve_off.max(difference);
        optimizer.step(&mut trainable.parameters, &gradients.concat(), 1e-3);
    }
    println!("PyTorch: gradients within {largest:.1e}, losses of ten steps within {curve_off:.1e}");
}

#[test]
fn int8_gradients_point_where_f32_gradients_point() {
    let (Some(f32), Some(int8)) = (support::engine_f32(), support::engine_int8()) else {
        return;
    };
    let labels = golden().labels;
    let gradients = |engine: &Engine| {
        Trainable::new(engine)
            .gradients(&**engine.backbone(), &labels)
            .1
    };
    let (a, b) = (gradients(&f32), gradients(&int8));
    let cosine = |a: &[f32], b: &[f32]| {
        let (a, b) = (double(a), double(b));
        let norms = reference::dot(&a, &a) * reference::dot(&b, &b);
        reference::dot(&a, &b) / norms.sqrt()
    };
    let each = a.iter().zip(&b).map(|(a, b)| cosine(a, b));
    let least = each.fold(f64::INFINITY, f64::min);
    let whole = cosine(&a.concat(), &b.concat());
    println!(
        "int8 against f32 gradients, cosine: {whole:.5} over all, {least:.5} of a tensor at least"
    );
    assert!(whole > 0.99, "over all {whole}");
    assert!(least > 0.97, "a tensor {least}");
}
