//! Floor 1: what the user gives, turned into what a model reads.

mod batch;
mod dual;
mod packed;
pub mod picture;
mod reader;
mod sequence;
pub mod sound;
pub mod text;

pub use batch::{Batch, Steps, Tokens, runs};
pub use dual::DualReader;
pub use reader::{ReadInput, Reader};
pub use sequence::{Frames, PictureSequence, Sequence, SequenceRef};

use std::sync::Arc;

use picture::Picture;
use serde::{Deserialize, Serialize};
use sound::Sound;
use text::Text;

/// The sorts of input that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Texts, and pairs of texts.
    Text,
    /// Recordings.
    Sound,
    /// Pictures.
    Picture,
    /// Pairs of two of these.
    Pair,
}

impl Sort {
    /// Several of them, for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Text => "texts",
            Self::Sound => "sounds",
            Self::Picture => "pictures",
            Self::Pair => "pairs",
        }
    }
}

/// One thing to be answered, as the user has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Input {
    /// A text, or a pair of texts.
    Text(Text),
    /// A recording.
    #[serde(skip)]
    Sound(Arc<Sound>),
    /// A picture.
    #[serde(skip)]
    Picture(Arc<Picture>),
    /// What the model's [`Reader`] read of a recording or a picture before, so that this itself need not be kept.
    #[serde(skip)]
    Read(Arc<Sequence>),
    /// A pair of inputs of two sorts, such as a picture and a text, for a [`DualReader`].
    #[serde(skip)]
    Pair(Arc<[Input; 2]>),
}

impl From<Picture> for Input {
    fn from(picture: Picture) -> Self {
        Self::Picture(Arc::new(picture))
    }
}

impl From<Sound> for Input {
    fn from(sound: Sound) -> Self {
        Self::Sound(Arc::new(sound))
    }
}

impl From<Sequence> for Input {
    fn from(read: Sequence) -> Self {
        Self::Read(Arc::new(read))
    }
}

impl From<Text> for Input {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Input {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl Input {
    /// Two inputs as a pair.
    #[must_use]
    pub fn pair(first: Self, second: Self) -> Self {
        Self::Pair(Arc::new([first, second]))
    }

    /// What it is.
    #[must_use]
    pub fn sort(&self) -> Sort {
        match self {
            Self::Text(_) => Sort::Text,
            Self::Sound(_) => Sort::Sound,
            Self::Picture(_) => Sort::Picture,
            Self::Read(sequence) => sequence.sort(),
            Self::Pair(_) => Sort::Pair,
        }
    }

    /// The text; `None` of anything else.
    #[must_use]
    pub fn text(&self) -> Option<&Text> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is a pair.
    #[must_use]
    pub fn is_pair(&self) -> bool {
        match self {
            Self::Pair(_) => true,
            input => input.text().is_some_and(|text| text.second.is_some()),
        }
    }

    /// Each half of a pair alone; of anything else itself.
    #[must_use]
    pub fn apart(&self) -> Vec<Self> {
        match self {
            Self::Text(text) => text.apart().map(Self::Text).collect(),
            Self::Pair(halves) => halves.to_vec(),
            _ => vec![self.clone()],
        }
    }
}
