//! Products of plain matrices: what adapters and heads multiply by changes with every step, so it
//! is packed as it is read, a panel at a time.

use super::Variant;
use super::gemm_f32::{Finish, Output, Panels, Rows, product, products};
use super::pack::{column_panels, row_panels};
use super::tiles::{COLS, ROWS};

/// A matrix as it lies in memory, `[rows, width]`, or its transpose.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f32],
    width: usize,
    transposed: bool,
}

impl<'a> Matrix<'a> {
    /// `data[rows, width]`. Asserts that the rows are whole and not empty.
    pub fn new(data: &'a [f32], width: usize) -> Self {
        assert!(width > 0 && data.len().is_multiple_of(width));
        Self {
            data,
            width,
            transposed: false,
        }
    }

    /// Its transpose.
    #[must_use]
    pub fn t(self) -> Self {
        Self {
            transposed: !self.transposed,
            ..self
        }
    }

    /// Rows and columns.
    #[must_use]
    pub fn shape(self) -> (usize, usize) {
        let rows = self.data.len() / self.width;
        if self.transposed {
            (self.width, rows)
        } else {
            (rows, self.width)
        }
    }

    fn row(&self, row: usize) -> &'a [f32] {
        &self.data[row * self.width..][..self.width]
    }
}

/// The transpose of a matrix as the left-hand side.
struct Columns<'a>(Matrix<'a>);

impl Rows for Columns<'_> {
    fn shape(&self) -> (usize, usize) {
        self.0.shape()
    }

    fn pack(&self, first: usize, packed: &mut [f32]) {
        let (_, inner) = self.shape();
        let width = self.0.width - first;
        column_panels::<ROWS>(inner, width, |i| &self.0.row(i)[first..], packed);
    }
}

impl Panels for Matrix<'_> {
    fn shape(&self) -> (usize, usize) {
        Matrix::shape(*self)
    }

    fn panel<'a>(&'a self, index: usize, built: &'a mut [f32]) -> &'a [f32] {
        let first = index * COLS;
        let stored_rows = self.data.len() / self.width;
        if self.transposed {
            let row = |row: usize| self.row((first + row).min(stored_rows - 1));
            row_panels::<COLS>(self.width, row, built);
        } else {
            let width = self.width - first;
            column_panels::<COLS>(stored_rows, width, |i| &self.row(i)[first..], built);
        }
        built
    }
}

/// `y[m, n] = a[m, k] * b[k, n]`, either operand transposed or not.
///
/// Sums run over `k` in ascending order. Asserts that the shapes agree and that the variant is
/// available; without rows nothing is done, and the sum over no products is 0.
pub fn matmul(variant: Variant, a: Matrix<'_>, b: Matrix<'_>, y: &mut [f32]) {
    let ((_, inner), (b_inner, _)) = (a.shape(), b.shape());
    assert_eq!(inner, b_inner);
    if inner == 0 || y.is_empty() {
        y.fill(0.0);
        return;
    }
    if a.transposed {
        let output = Output { b, bias: None, y };
        products(variant, &Columns(a), vec![output], Finish::None);
    } else {
        product(variant, a.data, b, y);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Random, SIZES, assert_close};
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// The transpose of `data[rows, width]`.
    fn turned(data: &[f32], width: usize) -> Vec<f32> {
        (0..width)
            .flat_map(|column| data.iter().copied().skip(column).step_by(width))
            .collect()
    }

    fn check(random: &mut Random, m: usize, k: usize, n: usize) {
        let (a, b) = (random.vec(m * k, 1.0), random.vec(k * n, 1.0));
        let mut expected = vec![0.0f64; m * n];
        for (at, sum) in expected.iter_mut().enumerate() {
            for i in 0..k {
                *sum += f64::from(a[at / n * k + i]) * f64::from(b[i * n + at % n]);
            }
        }
        let (a_t, b_t) = (turned(&a, k), turned(&b, n));
        let a = [Matrix::new(&a, k), Matrix::new(&a_t, m).t()];
        let b = [Matrix::new(&b, n), Matrix::new(&b_t, k).t()];
        for variant in Variant::available() {
            for (a, b) in a.iter().flat_map(|a| b.map(|b| (*a, b))) {
                let mut y = vec![f32::NAN; m * n];
                matmul(variant, a, b, &mut y);
                assert_close(&y, &expected, 1e-5);
            }
        }
    }

    #[test]
    fn all_four_ways_agree_with_f64() {
        let mut random = Random::new(50);
        for n in SIZES {
            for m in SIZES {
                check(&mut random, 5, n, m);
                check(&mut random, n, m, 9);
                check(&mut random, n, 3, m);
            }
        }
        check(&mut random, 8, 300, 384);
    }

    #[test]
    fn nothing_to_sum_is_zero() {
        let mut y = [f32::NAN; 6];
        let (a, b) = (Matrix::new(&[], 2).t(), Matrix::new(&[], 3));
        matmul(Variant::Scalar, a, b, &mut y);
        assert!(y.iter().all(|y| y.to_bits() == 0));
        matmul(
            Variant::Scalar,
            Matrix::new(&[], 2),
            Matrix::new(&[1.0; 4], 2),
            &mut [],
        );
    }
}
