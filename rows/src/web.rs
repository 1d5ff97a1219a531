//! What JavaScript sees: one [`Desk`] that holds a table and answers questions about it.
//!
//! Bytes go in; what comes out are values of [`JSON`], which the browser's own parser turns into objects. Every failure
//! is an `Error` with a `code` and a sentence. The desk lives in a worker of the page.

use crate::{Choice, Columns, Looked, Options, Problem, Refusal, RowRef, Rows, Table};
use js_sys::{Error, JSON, Reflect, Uint8Array};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = TextDecoder)]
    type Decoder;

    #[wasm_bindgen(constructor, js_class = "TextDecoder", catch)]
    fn new(label: &str, options: &JsValue) -> Result<Decoder, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn decode(this: &Decoder, bytes: &Uint8Array, options: &JsValue) -> Result<String, JsValue>;
}

/// Bytes that are decoded in one call: the file is never one string of JavaScript's.
const PART: usize = 1 << 20;

/// Bytes of an encoding as text, by the browser's `TextDecoder`. `label` is the Encoding Standard's name, such as
/// "utf-16le". What stands for no character becomes U+FFFD, a byte-order mark stays; without a decoder of that name, or
/// where it fails, UTF-8 is assumed.
pub(crate) fn decode(label: &str, bytes: &[u8]) -> String {
    decode_in_parts(label, bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned())
}

/// Most bytes of a text that leave the module. The engine reads 100,000 characters, and sees in one more that it cuts.
const MOST_BYTES: usize = 4 * 100_001;

fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(MOST_BYTES)]
}

fn decode_in_parts(label: &str, bytes: &[u8]) -> Result<String, JsValue> {
    let decoder = Decoder::new(label, &flag("ignoreBOM"))?;
    let more = flag("stream");
    let mut text = String::with_capacity(bytes.len());
    for part in bytes.chunks(PART) {
        text.push_str(&decoder.decode(&Uint8Array::from(part), &more)?);
    }
    text.push_str(&decoder.decode(&Uint8Array::new_with_length(0), &JsValue::UNDEFINED)?);
    Ok(text)
}

/// An object with one property, which is true.
fn flag(name: &str) -> JsValue {
    let options = js_sys::Object::new();
    // Defining a property of a fresh object cannot fail.
    let _ = Reflect::set(&options, &name.into(), &JsValue::TRUE);
    options.into()
}

/// The table of one file, and the rows that were last made ready to train on.
#[wasm_bindgen]
#[derive(Default)]
pub struct Desk {
    table: Option<Table>,
    ready: Option<Looked>,
}

#[wasm_bindgen]
impl Desk {
    /// A desk with nothing on it.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a file. `options` is an [`Options`]; the value is a [`Source`](crate::Source).
    ///
    /// # Errors
    ///
    /// A [`Refusal`] where the bytes are no rows. The table of an earlier file is gone then, too.
    pub fn open(&mut self, bytes: Vec<u8>, options: &JsValue) -> Result<JsValue, Error> {
        self.table = None;
        let table = crate::open(bytes, &given::<Options>(options)?)?;
        let source = value(table.source());
        self.table = Some(table);
        source
    }

    /// What the labels of the columns seem to say: a [`Proposal`](crate::Proposal).
    ///
    /// # Errors
    ///
    /// `nothing_open` before a file was read, `option_invalid` where `columns` is no [`Columns`].
    pub fn propose(&self, columns: &JsValue) -> Result<JsValue, Error> {
        value(&self.table()?.propose(&given::<Columns>(columns)?))
    }

    /// What the table holds, read as `choice` says: an [`Inspection`](crate::Inspection).
    ///
    /// # Errors
    ///
    /// `nothing_open` before a file was read, `option_invalid` where `choice` is no [`Choice`].
    pub fn inspect(&self, choice: &JsValue) -> Result<JsValue, Error> {
        value(&self.table()?.inspect(&given::<Choice>(choice)?).inspection)
    }

    /// As [`Desk::inspect`], and makes the rows ready for [`Desk::part`] and [`Desk::named`].
    ///
    /// # Errors
    ///
    /// As [`Desk::inspect`].
    pub fn prepare(&mut self, choice: &JsValue) -> Result<JsValue, Error> {
        let looked = self.table()?.inspect(&given::<Choice>(choice)?);
        let inspection = value(&looked.inspection);
        self.ready = Some(looked);
        inspection
    }

    /// The rows that are ready, as bytes that [`Desk::take_back`] reads; empty where there are none.
    ///
    /// # Errors
    ///
    /// `internal` where they cannot be written, which would be a fault of this crate.
    #[wasm_bindgen(js_name = putAway)]
    pub fn put_away(&self) -> Result<Vec<u8>, Error> {
        match &self.ready {
            Some(looked) => serde_json::to_vec(looked).map_err(|error| internal(&error)),
            None => Ok(Vec::new()),
        }
    }

    /// Makes rows ready that [`Desk::put_away`] wrote. The value is their inspection, or null where `kept` is no such rows.
    ///
    /// # Errors
    ///
    /// `internal` where the inspection cannot be written, which would be a fault of this crate.
    #[wasm_bindgen(js_name = takeBack)]
    pub fn take_back(&mut self, kept: &[u8]) -> Result<JsValue, Error> {
        self.ready = serde_json::from_slice(kept).ok();
        match &self.ready {
            Some(looked) => value(&looked.inspection),
            None => Ok(JsValue::NULL),
        }
    }

