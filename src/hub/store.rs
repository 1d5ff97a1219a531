use std::collections::{BTreeMap, BTreeSet};

use web_sys::Cache;

use super::cache;
use crate::error::{Error, Result};

/// Folders that the browser keeps until they are removed: adapters that the user trained or brought, or
/// training runs under way.
///
/// A folder's files are written first and its list of files last, so that a folder that is listed
/// is whole.
pub struct Store {
    cache: Cache,
    root: String,
}

/// A name that no server answers to; the addresses below it are only keys.
const ROOT: &str = "https://graftlet.invalid/";
const LIST: &str = "files.json";

impl Store {
    /// Opens one of this origin's stores, such as "adapters".
    ///
    /// # Errors
    /// [`Error::StorageUnavailable`].
    pub async fn open(what: &str) -> Result<Self> {
        Ok(Self {
            cache: cache::open(&format!("graftlet-{what}")).await?,
            root: format!("{ROOT}{what}/"),
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
                key.strip_prefix(&self.root)?
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
        let Some(list) = self.files(name).await? else {
            return Ok(None);
        };
        let mut files = BTreeMap::new();
        for file in list {
            let content = self.get_file(name, &file).await?;
            let content = content.ok_or_else(|| Error::FileMissing {
                place: format!("what is stored as \"{name}\""),
                file: file.clone(),
                hint: "the browser dropped it: train or load the adapter again",
            })?;
            files.insert(file, content);
        }
        Ok(Some(files))
    }

    /// One file of a folder.
    ///
    /// # Errors
    /// [`Error::StorageUnavailable`].
    pub async fn get_file(&self, name: &str, file: &str) -> Result<Option<Vec<u8>>> {
        cache::get(&self.cache, &self.key(name, file)).await
    }

    /// Names of a folder's files.
    async fn files(&self, name: &str) -> Result<Option<Vec<String>>> {
        let Some(list) = self.get_file(name, LIST).await? else {
            return Ok(None);
        };
        let list = serde_json::from_slice(&list).map_err(|error| Error::FileInvalid {
            place: format!("what is stored as \"{name}\""),
            reason: error.to_string(),
        });
        list.map(Some)
    }

    /// Keeps a folder, in place of another of that name.
    ///
    /// # Errors
    /// [`Error::StorageUnavailable`], also where the disk is full.
    pub async fn put(&self, name: &str, files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
        self.remove(name).await?;
        for (file, content) in files {
            cache::put(&self.cache, &self.key(name, file), content).await?;
        }
        self.put_list(name, files.keys().cloned().collect()).await
    }

    /// Adds a file to a folder, or replaces it.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub async fn put_file(&self, name: &str, file: &str, content: &[u8]) -> Result<()> {
        cache::put(&self.cache, &self.key(name, file), content).await?;
        let mut files = self.files(name).await?.unwrap_or_default();
        if files.iter().any(|listed| listed == file) {
            return Ok(());
        }
        files.push(file.to_owned());
        self.put_list(name, files).await
    }

    async fn put_list(&self, name: &str, files: Vec<String>) -> Result<()> {
        let list = serde_json::Value::from(files).to_string();
        cache::put(&self.cache, &self.key(name, LIST), list.as_bytes()).await
    }

    /// Forgets a folder; one that is not there is no error.
    ///
    /// # Errors
    /// [`Error::StorageUnavailable`].
    pub async fn remove(&self, name: &str) -> Result<()> {
        cache::delete(&self.cache, &self.key(name, LIST), false).await?;
        let folder = self.key(name, "");
        for key in cache::keys(&self.cache).await? {
            if key.starts_with(&folder) {
                cache::delete(&self.cache, &key, false).await?;
            }
        }
        Ok(())
    }

    /// The address of a file, or of a folder's beginning.
    fn key(&self, name: &str, file: &str) -> String {
        let (root, name) = (&self.root, encode(name));
        format!("{root}{name}/{}", encode(file))
    }
}

fn encode(text: &str) -> String {
    String::from(js_sys::encode_uri_component(text))
}

fn decode(text: &str) -> Option<String> {
    js_sys::decode_uri_component(text).ok().map(String::from)
}
