//! The products of LoRA: a rank that is small beside the width. What grows from the rank to a width is
//! added where it belongs, without a buffer of its own, and the sums over rows read the activations
//! where they lie: packing them would cost as much as the product. Both are one source that never fuses
//! multiplication and addition; the product that shrinks a width to the rank is [`matmul`].

use super::Variant;
use super::matmul::{Matrix, matmul};
use super::tiles::COLS;

/// Rows that are worked on at once.
const ROWS: usize = 4;

/// The matrices of an update `x A^T B^T * scale`.
#[derive(Clone, Copy, Debug)]
pub struct LowRank<'a> {
    /// `A[rank, in]`
    pub a: &'a [f32],
    /// `B[out, rank]`
    pub b: &'a [f32],
    /// Rank of the update; not 0.
    pub rank: usize,
    /// What the update is multiplied by.
    pub scale: f32,
}

/// Where [`LowRank::backward`] puts the gradients. It adds to `dx` and overwrites the others.
#[derive(Debug)]
pub struct LowRankGradients<'a> {
    /// `[rows, in]`; none if nobody needs it.
    pub dx: Option<&'a mut [f32]>,
    /// `[rank, in]`
    pub da: &'a mut [f32],
    /// `[out, rank]`
    pub db: &'a mut [f32],
}

impl LowRank<'_> {
    /// `h = x A^T` and `y += scale * h B^T`, with `x[rows, in]`, `h[rows, rank]`, `y[rows, out]`.
    ///
    /// Variants agree within the rounding of a sum over `in`. Asserts that the lengths agree and that the
    /// variant is available.
    pub fn add(&self, variant: Variant, x: &[f32], h: &mut [f32], y: &mut [f32]) {
        let (in_, out) = self.features();
        self.check(x, h, y);
        matmul(
            variant,
            Matrix::new(x, in_),
            Matrix::new(self.a, in_).t(),
            h,
        );
        let b = panels(self.rank, out, |r, o| self.b[o * self.rank + r]);
        grow(h, self.rank, &b, self.scale, y, out);
    }

    /// The gradients for `dy[rows, out]`, with `x` and `h` as they were in [`add`](Self::add):
    /// `dh = scale * dy B`, `dx += dh A`, `dA = dh^T x`, `dB = scale * dy^T h`.
    ///
    /// Variants agree within the rounding of a sum over `out`. Asserts that the lengths agree and that
    /// the variant is available.
    pub fn backward(
        &self,
        variant: Variant,
        x: &[f32],
        h: &[f32],
        dy: &[f32],
        gradients: LowRankGradients<'_>,
    ) {
        let LowRankGradients { dx, da, db } = gradients;
        let (in_, out) = self.features();
        self.check(x, h, dy);
        assert_eq!((da.len(), db.len()), (self.a.len(), self.b.len()));
        let mut dh = vec![0.0; h.len()];
        let b = Matrix::new(self.b, self.rank);
        matmul(variant, Matrix::new(dy, out), b, &mut dh);
        dh.iter_mut().for_each(|dh| *dh *= self.scale);
        if let Some(dx) = dx {
            assert_eq!(dx.len(), x.len());
            let a = panels(self.rank, in_, |r, i| self.a[r * in_ + i]);
            grow(&dh, self.rank, &a, 1.0, dx, in_);
        }
        outer(&dh, self.rank, x, in_, da);
        let mut turned_db = vec![0.0; db.len()];
        outer(h, self.rank, dy, out, &mut turned_db);
        for (o, row) in db.chunks_exact_mut(self.rank).enumerate() {
            for (r, db) in row.iter_mut().enumerate() {
                *db = turned_db[r * out + o] * self.scale;
            }
        }
    }

    /// `(in, out)`
    fn features(&self) -> (usize, usize) {
        (self.a.len() / self.rank, self.b.len() / self.rank)
    }

    fn check(&self, x: &[f32], h: &[f32], y: &[f32]) {
        let ((in_, out), rows) = (self.features(), h.len() / self.rank);
        assert!(in_ > 0 && out > 0);
        assert_eq!(
            (self.a.len(), self.b.len()),
            (self.rank * in_, self.rank * out)
        );
        assert_eq!((x.len(), y.len()), (rows * in_, rows * out));
        assert_eq!(h.len(), rows * self.rank);
    }
}

