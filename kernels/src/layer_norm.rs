//! Layer norm over the last axis (Ba et al., <https://arxiv.org/abs/1607.06450>), with the biased
//! variance, as PyTorch:
//!
//! `y = (x - mean) / sqrt(variance + eps) * gamma + beta`

use super::{lanes, parallel};

/// Rows of one parallel task.
const BLOCK: usize = 16;
/// What one element costs, in multiply-adds.
const COST: usize = 4;

/// Mean and `1 / sqrt(variance + eps)` of a row, in two passes: `E[x^2] - E[x]^2` would cancel.
#[inline(always)]
fn moments(x: &[f32], eps: f32) -> (f32, f32) {
    let width = x.len() as f32;
    let mean = lanes::sum(x, |x| x) / width;
    let variance = lanes::sum(x, |x| (x - mean) * (x - mean)) / width;
    (mean, 1.0 / (variance + eps).sqrt())
}

/// Layer norm of `x[rows, width]` into `y[rows, width]`; `gamma[width]`, `beta[width]`.
///
/// Asserts that the lengths agree and that the width is not 0; no rows does nothing.
pub fn layer_norm(x: &[f32], gamma: &[f32], beta: &[f32], eps: f32, y: &mut [f32]) {
    let width = gamma.len();
    assert!(width > 0 && x.len().is_multiple_of(width));
    assert_eq!(beta.len(), width);
    assert_eq!(x.len(), y.len());
    parallel::for_each_chunk(y, BLOCK * width, x.len() * COST, |index, y| {
        let x = &x[index * BLOCK * width..][..y.len()];
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let (mean, scale) = moments(x, eps);
            for ((y, &x), (&gamma, &beta)) in y.iter_mut().zip(x).zip(gamma.iter().zip(beta)) {
                *y = (x - mean) * scale * gamma + beta;
            }
        }
    });
}

/// The gradient of [`layer_norm`] with respect to `x`, into `dx[rows, width]`; `dy[rows, width]`.
/// Gamma and beta are frozen and get none.
///
/// With `n = (x - mean) * scale` the normalised row and `g = dy * gamma`, where `scale` depends on
/// all of `x`: `dx = scale * (g - mean(g) - n * mean(g * n))`.
///
/// Asserts that the lengths agree and that the width is not 0; no rows does nothing.
pub fn layer_norm_backward(x: &[f32], gamma: &[f32], eps: f32, dy: &[f32], dx: &mut [f32]) {
    let width = gamma.len();
    assert!(width > 0 && x.len().is_multiple_of(width));
    assert_eq!(x.len(), dx.len());
    assert_eq!(dy.len(), dx.len());
    parallel::for_each_chunk(dx, BLOCK * width, x.len() * COST, |index, dx| {
        let x = &x[index * BLOCK * width..][..dx.len()];
        let dy = &dy[index * BLOCK * width..][..dx.len()];
        let rows = x.chunks_exact(width).zip(dy.chunks_exact(width));
        for ((x, dy), dx) in rows.zip(dx.chunks_exact_mut(width)) {
            let (mean, scale) = moments(x, eps);
            for ((dx, &dy), &gamma) in dx.iter_mut().zip(dy).zip(gamma) {
                *dx = dy * gamma;
            }
            let mean_g = lanes::sum(dx, |g| g) / width as f32;
            let mean_gn = lanes::sum2(dx, x, |g, x| g * ((x - mean) * scale)) / width as f32;
            for (dx, &x) in dx.iter_mut().zip(x) {
                let n = (x - mean) * scale;
                *dx = scale * ((*dx - mean_g) - n * mean_gn);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        Random, SIZES, assert_close, assert_same_bits, doubles_of, slopes,
    };
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const EPS: f32 = 1e-12;

    fn reference(x: &[f64], gamma: &[f64], beta: &[f64], eps: f64) -> Vec<f64> {
        let width = gamma.len();
        let mut y = Vec::new();
        for x in x.chunks_exact(width) {
            let mean = x.iter().sum::<f64>() / width as f64;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
            let scale = 1.0 / (variance + eps).sqrt();
            y.extend((0..width).map(|i| (x[i] - mean) * scale * gamma[i] + beta[i]));
        }
        y
    }

    #[test]
    fn forward_agrees_with_f64() {
        let mut random = Random::new(3);
        for width in SIZES.iter().copied().chain([384]) {
            for (rows, size, eps) in [(1, 1.0, 1e-5), (3, 1e4, 1e-12), (17, 1e-4, 1e-5)] {
                let x = random.vec(rows * width, size);
                let (gamma, beta) = (random.vec(width, 1.0), random.vec(width, 1.0));
                let mut y = vec![f32::NAN; x.len()];
                layer_norm(&x, &gamma, &beta, eps, &mut y);
                let (gamma, beta) = (doubles_of(&gamma), doubles_of(&beta));
                let expected = reference(&doubles_of(&x), &gamma, &beta, f64::from(eps));
                // A row of one or two elements normalises rounding noise: only there is the
                // tolerance that wide.
                let tolerance = if width < 3 { 2e-3 } else { 2e-5 };
                assert_close(&y, &expected, tolerance);
            }
        }
    }

    #[test]
    fn a_constant_row_becomes_beta() {
        let beta = [1.0, -2.0, 3.0];
        let mut y = [f32::NAN; 3];
        layer_norm(&[4.0; 3], &[5.0; 3], &beta, EPS, &mut y);
        assert_same_bits(&y, &beta);
    }

    #[test]
    fn backward_is_the_slope_of_the_reference() {
        let mut random = Random::new(4);
        for (rows, width) in [(1, 3), (2, 7), (3, 8), (2, 9), (1, 33), (2, 64)] {
            let (x, dy) = (random.vec(rows * width, 2.0), random.vec(rows * width, 1.0));
            let (gamma, beta) = (random.vec(width, 1.0), random.vec(width, 1.0));
            let mut dx = vec![f32::NAN; x.len()];
            layer_norm_backward(&x, &gamma, 1e-5, &dy, &mut dx);
            let (gamma, beta) = (doubles_of(&gamma), doubles_of(&beta));
            let expected = slopes(&doubles_of(&x), &dy, |x| {
                reference(x, &gamma, &beta, f64::from(1e-5f32))
            });
            assert_close(&dx, &expected, 2e-5);
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        let (rows, width) = (50, 384);
        let mut random = Random::new(5);
        let (x, dy) = (random.vec(rows * width, 1.0), random.vec(rows * width, 1.0));
        let (gamma, beta) = (random.vec(width, 1.0), random.vec(width, 1.0));
        let (mut y, mut dx) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
        layer_norm(&x, &gamma, &beta, EPS, &mut y);
        layer_norm_backward(&x, &gamma, EPS, &dy, &mut dx);
        for row in (0..rows).map(|row| row * width..(row + 1) * width) {
            let mut one = vec![f32::NAN; width];
            layer_norm(&x[row.clone()], &gamma, &beta, EPS, &mut one);
            assert_same_bits(&one, &y[row.clone()]);
            layer_norm_backward(&x[row.clone()], &gamma, EPS, &dy[row.clone()], &mut one);
            assert_same_bits(&one, &dx[row]);
        }
    }

    #[test]
    fn no_rows_does_nothing() {
        layer_norm(&[], &[1.0], &[0.0], EPS, &mut []);
        layer_norm_backward(&[], &[1.0], EPS, &[], &mut []);
    }
}
