use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::text::{Encoded, Text, Tokenizer};

/// A text or pair with its label, as the user has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// What is read.
    #[serde(flatten)]
    pub text: Text,
    /// What it should be answered with.
    #[serde(default)]
    pub label: Option<String>,
}

/// A row that is ready for the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its tokens.
    pub tokens: Encoded,
    /// Index into [`Dataset::labels`].
    pub label: usize,
}

/// Checked rows.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The rows, in their order.
    pub examples: Vec<Example>,
    /// The classes.
    pub labels: Vec<String>,
}

impl Dataset {
    /// Rows to learn from. The labels are those that occur, in alphabetical order.
    ///
    /// `place` names the rows in errors.
    ///
    /// # Errors
    /// [`Error::RowsEmpty`], [`Error::RowsUnlabelled`], [`Error::ClassesTooFew`],
    /// [`Error::ClassTooSmall`], [`Error::TextEmpty`].
    pub fn for_training(place: &str, rows: &[Row], tokenizer: &Tokenizer) -> Result<Self> {
        let found = labels_of(place, rows)?;
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        found
            .iter()
            .for_each(|label| *counts.entry(label).or_default() += 1);
        if counts.len() < 2 {
            let label = found[0].to_owned();
            return Err(Error::ClassesTooFew {
                place: place.to_owned(),
                label,
            });
        }
        if let Some((label, &count)) = counts.iter().find(|(_, count)| **count < 2) {
            let (place, label) = (place.to_owned(), (*label).to_owned());
            return Err(Error::ClassTooSmall {
                place,
                label,
                count,
            });
        }
        let labels: Vec<String> = counts.into_keys().map(str::to_owned).collect();
        Self::with_labels(place, rows, tokenizer, &labels)
    }

    /// Rows to be judged on, by an adapter that knows these labels.
    ///
    /// # Errors
    /// [`Error::RowsEmpty`], [`Error::RowsUnlabelled`], [`Error::LabelUnknown`],
    /// [`Error::TextEmpty`].
    pub fn with_labels(
        place: &str,
        rows: &[Row],
        tokenizer: &Tokenizer,
        labels: &[String],
    ) -> Result<Self> {
        let index: BTreeMap<&str, usize> = labels
            .iter()
            .enumerate()
            .map(|(index, label)| (label.as_str(), index))
            .collect();
        let found = labels_of(place, rows)?;
        let texts: Vec<Text> = rows.iter().map(|row| row.text.clone()).collect();
        let tokens = tokenizer.encode_all(&texts)?;
        let examples = tokens
            .into_iter()
            .zip(found)
            .enumerate()
            .map(|(row, (tokens, label))| match index.get(label) {
                Some(&label) => Ok(Example { tokens, label }),
                None => Err(Error::LabelUnknown {
                    place: place.to_owned(),
                    row: row + 1,
                    label: label.to_owned(),
                    known: labels.join(", "),
                }),
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            examples,
            labels: labels.to_vec(),
        })
    }

    /// Holds out `share` of each class, at least one row and not all of them. The same seed gives
    /// the same split. Returns what is left to learn from, and what was held out.
    #[must_use]
    pub fn split(self, share: f64, seed: u64) -> (Self, Self) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut by_class = vec![Vec::new(); self.labels.len()];
        for (index, example) in self.examples.iter().enumerate() {
            by_class[example.label].push(index);
        }
        let mut held = vec![false; self.examples.len()];
        for rows in &mut by_class {
            rows.shuffle(&mut rng);
            #[allow(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss
            )]
            let count = (rows.len() as f64 * share).round() as usize;
            let count = count.clamp(1, (rows.len().max(2)) - 1).min(rows.len());
            rows[..count].iter().for_each(|&row| held[row] = true);
        }
        let (mut kept, mut out) = (Vec::new(), Vec::new());
        for (example, held) in self.examples.into_iter().zip(held) {
            if held {
                out.push(example)
            } else {
                kept.push(example)
            }
        }
        let labels = self.labels;
        (
            Self {
                examples: kept,
                labels: labels.clone(),
            },
            Self {
                examples: out,
                labels,
            },
        )
    }
}

/// The label of every row.
fn labels_of<'a>(place: &str, rows: &'a [Row]) -> Result<Vec<&'a str>> {
    if rows.is_empty() {
        return Err(Error::RowsEmpty {
            place: place.to_owned(),
        });
    }
    let label = |row: &'a Row| {
        row.label
            .as_deref()
            .map(str::trim)
            .filter(|l| !l.is_empty())
    };
    let unlabelled: Vec<usize> = (0..rows.len())
        .filter(|&r| label(&rows[r]).is_none())
        .collect();
    if let Some(&first) = unlabelled.first() {
        let count = unlabelled.len();
        return Err(Error::RowsUnlabelled {
            place: place.to_owned(),
            count,
            row: first + 1,
        });
    }
    Ok(rows.iter().filter_map(label).collect())
}