/// A matrix `[n, width]` in panels of eight columns, `[ceil(width / 8)][n][8]`; columns beyond `width` are
/// zero.
fn panels(n: usize, width: usize, value: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let mut panels = vec![0.0; width.div_ceil(COLS) * n * COLS];
    for (index, panel) in panels.chunks_exact_mut(n * COLS).enumerate() {
        let columns = COLS.min(width - index * COLS);
        for (i, group) in panel.as_chunks_mut::<COLS>().0.iter_mut().enumerate() {
            for (c, to) in group[..columns].iter_mut().enumerate() {
                *to = value(i, index * COLS + c);
            }
        }
    }
    panels
}

/// Gives a function the registers of AVX2 where the machine has them. It changes no bit, as nothing is
/// fused.
macro_rules! with_wide_registers {
    ($(#[$doc:meta])* fn $name:ident = $body:ident($($argument:ident: $type:ty),*)) => {
        $(#[$doc])*
        fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn wide($($argument: $type),*) {
                    $body($($argument),*);
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the machine has AVX2.
                    return unsafe { wide($($argument),*) };
                }
            }
            $body($($argument),*);
        }
    };
}

/// Four rows of `x`, of `n` elements each; where there are fewer, the last stands for the others.
#[inline(always)]
fn four_rows(x: &[f32], n: usize) -> [&[f32]; ROWS] {
    let last = x.len() / n - 1;
    std::array::from_fn(|r| &x[r.min(last) * n..][..n])
}

/// Four rows of `n` elements times a panel `[n][8]`. The iterators are what the compiler makes vectors
/// of; indices it does not.
#[inline(always)]
fn tile([a, b, c, d]: [&[f32]; ROWS], panel: &[f32]) -> [[f32; COLS]; ROWS] {
    let mut tile = [[0.0f32; COLS]; ROWS];
    let rows = a.iter().zip(b).zip(c.iter().zip(d));
    for (((a, b), (c, d)), m) in rows.zip(panel.as_chunks::<COLS>().0) {
        add_products(&mut tile, &[*a, *b, *c, *d], m);
    }
    tile
}

#[inline(always)]
fn add_products(tile: &mut [[f32; COLS]; ROWS], a: &[f32; ROWS], b: &[f32; COLS]) {
    for (sums, a) in tile.iter_mut().zip(a) {
        for (sum, b) in sums.iter_mut().zip(b) {
            *sum += a * b;
        }
    }
}

with_wide_registers! {
    /// `y[rows, n] += scale * h[rows, rank] M`, with the panels of `M[rank, n]`.
    fn grow = grow_of(h: &[f32], rank: usize, m: &[f32], scale: f32, y: &mut [f32], n: usize)
}

#[inline(always)]
fn grow_of(h: &[f32], rank: usize, m: &[f32], scale: f32, y: &mut [f32], n: usize) {
    for (h, y) in h.chunks(ROWS * rank).zip(y.chunks_mut(ROWS * n)) {
        let rows = four_rows(h, rank);
        for (index, panel) in m.chunks_exact(rank * COLS).enumerate() {
            let sums = tile(rows, panel);
            for (y, sums) in y.chunks_exact_mut(n).zip(&sums) {
                let y = &mut y[index * COLS..];
                if let Some(y) = y.first_chunk_mut::<COLS>() {
                    y.iter_mut()
                        .zip(sums)
                        .for_each(|(y, sum)| *y += scale * sum);
                } else {
                    y.iter_mut()
                        .zip(sums)
                        .for_each(|(y, sum)| *y += scale * sum);
                }
            }
        }
    }
}

/// Rows whose `x` stays in the second-level cache while all columns are summed.
const BLOCK: usize = 64;

with_wide_registers! {
    /// `d[rank, n] = h^T x`, with `h[rows, rank]` and `x[rows, n]`. Sums run over blocks of rows.
    fn outer = outer_of(h: &[f32], rank: usize, x: &[f32], n: usize, d: &mut [f32])
}

