//! Fourier transforms of any length.

use std::sync::Arc;

use rustfft::algorithm::butterflies::{Butterfly4, Butterfly5};
use rustfft::algorithm::{Dft, MixedRadix};
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftDirection};

const FORWARD: FftDirection = FftDirection::Forward;

/// The powers of the spectra of two frames of the same length, computed as one complex transform.
///
/// `rustfft`'s planner would choose among all its algorithms, which adds 80 KB to a wasm module. Only those that make a
/// length of small factors fast are used here: 400 = 4 · 4 · 5 · 5. A length with another prime factor `p` is right too,
/// in time `p²`.
pub(super) struct Powers {
    transform: Arc<dyn Fft<f64>>,
    buffer: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
}

/// The transform of a length, the product of the transforms of its factors.
pub(super) fn transform(length: usize) -> Arc<dyn Fft<f64>> {
    let factors = factors(length);
    let small = factors.into_iter().map(|factor| -> Arc<dyn Fft<f64>> {
        match factor {
            4 => Arc::new(Butterfly4::new(FORWARD)),
            5 => Arc::new(Butterfly5::new(FORWARD)),
            other => Arc::new(Dft::new(other, FORWARD)),
        }
    });
    let product = small.reduce(|a, b| Arc::new(MixedRadix::new(a, b)));
    product.unwrap_or_else(|| Arc::new(Dft::new(length, FORWARD)))
}

/// The prime factors of a number, with 4 for two times 2.
fn factors(mut number: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut factor = 4;
    while number > 1 {
        if number.is_multiple_of(factor) {
            found.push(factor);
            number /= factor;
        } else {
            factor = match factor {
                4 => 2,
                2 => 3,
                odd if odd * odd > number => number,
                odd => odd + 2,
            };
        }
    }
    found
}

impl Powers {
    pub(super) fn new(transform: &Arc<dyn Fft<f64>>) -> Self {
        let zeros = |count: usize| vec![Complex::default(); count];
        Self {
            buffer: zeros(transform.len()),
            scratch: zeros(transform.get_inplace_scratch_len()),
            transform: Arc::clone(transform),
        }
    }

    /// The powers `[bins]` of two frames, weighted by a window. There are `length / 2 + 1` bins.
    pub(super) fn of(&mut self, frames: [&[f64]; 2], window: &[f64], powers: [&mut [f64]; 2]) {
        let pairs = frames[0].iter().zip(frames[1]).zip(window);
        for (to, ((a, b), weight)) in self.buffer.iter_mut().zip(pairs) {
            *to = Complex::new(a * weight, b * weight);
        }
        self.transform
            .process_with_scratch(&mut self.buffer, &mut self.scratch);
        let length = self.buffer.len();
        let [of_a, of_b] = powers;
        for (bin, (a, b)) in of_a.iter_mut().zip(of_b).enumerate() {
            // the spectrum of a real frame is its own mirrored conjugate
            let (z, mirrored) = (
                self.buffer[bin],
                self.buffer[(length - bin) % length].conj(),
            );
            *a = (z + mirrored).norm_sqr() / 4.0;
            *b = (z - mirrored).norm_sqr() / 4.0;
        }
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss)]
mod tests {
    use super::*;

    #[test]
    fn factors_of_numbers() {
        assert_eq!(factors(400), [4, 4, 5, 5]);
        assert_eq!(factors(512), [4, 4, 4, 4, 2]);
        assert_eq!(factors(2 * 3 * 7 * 7 * 31), [2, 3, 7, 7, 31]);
        assert_eq!(factors(401), [401]);
        assert_eq!(factors(1), [0; 0]);
        for number in 1..=8_192 {
            assert_eq!(factors(number).iter().product::<usize>(), number);
        }
    }

    #[test]
    fn powers_are_those_of_the_definition() {
        for length in [1, 2, 16, 25, 400, 401, 434] {
            let frame = |seed: f64| -> Vec<f64> {
                let value = |at: usize| (seed * (at * at) as f64 + at as f64).sin();
                (0..length).map(value).collect()
            };
            let (a, b) = (frame(0.37), frame(0.71));
            let window: Vec<f64> = (0..length).map(|at| 1.0 + at as f64 / 100.0).collect();
            let bins = length / 2 + 1;
            let (mut of_a, mut of_b) = (vec![0.0; bins], vec![0.0; bins]);
            let mut powers = Powers::new(&transform(length));
            powers.of([&a, &b], &window, [&mut of_a, &mut of_b]);
            for (frame, found) in [(&a, &of_a), (&b, &of_b)] {
                for (bin, found) in found.iter().enumerate() {
                    let turn = -std::f64::consts::TAU * bin as f64 / length as f64;
                    let values = frame.iter().zip(&window).enumerate();
                    let terms =
                        values.map(|(at, (x, w))| Complex::from_polar(x * w, turn * at as f64));
                    let expected = terms.sum::<Complex<f64>>().norm_sqr();
                    let off = (found - expected).abs();
                    assert!(
                        off < 1e-8 * (1.0 + expected),
                        "{length}: {found} {expected}"
                    );
                }
            }
        }
    }
}
