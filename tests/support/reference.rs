//! A small BERT with adapter and head in f64, written as plainly as it can be: nested vectors, loops, one sequence at
//! a time, no padding, no autograd, and nothing shared with the crate. What the crate computes is compared with this,
//! and its gradients with central differences of this.
#![allow(dead_code, unreachable_pub, unused_imports)]

#[path = "reference/bottleneck.rs"]
mod bottleneck;
#[path = "reference/functions.rs"]
mod functions;

use std::collections::BTreeMap;

pub use bottleneck::Bottleneck;
pub use functions::{
    add, attention, central_difference, cross_entropy, dot, erf, gelu, gelu_tanh, layer_norm,
    leaky_relu, linear, relu, sigmoid, softmax, swish,
};

pub type Vector = Vec<f64>;

/// Rows of equal length.
pub type Matrix = Vec<Vector>;

pub type Function = fn(f64) -> f64;

pub struct Sequence {
    pub ids: Vec<usize>,
    pub types: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pooling {
    Mean,
    First,
    Pooler,
    Others,
    FirstAndOthers,
}

/// The model. `tensors` holds the encoder under transformers' names, LoRA as `{layer}.{linear}.lora_a` and `lora_b`,
/// bottlenecks as `{layer}.{sublayer}.{down,up}.{weight,bias}`, hypercomplex ones with `w` and `rule` in place of
/// `weight`, `encoder` in place of layer and sublayer where they are shared, IA3 as `{layer}.{linear}.ia3` (one row
/// scales the input, one column the output), the head as `head.{dense,out}.{weight,bias}`. A vector
/// is a matrix of one row. At the pooler `pooler` stands in place of `{layer}.{linear}`. An adapter acts wherever its tensors are: trained biases are `{layer}.{linear}.bias`,
/// `{layer}.{sublayer}_norm.bias` and `encoder.bias`, DoRA's magnitudes `{layer}.{linear}.lora_magnitude`, virtual tokens
/// `encoder.prefix`, or `encoder.prefix.{tokens,down.weight,down.bias,up.weight,up.bias}` of the network that makes
/// them, and `encoder.prompt`.
pub struct Model {
    pub layers: usize,
    pub heads: usize,
    pub epsilon: f64,
    pub tensors: BTreeMap<String, Matrix>,
    /// Factor of LoRA's update, or of a bottleneck's output.
    pub scale: f64,
    pub bottleneck: Bottleneck,
    pub pooling: Pooling,
    /// Behind the head's dense layer.
    pub dense: Function,
    /// Factors of single linear layers, as `{layer}.{linear}`, in place of `scale`.
    pub scales: BTreeMap<String, f64>,
    /// The norms that DoRA counts as constants, see [`Model::hold_norms`].
    pub norms: BTreeMap<String, Vector>,
    /// The position of a text's first token.
    pub first_position: usize,
    /// Where a prompt goes: "words", through position, type and norm, "first" or "behind first".
    pub prompt: &'static str,
}

fn mean(rows: &[Vector]) -> Vector {
    let mut sum = rows[0].clone();
    for row in &rows[1..] {
        sum = add(&sum, row);
    }
    sum.iter_mut().for_each(|x| *x /= rows.len() as f64);
    sum
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

    /// A linear layer of a block with what an adapter does there.
    fn block_linear(&self, layer: usize, name: &str, x: &[Vector]) -> Matrix {
        let path = match name {
            "query" | "key" | "value" => format!("attention.self.{name}"),
            "attention_output" => "attention.output.dense".to_owned(),
            "ffn_up" => "intermediate.dense".to_owned(),
            "ffn_down" => "output.dense".to_owned(),
            _ => panic!("no linear layer {name}"),
        };
        let path = format!("encoder.layer.{layer}.{path}");
        self.adapted(&format!("{layer}.{name}"), &path, x)
    }

    /// A linear layer with LoRA beside it: `W x + b + s B (A x)`, or with IA3, a trained bias, …
    fn adapted(&self, site: &str, path: &str, x: &[Vector]) -> Matrix {
        let lora = self.tensors.get(&format!("{site}.lora_a"));
        let scale = self.scales.get(site).copied().unwrap_or(self.scale);
        let ia3 = self.tensors.get(&format!("{site}.ia3"));
        let mut rows = Vec::new();
        for x in x {
            let mut x = x.clone();
            if let Some([factors]) = ia3.map(Vec::as_slice) {
                let pairs = x.iter_mut().zip(factors);
                pairs.for_each(|(x, factor)| *x *= self.scale * factor);
            }
            let mut y = self.linear(path, &x);
            if let Some(factors) = ia3.filter(|factors| factors.len() > 1) {
                let pairs = y.iter_mut().zip(factors);
                pairs.for_each(|(y, factor)| *y *= self.scale * factor[0]);
            }
            if let Some(a) = lora {
                let inner: Vector = a.iter().map(|row| dot(row, &x)).collect();
                let mut update = vec![0.0; y.len()];
                if let Some(bias) = self.tensors.get(&format!("{site}.lora_b.bias")) {
                    update.clone_from(&bias[0]);
                }
                let b = self.matrix(&format!("{site}.lora_b"));
                for (update, row) in update.iter_mut().zip(b) {
                    *update = scale * (*update + dot(row, &inner));
                }
                y = add(&y, &update);
                if let Some(magnitude) = self.tensors.get(&format!("{site}.lora_magnitude")) {
                    let bias = self.vector(&format!("{path}.bias"));
                    let ratios = magnitude[0].iter().zip(&self.norms[site]);
                    for ((y, bias), (magnitude, norm)) in y.iter_mut().zip(bias).zip(ratios) {
                        *y = (*y - bias) * magnitude / norm + bias;
                    }
                }
            }
            if let Some(trained) = self.tensors.get(&format!("{site}.bias")) {
                let frozen: Vector = self
                    .vector(&format!("{path}.bias"))
                    .iter()
                    .map(|b| -b)
                    .collect();
                y = add(&y, &add(&trained[0], &frozen));
            }
            rows.push(y);
        }
        rows
    }

    /// `y` with a trained bias, if there is one, in place of the frozen one.
    fn with_bias(&self, trained: &str, frozen: &str, y: Vector) -> Vector {
        match self.tensors.get(trained) {
            None => y,
            Some(trained) => {
                let difference = trained[0].iter().zip(self.vector(frozen));
                let difference: Vector = difference
                    .map(|(trained, frozen)| trained - frozen)
                    .collect();
                add(&y, &difference)
            }
        }
    }

    /// Computes the norm of each row of every weight that has a magnitude, `W + s B A`; from here on the norms are
    /// constants, whatever becomes of A and B.
    pub fn hold_norms(&mut self) {
        let sites: Vec<String> = self
            .tensors
            .keys()
            .filter_map(|name| Some(name.strip_suffix(".lora_magnitude")?.to_owned()))
            .collect();
        for site in sites {
            let (layer, name) = site.split_once('.').unwrap_or(("", &site));
            let path = match name {
                "query" | "key" | "value" => format!("encoder.layer.{layer}.attention.self.{name}"),
                "attention_output" => format!("encoder.layer.{layer}.attention.output.dense"),
                "ffn_up" => format!("encoder.layer.{layer}.intermediate.dense"),
                "ffn_down" => format!("encoder.layer.{layer}.output.dense"),
                _ => "pooler.dense".to_owned(),
            };
            let scale = self.scales.get(&site).copied().unwrap_or(self.scale);
            let weight = self.matrix(&format!("{path}.weight"));
            let a = self.matrix(&format!("{site}.lora_a"));
            let b = self.matrix(&format!("{site}.lora_b"));
            let mut norms = Vec::new();
            for (row, b) in weight.iter().zip(b) {
                let mut row = row.clone();
                for (a, b) in a.iter().zip(b) {
                    row = add(&row, &a.iter().map(|a| scale * b * a).collect::<Vector>());
                }
                norms.push(dot(&row, &row).sqrt());
            }
            self.norms.insert(site, norms);
        }
    }

    /// The matrix whose columns are the keys and values of the virtual tokens, layer after layer.
    fn prefix(&self) -> Option<Matrix> {
        if let Some(matrix) = self.tensors.get("encoder.prefix") {
            return Some(matrix.clone());
        }
        let tokens = self.tensors.get("encoder.prefix.tokens")?;
        let project = |token: &Vector| {
            let mut inner = self.linear("encoder.prefix.down", token);
            inner.iter_mut().for_each(|x| *x = x.tanh());
            self.linear("encoder.prefix.up", &inner)
        };
        Some(tokens.iter().map(project).collect())
    }

    /// The end of a half block: sum with its input, a bottleneck if there is one, layer norm.
    fn join(&self, layer: usize, sublayer: &str, h: &[Vector], residual: &[Vector]) -> Matrix {
        let norm = match sublayer {
            "attention" => format!("encoder.layer.{layer}.attention.output.LayerNorm"),
            _ => format!("encoder.layer.{layer}.output.LayerNorm"),
        };
        let adapter = format!("{layer}.{sublayer}");
        let has_adapter = self
            .tensors
            .range(adapter.clone()..)
            .next()
            .is_some_and(|(name, _)| name.starts_with(&format!("{adapter}.")));
        let rows = h.iter().zip(residual).map(|(h, residual)| {
            if has_adapter {
                self.bottleneck(&adapter, &norm, h, residual)
            } else {
                let y = self.norm(&norm, &add(h, residual));
                self.with_bias(&format!("{adapter}_norm.bias"), &format!("{norm}.bias"), y)
            }
        });
        rows.collect()
    }

    /// A stack of square or oblong matrices, or the products of two stacks. A stack is stored as the rows of all its
    /// matrices; how many there are is the width of the rule.
    fn stack(&self, path: &str) -> Option<Vec<Matrix>> {
        let count = self
            .tensors
            .iter()
            .find(|(name, _)| name.ends_with(".rule") || name.ends_with(".rule_right"))
            .map(|(_, rule)| rule[0].len())?;
        let split = |rows: &Matrix| -> Vec<Matrix> {
            let each = rows.len() / count;
            rows.chunks(each).map(<[Vector]>::to_vec).collect()
        };
        if let Some(rows) = self.tensors.get(path) {
            return Some(split(rows));
        }
        let left = split(self.tensors.get(&format!("{path}_left"))?);
        let right = split(self.matrix(&format!("{path}_right")));
        let product = |left: &Matrix, right: &Matrix| -> Matrix {
            let column = |c: usize| right.iter().map(|row| row[c]).collect::<Vector>();
            let columns: Matrix = (0..right[0].len()).map(column).collect();
            let row = |row: &Vector| columns.iter().map(|column| dot(row, column)).collect();
            left.iter().map(row).collect()
        };
        Some(
            left.iter()
                .zip(&right)
                .map(|(l, r)| product(l, r))
                .collect(),
        )
    }

    /// Last hidden states, one row a token.
    pub fn states(&self, sequence: &Sequence) -> Matrix {
        let words = self.matrix("embeddings.word_embeddings.weight");
        let positions = self.matrix("embeddings.position_embeddings.weight");
        let types = self.matrix("embeddings.token_type_embeddings.weight");
        let mut x = Vec::new();
        for (index, (&id, &kind)) in sequence.ids.iter().zip(&sequence.types).enumerate() {
            let position = &positions[self.first_position + index];
            let sum = add(&add(&words[id], position), &types[kind]);
            let y = self.norm("embeddings.LayerNorm", &sum);
            x.push(self.with_bias("encoder.bias", "embeddings.LayerNorm.bias", y));
        }
        if let Some(prompt) = self.tensors.get("encoder.prompt") {
            for (index, vector) in prompt.iter().enumerate() {
                let (at, vector) = match self.prompt {
                    "words" => {
                        let sum = add(&add(vector, &positions[index]), &types[0]);
                        (index, self.norm("embeddings.LayerNorm", &sum))
                    }
                    "first" => (index, vector.clone()),
                    _ => (index + 1, vector.clone()),
                };
                x.insert(at, vector);
            }
        }
        let prefix = self.prefix();
        for layer in 0..self.layers {
            let q = self.block_linear(layer, "query", &x);
            let mut k = self.block_linear(layer, "key", &x);
            let mut v = self.block_linear(layer, "value", &x);
            for (at, row) in prefix.iter().flatten().enumerate() {
                let width = x[0].len();
                k.insert(at, row[2 * layer * width..][..width].to_vec());
                v.insert(at, row[(2 * layer + 1) * width..][..width].to_vec());
            }
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
            Pooling::Mean => x = mean(&states),
            Pooling::Others => x = mean(&states[1..]),
            Pooling::FirstAndOthers => x.extend(mean(&states[1..])),
            Pooling::Pooler => {
                x = self.adapted("pooler", "pooler.dense", &[x]).remove(0);
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
