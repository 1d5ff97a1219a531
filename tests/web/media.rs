//! Recordings and pictures, and what was read of them.

use graftlet::web::{Rows, WebEngine};
use js_sys::{Array, Float32Array};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use super::{bytes, embed, number, object, text};

macro_rules! model {
    ($folder:literal) => {
        object(&[
            (
                "config.json",
                bytes(include_bytes!(concat!(
                    "../fixtures/",
                    $folder,
                    "/config.json"
                ))),
            ),
            (
                "preprocessor_config.json",
                bytes(include_bytes!(concat!(
                    "../fixtures/",
                    $folder,
                    "/preprocessor_config.json"
                ))),
            ),
            (
                "model.safetensors",
                bytes(include_bytes!(concat!(
                    "../fixtures/",
                    $folder,
                    "/model.safetensors"
                ))),
            ),
        ])
    };
}

fn sounds() -> WebEngine {
    WebEngine::from_files(&model!("sounds/whisper"), None).unwrap()
}

fn pictures() -> WebEngine {
    WebEngine::from_files(&model!("pictures/vit"), None).unwrap()
}

fn samples(samples: &[f32], rate: f64) -> JsValue {
    let samples = Float32Array::new_from_slice(samples).into();
    object(&[("samples", samples), ("rate", rate.into())])
}

fn pixels(width: f64, height: f64, data: &[u8]) -> JsValue {
    object(&[
        ("width", width.into()),
        ("height", height.into()),
        ("data", bytes(data)),
    ])
}

fn tone() -> JsValue {
    let samples_of: Vec<f32> = (0..4000u16).map(|at| (f32::from(at) * 0.2).sin()).collect();
    samples(&samples_of, 8000.0)
}

fn code(error: &JsValue) -> String {
    assert!(text(error, "message").contains("input 7"), "{error:?}");
    text(error, "code")
}

#[wasm_bindgen_test]
fn what_was_read_stands_for_the_original() {
    let mut engine = sounds();
    let read = engine.read(&tone(), "input 1", None).unwrap();
    let found = embed(&mut engine, &Array::of1(&bytes(&read)).into()).unwrap();
    assert!(number(&found[0], "tokens") > 10.0);
    let mut engine = pictures();
    let read = engine
        .read(&pixels(8.0, 8.0, &[7; 256]), "input 1", None)
        .unwrap();
    let found = embed(&mut engine, &Array::of1(&bytes(&read)).into()).unwrap();
    assert!(number(&found[0], "tokens") > 1.0);
}

#[wasm_bindgen_test]
fn what_cannot_be_read_is_refused() {
    let engine = sounds();
    let refused = |input: &JsValue| code(&engine.read(input, "input 7", None).unwrap_err());
    let wav = include_bytes!("../fixtures/sound/six.wav");
    assert!(engine.read(&bytes(wav), "input 7", None).is_ok());
    for (input, expected) in [
        (samples(&[], 16_000.0), "sound_empty"),
        (samples(&[0.0, f32::NAN], 16_000.0), "sound_not_finite"),
        (samples(&[0.0], f64::NAN), "sound_rate"),
        (samples(&[0.0], -16_000.0), "sound_rate"),
        (samples(&[0.0], 1e12), "sound_rate"),
        (bytes(b"no sound"), "file_invalid"),
        (bytes(&wav[..500]), "file_truncated"),
    ] {
        assert_eq!(refused(&input), expected);
    }
    let engine = pictures();
    let refused = |input: &JsValue| code(&engine.read(input, "input 7", None).unwrap_err());
    for (input, expected) in [
        (pixels(0.0, 8.0, &[]), "picture_invalid"),
        (pixels(2.0, 2.0, &[0; 15]), "picture_invalid"),
        (pixels(f64::NAN, 2.0, &[0; 15]), "picture_invalid"),
        (pixels(1e9, 1.0, &[0; 15]), "picture_too_large"),
        (JsValue::NULL, "picture_invalid"),
        (7.into(), "picture_invalid"),
    ] {
        assert_eq!(refused(&input), expected);
    }
    let error = engine.read(&tone(), "input 7", None).unwrap_err();
    assert_eq!(text(&error, "code"), "input_unsupported");
}

#[wasm_bindgen_test]
fn damaged_bytes_and_those_of_another_model_are_refused() {
    let mut engine = sounds();
    let read = engine.read(&tone(), "input 1", None).unwrap();
    let mut damaged = read.clone();
    damaged[40] ^= 1;
    let mut embedded = |bytes: JsValue| {
        let inputs = Array::of1(&bytes).into();
        text(&embed(&mut engine, &inputs).unwrap_err(), "code")
    };
    assert_eq!(embedded(bytes(&damaged)), "file_invalid");
    let picture = pictures()
        .read(&pixels(8.0, 8.0, &[7; 256]), "input 1", None)
        .unwrap();
    assert_eq!(embedded(bytes(&picture)), "input_unsupported");

    let record = |read: &[u8]| {
        let count = u32::try_from(read.len()).unwrap().to_le_bytes();
        [b"\0{\"text\":\"\",\"label\":\"a\"}\n", &count[..], read].concat()
    };
    let whole = record(&read);
    let mut rows = Rows::new();
    rows.push(&[&whole[..], &whole, b"{\"text\":\"a\",\"label\":\"b\"}\n"].concat())
        .unwrap();
    let mut refused = |part: &[u8]| {
        let error = rows.push(part).unwrap_err();
        assert!(text(&error, "message").contains("row 4"), "{error:?}");
        text(&error, "code")
    };
    assert_eq!(refused(&record(&damaged)), "file_invalid");
    for length in [1, 10, 27, 30, whole.len() - 1] {
        assert_eq!(refused(&whole[..length]), "file_invalid", "{length}");
    }
}
