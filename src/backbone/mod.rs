//! Floor 2: the frozen encoder. One file per model family; [`Backbone`] is all that the floors
//! above know of it, [`Hook`] all that it knows of them.

mod bert;
mod config;
mod convert;
mod embedding;
pub mod folder;
mod frozen;
mod hook;
mod model_name;
mod overflow;
pub mod sentence;
mod vocabulary;
mod weights;

pub use bert::Bert;
pub use config::BertConfig;
pub use convert::{Dtype, convert, convert_checkpoint};
pub use frozen::Frozen;
pub use hook::{Attention, Embedder, Hook, Linear, LinearSite, NoHook, States};
pub use hook::{Sublayer, SublayerSite};
pub use sentence::SentenceEmbedding;
pub use weights::Checkpoint;

use crate::error::Result;
use crate::tensor::Tensor;
use crate::text::Batch;

/// What an adapter must know of the backbone it is made for.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The model's name on its hub, for people and for the configuration files of the Python libraries; empty
    /// where it is not known.
    pub name: String,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Number of transformer blocks.
    pub layers: usize,
    /// Attention heads of a block.
    pub heads: usize,
    /// Width inside the feed-forward network.
    pub intermediate_size: usize,
    /// Longest sequence in tokens.
    pub max_tokens: usize,
    /// Whether the checkpoint has a pooler of its own.
    pub pooler: bool,
    /// Number of parameters.
    pub parameters: usize,
    /// SHA-256 of the checkpoint that the weights came from, in hexadecimal; the same for all
    /// conversions of one checkpoint.
    pub fingerprint: String,
    /// The layers themselves, for an adapter that must know a frozen value.
    pub frozen: Frozen,
    /// What the Python libraries call this model's modules.
    pub modules: &'static dyn Modules,
}

impl Shape {
    /// Every linear layer, in the order of computation.
    pub fn linear_sites(&self) -> impl Iterator<Item = LinearSite> + use<> {
        let blocks = (0..self.layers)
            .flat_map(|layer| Linear::BLOCK.map(|linear| LinearSite::new(layer, linear)));
        blocks.chain(self.pooler.then_some(LinearSite::POOLER))
    }

    /// Input and output width of a linear layer.
    #[must_use]
    pub fn linear_features(&self, linear: Linear) -> (usize, usize) {
        match linear {
            Linear::FfnUp => (self.hidden_size, self.intermediate_size),
            Linear::FfnDown => (self.intermediate_size, self.hidden_size),
            _ => (self.hidden_size, self.hidden_size),
        }
    }
}

/// A module of the encoder whose weights an adapter may change in a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Module {
    /// A linear layer.
    Linear(LinearSite),
    /// The layer norm at the end of a half block.
    Norm(SublayerSite),
    /// The embeddings' layer norm.
    EmbeddingNorm,
}

/// A copy of a module's weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// `[out, in]` of a linear layer, γ: `[hidden size]` of a layer norm.
    pub weight: Vec<f32>,
    /// `[out]`, or β: `[hidden size]`.
    pub bias: Vec<f32>,
}

/// The names of a model family's modules in the Python libraries, from which the keys of adapter
/// files are made.
pub trait Modules: std::fmt::Debug + Sync {
    /// `model_type` in transformers' `config.json`.
    fn model_type(&self) -> &'static str;
    /// The model with AdapterHub's flexible heads.
    fn adapter_model_class(&self) -> &'static str;
    /// The attribute that holds the encoder inside a model with a head.
    fn base(&self) -> &'static str;
    /// Path of a linear layer below [`base`](Self::base).
    fn linear(&self, site: LinearSite) -> String;
    /// Path below [`base`](Self::base) of the module that joins a half block with its residual.
    fn sublayer(&self, site: SublayerSite) -> String;
    /// Path below [`base`](Self::base) of the embeddings' layer norm.
    fn embedding_norm(&self) -> &'static str;
    /// Path below [`base`](Self::base) of a half block's layer norm.
    fn norm(&self, site: SublayerSite) -> String {
        format!("{}.LayerNorm", self.sublayer(site))
    }
}

/// Every model family there is, as the Python libraries name it.
pub static FAMILIES: &[&dyn Modules] = &[&bert::MODULES];

/// A frozen encoder: nothing can write to it through this trait.
pub trait Backbone: Send + Sync {
    /// Its sizes and names.
    fn shape(&self) -> &Shape;

    /// Embeddings of a batch, as they enter layer 0.
    ///
    /// # Errors
    /// Those of [`Embedder::tokens`].
    fn embed(&self, batch: &Batch, hook: &dyn Hook) -> Result<States>;

    /// Runs some of the layers, `0..shape().layers` for all.
    fn run(&self, states: States, layers: std::ops::Range<usize>, hook: &dyn Hook) -> States;

    /// The checkpoint's own pooling of first tokens: `[sequences, hidden size]` to the same shape. Its
    /// linear layer is [`LinearSite::POOLER`] to the hook.
    ///
    /// # Panics
    /// If the checkpoint has none; [`Shape::pooler`] says so.
    fn pool(&self, first_tokens: &Tensor, hook: &dyn Hook) -> Tensor;

    /// A copy of all weights as a safetensors file in f32, as the family's library reads it, each module
    /// of which has gone through `change`.
    ///
    /// # Errors
    /// Those of `change`.
    fn checkpoint(
        &self,
        change: &mut dyn FnMut(Module, &mut Affine) -> Result<()>,
    ) -> Result<Vec<u8>>;

    /// SHA-256 over every weight in memory, in hexadecimal: shows that nothing changed it.
    fn hash(&self) -> String;

    /// Last hidden states of a batch.
    ///
    /// # Errors
    /// Those of [`embed`](Self::embed).
    fn forward(&self, batch: &Batch, hook: &dyn Hook) -> Result<States> {
        Ok(self.run(self.embed(batch, hook)?, 0..self.shape().layers, hook))
    }
}
