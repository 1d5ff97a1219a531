//! GELU with the exact normal distribution, `y = x * Phi(x)` (Hendrycks and Gimpel,
//! <https://arxiv.org/abs/1606.08415>), as BERT uses it; not the tanh approximation.
//!
//! With `z = |x|`, `Q(z) = 1 - Phi(z)` is `erfc(z / sqrt 2) / 2`, for which Abramowitz and Stegun,
//! 7.1.26, give `poly(t) * exp(-z^2 / 2) / 2` with `t = 1 / (1 + p z / sqrt 2)`, within 1.5e-7.
//! Working with the tail `Q` instead of the error function keeps large positive `x` exact and large
//! negative `x` at zero.

use super::elementwise::exp;
use super::parallel;

/// Elements of one parallel task.
const CHUNK: usize = 1 << 13;
/// What one element costs, in multiply-adds.
const COST: usize = 16;

/// `exp(-x^2 / 2)` and `1 - Phi(|x|)`.
#[inline(always)]
fn bell_and_tail(x: f32) -> (f32, f32) {
    let t = 1.0 / (1.0 + (0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2) * x.abs());
    let mut p = 1.061_405_4;
    p = p * t - 1.453_152;
    p = p * t + 1.421_413_8;
    p = p * t - 0.284_496_74;
    p = p * t + 0.254_829_6;
    let bell = exp(-0.5 * x * x);
    (bell, 0.5 * (p * t) * bell)
}

/// The normal distribution function `Phi(x)`, within 1e-7, and its density.
#[must_use]
pub fn normal_distribution(x: f32) -> (f32, f32) {
    let (bell, tail) = bell_and_tail(x);
    let phi = if x > 0.0 { 1.0 - tail } else { tail };
    (phi, bell * DENSITY_AT_0)
}

/// `1 / sqrt(2 pi)`
const DENSITY_AT_0: f32 = 0.398_942_3;

/// From here on `1 - Phi` counts as zero: it is below 4e-8.
const FAR: f32 = 5.4;

/// `x Phi(x)`. Without the exponential that the slope needs: `Phi(z) - 1/2` is `z p(z^2) / q(z^2)`
/// for `0 <= z <= FAR`, a rational minimax fit.
#[inline(always)]
fn gelu_of(x: f32) -> f32 {
    let size = x.abs();
    let z = if size < FAR { size } else { FAR };
    let z2 = z * z;
    let mut p = 1.139_963_9e-10;
    p = p * z2 - 2.279_407e-8;
    p = p * z2 + 3.428_846_4e-6;
    p = p * z2 + 1.830_2e-4;
    p = p * z2 + 4.583_792_8e-3;
    p = p * z2 + 3.702_803_3e-2;
    p = p * z2 + 3.989_42e-1;
    let mut q = 6.701_5e-5;
    q = q * z2 + 1.899_791_4e-3;
    q = q * z2 + 2.974_301_8e-2;
    q = q * z2 + 2.594_781_5e-1;
    q = q * z2 + 1.0;
    let tail = if size >= FAR { 0.0 } else { 0.5 - z * p / q };
    let positive = if x > 0.0 { x } else { 0.0 };
    positive - size * tail
}

/// `y[n] = gelu(x[n])`, within 1.2e-6 of the exact value for `|x| <= 16` and within one unit in the
/// last place beyond.
///
/// Asserts that the lengths agree; n = 0 does nothing.
pub fn gelu(x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len());
    parallel::for_each_chunk(y, CHUNK, x.len() * COST, |index, y| {
        let x = &x[index * CHUNK..][..y.len()];
        for (y, &x) in y.iter_mut().zip(x) {
            *y = gelu_of(x);
        }
    });
}

/// The same in place, by one thread.
pub(super) fn gelu_in_place(x: &mut [f32]) {
    x.iter_mut().for_each(|x| *x = gelu_of(*x));
}

/// From here on the slope counts as 0 or 1: it is within 4e-7 of it.
const SLOPE_FAR: f32 = 5.6;

