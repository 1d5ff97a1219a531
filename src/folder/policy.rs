//! Fields of a configuration that graftlet does not know.
//!
//! A kind's reader knows the fields of its kind: it reads them, refuses by name what it cannot do, and
//! leaves alone what only concerns training. Newer versions of the libraries add fields. In both a
//! method is switched on by a flag, a list or an object, which a number or a text beside it only
//! parametrises (`use_qalora` and `qalora_group_size`). So an unknown field that is true, or a list or
//! object with something in it, is refused: whatever it does would be lost. Every other is harmless, and
//! is kept and written back.

use serde_json::{Map, Value};

use super::Library;
use crate::adapter::dialect::Fields;
use crate::adapter::{KINDS, Kind};
use crate::error::Result;

/// Flags, lists and objects of PEFT's configurations that no kind of its own has.
const PEFT: &[&str] = &[
    "auto_mapping",
    "inference_mode",
    "init_weights",
    "modules_to_save",
];

/// Flags, lists and objects of AdapterHub's configurations, of heads too, that no kind of its own has.
const ADAPTERHUB: &[&str] = &["bias", "id2label", "label2id", "leave_out", "use_pooler"];

/// Refuses a configuration with an unknown field that may change what it computes. `other` is a kind that is in no table,
/// such as a fusion.
///
/// # Errors
/// [`Error::UnsupportedFeature`](crate::Error::UnsupportedFeature) that names the first such field.
pub(crate) fn refuse_unknown(
    place: &str,
    library: Library,
    map: &Map<String, Value>,
    other: Option<&Kind>,
) -> Result<()> {
    let common = match library {
        Library::Peft => PEFT,
        Library::AdapterHub => ADAPTERHUB,
    };
    let own = |kind: &&Kind| match library {
        Library::Peft => kind.peft_fields,
        Library::AdapterHub => kind.adapterhub_fields,
    };
    let kinds = || KINDS.iter().copied().chain(other);
    let known =
        |field: &str| common.contains(&field) || kinds().any(|kind| own(&kind).contains(&field));
    for (field, value) in map {
        if switches_on(value) && !known(field) {
            return Err(Fields::new(place, map).unsupported(field, value));
        }
    }
    Ok(())
}

fn switches_on(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Null | Value::Number(_) | Value::String(_) => false,
    }
}
