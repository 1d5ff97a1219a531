//! The backward of an integer layer in integers: the gradient of the output is rounded to 12 bits per
//! row, as the forward rounds its input.

use super::gemm_int8::linear_int8;
use super::pack_int8::PackedInt8;
use super::tiles::COLS;
use super::{Variant, elementwise};

/// The transpose of a [`PackedInt8`], for the gradient with respect to the input of its layer. It takes
/// about as much memory as the weight.
#[derive(Clone, Debug)]
pub struct TurnedInt8 {
    /// `W^T[in, out]`, all of whose scales are 1.
    turned: PackedInt8,
    /// The scales of `W`, `[out]`.
    scales: Vec<f32>,
}

impl TurnedInt8 {
    /// The transpose of `weight`; nothing if it has more output features than the integer product can
    /// sum up ([`PackedInt8::MAX_IN`]).
    #[must_use]
    pub fn of(weight: &PackedInt8) -> Option<Self> {
        let (out, in_) = (weight.out_features(), weight.in_features());
        if out > PackedInt8::MAX_IN {
            return None;
        }
        let mut turned = vec![0; in_ * out];
        for (o, i) in
            (0..out.div_ceil(COLS)).flat_map(|o| (0..in_.div_ceil(COLS)).map(move |i| (o, i)))
        {
            let block = weight.block(o, i);
            let rows = turned.chunks_exact_mut(out).skip(i * COLS).take(COLS);
            for (column, row) in rows.enumerate() {
                for (at, to) in row[o * COLS..].iter_mut().take(COLS).enumerate() {
                    // the integers of a packed weight are of 8 bits
                    *to = block[(column / 2 * COLS + at) * 2 + column % 2] as i8;
                }
            }
        }
        Some(Self {
            turned: PackedInt8::pack_as(weight.layout(), &turned, &vec![1.0; in_], in_, out),
            scales: weight.scales().to_vec(),
        })
    }

    /// Memory taken, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.turned.bytes() + size_of_val(self.scales.as_slice())
    }

    /// The gradient of [`linear_int8`] with respect to its input: `dx[rows, in] = g[rows, out] * w`, with
    /// `g[o] = dy[o] * w_scale[o]`, which is rounded to 12 bits per row as [`linear_int8`] rounds its
    /// input. `dy` is multiplied by the scales in place.
    ///
    /// An element of `g` is off by at most half of a 2047th of the largest of its row. Every variant
    /// gives the same bits. Asserts that the lengths agree and that the variant is available; no rows
    /// does nothing.
    pub fn backward(&self, variant: Variant, dy: &mut [f32], dx: &mut [f32]) {
        elementwise::multiply_rows(dy, &self.scales);
        linear_int8(variant, dy, &self.turned, None, dx);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Random, SIZES, assert_same_bits};
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn check(random: &mut Random, rows: usize, in_: usize, out: usize) {
        let (w, scales) = (random.int8(out * in_), random.vec(out, 1e-2));
        let turned = TurnedInt8::of(&PackedInt8::pack(&w, &scales, out, in_)).unwrap();
        let dy = random.vec(rows * out, 2.0);
        let mut all = Vec::new();
        for variant in Variant::available() {
            let (mut g, mut dx) = (dy.clone(), vec![f32::NAN; rows * in_]);
            turned.backward(variant, &mut g, &mut dx);
            for (row, dx) in dx.chunks_exact(in_).enumerate() {
                let dy = &dy[row * out..][..out];
                let g: Vec<f64> = { dy.iter().zip(&scales) }
                    .map(|(dy, s)| f64::from(dy * s))
                    .collect();
                let step = g.iter().fold(0.0f64, |max, g| max.max(g.abs())) / 2047.0;
                for (i, &dx) in dx.iter().enumerate() {
                    let column = || w.iter().skip(i).step_by(in_).map(|&w| f64::from(w));
                    let exact: f64 = column().zip(&g).map(|(w, g)| w * g).sum();
                    let bound = 0.501 * step * column().map(f64::abs).sum::<f64>() + 1e-6;
                    let off = (f64::from(dx) - exact).abs();
                    assert!(
                        off <= bound,
                        "dx[{row}][{i}] is off by {off}, bound {bound}"
                    );
                }
            }
            all.push(dx);
        }
        all.iter().for_each(|dx| assert_same_bits(dx, &all[0]));
    }

    #[test]
    fn it_is_the_gradient_within_the_rounding_of_dy() {
        let mut random = Random::new(60);
        for n in SIZES {
            for m in SIZES {
                check(&mut random, 3, n, m);
            }
        }
        for rows in [1, 63, 64, 129] {
            check(&mut random, rows, 33, 41);
        }
    }

    #[test]
    fn rows_of_zeros_and_rows_that_are_not_finite_keep_to_themselves() {
        let mut random = Random::new(61);
        let (rows, in_, out) = (5, 9, 12);
        let packed = PackedInt8::pack(&random.int8(out * in_), &random.vec(out, 1.0), out, in_);
        let turned = TurnedInt8::of(&packed).unwrap();
        assert!(turned.bytes() >= in_ * out);
        let mut dy = random.vec(rows * out, 1.0);
        dy[..out].fill(0.0);
        dy[2 * out + 3] = f32::NAN;
        for variant in Variant::available() {
            let (mut g, mut dx) = (dy.clone(), vec![1.0; rows * in_]);
            turned.backward(variant, &mut g, &mut dx);
            assert!(dx[..in_].iter().all(|&dx| dx == 0.0));
            for (row, dx) in dx.chunks(in_).enumerate() {
                assert!(dx.iter().all(|dx| dx.is_nan() == (row == 2)));
            }
        }
    }

    #[test]
    fn a_weight_with_too_many_outputs_has_none() {
        let out = PackedInt8::MAX_IN + 1;
        assert!(
            TurnedInt8::of(&PackedInt8::pack(&vec![1; out], &vec![1.0; out], out, 1)).is_none()
        );
    }
}
