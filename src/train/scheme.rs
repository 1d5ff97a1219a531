use std::collections::{BTreeMap, BTreeSet};

use super::Row;
use crate::error::{Error, Result};
use crate::head::{Head, ProblemName};

/// Between the labels of a text that has several.
pub const LABEL_SEPARATOR: char = '|';

/// Name of the number that a regression answers.
const NUMBER: &str = "score";

/// Most labels that can be learned; the largest data sets of texts have a few thousand.
const MOST_LABELS: usize = 10_000;

/// How the labels of rows are to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What they say.
    pub problem: ProblemName,
    /// The label of texts that have none of the others, if there is one.
    pub reject: Option<String>,
}

/// What the labels of rows can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// What they say.
    pub problem: ProblemName,
    /// The labels; of a regression the number's name.
    pub labels: Vec<String>,
    /// The label of texts that have none of them.
    pub reject: Option<String>,
}

impl Scheme {
    /// What a head answers.
    #[must_use]
    pub fn of(head: &Head) -> Self {
        let config = head.config();
        let reject = head
            .calibration()
            .and_then(|calibration| calibration.reject.as_ref());
        Self {
            problem: (&config.problem).into(),
            labels: config.labels.clone(),
            reject: reject.map(|reject| reject.label.clone()),
        }
    }

    /// The labels that occur in rows, in alphabetical order. `place` names the rows in errors.
    ///
    /// # Errors
    /// [`Error::RowsEmpty`], [`Error::RowsUnlabelled`], [`Error::ClassesTooFew`],
    /// [`Error::ClassesTooMany`], [`Error::ClassTooSmall`]; [`Error::OptionInvalid`] if the labels are of another problem.
    pub fn found_in(place: &str, rows: &[Row], reading: &Reading) -> Result<Self> {
        let found = labels_of(place, rows, reading.problem)?;
        if reading.reject.is_some() && reading.problem != ProblemName::SingleLabel {
            return Err(Error::OptionInvalid {
                option: "reject",
                value: reading.problem.name().to_owned(),
                reason: "only a text with one label can have none of them".into(),
            });
        }
        let labels = match reading.problem {
            ProblemName::SingleLabel => {
                let is_label = |label: &&str| Some(*label) != reading.reject.as_deref();
                classes(place, found.into_iter().filter(is_label))?
            }
            ProblemName::MultiLabel => {
                let labels = found.into_iter().flat_map(parts);
                labels
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .map(str::to_owned)
                    .collect()
            }
            ProblemName::Regression => vec![NUMBER.to_owned()],
            ProblemName::TokenClassification => {
                let tags = found.into_iter().flat_map(str::split_whitespace);
                both_prefixes(&tags.collect())
            }
        };
        if labels.is_empty() {
            return Err(Error::RowsUnlabelled {
                place: place.to_owned(),
                count: rows.len(),
                row: 1,
            });
        }
        // a tag is learned once for its beginning and once for its inside
        let most = match reading.problem {
            ProblemName::TokenClassification => 2 * MOST_LABELS + 1,
            _ => MOST_LABELS,
        };
        if labels.len() > most {
            return Err(Error::ClassesTooMany {
                place: place.to_owned(),
                count: labels.len(),
                most,
            });
        }
        Ok(Self {
            problem: reading.problem,
            labels,
            reject: reading.reject.clone(),
        })
    }

    /// The first part of a row's label that is none of the labels.
    #[must_use]
    pub fn unknown<'a>(&self, label: &'a str) -> Option<&'a str> {
        let is_unknown = |part: &&str| {
            !self.labels.iter().any(|label| label == part) && self.reject.as_deref() != Some(part)
        };
        match self.problem {
            ProblemName::SingleLabel => Some(label.trim()).filter(is_unknown),
            ProblemName::MultiLabel => parts(label).find(is_unknown),
            ProblemName::Regression => None,
            ProblemName::TokenClassification => label.split_whitespace().find(is_unknown),
        }
    }

    /// The labels with their places.
    pub(super) fn index(&self) -> BTreeMap<&str, usize> {
        let labels = self.labels.iter().enumerate();
        labels
            .map(|(index, label)| (label.as_str(), index))
            .collect()
    }
}

