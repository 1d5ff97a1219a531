//! How a text becomes one vector, as a folder of sentence-transformers says it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::folder::{ModelFiles, Read, object};
use super::token_pooling::{TokenPooling, pooled};
use super::{Anatomy, States};
use crate::error::{Error, Result};

/// The settings that a backbone's `manifest.json` keeps as `embedding`. Without them a text is read as far as the
/// encoder can, and its vector is the mean over the tokens, scaled to unit length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SentenceEmbedding {
    /// Most tokens of a text that are read, special tokens included; `None` for what the encoder can read.
    #[serde(rename = "max_seq_length", skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
    /// One vector for each of these, one after the other.
    pub pooling: Vec<TokenPooling>,
    /// Whether the result is scaled to unit length.
    pub normalize: bool,
    /// Whether texts are put in lower case first.
    #[serde(rename = "do_lower_case", skip_serializing_if = "std::ops::Not::not")]
    pub lower_case: bool,
    /// What is put before a text, by what the vector is for ("query", "document").
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub prompts: BTreeMap<String, String>,
    /// Which of them is put there if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_prompt_name: Option<String>,
    /// What cosines with the vectors of the model's other encoder are multiplied with, to be its logits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logit_scale: Option<f32>,
    /// What is added to them then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logit_bias: Option<f32>,
    /// What the folder asks for and graftlet cannot do, in words. Vectors are then refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsupported: Option<String>,
}

impl Default for SentenceEmbedding {
    fn default() -> Self {
        Self {
            max_tokens: None,
            pooling: vec![TokenPooling::Mean],
            normalize: true,
            lower_case: false,
            prompts: BTreeMap::new(),
            default_prompt_name: None,
            logit_scale: None,
            logit_bias: None,
            unsupported: None,
        }
    }
}

impl SentenceEmbedding {
    /// The settings of a model that no folder of sentence-transformers describes.
    #[must_use]
    pub fn of(config: &Anatomy) -> Self {
        let mut settings = Self::default();
        if config.pooler.embeds {
            settings.pooling = vec![TokenPooling::Pooler];
        }
        settings
    }

    /// Whether the checkpoint's own pooler gives the vectors.
    #[must_use]
    pub fn reads_pooler(&self) -> bool {
        self.pooling.contains(&TokenPooling::Pooler)
    }

    /// Reads the settings of a manifest.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`].
    pub fn from_json(place: &str, json: &Value) -> Result<Self> {
        let invalid = |reason: String| Error::ConfigInvalid {
            place: place.to_owned(),
            reason: format!("its \"embedding\" cannot be read: {reason}"),
        };
        let settings: Self =
            serde_json::from_value(json.clone()).map_err(|error| invalid(error.to_string()))?;
        if settings.pooling.is_empty() {
            return Err(invalid("it names no pooling".into()));
        }
        if settings.max_tokens.is_some_and(|limit| limit < 3) {
            return Err(invalid("max_seq_length must leave room for a token".into()));
        }
        Ok(settings)
    }

    /// Refuses to give vectors that would not be the model's.
    ///
    /// # Errors
    /// [`Error::ModelUnsupported`].
    pub fn check(&self) -> Result<()> {
        match &self.unsupported {
            None => Ok(()),
            Some(what) => Err(Error::ModelUnsupported {
                place: "the backbone".into(),
                reason: format!(
                    "its vectors need {what}, which graftlet does not do; adapters with a head can be used on it"
                ),
            }),
        }
    }

