//! What was read, as bytes: for other workers, and for runs that are kept.
//!
//! Seven numbers of 32 bits, little-endian: [`VERSION`], the sort, and five sizes. Then the content: of a sound its frames, or its
//! samples, as 32-bit floats; of a picture a byte for each channel of each pixel. Then the CRC-32 of all that.

use std::sync::Arc;

use super::picture::{CHANNELS, Patches};
use super::sound::Sound;
use super::{Frames, Input, PictureSequence, Sequence};
use crate::error::{Error, Result};

/// "GRS" and the version of the format.
const VERSION: u32 = u32::from_le_bytes(*b"GRS\x01");
const FRAMES: u32 = 1;
const PATCHES: u32 = 2;
const SAMPLES: u32 = 3;
/// Bytes of the numbers before the content.
const HEAD: usize = 28;
/// Bytes of the checksum.
const TAIL: usize = 4;

impl Input {
    /// What was read of a recording or a picture, or a recording itself, as bytes; `None` of anything else.
    /// [`unpack`](Self::unpack) reads them.
    #[must_use]
    pub fn pack(&self) -> Option<Vec<u8>> {
        match self {
            Self::Sound(sound) => {
                let rate = sound.rate() as usize;
                let packing = Packing::new(SAMPLES, [rate, 0, 0, 0, 0], 4 * sound.samples().len());
                Some(packing.floats(sound.samples()))
            }
            Self::Read(read) => match &**read {
                Sequence::Frames(frames) => {
                    let (heard, truncated) = (&frames.heard, usize::from(frames.truncated));
                    let sizes = [
                        frames.width,
                        frames.steps,
                        heard.start,
                        heard.end,
                        truncated,
                    ];
                    let packing = Packing::new(FRAMES, sizes, 4 * frames.values.len());
                    Some(packing.floats(&frames.values))
                }
                Sequence::Picture(picture) => {
                    let [rows, columns] = picture.grid();
                    let bytes = picture.patches.bytes();
                    let sizes = [picture.patches.side(), rows, columns, picture.leading, 0];
                    let mut packing = Packing::new(PATCHES, sizes, bytes.len());
                    packing.0.extend_from_slice(bytes);
                    Some(packing.finish())
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The input of bytes that [`pack`](Self::pack) wrote. The numbers of a picture's bytes are not among them: the
    /// [`Reader`](super::Reader) of the model puts them in when it reads [`Input::Read`]. It also refuses what was read for another model.
    ///
    /// # Errors
    /// [`Error::FileInvalid`] names `place`, if the bytes are damaged or of another version.
    pub fn unpack(place: &str, bytes: &[u8]) -> Result<Self> {
        unpacked(place, bytes).ok_or_else(|| Error::FileInvalid {
            place: place.to_owned(),
            reason:
                "what was read of this recording or picture is damaged, or another version wrote it; read the original again"
                    .to_owned(),
        })
    }
}

/// Bytes on their way.
struct Packing(Vec<u8>);

impl Packing {
    /// With room for the content.
    fn new(sort: u32, sizes: [usize; 5], content: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEAD + content + TAIL);
        // readers make nothing whose sizes have more than 32 bits
        #[allow(clippy::cast_possible_truncation)]
        let sizes = sizes.map(|size| size as u32);
        for number in [VERSION, sort].iter().chain(&sizes) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        Self(bytes)
    }

    fn floats(mut self, values: &[f32]) -> Vec<u8> {
        for value in values {
            self.0.extend_from_slice(&value.to_le_bytes());
        }
        self.finish()
    }

    fn finish(self) -> Vec<u8> {
        let mut bytes = self.0;
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

/// The input; `None` if anything about the bytes is wrong.
fn unpacked(place: &str, bytes: &[u8]) -> Option<Input> {
    let (checked, checksum) = bytes.split_at_checked(bytes.len().checked_sub(TAIL)?)?;
    let (head, content) = checked.split_at_checked(HEAD)?;
    if word(checksum) != crc32fast::hash(checked) {
        return None;
    }
    let mut numbers = head.chunks_exact(4).map(word);
    let mut next = || numbers.next().unwrap_or_default();
    let (version, sort) = (next(), next());
    let [a, b, c, d, e] = std::array::from_fn(|_| next() as usize);
    if version != VERSION {
        return None;
    }
    if sort == PATCHES {
        return Some(Input::from(Sequence::from(PictureSequence {
            patches: Arc::new(Patches::from_bytes(b, c, a, content.to_vec())?),
            numbers: Arc::new([[0.0; 256]; CHANNELS]),
            leading: d,
        })));
    }
    let (floats, rest) = content.as_chunks();
    let values: Vec<f32> = floats
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect();
    match sort {
        _ if !rest.is_empty() => None,
        FRAMES => {
            let whole = values.len().checked_rem(a)? == 0;
            let heard = c < d && d <= b && b <= values.len() / a;
            (whole && heard).then(|| {
                Input::from(Sequence::from(Frames {
                    values: values.into(),
                    width: a,
                    steps: b,
                    heard: c..d,
                    truncated: e > 0,
                }))
            })
        }
        SAMPLES => Some(
            Sound::new(place, values, u32::try_from(a).ok()?)
                .ok()?
                .into(),
        ),
        _ => None,
    }
}

/// Four bytes as a number.
fn word(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, &byte| (number << 8) | u32::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::text::Encoded;

    fn frames() -> Input {
        Input::from(Sequence::from(Frames {
            values: (0..24u8).map(|at| f32::from(at) / 7.0 - 1.5).collect(),
            width: 4,
            steps: 3,
            heard: 1..3,
            truncated: true,
        }))
    }

    fn sound() -> Input {
        Sound::new("a", vec![0.5, -0.25, 0.0], 22_050)
            .unwrap()
            .into()
    }

    fn picture() -> Input {
        let bytes = (0..2 * 3 * 4 * 3).collect();
        Input::from(Sequence::from(PictureSequence {
            patches: Arc::new(Patches::from_bytes(2, 3, 2, bytes).unwrap()),
            numbers: Arc::new([[0.0; 256]; CHANNELS]),
            leading: 2,
        }))
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        for input in [frames(), sound(), picture()] {
            let bytes = input.pack().unwrap();
            assert_eq!(Input::unpack("a", &bytes).unwrap(), input);
        }
        let text = Encoded {
            ids: vec![1],
            type_ids: vec![0],
            truncated: false,
        };
        assert_eq!(Input::from(Sequence::from(text)).pack(), None);
        assert_eq!(Input::from("a text").pack(), None);
    }

    #[test]
    fn every_damage_is_found() {
        for input in [frames(), sound(), picture()] {
            let whole = input.pack().unwrap();
            let code = |bytes: &[u8]| {
                let error = Input::unpack("row 3", bytes).unwrap_err();
                assert!(error.message().contains("row 3"), "{error}");
                error.code()
            };
            for length in 0..whole.len() {
                assert_eq!(code(&whole[..length]), "file_invalid", "{length} bytes");
            }
            for at in 0..whole.len() {
                let mut bytes = whole.clone();
                bytes[at] ^= 16;
                assert_eq!(code(&bytes), "file_invalid", "byte {at}");
            }
            assert_eq!(code(&[&whole[..], &[0]].concat()), "file_invalid");
        }
    }

    #[test]
    fn sizes_that_do_not_fit_the_content_are_refused() {
        // the sort, then the sizes of a sound and of a picture
        let wrong = [
            (
                sound(),
                vec![(1, 3), (2, 0), (2, 5), (3, 7), (4, 3), (5, 4)],
            ),
            (
                picture(),
                vec![(0, 7), (2, 3), (3, 1), (4, 0), (4, u32::MAX)],
            ),
        ];
        for (input, changes) in wrong {
            for (number, value) in changes {
                let mut bytes = input.pack().unwrap();
                bytes.truncate(bytes.len() - TAIL);
                bytes[4 * number..][..4].copy_from_slice(&u32::to_le_bytes(value));
                let checksum = crc32fast::hash(&bytes);
                bytes.extend(checksum.to_le_bytes());
                let error = Input::unpack("a", &bytes).unwrap_err();
                assert_eq!(error.code(), "file_invalid", "{number}: {value}");
            }
        }
    }
}
