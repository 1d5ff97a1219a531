use std::sync::Arc;

use super::{CHANNELS, Picture, PictureReader};
use crate::error::Result;
use crate::input::reader::of_another_model;
use crate::input::{Input, PictureSequence, ReadInput, Sequence, Sort};

/// Turns pictures into the patches that one model reads.
pub struct PatchReader {
    reader: PictureReader,
    numbers: Arc<[[f32; 256]; CHANNELS]>,
    /// Pixels along a side of a patch.
    patch: usize,
    leading: usize,
}

/// Most steps of a picture: those of the largest that a reader makes, in patches of 14 pixels.
const MOST_STEPS: usize = (super::LONGEST_RESULT / 14) * (super::LONGEST_RESULT / 14);

impl PatchReader {
    /// Of a `preprocessor_config.json`, for a model that has patches of `patch` pixels a side and puts `leading` steps
    /// before them.
    ///
    /// # Errors
    /// Those of [`PictureReader::from_json`].
    pub fn from_json(json: &[u8], patch: usize, leading: usize) -> Result<Self> {
        let reader = PictureReader::from_json(json)?;
        Ok(Self {
            numbers: Arc::new(reader.values()),
            reader,
            patch,
            leading,
        })
    }

    /// The same reader for pictures of `side` by `side` pixels.
    ///
    /// # Errors
    /// Those of [`PictureReader::with_side`].
    pub fn with_side(self, side: usize) -> Result<Self> {
        Ok(Self {
            reader: self.reader.with_side(side)?,
            ..self
        })
    }

    /// The patches of a picture, which is resized and never cut.
    ///
    /// # Errors
    /// Those of [`PictureReader::patches`].
    pub fn sequence(&self, picture: &Picture) -> Result<PictureSequence> {
        Ok(PictureSequence {
            patches: Arc::new(self.reader.patches(picture, self.patch)?),
            numbers: Arc::clone(&self.numbers),
            leading: self.leading,
        })
    }
}

impl PatchReader {
    /// What a reader like this one read, with the numbers of this one.
    fn taken(&self, read: &PictureSequence) -> Result<PictureSequence> {
        let (patch, leading) = (read.patches.side(), read.leading);
        if (patch, leading) != (self.patch, self.leading) || read.steps() > MOST_STEPS {
            return Err(of_another_model("picture"));
        }
        Ok(PictureSequence {
            patches: Arc::clone(&read.patches),
            numbers: Arc::clone(&self.numbers),
            leading,
        })
    }
}

impl ReadInput for PatchReader {
    fn sort(&self) -> Sort {
        Sort::Picture
    }

    fn max_steps(&self) -> usize {
        MOST_STEPS
    }

    fn read(&self, input: &Input, _limit: usize) -> Option<Result<Sequence>> {
        match input {
            Input::Picture(picture) => Some(self.sequence(picture).map(Into::into)),
            Input::Read(read) => match &**read {
                Sequence::Picture(read) => Some(self.taken(read).map(Into::into)),
                _ => None,
            },
            _ => None,
        }
    }
}
