//! What comes before the blocks: one stem for each sort of input.

mod picture;
mod sound;
mod text;

use std::sync::Arc;

use super::{Anatomy, Embedder, Frozen, Hook, Place, States, StemPlan};
use crate::error::{Error, Result};
use crate::input::{Batch, Sort, Steps};
use crate::tensor::Tensor;

use picture::PictureStem;
use sound::SoundStem;
use text::TextStem;

/// What comes before the blocks of an encoder.
pub(super) enum Stem {
    Text(TextStem),
    Sound(SoundStem),
    Picture(PictureStem),
}

/// A stem as one hook sees it.
struct Embedding<'a> {
    stem: &'a Stem,
    hook: &'a dyn Hook,
}

impl Stem {
    /// # Errors
    /// The place of a module that is not there.
    pub(super) fn build(anatomy: &Anatomy, frozen: &Frozen) -> std::result::Result<Self, Place> {
        Ok(match &anatomy.stem {
            StemPlan::Text(plan) => Self::Text(TextStem::build(anatomy, plan, frozen)?),
            StemPlan::Sound(plan) => Self::Sound(SoundStem::build(anatomy, plan, frozen)?),
            StemPlan::Picture(plan) => Self::Picture(PictureStem::build(anatomy, plan, frozen)?),
        })
    }

    /// What it reads.
    fn sort(&self) -> Sort {
        match self {
            Self::Text(_) => Sort::Text,
            Self::Sound(_) => Sort::Sound,
            Self::Picture(_) => Sort::Picture,
        }
    }

    /// Numbers of a state.
    fn width(&self) -> usize {
        match self {
            Self::Text(stem) => stem.width(),
            Self::Sound(stem) => stem.width(),
            Self::Picture(stem) => stem.width(),
        }
    }

    /// What enters the first block.
    pub(super) fn embed(&self, batch: &Batch, hook: &dyn Hook) -> Result<States> {
        let states = hook.embeddings(batch, &Embedding { stem: self, hook })?;
        Ok(match self {
            Self::Text(stem) => stem.project(states, hook),
            Self::Sound(stem) => stem.project(states, hook),
            Self::Picture(_) => states,
        })
    }
}

impl Embedder for Embedding<'_> {
    fn tokens(&self, batch: &Batch, first_position: usize) -> Result<States> {
        match (self.stem, &batch.steps) {
            // of no sequences nobody can tell the sort
            _ if batch.is_empty() => Ok(States {
                x: Tensor::new(Vec::new(), &[0, self.stem.width()]),
                starts: Arc::clone(&batch.starts),
            }),
            (Stem::Text(stem), Steps::Tokens(tokens)) => {
                stem.tokens(tokens, &batch.starts, first_position, self.hook)
            }
            (Stem::Sound(stem), Steps::Frames(frames)) => {
                stem.frames(frames, &batch.starts, first_position, self.hook)
            }
            (Stem::Picture(stem), Steps::Pictures(pictures)) => {
                Ok(stem.pictures(pictures, &batch.starts, self.hook))
            }
            (stem, _) => Err(Error::InputUnsupported {
                reads: stem.sort().title(),
            }),
        }
    }

    fn vectors(&self, x: &Tensor) -> Tensor {
        match self.stem {
            Stem::Text(stem) => stem.vectors(x, self.hook),
            Stem::Sound(stem) => stem.vectors(x),
            Stem::Picture(stem) => stem.vectors(x.clone(), self.hook),
        }
    }
}

/// Refuses sequences that are longer than the model reads.
fn check_length(starts: &[usize], first_position: usize, limit: usize) -> Result<()> {
    let longest = starts.windows(2).map(|b| b[1] - b[0]).max();
    let tokens = longest.unwrap_or_default();
    match first_position.saturating_add(tokens) > limit {
        true => Err(Error::TextTooLong {
            tokens,
            virtual_tokens: first_position,
            limit,
        }),
        false => Ok(()),
    }
}
