//! A small BERT with adapter and head in f64, written as plainly as it can be: nested vectors, loops, one sequence at
//! a time, no padding, no autograd, and nothing shared with the crate. What the crate computes is compared with this,
//! and its gradients with central differences of this.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;

pub type Vector = Vec<f64>;
/// Rows of equal length.
pub type Matrix = Vec<Vector>;
pub type Function = fn(f64) -> f64;

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

pub struct Sequence {
    pub ids: Vec<usize>,
    pub types: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pooling {
    Mean,
    First,
    Pooler,
}

/// The model. `tensors` holds the encoder under transformers' names, LoRA as `{layer}.{linear}.lora_a` and `lora_b`,
/// bottlenecks as `{layer}.{sublayer}.{down,up}.{weight,bias}`, the head as `head.{dense,out}.{weight,bias}`. A vector
/// is a matrix of one row. An adapter acts wherever its tensors are.
pub struct Model {
    pub layers: usize,
    pub heads: usize,
    pub epsilon: f64,
    pub tensors: BTreeMap<String, Matrix>,
    /// Factor of LoRA's update, or of a bottleneck's output.
    pub scale: f64,
    /// A bottleneck's nonlinearity.
    pub activation: Function,
    /// Whether a bottleneck reads the layer norm of the sum (Pfeiffer) or the half block's output (Houlsby).
    pub reads_norm: bool,
    pub pooling: Pooling,
    /// Behind the head's dense layer.
    pub dense: Function,
}

impl Model {
    pub fn matrix(&self, name: &str) -> &Matrix {
        self.tensors
            .get(name)
            .unwrap_or_else(|| panic!("the reference has no tensor {name}"))
    }

    fn vector(&self, name: &str) -> &Vector {
        &self.matrix(name)[0]
    }

    /// An element by its flat index.
    pub fn element(&mut self, name: &str, index: usize) -> &mut f64 {
        let matrix = self.tensors.get_mut(name).unwrap();
        let columns = matrix[0].len();
        &mut matrix[index / columns][index % columns]
    }

    fn linear(&self, path: &str, x: &[f64]) -> Vector {
        let bias = self.vector(&format!("{path}.bias"));
        linear(self.matrix(&format!("{path}.weight")), bias, x)
    }

    fn norm(&self, path: &str, x: &[f64]) -> Vector {
        let gamma = self.vector(&format!("{path}.weight"));
        layer_norm(x, gamma, self.vector(&format!("{path}.bias")), self.epsilon)
    }

    /// A linear layer of a block with LoRA beside it: `W x + b + s B (A x)`.
    fn block_linear(&self, layer: usize, name: &str, x: &[Vector]) -> Matrix {
        let path = match name {
            "query" | "key" | "value" => format!("attention.self.{name}"),
            "attention_output" => "attention.output.dense".to_owned(),
            "ffn_up" => "intermediate.dense".to_owned(),
            "ffn_down" => "output.dense".to_owned(),
            _ => panic!("no linear layer {name}"),
        };
        let lora = self.tensors.get(&format!("{layer}.{name}.lora_a"));
        let mut rows = Vec::new();
        for x in x {
            let mut y = self.linear(&format!("encoder.layer.{layer}.{path}"), x);
            if let Some(a) = lora {
                let inner: Vector = a.iter().map(|row| dot(row, x)).collect();
                let b = self.matrix(&format!("{layer}.{name}.lora_b"));
                for (y, row) in y.iter_mut().zip(b) {
                    *y += self.scale * dot(row, &inner);
                }
            }
            rows.push(y);
        }
        rows
    }

    /// The end of a half block: sum with its input, a bottleneck if there is one, layer norm.
    fn join(&self, layer: usize, sublayer: &str, h: &[Vector], residual: &[Vector]) -> Matrix {
        let norm = match sublayer {
            "attention" => format!("encoder.layer.{layer}.attention.output.LayerNorm"),
            _ => format!("encoder.layer.{layer}.output.LayerNorm"),
        };
        let adapter = format!("{layer}.{sublayer}");
        let has_adapter = self.tensors.contains_key(&format!("{adapter}.down.weight"));
        let mut rows = Vec::new();
        for (h, residual) in h.iter().zip(residual) {
            let mut sum = add(h, residual);
            if has_adapter {
                let input = if self.reads_norm {
                    self.norm(&norm, &sum)
                } else {
                    h.clone()
                };
                let inner = self.linear(&format!("{adapter}.down"), &input);
                let inner: Vector = inner.into_iter().map(self.activation).collect();
                let y = self.linear(&format!("{adapter}.up"), &inner);
                for (sum, y) in sum.iter_mut().zip(y) {
                    *sum += self.scale * y;
                }
            }
            rows.push(self.norm(&norm, &sum));
        }
        rows
    }

    /// Last hidden states, one row a token.
    pub fn states(&self, sequence: &Sequence) -> Matrix {
        let words = self.matrix("embeddings.word_embeddings.weight");
        let positions = self.matrix("embeddings.position_embeddings.weight");
        let types = self.matrix("embeddings.token_type_embeddings.weight");
        let mut x = Vec::new();
        for (position, (&id, &kind)) in sequence.ids.iter().zip(&sequence.types).enumerate() {
            let sum = add(&add(&words[id], &positions[position]), &types[kind]);
            x.push(self.norm("embeddings.LayerNorm", &sum));
        }
        for layer in 0..self.layers {
            let q = self.block_linear(layer, "query", &x);
            let k = self.block_linear(layer, "key", &x);
            let v = self.block_linear(layer, "value", &x);
            let h = attention(&q, &k, &v, self.heads);
            let h = self.block_linear(layer, "attention_output", &h);
            x = self.join(layer, "attention", &h, &x);
            let mut h = self.block_linear(layer, "ffn_up", &x);
            for value in h.iter_mut().flatten() {
                *value = gelu(*value);
            }
            let h = self.block_linear(layer, "ffn_down", &h);
            x = self.join(layer, "ffn", &h, &x);
        }
        x
    }

    pub fn logits(&self, sequence: &Sequence) -> Vector {
        let states = self.states(sequence);
        let mut x = states[0].clone();
        match self.pooling {
            Pooling::First => {}
            Pooling::Mean => {
                for row in &states[1..] {
                    x = add(&x, row);
                }
                x.iter_mut().for_each(|x| *x /= states.len() as f64);
            }
            Pooling::Pooler => {
                x = self.linear("pooler.dense", &x);
                x.iter_mut().for_each(|x| *x = x.tanh());
            }
        }
        if self.tensors.contains_key("head.dense.weight") {
            x = self.linear("head.dense", &x);
            x.iter_mut().for_each(|x| *x = (self.dense)(*x));
        }
        self.linear("head.out", &x)
    }

    /// Mean cross-entropy.
    pub fn loss(&self, sequences: &[Sequence], labels: &[usize]) -> f64 {
        let rows = sequences.iter().zip(labels);
        let sum: f64 = rows
            .map(|(s, &label)| cross_entropy(&self.logits(s), label))
            .sum();
        sum / sequences.len() as f64
    }
}
