//! Files that are no rows, known by how they begin. They are named as what they are, and never shown.

use crate::options::Refusal;

/// What to do with a workbook.
const SAVE_AS_CSV: &str =
    "open it in the spreadsheet program, choose “Save as” and then “CSV UTF-8”";

/// What to do with a compressed file.
const UNPACK: &str = "unpack it and take the file of rows in it";

/// What to do with a table of Python's libraries.
const TO_CSV: &str =
    "write it as CSV, in Python with pandas.read_…(…).to_csv(\"rows.csv\", index=False)";

/// What else may be dropped by mistake.
const CHOOSE: &str = "choose a file of rows: CSV, TSV, JSONL, JSON or CoNLL";

/// First bytes, what a file that has them is, and what to do.
const BEGINNINGS: [(&[u8], &str, &str); 33] = [
    (
        b"PAR1",
        "a Parquet file",
        "write it as CSV, in Python with pandas.read_parquet(FILE).to_csv(\"rows.csv\", index=False)",
    ),
    (b"FEA1", "a Feather file", TO_CSV),
    (b"Obj\x01", "an Avro file", TO_CSV),
    (b"(dp0\n", "a Python pickle", TO_CSV),
    (b"(lp0\n", "a Python pickle", TO_CSV),
    (b"ccopy_reg\n", "a Python pickle", TO_CSV),
    (b"cpandas.", "a Python pickle", TO_CSV),
    (b"ID3\x03", "a sound file", CHOOSE),
    (b"ID3\x04", "a sound file", CHOOSE),
    (b"OggS\0", "a sound file", CHOOSE),
    (b"ARROW1", "an Arrow file", TO_CSV),
    (b"\xff\xff\xff\xff", "an Arrow stream", TO_CSV),
    (b"\x1f\x8b", "a gzip archive", UNPACK),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Office file (.xls or .doc)",
        SAVE_AS_CSV,
    ),
    (b"%PDF-", "a PDF", CHOOSE),
    (
        b"SQLite format 3\0",
        "an SQLite database",
        "export the table of rows as CSV",
    ),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", TO_CSV),
    (b"\x93NUMPY", "a NumPy array", TO_CSV),
    (b"\x80\x02", "a Python pickle", TO_CSV),
    (b"\x80\x03", "a Python pickle", TO_CSV),
    (b"\x80\x04", "a Python pickle", TO_CSV),
    (b"\x80\x05", "a Python pickle", TO_CSV),
    (b"\x89PNG\r\n", "an image", CHOOSE),
    (b"\xff\xd8\xff", "an image", CHOOSE),
    (b"GIF8", "an image", CHOOSE),
    (b"\x7fELF", "a program", CHOOSE),
    (
        b"{\\rtf",
        "a rich-text document",
        "save it as plain text or CSV",
    ),
    (b"GGUF", "a model's weights", CHOOSE),
];

/// A refusal of bytes that are something else, as far as their beginning says.
pub(crate) fn refuse_bytes(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        let (what, remedy) = archive(bytes);
        return Err(is(what, remedy));
    }
    let at = |place: usize, word: &[u8]| {
        bytes
            .get(place..)
            .is_some_and(|rest| rest.starts_with(word))
    };
    if at(0, b"RIFF") && (at(8, b"WEBP") || at(8, b"WAVE")) {
        let what = if at(8, b"WEBP") {
            "an image"
        } else {
            "a sound file"
        };
        return Err(is(what, CHOOSE));
    }
    if at(257, b"ustar") {
        return Err(is("a tar archive", UNPACK));
    }
    let found = BEGINNINGS
        .iter()
        .find(|(start, ..)| bytes.starts_with(start));
    match found {
        Some((_, what, remedy)) => Err(is(what, remedy)),
        None => Ok(()),
    }
}

/// What a zip archive holds, by the names of its files.
fn archive(bytes: &[u8]) -> (&'static str, &'static str) {
    // names stand before each file and again in the list at the end
    let ends = [
        &bytes[..bytes.len().min(8192)],
        &bytes[bytes.len().saturating_sub(65_536)..],
    ];
    let has = |name: &[u8]| {
        ends.iter()
            .any(|end| memchr::memmem::find(end, name).is_some())
    };
    if has(b"xl/") {
        ("an Excel workbook (.xlsx)", SAVE_AS_CSV)
    } else if has(b"opendocument.spreadsheet") {
        ("an OpenDocument spreadsheet (.ods)", SAVE_AS_CSV)
    } else if has(b"word/") || has(b"opendocument.text") {
        ("a text document", "save it as plain text or CSV")
    } else if has(b"data.pkl") {
        ("a file of PyTorch", CHOOSE)
    } else if has(b".npy") {
        ("an archive of NumPy arrays", TO_CSV)
    } else {
        ("a zip archive", UNPACK)
    }
}

