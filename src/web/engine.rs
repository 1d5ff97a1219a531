use wasm_bindgen::prelude::*;

use super::convert::{files_from_js, files_to_js, from_js, inputs, name, thrown, to_js};
use super::info::{AdapterInfo, BackboneInfo};
use super::loading::WebLoading;
use super::media::{self, Keep};
use super::reading::Reading;
use super::rows::Rows;
use super::suggesting::Suggesting;
use super::training::Training;
use crate::compose::Composition;
use crate::engine::Engine;
use crate::error::Error;
use crate::folder::TaskAdapter;
use crate::folder::{Files, Library};
use crate::hub;
use crate::input::text::LongTexts;
use crate::model::folder::{CONFIG as CONFIG_JSON, ModelFolder};
use crate::model::{Anatomy, Checkpoint, SentenceEmbedding};

type Outcome<T> = std::result::Result<T, JsValue>;

/// A frozen backbone and the adapters loaded on it.
#[wasm_bindgen(js_name = Engine)]
pub struct WebEngine {
    pub(super) engine: Engine,
    pub(super) dtype: String,
}

#[wasm_bindgen(js_class = Engine)]
impl WebEngine {
    /// A backbone from its files, `{ [name]: Uint8Array }`: those of a converted folder, which has a manifest.json, or
    /// those of a model's folder as a hub has it. The files are compared with the manifest's hashes, unless `checked`
    /// says that they were already.
    ///
    /// # Errors
    /// Those of [`ModelFolder::open`] and [`Engine::assemble`]; `file_truncated`, `checksum_mismatch`.
    #[wasm_bindgen(js_name = fromFiles)]
    pub fn from_files(files: &JsValue, checked: Option<bool>) -> Outcome<WebEngine> {
        let build = || {
            let files = files_from_js(files)?;
            let Some(json) = files.get(hub::Manifest::FILE) else {
                let model = ModelFolder::open(&files)?;
                let fingerprint = model.checkpoint.fingerprint();
                let engine = Engine::assemble(
                    &model.config,
                    &model.reader,
                    &model.checkpoint,
                    &fingerprint,
                    model.sentence,
                )?;
                let dtype = "f32".to_owned();
                return Ok(Self { engine, dtype });
            };
            let manifest = hub::Manifest::from_json(hub::Manifest::FILE, json)?;
            let part = |name: &str| part_of(&files, name);
            if checked != Some(true) {
                for file in &manifest.files {
                    file.verify(part(&file.name)?)?;
                }
            }
            let engine = converted(&manifest, &part)?;
            let dtype = manifest.dtype;
            Ok(Self { engine, dtype })
        };
        build().map_err(thrown)
    }

    /// Begins to load a converted folder's backbone with all files but the weights, `{ [name]: Uint8Array }`.
    ///
    /// # Errors
    /// Those of [`Anatomy::from_json`] and [`reader_of`](crate::engine::reader_of); `config_invalid` for the
    /// manifest, `file_missing`.
    pub fn begin(files: &JsValue) -> Outcome<WebLoading> {
        WebLoading::begin(files).map_err(thrown)
    }

    /// What is known of the backbone.
    ///
    /// # Errors
    /// None in practice.
    pub fn backbone(&self) -> Outcome<JsValue> {
        to_js(&BackboneInfo::new(&self.engine, &self.dtype))
    }

    /// SHA-256 over every weight in memory.
    #[wasm_bindgen(js_name = backboneHash)]
    #[must_use]
    pub fn backbone_hash(&self) -> String {
        self.engine.backbone().hash()
    }

    /// Loads an adapter's folder, `{ [name]: Uint8Array }`, under a name.
    ///
    /// # Errors
    /// Those of [`crate::folder::load`].
    #[wasm_bindgen(js_name = addAdapter)]
    pub fn add_adapter(&mut self, name_argument: &JsValue, files: &JsValue) -> Outcome<JsValue> {
        let name = name(name_argument).map_err(thrown)?;
        let files = files_from_js(files).map_err(thrown)?;
        self.engine.add(&name, &files).map_err(thrown)?;
        self.info(&name, self.engine.get(&name).map_err(thrown)?)
    }

    /// Forgets an adapter.
    ///
    /// # Errors
    /// `adapter_unknown`.
    #[wasm_bindgen(js_name = removeAdapter)]
    pub fn remove_adapter(&mut self, name_argument: &JsValue) -> Outcome<()> {
        let name = name(name_argument).map_err(thrown)?;
        self.engine.remove(&name).map(drop).map_err(thrown)
    }

    /// All loaded adapters.
    ///
    /// # Errors
    /// None in practice.
    pub fn adapters(&self) -> Outcome<JsValue> {
        let list = js_sys::Array::new();
        for (name, task) in self.engine.adapters() {
            list.push(&self.info(name, task)?);
        }
        Ok(list.into())
    }

