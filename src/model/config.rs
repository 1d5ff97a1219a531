use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::json;
use crate::ops::Activation;

/// The fields of a BERT `config.json` (transformers) that change the arithmetic.
#[derive(Clone, Debug)]
pub struct BertConfig {
    /// The model's name on its hub; empty where nobody said it. `config.json` does not: its `_name_or_path` is
    /// where the weights were before they were trained further.
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
    pub hidden_act: Activation,
}

/// `config.json` as it is written; every field may be absent or null.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    model_type: Option<String>,
    architectures: Option<Vec<String>>,
    auto_map: Option<Value>,
    quantization_config: Option<Value>,
    is_decoder: Option<bool>,
    position_embedding_type: Option<String>,
    hidden_act: Option<String>,
    layer_norm_eps: Option<f64>,
    hidden_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    intermediate_size: Option<usize>,
    vocab_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    type_vocab_size: Option<usize>,
}

const PLACE: &str = "config.json";

impl BertConfig {
    /// Reads and checks a `config.json`. An absent field has the default of transformers' `BertConfig`.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] if it is not one or its numbers make no sense,
    /// [`Error::ModelUnsupported`] if it describes another architecture.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let invalid = |reason: String| Error::ConfigInvalid {
            place: PLACE.into(),
            reason,
        };
        let fields: Fields = json::parse(json)
            .map_err(|error| invalid(format!("it is not a BERT configuration: {error}")))?;
        check_architecture(&fields)?;
        let hidden_act = fields.hidden_act.as_deref().unwrap_or("gelu");
        let config = Self {
            name: String::new(),
            hidden_size: fields.hidden_size.unwrap_or(768),
            num_hidden_layers: fields.num_hidden_layers.unwrap_or(12),
            num_attention_heads: fields.num_attention_heads.unwrap_or(12),
            intermediate_size: fields.intermediate_size.unwrap_or(3072),
            vocab_size: fields.vocab_size.unwrap_or(30522),
            max_position_embeddings: fields.max_position_embeddings.unwrap_or(512),
            type_vocab_size: fields.type_vocab_size.unwrap_or(2),
            layer_norm_eps: fields.layer_norm_eps.unwrap_or(1e-12),
            hidden_act: serde_json::from_value(json!(hidden_act)).map_err(|_| {
                unsupported(format!(
                    "hidden_act \"{hidden_act}\" is not known here; gelu, gelu_new, relu, silu and others of transformers are"
                ))
            })?,
        };
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
        if !(config.layer_norm_eps.is_finite() && config.layer_norm_eps >= 0.0) {
            return Err(invalid(format!(
                "layer_norm_eps is {}",
                config.layer_norm_eps
            )));
        }
        Ok(config)
    }
}

fn unsupported(reason: String) -> Error {
    Error::ModelUnsupported {
        place: PLACE.into(),
        reason,
    }
}

/// Refuses what computes something else than BERT, by the names that its users know it by.
fn check_architecture(fields: &Fields) -> Result<()> {
    let architecture = fields
        .architectures
        .iter()
        .flatten()
        .map(String::as_str)
        .next();
    let family = match (fields.model_type.as_deref(), architecture) {
        (Some(model_type), _) => model_type,
        // BERT's first checkpoints say neither
        (None, None) => "bert",
        (None, Some(class)) if class.starts_with("Bert") => "bert",
        (None, Some(class)) => class,
    };
    let own_code = fields.auto_map.is_some()
        && architecture.is_some_and(|architecture| !architecture.starts_with("Bert"));
    if family != "bert" || own_code {
        return Err(another_family(family, architecture));
    }
    if fields.is_decoder == Some(true) {
        return Err(unsupported(
            "this folder holds a BERT decoder (is_decoder = true), which sees only the words before each word; graftlet reads encoders".into(),
        ));
    }
    if let Some(kind) = fields.position_embedding_type.as_deref()
        && kind != "absolute"
    {
        return Err(unsupported(format!(
            "this folder holds a BERT model with {kind} position embeddings; graftlet reads those with absolute ones"
        )));
    }
    if let Some(quantization) = fields.quantization_config.as_ref().filter(|q| !q.is_null()) {
        let method = quantization["quant_method"]
            .as_str()
            .unwrap_or("unknown method");
        return Err(unsupported(format!(
            "this folder holds weights that were quantised by {method}; convert the original ones, in f32, f16 or bf16"
        )));
    }
    Ok(())
}

/// That a folder holds a model of another family. `family` is its `model_type`, or the name of its encoder in
/// transformers' classes.
pub(super) fn another_family(family: &str, architecture: Option<&str>) -> Error {
    let title = match family {
        "roberta" => "RoBERTa",
        "xlm-roberta" | "xlm_roberta" => "XLM-RoBERTa",
        "camembert" => "CamemBERT",
        "distilbert" => "DistilBERT",
        "mpnet" => "MPNet",
        "modernbert" => "ModernBERT",
        "electra" => "ELECTRA",
        "albert" => "ALBERT",
        "deberta" => "DeBERTa",
        "deberta-v2" => "DeBERTa-v2",
        "mobilebert" => "MobileBERT",
        "nomic_bert" => "Nomic BERT",
        "xlnet" => "XLNet",
        "t5" => "T5",
        "mt5" => "mT5",
        "gpt2" => "GPT-2",
        "llama" => "Llama",
        "mistral" => "Mistral",
        "qwen2" => "Qwen2",
        "qwen3" => "Qwen3",
        other => other,
    };
    let class = architecture
        .filter(|architecture| *architecture != family)
        .map(|architecture| format!(" ({architecture})"))
        .unwrap_or_default();
    let is_spoken_an = title.starts_with(['A', 'E', 'X', 'a', 'e', 'i', 'o', 'x']);
    let article = match title {
        "MPNet" | "mT5" => "an",
        _ if is_spoken_an => "an",
        _ => "a",
    };
    unsupported(format!(
        "this folder holds {article} {title} model{class}; graftlet reads BERT models so far, such as sentence-transformers/all-MiniLM-L6-v2"
    ))
}
