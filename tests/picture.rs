//! Pictures against transformers and Pillow: pixels bit for bit, and the numbers that are made of them.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;

use graftlet::input::picture::{Picture, PictureReader};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What `tests/python/picture.py` wrote.
#[derive(Deserialize)]
struct Goldens {
    cases: Vec<Case>,
    decoded: Vec<Decoded>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    source: String,
    config: Value,
    side: Option<usize>,
    /// Height and width.
    size: (usize, usize),
    sha256: String,
    pixels: Option<String>,
    /// Channel, y, x, number.
    numbers: Vec<(usize, usize, usize, f32)>,
}

#[derive(Deserialize)]
struct Decoded {
    file: String,
    /// How much a byte may differ.
    most: u8,
    /// Height and width.
    size: (usize, usize),
    bytes: String,
}

fn bytes(file: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/picture");
    fs::read(folder.join(file)).unwrap()
}

fn picture(file: &str) -> Picture {
    Picture::read(file, &bytes(file)).unwrap()
}

fn goldens() -> Goldens {
    serde_json::from_slice(&bytes("cases.json")).unwrap()
}

fn reader(case: &Case) -> PictureReader {
    let reader = PictureReader::from_json(case.config.to_string().as_bytes()).unwrap();
    match case.side {
        Some(side) => reader.with_side(side).unwrap(),
        None => reader,
    }
}

#[test]
fn pixels_are_those_of_transformers() {
    for case in goldens().cases {
        let what = format!("{} of {}", case.name, case.source);
        let pixels = reader(&case).pixels(&picture(&case.source)).unwrap();
        assert_eq!((pixels.height(), pixels.width()), case.size, "{what}");
        if let Some(file) = &case.pixels {
            let expected = picture(file);
            let pairs = pixels.bytes().iter().zip(expected.bytes());
            let wrong: Vec<usize> = pairs
                .enumerate()
                .filter_map(|(at, (found, expected))| (found != expected).then_some(at))
                .collect();
            assert_eq!(wrong, [0; 0], "{what}");
        }
        let found = hex::encode(Sha256::digest(pixels.bytes()));
        assert_eq!(found, case.sha256, "{what}");
    }
}

#[test]
fn numbers_are_those_of_transformers() {
    for case in goldens().cases {
        let reader = reader(&case);
        // One patch is the whole picture if it is a square.
        let pixels = reader.pixels(&picture(&case.source)).unwrap();
        let square = (case.size.0 == case.size.1)
            .then(|| reader.patches(&picture(&case.source), case.size.0).unwrap())
            .map(|patches| reader.numbers(&patches));
        let values = reader.values();
        for (channel, y, x, expected) in case.numbers {
            let byte = pixels.bytes()[(y * case.size.1 + x) * 3 + channel];
            let found = values[channel][usize::from(byte)];
            let what = format!("{} of {}: {found} {expected}", case.name, case.source);
            // Bytes that are not rescaled are numbers of hundreds.
            assert!(
                (found - expected).abs() <= 1e-6 * expected.abs().max(1.0),
                "{what}"
            );
            if let Some(numbers) = &square {
                let number = numbers[(channel * case.size.0 + y) * case.size.1 + x];
                assert!((number - found).abs() < 1e-9, "{what}");
            }
        }
    }
}

#[test]
fn patches_are_the_pixels_that_a_convolution_multiplies() {
    let source = picture("200x120.png");
    let config = br#"{"image_processor_type": "BitImageProcessor"}"#;
    let reader = PictureReader::from_json(config)
        .unwrap()
        .with_side(45)
        .unwrap();
    let (pixels, patches) = (
        reader.pixels(&source).unwrap(),
        reader.patches(&source, 14).unwrap(),
    );
    // 3 pixels on the right and at the bottom fill no patch
    assert_eq!((patches.rows(), patches.columns()), (3, 3));
    assert_eq!(patches.bytes().len(), 9 * 3 * 14 * 14);
    for (at, &byte) in patches.bytes().iter().enumerate() {
        let (x, y) = (at % 14, at / 14 % 14);
        let (channel, patch) = (at / 196 % 3, at / 588);
        let (y, x) = (patch / 3 * 14 + y, patch % 3 * 14 + x);
        assert_eq!(byte, pixels.bytes()[(y * 45 + x) * 3 + channel]);
    }
}

#[test]
fn files_of_all_formats_are_decoded() {
    for case in goldens().decoded {
        let found = picture(&case.file);
        assert_eq!((found.height(), found.width()), case.size, "{}", case.file);
        let expected = hex::decode(&case.bytes).unwrap();
        let pairs = found.bytes().iter().zip(&expected);
        let most = pairs
            .map(|(found, expected)| found.abs_diff(*expected))
            .max();
        assert!(most.unwrap() <= case.most, "{}: {most:?}", case.file);
    }
}

#[test]
fn a_truncated_file_is_called_so() {
    for case in goldens().decoded {
        let whole = bytes(&case.file);
        // What is behind the pixels may be missing: a checksum, the end of a GIF.
        for length in [12, whole.len() / 2, whole.len() * 9 / 10] {
            let error = match Picture::read("cat", &whole[..length]) {
                Err(e) => e,
                Ok(_) => {
                    eprintln!("OK {} {length}/{}", case.file, whole.len());
                    continue;
                }
            };
            assert_eq!(
                error.code(),
                "file_truncated",
                "{} {length}: {error}",
                case.file
            );
            assert!(error.message().starts_with("cat is truncated"), "{error}");
        }
    }
}

#[test]
fn bytes_that_are_no_picture_are_refused() {
    let png = bytes("64x48.png");
    let damaged = [&png[..20], &[9; 30], &png[50..]].concat();
    let cases: [(&[u8], &str); 4] = [
        (b"", "it is empty"),
        (b"hello, this is a text", "its format is not known"),
        // TIFF
        (b"II*\0\x08\0\0\0\0\0\0\0\0\0\0\0", "not supported"),
        (&damaged, "it is damaged"),
    ];
    for (bytes, reason) in cases {
        let error = Picture::read("cat.png", bytes).unwrap_err();
        assert_eq!(error.code(), "picture_invalid", "{error}");
        let message = error.message();
        assert!(
            message.starts_with("cat.png cannot be read as a picture: "),
            "{message}"
        );
        assert!(message.contains(reason), "{message}");
    }
}

/// A BMP file's header is its size; nothing checks it.
#[test]
fn a_picture_that_is_too_large_is_refused() {
    let mut wide = bytes("rgb.bmp");
    wide[18..22].copy_from_slice(&16_385_u32.to_le_bytes());
    let mut huge = wide.clone();
    for side in [18..22, 22..26] {
        huge[side].copy_from_slice(&16_384_u32.to_le_bytes());
    }
    for (bytes, size) in [(wide, "16385 x 9"), (huge, "16384 x 16384")] {
        let error = Picture::read("cat.bmp", &bytes).unwrap_err();
        assert_eq!(error.code(), "picture_too_large", "{error}");
        assert!(error.message().contains(size), "{error}");
    }
}
