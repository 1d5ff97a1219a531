//! What the parts of an encoder compute: its stem, its blocks and its pooler.

use super::Table;
use super::folder::{PREPROCESSOR, TOKENIZER};
use crate::input::Sort;
use crate::input::text::Ending;
use crate::kernels::Reach;
use crate::ops::Activation;

/// What stands before the blocks, by the sort of input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StemPlan {
    /// Of texts.
    Text(TextStemPlan),
    /// Of sounds.
    Sound(SoundStemPlan),
    /// Of pictures.
    Picture(PictureStemPlan),
}

impl StemPlan {
    /// What it reads.
    #[must_use]
    pub fn sort(&self) -> Sort {
        match self {
            Self::Text(_) => Sort::Text,
            Self::Sound(_) => Sort::Sound,
            Self::Picture(_) => Sort::Picture,
        }
    }

    /// The file of a model's folder that says how its inputs are read.
    #[must_use]
    pub fn reader_file(&self) -> &'static str {
        match self {
            Self::Text(_) => TOKENIZER,
            Self::Sound(_) | Self::Picture(_) => PREPROCESSOR,
        }
    }
}

/// How token ids become vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextStemPlan {
    /// The padding token, in a family that counts positions from behind its number and does not count the token
    /// itself.
    pub padding: Option<u32>,
    /// Where a sequence ends.
    pub ending: Ending,
}

/// How the frames of a sound become vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundStemPlan {
    /// One after the other.
    pub convolutions: Vec<ConvolutionPlan>,
    /// Whether the first one reads samples, not the bands of a spectrogram.
    pub samples: bool,
    /// A convolution over the states that enter the blocks, whose output is added to them: what tells positions apart.
    /// `None` for a table of sines and cosines.
    pub positions: Option<ConvolutionPlan>,
}

impl SoundStemPlan {
    /// Frames of a step.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.convolutions.iter().map(|own| own.stride).product()
    }

    /// Frames that a step is made of, without padding.
    #[must_use]
    pub fn field(&self) -> usize {
        let layers = self.convolutions.iter().rev();
        layers.fold(1, |field, own| (field - 1) * own.stride + own.kernel)
    }
}

/// How the patches of a picture become vectors: a product with a weight, behind states that stand before them, and learnt
/// positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureStemPlan {
    /// Pixels along a side of a patch.
    pub patch: usize,
    /// Patches along a side of the pictures that the positions were learnt with.
    pub grid: usize,
    /// The tables, of one row each, of what stands before the patches.
    pub leading: Vec<Table>,
}

/// A convolution over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionPlan {
    /// How many frames an output sees.
    pub kernel: usize,
    /// How many frames lie between two outputs.
    pub stride: usize,
    /// Frames of zeros before and behind a sequence.
    pub padding: usize,
    /// Before the activation.
    pub norm: ConvolutionNorm,
    /// Behind it.
    pub activation: Activation,
}

/// What normalises the outputs of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvolutionNorm {
    /// Nothing.
    None,
    /// A layer norm of the channels of each frame.
    Channels,
    /// A norm of each channel over the frames of its sequence.
    Time,
}

impl ConvolutionPlan {
    /// Number of outputs for that many frames.
    #[must_use]
    pub fn output(self, frames: usize) -> usize {
        let padded = frames + 2 * self.padding;
        padded
            .checked_sub(self.kernel)
            .map_or(0, |rest| rest / self.stride + 1)
    }
}

/// What a block computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlockPlan {
    /// Whether a half block's norm comes before it, rather than behind the sum with its input.
    pub norm_first: bool,
    /// Nonlinearity of the feed-forward network.
    pub activation: Activation,
    /// Whether the widening layer gives two halves, of which the second is multiplied with the nonlinearity of the
    /// first.
    pub gated: bool,
    /// θ of rotary position embeddings.
    pub rotary: Option<f64>,
    /// Which tokens of its sequence a token sees.
    pub reach: Reach,
}

/// Buckets of distances, as in T5: half of them for each direction. Half of those hold exactly one distance each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelativePositions {
    /// Their number.
    pub buckets: usize,
    /// Where the last one begins.
    pub max_distance: usize,
}

/// What a pooler makes one vector of a sequence's states with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolerReads {
    /// The first state.
    First,
    /// The mean.
    Mean,
    /// The last state.
    Last,
    /// Attention with one learnt query, and a feed-forward network of this activation added to its output (Lee et al. 2019).
    Attention(Activation),
}

/// What the checkpoint's own pooler does with a text's vector, behind its linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolerPlan {
    /// What it makes one vector of the states with.
    pub reads: PoolerReads,
    /// Behind the linear layer.
    pub activation: Activation,
    /// Whether a norm stands before the linear layer, not behind the activation.
    pub norm_first: bool,
    /// Whether what it gives is the vector that the model was trained to give of an input.
    pub embeds: bool,
    /// Whether a head that labels tokens reads what it makes of each token's state.
    pub of_tokens: bool,
}
