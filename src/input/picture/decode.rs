use std::io::{Cursor, ErrorKind};

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader};

use super::whole::is_whole;
use super::{LONGEST_SIDE, Picture, check_size};
use crate::error::{Error, Result};

impl Picture {
    /// Decodes a JPEG, PNG, GIF, WebP or BMP file, whichever the bytes are. Errors name it `place`.
    ///
    /// The picture is turned as its EXIF data say, as browsers do; Pillow turns a picture only if it is told to
    /// (`ImageOps.exif_transpose`). Opacity is left out as in [`from_rgba`](Self::from_rgba). Of an animation, the first
    /// picture is read. 16 bits a channel are rounded to 8.
    ///
    /// Decoders of JPEG and of lossy WebP round differently, so a byte may differ from a browser's or Pillow's by a few.
    /// The bytes of the other formats do not.
    ///
    /// # Errors
    /// [`Error::PictureInvalid`] if the file is empty, of another format or damaged; [`Error::FileTruncated`] if its end
    /// is missing; [`Error::PictureTooLarge`] if it has more than [`LONGEST_SIDE`] pixels a side, or needs more than
    /// 512 MB.
    pub fn read(place: &str, bytes: &[u8]) -> Result<Self> {
        if bytes.is_empty() {
            return Err(invalid(place, "it is empty"));
        }
        // The bytes decide, so that a file with a wrong ending is read too.
        let Ok(format) = image::guess_format(bytes) else {
            return Err(invalid(place, "its format is not known"));
        };
        if !is_whole(format, bytes) {
            return Err(Error::FileTruncated {
                place: place.to_owned(),
                found: bytes.len(),
            });
        }
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        // The limits are set below, where the size is known and can be told.
        reader.no_limits();
        let fault = |error| fault(place, bytes.len(), &error);
        let mut decoder = reader.into_decoder().map_err(fault)?;
        let (width, height) = decoder.dimensions();
        let (width, height) = (width as usize, height as usize);
        check_size(place, width, height)?;
        let mut limits = image::Limits::default();
        let reserved = limits.reserve(decoder.total_bytes());
        if reserved.and_then(|()| decoder.set_limits(limits)).is_err() {
            return Err(Error::PictureTooLarge {
                place: place.to_owned(),
                width,
                height,
                most: LONGEST_SIDE,
            });
        }
        let orientation = decoder.orientation().map_err(fault)?;
        let mut image = DynamicImage::from_decoder(decoder).map_err(fault)?;
        image.apply_orientation(orientation);
        let image = image.into_rgb8();
        let (width, height) = (image.width() as usize, image.height() as usize);
        Self::from_rgb(place, width, height, image.into_raw())
    }
}

/// The decoder's error as ours.
fn fault(place: &str, length: usize, error: &ImageError) -> Error {
    if is_end(error) {
        return Error::FileTruncated {
            place: place.to_owned(),
            found: length,
        };
    }
    match error {
        ImageError::Unsupported(_) => invalid(
            place,
            &format!("its format, or a variant of it, is not supported ({error})"),
        ),
        _ => invalid(place, &format!("it is damaged ({error})")),
    }
}

/// Whether an error says that the bytes ended too early.
fn is_end(error: &ImageError) -> bool {
    if let ImageError::IoError(io) = error {
        return io.kind() == ErrorKind::UnexpectedEof;
    }
    // What a decoder found is wrapped. The one of GIF says this only in words.
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == ErrorKind::UnexpectedEof)
            || error.to_string() == "Unexpected End of File"
        {
            return true;
        }
        next = error.source();
    }
    false
}

fn invalid(place: &str, reason: &str) -> Error {
    Error::PictureInvalid {
        place: place.to_owned(),
        reason: reason.to_owned(),
    }
}
