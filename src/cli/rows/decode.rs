use std::borrow::Cow;

use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// A file's text, and what it was read as if that is not UTF-8.
///
/// A byte order mark decides. Without one the text is UTF-8 where it can be; where it cannot, it is
/// Windows-1252, unless more of its characters are proper UTF-8 than are not: then it is a UTF-8 file
/// with damaged places, which become U+FFFD.
pub(super) fn decode(bytes: &[u8]) -> (Cow<'_, str>, Option<&'static str>) {
    if bytes.starts_with(&[0xff, 0xfe]) {
        (UTF_16LE.decode_with_bom_removal(bytes).0, Some("UTF-16"))
    } else if bytes.starts_with(&[0xfe, 0xff]) {
        (UTF_16BE.decode_with_bom_removal(bytes).0, Some("UTF-16"))
    } else if is_utf8(bytes) {
        (UTF_8.decode_with_bom_removal(bytes).0, None)
    } else {
        (
            WINDOWS_1252.decode_without_bom_handling(bytes).0,
            Some("Windows-1252"),
        )
    }
}

fn is_utf8(bytes: &[u8]) -> bool {
    let (mut proper, mut damaged) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        proper += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        damaged += usize::from(!chunk.invalid().is_empty());
    }
    proper >= damaged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_gives_the_same_text() {
        let text = "déjà vu, naïve\r\n";
        let wide = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            units.flat_map(order).collect()
        };
        let narrow: Vec<u8> = text
            .chars()
            .map(|c| u8::try_from(c as u32).unwrap())
            .collect();
        let files: [(Vec<u8>, _); 5] = [
            (text.into(), None),
            (format!("\u{feff}{text}").into(), None),
            (wide(u16::to_le_bytes), Some("UTF-16")),
            (wide(u16::to_be_bytes), Some("UTF-16")),
            (narrow, Some("Windows-1252")),
        ];
        for (bytes, note) in files {
            assert_eq!(decode(&bytes), (text.into(), note));
        }
        // the euro sign and quotes of Windows, which Latin-1 does not have
        assert_eq!(decode(b"\x80 \x93a\x94").0, "\u{20ac} \u{201c}a\u{201d}");
    }

    #[test]
    fn a_damaged_place_does_not_change_the_encoding() {
        let (text, note) = decode(b"d\xc3\xa9j\xc3\xa0 vu\nna\xefve\n");
        assert_eq!((&*text, note), ("d\u{e9}j\u{e0} vu\nna\u{fffd}ve\n", None));
    }
}
