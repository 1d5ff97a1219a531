//! The packed form of an integer weight.

use super::Variant;
use super::tiles::{Block, COLS};

/// How the integers of a weight lie in memory, which decides the instruction that multiplies them.
///
/// Both take one byte an element, and products with either have the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Pairs of inputs, for a multiplication of 16-bit lanes that adds neighbours
    /// (`i32x4.dot_i16x8_s`, `pmaddwd`).
    Pairs,
    /// Four inputs side by side, for the dot product of 8-bit lanes that newer processors have
    /// (`i32x4.relaxed_dot_i8x16_i7x16_add_s`, `vpdpbusd`, `sdot`).
    Quads,
}

impl Layout {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Pairs, Self::Quads];

    /// Neighbouring inputs that one lane of the sums takes at once.
    pub(super) fn inputs(self) -> usize {
        match self {
            Self::Pairs => 2,
            Self::Quads => 4,
        }
    }
}

/// A frozen weight of 8-bit integers with one scale per output channel, packed: one byte an element,
/// plus the padding of `out` and `in` to multiples of 8.
#[derive(Clone, Debug)]
pub struct PackedInt8 {
    layout: Layout,
    /// `[ceil(out / 8)][padded in / n][8][n]`, where n is the layout's number of inputs.
    panels: Vec<i8>,
    /// -16 times the sum of each row, where the sums of [`Layout::Quads`] begin (see
    /// [`tiles`](super::tiles)): `[ceil(out / 8)][8]`.
    starts: Vec<[i32; COLS]>,
    scales: Vec<f32>,
    out: usize,
    in_: usize,
}

impl PackedInt8 {
    /// The most input features whose sum of 8-bit times 12-bit products always fits 32 bits.
    pub const MAX_IN: usize = (i32::MAX / (128 * 2047)) as usize;

    /// Packs `weight[out, in]` with `scales[out]` for the [best](Variant::best) variant; the weight is
    /// about `weight[o][i] * scales[o]`.
    ///
    /// Asserts the lengths, that no axis is 0 and that `in` is at most [`MAX_IN`](Self::MAX_IN).
    pub fn pack(weight: &[i8], scales: &[f32], out: usize, in_: usize) -> Self {
        Self::pack_as(Variant::best().layout(), weight, scales, out, in_)
    }

    /// [`pack`](Self::pack) in the given layout. Every variant multiplies with either, but only that
    /// of its own is fast.
    pub fn pack_as(layout: Layout, weight: &[i8], scales: &[f32], out: usize, in_: usize) -> Self {
        assert!(out > 0 && in_ > 0 && in_ <= Self::MAX_IN);
        assert_eq!(weight.len(), out * in_);
        assert_eq!(scales.len(), out);
        let n = layout.inputs();
        let mut packed = Self {
            layout,
            panels: vec![0; out.next_multiple_of(COLS) * in_.next_multiple_of(COLS)],
            starts: Vec::new(),
            scales: scales.to_vec(),
            out,
            in_,
        };
        let panel = packed.padded_in() * COLS;
        for (o, row) in weight.chunks_exact(in_).enumerate() {
            let panel = &mut packed.panels[o / COLS * panel..][..panel];
            let column = panel.chunks_exact_mut(n).skip(o % COLS).step_by(COLS);
            for (to, values) in column.zip(row.chunks(n)) {
                to[..values.len()].copy_from_slice(values);
            }
        }
        if layout == Layout::Quads {
            packed.starts = vec![[0; COLS]; out.div_ceil(COLS)];
            let starts = packed.starts.as_flattened_mut();
            for (start, row) in starts.iter_mut().zip(weight.chunks_exact(in_)) {
                *start = -16 * row.iter().map(|&w| i32::from(w)).sum::<i32>();
            }
        }
        packed
    }

    /// How the integers lie.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Output features.
    pub fn out_features(&self) -> usize {
        self.out
    }

    /// Input features.
    pub fn in_features(&self) -> usize {
        self.in_
    }

