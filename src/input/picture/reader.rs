use super::class::Size;
use super::config::Settings;
use super::crop::{Cut, padded};
use super::resize::Resize;
use super::{CHANNELS, LONGEST_RESULT, Patches, Picture};
use crate::error::{Error, Result};

/// Turns pictures into what a vision encoder reads, as the image processor that a `preprocessor_config.json` names.
///
/// These are the processors of transformers for ViT, DeiT, Bit (which DINOv2 uses), CLIP and SigLIP. Pixels are equal to
/// those of the processors that use Pillow, in its versions before 13. The processors whose names end in `Fast` resize
/// with other code, and some of their pixels differ by a little; this reader computes Pillow's pixels for them too.
///
/// One thing is different. transformers guesses where the channels are, and takes a picture of 1 or 3 rows for one that
/// has its channels first. Here they are always last.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureReader {
    settings: Settings,
}

impl PictureReader {
    /// Reads a `preprocessor_config.json`. A field that is absent has the value of the processor's class, and so has
    /// one that is `null`.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] names the field that is wrong; [`Error::UnsupportedFeature`] if pictures are padded.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let settings = Settings::from_json(json)?;
        Ok(Self { settings })
    }

    /// The height and width of all pictures that it makes, in pixels, or `None` if they differ from picture to picture.
    #[must_use]
    pub fn size(&self) -> Option<(usize, usize)> {
        let resized = match self.settings.resize {
            Some((Size::Exact(height, width), _)) => Some((height, width)),
            _ => None,
        };
        self.settings.crop.or(resized)
    }

    /// The same reader for pictures of `side` by `side` pixels. It resizes and crops in the same proportion: one that
    /// resizes to 256 pixels and keeps the middle 224 will, for a side of 98, resize to 112.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if the side is 0 or longer than [`LONGEST_RESULT`], or if the pictures of this reader are
    /// no squares of one size.
    pub fn with_side(mut self, side: usize) -> Result<Self> {
        let invalid = |reason: String| Error::OptionInvalid {
            option: "side",
            value: side.to_string(),
            reason,
        };
        let Some((before, width)) = self.size() else {
            let reason = "the preprocessor_config.json gives pictures no common size".to_owned();
            return Err(invalid(reason));
        };
        if before != width {
            let reason = format!(
                "the preprocessor_config.json makes pictures {width} x {before}, and these are no squares"
            );
            return Err(invalid(reason));
        }
        // Rounded to the nearest whole pixel, and up in the middle.
        let scaled = |length: usize| ((2 * length * side + before) / (2 * before)).max(1);
        if !(1..=LONGEST_RESULT).contains(&side) {
            return Err(invalid(format!(
                "it is a number from 1 to {LONGEST_RESULT}"
            )));
        }
        if let Some((size, _)) = &mut self.settings.resize {
            let longest = match size {
                Size::Exact(height, width) => {
                    (*height, *width) = (scaled(*height), scaled(*width));
                    *height.max(width)
                }
                Size::ShortestEdge(edge) => {
                    *edge = scaled(*edge);
                    *edge
                }
            };
            if longest > LONGEST_RESULT {
                let reason =
                    format!("pictures would first be resized to more than {LONGEST_RESULT} pixels");
                return Err(invalid(reason));
            }
        }
        if let Some(crop) = &mut self.settings.crop {
            *crop = (side, side);
        }
        Ok(self)
    }

    /// The picture after resizing and cropping. A crop that is larger than the picture puts black around it.
    ///
    /// # Errors
    /// [`Error::PictureTooLarge`] if it would be longer than [`LONGEST_SIDE`](super::LONGEST_SIDE), which only a reader without a fixed
    /// [`size`](Self::size) can ask for.
    pub fn pixels(&self, picture: &Picture) -> Result<Picture> {
        let from = (picture.height, picture.width);
        let to = match self.settings.resize {
            Some((size, _)) => resized(from, size),
            None => from,
        };
        let (rows, columns) = match self.settings.crop {
            Some((height, width)) => (Cut::middle(to.0, height), Cut::middle(to.1, width)),
            None => (Cut::whole(to.0), Cut::whole(to.1)),
        };
        let (height, width) = (rows.length(), columns.length());
        super::check_size("a picture, once resized,", width, height)?;
        let bytes = &picture.bytes;
        let part = match self.settings.resize {
            Some((_, filter)) => {
                let resize = Resize {
                    bytes,
                    from,
                    to,
                    filter,
                };
                resize.part(rows.kept.clone(), columns.kept.clone())
            }
            None => {
                let lines = bytes.chunks_exact(from.1 * CHANNELS);
                let lines = lines.skip(rows.kept.start).take(rows.kept.len());
                let kept = columns.kept.start * CHANNELS..columns.kept.end * CHANNELS;
                lines
                    .flat_map(|line| &line[kept.clone()])
                    .copied()
                    .collect()
            }
        };
        Ok(Picture {
            width,
            height,
            bytes: padded(part, &rows, &columns),
        })
    }

    /// [`pixels`](Self::pixels) in patches of `side` by `side`, a byte each: what a cache keeps, without loss.
    ///
    /// # Errors
    /// As [`pixels`](Self::pixels) and [`Patches::of`].
    pub fn patches(&self, picture: &Picture, side: usize) -> Result<Patches> {
        Patches::of(&self.pixels(picture)?, side)
    }

    /// The number that a model reads for a byte of each channel (red, green, blue): `[channel, byte]`.
    ///
    /// As in transformers, the byte is multiplied in 64 bits and rounded to 32, and the mean and the deviation are
    /// 32-bit floats.
    #[must_use]
    pub fn values(&self) -> [[f32; 256]; CHANNELS] {
        let mut values = [[0.0; 256]; CHANNELS];
        for (channel, values) in values.iter_mut().enumerate() {
            for (byte, value) in (0..=u8::MAX).zip(values) {
                *value = self.value(channel, byte);
            }
        }
        values
    }

    fn value(&self, channel: usize, byte: u8) -> f32 {
        let value = match self.settings.rescale {
            Some(factor) => (f64::from(byte) * factor) as f32,
            None => f32::from(byte),
        };
        match self.settings.normalise {
            Some(of) => (value - of.mean[channel]) / of.deviation[channel],
            None => value,
        }
    }

    /// The numbers of patches: `[patch, channel * y * x]`.
    #[must_use]
    pub fn numbers(&self, patches: &Patches) -> Vec<f32> {
        let values = self.values();
        let channels = patches
            .bytes()
            .chunks_exact(patches.side() * patches.side());
        let mut numbers = Vec::with_capacity(patches.bytes().len());
        for (bytes, values) in channels.zip(values.iter().cycle()) {
            numbers.extend(bytes.iter().map(|&byte| values[usize::from(byte)]));
        }
        numbers
    }
}

