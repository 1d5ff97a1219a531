use serde::Deserialize;
use sha2::{Digest, Sha256};
use wasm_bindgen::prelude::*;

use super::convert::thrown;
use crate::error::{Error, Result};
use crate::input::Input;
use crate::train::Row;

/// Rows of a run to come, taken in a part at a time, so that no copy of all of them is needed on the way.
#[wasm_bindgen]
#[derive(Default)]
pub struct Rows {
    rows: Vec<Row>,
    /// Rows that an adapter that is trained further should not forget; some have no label.
    replay: Vec<Row>,
    hash: Sha256,
}

/// A line: a row, and whether it is replayed.
#[derive(Deserialize)]
struct Line {
    #[serde(flatten)]
    row: Row,
    #[serde(default)]
    replay: bool,
}

#[wasm_bindgen]
impl Rows {
    /// None yet.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in JSON lines: `{ text, text2?, label }`, with `replay: true` for rows that should not be forgotten. Those need
    /// no label. In place of a line there may be what was read of a recording or a picture: a zero byte, such a line with
    /// an empty text, the number of bytes that follow, as 32 bits, little-endian, and these.
    ///
    /// # Errors
    /// `file_invalid` for a line that is no row, and for damaged bytes.
    pub fn push(&mut self, lines: &[u8]) -> std::result::Result<(), JsValue> {
        self.take(lines).map_err(thrown)
    }
}

impl Rows {
    fn take(&mut self, lines: &[u8]) -> Result<()> {
        self.hash.update(lines);
        let mut rest = lines;
        while let Some((&first, behind)) = rest.split_first() {
            let is_read = first == 0;
            if is_read {
                rest = behind;
            }
            let line;
            (line, rest) = until_line_end(rest);
            if line.is_empty() && !is_read {
                continue;
            }
            let place = format!("row {}", self.rows.len() + self.replay.len() + 1);
            let invalid = |reason: String| Error::FileInvalid {
                place: place.clone(),
                reason,
            };
            let mut line: Line =
                crate::json::parse(line).map_err(|error| invalid(error.to_string()))?;
            if is_read {
                let read;
                (read, rest) = counted(rest).ok_or_else(|| invalid("it is cut".to_owned()))?;
                line.row.input = Input::unpack(&place, read)?;
            }
            match line.replay {
                true => self.replay.push(line.row),
                false => self.rows.push(line.row),
            }
        }
        Ok(())
    }

    /// The rows, those that are replayed, and the SHA-256 of their lines.
    pub(super) fn finish(self) -> (Vec<Row>, Vec<Row>, String) {
        (self.rows, self.replay, hex::encode(self.hash.finalize()))
    }
}

/// What stands before the first end of a line, and behind it.
fn until_line_end(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\n');
    let end = end.unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}

/// As many bytes as the first four say, and what follows.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&count, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(count) as usize)
}
