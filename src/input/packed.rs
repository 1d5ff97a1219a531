//! A sequence that was read, as bytes: for other workers, and for runs that are kept.
//!
//! Seven numbers of 32 bits, little-endian: [`VERSION`], the sort, and five sizes. Then the content: of a sound its frames
//! as 32-bit floats, of a picture a byte for each channel of each pixel. Then the CRC-32 of all that.

use std::sync::Arc;

use super::picture::{CHANNELS, Patches};
use super::{Frames, PictureSequence, Sequence};
use crate::error::{Error, Result};

/// "GRS" and the version of the format.
const VERSION: u32 = u32::from_le_bytes(*b"GRS\x01");
const SOUND: u32 = 1;
const PICTURE: u32 = 2;
/// Bytes of the numbers before the content.
const HEAD: usize = 28;
/// Bytes of the checksum.
const TAIL: usize = 4;

impl Sequence {
    /// The sequence of a sound or a picture as bytes, and `None` of a text. [`unpack`](Self::unpack) reads them.
    #[must_use]
    pub fn pack(&self) -> Option<Vec<u8>> {
        let (sort, sizes) = match self {
            Self::Tokens(_) => return None,
            Self::Frames(frames) => {
                let heard = &frames.heard;
                let truncated = usize::from(frames.truncated);
                let sizes = [frames.width, frames.steps, heard.start, heard.end];
                (SOUND, [sizes[0], sizes[1], sizes[2], sizes[3], truncated])
            }
            Self::Picture(picture) => {
                let [rows, columns] = picture.grid();
                let sizes = [picture.patches.side(), rows, columns, picture.leading, 0];
                (PICTURE, sizes)
            }
        };
        let mut bytes = Vec::with_capacity(HEAD + TAIL + self.content_bytes());
        // Readers make no sequence whose sizes have more than 32 bits.
        #[allow(clippy::cast_possible_truncation)]
        let sizes = sizes.map(|size| size as u32);
        for number in [VERSION, sort].iter().chain(&sizes) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        match self {
            Self::Tokens(_) => {}
            Self::Frames(frames) => {
                let values = frames.values.iter();
                values.for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
            }
            Self::Picture(picture) => bytes.extend_from_slice(picture.patches.bytes()),
        }
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        Some(bytes)
    }

    fn content_bytes(&self) -> usize {
        match self {
            Self::Tokens(_) => 0,
            Self::Frames(frames) => 4 * frames.values.len(),
            Self::Picture(picture) => picture.patches.bytes().len(),
        }
    }

    /// The sequence of bytes that [`pack`](Self::pack) wrote. The numbers of a picture's bytes are not among them: the
    /// [`Reader`](super::Reader) of the model puts them in when it reads [`Input::Read`](super::Input::Read). It also refuses a sequence of
    /// another model.
    ///
    /// # Errors
    /// [`Error::FileInvalid`] names `place`, if the bytes are damaged or of another version.
    pub fn unpack(place: &str, bytes: &[u8]) -> Result<Self> {
        unpacked(bytes).ok_or_else(|| Error::FileInvalid {
            place: place.to_owned(),
            reason:
                "what was read of this recording or picture is damaged, or another version wrote it; read the original again"
                    .to_owned(),
        })
    }
}

/// The sequence; `None` if anything about the bytes is wrong.
fn unpacked(bytes: &[u8]) -> Option<Sequence> {
    let (checked, checksum) = bytes.split_at_checked(bytes.len().checked_sub(TAIL)?)?;
    let (head, content) = checked.split_at_checked(HEAD)?;
    if word(checksum) != crc32fast::hash(checked) {
        return None;
    }
    let mut numbers = head.chunks_exact(4).map(word);
    let mut next = || numbers.next().unwrap_or_default();
    let (version, sort) = (next(), next());
    let [a, b, c, d, e] = std::array::from_fn(|_| next() as usize);
    match (version, sort) {
        (VERSION, SOUND) => {
            let (floats, rest) = content.as_chunks();
            let values: Arc<[f32]> = floats
                .iter()
                .map(|&bytes| f32::from_le_bytes(bytes))
                .collect();
            let whole = rest.is_empty() && a > 0 && values.len() % a == 0;
            let heard = c < d && d <= b && b <= values.len() / a.max(1);
            (whole && heard).then(|| {
                Sequence::from(Frames {
                    values,
                    width: a,
                    steps: b,
                    heard: c..d,
                    truncated: e > 0,
                })
            })
        }
        (VERSION, PICTURE) => Some(Sequence::from(PictureSequence {
            patches: Arc::new(Patches::from_bytes(b, c, a, content.to_vec())?),
            numbers: Arc::new([[0.0; 256]; CHANNELS]),
            leading: d,
        })),
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

    fn sound() -> Sequence {
        Sequence::from(Frames {
            values: (0..24u8).map(|at| f32::from(at) / 7.0 - 1.5).collect(),
            width: 4,
            steps: 3,
            heard: 1..3,
            truncated: true,
        })
    }

    fn picture() -> Sequence {
        let bytes = (0..2 * 3 * 4 * 3).collect();
        Sequence::from(PictureSequence {
            patches: Arc::new(Patches::from_bytes(2, 3, 2, bytes).unwrap()),
            numbers: Arc::new([[0.0; 256]; CHANNELS]),
            leading: 2,
        })
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        for sequence in [sound(), picture()] {
            let bytes = sequence.pack().unwrap();
            assert_eq!(Sequence::unpack("a", &bytes).unwrap(), sequence);
        }
        let text = Encoded {
            ids: vec![1],
            type_ids: vec![0],
            truncated: false,
        };
        assert_eq!(Sequence::from(text).pack(), None);
    }

    #[test]
    fn every_damage_is_found() {
        for sequence in [sound(), picture()] {
            let whole = sequence.pack().unwrap();
            let code = |bytes: &[u8]| {
                let error = Sequence::unpack("row 3", bytes).unwrap_err();
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
        for (sequence, changes) in wrong {
            for (number, value) in changes {
                let mut bytes = sequence.pack().unwrap();
                bytes.truncate(bytes.len() - TAIL);
                bytes[4 * number..][..4].copy_from_slice(&u32::to_le_bytes(value));
                let checksum = crc32fast::hash(&bytes);
                bytes.extend(checksum.to_le_bytes());
                let error = Sequence::unpack("a", &bytes).unwrap_err();
                assert_eq!(error.code(), "file_invalid", "{number}: {value}");
            }
        }
    }
}
