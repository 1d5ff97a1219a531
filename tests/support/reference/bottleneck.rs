//! Bottlenecks and their projections.

use super::functions::{add, dot, layer_norm};
use super::{Function, Model, Vector};

/// What the tensors do not say of a bottleneck. With h the output of a half block, r its residual and x what the
/// bottleneck reads:
#[derive(Clone, Copy)]
pub struct Bottleneck {
    pub activation: Function,
    /// "h", "norm" of h + r, or "r".
    pub reads: &'static str,
    /// What its output is added to: "h", "h + r" or "x".
    pub skip: &'static str,
    /// Whether r is added and the frozen norm taken at the end.
    pub norm_after: bool,
    /// Whether the adapter's own norm at its end comes after that sum rather than before it.
    pub norms_sum: bool,
}

impl Default for Bottleneck {
    fn default() -> Self {
        Self {
            activation: f64::tanh,
            reads: "h",
            skip: "h",
            norm_after: true,
            norms_sum: false,
        }
    }
}

impl Model {
    /// A half block's end with a bottleneck.
    pub(super) fn bottleneck(
        &self,
        adapter: &str,
        norm: &str,
        h: &[f64],
        residual: &[f64],
    ) -> Vector {
        let settings = &self.bottleneck;
        let sum = add(h, residual);
        let x = match settings.reads {
            "h" => h.to_vec(),
            "norm" => self.norm(norm, &sum),
            "r" => residual.to_vec(),
            other => panic!("a bottleneck cannot read {other}"),
        };
        let mut inner = x.clone();
        if self
            .tensors
            .contains_key(&format!("{adapter}.input_norm.weight"))
        {
            inner = self.own_norm(&format!("{adapter}.input_norm"), &inner);
        }
        inner = self.projection(adapter, "down", &inner);
        inner = inner.into_iter().map(settings.activation).collect();
        let mut y = self.projection(adapter, "up", &inner);
        match self.tensors.get(&format!("{adapter}.scaling")) {
            None => y.iter_mut().for_each(|y| *y *= self.scale),
            Some(factors) => {
                let factors = factors[0].iter().cycle();
                y.iter_mut()
                    .zip(factors)
                    .for_each(|(y, factor)| *y *= factor);
            }
        }
        let around = match settings.skip {
            "h" => h.to_vec(),
            "h + r" => sum,
            "x" => x,
            other => panic!("a bottleneck cannot be added to {other}"),
        };
        let norm_path = format!("{adapter}.output_norm");
        let has_norm = self.tensors.contains_key(&format!("{norm_path}.weight"));
        let out = match (has_norm, settings.norms_sum) {
            (false, _) => add(&around, &y),
            (true, false) => add(&around, &self.own_norm(&norm_path, &y)),
            (true, true) => self.own_norm(&norm_path, &add(&around, &y)),
        };
        if settings.norm_after {
            self.norm(norm, &add(&out, residual))
        } else {
            out
        }
    }

    /// A layer norm of the adapter's own, which has PyTorch's ε as the crate has it, in f32.
    fn own_norm(&self, path: &str, x: &[f64]) -> Vector {
        let gamma = self.vector(&format!("{path}.weight"));
        let beta = self.vector(&format!("{path}.bias"));
        layer_norm(x, gamma, beta, f64::from(1e-5f32))
    }

    /// One of a bottleneck's two projections.
    fn projection(&self, adapter: &str, position: &str, x: &[f64]) -> Vector {
        let path = format!("{adapter}.{position}");
        let mut y = if self.tensors.contains_key(&format!("{path}.weight")) {
            let rows = self.matrix(&format!("{path}.weight")).iter();
            rows.map(|row| dot(row, x)).collect()
        } else {
            self.hypercomplex(&path, position, x)
        };
        if let Some(bias) = self.tensors.get(&format!("{path}.bias")) {
            y = add(&y, &bias[0]);
        }
        y
    }

    /// `x H` with `H[i p + k][j q + l] = Σₛ R[s][i][j] W[s][k][l]`, where each W[s] has p rows and q columns.
    fn hypercomplex(&self, path: &str, position: &str, x: &[f64]) -> Vector {
        // a rule for all is stored as the first projection's
        let rule = self
            .stack(&format!("{path}.rule"))
            .or_else(|| self.stack("encoder.down.rule"))
            .unwrap();
        let w = self
            .stack(&format!("{path}.w"))
            .or_else(|| self.stack(&format!("encoder.{position}.w")))
            .unwrap();
        let n = rule.len();
        let (p, q) = (w[0].len(), w[0][0].len());
        let mut y = vec![0.0; n * q];
        for s in 0..n {
            for i in 0..n {
                for j in 0..n {
                    for k in 0..p {
                        for l in 0..q {
                            y[j * q + l] += x[i * p + k] * rule[s][i][j] * w[s][k][l];
                        }
                    }
                }
            }
        }
        y
    }
}