    /// Some of the rows that are ready, by their places among them: an array of [`Row`](crate::Row).
    ///
    /// # Errors
    ///
    /// `internal` where they cannot be written, which would be a fault of this crate.
    pub fn part(&self, from: usize, to: usize) -> Result<JsValue, Error> {
        let rows = self.ready.as_ref().map(|looked| &looked.rows);
        // Tags belong to words of the whole text.
        let is_tagged = self
            .ready
            .as_ref()
            .is_some_and(|looked| looked.inspection.problem == Problem::TokenClassification);
        let beginning = |text| if is_tagged { text } else { beginning(text) };
        let part: Vec<RowRef<'_>> = rows
            .into_iter()
            .flat_map(|rows| (from..to.min(rows.len())).filter_map(|place| rows.get(place)))
            .map(|row| RowRef {
                text: beginning(row.text),
                text2: row.text2.map(&beginning),
                ..row
            })
            .collect();
        value(&part)
    }

    /// Rows that are ready, by their places among them: `{ number, text, text2? }` each, where `number` is the one in
    /// the file. Without such a row, its place and no text.
    ///
    /// # Errors
    ///
    /// `internal` where they cannot be written, which would be a fault of this crate.
    pub fn named(&self, places: &[usize]) -> Result<JsValue, Error> {
        let named: Vec<NamedRow<'_>> = places.iter().map(|&place| self.named_row(place)).collect();
        value(&named)
    }

    /// What there is to classify, `{ texts, rows }`: a text or pair each, and which of the table's rows it is. Rows
    /// without a text are left out.
    ///
    /// # Errors
    ///
    /// `nothing_open` before a file was read, `option_invalid` where `columns` is no [`Columns`].
    pub fn texts(&self, columns: &JsValue) -> Result<JsValue, Error> {
        let (found, rows) = self.table()?.texts(&given::<Columns>(columns)?);
        let texts = (0..found.len())
            .filter_map(|place| text_of(&found, place))
            .collect();
        value(&Texts { texts, rows })
    }

    /// The table in UTF-8 with the file's own delimiter, and further cells beside the given rows.
    ///
    /// # Errors
    ///
    /// `nothing_open` before a file was read, `option_invalid` where `header` is no array of strings or `cells` no array
    /// of those.
    pub fn answered(
        &self,
        rows: &[u32],
        header: &JsValue,
        cells: &JsValue,
    ) -> Result<Vec<u8>, Error> {
        let header: Vec<String> = given(header)?;
        let cells: Vec<Vec<String>> = given(cells)?;
        Ok(self.table()?.answered(rows, &header, &cells).into_bytes())
    }
}

impl Desk {
    fn table(&self) -> Result<&Table, Error> {
        let missing = || error("nothing_open", "Choose a file first.");
        self.table.as_ref().ok_or_else(missing)
    }

    fn named_row(&self, place: usize) -> NamedRow<'_> {
        let found = self
            .ready
            .as_ref()
            .and_then(|looked| Some((looked.rows.get(place)?, *looked.numbers.get(place)?)));
        match found {
            Some((row, number)) => NamedRow {
                number,
                text: row.text,
                text2: row.text2,
            },
            None => NamedRow {
                number: u32::try_from(place).map_or(u32::MAX, |place| place.saturating_add(1)),
                text: "",
                text2: None,
            },
        }
    }
}

/// A row as its owner knows it.
#[derive(Serialize)]
struct NamedRow<'a> {
    number: u32,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text2: Option<&'a str>,
}

/// What there is to classify.
#[derive(Serialize)]
struct Texts<'a> {
    texts: Vec<Text<'a>>,
    rows: Vec<u32>,
}

/// A text, or a pair.
#[derive(Serialize)]
#[serde(untagged)]
enum Text<'a> {
    One(&'a str),
    Pair(&'a str, &'a str),
}

fn text_of(rows: &Rows, place: usize) -> Option<Text<'_>> {
    let row = rows.get(place)?;
    Some(match row.text2 {
        Some(second) => Text::Pair(row.text, second),
        None => Text::One(row.text),
    })
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        error(refusal.code, &refusal.message)
    }
}

/// A value for JavaScript.
fn value<T: Serialize>(value: &T) -> Result<JsValue, Error> {
    let json = serde_json::to_string(value).map_err(|error| internal(&error))?;
    JSON::parse(&json).map_err(|thrown| internal(&thrown.as_string().unwrap_or_default()))
}

/// A value from JavaScript.
fn given<T: DeserializeOwned>(value: &JsValue) -> Result<T, Error> {
    let json = JSON::stringify(value)
        .ok()
        .and_then(|json| json.as_string());
    serde_json::from_str(json.as_deref().unwrap_or("{}")).map_err(|what| {
        error(
            "option_invalid",
            &format!("The rows' reader was asked wrongly: {what}."),
        )
    })
}

fn internal(what: &dyn std::fmt::Display) -> Error {
    error(
        "internal",
        &format!("The rows' reader failed: {what}. This is a fault of graftlet."),
    )
}

fn error(code: &str, message: &str) -> Error {
    let error = Error::new(message);
    error.set_name("GraftletError");
    // Defining a property of a fresh object cannot fail.
    let _ = Reflect::set(&error, &"code".into(), &code.into());
    error
}
