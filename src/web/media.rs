//! Recordings and pictures that JavaScript gives, read at once: only what the model reads of them is kept.

use js_sys::{Float32Array, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::error::{Error, Result};
use crate::input::picture::Picture;
use crate::input::sound::Sound;
use crate::input::{Input, Reader};

/// The bytes of what a model reads of `{ samples, rate }`, of the bytes of a WAV file, or of `{ width, height, data }`, whose
/// data are red, green, blue and opacity of each pixel. They are of the recording itself if it is wanted `whole`, or if the
/// model does not read all of it at once and it should not be `cut`. Errors name it `place`.
///
/// # Errors
/// Those of [`Sound::new`], [`Sound::read_wav`], [`Picture::from_rgb`] and the reader.
pub(super) fn read(reader: &Reader, input: &JsValue, place: &str, keep: Keep) -> Result<Vec<u8>> {
    let input = match input.dyn_ref::<Uint8Array>() {
        Some(file) => Sound::read_wav(place, &file.to_vec())?.into(),
        None => decoded(input, place)?,
    };
    let read = reader.read(&input, reader.max_steps())?;
    let itself = match keep {
        Keep::Whole => true,
        Keep::Long => read.truncated(),
        Keep::Beginning => false,
    };
    let packed = match itself {
        true => input.pack(),
        false => Input::from(read).pack(),
    };
    packed.ok_or(Error::InputUnsupported {
        reads: reader.sort().title(),
    })
}

/// What is kept of a recording.
#[derive(Clone, Copy)]
pub(super) enum Keep {
    /// What the model reads at once.
    Beginning,
    /// Itself, if the model does not read all of it at once.
    Long,
    /// Itself.
    Whole,
}

fn decoded(input: &JsValue, place: &str) -> Result<Input> {
    let field = |name: &str| Reflect::get(input, &name.into()).unwrap_or_default();
    // what is no number becomes 0, which is refused
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let number = |name: &str| field(name).as_f64().unwrap_or_default() as u32;
    if let Ok(samples) = field("samples").dyn_into::<Float32Array>() {
        return Ok(Sound::new(place, samples.to_vec(), number("rate"))?.into());
    }
    let pixels = field("data").dyn_into::<Uint8Array>().unwrap_or_default();
    let (width, height) = (number("width") as usize, number("height") as usize);
    let picture = Picture::from_rgba_parts(
        place,
        (width, height),
        pixels.length() as usize,
        &|from, to| {
            #[allow(clippy::cast_possible_truncation)]
            let part = pixels.subarray(from as u32, (from + to.len()) as u32);
            part.copy_to(to);
        },
    );
    Ok(picture?.into())
}
