//! Operands in the order in which the micro-kernels read them (see `tiles`).
//!
//! A weight is packed once, when it is loaded, and only the packed form is kept. Whatever a panel
//! lacks in rows or columns is padded, and the sums of the padding are thrown away.

use super::tiles::COLS;

/// A frozen f32 weight, packed. Every element takes four bytes, plus the padding of `out` to a
/// multiple of 8.
#[derive(Clone, Debug)]
pub struct PackedF32 {
    /// `[ceil(out / 8)][in][8]`
    panels: Vec<f32>,
    out: usize,
    in_: usize,
}

impl PackedF32 {
    /// Packs `weight[out, in]`. Asserts the length and that no axis is 0.
    pub fn pack(weight: &[f32], out: usize, in_: usize) -> Self {
        assert!(out > 0 && in_ > 0);
        assert_eq!(weight.len(), out * in_);
        let mut panels = vec![0.0; out.div_ceil(COLS) * in_ * COLS];
        let padding = vec![0.0; in_];
        let row = |o| {
            if o < out {
                &weight[o * in_..][..in_]
            } else {
                &padding[..]
            }
        };
        row_panels::<COLS>(in_, row, &mut panels);
        Self { panels, out, in_ }
    }

    /// Output features.
    pub fn out_features(&self) -> usize {
        self.out
    }

    /// Input features.
    pub fn in_features(&self) -> usize {
        self.in_
    }

    /// The panels, `[ceil(out / 8)][in][8]`; columns beyond `out` are zero.
    pub fn panels(&self) -> &[f32] {
        &self.panels
    }

    /// Memory taken, in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(self.panels.as_slice())
    }

    /// The weight as it was, `[out, in]`.
    pub fn unpack(&self) -> Vec<f32> {
        let mut weight = vec![0.0; self.out * self.in_];
        for (o, row) in weight.chunks_exact_mut(self.in_).enumerate() {
            let panel = &self.panels[o / COLS * self.in_ * COLS..];
            for (value, column) in row.iter_mut().zip(panel.as_chunks::<COLS>().0) {
                *value = column[o % COLS];
            }
        }
        weight
    }

    /// One panel, `[in][8]`.
    pub(super) fn panel(&self, index: usize) -> &[f32] {
        let len = self.in_ * COLS;
        &self.panels[index * len..][..len]
    }
}

/// Packs rows of `width`, as many as `packed` has room for, in panels of `N`: `[panel][width][N]`.
/// With `N` = `ROWS` they are activations, with `N` = `COLS` the columns of a weight, in a
/// product with the transpose.
///
/// `row` is also asked for the rows that fill up the last panel; whatever it answers only reaches
/// sums that are thrown away.
#[inline(always)]
pub(super) fn row_panels<'a, const N: usize>(
    width: usize,
    row: impl Fn(usize) -> &'a [f32],
    packed: &mut [f32],
) {
    for (index, panel) in packed.chunks_exact_mut(width * N).enumerate() {
        let rows = std::array::from_fn(|r| &row(index * N + r)[..width]);
        interleave::<f32, N>(rows, panel.as_chunks_mut().0);
    }
}

/// `[row][i]` to `[i][row]`, in blocks that the compiler turns into shuffles of registers.
#[inline(always)]
pub(super) fn interleave<T: Copy, const N: usize>(rows: [&[T]; N], to: &mut [[T; N]]) {
    const BLOCK: usize = 4;
    let blocks = rows.map(|row| row.as_chunks::<BLOCK>());
    let (whole, tail) = to.as_chunks_mut::<BLOCK>();
    for (index, to) in whole.iter_mut().enumerate() {
        let from: [[T; BLOCK]; N] = blocks.map(|(whole, _)| whole[index]);
        for i in 0..BLOCK {
            for r in 0..N {
                to[i][r] = from[r][i];
            }
        }
    }
    for (i, to) in tail.iter_mut().enumerate() {
        *to = blocks.map(|(_, rest)| rest[i]);
    }
}

/// Packs `n` rows of `width` in panels of `N` columns: `[ceil(width / N)][n][N]`. With `N` =
/// `COLS` they are the rows of a weight, with `N` = `ROWS` the transpose of the activations.
/// The columns missing from the last panel are zero.
#[inline(always)]
pub(super) fn column_panels<'a, const N: usize>(
    n: usize,
    width: usize,
    row: impl Fn(usize) -> &'a [f32],
    packed: &mut [f32],
) {
    for (index, panel) in packed
        .chunks_exact_mut(n * N)
        .take(width.div_ceil(N))
        .enumerate()
    {
        for (i, group) in panel.as_chunks_mut::<N>().0.iter_mut().enumerate() {
            let row = &row(i)[index * N..width];
            if let Some(row) = row.first_chunk() {
                *group = *row;
            } else {
                *group = [0.0; N];
                group[..row.len()].copy_from_slice(row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Random, SIZES};
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn f32_comes_back_and_is_padded_with_zeros() {
        let mut random = Random::new(8);
        for (out, in_) in SIZES.iter().flat_map(|&out| SIZES.map(|in_| (out, in_))) {
            let weight = random.vec(out * in_, 1.0);
            let packed = PackedF32::pack(&weight, out, in_);
            assert_eq!((packed.out_features(), packed.in_features()), (out, in_));
            assert_eq!(packed.unpack(), weight);
            assert_eq!(packed.bytes(), out.next_multiple_of(8) * in_ * 4);
            for (i, &value) in packed.panels().iter().enumerate() {
                let (o, i) = (i / (in_ * 8) * 8 + i % 8, i / 8 % in_);
                let expected = if o < out { weight[o * in_ + i] } else { 0.0 };
                assert_eq!(value.to_bits(), expected.to_bits());
            }
        }
    }
}
