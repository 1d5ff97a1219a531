//! Floor 1: a picture becomes the patches of pixels that a vision encoder reads.
//!
//! A [`PictureReader`] does what the image processors of transformers do: it resizes, crops, and says how a byte becomes
//! a number. A [`Picture`] comes from a file ([`Picture::read`], not in the browser) or from pixels that the browser has
//! decoded ([`Picture::from_rgba`]).

mod class;
mod config;
mod crop;
#[cfg(not(target_arch = "wasm32"))]
mod decode;
mod fields;
mod filter;
mod patch_reader;
mod patches;
mod reader;
mod resize;
#[cfg(not(target_arch = "wasm32"))]
mod whole;

pub use filter::Filter;
pub use patch_reader::PatchReader;
pub use patches::Patches;
pub use reader::PictureReader;

use crate::error::{Error, Result};

/// Most pixels along a side of a picture.
pub const LONGEST_SIDE: usize = 16_384;

/// Most pixels along a side that a [`PictureReader`] resizes or crops to.
pub const LONGEST_RESULT: usize = 4_096;

/// Red, green, blue.
pub const CHANNELS: usize = 3;

/// Pixels `[height, width, channel]`: red, green and blue, a byte each. It has at least one pixel, and at most
/// [`LONGEST_SIDE`] along a side.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    bytes: Vec<u8>,
}

impl Picture {
    /// A picture of pixels `[height, width, 3]`. Errors name it `place`.
    ///
    /// # Errors
    /// [`Error::PictureInvalid`] if a side is 0 or the number of bytes is another; [`Error::PictureTooLarge`].
    pub fn from_rgb(place: &str, width: usize, height: usize, bytes: Vec<u8>) -> Result<Self> {
        check_size(place, width, height)?;
        check_length(place, (width, height), CHANNELS, bytes.len())?;
        Ok(Self {
            width,
            height,
            bytes,
        })
    }

    /// A picture of pixels `[height, width, 4]` as a browser's `ImageData` has them: red, green, blue and opacity, of
    /// which the opacity is left out.
    ///
    /// Pillow's `convert("RGB")` leaves it out too, so a model was trained on pictures that were read so. A pixel that
    /// cannot be seen thus has the colour that the file gives it, which is often black. In a browser it is always black,
    /// because a canvas does not keep the colour of such pixels. To read a picture as it looks on a page of another
    /// colour, draw it onto that colour first.
    ///
    /// # Errors
    /// As [`from_rgb`](Self::from_rgb).
    pub fn from_rgba(place: &str, width: usize, height: usize, bytes: &[u8]) -> Result<Self> {
        let copy = |from: usize, to: &mut [u8]| to.copy_from_slice(&bytes[from..][..to.len()]);
        Self::from_rgba_parts(place, (width, height), bytes.len(), &copy)
    }

    /// [`from_rgba`](Self::from_rgba) of `length` bytes that are elsewhere: `copy` gives those from a place on, a row of pixels at a
    /// time. So a large picture is never here with its opacity. `sides` are width and height.
    ///
    /// # Errors
    /// As [`from_rgb`](Self::from_rgb).
    pub fn from_rgba_parts(
        place: &str,
        sides: (usize, usize),
        length: usize,
        copy: &dyn Fn(usize, &mut [u8]),
    ) -> Result<Self> {
        let (width, height) = sides;
        check_size(place, width, height)?;
        check_length(place, sides, CHANNELS + 1, length)?;
        let mut bytes = Vec::with_capacity(width * height * CHANNELS);
        let mut row = vec![0; width * (CHANNELS + 1)];
        for y in 0..height {
            copy(y * row.len(), &mut row);
            for pixel in row.chunks_exact(CHANNELS + 1) {
                bytes.extend_from_slice(&pixel[..CHANNELS]);
            }
        }
        Ok(Self {
            width,
            height,
            bytes,
        })
    }

    /// Pixels in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels in a column.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The pixels `[height, width, 3]`.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture {} x {}", self.width, self.height)
    }
}

/// Checks that a picture is neither empty nor too large.
fn check_size(place: &str, width: usize, height: usize) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(Error::PictureInvalid {
            place: place.to_owned(),
            reason: format!("it is {width} x {height} pixels, and a side has at least one"),
        });
    }
    if width.max(height) > LONGEST_SIDE {
        return Err(Error::PictureTooLarge {
            place: place.to_owned(),
            width,
            height,
            most: LONGEST_SIDE,
        });
    }
    Ok(())
}

/// Checks that there are as many bytes as the sides (width and height, both checked before) and the channels say.
fn check_length(place: &str, sides: (usize, usize), channels: usize, found: usize) -> Result<()> {
    let (width, height) = sides;
    // At most 16,384 · 16,384 · 4 = 2^30: fits in 32 bits.
    let expected = width * height * channels;
    if found == expected {
        return Ok(());
    }
    Err(Error::PictureInvalid {
        place: place.to_owned(),
        reason: format!(
            "{width} x {height} pixels of {channels} bytes are {expected} bytes, and {found} were given"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_and_opacity_is_left_out() {
        let picture = Picture::from_rgb("p", 2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!((picture.width(), picture.height()), (2, 1));
        assert_eq!(picture.bytes(), [1, 2, 3, 4, 5, 6]);
        let same = Picture::from_rgba("p", 2, 1, &[1, 2, 3, 0, 4, 5, 6, 255]).unwrap();
        assert_eq!(same, picture);
        assert_eq!(format!("{picture:?}"), "Picture 2 x 1");
    }

    #[test]
    fn a_picture_that_cannot_be_is_refused() {
        let cases = [
            (0, 1, 0, "picture_invalid"),
            (1, 0, 0, "picture_invalid"),
            (2, 2, 11, "picture_invalid"),
            (2, 2, 13, "picture_invalid"),
            (LONGEST_SIDE + 1, 1, 0, "picture_too_large"),
            (1, usize::MAX, 0, "picture_too_large"),
        ];
        for (width, height, length, code) in cases {
            let error = Picture::from_rgb("picture 3", width, height, vec![0; length]).unwrap_err();
            assert_eq!(error.code(), code, "{width} {height} {length}");
            assert!(error.message().contains("picture 3"), "{error}");
            let bytes = vec![0; length];
            let error = Picture::from_rgba("picture 3", width, height, &bytes).unwrap_err();
            assert_eq!(error.code(), code, "{width} {height} {length}");
        }
    }
}
