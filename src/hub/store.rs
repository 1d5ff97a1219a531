use std::collections::{BTreeMap, BTreeSet};

use web_sys::Cache;

use super::cache;
use crate::error::{Error, Result};

/// Adapters that the user trained or brought, kept in the browser until they are removed.
///
/// A folder's files are written first and its list of files last, so that a folder that is listed
/// is whole.
pub struct Store {
    cache: Cache,
}

const CACHE: &str = "graftlet-adapters";
/// A name that no server answers to; the addresses below it are only keys.
const ROOT: &str = "https://graftlet.invalid/adapters/";
const LIST: &str = "files.json";

impl Store {
    /// Opens the store of this origin.
    ///
    /// # Errors
    /// [`Error::StorageUnavailable`].
    pub async fn open() -> Result<Self> {
        Ok(Self {
            cache: cache::open(CACHE).await?,
        })
    }

    /// The names there are, in alphabetical order.
    ///
    /// # Errors
    /// [`Error::StorageUnavailable`].
    pub async fn list(&self) -> Result<Vec<String>> {
        let keys = cache::keys(&self.cache).await?;
        let names: BTreeSet<String> = keys
            .iter()
            .filter_map(|key| {
                key.strip_prefix(ROOT)?
                    .strip_suffix(LIST)?
                    .strip_suffix('/')
            })
            .filter_map(decode)
            .collect();
        Ok(names.into_iter().collect())
    }

    /// A folder.
    ///
    /// # Errors
    /// [`Error::StorageUnavailable`]; [`Error::FileMissing`] if the browser lost a part of it.
    pub async fn get(&self, name: &str) -> Result<Option<BTreeMap<String, Vec<u8>>>> {
        let Some(list) = cache::get(&self.cache, &key(name, LIST)).await? else {
            return Ok(None);
        };
        let list: Vec<String> =
            serde_json::from_slice(&list).map_err(|error| Error::FileInvalid {
                place: format!("stored adapter \"{name}\""),
                reason: error.to_string(),
            })?;
        let mut files = BTreeMap::new();
        for file in list {
            let content = cache::get(&self.cache, &key(name, &file)).await?;
            let content = content.ok_or_else(|| Error::FileMissing {
                place: format!("stored adapter \"{name}\""),
                file: file.clone(),
                hint: "the browser dropped it: train or load the adapter again",
            })?;
            files.insert(file, content);
        }
        Ok(Some(files))
    }

    /// Keeps a folder, in place of another of that name.
    ///
    /// # Errors
    /// [`Error::StorageUnavailable`], also where the disk is full.
    pub async fn put(&self, name: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
        self.remove(name).await?;
        for (file, content) in files {
            cache::put(&self.cache, &key(name, file), content).await?;
        }
        let list = serde_json::json!(files.keys().collect::<Vec<_>>()).to_string();
        cache::put(&self.cache, &key(name, LIST), list.as_bytes()).await
    }

    /// Forgets a folder; one that is not there is no error.
    ///
    /// # Errors
    /// [`Error::StorageUnavailable`].
    pub async fn remove(&self, name: &str) -> Result<()> {
        cache::delete(&self.cache, &key(name, LIST), false).await?;
        let folder = key(name, "");
        for key in cache::keys(&self.cache).await? {
            if key.starts_with(&folder) {
                cache::delete(&self.cache, &key, false).await?;
            }
        }
        Ok(())
    }
}

fn key(name: &str, file: &str) -> String {
    format!(
        "{ROOT}{}/{}",
        encode(name),
        if file.is_empty() {
            String::new()
        } else {
            encode(file)
        }
    )
}

fn encode(text: &str) -> String {
    String::from(js_sys::encode_uri_component(text))
}

fn decode(text: &str) -> Option<String> {
    js_sys::decode_uri_component(text).ok().map(String::from)
}
