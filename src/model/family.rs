//! What a model family says of itself, and what families have in common.

mod head;

use std::fmt;

pub use head::{HeadLayout, HeadReads};

use super::anatomy::{Anatomy, Sizes};
use super::fields::{ConfigFields, unsupported};
use super::place::{Linear, LinearSite, NormSite, Place, Sublayer, SublayerSite, Table};
use super::plans::BlockPlan;
use crate::error::{Error, Result};
use crate::kernels::Reach;

/// A model family, as data: how its `config.json` becomes an [`Anatomy`], and what the Python libraries call it.
/// A family is a folder of `src/model/` and an entry of [`FAMILIES`](super::FAMILIES).
pub struct Family {
    /// `model_type` in transformers' `config.json`.
    pub model_type: &'static str,
    /// Its proper name.
    pub title: &'static str,
    /// What the names of transformers' classes begin with (`Bert` of `BertForSequenceClassification`).
    pub class: &'static str,
    /// The model with AdapterHub's flexible heads; empty if AdapterHub has none.
    pub adapter_model_class: &'static str,
    /// What AdapterHub calls the prefixes of the attention.
    pub adapter_prefix: &'static str,
    /// The attribute that holds the encoder inside a model with a head.
    pub base: &'static str,
    /// The attributes of modules that stand beside the encoder in a model with a head, such as a pooler's.
    pub beside: &'static [&'static str],
    /// The attributes of the other encoder in a model that has two, and of what stands beside that.
    pub sibling: &'static [&'static str],
    /// What shares its memory with the word embeddings in a model that predicts words; a file may have either.
    pub tied: &'static [&'static str],
    /// transformers' `attribute_map`: the usual name of a field, and this family's.
    pub attribute_map: &'static [(&'static str, &'static str)],
    /// Fields that transformers knows under this family's name alone: the usual name, and this family's.
    pub own_fields: &'static [(&'static str, &'static str)],
    /// Makes the anatomy. The fields have their usual names.
    pub anatomy: fn(&'static Family, &ConfigFields) -> Result<Anatomy>,
    /// Paths below the encoder of the modules that AdapterHub puts the bottlenecks of a half block in, `{}` standing
    /// for the layer: behind the attention, behind the feed-forward network.
    pub bottlenecks: [&'static str; 2],
    /// What PEFT acts on where a configuration names no module.
    pub targets: Targets,
    /// How the libraries' models put a head on it.
    pub head: HeadLayout,
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Family({})", self.model_type)
    }
}

/// The layers that PEFT's methods act on in a family if nothing is said, from its
/// `TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING` and IA3's twins. Where PEFT has no default, these are the same
/// layers under the family's names.
#[derive(Clone, Copy, Debug)]
pub struct Targets {
    /// LoRA.
    pub lora: &'static [Linear],
    /// IA3.
    pub ia3: &'static [Linear],
    /// Those of IA3's whose input is scaled.
    pub ia3_feedforward: &'static [Linear],
}

impl Targets {
    /// Of a family with six linear layers in a block. PEFT's "output.dense" is also how the attention's output layer ends.
    pub const SIX: Self = Self {
        lora: &[Linear::Query, Linear::Value],
        ia3: &[
            Linear::Key,
            Linear::Value,
            Linear::AttentionOutput,
            Linear::FfnDown,
        ],
        ia3_feedforward: &[Linear::AttentionOutput, Linear::FfnDown],
    };
}

