//! Strassen's product of 2 x 2 blocks with seven multiplications instead of eight (Strassen 1969,
//! <https://doi.org/10.1007/BF02165411>).
//!
//! For integers it is exact: sums of two activations have 13 bits and sums of two weights 9, which
//! the 16-bit lanes of the tile hold, and what overflows 32 bits on the way comes back, since
//! addition and multiplication modulo 2^32 are those of a ring and the result itself fits. So it
//! gives the bits of the plain product and saves an eighth of the work.
//!
//! With `a` the rows, halved into upper and lower rows and first and second inputs, and `b` the
//! transposed weight, halved into first and second inputs and left and right outputs:
//!
//! | | left operand | right operand |
//! | --- | --- | --- |
//! | m1 | a11 + a22 | b11 + b22 |
//! | m2 | a21 + a22 | b11 |
//! | m3 | a11 | b12 - b22 |
//! | m4 | a22 | b21 - b11 |
//! | m5 | a11 + a12 | b22 |
//! | m6 | a21 - a11 | b11 + b12 |
//! | m7 | a12 - a22 | b21 + b22 |
//!
//! c11 = m1 + m4 - m5 + m7, c12 = m3 + m5, c21 = m2 + m4, c22 = m1 - m2 + m3 + m6.
//!
//! Activations are combined when they are quantised, weights as they are widened for a block of rows,
//! and results tile by tile, in registers.

use super::tiles::{COLS, GROUP, Sums};

/// Multiplications.
pub(super) const OPERANDS: usize = 7;

/// The quadrants of a matrix: 11, 12, 21, 22.
pub(super) type Quadrants<'a> = [&'a [i16]; 4];

/// A quadrant, or a sum or difference of two.
pub(super) enum Operand {
    One(usize),
    Sum(usize, usize),
    Difference(usize, usize),
}

use Operand::{Difference, One, Sum};

/// The left operands, of the activations' quadrants.
pub(super) const LEFT: [Operand; OPERANDS] = [
    Sum(0, 3),
    Sum(2, 3),
    One(0),
    One(3),
    Sum(0, 1),
    Difference(2, 0),
    Difference(1, 3),
];

/// The right operands, of the weight's quadrants.
pub(super) const RIGHT: [Operand; OPERANDS] = [
    Sum(0, 3),
    One(0),
    Difference(1, 3),
    Difference(2, 0),
    One(3),
    Sum(0, 1),
    Sum(2, 3),
];

impl Operand {
    /// Computes it from the quadrants, all of one length.
    #[inline(always)]
    pub(super) fn write(&self, quadrants: Quadrants<'_>, to: &mut [i16]) {
        match *self {
            One(a) => to.copy_from_slice(quadrants[a]),
            Sum(a, b) => {
                let pairs = quadrants[a].iter().zip(quadrants[b]);
                to.iter_mut()
                    .zip(pairs)
                    .for_each(|(to, (a, b))| *to = a + b);
            }
            Difference(a, b) => {
                let pairs = quadrants[a].iter().zip(quadrants[b]);
                to.iter_mut()
                    .zip(pairs)
                    .for_each(|(to, (a, b))| *to = a - b);
            }
        }
    }
}

/// The quadrants of the product, from the seven products.
#[inline(always)]
pub(super) fn combine(m: &[Sums<i32>; OPERANDS]) -> [Sums<i32>; 4] {
    let mut c = [[[0; COLS]; GROUP]; 4];
    for r in 0..GROUP {
        for i in 0..COLS {
            let [m1, m2, m3, m4, m5, m6, m7] = [0, 1, 2, 3, 4, 5, 6].map(|k: usize| m[k][r][i]);
            c[0][r][i] = m1.wrapping_add(m4).wrapping_sub(m5).wrapping_add(m7);
            c[1][r][i] = m3.wrapping_add(m5);
            c[2][r][i] = m2.wrapping_add(m4);
            c[3][r][i] = m1.wrapping_sub(m2).wrapping_add(m3).wrapping_add(m6);
        }
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn seven_products_make_the_four_blocks() {
        let value = |operand: &Operand, x: [i32; 4]| match *operand {
            One(a) => x[a],
            Sum(a, b) => x[a] + x[b],
            Difference(a, b) => x[a] - x[b],
        };
        for seed in 0..81i32 {
            let digit = |n: u32| seed / 3i32.pow(n) % 3 - 1;
            let a = [digit(0), 5, digit(1), -7];
            let b = [digit(2), 3, 11, digit(3)];
            let mut m = [[[0; COLS]; GROUP]; OPERANDS];
            for (m, (left, right)) in m.iter_mut().zip(LEFT.iter().zip(&RIGHT)) {
                m[2][5] = value(left, a) * value(right, b);
            }
            let c = combine(&m).map(|c| c[2][5]);
            let product = |r: usize, i: usize| a[2 * r] * b[i] + a[2 * r + 1] * b[2 + i];
            assert_eq!(
                c,
                [product(0, 0), product(0, 1), product(1, 0), product(1, 1)]
            );
        }
    }

    #[test]
    fn overflow_comes_back() {
        let mut m = [[[i32::MAX; COLS]; GROUP]; OPERANDS];
        m[4] = [[i32::MAX - 5; COLS]; GROUP];
        m[6] = [[i32::MIN; COLS]; GROUP];
        // MAX + MAX - (MAX - 5) + MIN
        assert_eq!(combine(&m)[0][0][0], 4);
    }
}
