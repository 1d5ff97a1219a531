use std::collections::{BTreeMap, HashMap};

use super::{Found, Skipped};
use crate::head::ProblemName;
use crate::text::Text;
use crate::train::{Reading, Row, Scheme};

/// Fewest rows of a class that can be learnt from and judged on.
const CLASS_ROWS: usize = 2;

impl Found {
    /// Leaves out what nothing can be learnt from: rows without a text or a label, repeated ones, those
    /// whose text stands elsewhere with another label, and classes with too few rows.
    pub fn clean(&mut self, reading: &Reading) {
        self.leave_out(|row, _| wanting(row, reading.problem));
        let mut seen: HashMap<Text, Seen> = HashMap::new();
        for (row, &line) in self.rows.iter().zip(&self.lines) {
            let label = row.label.clone().unwrap_or_default();
            let seen = seen.entry(row.text.clone()).or_insert(Seen {
                label: label.clone(),
                line,
                conflict: None,
            });
            if seen.label != label && seen.conflict.is_none() {
                seen.conflict = Some((label, line));
            }
        }
        self.leave_out(|row, line| {
            let seen = seen.get(&row.text)?;
            match &seen.conflict {
                Some((label, other)) => Some(format!(
                    "its text is labelled \"{}\" in line {} and \"{label}\" in line {other}",
                    seen.label, seen.line
                )),
                None if seen.line != line => Some(format!("it repeats line {}", seen.line)),
                None => None,
            }
        });
        if reading.problem == ProblemName::SingleLabel {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for label in self.rows.iter().filter_map(|row| row.label.clone()) {
                *counts.entry(label).or_default() += 1;
            }
            let is_class = |label: &String| Some(label) != reading.reject.as_ref();
            let small = |count: usize| count < CLASS_ROWS;
            // where most classes are as small, the labels are no classes: the trainer says so
            let classes = counts.len();
            let too_small = counts.values().filter(|&&count| small(count)).count();
            if 2 * too_small < classes {
                self.leave_out(|row, _| {
                    let label = row.label.as_ref().filter(|label| is_class(label))?;
                    small(counts[label]).then(|| format!("it is the only row of class \"{label}\""))
                });
            }
        }
    }

    /// Leaves out rows with labels that the rows to learn from do not have.
    pub fn keep_known(&mut self, scheme: &Scheme) {
        self.leave_out(|row, _| {
            let unknown = scheme.unknown(row.label.as_deref()?)?;
            Some(format!("no row to learn from is labelled \"{unknown}\""))
        });
    }

    /// Takes out every row for which there is a reason.
    fn leave_out(&mut self, reason: impl Fn(&Row, usize) -> Option<String>) {
        let rows = std::mem::take(&mut self.rows);
        let lines = std::mem::take(&mut self.lines);
        for (row, line) in rows.into_iter().zip(lines) {
            if let Some(reason) = reason(&row, line) {
                self.skipped.push(Skipped { line, reason });
            } else {
                self.rows.push(row);
                self.lines.push(line);
            }
        }
    }
}

/// The first row with a text.
struct Seen {
    label: String,
    line: usize,
    /// Another label that it has, and where.
    conflict: Option<(String, usize)>,
}

/// What a row lacks.
fn wanting(row: &Row, problem: ProblemName) -> Option<String> {
    let label = row.label.as_deref().map(str::trim);
    if row.text.is_empty() {
        return Some("it has no text".into());
    }
    match (problem, label) {
        // a text with any number of labels may have none
        (ProblemName::MultiLabel, Some("")) => None,
        (_, None | Some("")) => Some("it has no label".into()),
        (ProblemName::Regression, Some(label)) => {
            let number = label.parse().ok().filter(|number: &f32| number.is_finite());
            number
                .is_none()
                .then(|| format!("its label \"{label}\" is no number"))
        }
        _ => None,
    }
}
