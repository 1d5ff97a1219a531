//! The matrices of a parameterised hypercomplex layer (Zhang et al. 2021, as Compacter of Mahabadi
//! et al. 2021 has them): few numbers that make a large weight.

use crate::tensor::{Buffer, Inputs, Tensor};

/// `y[s] = a[s] b[s]`, a matrix product for each `s`: `a`: `[count, rows, inner]`,
/// `b`: `[count, inner, columns]`, `y`: `[count, rows, columns]`. da = dy bᵀ; db = aᵀ dy.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn products(a: &Tensor, b: &Tensor) -> Tensor {
    let ([count, rows, inner], [same, width, columns]) = (dims3(a), dims3(b));
    assert_eq!((count, inner), (same, width));
    let mut y = Buffer::zeros(count * rows * columns);
    let each = move |visit: &mut dyn FnMut(usize, usize, usize)| {
        for s in 0..count {
            for row in 0..rows {
                for k in 0..inner {
                    let (y, b) = ((s * rows + row) * columns, (s * inner + k) * columns);
                    visit(y, (s * rows + row) * inner + k, b);
                }
            }
        }
    };
    each(&mut |y_at, a_at, b_at| {
        let factor = a.data()[a_at];
        let b = &b.data()[b_at..][..columns];
        let y = y[y_at..][..columns].iter_mut();
        y.zip(b).for_each(|(y, b)| *y += factor * b);
    });
    Tensor::result(y, &[count, rows, columns], [a, b], || {
        let (a, b) = (a.detach(), b.detach());
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let (mut da, mut db) = (Buffer::zeros(a.len()), Buffer::zeros(b.len()));
            each(&mut |y_at, a_at, b_at| {
                let dy = &dy[y_at..][..columns];
                da[a_at] += dot(dy, &b.data()[b_at..][..columns]);
                let factor = a.data()[a_at];
                let db = db[b_at..][..columns].iter_mut();
                db.zip(dy).for_each(|(db, dy)| *db += factor * dy);
            });
            inputs.give(0, da);
            inputs.give(1, db);
        }
    })
}

/// The transpose of the sum of Kronecker products `Σₛ rule[s] ⊗ w[s]`: the weight `[out, in]` of a
/// hypercomplex layer, as [`linear`](fn@super::linear) takes one.
///
/// `rule`: `[n, n, n]`, `w`: `[n, in / n, out / n]`;
/// `y[j · out / n + l, i · in / n + k] = Σₛ rule[s, i, j] · w[s, k, l]`.
/// drule and dw are the same sums with dy in the place of the other factor.
///
/// # Panics
/// If the shapes do not fit.
#[must_use]
pub fn kronecker_sum(rule: &Tensor, w: &Tensor) -> Tensor {
    let ([n, rows, columns], [count, input, output]) = (dims3(rule), dims3(w));
    assert!(n == rows && n == columns && n == count);
    // for each product: where it is in y, in the rule and in w
    let each = move |visit: &mut dyn FnMut(usize, usize, usize)| {
        for (s, i, j) in triples(n, n, n) {
            let factor = (s * n + i) * n + j;
            for k in 0..input {
                for l in 0..output {
                    let y = (j * output + l) * (n * input) + i * input + k;
                    visit(y, factor, (s * input + k) * output + l);
                }
            }
        }
    };
    let mut y = Buffer::zeros(n * input * n * output);
    each(&mut |y_at, rule_at, w_at| y[y_at] += rule.data()[rule_at] * w.data()[w_at]);
    Tensor::result(y, &[n * output, n * input], [rule, w], || {
        let (rule, w) = (rule.detach(), w.detach());
        move |dy: Buffer, inputs: &mut Inputs<'_>| {
            let (mut drule, mut dw) = (Buffer::zeros(rule.len()), Buffer::zeros(w.len()));
            each(&mut |y_at, rule_at, w_at| {
                drule[rule_at] += dy[y_at] * w.data()[w_at];
                dw[w_at] += dy[y_at] * rule.data()[rule_at];
            });
            inputs.give(0, drule);
            inputs.give(1, dw);
        }
    })
}

fn dims3(x: &Tensor) -> [usize; 3] {
    assert_eq!(x.shape().len(), 3, "a stack of matrices is needed");
    [x.shape()[0], x.shape()[1], x.shape()[2]]
}

fn triples(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a).flat_map(move |i| (0..b).flat_map(move |j| (0..c).map(move |k| (i, j, k))))
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