/// The height and width that a picture is resized to. The longer side is rounded down. transformers rounds a quotient
/// of 64-bit floats down, which is the same for numbers as small as these.
fn resized((height, width): (usize, usize), size: Size) -> (usize, usize) {
    match size {
        Size::Exact(height, width) => (height, width),
        // At most 16,384 · 16,384: fits in 32 bits.
        Size::ShortestEdge(edge) if width <= height => (edge * height / width, edge),
        Size::ShortestEdge(edge) => (edge, edge * width / height),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::LONGEST_SIDE;
    use super::*;

    fn reader(mut config: Value, class: &str) -> PictureReader {
        config["image_processor_type"] = class.into();
        PictureReader::from_json(config.to_string().as_bytes()).unwrap()
    }

    fn grey(width: usize, height: usize, byte: u8) -> Picture {
        Picture::from_rgb("p", width, height, vec![byte; width * height * CHANNELS]).unwrap()
    }

    #[test]
    fn the_longer_side_is_rounded_down() {
        let edge = Size::ShortestEdge;
        assert_eq!(resized((53, 37), edge(24)), (34, 24));
        assert_eq!(resized((37, 53), edge(24)), (24, 34));
        assert_eq!(resized((7, 7), edge(24)), (24, 24));
        assert_eq!(resized((1, LONGEST_SIDE), edge(2)), (2, 2 * LONGEST_SIDE));
        assert_eq!(resized((3, 2), Size::Exact(5, 6)), (5, 6));
    }

    #[test]
    fn another_side_scales_both_sizes() {
        let deit = reader(json!({}), "DeiTImageProcessor");
        assert_eq!(deit.size(), Some((224, 224)));
        let small = deit.clone().with_side(98).unwrap();
        let expected = json!({"size": 112, "crop_size": 98});
        assert_eq!(small, reader(expected, "DeiTImageProcessor"));
        assert_eq!(small.size(), Some((98, 98)));
        assert_eq!(small.with_side(224).unwrap(), deit);
        let clip = reader(json!({"size": 256}), "CLIPImageProcessor");
        let expected = json!({"size": {"shortest_edge": 128}, "crop_size": 112});
        let expected = reader(expected, "CLIPImageProcessor");
        assert_eq!(clip.with_side(112).unwrap(), expected);
        let vit = reader(json!({}), "ViTImageProcessor")
            .with_side(96)
            .unwrap();
        assert_eq!(vit, reader(json!({"size": 96}), "ViTImageProcessor"));
        // a crop alone
        let alone = reader(json!({"do_resize": false}), "BitImageProcessor");
        assert_eq!(alone.with_side(5).unwrap().size(), Some((5, 5)));
    }

    #[test]
    fn another_side_that_cannot_be_is_refused() {
        let plain = json!({});
        let free = json!({"do_center_crop": false});
        let oblong = json!({"crop_size": {"height": 4, "width": 6}});
        let wide = json!({"size": 4000});
        let cases = [
            (&plain, 0, "from 1 to 4096"),
            (&plain, LONGEST_RESULT + 1, "from 1 to 4096"),
            (&free, 98, "no common size"),
            (&oblong, 98, "6 x 4"),
            (&wide, 300, "more than 4096"),
        ];
        for (config, side, reason) in cases {
            let reader = reader(config.clone(), "CLIPImageProcessor");
            let error = reader.with_side(side).unwrap_err();
            assert_eq!(error.code(), "option_invalid");
            assert!(error.message().contains(reason), "{error}");
        }
    }

    #[test]
    fn one_pixel_and_extreme_sides() {
        let clip = reader(json!({}), "CLIPImageProcessor")
            .with_side(28)
            .unwrap();
        for (width, height) in [(1, 1), (1, LONGEST_SIDE), (LONGEST_SIDE, 1), (3, 4000)] {
            let pixels = clip.pixels(&grey(width, height, 200)).unwrap();
            assert_eq!(pixels, grey(28, 28, 200), "{width} x {height}");
        }
        let free = reader(json!({"do_center_crop": false}), "CLIPImageProcessor");
        let error = free.pixels(&grey(LONGEST_SIDE, 1, 0)).unwrap_err();
        assert_eq!(error.code(), "picture_too_large");
        assert_eq!(free.pixels(&grey(2, 1, 9)).unwrap(), grey(448, 224, 9));
    }

    #[test]
    fn nothing_but_a_crop() {
        let config = json!({"do_resize": false, "crop_size": {"height": 1, "width": 3}});
        let reader = reader(config, "CLIPImageProcessor");
        let picture = Picture::from_rgb("p", 1, 3, (1..10).collect()).unwrap();
        let pixels = reader.pixels(&picture).unwrap();
        assert_eq!(pixels.bytes(), [0, 0, 0, 4, 5, 6, 0, 0, 0]);
    }

    #[test]
    fn numbers_follow_their_channel() {
        let config = json!({
            "do_resize": false, "rescale_factor": 0.5, "image_mean": [1, 2, 3], "image_std": [1, 2, 4]
        });
        let reader = reader(config, "ViTImageProcessor");
        let picture = Picture::from_rgb("p", 1, 2, vec![2, 4, 6, 8, 10, 12]).unwrap();
        assert_eq!(reader.size(), None);
        let patches = reader.patches(&picture, 1).unwrap();
        let expected = [0.0, 0.0, 0.0, 3.0, 1.5, 0.75];
        assert_eq!(reader.numbers(&patches), expected);
        let plain = json!({"do_rescale": false, "do_normalize": false});
        let values = self::reader(plain, "ViTImageProcessor").values();
        assert!((values[2][255] - 255.0).abs() < 1e-9);
    }
}
