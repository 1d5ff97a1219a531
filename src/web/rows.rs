use serde::Deserialize;
use sha2::{Digest, Sha256};
use wasm_bindgen::prelude::*;

use super::convert::thrown;
use crate::error::{Error, Result};
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
    /// no label.
    ///
    /// # Errors
    /// `file_invalid` for a line that is no row.
    pub fn push(&mut self, lines: &[u8]) -> std::result::Result<(), JsValue> {
        self.take(lines).map_err(thrown)
    }
}

impl Rows {
    fn take(&mut self, lines: &[u8]) -> Result<()> {
        self.hash.update(lines);
        for line in lines.split(|&byte| byte == b'\n') {
            if line.is_empty() {
                continue;
            }
            let line: Line = crate::json::parse(line).map_err(|error| Error::FileInvalid {
                place: format!("row {}", self.rows.len() + self.replay.len() + 1),
                reason: error.to_string(),
            })?;
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