#[inline(always)]
fn outer_of(h: &[f32], rank: usize, x: &[f32], n: usize, d: &mut [f32]) {
    d.fill(0.0);
    let mut fours = [[0.0f32; ROWS]; BLOCK];
    for (h, x) in h.chunks(BLOCK * rank).zip(x.chunks(BLOCK * n)) {
        for first in (0..rank).step_by(ROWS) {
            for (four, h) in fours.iter_mut().zip(h.chunks_exact(rank)) {
                *four = std::array::from_fn(|r| h[(first + r).min(rank - 1)]);
            }
            for column in (0..n).step_by(COLS) {
                let columns = COLS.min(n - column);
                let mut sums = [[0.0f32; COLS]; ROWS];
                if columns == COLS {
                    for (four, x) in fours.iter().zip(x.chunks_exact(n)) {
                        if let Some(x) = x[column..].first_chunk() {
                            add_products(&mut sums, four, x);
                        }
                    }
                } else {
                    for (four, x) in fours.iter().zip(x.chunks_exact(n)) {
                        let mut eight = [0.0; COLS];
                        eight[..columns].copy_from_slice(&x[column..]);
                        add_products(&mut sums, four, &eight);
                    }
                }
                for (r, sums) in (first..rank).zip(&sums) {
                    let d = &mut d[r * n + column..][..columns];
                    d.iter_mut().zip(sums).for_each(|(d, sum)| *d += sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Random, assert_close, assert_same_bits, doubles_of, slopes};
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// `scale * x A^T B^T` in f64.
    fn reference(x: &[f64], a: &[f64], b: &[f64], rank: usize, scale: f64) -> Vec<f64> {
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        let in_ = a.len() / rank;
        let mut y = Vec::new();
        for x in x.chunks_exact(in_) {
            let h: Vec<f64> = a.chunks_exact(in_).map(|a| dot(x, a)).collect();
            y.extend(b.chunks_exact(rank).map(|b| scale * dot(&h, b)));
        }
        y
    }

    fn check(random: &mut Random, rows: usize, in_: usize, out: usize, rank: usize) {
        for variant in Variant::available() {
            check_variant(random, variant, [rows, in_, out, rank]);
        }
    }

    fn check_variant(random: &mut Random, variant: Variant, [rows, in_, out, rank]: [usize; 4]) {
        let [x, y, dy] = [rows * in_, rows * out, rows * out].map(|n| random.vec(n, 1.0));
        let (a, b) = (random.vec(rank * in_, 1.0), random.vec(out * rank, 1.0));
        let update = LowRank {
            a: &a,
            b: &b,
            rank,
            scale: 0.75,
        };
        let (mut h, mut sum) = (vec![f32::NAN; rows * rank], y.clone());
        update.add(variant, &x, &mut h, &mut sum);
        let [x64, a64, b64] = [&x, &a, &b].map(|values| doubles_of(values));
        let mut expected = reference(&x64, &a64, &b64, rank, 0.75);
        expected
            .iter_mut()
            .zip(&y)
            .for_each(|(e, y)| *e += f64::from(*y));
        assert_close(&sum, &expected, 1e-5);

        let before = random.vec(x.len(), 1.0);
        let mut dx = before.clone();
        let (mut da, mut db) = (vec![f32::NAN; a.len()], vec![f32::NAN; b.len()]);
        let gradients = LowRankGradients {
            dx: Some(&mut dx),
            da: &mut da,
            db: &mut db,
        };
        update.backward(variant, &x, &h, &dy, gradients);
        let mut expected = slopes(&x64, &dy, |x| reference(x, &a64, &b64, rank, 0.75));
        expected
            .iter_mut()
            .zip(&before)
            .for_each(|(e, b)| *e += f64::from(*b));
        assert_close(&dx, &expected, 1e-5);
        let expected = slopes(&a64, &dy, |a| reference(&x64, a, &b64, rank, 0.75));
        assert_close(&da, &expected, 1e-5);
        let expected = slopes(&b64, &dy, |b| reference(&x64, &a64, b, rank, 0.75));
        assert_close(&db, &expected, 1e-5);
    }

    #[test]
    fn sums_and_slopes_are_those_of_f64() {
        let mut random = Random::new(70);
        for rank in [1, 2, 3, 4, 8, 9, 13] {
            check(&mut random, 5, 7, 11, rank);
            check(&mut random, 1, 8, 16, rank);
        }
        for (rows, in_, out) in [(4, 1, 1), (3, 17, 2), (66, 3, 9), (130, 2, 5)] {
            check(&mut random, rows, in_, out, 2);
        }
        check(&mut random, 0, 3, 4, 2);
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        let mut random = Random::new(71);
        let (rows, in_, out, rank) = (13, 21, 19, 5);
        let (x, y) = (random.vec(rows * in_, 1.0), random.vec(rows * out, 1.0));
        let (a, b) = (random.vec(rank * in_, 1.0), random.vec(out * rank, 1.0));
        let update = LowRank {
            a: &a,
            b: &b,
            rank,
            scale: 1.5,
        };
        let (mut h, mut all) = (vec![0.0; rows * rank], y.clone());
        update.add(Variant::best(), &x, &mut h, &mut all);
        for row in 0..rows {
            let (mut h, mut one) = (vec![0.0; rank], y[row * out..][..out].to_vec());
            update.add(Variant::best(), &x[row * in_..][..in_], &mut h, &mut one);
            assert_same_bits(&one, &all[row * out..][..out]);
        }
    }
}
