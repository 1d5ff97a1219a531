//! What the tests of the kernels share: random numbers that never change, the sizes worth trying,
//! f64 witnesses.

/// Below, at, above and across the tile.
pub(super) const SIZES: [usize; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 31, 33, 64, 65];

/// SplitMix64 (Steele et al., 2014).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `-size..size`.
    pub(super) fn vec(&mut self, n: usize, size: f32) -> Vec<f32> {
        let unit = |bits: u64| (bits >> 40) as f32 / (1 << 23) as f32 - 1.0;
        (0..n).map(|_| unit(self.next()) * size).collect()
    }

    /// As [`vec`](Self::vec), with what kernels stumble over mixed in: zeros of both signs, tiny
    /// and large elements.
    pub(super) fn nasty(&mut self, n: usize) -> Vec<f32> {
        let mut x = self.vec(n, 2.0);
        for x in &mut x {
            match self.next() % 16 {
                0 => *x = 0.0,
                1 => *x = -0.0,
                2 => *x *= 1e-38,
                3 => *x *= 1e-20,
                4 => *x *= 1e6,
                _ => {}
            }
        }
        x
    }

    /// Uniform in -127..=127.
    pub(super) fn int8(&mut self, n: usize) -> Vec<i8> {
        (0..n)
            .map(|_| (self.next() % 255) as i64 as i8)
            .map(|q| if q == -128 { 0 } else { q })
            .collect()
    }
}

pub(super) fn doubles_of(x: &[f32]) -> Vec<f64> {
    x.iter().copied().map(f64::from).collect()
}

/// Element by element, within `tolerance` times the largest expected magnitude (or 1, if that is
/// less).
#[track_caller]
pub(super) fn assert_close(got: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    let size = expected.iter().fold(1.0, |size: f64, e| size.max(e.abs()));
    for (i, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(got) - expected).abs();
        assert!(
            error <= tolerance * size,
            "element {i}: {got}, not {expected}"
        );
    }
}

/// Element by element, the same bits.
#[track_caller]
pub(super) fn assert_same_bits(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert_eq!(a.to_bits(), b.to_bits(), "element {i}: {a} and {b}");
    }
}

/// The gradient of `sum(dy * f(x))` with respect to `x`, by central differences.
pub(super) fn slopes(x: &[f64], dy: &[f32], f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let weighted = |x: &[f64]| -> f64 {
        let y = f(x);
        assert_eq!(y.len(), dy.len());
        y.iter().zip(dy).map(|(y, &dy)| y * f64::from(dy)).sum()
    };
    let mut at = x.to_vec();
    (0..x.len())
        .map(|i| {
            let h = 1e-5;
            at[i] = x[i] + h;
            let above = weighted(&at);
            at[i] = x[i] - h;
            let below = weighted(&at);
            at[i] = x[i];
            (above - below) / (2.0 * h)
        })
        .collect()
}

/// The complementary error function in f64: the Taylor series of erf near zero, Laplace's continued
/// fraction beyond.
pub(super) fn erfc(x: f64) -> f64 {
    let z = x.abs();
    let two_over_root_pi = std::f64::consts::FRAC_2_SQRT_PI;
    let tail = if z < 3.0 {
        let (mut term, mut sum, mut n) = (z, z, 0.0);
        while term.abs() > 1e-18 * sum.abs() {
            n += 1.0;
            term *= -z * z / n;
            sum += term / (2.0 * n + 1.0);
        }
        1.0 - two_over_root_pi * sum
    } else {
        let mut fraction = z;
        for n in (1..100).rev() {
            fraction = z + f64::from(n) / 2.0 / fraction;
        }
        0.5 * two_over_root_pi * (-z * z).exp() / fraction
    };
    if x < 0.0 { 2.0 - tail } else { tail }
}
