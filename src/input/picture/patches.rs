use super::{CHANNELS, Picture};
use crate::error::{Error, Result};

/// The pixels of a picture in squares that do not overlap: `[patch, channel, y, x]`, a byte each.
///
/// Patches are in the order of reading: the first row from left to right, then the next. A patch has the order of the
/// weight `[out, channel, y, x]` of a convolution whose stride is its size, so that the convolution is a product with
/// the weight as a matrix `[out, channel * y * x]`. As in such a convolution, pixels at the right and at the bottom
/// that fill no patch are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patches {
    rows: usize,
    columns: usize,
    side: usize,
    bytes: Vec<u8>,
}

impl Patches {
    /// Cuts a picture into patches of `side` by `side` pixels.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if `side` is 0 or the picture is smaller than a patch.
    pub fn of(picture: &Picture, side: usize) -> Result<Self> {
        let (width, height) = (picture.width(), picture.height());
        if side == 0 || side > width.min(height) {
            return Err(Error::OptionInvalid {
                option: "patch",
                value: side.to_string(),
                reason: format!(
                    "a picture of {width} x {height} pixels is cut into patches of 1 to {} pixels a side",
                    width.min(height)
                ),
            });
        }
        let (rows, columns) = (height / side, width / side);
        let mut bytes = Vec::with_capacity(rows * columns * side * side * CHANNELS);
        for row in 0..rows {
            for column in 0..columns {
                for channel in 0..CHANNELS {
                    for y in row * side..(row + 1) * side {
                        let start = (y * width + column * side) * CHANNELS;
                        let pixels = &picture.bytes()[start..][..side * CHANNELS];
                        bytes.extend(pixels.iter().skip(channel).step_by(CHANNELS));
                    }
                }
            }
        }
        Ok(Self {
            rows,
            columns,
            side,
            bytes,
        })
    }

    /// `rows` by `columns` patches of `side` by `side` pixels from their [`bytes`](Self::bytes). `None` if there are none, or not
    /// as many bytes as that.
    #[must_use]
    pub fn from_bytes(rows: usize, columns: usize, side: usize, bytes: Vec<u8>) -> Option<Self> {
        let pixels = rows
            .checked_mul(columns)?
            .checked_mul(side)?
            .checked_mul(side)?;
        let fits = pixels > 0 && pixels.checked_mul(CHANNELS)? == bytes.len();
        fits.then_some(Self {
            rows,
            columns,
            side,
            bytes,
        })
    }

    /// Patches in a column of the grid.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Patches in a row of the grid.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of patches, at least 1.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows * self.columns
    }

    /// Pixels along a side of a patch.
    #[must_use]
    pub fn side(&self) -> usize {
        self.side
    }

    /// The bytes `[patch, channel, y, x]`.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_have_the_order_of_a_convolutions_weight() {
        // pixel (y, x) is [10y + x, 100 + 10y + x, 200 + 10y + x]
        let pixels = (0..3).flat_map(|y| (0..5).map(move |x| 10 * y + x));
        let bytes = pixels.flat_map(|at| [at, 100 + at, 200 + at]).collect();
        let picture = Picture::from_rgb("p", 5, 3, bytes).unwrap();
        let patches = Patches::of(&picture, 2).unwrap();
        assert_eq!((patches.rows(), patches.columns()), (1, 2));
        assert_eq!((patches.count(), patches.side()), (2, 2));
        let first = [0, 1, 10, 11, 100, 101, 110, 111, 200, 201, 210, 211];
        let second = first.map(|byte| byte + 2);
        assert_eq!(patches.bytes(), [first, second].concat());
    }

    #[test]
    fn a_patch_of_one_pixel() {
        let picture = Picture::from_rgb("p", 1, 1, vec![7, 8, 9]).unwrap();
        assert_eq!(Patches::of(&picture, 1).unwrap().bytes(), [7, 8, 9]);
    }

    #[test]
    fn a_size_that_fits_no_picture_is_refused() {
        let picture = Picture::from_rgb("p", 2, 1, vec![0; 6]).unwrap();
        for side in [0, 2, usize::MAX] {
            let error = Patches::of(&picture, side).unwrap_err();
            assert_eq!(error.code(), "option_invalid");
        }
    }
}
