//! Values on their way between Rust and JavaScript.

use js_sys::{Array, JsString, Object, Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::error::{Error, Result};
use crate::folder::Files;
use crate::input::Input;
use crate::input::text::{MAX_CHARACTERS, Text};

/// An error as JavaScript throws it.
pub(super) fn thrown(error: Error) -> JsValue {
    let object = js_sys::Error::new(&error.message());
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

/// An argument of plain data, checked. It goes by way of JSON text, which JavaScript writes: an object that holds
/// itself, or one that throws when it is read, is an error there, while here it would end the module.
pub(super) fn from_js<T: for<'a> Deserialize<'a>>(
    option: &'static str,
    value: &JsValue,
) -> Result<T> {
    let json = js_sys::JSON::stringify(value)
        .ok()
        .and_then(|json| JsValue::from(json).as_string());
    let read = match &json {
        Some(json) => crate::json::parse(json.as_bytes()).map_err(|error| error.to_string()),
        None => Err("it must be plain data".to_owned()),
    };
    read.map_err(|reason| Error::OptionInvalid {
        option,
        value: json.map_or_else(|| sort_of(value), |json| json.chars().take(80).collect()),
        reason,
    })
}

/// What a value is, for a message.
fn sort_of(value: &JsValue) -> String {
    value.js_typeof().as_string().unwrap_or_default()
}

/// A name.
pub(super) fn name(value: &JsValue) -> Result<String> {
    value.as_string().ok_or_else(|| Error::OptionInvalid {
        option: "name",
        value: sort_of(value),
        reason: "it must be a string".to_owned(),
    })
}

/// As much of a string as is needed to see that it is longer than what is read of it.
fn readable(value: &JsValue) -> Option<String> {
    #[allow(clippy::cast_possible_truncation)]
    const UNITS: u32 = 2 * MAX_CHARACTERS as u32 + 2;
    let string = value.dyn_ref::<JsString>()?;
    if string.length() > UNITS {
        return JsValue::from(string.slice(0, UNITS)).as_string();
    }
    value.as_string()
}

/// An array of inputs: each a string, an object with `text` and perhaps `text2`, or the bytes of what was read of a recording or a
/// picture.
pub(super) fn inputs(value: &JsValue) -> Result<Vec<Input>> {
    let invalid = |value: &JsValue| Error::OptionInvalid {
        option: "texts",
        value: sort_of(value),
        reason: "it must be an array of strings, or of objects with text and text2".to_owned(),
    };
    let list = value.dyn_ref::<Array>().ok_or_else(|| invalid(value))?;
    let input = |index: u32| -> Result<Input> {
        let item = Reflect::get_u32(list, index).unwrap_or_default();
        match item.dyn_ref::<Uint8Array>() {
            Some(read) => {
                let place = format!("input {}", index + 1);
                Input::unpack(&place, &read.to_vec())
            }
            None => Ok(text(&item).ok_or_else(|| invalid(value))?.into()),
        }
    };
    (0..list.length()).map(input).collect()
}

fn text(item: &JsValue) -> Option<Text> {
    if let Some(first) = readable(item) {
        return Some(Text {
            first,
            second: None,
        });
    }
    let item = item.dyn_ref::<Object>()?;
    let part = |name: &str| Reflect::get(item, &name.into()).ok();
    let second = part("text2")?;
    Some(Text {
        first: readable(&part("text")?)?,
        second: match second.is_undefined() {
            true => None,
            false => Some(readable(&second)?),
        },
    })
}

/// `{ [name]: Uint8Array }`.
pub(super) fn files_from_js(value: &JsValue) -> Result<Files> {
    let invalid = |reason: &str| Error::OptionInvalid {
        option: "files",
        value: sort_of(value),
        reason: reason.to_owned(),
    };
    let object = value
        .dyn_ref::<Object>()
        .ok_or_else(|| invalid("it must be an object"))?;
    let mut files = Files::new();
    let names = Reflect::own_keys(object).map_err(|_| invalid("it cannot be read"))?;
    for name in names.iter() {
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
