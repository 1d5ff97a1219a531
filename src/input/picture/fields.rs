//! The fields of a `preprocessor_config.json`, each with the values that it may have.

use serde_json::{Map, Value};

use super::class::{CLASSES, Class, Size};
use super::{CHANNELS, Filter, LONGEST_RESULT};
use crate::error::{Error, Result};

/// The file.
pub(super) const PLACE: &str = "preprocessor_config.json";

/// The fields of the file. One that is `null` is absent.
pub(super) struct Fields(pub(super) Map<String, Value>);

impl Fields {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// The processor that the file names, and whether it is the fast one.
    pub(super) fn class(&self) -> Result<(&'static Class, bool)> {
        let names = ["image_processor_type", "feature_extractor_type"];
        let found = names
            .into_iter()
            .find_map(|name| Some((name, self.get(name)?)));
        let Some((field, value)) = found else {
            return Err(Error::ConfigInvalid {
                place: PLACE.to_owned(),
                reason: format!("image_processor_type is missing; it should be {}", known()),
            });
        };
        let whole = value.as_str().unwrap_or_default();
        let (name, fast) = match whole.strip_suffix("Fast") {
            Some(name) => (name, true),
            None => (whole, false),
        };
        // The older name of the same processors.
        let name = name
            .strip_suffix("ImageProcessor")
            .or_else(|| name.strip_suffix("FeatureExtractor"));
        let class = CLASSES.iter().find(|class| Some(class.name) == name);
        let class = class.ok_or_else(|| wrong(field, value, &known()))?;
        Ok((class, fast))
    }

    pub(super) fn switch(&self, name: &str, default: bool) -> Result<bool> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::Bool(on)) => Ok(*on),
            Some(other) => Err(wrong(name, other, "true or false")),
        }
    }

    pub(super) fn size(&self, class: &Class) -> Result<Size> {
        let Some(value) = self.get("size") else {
            return Ok(class.size);
        };
        let size = match side(value) {
            Some(side) if class.number_is_shortest_edge => Some(Size::ShortestEdge(side)),
            Some(side) => Some(Size::Exact(side, side)),
            None => match sides(value, "shortest_edge", "shortest_edge") {
                Some((side, _)) => Some(Size::ShortestEdge(side)),
                None => sides(value, "height", "width")
                    .map(|(height, width)| Size::Exact(height, width)),
            },
        };
        size.ok_or_else(|| {
            let expected = format!(
                "a number of pixels from 1 to {LONGEST_RESULT}, or an object of them, either with height and width or with shortest_edge"
            );
            wrong("size", value, &expected)
        })
    }

    pub(super) fn crop(&self, class: &Class) -> Result<(usize, usize)> {
        let Some(value) = self.get("crop_size") else {
            let missing = || Error::ConfigInvalid {
                place: PLACE.to_owned(),
                reason: "crop_size is missing, and do_center_crop is true".to_owned(),
            };
            return class.crop.map(|side| (side, side)).ok_or_else(missing);
        };
        let both = side(value).map(|side| (side, side));
        both.or_else(|| sides(value, "height", "width")).ok_or_else(|| {
            let expected = format!(
                "a number of pixels from 1 to {LONGEST_RESULT}, or an object of them with height and width"
            );
            wrong("crop_size", value, &expected)
        })
    }

    pub(super) fn filter(&self, class: &Class) -> Result<Filter> {
        let Some(value) = self.get("resample") else {
            return Ok(class.filter);
        };
        let filter = value.as_u64().and_then(Filter::from_number);
        filter.ok_or_else(|| {
            let expected =
                "0 (nearest), 1 (lanczos), 2 (bilinear), 3 (bicubic), 4 (box) or 5 (hamming)";
            wrong("resample", value, expected)
        })
    }

    pub(super) fn factor(&self) -> Result<f64> {
        let name = "rescale_factor";
        let Some(value) = self.get(name) else {
            return Ok(1.0 / 255.0);
        };
        let factor = value.as_f64().filter(|factor| in_range(*factor));
        let factor = factor.filter(|factor| *factor > 0.0);
        factor.ok_or_else(|| wrong(name, value, "a number above 0 that a 32-bit float can hold"))
    }

    /// A number for each channel, or one for all.
    pub(super) fn channels(
        &self,
        name: &str,
        default: [f32; CHANNELS],
        allowed: fn(f32) -> bool,
    ) -> Result<[f32; CHANNELS]> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        let number = |value: &Value| {
            let number = value.as_f64().filter(|number| in_range(*number))? as f32;
            allowed(number).then_some(number)
        };
        let channels = match value.as_array() {
            Some(values) => values.iter().map(number).collect::<Option<Vec<f32>>>(),
            None => number(value).map(|number| vec![number; CHANNELS]),
        };
        let channels = channels.and_then(|channels| channels.try_into().ok());
        channels.ok_or_else(|| {
            let expected = match name {
                "image_std" => "three numbers that are not 0, for red, green and blue",
                _ => "three numbers, for red, green and blue",
            };
            wrong(name, value, expected)
        })
    }
}

/// Whether a number is finite as a 32-bit float.
fn in_range(number: f64) -> bool {
    (number as f32).is_finite()
}

/// A number of pixels along a side.
fn side(value: &Value) -> Option<usize> {
    let side = usize::try_from(value.as_u64()?).ok()?;
    (1..=LONGEST_RESULT).contains(&side).then_some(side)
}

/// The values of an object that has no other fields than these two. Fields that are `null` are absent.
fn sides(value: &Value, first: &str, second: &str) -> Option<(usize, usize)> {
    let object = value.as_object()?;
    let mut others = object
        .iter()
        .filter(|(name, value)| *name != first && *name != second && !value.is_null());
    if others.next().is_some() {
        return None;
    }
    Some((side(object.get(first)?)?, side(object.get(second)?)?))
}

fn known() -> String {
    let names = CLASSES.map(|class| format!("{}ImageProcessor", class.name));
    format!("one of {} (or the same with Fast)", names.join(", "))
}

fn wrong(name: &str, value: &Value, expected: &str) -> Error {
    Error::ConfigInvalid {
        place: PLACE.to_owned(),
        reason: format!("{name} is {value}; it should be {expected}"),
    }
}