    /// The files that sentence-transformers keeps these settings in, by their names in a model's folder; none if it
    /// takes more than the settings.
    #[must_use]
    pub fn files(&self, hidden_size: usize) -> Vec<(&'static str, Value)> {
        if self.unsupported.is_some() || self.reads_pooler() {
            return Vec::new();
        }
        let mut modules = vec![("", "Transformer"), (POOLING_FOLDER, "Pooling")];
        if self.normalize {
            modules.push(("2_Normalize", "Normalize"));
        }
        let modules = modules
            .into_iter()
            .enumerate()
            .map(|(index, (path, class))| {
                json!({
                    "idx": index, "name": index.to_string(), "path": path,
                    "type": format!("sentence_transformers.models.{class}"),
                })
            });
        let mut pooling = json!({ "word_embedding_dimension": hidden_size });
        for (flag, mode) in FLAGS {
            pooling[flag] = json!(self.pooling.contains(&mode));
        }
        let mut encoder = json!({ "do_lower_case": self.lower_case });
        encoder["max_seq_length"] = json!(self.max_tokens);
        let mut files = vec![
            (MODULES, modules.collect()),
            (POOLING_CONFIG, pooling),
            ("sentence_bert_config.json", encoder),
        ];
        if !self.prompts.is_empty() {
            let default = &self.default_prompt_name;
            let prompts = json!({ "prompts": self.prompts, "default_prompt_name": default });
            files.push((PROMPTS, prompts));
        }
        files
    }

    /// What is put before a text if nothing is said.
    #[must_use]
    pub fn default_prompt(&self) -> Option<&str> {
        let prompt = self.prompts.get(self.default_prompt_name.as_ref()?)?;
        Some(prompt.as_str()).filter(|prompt| !prompt.is_empty())
    }

    /// A text as the encoder is to read it.
    #[must_use]
    pub fn prepared(&self, text: &str) -> String {
        let text = format!("{}{text}", self.default_prompt().unwrap_or_default());
        if self.lower_case {
            text.to_lowercase()
        } else {
            text
        }
    }

    /// One vector for each sequence, before it is scaled: `[pooling.len() · hidden size]`.
    #[must_use]
    pub fn pooled(&self, states: &States) -> Vec<Vec<f32>> {
        let (_, hidden) = states.x.dims2();
        let bounds = states.starts.windows(2);
        let vectors = bounds.map(|bounds| {
            let rows = &states.x.data()[bounds[0] * hidden..bounds[1] * hidden];
            let poolings = self.pooling.iter();
            poolings
                .flat_map(|&pooling| pooled(pooling, rows, hidden))
                .collect()
        });
        vectors.collect()
    }

    /// A pooled vector as the model gives it: scaled to unit length if the model asks for that.
    #[must_use]
    pub fn scaled(&self, mut vector: Vec<f32>) -> Vec<f32> {
        if self.normalize {
            // as torch's normalize, which leaves a vector of zeros as it is
            let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
            vector.iter_mut().for_each(|x| *x /= norm);
        }
        vector
    }
}

/// `modules.json`: what a model of sentence-transformers does, one after the other. Empty for any other.
pub(super) struct Modules(Vec<Module>);

struct Module {
    /// The last part of its class's name.
    class: String,
    /// Its folder, with a slash at the end; empty for the model's own.
    path: String,
}

const MODULES: &str = "modules.json";
const PROMPTS: &str = "config_sentence_transformers.json";
const POOLING_FOLDER: &str = "1_Pooling";
const POOLING_CONFIG: &str = "1_Pooling/config.json";

impl Modules {
    pub(super) fn read(files: &dyn ModelFiles) -> Result<Self> {
        let list = object(MODULES, files.read(MODULES)?)?;
        let modules = list.as_array().into_iter().flatten().map(|entry| {
            let text = |field: &str| entry[field].as_str().unwrap_or_default();
            let path = text("path").trim_matches('/');
            Module {
                class: text("type").rsplit('.').next().unwrap_or_default().into(),
                path: match path {
                    "" | "." => String::new(),
                    path => format!("{path}/"),
                },
            }
        });
        let modules: Vec<Module> = modules.collect();
        match modules.iter().find(|module| module.path.contains("..")) {
            Some(module) => Err(Error::ConfigInvalid {
                place: MODULES.into(),
                reason: format!("\"{}\" leads out of the folder", module.path),
            }),
            None => Ok(Self(modules)),
        }
    }

    /// The folder of the encoder, with a slash at the end; empty for the model's own.
    pub(super) fn encoder_path(&self) -> String {
        let encoder = self.0.iter().find(|module| module.class == "Transformer");
        encoder
            .map(|module| module.path.clone())
            .unwrap_or_default()
    }

