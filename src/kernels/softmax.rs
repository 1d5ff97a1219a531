//! Softmax of one row, and its backward.

use super::elementwise::exp;
use super::lanes;

/// `x[n] = exp(x[n] - max) / sum`, in place. No rows of attention are empty; n = 0 does nothing.
///
/// Subtracting the largest element first keeps every exponential at 1 or below, whatever the size
/// of the logits.
pub(super) fn softmax(x: &mut [f32]) {
    let largest = lanes::max(x);
    for x in x.iter_mut() {
        *x = exp(*x - largest);
    }
    let scale = 1.0 / lanes::sum(x, |x| x);
    for x in x.iter_mut() {
        *x *= scale;
    }
}

/// The gradient with respect to the logits, in place of the gradient `d` with respect to the
/// probabilities `p`: `d[n] = p[n] * (d[n] - sum(p * d))`.
pub(super) fn softmax_backward(p: &[f32], d: &mut [f32]) {
    let mean = lanes::sum2(p, d, |p, d| p * d);
    for (d, p) in d.iter_mut().zip(p) {
        *d = p * (*d - mean);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        Random, SIZES, assert_close, assert_same_bits, doubles_of, slopes,
    };
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn reference(x: &[f64]) -> Vec<f64> {
        let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exps: Vec<f64> = x.iter().map(|x| (x - largest).exp()).collect();
        let sum: f64 = exps.iter().sum();
        exps.iter().map(|e| e / sum).collect()
    }

    #[test]
    fn agrees_with_f64_at_any_size_of_logits() {
        let mut random = Random::new(10);
        for n in SIZES {
            for size in [0.0, 1e-3, 1.0, 30.0, 1e4, 1e30] {
                let x = random.vec(n, size);
                let mut p = x.clone();
                softmax(&mut p);
                assert_close(&p, &reference(&doubles_of(&x)), 1e-6);
                assert!((p.iter().map(|&p| f64::from(p)).sum::<f64>() - 1.0).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn logits_of_ten_thousand_neither_overflow_nor_vanish() {
        let mut p = [1e4, -1e4, 1e4, 0.0];
        softmax(&mut p);
        assert_same_bits(&p, &[0.5, 0.0, 0.5, 0.0]);
        let mut p = [-1e4; 4];
        softmax(&mut p);
        assert_same_bits(&p, &[0.25; 4]);
    }

    #[test]
    fn nan_spoils_its_row() {
        let mut p = [0.0, f32::NAN, 0.0];
        softmax(&mut p);
        assert!(p.iter().all(|p| p.is_nan()));
    }

    #[test]
    fn backward_is_the_slope_of_the_reference() {
        let mut random = Random::new(11);
        for n in SIZES {
            let (x, d) = (random.vec(n, 3.0), random.vec(n, 1.0));
            let mut p = x.clone();
            softmax(&mut p);
            let mut dx = d.clone();
            softmax_backward(&p, &mut dx);
            assert_close(&dx, &slopes(&doubles_of(&x), &d, reference), 2e-6);
        }
    }
}
