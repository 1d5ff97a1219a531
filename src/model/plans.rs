//! What the parts of an encoder compute: its stem, its blocks and its pooler.

use super::Table;
use super::folder::{PREPROCESSOR, TOKENIZER};
use crate::input::Sort;
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
}

/// How the frames of a sound become vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundStemPlan {
    /// One after the other.
    pub convolutions: Vec<ConvolutionPlan>,
}

impl SoundStemPlan {
    /// Frames of a step.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.convolutions.iter().map(|own| own.stride).product()
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
    /// Behind it.
    pub activation: Activation,
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

/// What the checkpoint's own pooler does with a text's vector, behind its linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolerPlan {
    /// Behind the linear layer, and before a norm if there is one.
    pub activation: Activation,
    /// Whether it reads the mean over the tokens, not the first token.
    pub mean: bool,
    /// Whether a head that labels tokens reads what it makes of each token's state.
    pub of_tokens: bool,
}
