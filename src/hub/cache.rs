//! The browser's Cache API, from a page or a worker.

use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Cache, CacheQueryOptions, CacheStorage, Request, Response};

use crate::error::{Error, Result};

pub(super) fn unavailable(reason: &JsValue) -> Error {
    Error::StorageUnavailable {
        reason: describe(reason),
    }
}

/// What a thrown value says.
pub(super) fn describe(thrown: &JsValue) -> String {
    match thrown.dyn_ref::<js_sys::Error>() {
        Some(error) => error.message().into(),
        None => format!("{thrown:?}"),
    }
}

async fn wait(promise: Promise) -> Result<JsValue> {
    JsFuture::from(promise)
        .await
        .map_err(|error| unavailable(&error))
}

/// Opens a cache.
pub(super) async fn open(name: &str) -> Result<Cache> {
    // Where site data is blocked, reading the property may throw already.
    let caches = Reflect::get(&js_sys::global(), &"caches".into());
    let caches = caches.map_err(|error| unavailable(&error))?;
    if caches.is_undefined() {
        return Err(Error::StorageUnavailable {
            reason: "this page is not served over https or from localhost".into(),
        });
    }
    let caches: CacheStorage = caches.unchecked_into();
    Ok(wait(caches.open(name)).await?.unchecked_into())
}

/// The content kept under an address.
pub(super) async fn get(cache: &Cache, key: &str) -> Result<Option<Vec<u8>>> {
    let found = wait(cache.match_with_str(key)).await?;
    if found.is_undefined() {
        return Ok(None);
    }
    let response: Response = found.unchecked_into();
    let buffer = wait(
        response
            .array_buffer()
            .map_err(|error| unavailable(&error))?,
    )
    .await?;
    Ok(Some(Uint8Array::new(&buffer).to_vec()))
}

/// Keeps content under an address, in place of what was there.
pub(super) async fn put(cache: &Cache, key: &str, content: &[u8]) -> Result<()> {
    // a copy on the JavaScript side: the wasm memory may move while the promise is pending
    let body = Uint8Array::new_from_slice(content);
    let response = Response::new_with_opt_js_u8_array(Some(&body));
    let response = response.map_err(|error| unavailable(&error))?;
    wait(cache.put_with_str(key, &response)).await?;
    Ok(())
}

/// Forgets an address; with `any_query` whatever stands behind its question mark.
pub(super) async fn delete(cache: &Cache, key: &str, any_query: bool) -> Result<()> {
    let options = CacheQueryOptions::new();
    options.set_ignore_search(any_query);
    wait(cache.delete_with_str_and_options(key, &options)).await?;
    Ok(())
}

/// All addresses.
pub(super) async fn keys(cache: &Cache) -> Result<Vec<String>> {
    let requests: js_sys::Array = wait(cache.keys()).await?.unchecked_into();
    Ok(requests
        .iter()
        .map(|request| request.unchecked_into::<Request>().url())
        .collect())
}