/// The labels of a text that may have several; none of an empty one.
pub(super) fn parts(label: &str) -> impl Iterator<Item = &str> {
    let parts = label.split(LABEL_SEPARATOR).map(str::trim);
    parts.filter(|part| !part.is_empty())
}

/// The label of every row.
pub(super) fn labels_of<'a>(
    place: &str,
    rows: &'a [Row],
    problem: ProblemName,
) -> Result<Vec<&'a str>> {
    let place = || place.to_owned();
    if rows.is_empty() {
        return Err(Error::RowsEmpty { place: place() });
    }
    // a text with any number of labels may have none
    let may_be_empty = problem == ProblemName::MultiLabel;
    let label = |row: &'a Row| {
        let label = row.label.as_deref().map(str::trim);
        label.filter(|label| may_be_empty || !label.is_empty())
    };
    let mut unlabelled = (0..rows.len()).filter(|&row| label(&rows[row]).is_none());
    if let Some(first) = unlabelled.next() {
        return Err(Error::RowsUnlabelled {
            place: place(),
            count: 1 + unlabelled.count(),
            row: first + 1,
        });
    }
    Ok(rows.iter().filter_map(label).collect())
}

/// The tags, and of those of a kind also the one for its beginning or its inside that does not occur: rows
/// to be judged on may have it.
fn both_prefixes(tags: &BTreeSet<&str>) -> Vec<String> {
    let mut all: BTreeSet<String> = tags.iter().map(|&tag| tag.to_owned()).collect();
    for tag in tags {
        if let Some((_, kind)) = tag
            .split_once('-')
            .filter(|(prefix, _)| ["B", "I"].contains(prefix))
        {
            all.extend([format!("B-{kind}"), format!("I-{kind}")]);
        }
    }
    all.into_iter().collect()
}

/// Labels of which a text has one: at least two, each of at least two rows.
fn classes<'a>(place: &str, labels: impl Iterator<Item = &'a str>) -> Result<Vec<String>> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    labels.for_each(|label| *counts.entry(label).or_default() += 1);
    if counts.len() < 2 {
        return Err(Error::ClassesTooFew {
            place: place.to_owned(),
            label: counts.into_keys().next().unwrap_or_default().to_owned(),
        });
    }
    if let Some((&label, &count)) = counts.iter().find(|(_, count)| **count < 2) {
        return Err(looks_like(&counts).map_or_else(
            || Error::ClassTooSmall {
                place: place.to_owned(),
                label: label.to_owned(),
                count,
            },
            |problem| Error::OptionInvalid {
                option: "problem",
                value: ProblemName::SingleLabel.name().to_owned(),
                reason: format!(
                    "the labels in {place}, {label:?} for one, look like those of the problem {}",
                    problem.name()
                ),
            },
        ));
    }
    Ok(counts.into_keys().map(str::to_owned).collect())
}

/// The problem that labels look like, if not that of one label a text.
fn looks_like(counts: &BTreeMap<&str, usize>) -> Option<ProblemName> {
    let mut labels = counts.keys();
    let is_tag = |tag: &str| tag == "O" || tag.starts_with("B-") || tag.starts_with("I-");
    if counts.keys().all(|label| label.parse::<f32>().is_ok()) {
        Some(ProblemName::Regression)
    } else if counts
        .keys()
        .all(|label| label.split_whitespace().all(is_tag))
    {
        Some(ProblemName::TokenClassification)
    } else if labels.any(|label| label.contains(LABEL_SEPARATOR)) {
        Some(ProblemName::MultiLabel)
    } else {
        None
    }
}
