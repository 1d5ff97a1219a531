use std::ops::Range;
use std::sync::Arc;

use super::Sort;
use super::picture::{CHANNELS, Patches};
use super::text::Encoded;

/// What a backbone reads of one input. Its steps are what the hidden states are of: tokens of a text, moments of a sound,
/// patches of a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Sequence {
    /// A text.
    Tokens(Encoded),
    /// A sound.
    Frames(Frames),
    /// A picture.
    Picture(PictureSequence),
}

/// The frames of a sound, in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Frames {
    /// `[frames, width]`: what the model's first layer reads.
    pub values: Arc<[f32]>,
    /// Numbers of a frame.
    pub width: usize,
    /// Hidden states that the stem makes of the frames.
    pub steps: usize,
    /// The steps that hold something. Only those are pooled; the others are silence around it.
    pub heard: Range<usize>,
    /// Whether the sound was longer than the model reads and was cut.
    pub truncated: bool,
}

/// The patches of a picture, behind what the model puts before them.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureSequence {
    /// A byte for each channel of each pixel.
    pub patches: Arc<Patches>,
    /// The number that the model reads for each byte of a channel.
    pub numbers: Arc<[[f32; 256]; CHANNELS]>,
    /// Steps that the model puts before the patches.
    pub leading: usize,
}

/// A sequence that is borrowed.
#[derive(Clone, Copy, Debug)]
pub enum SequenceRef<'a> {
    /// See [`Sequence::Tokens`].
    Tokens(&'a Encoded),
    /// See [`Sequence::Frames`].
    Frames(&'a Frames),
    /// See [`Sequence::Picture`].
    Picture(&'a PictureSequence),
}

impl Sequence {
    /// What it was read of.
    #[must_use]
    pub fn sort(&self) -> Sort {
        match self {
            Self::Tokens(_) => Sort::Text,
            Self::Frames(_) => Sort::Sound,
            Self::Picture(_) => Sort::Picture,
        }
    }

    /// How many steps it has.
    #[must_use]
    pub fn len(&self) -> usize {
        SequenceRef::from(self).len()
    }

    /// Whether it has no steps.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The steps that are pooled; all of a text's.
    #[must_use]
    pub fn read(&self) -> Range<usize> {
        match self {
            Self::Tokens(tokens) => 0..tokens.ids.len(),
            Self::Frames(frames) => frames.heard.clone(),
            Self::Picture(picture) => 0..picture.steps(),
        }
    }

    /// Whether there was more than the model reads.
    #[must_use]
    pub fn truncated(&self) -> bool {
        match self {
            Self::Tokens(tokens) => tokens.truncated,
            Self::Frames(frames) => frames.truncated,
            Self::Picture(_) => false,
        }
    }

    /// The tokens of a text; `None` of anything else.
    #[must_use]
    pub fn into_tokens(self) -> Option<Encoded> {
        match self {
            Self::Tokens(tokens) => Some(tokens),
            Self::Frames(_) | Self::Picture(_) => None,
        }
    }

    /// Visits what tells it from other sequences, as bytes.
    pub fn visit_bytes(&self, visit: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Tokens(tokens) => {
                visit(&tokens.ids.len().to_le_bytes());
                for id in tokens.ids.iter().chain(&tokens.type_ids) {
                    visit(&id.to_le_bytes());
                }
            }
            Self::Frames(frames) => {
                for size in [
                    frames.width,
                    frames.steps,
                    frames.heard.start,
                    frames.heard.end,
                ] {
                    visit(&size.to_le_bytes());
                }
                frames.values.iter().for_each(|x| visit(&x.to_le_bytes()));
            }
            Self::Picture(picture) => {
                let [rows, columns] = picture.grid();
                for size in [rows, columns, picture.leading] {
                    visit(&size.to_le_bytes());
                }
                visit(picture.patches.bytes());
                let numbers = picture.numbers.as_flattened().iter();
                numbers.for_each(|x| visit(&x.to_le_bytes()));
            }
        }
    }
}

impl Frames {
    /// Number of frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    /// The beginning of it: so many frames, of which the stem makes `steps`.
    ///
    /// # Panics
    /// If it has fewer frames.
    #[must_use]
    pub(super) fn beginning(&self, frames: usize, steps: usize) -> Self {
        let end = self.heard.end.min(steps);
        Self {
            values: self.values[..frames * self.width].into(),
            width: self.width,
            steps,
            heard: self.heard.start.min(end.saturating_sub(1))..end,
            truncated: true,
        }
    }
}

impl PictureSequence {
    /// Rows and columns of patches.
    #[must_use]
    pub fn grid(&self) -> [usize; 2] {
        [self.patches.rows(), self.patches.columns()]
    }

    /// Number of steps.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.leading + self.patches.count()
    }

    /// What the model's first layer reads: the numbers of each patch, channel by channel.
    pub fn values(&self) -> impl Iterator<Item = f32> {
        let area = self.patches.side() * self.patches.side();
        let channels = self.patches.bytes().chunks_exact(area.max(1)).enumerate();
        channels.flat_map(move |(index, bytes)| {
            let numbers = &self.numbers[index % CHANNELS];
            bytes.iter().map(|&byte| numbers[usize::from(byte)])
        })
    }
}

impl SequenceRef<'_> {
    /// How many steps it has.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::Tokens(tokens) => tokens.ids.len(),
            Self::Frames(frames) => frames.steps,
            Self::Picture(picture) => picture.steps(),
        }
    }

    /// Whether it has no steps.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl From<Encoded> for Sequence {
    fn from(tokens: Encoded) -> Self {
        Self::Tokens(tokens)
    }
}

impl From<Frames> for Sequence {
    fn from(frames: Frames) -> Self {
        Self::Frames(frames)
    }
}

impl From<PictureSequence> for Sequence {
    fn from(picture: PictureSequence) -> Self {
        Self::Picture(picture)
    }
}

impl<'a> From<&'a Encoded> for SequenceRef<'a> {
    fn from(tokens: &'a Encoded) -> Self {
        Self::Tokens(tokens)
    }
}

impl<'a> From<&'a Sequence> for SequenceRef<'a> {
    fn from(sequence: &'a Sequence) -> Self {
        match sequence {
            Sequence::Tokens(tokens) => Self::Tokens(tokens),
            Sequence::Frames(frames) => Self::Frames(frames),
            Sequence::Picture(picture) => Self::Picture(picture),
        }
    }
}