    /// Switches to an adapter or a composition, or with null to the bare backbone.
    ///
    /// # Errors
    /// `adapter_unknown`, `composition_invalid`.
    #[wasm_bindgen(js_name = use)]
    pub fn activate(&mut self, what: &JsValue) -> Outcome<()> {
        if what.is_null() || what.is_undefined() {
            return self.engine.activate(None).map_err(thrown);
        }
        let composition = composition(what).map_err(thrown)?;
        self.engine
            .activate_composition(composition)
            .map_err(thrown)
    }

    /// What is in use: a name, a composition, or null.
    ///
    /// # Errors
    /// None in practice.
    pub fn active(&self) -> Outcome<JsValue> {
        match self.engine.in_use() {
            Some(composition) => to_js(&composition.to_json()),
            None => Ok(JsValue::NULL),
        }
    }

    /// Makes a new adapter of others' parameters, under a name.
    ///
    /// # Errors
    /// `adapter_unknown`, `composition_invalid`.
    pub fn compose(&mut self, name_argument: &JsValue, what: &JsValue) -> Outcome<JsValue> {
        let name = name(name_argument).map_err(thrown)?;
        let composition = composition(what).map_err(thrown)?;
        self.engine.compose(&name, &composition).map_err(thrown)?;
        self.info(&name, self.engine.get(&name).map_err(thrown)?)
    }

    /// What the model reads of a recording or a picture, as bytes that stand for it in every other call: of `{ samples, rate }`
    /// with a Float32Array, of a WAV file's bytes, or of `{ width, height, data }` with a Uint8Array of red, green, blue and
    /// opacity. Of a recording that is longer than the model reads at once, only the beginning is kept, unless `keep` is "long"; with
    /// "whole" every recording is kept itself. Errors name it `place`.
    ///
    /// # Errors
    /// `input_unsupported`, `file_invalid`, `file_truncated`, `sound_empty`, `sound_not_finite`, `sound_rate`, `picture_invalid`,
    /// `picture_too_large`.
    pub fn read(&self, input: &JsValue, place: &str, keep: Option<String>) -> Outcome<Vec<u8>> {
        let keep = match keep.as_deref() {
            Some("whole") => Keep::Whole,
            Some("long") => Keep::Long,
            _ => Keep::Beginning,
        };
        media::read(self.engine.reader(), input, place, keep).map_err(thrown)
    }

    /// Begins to answer inputs: with what is in use, or with several adapters and compositions in one pass where `of` is
    /// an array. With `truncate` only the beginning of a text that is longer than the model is read, else all of it in
    /// windows. The inputs stand behind `before` others of the caller's, which messages count too.
    ///
    /// # Errors
    /// `option_invalid`, `adapter_not_in_use`, `adapter_unknown`, `text_empty`, `text2_missing`, `text2_unexpected`,
    /// `adapter_format`, `composition_invalid`.
    #[wasm_bindgen(js_name = beginAnswers)]
    pub fn begin_answers(
        &mut self,
        given: &JsValue,
        of: &JsValue,
        truncate: Option<bool>,
        before: Option<usize>,
    ) -> Outcome<Reading> {
        let before = before.unwrap_or_default();
        self.read_long_texts(truncate);
        let begin = || {
            let inputs = inputs(given)?;
            let of: Option<Vec<Composition>> = if of.is_null() || of.is_undefined() {
                None
            } else {
                let of: Vec<serde_json::Value> = from_js("with", of)?;
                let of: crate::Result<_> = of.iter().map(Composition::from_json).collect();
                Some(of?)
            };
            let reading = match &of {
                Some(of) => self.engine.begin_answers(of, &inputs),
                None => self.engine.begin_answers_in_use(&inputs),
            };
            reading.map_err(|error| error.behind(before))
        };
        begin()
            .map(|reading| Reading::new(reading, before, false))
            .map_err(thrown)
    }

    /// Begins to make vectors of inputs, by what is in use, by the composition `of`, or with null by the bare backbone.
    /// They are pooled and scaled as the backbone's manifest says: by default each is the mean over the tokens, of unit
    /// length. `truncate` and `before` as in [`begin_answers`](Self::begin_answers).
    ///
    /// # Errors
    /// `option_invalid`, `adapter_unknown`, `text_empty`, `composition_invalid`.
    #[wasm_bindgen(js_name = beginVectors)]
    pub fn begin_vectors(
        &mut self,
        given: &JsValue,
        of: &JsValue,
        truncate: Option<bool>,
        before: Option<usize>,
    ) -> Outcome<Reading> {
        let before = before.unwrap_or_default();
        self.read_long_texts(truncate);
        let begin = || {
            let inputs = inputs(given)?;
            let own = match of.is_null() || of.is_undefined() {
                true => None,
                false => Some(composition(of)?),
            };
            let of = match of.is_undefined() {
                true => self.engine.in_use(),
                false => own.as_ref(),
            };
            let reading = self.engine.begin_vectors(of, &inputs);
            reading.map_err(|error| error.behind(before))
        };
        begin()
            .map(|reading| Reading::new(reading, before, true))
            .map_err(thrown)
    }

