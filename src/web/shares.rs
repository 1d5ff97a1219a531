//! What workers that share a run say to each other: plain objects whose arrays can be moved from one to
//! the other.

use js_sys::{Array, Float32Array, Object, Reflect, Uint32Array};
use wasm_bindgen::prelude::*;

use crate::error::{Error, Result};
use crate::train::{Computed, Lesson, Outcomes, Share, Trace};

/// `{ step, rows, weight }`, or `{ from, to }` of held-out rows.
pub(super) fn share_to_js(share: &Share) -> JsValue {
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    match share {
        Share::Learn { step, rows, weight } => {
            let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
            object(&[
                ("step", (*step as f64).into()),
                ("rows", Uint32Array::from(&rows[..]).into()),
                ("weight", (*weight).into()),
            ])
        }
        Share::Judge { rows } => object(&[
            ("from", (rows.start as f64).into()),
            ("to", (rows.end as f64).into()),
        ]),
    }
}

pub(super) fn share_from_js(share: &JsValue) -> Result<Share> {
    let rows = get(share, "rows");
    let Some(rows) = rows.dyn_ref::<Uint32Array>() else {
        let rows = count(share, "from")?..count(share, "to")?;
        return Ok(Share::Judge { rows });
    };
    Ok(Share::Learn {
        step: count(share, "step")?,
        rows: rows.to_vec().into_iter().map(|row| row as usize).collect(),
        weight: number(share, "weight")?,
    })
}

/// `{ loss, gradient, traces }`, or `{ width, logits }` of held-out rows.
pub(super) fn computed_to_js(computed: &Computed) -> JsValue {
    #[allow(clippy::cast_precision_loss)]
    match computed {
        Computed::Learnt(lesson) => {
            let traces = lesson.traces.iter();
            let traces: Vec<f32> = traces
                .flat_map(|trace| [trace.loss, trace.rival_score, trace.rival as f32])
                .collect();
            object(&[
                ("loss", lesson.loss.into()),
                ("gradient", Float32Array::from(&lesson.gradient[..]).into()),
                ("traces", Float32Array::from(&traces[..]).into()),
            ])
        }
        Computed::Judged(outcomes) => object(&[
            ("width", (outcomes.width as f64).into()),
            ("logits", Float32Array::from(&outcomes.logits[..]).into()),
        ]),
    }
}

pub(super) fn computed_from_js(computed: &JsValue) -> Result<Computed> {
    if !get(computed, "logits").is_undefined() {
        return Ok(Computed::Judged(Outcomes {
            width: count(computed, "width")?,
            logits: floats(computed, "logits")?,
        }));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let trace = |numbers: &[f32]| Trace {
        loss: numbers[0],
        rival_score: numbers[1],
        rival: numbers[2] as u32,
    };
    Ok(Computed::Learnt(Lesson {
        loss: number(computed, "loss")?,
        gradient: floats(computed, "gradient")?,
        traces: floats(computed, "traces")?
            .chunks_exact(3)
            .map(trace)
            .collect(),
    }))
}

/// All of an array, each read by `read`.
pub(super) fn list<T>(array: &Array, read: impl Fn(&JsValue) -> Result<T>) -> Result<Vec<T>> {
    array.iter().map(|item| read(&item)).collect()
}

fn object(fields: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        // setting a property of a fresh object cannot fail
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}

/// Undefined for what is no object, too.
fn get(value: &JsValue, field: &str) -> JsValue {
    Reflect::get(value, &field.into()).unwrap_or_default()
}

fn number(value: &JsValue, field: &'static str) -> Result<f64> {
    let found = get(value, field);
    found
        .as_f64()
        .ok_or_else(|| missing(field, &found, "a number"))
}

fn count(value: &JsValue, field: &'static str) -> Result<usize> {
    let found = number(value, field)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(found as usize)
}

fn floats(value: &JsValue, field: &'static str) -> Result<Vec<f32>> {
    let found = get(value, field);
    match found.dyn_ref::<Float32Array>() {
        Some(array) => Ok(array.to_vec()),
        None => Err(missing(field, &found, "a Float32Array")),
    }
}

fn missing(field: &'static str, found: &JsValue, wanted: &str) -> Error {
    Error::OptionInvalid {
        option: field,
        value: format!("{found:?}").chars().take(80).collect(),
        reason: format!("a share's {field} must be {wanted}"),
    }
}
