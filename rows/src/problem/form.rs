//! How the labels of a column are written, guessed from a sample.

use super::counts::Counts;
use super::{LABEL_SEPARATOR, Problem, Proposal};
use crate::columns::{Columns, zero_or_one};
use crate::names;
use crate::table::Table;

/// Number of rows that a guess is based on.
const SAMPLE: usize = 2000;

/// How the labels of a column are written, from rows all over the file.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    /// What they seem to say.
    pub(crate) problem: Problem,
    /// The separator between the labels of one text.
    pub(crate) separator: char,
    /// Whether labels are lists whose words are not quoted.
    pub(crate) bare: bool,
    /// Length of the vectors of zeros and ones, if all lists are such.
    pub(crate) vector: Option<usize>,
    /// Whether tags are those of spans.
    pub(crate) span_tags: bool,
    /// The label that seems to stand for none of the others.
    pub(crate) reject: Option<String>,
}

impl Form {
    /// Looks at the labels of the columns.
    pub(crate) fn of(table: &Table, columns: &Columns) -> Self {
        if columns.label.is_none() && !columns.label_columns.is_empty() {
            return Self::of_columns(table, &columns.label_columns);
        }
        let mut counts = Counts {
            whole: true,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
            ..Counts::default()
        };
        let mut cursor = table.cursor();
        if let Some(label) = columns.label {
            for row in table.sample(SAMPLE) {
                let cells = cursor.row(row);
                let text = columns
                    .text2
                    .is_none()
                    .then(|| cells.get(columns.text))
                    .flatten();
                if let Some(cell) = cells.get(label) {
                    counts.add(cell, text);
                }
            }
        }
        let name = columns
            .label
            .and_then(|label| table.source().columns.get(label));
        let several = name.is_some_and(|name| names::says_several(name));
        let problem = if columns.text2.is_some()
            && counts.sides > 0
            && counts.sides + counts.ties == counts.filled
        {
            Problem::Ranking
        } else {
            counts.problem(several)
        };
        let vector = match counts.digits_length() {
            Some(length) => Some(length),
            None => counts.vector.flatten(),
        };
        Self {
            problem,
            separator: counts.separator(several),
            bare: counts.are_bare(),
            vector: vector.filter(|_| counts.lists + counts.digits == counts.filled),
            span_tags: counts.any_span || counts.fitting == 0,
            reject: counts
                .reject
                .take()
                .filter(|_| problem == Problem::SingleLabel),
        }
    }

    /// One column per label: multi-label, or single-label if every row has exactly one.
    fn of_columns(table: &Table, columns: &[usize]) -> Self {
        let mut cursor = table.cursor();
        let mut always_one = true;
        for row in table.sample(SAMPLE) {
            let cells = cursor.row(row);
            let of = |column: &usize| {
                cells
                    .get(*column)
                    .and_then(|cell| zero_or_one(&cell.shown()))
            };
            always_one &= columns.iter().filter_map(of).filter(|one| *one).count() == 1;
        }
        Self {
            problem: if always_one {
                Problem::SingleLabel
            } else {
                Problem::MultiLabel
            },
            separator: LABEL_SEPARATOR,
            bare: false,
            vector: None,
            span_tags: true,
            reject: None,
        }
    }

    /// Words with their tags.
    pub(crate) fn of_tags(span_tags: bool) -> Self {
        Self {
            problem: Problem::TokenClassification,
            separator: LABEL_SEPARATOR,
            bare: false,
            vector: None,
            span_tags,
            reject: None,
        }
    }

    /// The problem and the label that stands for none of the others.
    pub(crate) fn proposal(self) -> Proposal {
        Proposal {
            problem: self.problem,
            reject: self.reject,
        }
    }
}
