//! Functions of one f32, without branches, so that a loop over them becomes vector code.
//!
//! `exp(x) = 2^n exp(r)` with `n = round(x / ln 2)` and `|r| <= ln 2 / 2`. `r` is exact to f32
//! because ln 2 is subtracted in two parts, the first with so few bits that `n` times it is exact;
//! `exp(r)` is a polynomial of degree six. Method and coefficients: Moshier, Cephes Mathematical
//! Library, `single/expf.c`.

use super::lanes;

/// Adding this to an `|x| < 2^22` leaves no bit for a fraction: the sum is `x` rounded to the
/// nearest integer, ties to even, which stands in the lowest bits. SSE2 has no rounding
/// instruction; this is exact and the same everywhere.
pub(super) const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23

const LARGEST: f32 = 88.0;
const SMALLEST: f32 = -87.0;
const LN_2_HIGH: f32 = 0.693_359_4; // 355 / 512
const LN_2_LOW: f32 = -2.121_944_4e-4; // ln 2 - 355 / 512

/// `e^x` within 2 units in the last place for `-87 <= x <= 88`. Below it is 0, above it stays at
/// `e^88`; NaN is NaN.
#[inline(always)]
#[must_use]
pub fn exp(x: f32) -> f32 {
    let inside = if x > LARGEST { LARGEST } else { x };
    let inside = if inside < SMALLEST { SMALLEST } else { inside };
    let rounded = inside * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (inside - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let exp_r = (p * (r * r) + r) + 1.0;
    // The lowest bits of `rounded` are n; the shift puts them in the place of the exponent, whose
    // bias is 127.
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    if x < SMALLEST { 0.0 } else { exp_r * power }
}

/// `2^x` for `x <= 0`, within 3e-7 of the value; below -126 it is 0. NaN is NaN. The polynomial is a
/// minimax fit of the relative error over `|r| <= 1/2`.
#[inline(always)]
pub(super) fn exp2(x: f32) -> f32 {
    let rounded = x + ROUND;
    let r = x - (rounded - ROUND);
    let mut p = 1.326_472_5e-3;
    p = p * r + 9.671_514e-3;
    p = p * r + 5.550_733_6e-2;
    p = p * r + 2.402_224_2e-1;
    p = p * r + std::f32::consts::LN_2;
    p = p * r + 1.0;
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    if x < -126.0 { 0.0 } else { p * power }
}

/// The logistic function `1 / (1 + e^-x)`, within 3e-7.
#[inline(always)]
#[must_use]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent, within 3e-7: Cephes' polynomial near zero, `1 - 2 / (e^2|x| + 1)` beyond.
#[inline(always)]
#[must_use]
pub fn tanh(x: f32) -> f32 {
    let z = x * x;
    let mut p = -5.704_988_7e-3;
    p = p * z + 2.063_909e-2;
    p = p * z - 5.373_971_6e-2;
    p = p * z + 1.333_144_2e-1;
    p = p * z - 3.333_328e-1;
    let near = p * z * x + x;
    let far = (1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0)).copysign(x);
    if x.abs() < 0.625 { near } else { far }
}

/// `y[n] += scale * x[n]`. Asserts that the lengths agree.
pub fn add_scaled(y: &mut [f32], x: &[f32], scale: f32) {
    assert_eq!(y.len(), x.len());
    y.iter_mut().zip(x).for_each(|(y, x)| *y += scale * x);
}

/// `y[n] += x[n]`. Asserts that the lengths agree.
pub fn add(y: &mut [f32], x: &[f32]) {
    assert_eq!(y.len(), x.len());
    y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
}

/// Multiplies each row of `x[rows, width]` by `factors[width]`.
pub(super) fn multiply_rows(x: &mut [f32], factors: &[f32]) {
    for row in x.chunks_exact_mut(factors.len()) {
        row.iter_mut().zip(factors).for_each(|(x, f)| *x *= f);
    }
}

/// Whether no element is NaN or infinite.
#[must_use]
pub fn all_finite(x: &[f32]) -> bool {
    // 0 * x is NaN exactly where x is not finite
    lanes::sum(x, |x| x * 0.0) == 0.0
}

/// The numbers of a step of AdamW (Loshchilov and Hutter, <https://arxiv.org/abs/1711.05101>).
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// Decay of the running means of gradients and of their squares.
    pub beta: [f32; 2],
    /// What a value keeps: `1 - rate * weight decay`.
    pub keep: f32,
    /// `rate / (1 - beta[0]^t)`
    pub size: f32,
    /// `sqrt(1 - beta[1]^t)`
    pub root: f32,
    /// Added to the root of the mean square.
    pub epsilon: f32,
}