    /// An adapter's folder in a library's format.
    ///
    /// # Errors
    /// `adapter_unknown`, `adapter_format`.
    #[wasm_bindgen(js_name = exportAdapter)]
    pub fn export_adapter(&self, name_argument: &JsValue, format: &JsValue) -> Outcome<JsValue> {
        let name = name(name_argument).map_err(thrown)?;
        let library: Library = from_js("format", format).map_err(thrown)?;
        let files = self.engine.export(&name, library).map_err(thrown)?;
        Ok(files_to_js(&files))
    }

    /// An adapter merged into a copy of the backbone: the checkpoint in f32, and the head beside it.
    ///
    /// # Errors
    /// `adapter_unknown`, `adapter_format`.
    #[wasm_bindgen(js_name = exportMerged)]
    pub fn export_merged(&self, name_argument: &JsValue) -> Outcome<JsValue> {
        let name = name(name_argument).map_err(thrown)?;
        let files = self.engine.merge(&name).map_err(thrown)?;
        Ok(files_to_js(&files))
    }

    /// Prepares a training run, or a worker's part in it, on rows that are used up; with a checkpoint it
    /// goes on from there.
    ///
    /// # Errors
    /// `config_invalid` for an option that does not exist or is of another type, `unknown_kind`,
    /// `checkpoint_mismatch`; those of [`crate::train::Dataset::read`] and
    /// [`crate::train::Trainer::new`].
    #[wasm_bindgen(js_name = startTraining)]
    pub fn start_training(
        &self,
        options: JsValue,
        rows: Rows,
        checkpoint: Option<Vec<u8>>,
    ) -> Outcome<Training> {
        Training::start(&self.engine, options, rows, checkpoint.as_deref()).map_err(thrown)
    }

    /// Prepares a comparison of a head alone, LoRA and a bottleneck on at least five rows; options are
    /// those of a training that hold for all kinds.
    ///
    /// # Errors
    /// Those of [`crate::train::Dataset::read`] and [`crate::train::Suggester::new`].
    #[wasm_bindgen(js_name = startSuggesting)]
    pub fn start_suggesting(&self, options: JsValue, rows: Rows) -> Outcome<Suggesting> {
        Suggesting::start(&self.engine, options, rows).map_err(thrown)
    }
}

impl WebEngine {
    fn read_long_texts(&mut self, truncate: Option<bool>) {
        self.engine.set_long_texts(match truncate {
            Some(true) => LongTexts::Truncate,
            _ => LongTexts::Windows,
        });
    }

    fn info(&self, name: &str, task: &TaskAdapter) -> Outcome<JsValue> {
        to_js(&AdapterInfo::new(
            name,
            task,
            self.engine.backbone().shape(),
        ))
    }
}

/// A backbone from the files of a folder that `graftlet convert` wrote.
fn converted<'a>(
    manifest: &hub::Manifest,
    part: &dyn Fn(&str) -> crate::Result<&'a [u8]>,
) -> crate::Result<Engine> {
    let weights = manifest.weights()?;
    let mut config = Anatomy::from_json(part(CONFIG_JSON)?)?;
    config.name.clone_from(&manifest.name);
    let checkpoint = Checkpoint::new(vec![(weights.to_owned(), part(weights)?.into())]);
    let sentence = sentence_of(manifest)?;
    Engine::assemble(
        &config,
        part(config.stem.reader_file())?,
        &checkpoint,
        &manifest.fingerprint,
        sentence,
    )
}

/// A file of a backbone's that its manifest names.
pub(super) fn part_of<'a>(files: &'a Files, name: &str) -> crate::Result<&'a [u8]> {
    let content = files.get(name).map(Vec::as_slice);
    content.ok_or_else(|| Error::FileMissing {
        place: "the backbone's files".into(),
        file: name.to_owned(),
        hint: "its manifest names it; give it too",
    })
}

/// How a text becomes a vector, as a manifest says it.
pub(super) fn sentence_of(manifest: &hub::Manifest) -> crate::Result<SentenceEmbedding> {
    match &manifest.embedding {
        Some(json) => SentenceEmbedding::from_json(hub::Manifest::FILE, json),
        None => Ok(SentenceEmbedding::default()),
    }
}

/// A name or a composition.
fn composition(value: &JsValue) -> crate::Result<Composition> {
    Composition::from_json(&from_js("composition", value)?)
}

/// The names that the files of an adapter's folder may have: those of the library whose configuration it is, or, without
/// a configuration, those of a fusion. A `.bin` file stands behind the safetensors file that makes it unnecessary.
///
/// # Errors
/// `config_invalid` if the configuration is neither library's.
#[wasm_bindgen(js_name = adapterFileNames)]
pub fn adapter_file_names(config: Option<Vec<u8>>) -> Outcome<Vec<String>> {
    let names = match config {
        Some(config) => Library::detect(&config).map_err(thrown)?.files(),
        None => Library::fusion_files(),
    };
    Ok(names.iter().map(|&name| name.to_owned()).collect())
}
