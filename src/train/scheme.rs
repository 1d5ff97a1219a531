use super::Row;
use crate::error::{Error, Result};
use crate::head::{Head, Pairs, ProblemName, Reads};
use crate::input::{Input, Sort};

/// Most labels that can be learned; the largest data sets of texts have a few thousand.
const MOST_LABELS: usize = 10_000;

/// How the labels of rows are to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What they say.
    pub problem: ProblemName,
    /// The label of texts that have none of the others, if there is one.
    pub reject: Option<String>,
    /// How the two texts of a pair are to be read; where nothing is said, as suits the problem and the rows.
    pub pairs: Option<Pairs>,
}

/// What the labels of rows can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// What they say.
    pub problem: ProblemName,
    /// The labels of the head; of a number its name.
    pub labels: Vec<String>,
    /// The label of texts that have none of them.
    pub reject: Option<String>,
    /// How the two texts of a pair are read.
    pub pairs: Pairs,
}

impl Scheme {
    /// Whether a head makes its logits of both vectors of a pair.
    #[must_use]
    pub fn compares(&self) -> bool {
        self.problem.compares(self.pairs)
    }

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
            pairs: config.pairs,
        }
    }

    /// The labels that occur in rows, in alphabetical order. `place` names the rows in errors.
    ///
    /// # Errors
    /// [`Error::RowsEmpty`], [`Error::RowsUnlabelled`], [`Error::ClassesTooMany`], those of
    /// [`ProblemKind::find`](crate::head::ProblemKind::find).
    pub fn found_in(place: &str, rows: &[Row], reading: &Reading) -> Result<Self> {
        let Reading {
            problem,
            reject,
            pairs,
        } = reading;
        let found = labelled(place, rows, *problem)?;
        if let Some(pairs) = pairs {
            problem.check_pairs(*pairs)?;
        }
        if reject.is_some() && !problem.about().rejects {
            return Err(Error::OptionInvalid {
                option: "reject",
                value: problem.name().to_owned(),
                reason: "only a text with one label can have none of them".into(),
            });
        }
        let pairs = match rows.iter().any(|row| row.input.sort() == Sort::Pair) {
            true => of_two_encoders(*problem, *pairs)?,
            false => pairs.unwrap_or_else(|| default_pairs(*problem, rows)),
        };
        let found: Vec<&str> = found.into_iter().map(|(_, label)| label).collect();
        let labels = problem.find(place, &found, reject.as_deref())?;
        if labels.is_empty() {
            return Err(Error::RowsUnlabelled {
                place: place.to_owned(),
                count: rows.len(),
                row: 1,
            });
        }
        // a tag is learned once for its beginning and once for its inside
        let most = match problem.about().reads {
            Reads::Tokens => 2 * MOST_LABELS + 1,
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
            problem: *problem,
            labels,
            reject: reject.clone(),
            pairs,
        })
    }

    /// The first part of a row's label that is none of the labels.
    #[must_use]
    pub fn unknown<'a>(&self, label: &'a str) -> Option<&'a str> {
        let is_unknown = |part: &str| {
            !self.labels.iter().any(|label| label == part) && self.reject.as_deref() != Some(part)
        };
        let mut unknown = None;
        self.problem.parts(label, &mut |part| {
            if unknown.is_none() && is_unknown(part) {
                unknown = Some(part);
            }
        });
        unknown
    }
}

/// How pairs are read whose halves go through two encoders: apart, as there is no other way.
fn of_two_encoders(problem: ProblemName, pairs: Option<Pairs>) -> Result<Pairs> {
    if pairs == Some(Pairs::Joint) {
        return Err(Error::OptionInvalid {
            option: "pairs",
            value: Pairs::Joint.name().to_owned(),
            reason: "the halves of these pairs go through two encoders; leave it out".into(),
        });
    }
    problem.check_pairs(Pairs::Apart)?;
    Ok(Pairs::Apart)
}

/// How the two texts of a pair are read where nothing is said.
fn default_pairs(problem: ProblemName, rows: &[Row]) -> Pairs {
    let is_pair = |row: &Row| row.input.is_pair();
    match problem.suits_apart() && rows.iter().all(is_pair) {
        true => Pairs::Apart,
        false => problem.pairs(),
    }
}

/// The text and the label of every row.
pub(super) fn labelled<'a>(
    place: &str,
    rows: &'a [Row],
    problem: ProblemName,
) -> Result<Vec<(&'a Input, &'a str)>> {
    let place = || place.to_owned();
    if rows.is_empty() {
        return Err(Error::RowsEmpty { place: place() });
    }
    let may_be_empty = problem.about().may_be_empty;
    let label = |row: &'a Row| {
        let label = row.label.as_deref().map(str::trim);
        let label = label.filter(|label| may_be_empty || !label.is_empty());
        label.map(|label| (&row.input, label))
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
