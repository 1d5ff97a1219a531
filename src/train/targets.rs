use super::Row;
use super::scheme::{Scheme, labels_of, parts};
use crate::error::{Error, Result};
use crate::head::{ProblemName, Target};
use crate::input::text::{Tokenizer, Word};

/// The word of a labelled sentence that a token is the first of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tagged {
    /// Index of the token, special tokens counted.
    pub token: u32,
    /// Index of its label.
    pub label: u32,
    /// Whether a word of the rows begins here, not only one of the tokenizer's: such labels are scored.
    pub begins: bool,
}

/// What the rows of a data set should be answered with, without an allocation a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// One label each; `None` for a text outside all labels.
    Labels(Vec<Option<u32>>),
    /// `[rows, labels]`: whether a row has a label.
    Sets(Vec<bool>),
    /// One number each.
    Numbers(Vec<f32>),
    /// The tagged tokens of all rows, and where each row's end.
    Tags {
        /// End to end.
        tagged: Vec<Tagged>,
        /// One a row.
        ends: Vec<usize>,
    },
}

impl Targets {
    /// Of no rows.
    #[must_use]
    pub fn empty(problem: ProblemName) -> Self {
        match problem {
            ProblemName::SingleLabel => Self::Labels(Vec::new()),
            ProblemName::MultiLabel => Self::Sets(Vec::new()),
            ProblemName::Regression => Self::Numbers(Vec::new()),
            ProblemName::TokenClassification => Self::Tags {
                tagged: Vec::new(),
                ends: Vec::new(),
            },
        }
    }

    /// Reads the labels of rows.
    ///
    /// # Errors
    /// [`Error::RowsEmpty`], [`Error::RowsUnlabelled`], [`Error::LabelUnknown`];
    /// [`Error::OptionInvalid`] for a label that is none of the problem's.
    pub fn read(place: &str, rows: &[Row], scheme: &Scheme, tokenizer: &Tokenizer) -> Result<Self> {
        Self::within(place, rows, scheme, tokenizer, tokenizer.max_tokens())
    }

    /// [`read`](Self::read) for texts of which at most `limit` tokens are read.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn within(
        place: &str,
        rows: &[Row],
        scheme: &Scheme,
        tokenizer: &Tokenizer,
        limit: usize,
    ) -> Result<Self> {
        let found = labels_of(place, rows, scheme.problem)?;
        let index = scheme.index();
        let known = |row: usize, label: &str| {
            index
                .get(label)
                .copied()
                .ok_or_else(|| Error::LabelUnknown {
                    place: place.to_owned(),
                    row: row + 1,
                    label: label.to_owned(),
                    known: scheme.labels.join(", "),
                })
        };
        let unlike = |row: usize, reason: String| Error::OptionInvalid {
            option: "problem",
            value: scheme.problem.name().to_owned(),
            reason: format!("row {} of {place} {reason}", row + 1),
        };
        let mut targets = Self::empty(scheme.problem);
        for (row, label) in found.into_iter().enumerate() {
            match &mut targets {
                Self::Labels(labels) => labels.push(if scheme.reject.as_deref() == Some(label) {
                    None
                } else {
                    Some(narrow(known(row, label)?))
                }),
                Self::Sets(sets) => {
                    let start = sets.len();
                    sets.resize(start + scheme.labels.len(), false);
                    for part in parts(label) {
                        sets[start + known(row, part)?] = true;
                    }
                }
                Self::Numbers(numbers) => {
                    let number = label.parse().ok().filter(|number: &f32| number.is_finite());
                    let reason = || format!("is labelled \"{label}\", which is no number");
                    numbers.push(number.ok_or_else(|| unlike(row, reason()))?);
                }
                Self::Tags { tagged, ends } => {
                    let words: Vec<(usize, usize)> = words_of(&rows[row].text.first);
                    let tags: Vec<&str> = label.split_whitespace().collect();
                    if words.len() != tags.len() || rows[row].text.second.is_some() {
                        let (words, tags) = (words.len(), tags.len());
                        let reason = format!(
                            "has {words} words and {tags} tags; there must be one a word, separated by spaces, and no second text"
                        );
                        return Err(unlike(row, reason));
                    }
                    let labels = tags.iter().map(|tag| known(row, tag));
                    let labels = labels.collect::<Result<Vec<usize>>>()?;
                    let pieces = tokenizer.words_within(&rows[row].text, limit)?;
                    tagged.extend(tag(pieces, &words, &labels, scheme));
                    ends.push(tagged.len());
                }
            }
        }
        Ok(targets)
    }

    /// The target of a row with that many tokens, `labels` being the number of labels.
    ///
    /// # Panics
    /// If there is no such row, as with [`tagged`](Self::tagged).
    #[must_use]
    pub fn get(&self, row: usize, labels: usize, tokens: usize) -> Target {
        match self {
            Self::Labels(all) => {
                all[row].map_or(Target::Outside, |label| Target::Label(label as usize))
            }
            Self::Sets(all) => Target::Labels(all[row * labels..(row + 1) * labels].to_vec()),
            Self::Numbers(all) => Target::Number(all[row]),
            Self::Tags { .. } => {
                let mut targets = vec![None; tokens];
                for tagged in self.tagged(row) {
                    targets[tagged.token as usize] = Some(tagged.label as usize);
                }
                Target::Tokens(targets)
            }
        }
    }

    /// The tagged tokens of a row; none where rows have labels of texts.
    #[must_use]
    pub fn tagged(&self, row: usize) -> &[Tagged] {
        let Self::Tags { tagged, ends } = self else {
            return &[];
        };
        let start = row.checked_sub(1).map_or(0, |before| ends[before]);
        &tagged[start..ends[row]]
    }

    /// Those of some of the rows.
    #[must_use]
    pub fn select(&self, rows: &[usize], labels: usize) -> Self {
        match self {
            Self::Labels(all) => Self::Labels(rows.iter().map(|&row| all[row]).collect()),
            Self::Numbers(all) => Self::Numbers(rows.iter().map(|&row| all[row]).collect()),
            Self::Sets(all) => {
                let set = |&row: &usize| &all[row * labels..(row + 1) * labels];
                Self::Sets(rows.iter().flat_map(set).copied().collect())
            }
            Self::Tags { .. } => {
                let mut tagged = Vec::new();
                let mut ends = Vec::with_capacity(rows.len());
                for &row in rows {
                    tagged.extend_from_slice(self.tagged(row));
                    ends.push(tagged.len());
                }
                Self::Tags { tagged, ends }
            }
        }
    }
}

fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Where the words of a sentence start and end, in characters: they stand between spaces, tabs and line breaks.
fn words_of(sentence: &str) -> Vec<(usize, usize)> {
    let mut at = 0;
    let mut words = Vec::new();
    for word in sentence.split([' ', '\t', '\n', '\r']) {
        let length = word.chars().count();
        if length > 0 {
            words.push((at, at + length));
        }
        at += length + 1;
    }
    words
}

/// Tags of the first tokens of words. A tokenizer may see several words in one of the rows': the first
/// has its label, the others continue what it begins. A word that has no tokens, or was cut off, has no
/// tag. `pieces` are the tokenizer's words, `words` the rows'.
fn tag(
    pieces: Vec<Word>,
    words: &[(usize, usize)],
    labels: &[usize],
    scheme: &Scheme,
) -> Vec<Tagged> {
    let mut tagged = Vec::with_capacity(words.len());
    let mut next = 0;
    for Word { token, start, .. } in pieces {
        while next < words.len() && words[next].1 <= start {
            next += 1;
        }
        let Some(&(word_start, word_end)) = words.get(next) else {
            break;
        };
        if start < word_start {
            continue;
        }
        let begins = tagged.last().is_none_or(|&(_, word)| word != next);
        debug_assert!(start < word_end);
        let label = if begins {
            Some(labels[next])
        } else {
            continuation(&scheme.labels, labels[next])
        };
        if let Some(label) = label {
            let tag = Tagged {
                token: narrow(token),
                label: narrow(label),
                begins,
            };
            tagged.push((tag, next));
        }
    }
    tagged.into_iter().map(|(tag, _)| tag).collect()
}

/// The label of what continues a word with this label: "I-x" for "B-x", if there is such a label.
fn continuation(labels: &[String], label: usize) -> Option<usize> {
    match labels[label].strip_prefix("B-") {
        Some(kind) => labels
            .iter()
            .position(|label| label.strip_prefix("I-") == Some(kind)),
        None => Some(label),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_between_spaces() {
        assert_eq!(words_of("é a  bc "), [(0, 1), (2, 3), (5, 7)]);
        assert_eq!(words_of("a\r\nbc\td"), [(0, 1), (3, 5), (6, 7)]);
        assert!(words_of("").is_empty());
    }

    #[test]
    fn a_beginning_is_continued_inside() {
        let labels = ["B-x", "B-y", "I-x", "O"].map(str::to_owned);
        let continued: Vec<_> = (0..4).map(|label| continuation(&labels, label)).collect();
        assert_eq!(continued, [Some(2), None, Some(2), Some(3)]);
    }
}
