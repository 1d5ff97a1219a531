/// A table of vectors, `[rows, width]`, one row per token, position or type.
#[derive(Debug)]
pub(super) enum Rows {
    F32 {
        width: usize,
        data: Vec<f32>,
    },
    /// 8-bit integers with one scale per row.
    Int8 {
        width: usize,
        data: Vec<i8>,
        scales: Vec<f32>,
    },
}

impl Rows {
    /// Adds row `index`, of which there must be one, to `out`: `[width]`.
    pub(super) fn add_row(&self, index: usize, out: &mut [f32]) {
        match self {
            Self::F32 { width, data } => {
                let row = &data[index * width..(index + 1) * width];
                out.iter_mut().zip(row).for_each(|(out, x)| *out += x);
            }
            Self::Int8 {
                width,
                data,
                scales,
            } => {
                let row = &data[index * width..(index + 1) * width];
                let scale = scales[index];
                out.iter_mut()
                    .zip(row)
                    .for_each(|(out, &q)| *out += f32::from(q) * scale);
            }
        }
    }

    pub(super) fn rows(&self) -> usize {
        match self {
            Self::F32 { width, data } => data.len() / width,
            Self::Int8 { scales, .. } => scales.len(),
        }
    }

    /// `[rows, width]` in 32-bit floats.
    pub(super) fn dequantized(&self) -> Vec<f32> {
        let width = match self {
            Self::F32 { width, .. } | Self::Int8 { width, .. } => *width,
        };
        let mut data = vec![0.0; self.rows() * width];
        for (index, row) in data.chunks_exact_mut(width).enumerate() {
            self.add_row(index, row);
        }
        data
    }

    /// Every byte, in order.
    pub(super) fn visit_bytes(&self, visit: &mut dyn FnMut(&[u8])) {
        match self {
            Self::F32 { data, .. } => data.iter().for_each(|x| visit(&x.to_le_bytes())),
            Self::Int8 { data, scales, .. } => {
                data.iter().for_each(|x| visit(&x.to_le_bytes()));
                scales.iter().for_each(|x| visit(&x.to_le_bytes()));
            }
        }
    }
}
