//! What a `preprocessor_config.json` of transformers says.

use serde_json::Value;

use super::Filter;
use super::class::{Normalise, Size};
use super::fields::{Fields, PLACE};
use crate::error::{Error, Result};

/// What is done to a picture, in this order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) resize: Option<(Size, Filter)>,
    /// Height and width in pixels of the middle that stays.
    pub(super) crop: Option<(usize, usize)>,
    /// What a byte is multiplied with.
    pub(super) rescale: Option<f64>,
    pub(super) normalise: Option<Normalise>,
}

impl Settings {
    /// Reads a `preprocessor_config.json`.
    pub(super) fn from_json(json: &[u8]) -> Result<Self> {
        let value = crate::json::parse::<Value>(json).map_err(|error| Error::ConfigInvalid {
            place: PLACE.to_owned(),
            reason: crate::json::plain(&error),
        })?;
        let Value::Object(map) = value else {
            return Err(Error::ConfigInvalid {
                place: PLACE.to_owned(),
                reason: "it is no object, and should hold fields like \"size\"".to_owned(),
            });
        };
        let fields = Fields(map);
        let (class, fast) = fields.class()?;
        if fields.switch("do_pad", false)? {
            return Err(Error::UnsupportedFeature {
                place: PLACE.to_owned(),
                feature: "do_pad true".to_owned(),
            });
        }
        // The processors that use Pillow have the crop or have it not; the fast ones all have it.
        let may_crop = fast || class.crop.is_some();
        let crops = fields.switch("do_center_crop", class.crop.is_some())?;
        Ok(Self {
            resize: match fields.switch("do_resize", true)? {
                true => Some((fields.size(class)?, fields.filter(class)?)),
                false => None,
            },
            crop: match may_crop && crops {
                true => Some(fields.crop(class)?),
                false => None,
            },
            rescale: match fields.switch("do_rescale", true)? {
                true => Some(fields.factor()?),
                false => None,
            },
            normalise: match fields.switch("do_normalize", true)? {
                true => Some(Normalise {
                    mean: fields.channels("image_mean", class.normalise.mean, |_| true)?,
                    deviation: fields.channels(
                        "image_std",
                        class.normalise.deviation,
                        |value| value != 0.0,
                    )?,
                }),
                false => None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::class::{CLIP, HALVES};
    use super::*;

    fn read(config: &Value) -> Result<Settings> {
        Settings::from_json(config.to_string().as_bytes())
    }

    #[test]
    fn absent_fields_have_the_values_of_the_class() {
        let cases = [
            ("ViT", Size::Exact(224, 224), Filter::Bilinear, None, HALVES),
            (
                "DeiT",
                Size::Exact(256, 256),
                Filter::Bicubic,
                Some((224, 224)),
                HALVES,
            ),
            (
                "Bit",
                Size::ShortestEdge(224),
                Filter::Bicubic,
                Some((224, 224)),
                CLIP,
            ),
            (
                "CLIP",
                Size::ShortestEdge(224),
                Filter::Bicubic,
                Some((224, 224)),
                CLIP,
            ),
            (
                "Siglip",
                Size::Exact(224, 224),
                Filter::Bicubic,
                None,
                HALVES,
            ),
        ];
        for (name, size, filter, crop, normalise) in cases {
            let expected = Settings {
                resize: Some((size, filter)),
                crop,
                rescale: Some(1.0 / 255.0),
                normalise: Some(normalise),
            };
            for ending in ["ImageProcessor", "ImageProcessorFast", "FeatureExtractor"] {
                for field in ["image_processor_type", "feature_extractor_type"] {
                    let config = json!({ field: format!("{name}{ending}"), "size": null });
                    assert_eq!(read(&config).unwrap(), expected, "{config}");
                }
            }
        }
    }

    #[test]
    fn all_fields_are_read() {
        let config = json!({
            "image_processor_type": "CLIPImageProcessor", "feature_extractor_type": "ignored",
            "do_resize": true, "size": {"height": 30, "width": 40}, "resample": 1,
            "do_center_crop": true, "crop_size": {"height": 20, "width": 10, "shortest_edge": null},
            "do_rescale": true, "rescale_factor": 0.5,
            "do_normalize": true, "image_mean": 0.25, "image_std": [1, 2, 4], "do_convert_rgb": true
        });
        let expected = Settings {
            resize: Some((Size::Exact(30, 40), Filter::Lanczos)),
            crop: Some((20, 10)),
            rescale: Some(0.5),
            normalise: Some(Normalise {
                mean: [0.25; 3],
                deviation: [1.0, 2.0, 4.0],
            }),
        };
        assert_eq!(read(&config).unwrap(), expected);
        let config = json!({
            "image_processor_type": "BitImageProcessor", "do_resize": false, "do_center_crop": false,
            "do_rescale": false, "do_normalize": false, "resample": "not read"
        });
        let nothing = Settings {
            resize: None,
            crop: None,
            rescale: None,
            normalise: None,
        };
        assert_eq!(read(&config).unwrap(), nothing);
    }

    #[test]
    fn a_size_that_is_a_number() {
        let cases = [
            ("ViT", Size::Exact(96, 96), None),
            ("DeiT", Size::Exact(96, 96), Some((80, 80))),
            ("CLIP", Size::ShortestEdge(96), Some((80, 80))),
        ];
        for (name, size, crop) in cases {
            let name = format!("{name}FeatureExtractor");
            let config = json!({"feature_extractor_type": name, "size": 96, "crop_size": 80, "do_center_crop": true});
            let settings = read(&config).unwrap();
            assert_eq!(settings.resize.unwrap().0, size);
            assert_eq!(settings.crop, crop);
        }
    }

    #[test]
    fn the_fast_processors_crop_if_they_are_told_to() {
        let config = json!({"image_processor_type": "ViTImageProcessorFast", "do_center_crop": true, "crop_size": 9});
        assert_eq!(read(&config).unwrap().crop, Some((9, 9)));
        let config =
            json!({"image_processor_type": "ViTImageProcessorFast", "do_center_crop": true});
        assert!(
            read(&config)
                .unwrap_err()
                .message()
                .contains("crop_size is missing")
        );
    }

    #[test]
    fn a_wrong_field_is_named() {
        let cases = [
            ("image_processor_type", json!("SegformerImageProcessor")),
            ("image_processor_type", json!("ViT")),
            ("image_processor_type", json!(3)),
            ("do_resize", json!("yes")),
            ("do_center_crop", json!(1)),
            ("do_rescale", json!([])),
            ("do_normalize", json!(0)),
            ("do_pad", json!(true)),
            ("size", json!(0)),
            ("size", json!(-4)),
            ("size", json!(5000)),
            ("size", json!(1.5)),
            ("size", json!({"height": 4})),
            ("size", json!({"longest_edge": 4})),
            ("size", json!({"shortest_edge": 4, "longest_edge": 8})),
            ("size", json!({"height": 4, "width": 0})),
            ("crop_size", json!({"shortest_edge": 4})),
            ("crop_size", json!("big")),
            ("resample", json!(6)),
            ("resample", json!(-1)),
            ("rescale_factor", json!(0)),
            ("rescale_factor", json!(-1.0)),
            ("rescale_factor", json!(1e300)),
            ("image_mean", json!([0.5, 0.5])),
            ("image_mean", json!([0.5, 0.5, "0.5"])),
            ("image_mean", json!(1e39)),
            ("image_std", json!([1, 1, 0])),
            ("image_std", json!(1e-60)),
        ];
        for (field, value) in cases {
            let mut config = json!({"image_processor_type": "CLIPImageProcessor"});
            config[field] = value;
            let error = read(&config).unwrap_err();
            let expected = match field {
                "do_pad" => "unsupported_feature",
                _ => "config_invalid",
            };
            assert_eq!(error.code(), expected, "{config}");
            let message = error.message();
            assert!(
                message.starts_with("preprocessor_config.json: "),
                "{message}"
            );
            assert!(message.contains(field), "{message}");
        }
        let bytes: [&[u8]; 4] = [b"", b"[]", b"{", b"{}"];
        for json in bytes {
            let error = Settings::from_json(json).unwrap_err();
            assert_eq!(error.code(), "config_invalid");
        }
    }
}
