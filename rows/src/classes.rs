//! The classes of labels, and how many rows (of tags, how many spans) each has.

use serde::{Deserialize, Serialize};

use crate::labels::parts;
use crate::pool::Names;
use crate::problem::{LABEL_SEPARATOR, Problem};

/// A class, or a kind of span, and how many rows or spans it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCount {
    /// Its name.
    pub label: String,
    /// Rows of the class; of tags, spans of the kind.
    pub rows: usize,
}

/// Most classes that are listed.
pub(crate) const MOST_LISTED: usize = 10_000;

/// Counts of classes.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) names: Names,
    pub(crate) rows: Vec<u32>,
}

impl Counts {
    /// The classes of labels, of which there are so many each.
    pub(crate) fn of<'a>(labels: impl Iterator<Item = (&'a str, u32)>, problem: Problem) -> Self {
        let mut counts = Self::default();
        for (label, rows) in labels.filter(|(_, rows)| *rows > 0) {
            for_each_class(label, problem, |class| counts.add(class, rows));
        }
        counts
    }

    /// Whether this holds of any class of a label.
    pub(crate) fn any(label: &str, problem: Problem, holds: impl Fn(&str) -> bool) -> bool {
        let mut any = false;
        for_each_class(label, problem, |class| any = any || holds(class));
        any
    }

    fn add(&mut self, class: &str, rows: u32) {
        let number = self.names.number(class) as usize;
        if number == self.rows.len() {
            self.rows.push(0);
        }
        if let Some(count) = self.rows.get_mut(number) {
            *count += rows;
        }
    }

    /// The numbers of classes with rows, largest first.
    pub(crate) fn by_size(&self) -> Vec<u32> {
        let rows = |number: u32| self.rows[number as usize];
        let numbers = 0..u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let mut numbers: Vec<u32> = numbers.filter(|&number| rows(number) > 0).collect();
        numbers.sort_unstable_by(|&a, &b| {
            let size = rows(b).cmp(&rows(a));
            size.then_with(|| self.names.get(a).cmp(self.names.get(b)))
        });
        numbers
    }

    /// The largest classes.
    pub(crate) fn listed(&self, by_size: &[u32]) -> Vec<ClassCount> {
        let count = |&number: &u32| ClassCount {
            label: self.names.get(number).to_owned(),
            rows: self.rows[number as usize] as usize,
        };
        by_size.iter().take(MOST_LISTED).map(count).collect()
    }
}

/// Calls with each class of a label: of several labels each, of tags the kind of each span.
fn for_each_class(label: &str, problem: Problem, mut take: impl FnMut(&str)) {
    match problem {
        Problem::SingleLabel => take(label),
        Problem::MultiLabel => parts(label, LABEL_SEPARATOR).for_each(take),
        Problem::Regression => {}
        Problem::TokenClassification => {
            for tag in label.split(' ') {
                match tag.split_once('-') {
                    Some(("B", kind)) => take(kind),
                    Some(("I", _)) => {}
                    // tags of no spans, as of parts of speech
                    _ if tag != "O" && !tag.is_empty() => take(tag),
                    _ => {}
                }
            }
        }
    }
}

/// A label with each class replaced by what `rename` says.
pub(crate) fn renamed(
    label: &str,
    problem: Problem,
    rename: impl Fn(&str) -> Option<String>,
) -> String {
    let new = |class: &str| rename(class).unwrap_or_else(|| class.to_owned());
    match problem {
        Problem::SingleLabel => new(label),
        Problem::Regression => label.to_owned(),
        Problem::MultiLabel => {
            let mut names: Vec<String> = Vec::new();
            for name in parts(label, LABEL_SEPARATOR).map(new) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            names.join("|")
        }
        Problem::TokenClassification => {
            let tags = label.split(' ').map(|tag| match tag.split_once('-') {
                Some((prefix @ ("B" | "I"), kind)) => format!("{prefix}-{}", new(kind)),
                _ if tag == "O" => tag.to_owned(),
                _ => new(tag),
            });
            tags.collect::<Vec<_>>().join(" ")
        }
    }
}
