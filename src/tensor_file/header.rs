//! The header of a safetensors file, read before the library reads the file.

use std::collections::BTreeSet;

use safetensors::tensor::SafeTensorError;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

/// Most tensors of a file: far more than a model has, and few enough for their list to be read at once.
pub(super) const MOST_TENSORS: usize = 100_000;

/// Refuses a header with too many names or with one twice: of two tensors of a name the library keeps the last, without a
/// word. What is no header at all is left to the library's own error.
pub(super) fn check_names(bytes: &[u8]) -> std::result::Result<(), String> {
    let header = bytes.get(..8).and_then(|length| {
        let length = usize::try_from(u64::from_le_bytes(length.try_into().ok()?)).ok()?;
        bytes.get(8..8usize.checked_add(length)?)
    });
    let Some(header) = header else {
        return Ok(());
    };
    let mut wrong = None;
    let mut json = serde_json::Deserializer::from_slice(header);
    // An error is either ours, which `wrong` says, or the library's to say.
    let _ = json.deserialize_map(Names(&mut wrong));
    wrong.map_or(Ok(()), Err)
}

/// Goes through the keys of a header and stops at the first that is wrong.
struct Names<'a>(&'a mut Option<String>);

impl<'de> Visitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            map.next_value::<IgnoredAny>()?;
            if seen.len() == MOST_TENSORS {
                *self.0 = Some(format!(
                    "it has more than {MOST_TENSORS} tensors, which no model has"
                ));
            } else if seen.contains(&name) {
                *self.0 = Some(format!(
                    "its header names the tensor \"{name}\" twice: save the file again"
                ));
            }
            if self.0.is_some() {
                return Err(A::Error::custom("refused"));
            }
            seen.insert(name);
        }
        Ok(())
    }
}

/// Whether the file ends before its header says so (the library's error does not tell this from
/// a file with bytes too many).
pub(super) fn is_truncated(bytes: &[u8], error: &SafeTensorError) -> bool {
    let declared_end = || -> Option<usize> {
        let length = usize::try_from(u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?)).ok()?;
        let header = bytes.get(8..8usize.checked_add(length)?)?;
        let header: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(header).ok()?;
        let last = header
            .values()
            .filter_map(|entry| entry.get("data_offsets")?.get(1)?.as_u64())
            .max()?;
        usize::try_from(last).ok()?.checked_add(8 + length)
    };
    match error {
        SafeTensorError::HeaderTooSmall | SafeTensorError::InvalidHeaderLength => true,
        _ => declared_end().is_some_and(|end| end > bytes.len()),
    }
}
