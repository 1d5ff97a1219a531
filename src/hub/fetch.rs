//! Files over the network, with progress, checked and kept.

use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, ReadableStreamDefaultReader, RequestInit, Response};

use super::{Manifest, ManifestFile, cache};
use crate::error::{Error, Result};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = fetch)]
    fn global_fetch(url: &str, init: &RequestInit) -> Promise;
}

/// The cache that backbones are kept in.
const CACHE: &str = "graftlet-backbone";

/// Called with the bytes that arrived so far, over all files, and the name of the current one.
pub(super) type Progress<'a> = &'a dyn Fn(usize, &str);

/// Downloads one file.
///
/// # Errors
/// [`Error::FetchFailed`], [`Error::Aborted`].
pub async fn fetch_file(url: &str, signal: Option<&AbortSignal>) -> Result<Vec<u8>> {
    download(url, signal, 0, &mut |_| {}).await
}

/// Downloads one file, `None` if the server has none.
///
/// # Errors
/// [`Error::FetchFailed`] for anything but an absent file, [`Error::Aborted`].
pub async fn fetch_optional(url: &str, signal: Option<&AbortSignal>) -> Result<Option<Vec<u8>>> {
    let response = request(url, signal).await?;
    if is_absent(&response) {
        return Ok(None);
    }
    read(url, &response, signal, 0, &mut |_| {}).await.map(Some)
}

/// Downloads a backbone's folder: the manifest at `base`, then its files, each checked against its
/// SHA-256 when it arrives and kept in the browser's cache under its hash.
///
/// Without a network a folder that was once fetched still loads. Where the cache cannot be used,
/// files are fetched each time.
///
/// # Errors
/// [`Error::FetchFailed`], [`Error::ChecksumMismatch`], [`Error::FileTruncated`],
/// [`Error::ConfigInvalid`] for a bad manifest, [`Error::Aborted`].
pub async fn fetch_folder(
    base: &str,
    signal: Option<&AbortSignal>,
    start: &dyn Fn(&Manifest),
    progress: Progress<'_>,
) -> Result<(Manifest, Vec<Vec<u8>>)> {
    let cache = cache::open(CACHE).await.ok();
    let url = format!("{base}{}", Manifest::FILE);
    let json = match (fetch_file(&url, signal).await, &cache) {
        (Ok(json), _) => json,
        (Err(error @ Error::FetchFailed { .. }), Some(cache)) => {
            kept_manifest(cache, &url).await?.ok_or(error)?
        }
        (Err(error), _) => return Err(error),
    };
    let manifest = Manifest::from_json(&url, &json)?;
    start(&manifest);

    let mut contents = Vec::with_capacity(manifest.files.len());
    let mut before = 0;
    let mut all_kept = true;
    for file in &manifest.files {
        let url = format!("{base}{}", file.name);
        let key = key(base, file);
        let kept = match &cache {
            Some(cache) => cache::get(cache, &key).await.ok().flatten(),
            None => None,
        };
        let content = match kept.filter(|content| content.len() == file.bytes) {
            Some(content) => content,
            None => {
                let mut report = |loaded: usize| {
                    progress(before + loaded.min(file.bytes), &file.name);
                };
                let content = download(&url, signal, file.bytes, &mut report).await?;
                file.verify(&content)?;
                if let Some(cache) = &cache {
                    all_kept &= keep(cache, &key, &content).await;
                }
                content
            }
        };
        before += file.bytes;
        progress(before, &file.name);
        contents.push(content);
    }
    if let Some(cache) = cache.filter(|_| all_kept) {
        // The backbone is in memory: what cannot be kept is fetched again at the next visit.
        let _ = switch_to(&cache, base, &manifest, &json).await;
    }
    Ok((manifest, contents))
}

/// The address that a version of a file is kept under.
fn key(base: &str, file: &ManifestFile) -> String {
    format!("{base}{}?sha256={}", file.name, file.sha256)
}

/// Keeps a file beside its other versions; false where the browser has no room for it.
async fn keep(cache: &web_sys::Cache, key: &str, content: &[u8]) -> bool {
    cache::put(cache, key, content).await.is_ok()
}

