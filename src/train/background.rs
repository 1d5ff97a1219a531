//! Takes of words as they sound where they are listened to: copies of them in recordings of the background.

use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{Row, Settings};
use crate::error::{Error, Result};
use crate::input::Input;
use crate::input::sound::{Background, Sound, WINDOW_SECONDS};

/// Samples of a second of what is made.
const RATE: u32 = 16_000;

/// Samples of a piece of the background, and of a copy at least.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
const WINDOW: usize = (WINDOW_SECONDS * RATE as f64) as usize;

/// Samples from the beginning of one piece of the background to that of the next.
const HOP: usize = WINDOW / 2;

/// Pieces of the background that are held out together, because neighbours have a half in common.
const TOGETHER: usize = 10;

/// How much louder than the background the copies of a take are, in decibels, one after the other.
const LEVELS: [f64; 5] = [10.0, 5.0, 15.0, 0.0, 20.0];

/// Copies of each take if the settings do not say how many.
const COPIES: usize = 8;

/// Most copies of a take.
const MOST_COPIES: usize = 100;

/// Rows to learn from, with copies of them in the background.
#[derive(Clone, Debug, PartialEq)]
pub struct InBackground {
    /// Each row, and its copies behind it. A long recording of the background is cut into pieces.
    pub rows: Vec<Row>,
    /// For each of them the index of the row that it is made of.
    pub origins: Vec<usize>,
    /// For each of them its group: rows of one group should be held out together. See
    /// [`Dataset::grouped`](super::Dataset::grouped).
    pub groups: Vec<u32>,
}

impl InBackground {
    fn push(&mut self, input: Input, of: (usize, &Row), group: u32) {
        let (origin, row) = of;
        self.rows.push(Row {
            input,
            label: row.label.clone(),
        });
        self.origins.push(origin);
        self.groups.push(group);
    }
}

impl Settings {
    /// Rows of recordings with copies in the background, if the settings name the label of the background; else `None`.
    ///
    /// # Errors
    /// [`Error::OptionInvalid`] if no row has that label, if rows are no recordings, or for too many copies; those of
    /// [`Background::around`].
    pub fn in_background(&self, rows: &[Row]) -> Result<Option<InBackground>> {
        let Some(label) = self.background.as_ref() else {
            return Ok(None);
        };
        let refuse = |option, value: String, reason: &str| Error::OptionInvalid {
            option,
            value,
            reason: reason.to_owned(),
        };
        let copies = self.background_copies.unwrap_or(COPIES);
        if copies > MOST_COPIES {
            let reason = format!("it must be from 0 to {MOST_COPIES}");
            return Err(refuse("background_copies", copies.to_string(), &reason));
        }
        let sounds = rows.iter().map(|row| match &row.input {
            Input::Sound(sound) => Ok(sound),
            _ => Err(refuse(
                "background",
                label.clone(),
                "only recordings have a background; leave it out",
            )),
        });
        let sounds: Vec<&Arc<Sound>> = sounds.collect::<Result<_>>()?;
        let is_background = |row: &Row| row.label.as_ref() == Some(label);
        let own = rows
            .iter()
            .zip(&sounds)
            .filter(|(row, _)| is_background(row));
        let own = own.map(|(_, sound)| &***sound);
        if own.clone().next().is_none() {
            let reason = "no row has this label; record what is heard when nobody says a word, and give it this label";
            return Err(refuse("background", label.clone(), reason));
        }
        let background = Background::of(own, RATE)?;
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed().wrapping_add(4));
        let mut made = InBackground {
            rows: Vec::new(),
            origins: Vec::new(),
            groups: Vec::new(),
        };
        let mut group = 0;
        for (of, sound) in rows.iter().enumerate().zip(sounds) {
            if is_background(of.1) {
                for (piece, own) in pieces(sound)?.into_iter().enumerate() {
                    group += u32::from(piece > 0 && piece % TOGETHER == 0);
                    made.push(own, of, group);
                }
            } else {
                made.push(of.1.input.clone(), of, group);
                for decibels in LEVELS.into_iter().cycle().take(copies) {
                    let mixed = background.around(sound, WINDOW, decibels, &mut rng)?;
                    made.push(mixed.into(), of, group);
                }
            }
            group += 1;
        }
        Ok(Some(made))
    }
}

/// A recording of the background in pieces; one that is not longer as it is.
fn pieces(sound: &Arc<Sound>) -> Result<Vec<Input>> {
    let whole = sound.at(RATE)?;
    let count = whole.samples().len();
    if count < WINDOW + HOP {
        return Ok(vec![Input::Sound(Arc::clone(sound))]);
    }
    let starts = (0..=count - WINDOW).step_by(HOP);
    let piece = |start| Ok(whole.part(start..start + WINDOW)?.into());
    starts.map(piece).collect()
}
