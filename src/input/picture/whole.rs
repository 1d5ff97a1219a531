//! Whether the end of a file is missing, for the formats whose decoders do not say so.

use image::ImageFormat;

/// Whether a JPEG or WebP file has its end. The decoder of JPEG makes up what is missing, and the one of WebP calls the file
/// damaged. Files of other formats are taken to be whole, because their decoders tell.
pub(super) fn is_whole(format: ImageFormat, bytes: &[u8]) -> bool {
    match format {
        ImageFormat::Jpeg => has_end(bytes),
        ImageFormat::WebP => has_length(bytes),
        _ => true,
    }
}

/// Whether a WebP file is as long as its header says, which counts the bytes behind the first eight.
fn has_length(bytes: &[u8]) -> bool {
    let Some(&[a, b, c, d]) = bytes.get(4..8) else {
        return false;
    };
    bytes.len() as u64 >= 8 + u64::from(u32::from_le_bytes([a, b, c, d]))
}

/// The first byte of every marker.
const MARKER: u8 = 0xff;
const END: u8 = 0xd9;

/// Whether a JPEG file has the marker of its end. Segments are skipped by their lengths, because a segment may hold a
/// smaller picture that has such a marker too.
fn has_end(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        // Pixels, and whatever else is between segments. In pixels 0xff is followed by 0 or by a marker of restart.
        let Some(at) = rest.iter().position(|&byte| byte == MARKER) else {
            return false;
        };
        rest = &rest[at + 1..];
        let Some(&kind) = rest.first() else {
            return false;
        };
        match kind {
            END => return true,
            // 0xff before a marker is a filler. These markers have no segment; pixels go on behind them.
            MARKER => {}
            0 | 0x01 | 0xd0..=0xd8 => rest = &rest[1..],
            _ => {
                let Some(&[high, low]) = rest.get(1..3) else {
                    return false;
                };
                // The length counts its own two bytes.
                let length = usize::from(u16::from_be_bytes([high, low]));
                let Some(behind) = rest.get(1 + length.max(2)..) else {
                    return false;
                };
                rest = behind;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Start, a segment that holds an end, a scan with a stuffed byte and a restart, end.
    const WHOLE: [u8; 25] = [
        0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 1, 2, 0xff, 0xff, 0xda, 0, 3, 9, 7, 0xff, 0, 8,
        0xff, 0xd3, 5, 0xff, 0xd9,
    ];

    #[test]
    fn only_the_last_end_counts() {
        assert!(has_end(&WHOLE));
        assert!(has_end(&[&WHOLE[..], b"more"].concat()));
        for length in 0..WHOLE.len() {
            assert!(!has_end(&WHOLE[..length]), "{length}");
        }
    }

    #[test]
    fn a_webp_file_counts_its_bytes() {
        let whole = b"RIFF\x04\0\0\0WEBP";
        assert!(is_whole(ImageFormat::WebP, whole));
        for length in 0..whole.len() {
            assert!(!is_whole(ImageFormat::WebP, &whole[..length]), "{length}");
        }
        assert!(is_whole(ImageFormat::Png, &whole[..3]));
    }
}
