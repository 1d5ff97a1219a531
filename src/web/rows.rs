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
    hash: Sha256,
}

#[wasm_bindgen]
impl Rows {
    /// None yet.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in JSON lines: `{ text, text2?, label }`.
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
            let row = crate::json::parse(line).map_err(|error| Error::FileInvalid {
                place: format!("row {}", self.rows.len() + 1),
                reason: error.to_string(),
            })?;
            self.rows.push(row);
        }
        Ok(())
    }

    /// The rows, and the SHA-256 of their lines.
    pub(super) fn finish(self) -> (Vec<Row>, String) {
        (self.rows, hex::encode(self.hash.finalize()))
    }
}
