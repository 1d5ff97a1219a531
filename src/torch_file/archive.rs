//! The ZIP archive that `torch.save` writes.

use std::collections::BTreeMap;
use std::io::Cursor;

use zip::{CompressionMethod, ZipArchive};

const ENTRY: &[u8] = b"PK\x03\x04";

const DIRECTORY_END: &[u8] = b"PK\x05\x06";

const DIRECTORY_END_LENGTH: usize = 22;

/// Whether a zip archive begins here and does not end: its directory comes last.
pub(super) fn is_truncated(bytes: &[u8]) -> bool {
    if !bytes.starts_with(&ENTRY[..bytes.len().min(ENTRY.len())]) {
        return false;
    }
    let last = bytes
        .windows(DIRECTORY_END.len())
        .rposition(|window| window == DIRECTORY_END);
    last.is_none_or(|start| bytes.len() - start < DIRECTORY_END_LENGTH)
}

/// Where the entries of an archive lie in it.
pub(super) struct Entries<'a> {
    bytes: &'a [u8],
    /// By name: start, length, checksum.
    pub(super) entries: BTreeMap<String, (usize, usize, u32)>,
}

impl<'a> Entries<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> std::result::Result<Self, String> {
        if !bytes.starts_with(ENTRY) {
            // the magic number that torch.save began files with before it wrote archives
            let old = bytes.starts_with(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.")
                || bytes.get(257..262) == Some(b"ustar");
            return Err(if old {
                "PyTorch wrote it before version 1.6; load and save it with a newer one".to_owned()
            } else {
                "it is not a file of torch.save".to_owned()
            });
        }
        let not_zip = |error: zip::result::ZipError| format!("it is no zip archive ({error})");
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(not_zip)?;
        if archive.has_duplicate_names() {
            return Err("two of its entries have one name".to_owned());
        }
        let mut entries = BTreeMap::new();
        let mut total = 0usize;
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(not_zip)?;
            let name = entry.name().map_err(not_zip)?.into_owned();
            if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
                return Err(format!(
                    "its entry {name} is compressed or encrypted, which torch.save never does"
                ));
            }
            let beyond = || format!("its entry {name} lies beyond the file's end");
            let start = entry.data_start().and_then(|at| usize::try_from(at).ok());
            let start = start.ok_or_else(beyond)?;
            let length = usize::try_from(entry.size()).map_err(|_| beyond())?;
            let end = start.checked_add(length).ok_or_else(beyond)?;
            if entry.compressed_size() != entry.size() || end > bytes.len() {
                return Err(beyond());
            }
            total = total.saturating_add(length);
            let checksum = entry.crc32();
            entries.insert(name, (start, length, checksum));
        }
        if total > bytes.len() {
            return Err("its entries overlap".to_owned());
        }
        Ok(Self { bytes, entries })
    }

    /// An entry's content, if there is such an entry.
    pub(super) fn get(&self, name: &str) -> std::result::Result<Option<&'a [u8]>, String> {
        let Some(&(start, length, checksum)) = self.entries.get(name) else {
            return Ok(None);
        };
        let content = &self.bytes[start..start + length];
        if crc32fast::hash(content) != checksum {
            return Err(format!(
                "its entry {name} does not have the checksum that the archive says; it is damaged"
            ));
        }
        Ok(Some(content))
    }
}
