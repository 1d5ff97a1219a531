//! Rows of 4-bit integers in blocks of 32 with one 16-bit float as scale, as GGML's Q4_0: about 4.5 bits an element.

use half::f16;

/// Elements of a block.
pub(super) const BLOCK: usize = 32;
/// Bytes of the codes of a block: element `j` is in the low half of byte `j`, element `j + 16` in the high half.
pub(super) const CODES: usize = BLOCK / 2;

/// A matrix `[rows, width]` in 4 bits. The last block of a row may be longer than the row.
#[derive(Clone, Debug)]
pub(super) struct FourBit {
    width: usize,
    /// `[rows, blocks, 16]`
    codes: Vec<u8>,
    /// `[rows, blocks]`; an element is `(code - 8) * scale`.
    scales: Vec<f16>,
}

impl FourBit {
    /// Takes `codes`: `[rows, blocks, 16]` and `scales`: `[rows, blocks]` as they are.
    ///
    /// # Panics
    /// If they are not of one number of blocks, of whole rows.
    pub(super) fn new(width: usize, codes: Vec<u8>, scales: Vec<f16>) -> Self {
        assert_eq!(codes.len(), scales.len() * CODES);
        assert!(scales.len().is_multiple_of(width.div_ceil(BLOCK)));
        Self {
            width,
            codes,
            scales,
        }
    }

    /// The nearest 4-bit integers of `data`: `[rows, width]`. The largest element of a block becomes -8 times its
    /// scale.
    pub(super) fn quantized(data: &[f32], width: usize) -> Self {
        let (mut codes, mut scales) = (Vec::new(), Vec::new());
        for block in data.chunks_exact(width).flat_map(|row| row.chunks(BLOCK)) {
            let largest =
                block.iter().fold(
                    0.0f32,
                    |largest, &x| {
                        if x.abs() > largest.abs() { x } else { largest }
                    },
                );
            let scale = f16::from_f32(largest / -8.0);
            let inverse = match scale.to_f32() {
                0.0 => 0.0,
                scale => scale.recip(),
            };
            let code = |index: usize| {
                let x = block.get(index).copied().unwrap_or_default() * inverse;
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let code = (x.round() + 8.0).clamp(0.0, 15.0) as u8;
                code
            };
            codes.extend((0..CODES).map(|j| code(j) | code(j + CODES) << 4));
            scales.push(scale);
        }
        Self {
            width,
            codes,
            scales,
        }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Blocks of a row.
    pub(super) fn blocks(&self) -> usize {
        self.width.div_ceil(BLOCK)
    }

    pub(super) fn rows(&self) -> usize {
        self.scales.len() / self.blocks()
    }

    pub(super) fn codes(&self) -> &[u8] {
        &self.codes
    }

    pub(super) fn scales(&self) -> &[f16] {
        &self.scales
    }

    /// Adds row `index`, of which there must be one, to `out`: `[width]`.
    pub(super) fn add_row(&self, index: usize, out: &mut [f32]) {
        let blocks = index * self.blocks()..(index + 1) * self.blocks();
        let codes = self.codes[blocks.start * CODES..blocks.end * CODES].chunks_exact(CODES);
        let scales = &self.scales[blocks];
        for ((out, codes), scale) in out.chunks_mut(BLOCK).zip(codes).zip(scales) {
            let scale = scale.to_f32();
            let low = codes.iter().map(|code| code & 15);
            let high = codes.iter().map(|code| code >> 4);
            for (out, code) in out.iter_mut().zip(low.chain(high)) {
                *out += (f32::from(code) - 8.0) * scale;
            }
        }
    }

    /// `[rows, width]` in 32-bit floats.
    pub(super) fn dequantized(&self) -> Vec<f32> {
        let mut data = vec![0.0; self.rows() * self.width];
        for (index, row) in data.chunks_exact_mut(self.width).enumerate() {
            self.add_row(index, row);
        }
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lie_as_in_ggml() {
        let mut codes = vec![0x88; CODES];
        codes[0] = 0x2f; // element 0 is 15 - 8, element 16 is 2 - 8
        codes[15] = 0x08; // element 15 is 8 - 8, element 31 is 0 - 8
        let rows = FourBit::new(32, codes, vec![f16::from_f32(0.5)]);
        let mut expected = vec![0.0; 32];
        (expected[0], expected[16], expected[31]) = (3.5, -3.0, -4.0);
        assert_eq!(rows.dequantized(), expected);
    }

    #[test]
    fn what_is_on_the_grid_is_kept_and_all_else_is_near() {
        for width in [32, 40, 7, 96] {
            #[allow(clippy::cast_precision_loss)]
            let data: Vec<f32> = (0..3 * width).map(|i| (i as f32 * 0.37).sin()).collect();
            let rows = FourBit::quantized(&data, width);
            assert_eq!((rows.rows(), rows.width()), (3, width));
            let near = rows.dequantized();
            for (x, y) in data.iter().zip(&near) {
                // the side of the largest reaches to 8 steps, the other to 7: a step is off at the most
                assert!((x - y).abs() <= 1.001 / 8.0, "{x} became {y}");
            }
            let again = FourBit::quantized(&near, width);
            for (x, y) in near.iter().zip(again.dequantized()) {
                assert!((x - y).abs() < 1e-3, "{x} became {y}");
            }
        }
        let zeros = FourBit::quantized(&[0.0; 32], 32);
        assert_eq!(zeros.dequantized(), [0.0; 32]);
    }
}
