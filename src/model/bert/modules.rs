//! What the modules of BERT are called, and how large they are.

use crate::model::{BertConfig, Linear, LinearSite, Modules, Sublayer, SublayerSite};

pub(super) const WORDS: &str = "embeddings.word_embeddings";
pub(super) const POSITIONS: &str = "embeddings.position_embeddings";
pub(super) const TYPES: &str = "embeddings.token_type_embeddings";
pub(super) const EMBEDDING_NORM: &str = "embeddings.LayerNorm";
pub(super) const POOLER: &str = "pooler.dense";

/// A tensor of the checkpoint.
pub(in crate::model) struct TensorShape {
    pub(in crate::model) name: String,
    pub(in crate::model) shape: Vec<usize>,
    /// Whether an int8 backbone stores it in 8 bits.
    pub(in crate::model) quantized: bool,
}

/// Every tensor of the encoder, in the order of computation. One after the other: a damaged
/// configuration may ask for any number of layers.
pub(in crate::model) fn tensor_shapes(
    config: &BertConfig,
    pooler: bool,
) -> impl Iterator<Item = TensorShape> + use<> {
    let (hidden, ffn) = (config.hidden_size, config.intermediate_size);
    let one = |name: String, shape: &[usize], quantized| TensorShape {
        name,
        shape: shape.to_vec(),
        quantized,
    };
    let pair = move |path: &str, weight: &[usize], quantized| {
        [
            one(format!("{path}.weight"), weight, quantized),
            one(format!("{path}.bias"), &weight[..1], false),
        ]
    };
    let tables = [
        (WORDS, config.vocab_size, true),
        (POSITIONS, config.max_position_embeddings, false),
        (TYPES, config.type_vocab_size, false),
    ]
    .map(|(path, rows, quantized)| one(format!("{path}.weight"), &[rows, hidden], quantized));
    let layers = (0..config.num_hidden_layers).flat_map(move |layer| {
        let linears = Linear::BLOCK.into_iter().flat_map(move |linear| {
            let (input, output) = match linear {
                Linear::FfnUp => (hidden, ffn),
                Linear::FfnDown => (ffn, hidden),
                _ => (hidden, hidden),
            };
            let path = MODULES.linear(LinearSite::new(layer, linear));
            pair(&path, &[output, input], true)
        });
        let norms = Sublayer::ALL.into_iter().flat_map(move |sublayer| {
            let path = MODULES.norm(SublayerSite { layer, sublayer });
            pair(&path, &[hidden], false)
        });
        linears.chain(norms)
    });
    let pooler = pooler.then(|| pair(POOLER, &[hidden, hidden], true));
    tables
        .into_iter()
        .chain(pair(EMBEDDING_NORM, &[hidden], false))
        .chain(layers)
        .chain(pooler.into_iter().flatten())
}

/// transformers' names for the modules of `BertModel`.
#[derive(Debug)]
pub(in crate::model) struct BertModules;

pub(in crate::model) static MODULES: BertModules = BertModules;

impl Modules for BertModules {
    fn model_type(&self) -> &'static str {
        "bert"
    }

    fn adapter_model_class(&self) -> &'static str {
        "BertAdapterModel"
    }

    fn base(&self) -> &'static str {
        "bert"
    }

    fn linear(&self, LinearSite { layer, linear }: LinearSite) -> String {
        let name = match linear {
            Linear::Query => "attention.self.query",
            Linear::Key => "attention.self.key",
            Linear::Value => "attention.self.value",
            Linear::AttentionOutput => "attention.output.dense",
            Linear::FfnUp => "intermediate.dense",
            Linear::FfnDown => "output.dense",
            Linear::Pooler => POOLER,
        };
        match layer {
            Some(layer) => format!("encoder.layer.{layer}.{name}"),
            None => name.to_owned(),
        }
    }

    fn sublayer(&self, SublayerSite { layer, sublayer }: SublayerSite) -> String {
        let name = match sublayer {
            Sublayer::Attention => "attention.output",
            Sublayer::Ffn => "output",
        };
        format!("encoder.layer.{layer}.{name}")
    }

    fn embedding_norm(&self) -> &'static str {
        EMBEDDING_NORM
    }
}
