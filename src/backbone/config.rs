use serde::Deserialize;

use crate::error::{Error, Result};
use crate::json;

/// The fields of a BERT `config.json` (transformers) that change the arithmetic.
#[derive(Clone, Debug, Deserialize)]
pub struct BertConfig {
    /// "bert".
    pub model_type: String,
    /// Where the checkpoint came from.
    #[serde(rename = "_name_or_path", default)]
    pub name: String,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Number of blocks.
    pub num_hidden_layers: usize,
    /// Attention heads of a block.
    pub num_attention_heads: usize,
    /// Width inside the feed-forward network.
    pub intermediate_size: usize,
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// Longest sequence in tokens.
    pub max_position_embeddings: usize,
    /// Number of token types.
    pub type_vocab_size: usize,
    /// ε of every layer norm.
    pub layer_norm_eps: f64,
    /// Nonlinearity of the feed-forward network.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// "absolute".
    #[serde(default = "absolute")]
    pub position_embedding_type: String,
}

fn gelu() -> String {
    "gelu".into()
}

fn absolute() -> String {
    "absolute".into()
}

impl BertConfig {
    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] if it is not one or its numbers make no sense,
    /// [`Error::UnsupportedFeature`] if it describes another architecture.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let place = || "config.json".to_owned();
        let invalid = |reason: String| Error::ConfigInvalid {
            place: place(),
            reason,
        };
        let config: Self = json::parse(json)
            .map_err(|error| invalid(format!("it is not a BERT configuration: {error}")))?;
        let unsupported = |field: &str, value: &str| {
            Err(Error::UnsupportedFeature {
                place: place(),
                feature: format!("{field} = {value}"),
            })
        };
        if config.model_type != "bert" {
            return unsupported("model_type", &config.model_type);
        }
        if config.hidden_act != "gelu" {
            return unsupported("hidden_act", &config.hidden_act);
        }
        if config.position_embedding_type != "absolute" {
            return unsupported("position_embedding_type", &config.position_embedding_type);
        }
        let sizes = [
            ("hidden_size", config.hidden_size),
            ("num_hidden_layers", config.num_hidden_layers),
            ("num_attention_heads", config.num_attention_heads),
            ("intermediate_size", config.intermediate_size),
            ("vocab_size", config.vocab_size),
            ("max_position_embeddings", config.max_position_embeddings),
            ("type_vocab_size", config.type_vocab_size),
        ];
        for (field, value) in sizes {
            if value == 0 || value > 1 << 20 {
                return Err(invalid(format!("{field} is {value}")));
            }
        }
        if !config
            .hidden_size
            .is_multiple_of(config.num_attention_heads)
        {
            return Err(invalid(format!(
                "hidden_size {} is not a multiple of num_attention_heads {}",
                config.hidden_size, config.num_attention_heads
            )));
        }
        if config.max_position_embeddings < 3 {
            return Err(invalid(
                "max_position_embeddings must leave room for a token".into(),
            ));
        }
        Ok(config)
    }
}
