use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// `manifest.json` of a backbone folder: what is in it and how to know that it arrived whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this file's layout, 1.
    pub format: u32,
    /// The model's name on its hub; empty where it is not known.
    #[serde(default)]
    pub name: String,
    /// "int8", "q4", "f16" or "f32".
    pub dtype: String,
    /// SHA-256 of the checkpoint that the weights were converted from, in hexadecimal.
    pub fingerprint: String,
    /// How a text becomes a vector, as the engine reads it; absent where nobody said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<Value>,
    /// The files.
    pub files: Vec<ManifestFile>,
}

/// One file of a [`Manifest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its name in the folder.
    pub name: String,
    /// Its length.
    pub bytes: usize,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// The file's name in a folder.
    pub const FILE: &str = "manifest.json";

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`].
    pub fn from_json(place: &str, json: &[u8]) -> Result<Self> {
        let invalid = |reason: String| Error::ConfigInvalid {
            place: place.to_owned(),
            reason,
        };
        let manifest: Self =
            serde_json::from_slice(json).map_err(|error| invalid(error.to_string()))?;
        if manifest.format != 1 {
            return Err(invalid(format!(
                "its format is {}, this program reads 1: update the program",
                manifest.format
            )));
        }
        let mut seen = BTreeSet::new();
        for file in &manifest.files {
            file.check().map_err(invalid)?;
            if !seen.insert(&file.name) {
                return Err(invalid(format!("it lists \"{}\" twice", file.name)));
            }
        }
        Ok(manifest)
    }

    /// The name of the file of weights.
    ///
    /// # Errors
    /// [`Error::FileMissing`] if it lists none.
    pub fn weights(&self) -> Result<&str> {
        let mut names = self.files.iter().map(|file| file.name.as_str());
        let found = names.find(|name| name.ends_with(".safetensors"));
        found.ok_or_else(|| Error::FileMissing {
            place: Self::FILE.into(),
            file: "file of weights (.safetensors)".into(),
            hint: "convert the backbone again",
        })
    }

    /// The sum of the files' lengths.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let lengths = self.files.iter().map(|file| file.bytes);
        lengths.fold(0, usize::saturating_add)
    }
}

impl ManifestFile {
    /// Describes a file's content.
    #[must_use]
    pub fn of(name: &str, content: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            bytes: content.len(),
            sha256: sha256(content),
        }
    }

    /// Refuses an entry that no program wrote.
    fn check(&self) -> std::result::Result<(), String> {
        let Self { name, sha256, .. } = self;
        // names are joined to a folder's address: they must not lead out of it
        let is_odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':' | '?' | '#' | '%');
        if ["", ".", ".."].contains(&name.as_str()) || name.contains(is_odd) {
            return Err(format!("\"{}\" is no plain file name", name.escape_debug()));
        }
        let is_hex = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        if sha256.len() != 64 || !sha256.bytes().all(is_hex) {
            return Err(format!(
                "the \"sha256\" of \"{name}\" is not 64 hexadecimal digits"
            ));
        }
        Ok(())
    }

    /// Compares length and hash.
    ///
    /// # Errors
    /// [`Error::FileTruncated`] or [`Error::ChecksumMismatch`].
    pub fn verify(&self, content: &[u8]) -> Result<()> {
        if content.len() < self.bytes {
            return Err(Error::FileTruncated {
                place: self.name.clone(),
                found: content.len(),
            });
        }
        let found = sha256(content);
        if found == self.sha256 {
            return Ok(());
        }
        let (file, expected) = (self.name.clone(), self.sha256.clone());
        Err(Error::ChecksumMismatch {
            file,
            expected,
            found,
            hint: "fetch or copy it again, or convert the backbone again",
        })
    }
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn sha256(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_or_cut_file_is_refused() {
        let file = ManifestFile::of("a", b"content");
        assert!(file.verify(b"content").is_ok());
        assert_eq!(
            file.verify(b"Content").map_err(|e| e.code()),
            Err("checksum_mismatch")
        );
        assert_eq!(
            file.verify(b"conten").map_err(|e| e.code()),
            Err("file_truncated")
        );
    }

    fn manifest(files: &str) -> Result<Manifest> {
        let json =
            format!(r#"{{"format":1,"name":"m","dtype":"int8","fingerprint":"","files":{files}}}"#);
        Manifest::from_json("m", json.as_bytes())
    }

    fn entry(name: &str) -> String {
        let sha256 = sha256(b"");
        serde_json::json!({ "name": name, "bytes": 1, "sha256": sha256 }).to_string()
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        assert!(manifest(&format!("[{}]", entry("model.safetensors"))).is_ok());
        for name in [
            "../x",
            "a/b",
            "https://x",
            "",
            "a?b",
            "..",
            "%2e%2e",
            "a\u{1b}b",
        ] {
            let error = manifest(&format!("[{}]", entry(name))).map_err(|e| e.code());
            assert_eq!(error, Err("config_invalid"), "{name}");
        }
    }

    #[test]
    fn broken_manifests_are_refused() {
        let good = entry("a");
        let hash = sha256(b"");
        let broken = [
            "null".to_owned(),
            "{}".to_owned(),
            "[null]".to_owned(),
            "[3]".to_owned(),
            "[[]]".to_owned(),
            format!("[{good},{good}]"),
            good.replace(&hash, ""),
            good.replace(&hash, "xyz"),
            good.replace(&hash, &hash.to_uppercase()),
            good.replace(":1", ":-1"),
            good.replace(":1", ":1.5"),
            good.replace(":1", ":3e9"),
            good.replace(":1", ":1e400"),
            good.replace(":1", ":99999999999999999999"),
            good.replace(":1", ":\"1\""),
            good.replace(":1", ":null"),
        ];
        for files in broken {
            let files = if files.starts_with('{') {
                format!("[{files}]")
            } else {
                files
            };
            let error = manifest(&files).map_err(|e| e.code());
            assert_eq!(error, Err("config_invalid"), "{files}");
        }
    }

    #[test]
    fn a_length_of_gigabytes_asks_for_no_memory() {
        let manifest = manifest(&format!("[{}]", entry("a").replace(":1", ":3000000000")));
        let file = &manifest.unwrap_or_else(|error| panic!("{error}")).files[0];
        assert_eq!(
            file.verify(b"").map_err(|e| e.code()),
            Err("file_truncated")
        );
    }
}