/// Makes a folder, whose files are all kept, the one that loads without a network, and then removes other versions.
///
/// A browser may replace an entry by removing it and writing another, and be ended in between. So the manifest is
/// written under a second address first, and [`kept_manifest`] reads that one where the first is missing.
async fn switch_to(
    cache: &web_sys::Cache,
    base: &str,
    manifest: &Manifest,
    json: &[u8],
) -> Result<()> {
    let url = format!("{base}{}", Manifest::FILE);
    let before = cache::get(cache, &url).await?;
    if before.as_deref() != Some(json) {
        if before.is_some() {
            cache::put(cache, &second_address(&url), json).await?;
        }
        cache::put(cache, &url, json).await?;
    }
    let live: Vec<String> = manifest.files.iter().map(|file| key(base, file)).collect();
    for key in cache::keys(cache).await? {
        // What has a slash belongs to a folder inside this one.
        let is_here = key
            .strip_prefix(base)
            .is_some_and(|name| !name.contains('/'));
        if is_here && key != url && !live.contains(&key) {
            cache::delete(cache, &key, false).await?;
        }
    }
    Ok(())
}

/// The manifest of the folder that is kept whole.
async fn kept_manifest(cache: &web_sys::Cache, url: &str) -> Result<Option<Vec<u8>>> {
    match cache::get(cache, url).await? {
        Some(json) => Ok(Some(json)),
        None => cache::get(cache, &second_address(url)).await,
    }
}

fn second_address(url: &str) -> String {
    format!("{url}?next")
}

async fn download(
    url: &str,
    signal: Option<&AbortSignal>,
    expected: usize,
    report: &mut dyn FnMut(usize),
) -> Result<Vec<u8>> {
    let response = request(url, signal).await?;
    if is_absent(&response) {
        let reason = "the server has no such file".to_owned();
        return Err(Error::FetchFailed {
            url: url.to_owned(),
            reason,
        });
    }
    read(url, &response, signal, expected, report).await
}

async fn request(url: &str, signal: Option<&AbortSignal>) -> Result<Response> {
    let init = RequestInit::new();
    init.set_signal(signal);
    let response = JsFuture::from(global_fetch(url, &init)).await;
    let response: Response = response
        .map_err(|thrown| failed(url, signal, &thrown))?
        .unchecked_into();
    if response.ok() || response.status() == 404 {
        return Ok(response);
    }
    let reason = format!("the server answered {}", response.status());
    Err(Error::FetchFailed {
        url: url.to_owned(),
        reason,
    })
}

/// Not found, or a server of single-page applications that answers everything with its page.
fn is_absent(response: &Response) -> bool {
    let kind = response
        .headers()
        .get("content-type")
        .ok()
        .flatten()
        .unwrap_or_default();
    response.status() == 404 || kind.starts_with("text/html")
}

async fn read(
    url: &str,
    response: &Response,
    signal: Option<&AbortSignal>,
    expected: usize,
    report: &mut dyn FnMut(usize),
) -> Result<Vec<u8>> {
    let Some(body) = response.body() else {
        return Ok(Vec::new());
    };
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    let mut content: Vec<u8> = Vec::with_capacity(expected);
    loop {
        let part = JsFuture::from(reader.read()).await;
        let part = part.map_err(|thrown| failed(url, signal, &thrown))?;
        let field = |name: &str| Reflect::get(&part, &name.into()).unwrap_or_default();
        if field("done").is_truthy() {
            return Ok(content);
        }
        let chunk: Uint8Array = field("value").unchecked_into();
        let start = content.len();
        content.resize(start + chunk.length() as usize, 0);
        chunk.copy_to(&mut content[start..]);
        report(content.len());
    }
}

fn failed(url: &str, signal: Option<&AbortSignal>, thrown: &JsValue) -> Error {
    if signal.is_some_and(AbortSignal::aborted) {
        return Error::Aborted;
    }
    Error::FetchFailed {
        url: url.to_owned(),
        reason: cache::describe(thrown),
    }
}

/// The content of a file by its name in the manifest.
///
/// # Errors
/// [`Error::FileMissing`].
pub fn content<'a>(manifest: &Manifest, contents: &'a [Vec<u8>], name: &str) -> Result<&'a [u8]> {
    let position = manifest
        .files
        .iter()
        .position(|file: &ManifestFile| file.name == name);
    position
        .and_then(|index| contents.get(index))
        .map(Vec::as_slice)
        .ok_or_else(|| Error::FileMissing {
            place: "the backbone's manifest".into(),
            file: name.to_owned(),
            hint: "convert the backbone again",
        })
}
