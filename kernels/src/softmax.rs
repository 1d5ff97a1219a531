//! Softmax of eight rows at once, and its backward. The rows are the lanes: element `[key][row]`, so
//! that no sum crosses a vector and a row's bits do not depend on its neighbours.
//!
//! Logits are in units of ln 2 (whoever computes them multiplies by log2 e): the exponential is then
//! a power of two, whose argument needs no reduction.

use super::elementwise::exp2;
use super::tiles::COLS;

/// One element of each of eight rows.
type Lanes = [f32; COLS];

/// `x[n] = 2^(x[n] - max)` in place, and one over their sum: the probabilities are the product of
/// both. No rows of attention are empty; n = 0 does nothing.
///
/// Subtracting the largest element first keeps every power at 1 or below, whatever the size of the
/// logits.
pub(super) fn powers(x: &mut [Lanes]) -> Lanes {
    let mut largest = [f32::NEG_INFINITY; COLS];
    for x in x.iter() {
        for r in 0..COLS {
            largest[r] = if x[r] > largest[r] { x[r] } else { largest[r] };
        }
    }
    for x in x.iter_mut() {
        for r in 0..COLS {
            x[r] -= largest[r];
        }
    }
    // a loop of its own, which the compiler can turn into vectors
    x.as_flattened_mut().iter_mut().for_each(|x| *x = exp2(*x));
    let mut sum = [0.0; COLS];
    for x in x.iter() {
        for r in 0..COLS {
            sum[r] += x[r];
        }
    }
    sum.map(|sum| 1.0 / sum)
}

/// The probabilities themselves, in place.
pub(super) fn softmax(x: &mut [Lanes]) {
    let scale = powers(x);
    for x in x {
        for r in 0..COLS {
            x[r] *= scale[r];
        }
    }
}

/// The gradient with respect to the logits (in natural units), in place of the gradient `d` with
/// respect to the probabilities `p`: `d[n] = p[n] * (d[n] - sum(p * d))`.
pub(super) fn softmax_backward(p: &[Lanes], d: &mut [Lanes]) {
    let mut mean = [0.0; COLS];
    for (p, d) in p.iter().zip(&*d) {
        for r in 0..COLS {
            mean[r] += p[r] * d[r];
        }
    }
    for (p, d) in p.iter().zip(d) {
        for r in 0..COLS {
            d[r] = p[r] * (d[r] - mean[r]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Random, SIZES, assert_close, doubles_of, slopes};
    use super::*;
    use std::f32::consts::LOG2_E;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn reference(x: &[f64]) -> Vec<f64> {
        let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exps: Vec<f64> = x.iter().map(|x| (x - largest).exp()).collect();
        let sum: f64 = exps.iter().sum();
        exps.iter().map(|e| e / sum).collect()
    }

    /// Row `r` of the lanes.
    fn row(x: &[Lanes], r: usize) -> Vec<f32> {
        x.iter().map(|x| x[r]).collect()
    }

    /// Logits in natural units, different in every lane, as lanes in units of ln 2.
    fn logits(random: &mut Random, n: usize, size: f32) -> (Vec<Lanes>, Vec<Lanes>) {
        let natural: Vec<Lanes> = (0..n)
            .map(|_| random.vec(COLS, size).try_into().unwrap())
            .collect();
        let scaled = natural.iter().map(|x| x.map(|x| x * LOG2_E)).collect();
        (natural, scaled)
    }

    #[test]
    fn agrees_with_f64_at_any_size_of_logits() {
        let mut random = Random::new(10);
        for n in SIZES {
            for size in [0.0, 1e-3, 1.0, 30.0] {
                let (natural, mut p) = logits(&mut random, n, size);
                softmax(&mut p);
                for r in 0..COLS {
                    let expected = reference(&doubles_of(&row(&natural, r)));
                    // the logits' own rounding is a part of their size
                    let tolerance = 1e-6 + f64::from(size) * 1.2e-7;
                    assert_close(&row(&p, r), &expected, tolerance);
                    let sum: f64 = row(&p, r).iter().copied().map(f64::from).sum();
                    assert!((sum - 1.0).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn logits_of_any_size_neither_overflow_nor_vanish() {
        for size in [1e4, 1e30] {
            let mut p = [size, -size, size, 0.0].map(|x| [x; COLS]);
            softmax(&mut p);
            assert_eq!(
                p.map(|p| p[3].to_bits()),
                [0.5f32, 0.0, 0.5, 0.0].map(f32::to_bits)
            );
            let mut p = [[-size; COLS]; 4];
            softmax(&mut p);
            assert!(p.iter().flatten().all(|p| p.to_bits() == 0.25f32.to_bits()));
        }
    }

    #[test]
    fn nan_spoils_its_row_and_no_other() {
        let mut p = [[0.0; COLS]; 3];
        p[1][2] = f32::NAN;
        softmax(&mut p);
        assert!(row(&p, 2).iter().all(|p| p.is_nan()));
        assert!(
            (0..COLS)
                .filter(|&r| r != 2)
                .all(|r| row(&p, r).iter().all(|p| !p.is_nan()))
        );
    }

    #[test]
    fn backward_is_the_slope_of_the_reference() {
        let mut random = Random::new(11);
        for n in SIZES {
            let (natural, mut p) = logits(&mut random, n, 3.0);
            let (d, _) = logits(&mut random, n, 1.0);
            softmax(&mut p);
            let mut dx = d.clone();
            softmax_backward(&p, &mut dx);
            for r in 0..COLS {
                let x = doubles_of(&row(&natural, r));
                assert_close(&row(&dx, r), &slopes(&x, &row(&d, r), reference), 2e-6);
            }
        }
    }
}
