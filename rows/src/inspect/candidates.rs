//! The rows whose cells can be read.

use super::label::{flags, read_label};
use super::{Choice, Range};
use crate::classes::{Counts, renamed};
use crate::encoding::DAMAGED;
use crate::findings::{FindingKind, RowFindings};
use crate::labels::{self, Said, said};
use crate::merge::{self, Mergeable};
use crate::pool::{Names, Pool};
use crate::problem::{Form, Problem};
use crate::table::{Cell, Table};

/// Rows whose cells can be read.
#[derive(Default)]
pub(super) struct Candidates {
    pub(super) texts: Pool,
    pub(super) seconds: Pool,
    /// All labels that were seen, including those of rows that are left out.
    pub(super) labels: Names,
    pub(super) label_of: Vec<u32>,
    pub(super) numbers: Vec<u32>,
}

impl Candidates {
    pub(super) fn read(
        table: &Table,
        choice: &Choice,
        form: &Form,
        found: &mut RowFindings,
    ) -> Self {
        let columns = &choice.columns;
        let mut candidates = Self::default();
        candidates.texts.reserve(table.len());
        candidates.label_of.reserve_exact(table.len());
        candidates.numbers.reserve_exact(table.len());
        if columns.text2.is_some() {
            candidates.seconds.reserve(table.len());
        }
        let has_damage = table.has_damage();
        let none = Cell::Text("".into());
        let mut cursor = table.cursor();
        for row in 0..table.len() {
            let number = table.number(row);
            let cells = cursor.row(row);
            let cell = |column: usize| cells.get(column).unwrap_or(&none);
            let text = cell(columns.text);
            let correction = choice.corrections.get(&number);
            if correction.is_some_and(Option::is_none) {
                found.add(FindingKind::TakenOut, number);
                continue;
            }
            let corrected = correction.and_then(Option::as_ref);
            let corrected = corrected.map(|label| Cell::Text(label.as_str().into()));
            let flags = (columns.label.is_none() && corrected.is_none())
                .then(|| flags(table, choice, cells));
            let label_cell = corrected
                .as_ref()
                .or(columns.label.map(cell))
                .unwrap_or(&none);
            let read = match flags {
                Some(label) => label,
                None => read_label(label_cell, text, choice.problem, form),
            };
            let label_is_damaged = has_damage && label_cell.shown().contains(DAMAGED);
            let label = match &read {
                Ok(read) if !label_is_damaged => Some(candidates.labels.number(&read.label)),
                _ => None,
            };
            let shown = text.shown();
            let shown = Some(shown.trim()).filter(|text| !labels::is_missing(text));
            let shown = shown.unwrap_or_default();
            let second = columns.text2.map(|column| cell(column).shown());
            let second = second.as_ref().map(|second| second.trim());
            let is_damaged = |text: &str| has_damage && text.contains(DAMAGED);
            let is_object = |column: usize| is_object(cell(column));
            if label_is_damaged || is_damaged(shown) || second.is_some_and(is_damaged) {
                found.add(FindingKind::Damaged, number);
            } else if shown.is_empty() {
                found.add(FindingKind::TextMissing, number);
            } else if is_object(columns.text) || columns.text2.is_some_and(is_object) {
                found.add(FindingKind::TextObject, number);
            } else if second == Some("") {
                found.add(FindingKind::Text2Missing, number);
            } else {
                match read {
                    Err(kind) => found.add(kind, number),
                    Ok(read) => {
                        if read.label.is_empty() {
                            found.add(FindingKind::NoLabels, number);
                        }
                        if read.split {
                            found.add(FindingKind::WordSplit, number);
                        }
                        if read.overlap {
                            found.add(FindingKind::SpansOverlap, number);
                        }
                        candidates
                            .texts
                            .push(read.words.as_deref().unwrap_or(shown));
                        if let Some(second) = second {
                            candidates.seconds.push(second);
                        }
                        candidates.label_of.push(label.unwrap_or_default());
                        candidates.numbers.push(number);
                    }
                }
            }
        }
        candidates.shrink();
        candidates
    }
}

fn is_object(cell: &Cell<'_>) -> bool {
    let Cell::Value(value) = cell else {
        return false;
    };
    !matches!(said(cell), Said::List(_)) && value.plain().is_none()
}

impl Candidates {
    /// Frees the memory of rows that are left out.
    pub(super) fn shrink(&mut self) {
        self.texts.shrink();
        self.seconds.shrink();
        self.label_of.shrink_to_fit();
        self.numbers.shrink_to_fit();
    }

    /// How many rows each label has.
    pub(super) fn label_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.labels.len()];
        for &label in &self.label_of {
            if let Some(count) = counts.get_mut(label as usize) {
                *count += 1;
            }
        }
        counts
    }

    pub(super) fn range(&self) -> Option<Range> {
        let numbers = self
            .label_of
            .iter()
            .filter_map(|&label| self.labels.get(label).parse::<f64>().ok());
        numbers.fold(None, |range: Option<Range>, number| {
            let Range { least, most } = range.unwrap_or(Range {
                least: number,
                most: number,
            });
            Some(Range {
                least: least.min(number),
                most: most.max(number),
            })
        })
    }

    /// Gives each class one name. Whole numbers lose their decimal point. If merging is chosen, labels that differ only
    /// in case or spaces take the form that most rows use. Returns the labels that differ in this way.
    pub(super) fn rename(&mut self, choice: &Choice) -> Vec<Mergeable> {
        let problem = choice.problem;
        if matches!(problem, Problem::Regression | Problem::Ranking) {
            return Vec::new();
        }
        let counts = Counts::of(&self.labels, self.label_counts(), problem);
        let classes = matches!(problem, Problem::SingleLabel | Problem::MultiLabel);
        let numbers = classes
            && counts.names().any(|name| labels::whole(name).is_some())
            && counts
                .names()
                .all(|name| labels::number(name).is_none_or(|number| number.fract() == 0.0));
        if numbers {
            self.relabel(problem, |name| labels::whole(name).map(Into::into));
            return Vec::new();
        }
        let groups = merge::find(&counts);
        if choice.merge && !groups.is_empty() {
            let names = merge::names(&groups);
            self.relabel(problem, |name| names.get(name).map(|&name| name.to_owned()));
        }
        groups
    }

    fn relabel(&mut self, problem: Problem, rename: impl Fn(&str) -> Option<String>) {
        let mut labels = Names::default();
        let new: Vec<u32> = self
            .labels
            .iter()
            .map(|label| labels.number(&renamed(label, problem, &rename)))
            .collect();
        for label in &mut self.label_of {
            *label = new.get(*label as usize).copied().unwrap_or_default();
        }
        self.labels = labels;
    }
}