impl AdamStep {
    /// `m = b0 m + (1 - b0) g`, `v = b1 v + (1 - b1) g^2`,
    /// `value = keep value - size m / (sqrt(v) / root + epsilon)`, element by element. Asserts that the
    /// lengths agree.
    pub fn apply(
        &self,
        values: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
    ) {
        let Self {
            beta: [beta1, beta2],
            keep,
            size,
            root,
            epsilon,
        } = *self;
        let n = values.len();
        assert!(gradient.len() == n && first.len() == n && second.len() == n);
        let moments = first.iter_mut().zip(second);
        for ((value, &g), (m, v)) in values.iter_mut().zip(gradient).zip(moments) {
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *value = *value * keep - size * *m / (v.sqrt() / root + epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn within_two_units_in_the_last_place_of_f64() {
        let mut worst = 0.0f64;
        for i in -870_000..=880_000 {
            let x = i as f32 * 1e-4;
            let expected = f64::from(x).exp();
            let unit = f64::from((expected as f32).next_up() - expected as f32);
            worst = worst.max((f64::from(exp(x)) - expected).abs() / unit);
        }
        assert!(worst < 2.0, "{worst} units");
    }

    #[test]
    fn powers_of_two_are_those_of_f64() {
        for i in -1_260_000..=0 {
            let x = i as f32 * 1e-4;
            let expected = f64::from(x).exp2();
            assert!(
                (f64::from(exp2(x)) - expected).abs() <= 3e-7 * expected,
                "{x}"
            );
        }
        for x in [-126.5, -1e4, -1e30, f32::NEG_INFINITY] {
            assert_eq!(exp2(x).to_bits(), 0, "{x}");
        }
        assert_eq!(exp2(0.0).to_bits(), 1.0f32.to_bits());
        assert!(exp2(f32::NAN).is_nan());
    }

    #[test]
    fn the_ends_are_as_documented() {
        assert_eq!(exp(0.0).to_bits(), 1.0f32.to_bits());
        assert_eq!(exp(-0.0).to_bits(), 1.0f32.to_bits());
        for x in [-87.5, -1e4, -1e30, f32::NEG_INFINITY] {
            assert_eq!(exp(x).to_bits(), 0.0f32.to_bits(), "{x}");
        }
        for x in [89.0, 1e4, f32::INFINITY] {
            assert_eq!(exp(x).to_bits(), exp(88.0).to_bits(), "{x}");
        }
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn sigmoid_and_tanh_are_those_of_f64() {
        for i in -300_000..=300_000 {
            let x = i as f32 * 1e-4;
            let exact = f64::from(x);
            let tanh_off = (f64::from(tanh(x)) - exact.tanh()).abs();
            assert!(tanh_off <= 3e-7 * exact.tanh().abs(), "tanh({x})");
            let expected = 1.0 / (1.0 + (-exact).exp());
            let off = (f64::from(sigmoid(x)) - expected).abs();
            assert!(off <= 3e-7 * expected.max(1e-30), "sigmoid({x})");
        }
        assert!(tanh(f32::NAN).is_nan() && sigmoid(f32::NAN).is_nan());
        assert_eq!(tanh(1e30).to_bits(), 1.0f32.to_bits());
    }

    #[test]
    fn sums_of_slices_and_what_is_finite() {
        let mut y = [1.0f32, -2.0, 3.0];
        add_scaled(&mut y, &[2.0, 4.0, -6.0], 0.5);
        add(&mut y, &[1.0, 1.0, 1.0]);
        assert_eq!(y.map(f32::to_bits), [3.0f32, 1.0, 1.0].map(f32::to_bits));
        let mut x = [1.0f32, 2.0, 3.0, 4.0];
        multiply_rows(&mut x, &[2.0, -1.0]);
        assert_eq!(
            x.map(f32::to_bits),
            [2.0f32, -2.0, 6.0, -4.0].map(f32::to_bits)
        );
        for len in 0..20 {
            assert!(all_finite(&vec![f32::MAX; len]));
            for at in 0..len {
                for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    let mut x = vec![-3e38; len];
                    x[at] = value;
                    assert!(!all_finite(&x), "{value} at {at} of {len}");
                }
            }
        }
    }
}
