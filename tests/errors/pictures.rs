//! Pictures that no model reads.

use graftlet::input::picture::{LONGEST_SIDE, Picture};

use super::refused;

#[test]
fn bytes_and_sizes() {
    let of =
        |width, height, bytes: usize| Picture::from_rgb("a.png", width, height, vec![0; bytes]);
    refused(of(0, 2, 0), "picture_invalid", &["a.png"]);
    refused(of(2, 2, 11), "picture_invalid", &["a.png"]);
    refused(of(LONGEST_SIDE + 1, 1, 0), "picture_too_large", &["a.png"]);
}

#[test]
fn files() {
    refused(Picture::read("a.png", &[]), "picture_invalid", &["a.png"]);
    let text = b"This is not a picture. ".repeat(10);
    refused(Picture::read("a.png", &text), "picture_invalid", &["a.png"]);
}
