//! Values on their way between Rust and JavaScript.

use js_sys::{Object, Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasm_bindgen::prelude::*;

use crate::adapter::format::Files;
use crate::error::{Error, Result};
use crate::text::Text;

/// An error as JavaScript throws it.
pub(super) fn thrown(error: Error) -> JsValue {
    let object = js_sys::Error::new(&error.to_string());
    object.set_name("GraftletError");
    // setting a property of a fresh object cannot fail
    let _ = Reflect::set(&object, &"code".into(), &error.code().into());
    object.into()
}

/// A plain object or array from anything that serde can write, by way of [`Value`]: then each type has
/// one writer in the module.
pub(super) fn to_js(value: &impl Serialize) -> std::result::Result<JsValue, JsValue> {
    let failed = |reason: String| {
        let place = "result".into();
        thrown(Error::FileInvalid { place, reason })
    };
    let json = serde_json::to_value(value).map_err(|error| failed(error.to_string()))?;
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    json.serialize(&serializer)
        .map_err(|error| failed(error.to_string()))
}

/// An argument, checked.
pub(super) fn from_js<T: for<'a> Deserialize<'a>>(
    option: &'static str,
    value: JsValue,
) -> Result<T> {
    let read = || {
        let json: Value =
            serde_wasm_bindgen::from_value(value.clone()).map_err(|error| error.to_string())?;
        serde_json::from_value(json).map_err(|error| error.to_string())
    };
    read().map_err(|reason| Error::OptionInvalid {
        option,
        value: js_sys::JSON::stringify(&value).map_or_else(
            |_| "?".to_owned(),
            |json| String::from(json).chars().take(80).collect(),
        ),
        reason,
    })
}

/// A text, or an array of the two texts of a pair.
#[derive(Deserialize)]
#[serde(untagged)]
enum TextArgument {
    One(String),
    Pair([String; 2]),
}

pub(super) fn texts(value: JsValue) -> Result<Vec<Text>> {
    let texts: Vec<TextArgument> = from_js("texts", value)?;
    let text = |argument: TextArgument| match argument {
        TextArgument::One(first) => Text {
            first,
            second: None,
        },
        TextArgument::Pair([first, second]) => Text {
            first,
            second: Some(second),
        },
    };
    Ok(texts.into_iter().map(text).collect())
}

/// `{ [name]: Uint8Array }`.
pub(super) fn files_from_js(value: &JsValue) -> Result<Files> {
    let invalid = |reason: &str| Error::OptionInvalid {
        option: "files",
        value: format!("{value:?}").chars().take(80).collect(),
        reason: reason.to_owned(),
    };
    let object = value
        .dyn_ref::<Object>()
        .ok_or_else(|| invalid("it must be an object"))?;
    let mut files = Files::new();
    for name in Object::keys(object).iter() {
        let content = Reflect::get(object, &name).unwrap_or_default();
        let bytes = content
            .dyn_ref::<Uint8Array>()
            .ok_or_else(|| invalid("each file's content must be a Uint8Array"))?;
        files.insert(name.as_string().unwrap_or_default(), bytes.to_vec());
    }
    Ok(files)
}

/// `{ [name]: Uint8Array }`.
pub(super) fn files_to_js(files: &Files) -> JsValue {
    let object = Object::new();
    for (name, content) in files {
        // setting a property of a fresh object cannot fail
        let _ = Reflect::set(
            &object,
            &name.as_str().into(),
            &Uint8Array::new_from_slice(content),
        );
    }
    object.into()
}