    /// The settings. `encoder` reads a file beside the encoder's.
    pub(super) fn embedding(
        &self,
        files: &dyn ModelFiles,
        encoder: Read<'_, '_>,
        config: &Anatomy,
    ) -> Result<SentenceEmbedding> {
        if self.0.is_empty() {
            return Ok(SentenceEmbedding::of(config));
        }
        let mut settings = SentenceEmbedding {
            pooling: Vec::new(),
            normalize: false,
            ..SentenceEmbedding::default()
        };
        let mut unsupported = |what: String| {
            settings.unsupported.get_or_insert(what);
        };
        for module in &self.0 {
            match module.class.as_str() {
                "Transformer" | "Dropout" => {}
                "Pooling" => {
                    let place = format!("{}config.json", module.path);
                    let pooling = object(&place, files.read(&place)?)?;
                    settings.pooling = pooling_of(&place, &pooling)?;
                    if pooling["include_prompt"].as_bool() == Some(false) {
                        unsupported("a prompt that is left out of the pooling".into());
                    }
                }
                "Normalize" => settings.normalize = true,
                class => unsupported(format!("a module {class} ({})", module.path)),
            }
        }
        if settings.pooling.is_empty() {
            settings.pooling.push(TokenPooling::Mean);
        }
        let own = transformer_settings(encoder)?;
        settings.lower_case = own["do_lower_case"].as_bool().unwrap_or_default();
        let tokenizer = object("tokenizer_config.json", encoder("tokenizer_config.json")?)?;
        let limit = [
            &own["max_seq_length"],
            &own["processor_kwargs"]["model_max_length"],
            &tokenizer["model_max_length"],
        ];
        let limit = limit.into_iter().find_map(Value::as_u64);
        let positions = config.max_tokens;
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        settings.max_tokens = Some(limit.unwrap_or(positions).clamp(3, positions));
        let own = object(PROMPTS, files.read(PROMPTS)?)?;
        for (name, prompt) in own["prompts"].as_object().into_iter().flatten() {
            if let Some(prompt) = prompt.as_str() {
                settings.prompts.insert(name.clone(), prompt.to_owned());
            }
        }
        let default = own["default_prompt_name"].as_str();
        settings.default_prompt_name = default.map(str::to_owned);
        Ok(settings)
    }
}

/// The settings beside the encoder, under the first of the names that releases of the library gave the file.
fn transformer_settings(encoder: Read<'_, '_>) -> Result<Value> {
    for family in [
        "bert",
        "roberta",
        "distilbert",
        "camembert",
        "albert",
        "xlm-roberta",
        "xlnet",
    ] {
        let name = format!("sentence_{family}_config.json");
        let settings = object(&name, encoder(&name)?)?;
        if !settings.is_null() {
            return Ok(settings);
        }
    }
    Ok(Value::Null)
}

/// What sentence-transformers' settings call each way of pooling, in the order in which it joins them.
const FLAGS: [(&str, TokenPooling); 6] = [
    ("pooling_mode_cls_token", TokenPooling::Cls),
    ("pooling_mode_max_tokens", TokenPooling::Max),
    ("pooling_mode_mean_tokens", TokenPooling::Mean),
    (
        "pooling_mode_mean_sqrt_len_tokens",
        TokenPooling::MeanSqrtLen,
    ),
    (
        "pooling_mode_weightedmean_tokens",
        TokenPooling::WeightedMean,
    ),
    ("pooling_mode_lasttoken", TokenPooling::LastToken),
];

/// The modes of a pooling module, in the order in which sentence-transformers joins them.
fn pooling_of(place: &str, config: &Value) -> Result<Vec<TokenPooling>> {
    let named = match &config["pooling_mode"] {
        Value::Null => None,
        Value::String(one) => Some(vec![Value::String(one.clone())]),
        Value::Array(modes) => Some(modes.clone()),
        other => Some(vec![other.clone()]),
    };
    if let Some(modes) = named {
        let read = |mode: Value| {
            serde_json::from_value(mode.clone()).map_err(|_| Error::ConfigInvalid {
                place: place.to_owned(),
                reason: format!("pooling_mode {mode} is not known here"),
            })
        };
        return modes.into_iter().map(read).collect();
    }
    let set = FLAGS
        .iter()
        .filter(|(flag, _)| config[*flag].as_bool() == Some(true));
    Ok(set.map(|(_, pooling)| *pooling).collect())
}