/// A refusal of text that is something else than rows.
pub(crate) fn refuse_text(text: &str) -> Result<(), Refusal> {
    if text.contains('\0') {
        return Err(is("a binary file", CHOOSE));
    }
    let start = text.trim_start();
    if start.is_empty() {
        return Err(Refusal::new(
            "file_empty",
            "This file is empty: there are no rows in it.",
        ));
    }
    if start.starts_with("version https://git-lfs.github.com/spec/") {
        return Err(is(
            "a Git LFS pointer, which stands for a file that was not downloaded",
            "fetch the file itself with `git lfs pull`, or download it from its page",
        ));
    }
    let begins = |tag: &str| {
        let first = start.get(..tag.len());
        first.is_some_and(|first| first.eq_ignore_ascii_case(tag))
    };
    const TAGS: [&str; 10] = [
        "<!doctype",
        "<!--",
        "<html",
        "<head>",
        "<body",
        "<table",
        "<meta ",
        "<title",
        "<script",
        "<style",
    ];
    if TAGS.into_iter().any(begins) {
        return Err(is(
            "an HTML page",
            "download the file itself, not the page that shows it",
        ));
    }
    if ["<?xml", "<svg"].into_iter().any(begins) || is_element(start.trim_end()) {
        return Err(is("XML", CHOOSE));
    }
    Ok(())
}

/// Whether a text is one element of XML with others in it.
fn is_element(text: &str) -> bool {
    let name = || {
        let rest = text.strip_prefix('<')?;
        let name = &rest[..rest.find(['>', ' ', '\n', '\r'])?];
        let inner = text
            .strip_suffix('>')?
            .strip_suffix(name)?
            .strip_suffix("</")?;
        let is_name = name
            .chars()
            .all(|c| c.is_alphanumeric() || "_-:.".contains(c));
        let closed = inner.contains(&format!("</{name}>"));
        (is_name && name.len() > 1 && !closed).then_some(inner)
    };
    name().is_some_and(|inner| inner.contains("</"))
}

pub(crate) fn is(what: &str, remedy: &str) -> Refusal {
    Refusal::new(
        "not_rows",
        format!("This is {what}, not a file of rows: {remedy}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_named() {
        for (bytes, word) in [
            (
                &b"PK\x03\x04....[Content_Types].xml..xl/workbook.xml"[..],
                "Excel workbook",
            ),
            (
                b"PK\x03\x04....mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
                "OpenDocument",
            ),
            (b"PK\x03\x04....rows.csv", "zip archive"),
            (b"PAR1\x15\x04", "read_parquet"),
            (b"\x1f\x8b\x08\0", "gzip"),
            (b"%PDF-1.7\n", "PDF"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".xls"),
            (b"\x80\x04\x95", "pickle"),
        ] {
            let refusal = refuse_bytes(bytes).unwrap_err();
            assert_eq!(refusal.code, "not_rows");
            assert!(refusal.message.contains(word), "{refusal}");
        }
        assert!(refuse_bytes(b"text,label\n").is_ok());
    }

    #[test]
    fn text_that_is_no_rows_is_named() {
        for (text, code, word) in [
            (
                "version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
                "not_rows",
                "git lfs pull",
            ),
            ("\n<!DOCTYPE html>\n<title>x", "not_rows", "HTML"),
            ("<html lang=en>", "not_rows", "HTML"),
            ("<?xml version=\"1.0\"?>", "not_rows", "XML"),
            ("a\0b", "not_rows", "binary"),
            (" \n\r\n", "file_empty", "empty"),
        ] {
            let refusal = refuse_text(text).unwrap_err();
            assert!(
                refusal.code == code && refusal.message.contains(word),
                "{refusal}"
            );
        }
        assert!(refuse_text("<b>bold</b> text,x\n").is_ok());
    }
}
