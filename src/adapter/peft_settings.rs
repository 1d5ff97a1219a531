//! PEFT's settings that choose modules by name, for a fresh adapter: they replace those of a ready-made configuration, and the
//! whole is read as PEFT's file would be, so that the rules are the same.

use serde_json::{Value, json};

use super::{Config, Options};
use crate::adapter::dialect::Library;
use crate::error::{Error, Result};
use crate::model::Shape;

/// What errors call the settings.
const PLACE: &str = "the settings";

/// Says of which kind a whole `adapter_config.json` is.
const TYPE: &str = "peft_type";

/// A configuration with the settings in place of its own.
///
/// # Errors
/// [`Error::OptionInvalid`] for a kind that has no such setting, and those of the reader of PEFT's configuration.
pub(super) fn apply(
    config: &dyn Config,
    options: &Options,
    shape: &Shape,
) -> Result<Box<dyn Config>> {
    let kind = config.kind();
    let known: Vec<&str> = kind.peft_settings.iter().map(|own| own.name).collect();
    let own_type = kind.peft.first().map_or("", |(name, _)| name);
    if let Some(value) = options.peft.get(TYPE)
        && value != own_type
    {
        return Err(Error::OptionInvalid {
            option: "config",
            value: format!("\"{TYPE}\": {value}"),
            reason: format!(
                "the adapter to train is of kind \"{}\"; name the kind of the settings",
                kind.name
            ),
        });
    }
    for (name, value) in options.peft.iter().filter(|(name, _)| *name != TYPE) {
        if !known.contains(&name.as_str()) {
            return Err(Error::OptionInvalid {
                option: "config",
                value: format!("\"{name}\": {value}"),
                reason: format!(
                    "an adapter of kind \"{}\" has no such setting{}",
                    kind.name,
                    if known.is_empty() {
                        String::new()
                    } else {
                        format!("; it has {}", known.join(", "))
                    }
                ),
            });
        }
    }
    let Some((_, read)) = kind.peft.first() else {
        return Ok(config.boxed());
    };
    if options.peft.keys().all(|name| name == TYPE) {
        return Ok(config.boxed());
    }
    let mut map = config.write(Library::Peft, shape)?;
    map.extend(options.peft.clone());
    if options.peft.contains_key("target_modules") {
        let layers = options
            .layers
            .as_ref()
            .map_or(Value::Null, |layers| json!(layers));
        map.insert("layers_to_transform".into(), layers);
        // as in PEFT, what is not named is not there
        for list in known.iter().filter(|name| name.ends_with("_modules")) {
            if !options.peft.contains_key(*list) {
                map.shift_remove(*list);
            }
        }
    }
    read(PLACE, &map, shape)
}