/// `gelu'(x) = Phi(x) + x phi(x)`, with `phi` the normal density, within 7e-7. Without an exponential:
/// `gelu'(z) - 1/2` is odd, and `z p(z^2) / q(z^2)` for `0 <= z <= SLOPE_FAR`, a rational minimax fit.
#[inline(always)]
fn slope_of(x: f32) -> f32 {
    let size = x.abs();
    // the comparison that lets NaN through
    let z = if size > SLOPE_FAR { SLOPE_FAR } else { size };
    let z2 = z * z;
    let mut p = 1.921_673_8e-7;
    p = p * z2 + 3.589_93e-5;
    p = p * z2 + 1.975_159_1e-5;
    p = p * z2 + 1.422_606_8e-2;
    p = p * z2 - 3.097_534_3e-2;
    p = p * z2 + 7.978_853_5e-1;
    let mut q = 8.928_174e-6;
    q = q * z2 + 1.920_519_5e-4;
    q = q * z2 + 3.522_638_2e-3;
    q = q * z2 + 4.098_374_8e-2;
    q = q * z2 + 2.945_196e-1;
    q = q * z2 + 1.0;
    let half = if size >= SLOPE_FAR { 0.5 } else { z * p / q };
    if x > 0.0 { 0.5 + half } else { 0.5 - half }
}

/// `dx[n] = dy[n] * gelu'(x[n])`, where `gelu'(x) = Phi(x) + x phi(x)` and `phi` is the normal
/// density.
///
/// Asserts that the lengths agree; n = 0 does nothing.
pub fn gelu_backward(x: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert_eq!(x.len(), dx.len());
    assert_eq!(dy.len(), dx.len());
    parallel::for_each_chunk(dx, CHUNK, x.len() * COST, |index, dx| {
        let x = &x[index * CHUNK..][..dx.len()];
        let dy = &dy[index * CHUNK..][..dx.len()];
        for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
            *dx = dy * slope_of(x);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Random, erfc};
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn reference(x: f64) -> f64 {
        x * 0.5 * erfc(-x / std::f64::consts::SQRT_2)
    }

    #[test]
    fn close_to_f64() {
        let x: Vec<f32> = (-160_000..=160_000).map(|i| i as f32 * 1e-4).collect();
        let mut y = vec![f32::NAN; x.len()];
        gelu(&x, &mut y);
        for (&x, &y) in x.iter().zip(&y) {
            let expected = reference(f64::from(x));
            assert!(
                (f64::from(y) - expected).abs() < 1.2e-6,
                "gelu({x}) = {y}, not {expected}"
            );
        }
    }

    #[test]
    fn far_out_it_is_the_identity_or_zero() {
        let x = [
            0.0,
            -0.0,
            20.0,
            -20.0,
            1e4,
            -1e4,
            1e30,
            -1e30,
            1e-40,
            f32::MIN_POSITIVE,
        ];
        let mut y = [f32::NAN; 10];
        gelu(&x, &mut y);
        for (&x, &y) in x.iter().zip(&y) {
            let expected = reference(f64::from(x)) as f32;
            assert!(
                (y - expected).abs() <= 1e-6 * expected.abs().max(1e-30),
                "gelu({x}) = {y}"
            );
        }
    }

    #[test]
    fn nan_stays() {
        let mut y = [0.0; 3];
        gelu(&[1.0, f32::NAN, 1.0], &mut y);
        assert!(y[1].is_nan() && !y[0].is_nan() && !y[2].is_nan());
        gelu_backward(&[1.0, f32::NAN, 1.0], &[1.0; 3], &mut y);
        assert!(y[1].is_nan() && !y[0].is_nan() && !y[2].is_nan());
    }

    #[test]
    fn backward_is_the_slope_of_the_reference() {
        let mut x: Vec<f32> = (-1200..=1200).map(|i| i as f32 * 1e-2).collect();
        x.extend([0.0, -0.0, 50.0, -50.0, 1e-30]);
        let dy = Random::new(1).vec(x.len(), 2.0);
        let mut dx = vec![f32::NAN; x.len()];
        gelu_backward(&x, &dy, &mut dx);
        let h = 1e-5;
        for ((&x, &dy), &dx) in x.iter().zip(&dy).zip(&dx) {
            let x = f64::from(x);
            let slope = (reference(x + h) - reference(x - h)) / (2.0 * h);
            let expected = f64::from(dy) * slope;
            assert!(
                (f64::from(dx) - expected).abs() < 2e-6,
                "at {x}: {dx}, not {expected}"
            );
        }
    }

    #[test]
    fn a_long_call_equals_its_elements() {
        let x = Random::new(2).vec(3 * CHUNK + 5, 3.0);
        let mut whole = vec![f32::NAN; x.len()];
        gelu(&x, &mut whole);
        for (i, &x) in x.iter().enumerate().step_by(97) {
            let mut one = [f32::NAN];
            gelu(&[x], &mut one);
            assert_eq!(one[0].to_bits(), whole[i].to_bits());
        }
        gelu(&[], &mut []);
        gelu_backward(&[], &[], &mut []);
    }
}