    /// The scales, `[out]`.
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// Memory taken, in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(self.panels.as_slice())
            + size_of_val(self.starts.as_slice())
            + size_of_val(self.scales.as_slice())
    }

    /// The integers, `[out, in]`.
    pub fn unpack(&self) -> Vec<i8> {
        let n = self.layout.inputs();
        let mut weight = vec![0; self.out * self.in_];
        for (o, row) in weight.chunks_exact_mut(self.in_).enumerate() {
            let panel = self.panel(o / COLS);
            let column = panel.chunks_exact(n).skip(o % COLS).step_by(COLS);
            for (values, from) in row.chunks_mut(n).zip(column) {
                values.copy_from_slice(&from[..values.len()]);
            }
        }
        weight
    }

    /// The weight that the integers stand for, `[out, in]`: integer times scale.
    pub fn unpack_dequantized(&self) -> Vec<f32> {
        let integers = self.unpack();
        let rows = integers.chunks_exact(self.in_).zip(&self.scales);
        rows.flat_map(|(row, scale)| row.iter().map(move |&q| f32::from(q) * scale))
            .collect()
    }

    /// Input features, padded.
    pub(super) fn padded_in(&self) -> usize {
        self.in_.next_multiple_of(COLS)
    }

    /// The integers of eight outputs, `[padded in / n][8][n]`.
    pub(super) fn panel(&self, index: usize) -> &[i8] {
        let panel = self.padded_in() * COLS;
        &self.panels[index * panel..][..panel]
    }

    /// Where the sums of a panel begin; [`Layout::Quads`] only.
    pub(super) fn starts(&self, index: usize) -> &[i32; COLS] {
        &self.starts[index]
    }

    /// The integers of outputs `8 o..` and inputs `8 i..`, `[input / 2][output][2]`; zeros where there
    /// are none.
    pub(super) fn block(&self, o: usize, i: usize) -> Block<i16> {
        const N: usize = COLS * COLS;
        let from = &self.panel(o)[i * N..][..N];
        let mut block = [0; N];
        match self.layout {
            Layout::Pairs => {
                for (to, &from) in block.iter_mut().zip(from) {
                    *to = i16::from(from);
                }
            }
            Layout::Quads => {
                let (pairs, _) = block.as_chunks_mut::<2>();
                for (index, quad) in from.as_chunks::<4>().0.iter().enumerate() {
                    let [a, b, c, d] = quad.map(i16::from);
                    let pair = index / COLS * 2 * COLS + index % COLS;
                    pairs[pair] = [a, b];
                    pairs[pair + COLS] = [c, d];
                }
            }
        }
        block
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Random, SIZES};
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn it_comes_back() {
        let mut random = Random::new(9);
        for (out, in_) in SIZES.iter().flat_map(|&out| SIZES.map(|in_| (out, in_))) {
            let weight = random.int8(out * in_);
            let scales = random.vec(out, 1.0);
            let padded = out.next_multiple_of(8) * in_.next_multiple_of(8);
            for (layout, starts) in [(Layout::Pairs, 0), (Layout::Quads, out.next_multiple_of(8))] {
                let packed = PackedInt8::pack_as(layout, &weight, &scales, out, in_);
                assert_eq!((packed.out_features(), packed.in_features()), (out, in_));
                assert_eq!(packed.layout(), layout);
                assert_eq!(packed.scales(), scales);
                assert_eq!(packed.bytes(), padded + 4 * (out + starts));
                assert_eq!(packed.unpack(), weight);
                let dequantized = packed.unpack_dequantized();
                for (k, &value) in dequantized.iter().enumerate() {
                    let expected = f32::from(weight[k]) * scales[k / in_];
                    assert_eq!(value.to_bits(), expected.to_bits());
                }
            }
        }
    }

    #[test]
    fn it_is_packed_for_the_best_variant() {
        let packed = PackedInt8::pack(&[1], &[1.0], 1, 1);
        assert_eq!(packed.layout(), Variant::best().layout());
    }

    #[test]
    fn blocks_are_padded_with_zeros() {
        let weight = Random::new(10).int8(9 * 21);
        for layout in Layout::ALL {
            let packed = PackedInt8::pack_as(layout, &weight, &[1.0; 9], 9, 21);
            for (o, i) in (0..2).flat_map(|o| (0..3).map(move |i| (o, i))) {
                let block = packed.block(o, i);
                for (row, column) in (0..8).flat_map(|row| (0..8).map(move |column| (row, column)))
                {
                    let (o, i) = (o * 8 + row, i * 8 + column);
                    let expected = if o < 9 && i < 21 {
                        weight[o * 21 + i]
                    } else {
                        0
                    };
                    let found = block[(column / 2 * 8 + row) * 2 + column % 2];
                    assert_eq!(found, i16::from(expected), "output {o}, input {i}");
                }
            }
        }
    }

    #[test]
    fn sums_begin_at_minus_sixteen_times_the_row() {
        let packed = PackedInt8::pack_as(Layout::Quads, &[1, 2, -128, -128], &[1.0; 2], 2, 2);
        assert_eq!(packed.starts(0), &[-48, 4096, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn the_widest_row_cannot_overflow() {
        const { assert!(PackedInt8::MAX_IN >= 8192) };
        assert!(i32::try_from(PackedInt8::MAX_IN as i64 * 128 * 2047).is_ok());
    }
}