/// Paths of the modules of an encoder whose blocks have six linear layers and a norm behind or before each half.
#[derive(Clone, Copy, Debug)]
pub struct BlockPaths {
    /// What stands before each path of a block, `{}` standing for the layer.
    pub block: &'static str,
    /// Linear layers of a block.
    pub linears: [(Linear, &'static str); 6],
    /// Those of them without a bias.
    pub unbiased: &'static [Linear],
    /// Norms of a block.
    pub norms: [&'static str; 2],
    /// What the outputs of the half blocks are multiplied with, if they are.
    pub scales: Option<[&'static str; 2]>,
}

/// The paths of BERT, and of the families that took its code.
pub const BERT_PATHS: BlockPaths = BlockPaths {
    block: "encoder.layer.{}.",
    linears: [
        (Linear::Query, "attention.self.query"),
        (Linear::Key, "attention.self.key"),
        (Linear::Value, "attention.self.value"),
        (Linear::AttentionOutput, "attention.output.dense"),
        (Linear::FfnUp, "intermediate.dense"),
        (Linear::FfnDown, "output.dense"),
    ],
    unbiased: &[],
    norms: ["attention.output.LayerNorm", "output.LayerNorm"],
    scales: None,
};

/// Where BERT has its bottlenecks in AdapterHub.
pub const BERT_BOTTLENECKS: [&str; 2] = [
    "encoder.layer.{}.attention.output",
    "encoder.layer.{}.output",
];

/// What is before the blocks in the families that took BERT's code.
#[derive(Clone, Copy, Debug)]
pub struct Embeddings {
    /// Rows of the table of positions.
    pub positions: usize,
    /// Rows of the table of token types; 0 for a family without.
    pub token_types: usize,
    /// Width of the embeddings.
    pub width: usize,
}

impl Anatomy {
    /// Adds tables and norm of embeddings under BERT's names, and the layer behind them where the widths differ.
    pub fn push_embeddings(&mut self, embeddings: Embeddings) {
        let Embeddings {
            positions,
            token_types,
            width,
        } = embeddings;
        self.embedding_size = width;
        let tables = [
            (Table::Words, "word", self.vocab_size),
            (Table::Positions, "position", positions),
            (Table::TokenTypes, "token_type", token_types),
        ];
        for (table, name, rows) in tables {
            if rows > 0 {
                self.table(table, &format!("embeddings.{name}_embeddings"), rows, width);
            }
        }
        self.norm(NormSite::Embedding, "embeddings.LayerNorm", width, true);
        if width != self.hidden_size {
            let site = LinearSite::EMBEDDING_PROJECTION;
            self.linear_layer(site, "embeddings_project", [self.hidden_size, width], true);
        }
    }

    /// Adds blocks of six linear layers and a norm behind each half (Vaswani et al. 2017, Devlin et al. 2019).
    pub fn push_post_norm_blocks(&mut self, layers: usize, plan: BlockPlan, paths: &BlockPaths) {
        for layer in 0..layers {
            self.push_linears(layer, paths);
            self.push_norms(layer, paths);
            self.blocks.push(plan);
        }
    }

    /// Adds blocks of six linear layers and a norm before each half (Xiong et al. 2020).
    pub fn push_pre_norm_blocks(&mut self, layers: usize, plan: BlockPlan, paths: &BlockPaths) {
        for layer in 0..layers {
            self.push_norms(layer, paths);
            self.push_linears(layer, paths);
            for (sublayer, path) in Sublayer::ALL
                .into_iter()
                .zip(paths.scales.into_iter().flatten())
            {
                let place = Place::Scale(SublayerSite { layer, sublayer });
                self.parameter(place, &paths.of(layer, path), &[self.hidden_size]);
            }
            self.blocks.push(plan);
        }
    }

    fn push_linears(&mut self, layer: usize, paths: &BlockPaths) {
        let (hidden, ffn) = (self.hidden_size, self.intermediate_size);
        for (linear, path) in paths.linears {
            let shape = match linear {
                Linear::FfnUp => [ffn, hidden],
                Linear::FfnDown => [hidden, ffn],
                _ => [hidden, hidden],
            };
            let bias = !paths.unbiased.contains(&linear);
            let site = LinearSite::new(layer, linear);
            self.linear_layer(site, &paths.of(layer, path), shape, bias);
        }
    }

    fn push_norms(&mut self, layer: usize, paths: &BlockPaths) {
        for (sublayer, path) in Sublayer::ALL.into_iter().zip(paths.norms) {
            let site = NormSite::Block(SublayerSite { layer, sublayer });
            self.norm(site, &paths.of(layer, path), self.hidden_size, true);
        }
    }

    /// Adds the pooler of BERT, which a checkpoint may lack.
    pub fn push_pooler(&mut self) {
        let shape = [self.hidden_size, self.hidden_size];
        self.linear_layer(LinearSite::POOLER, "pooler.dense", shape, true);
    }
}

impl BlockPaths {
    /// The path of a module of a block.
    fn of(&self, layer: usize, path: &str) -> String {
        format!("{}{path}", self.block.replace("{}", &layer.to_string()))
    }
}

impl BlockPlan {
    /// A norm before each half, and the activation that the configuration names.
    ///
    /// # Errors
    /// Those of [`ConfigFields::activation`].
    pub fn pre_norm(fields: &ConfigFields) -> Result<Self> {
        Ok(Self {
            norm_first: true,
            ..Self::post_norm(fields)?
        })
    }

    /// A norm behind each half, and the activation that the configuration names.
    ///
    /// # Errors
    /// Those of [`ConfigFields::activation`].
    pub fn post_norm(fields: &ConfigFields) -> Result<Self> {
        Ok(Self {
            norm_first: false,
            activation: fields.activation("hidden_act")?,
            gated: false,
            rotary: None,
            reach: Reach::ALL,
        })
    }
}

/// Sizes that most families have by default.
pub(super) const BASE: Sizes = Sizes {
    hidden_size: 768,
    layers: 12,
    heads: 12,
    intermediate_size: 3072,
    vocab_size: 30522,
    max_tokens: 512,
    norm_eps: 1e-12,
};

impl Family {
    /// Refuses what computes something else than the family's encoders, whatever the family.
    pub(super) fn check(&self, fields: &ConfigFields) -> Result<()> {
        let Self { title, class, .. } = self;
        let architecture = fields.architecture();
        let own_code = fields.get("auto_map").is_some()
            && architecture.is_some_and(|architecture| !architecture.starts_with(class));
        if own_code {
            return Err(another_family(
                super::FAMILIES,
                self.model_type,
                architecture,
            ));
        }
        if fields
            .get("is_decoder")
            .and_then(serde_json::Value::as_bool)
            == Some(true)
        {
            return Err(unsupported(format!(
                "this folder holds a {title} decoder (is_decoder = true), which sees only the words before each word; graftlet reads encoders"
            )));
        }
        if let Some(kind) = fields.text("position_embedding_type")
            && kind != "absolute"
        {
            return Err(unsupported(format!(
                "this folder holds a {title} model with {kind} position embeddings; graftlet reads those with absolute ones"
            )));
        }
        if let Some(quantization) = fields.get("quantization_config") {
            let method = quantization["quant_method"]
                .as_str()
                .unwrap_or("unknown method");
            return Err(unsupported(format!(
                "this folder holds weights that were quantised by {method}; convert the original ones, in f32, f16 or bf16"
            )));
        }
        Ok(())
    }
}

impl Family {
    /// A model of these sizes without weights, to look at an adapter's files with.
    ///
    /// # Errors
    /// [`Error::ConfigInvalid`] for sizes that no model of the family has.
    pub fn sketch(
        &'static self,
        hidden_size: usize,
        layers: usize,
        intermediate_size: usize,
    ) -> Result<Anatomy> {
        let sizes = [
            ("hidden_size", hidden_size),
            ("embedding_size", hidden_size),
            ("num_hidden_layers", layers.max(1)),
            ("num_attention_heads", 1),
            ("intermediate_size", intermediate_size),
        ];
        let fields = sizes.map(|(name, size)| (name.to_owned(), size.into()));
        (self.anatomy)(self, &ConfigFields::of(fields.into_iter().collect()))
    }
}

impl ConfigFields {
    /// The first of the classes that the checkpoint was saved from.
    pub(super) fn architecture(&self) -> Option<&str> {
        self.get("architectures")?.as_array()?.first()?.as_str()
    }
}

/// The `model_type` of a configuration, and its class. Old checkpoints say the class only, and BERT's first ones
/// neither.
pub(super) fn family_of(
    families: &[&'static Family],
    fields: &ConfigFields,
) -> Result<(String, Option<String>)> {
    let architecture = fields.architecture().map(str::to_owned);
    let model_type = match (fields.get("model_type"), architecture.as_deref()) {
        (Some(model_type), _) => model_type
            .as_str()
            .ok_or_else(|| super::fields::invalid(format!("model_type is {model_type}")))?,
        (None, None) => "bert",
        (None, Some(class)) => {
            let longest = families
                .iter()
                .filter(|family| class.starts_with(family.class))
                .max_by_key(|family| family.class.len());
            longest.map_or(class, |family| family.model_type)
        }
    };
    Ok((model_type.to_owned(), architecture))
}

/// That a folder holds a model of another family. `name` is its `model_type`, or the name of its encoder in
/// transformers' classes.
pub(super) fn another_family(
    families: &[&'static Family],
    name: &str,
    architecture: Option<&str>,
) -> Error {
    let known = families
        .iter()
        .find(|family| family.model_type == name.replace('_', "-"));
    let title = match name {
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
        other => known.map_or(other, |family| family.title),
    };
    let class = architecture
        .filter(|architecture| *architecture != name)
        .map(|architecture| format!(" ({architecture})"))
        .unwrap_or_default();
    let is_spoken_an = title.starts_with(['A', 'E', 'X', 'a', 'e', 'i', 'o', 'x']);
    let article = match title {
        "MPNet" | "mT5" => "an",
        _ if is_spoken_an => "an",
        _ => "a",
    };
    let titles: Vec<&str> = families.iter().map(|family| family.title).collect();
    unsupported(format!(
        "this folder holds {article} {title} model{class}; graftlet reads models of {}",
        titles.join(", ")
    ))
}
