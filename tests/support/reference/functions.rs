//! Functions in f64, as they are defined.

use super::{Matrix, Vector};

/// `erf(x) = 2/√π · e^(-x²) · Σ 2ⁿ x^(2n+1) / (1·3·5 ⋯ (2n+1))`. No term is negative for x > 0, so nothing cancels.
pub fn erf(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > 1e-18 * sum.abs() {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum
}

pub fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x / 2f64.sqrt()))
}

pub fn gelu_tanh(x: f64) -> f64 {
    0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
}

pub fn relu(x: f64) -> f64 {
    if x > 0.0 { x } else { 0.0 }
}

pub fn leaky_relu(x: f64) -> f64 {
    if x > 0.0 { x } else { 0.01 * x }
}

pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

pub fn swish(x: f64) -> f64 {
    x * sigmoid(x)
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub fn add(a: &[f64], b: &[f64]) -> Vector {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// `W x + b` with `W`: `[out][in]`.
pub fn linear(weight: &[Vector], bias: &[f64], x: &[f64]) -> Vector {
    weight
        .iter()
        .zip(bias)
        .map(|(row, bias)| dot(row, x) + bias)
        .collect()
}

pub fn layer_norm(x: &[f64], gamma: &[f64], beta: &[f64], epsilon: f64) -> Vector {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    let normalised = x.iter().map(|x| (x - mean) / (variance + epsilon).sqrt());
    normalised
        .zip(gamma.iter().zip(beta))
        .map(|(x, (gamma, beta))| x * gamma + beta)
        .collect()
}

pub fn softmax(scores: &[f64]) -> Vector {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vector = scores.iter().map(|s| (s - largest).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|e| e / sum).collect()
}

/// Every query attends to every key; there may be more keys than queries.
pub fn attention(q: &[Vector], k: &[Vector], v: &[Vector], heads: usize) -> Matrix {
    let width = q[0].len() / heads;
    let mut result = Vec::new();
    for q in q {
        let mut row = Vec::new();
        for head in 0..heads {
            let part = head * width..(head + 1) * width;
            let score =
                |k: &Vector| dot(&q[part.clone()], &k[part.clone()]) / (width as f64).sqrt();
            let p = softmax(&k.iter().map(score).collect::<Vector>());
            for column in part {
                row.push(p.iter().zip(v).map(|(p, v)| p * v[column]).sum());
            }
        }
        result.push(row);
    }
    result
}

/// `-log softmax(logits)[label]`
pub fn cross_entropy(logits: &[f64], label: usize) -> f64 {
    -softmax(logits)[label].ln()
}

/// `(f(x + h) - f(x - h)) / 2h`. With h = 1e-5 both its errors, h² f‴/6 and 1e-16/h, are about 1e-11: far below f32's.
pub fn central_difference(x: f64, mut f: impl FnMut(f64) -> f64) -> f64 {
    const H: f64 = 1e-5;
    (f(x + H) - f(x - H)) / (2.0 * H)
}
