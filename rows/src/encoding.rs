//! Bytes as text. Spreadsheets write UTF-8 with a byte-order mark, UTF-16, or the old Windows encoding.

use serde::{Deserialize, Serialize};

/// How the characters of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8, with or without a byte-order mark.
    #[serde(rename = "UTF-8")]
    Utf8,
    /// UTF-16 in either byte order.
    #[serde(rename = "UTF-16")]
    Utf16,
    /// The encoding of western Windows, of which Latin-1 is a part.
    #[serde(rename = "Windows-1252")]
    Windows1252,
}

impl Encoding {
    /// Its usual name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16 => "UTF-16",
            Self::Windows1252 => "Windows-1252",
        }
    }
}

/// What stands for bytes that are no character.
pub(crate) const DAMAGED: char = '\u{fffd}';

/// The five bytes that Windows-1252 has no character for: decoders give control characters.
const UNDEFINED: [char; 5] = ['\u{81}', '\u{8d}', '\u{8f}', '\u{90}', '\u{9d}'];

/// A file's text without its byte-order mark.
///
/// A mark decides. Without one the text is UTF-16 if every second byte tends to be zero. It is UTF-8 if it can be, or if
/// at least as many of its characters are proper UTF-8 as are not: those that are not became [`DAMAGED`]. All else
/// is Windows-1252.
pub(crate) fn decode(mut bytes: Vec<u8>) -> (String, Encoding) {
    if let Some(label) = utf16(&bytes) {
        let marked = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let text = decoder::decode(&bytes[if marked { 2 } else { 0 }..], label);
        return (text, Encoding::Utf16);
    }
    let marked = bytes.starts_with(&[0xef, 0xbb, 0xbf]);
    if marked {
        bytes.drain(..3);
    }
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return (text, Encoding::Utf8),
        Err(error) => error.into_bytes(),
    };
    if marked || mostly_utf8(&bytes) {
        return (String::from_utf8_lossy(&bytes).into_owned(), Encoding::Utf8);
    }
    let mut text = decoder::decode(&bytes, "windows-1252");
    if text.contains(UNDEFINED) {
        text = text.replace(UNDEFINED, "\u{fffd}");
    }
    (text, Encoding::Windows1252)
}

/// A text in which a few zero bytes stand for damage; where there are many, it is no text.
pub(crate) fn without_few_zeros(text: String) -> String {
    let zeros = memchr::memchr_iter(0, text.as_bytes()).count();
    if zeros == 0 || zeros * 100 > text.len() {
        return text;
    }
    text.replace('\0', "\u{fffd}")
}

fn mostly_utf8(bytes: &[u8]) -> bool {
    let (mut proper, mut damaged) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        proper += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        damaged += usize::from(!chunk.invalid().is_empty());
    }
    proper >= damaged
}

/// The byte order of UTF-16: by its mark, or by the zeros that every second byte of western text is.
fn utf16(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(&[0xff, 0xfe]) {
        return Some("utf-16le");
    }
    if bytes.starts_with(&[0xfe, 0xff]) {
        return Some("utf-16be");
    }
    let sample = &bytes[..bytes.len().min(2000)];
    let zeros = |from: usize| {
        let every_second = sample.iter().skip(from).step_by(2);
        every_second.filter(|&&byte| byte == 0).count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    let many = sample.len() / 5;
    if odd > many && even == 0 {
        Some("utf-16le")
    } else if even > many && odd == 0 {
        Some("utf-16be")
    } else {
        None
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod decoder {
    use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};

    pub(super) fn decode(bytes: &[u8], label: &str) -> String {
        let encoding = match label {
            "utf-16le" => UTF_16LE,
            "utf-16be" => UTF_16BE,
            _ => WINDOWS_1252,
        };
        encoding.decode_without_bom_handling(bytes).0.into_owned()
    }
}

/// The browser's own decoder, which follows the same standard.
#[cfg(target_arch = "wasm32")]
mod decoder {
    pub(super) fn decode(bytes: &[u8], label: &str) -> String {
        crate::web::decode(label, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> (String, Encoding) {
        decode(bytes.to_vec())
    }

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
            (text.into(), Encoding::Utf8),
            (format!("\u{feff}{text}").into(), Encoding::Utf8),
            (wide(u16::to_le_bytes), Encoding::Utf16),
            (wide(u16::to_be_bytes), Encoding::Utf16),
            (narrow, Encoding::Windows1252),
        ];
        for (bytes, encoding) in files {
            assert_eq!(decode(bytes), (text.into(), encoding));
        }
        // the euro sign and quotes of Windows, which Latin-1 does not have
        assert_eq!(decoded(b"\x80 \x93a\x94").0, "\u{20ac} \u{201c}a\u{201d}");
    }

    #[test]
    fn utf16_without_a_mark_is_known_by_its_zeros() {
        let units: Vec<u16> = "text,label".encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [little, big] {
            assert_eq!(decode(bytes), ("text,label".into(), Encoding::Utf16));
        }
    }

    #[test]
    fn bytes_that_windows_has_no_character_for_are_damage() {
        let text = "caf\u{e9}\u{fffd}";
        assert_eq!(
            decoded(b"caf\xe9\x81"),
            (text.into(), Encoding::Windows1252)
        );
    }

    #[test]
    fn a_damaged_place_does_not_change_the_encoding() {
        let (text, encoding) = decoded(b"d\xc3\xa9j\xc3\xa0 vu\nna\xefve\n");
        assert_eq!(
            (&*text, encoding),
            ("d\u{e9}j\u{e0} vu\nna\u{fffd}ve\n", Encoding::Utf8)
        );
        let marked = decoded(b"\xef\xbb\xbfna\xefve");
        assert_eq!(marked, ("na\u{fffd}ve".into(), Encoding::Utf8));
    }
}
