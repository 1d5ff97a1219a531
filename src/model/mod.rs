//! Floor 2: the frozen encoder. A folder for each model family, which describes itself as an [`Anatomy`]; [`Encoder`]
//! computes any of them. [`Backbone`] is all that the floors above know of it, [`Hook`] all that it knows of them.

mod anatomy;
mod arrival;
mod block;
mod checkpoint;
mod convert;
pub mod ctranslate2;
pub mod e5;
mod embedding;
mod encoder;
pub mod family;
mod fields;
pub mod folder;
mod four_bit;
mod frozen;
mod hook;
mod model_name;
mod module_plan;
mod overflow;
mod place;
mod plans;
mod pooler;
mod relative;
pub mod sentence;
mod split;
mod stem;
mod token_pooling;
mod vocabulary;
mod weight_norm;
mod weights;

mod bert;
mod clip;
mod distilbert;
mod dual;
mod electra;
mod modernbert;
mod mpnet;
mod roberta;
mod vit;
mod wav2vec2;
mod whisper;

pub use anatomy::{Anatomy, EncoderPlan, Sizes};
pub use arrival::Arrival;
pub use checkpoint::Checkpoint;
pub use clip::TowerName;
pub use convert::{Dtype, convert, convert_checkpoint};
pub use dual::{DualEncoder, Tower};
pub use encoder::Encoder;
pub use family::Family;
pub use fields::ConfigFields;
pub use frozen::Frozen;
pub use hook::{Attention, Embedder, Hook, Join, NoHook, States};
pub use module_plan::ModulePlan;
pub use place::{
    Affine, Attending, Linear, LinearSite, NormSite, Place, Sublayer, SublayerSite, Table,
};
pub use plans::{
    BlockPlan, ConvolutionNorm, ConvolutionPlan, PictureStemPlan, PoolerPlan, PoolerReads,
    RelativePositions, SoundStemPlan, StemPlan, TextStemPlan,
};
pub use sentence::SentenceEmbedding;
pub use split::{Cuts, Portion, Reads, Split, Waiting, now};
pub use token_pooling::TokenPooling;

use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::input::Batch;
use crate::tensor::Tensor;

/// Every model family there is.
pub static FAMILIES: &[&Family] = &[
    &bert::FAMILY,
    &roberta::FAMILY,
    &roberta::XLM,
    &roberta::CAMEMBERT,
    &distilbert::FAMILY,
    &electra::FAMILY,
    &mpnet::FAMILY,
    &modernbert::FAMILY,
    &whisper::FAMILY,
    &wav2vec2::FAMILY,
    &vit::FAMILY,
    &vit::DEIT,
    &vit::DINOV2,
    &clip::CLIP_TEXT,
    &clip::CLIP_VISION,
    &clip::SIGLIP_TEXT,
    &clip::SIGLIP_VISION,
];

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
    /// The modules themselves, for an adapter that must know a frozen value.
    pub frozen: Frozen,
    /// What it is made of, and what the Python libraries call that.
    pub anatomy: Arc<Anatomy>,
}

impl Shape {
    /// Of a model without weights.
    #[must_use]
    pub fn of(anatomy: Arc<Anatomy>) -> Self {
        Self {
            name: anatomy.name.clone(),
            hidden_size: anatomy.hidden_size,
            layers: anatomy.layers(),
            heads: anatomy.heads,
            intermediate_size: anatomy.intermediate_size,
            max_tokens: anatomy.max_tokens,
            pooler: true,
            parameters: 0,
            fingerprint: String::new(),
            frozen: Frozen::default(),
            anatomy,
        }
    }

    /// Every linear layer, in the order of computation.
    pub fn linear_sites(&self) -> impl Iterator<Item = LinearSite> {
        let sites = self.anatomy.linear_sites();
        sites.filter(|&site| {
            let exists = self.pooler || site != LinearSite::POOLER;
            exists && site.layer.is_none_or(|layer| layer < self.layers)
        })
    }

    /// Width of what the checkpoint's pooler gives.
    #[must_use]
    pub fn pooled_size(&self) -> usize {
        match self.linear_features(LinearSite::POOLER) {
            (_, 0) => self.hidden_size,
            (_, width) => width,
        }
    }

    /// Input and output width of a linear layer; 0 if the model has none.
    #[must_use]
    pub fn linear_features(&self, site: LinearSite) -> (usize, usize) {
        match self
            .anatomy
            .module(Place::Linear(site))
            .map(|module| &module.shape[..])
        {
            Some(&[output, input]) => (input, output),
            _ => (0, 0),
        }
    }
}

/// A frozen encoder: nothing can write to it through this trait.
pub trait Backbone: Send + Sync {
    /// Its sizes and names.
    fn shape(&self) -> &Shape;

    /// The two encoders of a backbone that has two. A pass then takes each sequence through the one that reads its sort.
    fn towers(&self) -> Option<&[Tower; 2]> {
        None
    }

    /// Embeddings of a batch, as they enter layer 0.
    ///
    /// # Errors
    /// Those of [`Embedder::tokens`].
    fn embed(&self, batch: &Batch, hook: &dyn Hook) -> Result<States>;

    /// Runs some of the layers, `0..shape().layers` for all.
    fn run(&self, states: States, layers: Range<usize>, hook: &dyn Hook) -> States {
        now(self.run_portion(states, layers, hook, None))
    }

    /// [`run`](Self::run) of the rows that are computed in this place; `None` if all are. It waits for the keys and
    /// values of the other places.
    fn run_portion<'a>(
        &'a self,
        states: States,
        layers: Range<usize>,
        hook: &'a dyn Hook,
        portion: Option<&'a Portion<'a>>,
    ) -> Waiting<'a, States>;

    /// What the checkpoint's own pooler makes of last hidden states: a vector for each sequence, `[sequences, pooled
    /// size]`. Its linear layer is [`LinearSite::POOLER`] to the hook. Each state is a sequence to a head that labels
    /// tokens.
    ///
    /// # Panics
    /// If the checkpoint has none; [`Shape::pooler`] says so.
    fn pool(&self, states: &States, hook: &dyn Hook) -> Tensor;

    /// A copy of all weights as a safetensors file in f32, as the family's library reads it, each module
    /// of which has gone through `change`.
    ///
    /// # Errors
    /// Those of `change`.
    fn checkpoint(
        &self,
        change: &mut dyn FnMut(Place, &mut Affine) -> Result<()>,
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
