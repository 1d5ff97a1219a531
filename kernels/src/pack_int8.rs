//! The packed form of an integer weight.

use super::strassen::{OPERANDS, Quadrants, RIGHT};
use super::tiles::{Block, COLS};

/// A frozen weight of 8-bit integers with one scale per output channel, packed by quadrants: one byte
/// an element, plus the padding of `out` and `in` to multiples of 16.
///
/// The tile multiplies 16-bit integers, and `strassen` seven sums of quadrants.
/// Both are made anew for every block of rows, eight outputs at a time: for few rows the product
/// waits for memory, and for many it does not matter.
#[derive(Clone, Debug)]
pub struct PackedInt8 {
    /// `[half out / 8][half of out][half of in][half in / 2][8][2]`
    panels: Vec<i8>,
    scales: Vec<f32>,
    out: usize,
    in_: usize,
}

/// Half of an axis, as whole blocks.
fn half(length: usize) -> usize {
    length.div_ceil(2).next_multiple_of(COLS)
}

impl PackedInt8 {
    /// The most input features whose sum of 8-bit times 12-bit products always fits 32 bits.
    pub const MAX_IN: usize = (i32::MAX / (128 * 2047)) as usize;

    /// Packs `weight[out, in]` with `scales[out]`; the weight is about `weight[o][i] * scales[o]`.
    /// Asserts the lengths, that no axis is 0 and that `in` is at most [`MAX_IN`](Self::MAX_IN).
    pub fn pack(weight: &[i8], scales: &[f32], out: usize, in_: usize) -> Self {
        assert!(out > 0 && in_ > 0 && in_ <= Self::MAX_IN);
        assert_eq!(weight.len(), out * in_);
        assert_eq!(scales.len(), out);
        let (half_out, half_in) = (half(out), half(in_));
        let panel = half_in * COLS;
        let mut panels = vec![0; half_out / COLS * 4 * panel];
        for (o, row) in weight.chunks_exact(in_).enumerate() {
            let (right, o) = (o / half_out, o % half_out);
            let quadrants = &mut panels[o / COLS * 4 * panel..][..4 * panel];
            for (lower, row) in row.chunks(half_in).enumerate() {
                let pairs = quadrants[(2 * right + lower) * panel..]
                    .as_chunks_mut::<2>()
                    .0;
                let column = pairs.iter_mut().skip(o % COLS).step_by(COLS);
                for (pair, values) in column.zip(row.chunks(2)) {
                    pair[..values.len()].copy_from_slice(values);
                }
            }
        }
        Self {
            panels,
            scales: scales.to_vec(),
            out,
            in_,
        }
    }

    /// Output features.
    pub fn out_features(&self) -> usize {
        self.out
    }

    /// Input features.
    pub fn in_features(&self) -> usize {
        self.in_
    }

    /// The integers in the order of memory, padding included.
    pub fn panels(&self) -> &[i8] {
        &self.panels
    }

    /// The scales, `[out]`.
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// Memory taken, in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(self.panels.as_slice()) + size_of_val(self.scales.as_slice())
    }

    /// The weight that the integers stand for, `[out, in]`: integer times scale.
    pub fn unpack_dequantized(&self) -> Vec<f32> {
        let mut weight = vec![0.0; self.out * self.in_];
        for (o, row) in weight.chunks_exact_mut(self.in_).enumerate() {
            for (index, values) in row.chunks_mut(COLS).enumerate() {
                let block = self.block(o / COLS, index);
                for (i, value) in values.iter_mut().enumerate() {
                    let integer = block[(i / 2 * COLS + o % COLS) * 2 + i % 2];
                    *value = f32::from(integer) * self.scales[o];
                }
            }
        }
        weight
    }

    /// Outputs of half of the weight, padded.
    pub(super) fn half_out(&self) -> usize {
        half(self.out)
    }

    /// Inputs of half of the weight, padded.
    pub(super) fn half_in(&self) -> usize {
        half(self.in_)
    }

    /// Room that [`operands`](Self::operands) needs.
    pub(super) fn room(half_in: usize) -> usize {
        (4 + OPERANDS) * half_in * COLS
    }

    /// The quadrants for eight outputs of each half, `[half of out][half of in][half in / 2][8][2]`.
    fn quadrants(&self, index: usize) -> &[i8] {
        let len = 4 * self.half_in() * COLS;
        &self.panels[index * len..][..len]
    }

    /// The integers of eight outputs, `[half in][8][2]`: both halves of the inputs.
    pub(super) fn panel(&self, o: usize) -> &[i8] {
        let (panels, panel) = (self.half_out() / COLS, 2 * self.half_in() * COLS);
        &self.quadrants(o % panels)[o / panels * panel..][..panel]
    }

    /// Builds the seven operands for eight outputs of each half, `[7][half in / 2][8][2]`.
    pub(super) fn operands<'a>(&self, index: usize, room: &'a mut [i16]) -> &'a [i16] {
        let panel = self.half_in() * COLS;
        let (wide, operands) = room.split_at_mut(4 * panel);
        widen(self.quadrants(index), wide);
        // 11, 12, 21, 22 are [half of in][half of out]
        let quadrant = |q: usize| &wide[(q % 2 * 2 + q / 2) * panel..][..panel];
        let quadrants: Quadrants<'_> = std::array::from_fn(quadrant);
        for (operand, to) in RIGHT.iter().zip(operands.chunks_exact_mut(panel)) {
            operand.write(quadrants, to);
        }
        operands
    }

    /// The integers of outputs `8 o..` and inputs `8 i..`, `[input / 2][output][2]`; zeros where there
    /// are none.
    pub(super) fn block(&self, o: usize, i: usize) -> Block<i16> {
        let (panels_out, panels_in) = (self.half_out() / COLS, self.half_in() / COLS);
        let quadrant = o / panels_out * 2 + i / panels_in;
        let start = (quadrant * panels_in + i % panels_in) * COLS * COLS;
        let mut block = [0; COLS * COLS];
        widen(&self.quadrants(o % panels_out)[start..], &mut block);
        block
    }
}

#[inline(always)]
fn widen(narrow: &[i8], wide: &mut [i16]) {
    for (wide, &narrow) in wide.iter_mut().zip(narrow) {
        *wide = i16::from(narrow);
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
            let packed = PackedInt8::pack(&weight, &scales, out, in_);
            assert_eq!((packed.out_features(), packed.in_features()), (out, in_));
            assert_eq!(packed.scales(), scales);
            let padded = out.next_multiple_of(16) * in_.next_multiple_of(16);
            assert_eq!(packed.bytes(), padded + out * 4);
            let dequantized = packed.unpack_dequantized();
            for (k, &value) in dequantized.iter().enumerate() {
                let expected = f32::from(weight[k]) * scales[k / in_];
                assert_eq!(value.to_bits(), expected.to_bits());
            }
        }
    }

    #[test]
    fn blocks_are_padded_with_zeros() {
        let weight = Random::new(10).int8(9 * 21);
        let packed = PackedInt8::pack(&weight, &[1.0; 9], 9, 21);
        for (o, i) in (0..2).flat_map(|o| (0..4).map(move |i| (o, i))) {
            let block = packed.block(o, i);
            for (row, column) in (0..8).flat_map(|row| (0..8).map(move |column| (row, column))) {
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

    #[test]
    fn the_widest_row_cannot_overflow() {
        const { assert!(PackedInt8::MAX_IN >= 8192) };
        assert!(i32::try_from(PackedInt8::MAX_IN as i64 * 128 * 2047).is_ok());
    }
}
