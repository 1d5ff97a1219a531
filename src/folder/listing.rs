//! The list of files in the side file: which files belong to an adapter, and how to know that they arrived whole.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{CARD, Card, Files, to_json};
use crate::error::{Error, Result};

/// A file on the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct ListedFile {
    /// Its name in the folder.
    pub name: String,
    /// Its length and hash; absent on lists of names alone, which earlier versions wrote.
    pub content: Option<ListedContent>,
}

/// What a listed file must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedContent {
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal. The side file cannot hold its own hash, so its entry has the hash of the
    /// side file with zeros in place of these 64 digits.
    pub sha256: String,
}

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

impl TryFrom<Value> for ListedFile {
    type Error = &'static str;

    fn try_from(entry: Value) -> std::result::Result<Self, Self::Error> {
        let read = || {
            if let Some(name) = entry.as_str() {
                let name = name.to_owned();
                return Some(Self {
                    name,
                    content: None,
                });
            }
            let name = entry.get("name")?.as_str()?.to_owned();
            let bytes = entry.get("bytes")?.as_u64()?;
            let sha256 = entry.get("sha256")?.as_str()?.to_owned();
            let is_hex = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
            let content = ListedContent { bytes, sha256 };
            (content.sha256.len() == 64 && content.sha256.bytes().all(is_hex)).then_some(Self {
                name,
                content: Some(content),
            })
        };
        read().ok_or(
            "each entry of \"files\" must be a name, or an object with \"name\", \"bytes\" and \"sha256\" (64 \
             hexadecimal digits)",
        )
    }
}

impl From<ListedFile> for Value {
    fn from(file: ListedFile) -> Self {
        match file.content {
            None => file.name.into(),
            Some(ListedContent { bytes, sha256 }) => {
                serde_json::json!({ "name": file.name, "bytes": bytes, "sha256": sha256 })
            }
        }
    }
}

/// Writes the side file, which lists the others and itself with their lengths and hashes.
///
/// # Errors
/// None in practice.
pub(super) fn put_card(mut card: Card, files: &mut Files) -> Result<()> {
    let listed = |name: &str, bytes: usize, sha256: String| ListedFile {
        name: name.to_owned(),
        content: Some(ListedContent {
            bytes: bytes as u64,
            sha256,
        }),
    };
    let others = files.iter().filter(|(name, _)| *name != CARD);
    card.files = others
        .map(|(name, content)| listed(name, content.len(), sha256(&[content])))
        .collect();
    card.files.push(listed(CARD, 0, ZEROS.to_owned()));
    // its own length is in it, so a longer number makes it longer
    let mut json = to_json(&card)?;
    loop {
        let bytes = json.len();
        card.files.pop();
        card.files.push(listed(CARD, bytes, ZEROS.to_owned()));
        json = to_json(&card)?;
        if json.len() == bytes {
            break;
        }
    }
    card.files.pop();
    card.files.push(listed(CARD, json.len(), sha256(&[&json])));
    files.insert(CARD.into(), to_json(&card)?);
    Ok(())
}

/// Lists a folder's files in its side file as they are now: for whoever changed one of them on purpose. A folder without
/// a side file stays without.
///
/// # Errors
/// [`Error::ConfigInvalid`] for a side file that is none.
pub fn list_files(files: &mut Files) -> Result<()> {
    if files.contains_key(CARD) {
        put_card(super::read_card(files)?, files)?;
    }
    Ok(())
}

/// Compares the files of a folder with the list in its side file. A file that is not there is not its concern, and
/// neither is one without a hash.
///
/// # Errors
/// [`Error::FileTruncated`], [`Error::ChecksumMismatch`]; [`Error::ConfigInvalid`] for a damaged list.
pub(super) fn verify(card: &Card, files: &Files) -> Result<()> {
    let invalid = |reason: String| {
        Err(Error::ConfigInvalid {
            place: CARD.into(),
            reason: format!("{reason}; fetch or copy it again"),
        })
    };
    // if one bit of its name changed, the list would be an unknown field, and nothing would be checked
    let is_list = |value: &Value| {
        let entry = value.as_array().and_then(|entries| entries.last());
        entry.is_some_and(|entry| {
            ListedFile::try_from(entry.clone()).is_ok_and(|f| f.content.is_some())
        })
    };
    if let Some((field, _)) = card.other.iter().find(|(_, value)| is_list(value)) {
        return invalid(format!("its field \"{field}\" must be called \"files\""));
    }
    let checked = card.files.iter().filter(|file| file.content.is_some());
    if checked.clone().count() > 0 && !checked.clone().any(|file| file.name == CARD) {
        return invalid(format!("its list of files lacks {CARD}"));
    }
    for ListedFile { name, content } in checked {
        if let (Some(listed), Some(content)) = (content, files.get(name)) {
            verify_one(name, listed, content)?;
        }
    }
    Ok(())
}

fn verify_one(name: &str, listed: &ListedContent, content: &[u8]) -> Result<()> {
    if name != CARD && (content.len() as u64) < listed.bytes {
        return Err(Error::FileTruncated {
            place: name.to_owned(),
            found: content.len(),
        });
    }
    let found = if name == CARD {
        let digits = listed.sha256.as_bytes();
        let at = content
            .windows(digits.len())
            .position(|part| part == digits);
        let at = at.unwrap_or_default();
        let (before, after) = (content.get(..at), content.get(at + digits.len()..));
        sha256(&[
            before.unwrap_or_default(),
            ZEROS.as_bytes(),
            after.unwrap_or_default(),
        ])
    } else {
        sha256(&[content])
    };
    if found == listed.sha256 {
        return Ok(());
    }
    Err(Error::ChecksumMismatch {
        file: name.to_owned(),
        expected: listed.sha256.clone(),
        found,
        hint: "fetch or copy it again; if it was changed on purpose, delete \"files\" from graftlet.json",
    })
}

/// SHA-256 of parts in a row, in hexadecimal.
fn sha256(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hex::encode(hash.finalize())
}
