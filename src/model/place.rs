use serde::{Deserialize, Serialize};

/// What a linear layer of a model does. A family has some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Linear {
    /// From the width of the embeddings to the hidden size, where they differ. There is one before the blocks.
    EmbeddingProjection,
    /// Queries of the self-attention.
    Query,
    /// Keys of the self-attention.
    Key,
    /// Values of the self-attention.
    Value,
    /// Queries, keys and values of the self-attention in one layer, side by side.
    QueryKeyValue,
    /// Output projection of the self-attention.
    AttentionOutput,
    /// First, widening layer of the feed-forward network; of a gated one the layer that gives both halves.
    FfnUp,
    /// Second, narrowing layer of the feed-forward network.
    FfnDown,
    /// The pooler's layer, which reads a text's vector. There is one behind the blocks.
    Pooler,
}

impl Linear {
    /// All of them, in the order of computation.
    pub const ALL: [Self; 9] = [
        Self::EmbeddingProjection,
        Self::Query,
        Self::Key,
        Self::Value,
        Self::QueryKeyValue,
        Self::AttentionOutput,
        Self::FfnUp,
        Self::FfnDown,
        Self::Pooler,
    ];

    /// Whether every transformer block has one; else there is one for the whole encoder.
    #[must_use]
    pub fn is_in_block(self) -> bool {
        !matches!(self, Self::EmbeddingProjection | Self::Pooler)
    }

    /// The name used in configurations and listings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EmbeddingProjection => "embedding_projection",
            Self::Query => "query",
            Self::Key => "key",
            Self::Value => "value",
            Self::QueryKeyValue => "query_key_value",
            Self::AttentionOutput => "attention_output",
            Self::FfnUp => "ffn_up",
            Self::FfnDown => "ffn_down",
            Self::Pooler => "pooler",
        }
    }
}

/// One linear layer of the backbone: what it does, and in which block. Sites are ordered as they are
/// computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinearSite {
    /// Zero-based layer; `None` for a linear layer outside of the blocks.
    pub layer: Option<usize>,
    /// Which linear.
    pub linear: Linear,
}

impl LinearSite {
    /// The layer between embeddings of another width and the first block.
    pub const EMBEDDING_PROJECTION: Self = Self {
        layer: None,
        linear: Linear::EmbeddingProjection,
    };

    /// The pooler's linear layer.
    pub const POOLER: Self = Self {
        layer: None,
        linear: Linear::Pooler,
    };

    /// A linear layer of a block, or the encoder's only one of that name, whatever the block.
    #[must_use]
    pub fn new(layer: usize, linear: Linear) -> Self {
        Self {
            layer: linear.is_in_block().then_some(layer),
            linear,
        }
    }

    /// The name for listings and errors: "query of layer 3", "pooler".
    #[must_use]
    pub fn title(self) -> String {
        match self.layer {
            Some(layer) => format!("{} of layer {layer}", self.linear.name()),
            None => self.linear.name().to_owned(),
        }
    }

    /// The lowest layer whose result depends on this one: 0 before the blocks, `None` behind them.
    #[must_use]
    pub fn lowest_layer(self) -> Option<usize> {
        match self.linear {
            Linear::EmbeddingProjection => Some(0),
            _ => self.layer,
        }
    }
}

impl Ord for LinearSite {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let place = |site: &Self| {
            let outside = (
                site.layer.is_none(),
                site.linear != Linear::EmbeddingProjection,
            );
            let stage = match outside {
                (true, false) => 0,
                (false, _) => 1,
                (true, true) => 2,
            };
            (stage, site.layer, site.linear)
        };
        place(self).cmp(&place(other))
    }
}

impl PartialOrd for LinearSite {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The two halves of a transformer block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sublayer {
    /// The self-attention.
    Attention,
    /// The feed-forward network.
    Ffn,
}

impl Sublayer {
    /// Both, in the order of computation.
    pub const ALL: [Self; 2] = [Self::Attention, Self::Ffn];

    /// The name used in configurations and listings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Attention => "attention",
            Self::Ffn => "ffn",
        }
    }
}

/// One half of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SublayerSite {
    /// Zero-based layer.
    pub layer: usize,
    /// Which half.
    pub sublayer: Sublayer,
}

/// One layer norm of the backbone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NormSite {
    /// The embeddings', before their projection if they have one.
    Embedding,
    /// The one of what enters the first block, where it stands behind positions that are computed of the states.
    Entry,
    /// That of a half block: behind it or before it, as the family has it.
    Block(SublayerSite),
    /// The one behind the last block.
    Final,
    /// The pooler's.
    Pooler,
}

/// A table of vectors, one row for each of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Embeddings of the tokens.
    Words,
    /// Embeddings of the positions.
    Positions,
    /// Embeddings of the token types.
    TokenTypes,
    /// One number for each head, by the distance between two tokens.
    RelativePositions,
    /// The state that stands before a picture's patches.
    Class,
    /// A second one, which a model that was distilled has.
    Distillation,
    /// What a pooler that attends to all states asks them with.
    Probe,
}

/// A module of the encoder that has weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A table.
    Table(Table),
    /// A linear layer.
    Linear(LinearSite),
    /// A convolution of the stem, by its number.
    Convolution(usize),
    /// The norm behind a convolution of the stem, by its number.
    ConvolutionNorm(usize),
    /// A linear layer of a pooler that attends to all states. Adapters do not reach it.
    Attending(Attending),
    /// What the output of a half block is multiplied with, column by column.
    Scale(SublayerSite),
    /// A layer norm.
    Norm(NormSite),
}

/// The linear layers of a pooler that attends to all states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attending {
    /// Queries, keys and values, one below the other.
    Projections,
    /// Output of the attention.
    Output,
    /// First, widening layer behind it.
    Up,
    /// Second, narrowing layer.
    Down,
}

/// A copy of a module's weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Affine {
    /// `[out, in]` of a linear layer, γ: `[hidden size]` of a layer norm.
    pub weight: Vec<f32>,
    /// `[out]`, or β: `[hidden size]`; empty where the module has none.
    pub bias: Vec<f32>,
}
