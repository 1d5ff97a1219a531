//! Floor 0: JSON text to values of any type.

use serde::de::DeserializeOwned;
use serde_json::{Result, Value};

/// A value out of JSON text, by way of [`Value`]: then each type has one reader in the wasm module, and
/// not one for text, one for [`Value`] and one for JavaScript's objects.
///
/// # Errors
/// Those of `serde_json`.
pub fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T> {
    serde_json::from_value(serde_json::from_slice::<Value>(json)?)
}

/// What an error of `serde_json` says, without the names of Rust's types.
#[must_use]
pub fn plain(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let Some((start, kind)) = said.rsplit_once("expected ") else {
        return said;
    };
    let kind = match kind {
        "usize" | "u64" | "u32" => "a whole number that is not negative",
        "f64" | "f32" => "a number",
        other => other,
    };
    format!("{start}expected {kind}")
}
